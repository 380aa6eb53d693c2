import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { projectRoot } from '../helpers/root.js'

const wireScript = join(projectRoot(), 'scripts/wire.py')
const wireProcess = new URL('../../scripts/wire-process.js', import.meta.url).href

const stands = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

await t.test('a terminal ends with the process that asked for it, also when that is killed', async (t) => {
  const path = join(t.testdir(), 'bus')
  const program = `
    const { startWires } = await import(${JSON.stringify(wireProcess)})
    await startWires({ wires: [{ link: ${JSON.stringify(path)}, connect: '127.0.0.1:1' }], baud: 9600, replyDelayMs: 1 })
    console.log('ready')`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(parent.stdout, 'data')
  t.ok(existsSync(path), 'the terminal stands')
  parent.kill('SIGKILL')
  for (let waited = 0; stands(path) && waited < 10_000; waited += 20) await pause(20)
  t.notOk(stands(path), 'and is gone')
})

await t.test('a terminal whose parent was gone before it began does not begin', async (t) => {
  const path = join(t.testdir(), 'bus')
  const child = spawn('python3', [wireScript, '--link', path, '--connect', '127.0.0.1:1', '--end-with-parent', '1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [status] = (await once(child, 'exit')) as [number | null]
  t.equal(status, 0)
  t.equal(child.stdout.read(), null, 'it never was ready')
  t.notOk(stands(path))
})
