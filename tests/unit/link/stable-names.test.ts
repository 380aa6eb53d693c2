import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { stableNameOf } from '../../../drivers/link/index.js'

await t.test('the name by socket comes before the name by adapter', async (t) => {
  const folder = t.testdir({})
  for (const device of ['ttyUSB0', 'ttyUSB1', 'ttyS0']) writeFileSync(join(folder, device), '')
  for (const kind of ['by-path', 'by-id']) mkdirSync(join(folder, 'serial', kind), { recursive: true })
  symlinkSync('../../ttyUSB0', join(folder, 'serial/by-path/usb-0:1'))
  symlinkSync('../../gone', join(folder, 'serial/by-path/usb-0:2'))
  symlinkSync('../../ttyUSB0', join(folder, 'serial/by-id/adapter-a'))
  symlinkSync('../../ttyUSB1', join(folder, 'serial/by-id/adapter-b'))
  const of = (name: string): string | null => stableNameOf(join(folder, name), join(folder, 'serial'))
  t.equal(of('ttyUSB0'), join(folder, 'serial/by-path/usb-0:1'))
  t.equal(of('ttyUSB1'), join(folder, 'serial/by-id/adapter-b'))
  t.equal(of('serial/by-id/adapter-a'), join(folder, 'serial/by-id/adapter-a'))
  t.equal(of('ttyS0'), null)
  t.equal(of('missing'), null)
  t.equal(stableNameOf(join(folder, 'ttyS0'), join(folder, 'no-udev')), null)
})
