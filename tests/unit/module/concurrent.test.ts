import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest } from '../../../src/ports/index.js'
import { moduleBench, readOf, wireOf, type ModuleBench } from '../../helpers/module-bench.js'
import { moduleFrame } from '../../helpers/scripted-module.js'
import { replyOf } from '../../helpers/test-protocol.js'

const ten = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]

/** Starts exchanges as the runner does: never more than the bus takes. */
function start(bench: ModuleBench, requests: readonly ExchangeRequest[]): Promise<readonly ExchangeOutcome[]> {
  const deadline = monotonicMs(bench.now() + 120_000)
  return Promise.all(requests.map((request) => bench.bus.exchange(request, deadline)))
}

await t.test('as many as the window holds are under way, each by F1F1 with a number of its own', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  t.match(bench.bus.capabilities, { concurrency: 5, medium: 'plc-broadband' })
  const outcomes = await bench.run(
    start(
      bench,
      ten.map((meter) => readOf(meter)),
    ),
  )
  t.strictSame(
    outcomes.map((outcome) => (outcome.kind === 'bus-down' ? outcome.code : outcome.kind)),
    [...Array<string>(5).fill('reply'), ...Array<string>(5).fill('busy')],
  )
  const sent = bench.module.of(0xf1, 1)
  t.equal(new Set(sent.map(({ sequence }) => sequence)).size, 5)
  t.strictSame(sent[0]?.data.slice(0, 4), [2, 0, 4, 0], 'protocol, reserved, length of two bytes')
  t.equal(sent[0]?.meter, wireOf(1))
  t.equal(bench.module.mostAtOnce, 5)
})

await t.test('an urgent exchange goes first, and never two with one meter', async (t) => {
  const bench = moduleBench({ meters: ten, choice: { window: 2 } })
  await bench.up()
  bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter === wireOf(1) ? { deny: 109 } : null)
  const refused = start(bench, [readOf(1), readOf(2)])
  await bench.time.runFor(500)
  t.equal(bench.bus.capabilities.concurrency, 1)
  bench.module.misbehave = () => null
  t.equal((await bench.run(refused)).filter(({ kind }) => kind === 'reply').length, 2)
  t.equal(bench.module.twiceOneMeter, 0)
})

await t.test('109: the window is halved, the exchange goes again, and the window grows back', async (t) => {
  const bench = moduleBench({ meters: ten, choice: { window: 10 }, module: { windowMax: 3 } })
  await bench.up()
  t.equal(bench.bus.capabilities.concurrency, 10)
  const outcomes = await bench.run(
    start(
      bench,
      ten.map((meter) => readOf(meter)),
    ),
  )
  t.ok(
    outcomes.every(({ kind }) => kind === 'reply'),
    'nobody notices',
  )
  t.ok(bench.module.mostAtOnce <= 3)
  const shrunk = bench.bus.capabilities.concurrency
  t.ok(shrunk <= 3)
  await bench.time.runFor(600_000 * (11 - shrunk))
  t.equal(bench.bus.capabilities.concurrency, 10)
})

/** Keeps the bus as full as it says it may be, for so many answers. */
async function readOn(bench: ModuleBench, answers: number): Promise<void> {
  const { bus, time } = bench
  let left = answers
  const reader = async (meter: number): Promise<void> => {
    while (left > 0) {
      const outcome = await bus.exchange(readOf(meter), monotonicMs(bench.now() + 120_000))
      // Whoever finds the bus full comes again.
      if (outcome.kind === 'bus-down') await new Promise<void>((resolve) => void time.after(50, resolve))
      else left--
    }
  }
  await bench.run(Promise.all(twelve.map(reader)))
}
const twelve = [...ten, 11, 12]

await t.test('a window that nobody chose grows while it is full and the module takes it', async (t) => {
  const bench = moduleBench({ meters: twelve, module: { windowMax: 20 } })
  await bench.up()
  t.equal(bench.bus.capabilities.concurrency, 5)
  await readOn(bench, 300)
  t.equal(bench.bus.capabilities.concurrency, 10)
  t.equal(bench.module.mostAtOnce, 10)
  t.equal(bench.module.twiceOneMeter, 0)
  const chosen = moduleBench({ meters: twelve, module: { windowMax: 20 }, choice: { window: 4 } })
  await chosen.up()
  await readOn(chosen, 300)
  t.equal(chosen.module.mostAtOnce, 4, 'the site has chosen')
  const idle = moduleBench({ meters: twelve })
  await idle.up()
  for (let round = 0; round < 60; round++) await idle.ask(readOf(1))
  t.equal(idle.bus.capabilities.concurrency, 5, 'one at a time needs no more')
})

await t.test('a grown window that is refused is the usual one again, until the module starts anew', async (t) => {
  const bench = moduleBench({ meters: twelve, module: { windowMax: 7 } })
  await bench.up()
  await readOn(bench, 400)
  t.equal(bench.bus.capabilities.concurrency, 5)
  t.equal(bench.module.mostAtOnce, 7)
  const refusals = bench.module.of(0xf1, 1).length
  await bench.time.runFor(3_600_000)
  await readOn(bench, 300)
  t.equal(bench.bus.capabilities.concurrency, 5)
  t.ok(bench.module.of(0xf1, 1).length - refusals <= 305, 'and is refused no more')
  bench.module.powerOn()
  await bench.up()
  await readOn(bench, 60)
  t.ok(bench.bus.capabilities.concurrency > 5)
})

await t.test('lesson 21: a read that brings nothing at all makes a grown window small again for ten minutes', async (t) => {
  const bench = moduleBench({ meters: twelve, module: { windowMax: 20 } })
  await bench.up()
  await readOn(bench, 300)
  t.equal(bench.bus.capabilities.concurrency, 10)
  let dropped = 1
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 && dropped-- > 0 ? 'silent' : null)
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
  t.equal(bench.bus.capabilities.concurrency, 5)
  await readOn(bench, 300)
  t.equal(bench.bus.capabilities.concurrency, 5)
  await bench.time.runFor(600_000)
  await readOn(bench, 300)
  t.equal(bench.bus.capabilities.concurrency, 10)
})

await t.test('111: put back for that meter, the others go on', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  let times = 0
  bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter === wireOf(1) && times++ === 0 ? { deny: 111 } : null)
  const outcomes = await bench.run(start(bench, [readOf(1), readOf(2), readOf(3)]))
  t.ok(outcomes.every(({ kind }) => kind === 'reply'))
  t.equal(bench.module.of(0xf1, 1).length, 4)
})

await t.test('9: the module is busy, it is left alone for a while; at the deadline the exchange ends unsent', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: 9 } : null)
  t.match(await bench.ask(readOf(1), 30_000), { kind: 'bus-down', code: 'module-busy', sent: false })
  t.ok(bench.module.of(0xf1, 1).length < 8, 'not asked without end')
})

await t.test('what the denials mean for an exchange', async (t) => {
  for (const [code, expected] of [
    [0, { kind: 'silent' }],
    [8, { kind: 'silent' }],
    [11, { kind: 'silent' }],
    [12, { kind: 'silent' }],
    [77, { kind: 'silent' }],
    [110, { kind: 'bus-down', code: 'too-many-frames', sent: false }],
    [3, { kind: 'bus-down', code: 'module-refused', sent: false }],
    [1, { kind: 'bus-down', code: 'module-refused', sent: false }],
  ] as const) {
    const bench = moduleBench({ meters: ten })
    await bench.up()
    t.match(await bench.ask(readOf(9)), { kind: 'reply' })
    bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: code } : null)
    t.match(await bench.ask(readOf(1)), expected, `code ${code}`)
    t.equal(bench.bus.network.snapshot().nodes[0]?.inNetwork, code === 12 ? false : null)
    t.equal(bench.module.of(0xf1, 1).length, code === 3 ? 3 : 2, 'a broken line is given a second try')
  }
})

await t.test('a module without concurrent reads is read one by one', async (t) => {
  const told = moduleBench({ meters: ten, module: { concurrent: false, led: 1 } })
  const { module } = told
  module.misbehave = ({ afn, fn, sequence }) => {
    const map = [0xf1, 2, ...Array<number>(31).fill(0)]
    return afn === 3 && fn === 11 ? { say: moduleFrame({ control: 0x83, sequence, afn: 3, fn: 11, data: map }) } : null
  }
  await told.up()
  t.equal(told.bus.capabilities.concurrency, 1)
  t.match(await told.ask(readOf(1)), { kind: 'reply' })
  t.equal(module.of(0xf1, 1).length, 0)
  const refuses = moduleBench({ meters: ten, module: { led: 1 } })
  refuses.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: 10 } : null)
  await refuses.up()
  t.match(await refuses.ask(readOf(1)), { kind: 'reply' }, 'the refused one goes the other way')
  t.equal(refuses.module.of(0x13, 1).length, 1)
  t.match(refuses.reports.at(-1), { kind: 'module-refused', what: 'concurrent-read' })
})

await t.test('data that are called invalid for one meter say nothing of concurrent reads; for several they do', async (t) => {
  const bench = moduleBench({ meters: ten, module: { led: 1 } })
  bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter === wireOf(1) ? { deny: 1 } : null)
  await bench.up()
  for (const time of ['first', 'second', 'third'])
    t.match(await bench.ask(readOf(1)), { code: 'module-refused', hindrance: 'not-carried' }, time)
  t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  t.equal(bench.module.of(0x13, 1).length, 0)
  const without = moduleBench({ meters: ten, module: { led: 1 } })
  without.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: 1 } : null)
  await without.up()
  for (const meter of [1, 2]) t.match(await without.ask(readOf(meter)), { code: 'module-refused', hindrance: 'not-carried' })
  t.match(await without.ask(readOf(3)), { kind: 'reply' }, 'by 13F1')
  t.match(without.reports.at(-1), { kind: 'module-refused', what: 'concurrent-read' })
})

await t.test('lesson 19: what is no reply to this request is garbled, nothing is silence, never a value', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  bench.module.meter = () => null
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' }, 'length 0')
  bench.module.meter = () => replyOf(1, 9, 0)
  t.match(await bench.ask(readOf(1)), { kind: 'garbled', bytes: replyOf(1, 9, 0) }, 'the answer to another question')
  bench.module.meter = () => Uint8Array.of(0x21, 0xfe, 0xfe, ...replyOf(1, 1, 7), 0x55)
  t.match(
    await bench.ask(readOf(1)),
    { kind: 'reply', frame: replyOf(1, 1, 7), noiseBytes: 4 },
    'wake-up bytes and a false start',
  )
  bench.module.misbehave = ({ afn, sequence }) =>
    afn === 0xf1 ? { say: moduleFrame({ control: 0x83, sequence, afn, fn: 1, data: [2, 200, 0, 1] }) } : null
  t.match(await bench.ask(readOf(1)), { kind: 'garbled' }, 'a length that is not there')
})

await t.test(
  'lessons 16, 17: a meter that never answers costs its own time and nobody else’s; its late answer settles nothing',
  async (t) => {
    const bench = moduleBench({ meters: ten })
    await bench.up()
    bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter === wireOf(1) ? { lateMs: 60_000 } : null)
    const dead = bench.bus.exchange(readOf(1), monotonicMs(bench.now() + 120_000))
    const startedAt = bench.now()
    for (let round = 0; round < 20; round++) {
      const outcomes = await bench.run(start(bench, [readOf(2), readOf(3), readOf(4), readOf(5)]))
      t.ok(outcomes.every(({ kind }) => kind === 'reply'))
    }
    t.ok(bench.now() - startedAt < 40_000, 'the others do not wait')
    t.strictSame(await bench.run(dead), { kind: 'silent' })
    t.equal(Math.round((bench.now() - startedAt) / 1_000), 45, 'what the module told, and a margin')
    bench.module.misbehave = () => null
    await bench.time.runFor(30_000)
    t.equal(bench.bus.trace().at(-1)?.note.includes('late'), true)
    t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  },
)

await t.test('an answer that comes twice settles once, also when the meter is asked anew', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  let value = 0
  bench.module.meter = (_, frame) => replyOf(frame[1] ?? 0, frame[2] ?? 0, value++)
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? 'twice' : null)
  for (const _ of ten) {
    const outcome = await bench.ask(readOf(1))
    t.equal(outcome.kind, 'reply')
  }
  t.equal(bench.bus.network.snapshot().nodes[0]?.replied, 10)
})

await t.test('a write whose answer is lost ends as silence, and is not sent again', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? 'silent' : null)
  const write = readOf(1, 0xf0, { isWrite: true, traced: Uint8Array.of(0xab), isUrgent: true })
  t.strictSame(await bench.ask(write), { kind: 'silent' })
  t.equal(bench.module.of(0xf1, 1).length, 1)
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: 111 } : null)
  t.match(await bench.ask(write), { kind: 'bus-down', code: 'meter-busy', sent: true }, 'perhaps the module has it twice')
  t.equal(bench.module.of(0xf1, 1).length, 2)
})

await t.test('a deadline before the module is done: the meter is not asked again while the module has the request', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? { lateMs: 20_000 } : null)
  t.strictSame(await bench.ask(readOf(1), 5_000), { kind: 'silent' })
  bench.module.misbehave = () => null
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  t.equal(bench.module.twiceOneMeter, 0)
})

await t.test('frames that do not fit the module are refused unsent', async (t) => {
  const bench = moduleBench({ meters: ten, module: { frameBytesMax: 80 } })
  await bench.up()
  t.match(await bench.ask(readOf(1, 1, { bytes: new Uint8Array(60) })), { kind: 'bus-down', code: 'too-long', sent: false })
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a time set at one meter has no answer: it is sent once', async (t) => {
  const bench = moduleBench({ meters: ten })
  await bench.up()
  bench.module.meter = () => null
  t.strictSame(await bench.ask(readOf(1, 1, { reply: 'none' })), { kind: 'sent' })
  t.equal(bench.module.of(0xf1, 1).length, 1)
})

await t.test('signal strength and phase of the answers are kept, and nodes are judged', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  await bench.up()
  bench.module.meter = (meter, frame) => (meter === wireOf(1) ? replyOf(frame[1] ?? 0, frame[2] ?? 0, 1) : null)
  for (let round = 0; round < 5; round++) for (const meter of [1, 2]) await bench.ask(readOf(meter))
  const [good, dead, unasked] = bench.bus.network.snapshot().nodes
  t.match(good, { verdict: 'good', quality: 7, asked: 5, replied: 5, inNetwork: true })
  t.match(dead, { verdict: 'unknown', asked: 5, replied: 0 })
  t.match(unasked, { verdict: 'unknown', asked: 0 })
  bench.module.meter = () => null
  for (let round = 0; round < 5; round++) await bench.ask(readOf(1))
  t.equal(bench.bus.network.snapshot().nodes[0]?.verdict, 'slow')
})

await t.test('lesson 18: the late answer to an earlier request is never taken for the answer to a later one', async (t) => {
  for (const medium of [1, 2] as const) {
    const bench = moduleBench({ meters: [1], module: { medium, led: 1 } })
    await bench.up()
    let value = 1
    bench.module.meter = (_, frame) => replyOf(frame[1] ?? 0, frame[2] ?? 0, value++)
    let delays = [50_000, 20_000]
    bench.module.misbehave = ({ afn }) => {
      if (afn !== 0xf1 && afn !== 0x13) return null
      const [lateMs = 40, ...rest] = delays
      delays = rest
      return { lateMs }
    }
    t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
    t.match(
      await bench.ask(readOf(1)),
      { kind: 'reply', frame: replyOf(1, 1, 2) },
      'not the first value, which came while it was waited for',
    )
  }
})
