import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import { moduleBench, readOf, wireOf, type ModuleBench } from '../../helpers/module-bench.js'

const forward = (more: Parameters<typeof moduleBench>[0] = {}): ModuleBench =>
  moduleBench({ meters: [1, 2, 3], module: { medium: 1, led: 1 }, ...more })

await t.test('one at a time by 13F1, with quiet in between', async (t) => {
  const bench = forward()
  await bench.up()
  t.match(bench.bus.capabilities, { concurrency: 1, broadcast: true, routing: true, medium: 'plc-narrowband' })
  for (const meter of [1, 2, 3]) t.match(await bench.ask(readOf(meter)), { kind: 'reply' })
  const sent = bench.module.of(0x13, 1)
  t.equal(sent.length, 3)
  t.equal(sent[0]?.mode, 1, 'in the mode of the module')
  t.strictSame(sent[0]?.data.slice(0, 4), [2, 0, 0, 4], 'protocol, no delay, no sub-nodes, length of one byte')
  for (const [index, { at }] of sent.entries()) if (index > 0) t.ok(at - (sent[index - 1]?.at ?? 0) >= 800 + 500)
})

await t.test('length 0 is silence; an answer by nobody ends with the time that the module told', async (t) => {
  const bench = forward()
  await bench.up()
  bench.module.meter = () => null
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
  bench.module.misbehave = ({ afn }) => (afn === 0x13 ? 'silent' : null)
  const startedAt = bench.now()
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
  t.equal(Math.floor((bench.now() - startedAt) / 1_000), 45)
  bench.module.misbehave = () => null
  bench.module.meter = (_, frame) => frame
  t.match(await bench.ask(readOf(1)), { kind: 'garbled' })
  t.ok(bench.bus.isUp(), 'the module itself answers')
})

await t.test('a deadline before the module is done: nothing else is forwarded until it is', async (t) => {
  const bench = forward()
  await bench.up()
  bench.module.misbehave = ({ afn, meter }) => (afn === 0x13 && meter === wireOf(1) ? { lateMs: 20_000 } : null)
  const startedAt = bench.now()
  t.strictSame(await bench.ask(readOf(1), 5_000), { kind: 'silent' })
  t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  t.ok(bench.now() - startedAt > 20_000)
  t.equal(bench.module.mostAtOnce, 1)
})

await t.test('looking at the network takes turns with reading', async (t) => {
  const bench = forward({ meters: Array.from({ length: 60 }, (_, index) => index + 1), settings: { surveyWaitMs: 0 } })
  await bench.up()
  const lists = (): number => bench.module.of(0x10, 2).length
  const before = lists()
  await bench.time.runFor(9_500)
  for (let meter = 1; meter <= 12; meter++) t.match(await bench.ask(readOf(meter)), { kind: 'reply' })
  t.ok(lists() - before >= 4, 'the lists were read meanwhile')
  const log = bench.module.requests.map(({ afn }) => afn)
  const last = log.slice(log.indexOf(0x13)).filter((afn) => afn === 0x13 || afn === 0x10)
  t.notOk(last.slice(0, 10).join(',').includes('16,16,16'), 'not all pages at once')
})

await t.test('a module that leads reading is still read one by one where the site wants it', async (t) => {
  const bench = moduleBench({ meters: [1], module: { medium: 1, led: 3 }, choice: { reading: 'forward' } })
  await bench.up()
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  t.equal(bench.module.of(0x12, 1).length, 0)
})

await t.test('13F1 refused for good is told; the exchange was not sent', async (t) => {
  const bench = forward()
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0x13 ? { deny: 10 } : null)
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'module-refused', sent: false })
  t.match(bench.reports.at(-1), { kind: 'module-refused', what: 'monitor' })
})

await t.test('frames longer than one length byte can say are refused unsent', async (t) => {
  const bench = forward({ module: { medium: 1, led: 1, frameBytesMax: 0xffff } })
  await bench.up()
  t.match(await bench.ask(readOf(1, 1, { bytes: new Uint8Array(256) })), { kind: 'bus-down', code: 'too-long', sent: false })
})

await t.test('an exchange whose time is over before it could leave was not sent', async (t) => {
  const bench = forward()
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0x13 ? { lateMs: 30_000 } : null)
  const first = bench.bus.exchange(readOf(1), monotonicMs(bench.now() + 2_000))
  t.strictSame(await bench.run(first), { kind: 'silent' })
  t.match(await bench.ask(readOf(2), 3_000), { kind: 'bus-down', code: 'module-held', sent: false })
})
