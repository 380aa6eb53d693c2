import t from 'tap'
import { checkPlcOptions } from '../../../drivers/plc/index.js'
import { readingWay } from '../../../drivers/module/known-module.js'
import { Sequences } from '../../../drivers/module/sequences.js'
import { monotonicMs } from '../../../src/model/index.js'

await t.test('no options: what the module can do best, its own address, reports allowed', (t) => {
  t.strictSame(checkPlcOptions({}), { ok: true, value: { reading: 'auto', window: null, mainNode: null, reports: true } })
  const chosen = { reading: 'module-led', window: 8, mainNode: '000000000042', reports: false }
  t.strictSame(checkPlcOptions(chosen), { ok: true, value: chosen })
  t.end()
})

await t.test('all that is wrong is told at once, each with its place', (t) => {
  const checked = checkPlcOptions({ reading: 'fast', window: 21, mainNode: '999999999999', reports: 1, speed: 9600 })
  t.notOk(checked.ok)
  t.strictSame(checked.ok ? [] : checked.error.map(({ code, at }) => [code, at]), [
    ['unknown-key', 'options.speed'],
    ['bad-value', 'options.reading'],
    ['bad-value', 'options.window'],
    ['bad-value', 'options.mainNode'],
    ['bad-value', 'options.reports'],
  ])
  for (const window of [0, 1.5, '5']) t.notOk(checkPlcOptions({ window }).ok)
  for (const mainNode of ['12', '000000000000', 'ABCDEF123456', 12]) t.notOk(checkPlcOptions({ mainNode }).ok)
  t.end()
})

await t.test('the way of reading: what the site chose, or the best that the module can', (t) => {
  const choice = { reading: 'auto', window: null, mainNode: null, reports: true } as const
  const profile = {
    name: 'any',
    ways: ['concurrent', 'module-led', 'forward'],
    gapMs: 0,
    readMs: { min: 1, max: 2 },
    slowReplyMs: 1,
    lists: [],
    knows698: true,
  } as const
  const module = (led: 'concentrator' | 'module' | 'either') =>
    ({
      vendor: 'TC',
      chip: '01',
      version: '1',
      medium: 'broadband',
      led,
      mainNode: '000000000001' as never,
      nodesMax: 1,
      frameBytesMax: 1,
    }) as const
  t.equal(readingWay(choice, profile, module('either'), null), 'concurrent')
  t.equal(readingWay(choice, profile, module('either'), false), 'module-led')
  t.equal(readingWay(choice, profile, module('concentrator'), false), 'forward')
  t.equal(readingWay({ ...choice, reading: 'forward' }, profile, module('either'), true), 'forward')
  t.equal(readingWay({ ...choice, reading: 'concurrent' }, profile, module('either'), null), 'concurrent')
  t.equal(readingWay({ ...choice, reading: 'concurrent' }, profile, module('concentrator'), false), 'forward')
  t.equal(readingWay(choice, { ...profile, ways: [] }, module('either'), true), 'forward')
  t.end()
})

await t.test('sequence numbers: none in use, none whose answer may still come', (t) => {
  const sequences = new Sequences(1_000)
  const at = (ms: number) => monotonicMs(ms)
  const taken = Array.from({ length: 200 }, () => sequences.take(at(0)))
  t.equal(new Set(taken).size, 200)
  for (const number of taken.slice(0, 100)) sequences.release(number, false, at(0))
  t.ok(sequences.isResting(taken[0] ?? -1))
  const more = Array.from({ length: 56 }, () => sequences.take(at(10)))
  t.equal(new Set([...taken, ...more]).size, 256)
  t.equal(sequences.take(at(20)), taken[0], 'all rest: the one that has rested longest')
  t.notOk(taken.slice(100).includes(sequences.take(at(2_000))))
  t.end()
})
