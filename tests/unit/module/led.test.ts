import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import type { ExchangeOutcome } from '../../../src/ports/index.js'
import { moduleBench, readOf, wireOf, type ModuleBench } from '../../helpers/module-bench.js'
import { addressBytes } from '../../helpers/scripted-module.js'
import { replyOf, testAddress } from '../../helpers/test-protocol.js'

const led = (more: Parameters<typeof moduleBench>[0] = {}): ModuleBench =>
  moduleBench({ meters: [1, 2, 3], module: { medium: 1, led: 2 }, ...more })

const begin = (bench: ModuleBench, ...requests: ReturnType<typeof readOf>[]): Promise<ExchangeOutcome>[] =>
  requests.map((request) => bench.bus.exchange(request, monotonicMs(bench.now() + 1_800_000)))

await t.test('the module asks for each meter and is given what waits for it', async (t) => {
  const bench = led()
  await bench.up()
  t.equal(bench.bus.capabilities.concurrency, 3 + 16, 'one for each node, and room for what is urgent')
  const outcomes = await bench.run(Promise.all(begin(bench, readOf(3), readOf(1), readOf(2))))
  t.ok(outcomes.every(({ kind }) => kind === 'reply'))
  t.equal(bench.module.of(0x13, 1).length + bench.module.of(0xf1, 1).length, 0)
  const frames = bench.module.of(0x14, 1)
  t.strictSame(
    frames.slice(0, 1).map(({ data, meter }) => [data.slice(0, 3), meter]),
    [[[2, 0, 4], wireOf(1)]],
  )
  t.equal(bench.module.of(0, 1).length >= 3, true, 'each report is confirmed')
})

await t.test('one meter’s further reads follow at once; with nothing left the module goes on', async (t) => {
  const bench = led({ meters: [1, 2] })
  await bench.up()
  await bench.time.runFor(5_000)
  const asked = async (): Promise<void> => {
    for (const register of [1, 2, 3]) {
      const [exchange] = begin(bench, readOf(1, register))
      t.match(await exchange, { kind: 'reply' })
    }
  }
  await bench.run(asked())
  await bench.time.runFor(1_000)
  const flags = bench.module.of(0x14, 1).filter(({ meter }) => meter === wireOf(1))
  t.strictSame(
    flags.slice(-4).map(({ data }) => data[0]),
    [2, 2, 2, 1],
  )
})

await t.test('nodes that nobody knows, and meters without work, are passed over', async (t) => {
  const bench = led()
  await bench.up()
  await bench.time.runFor(5_000)
  const sequence = bench.module.say(0x14, 1, [0, ...addressBytes('77'), 1, 0])
  t.match(bench.module.requests.at(-1), { sequence, afn: 0x14, data: [1, 0, 0, 0] })
})

await t.test('a meter that does not answer: the module goes on, the exchange ends silent', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.meter = (meter, frame) => (meter === wireOf(1) ? null : replyOf(frame[1] ?? 0, frame[2] ?? 0, 1))
  const [dead, alive] = begin(bench, readOf(1), readOf(2))
  t.match(await bench.run(alive ?? Promise.reject(new Error('none'))), { kind: 'reply' })
  t.strictSame(await bench.run(dead ?? Promise.reject(new Error('none'))), { kind: 'silent' })
  t.ok(bench.module.of(0x14, 1).filter(({ data }) => data[0] === 2).length >= 2)
})

await t.test('asked again for the same meter: a read is given three times, a write once', async (t) => {
  const bench = led()
  await bench.up()
  const [read, write] = begin(bench, readOf(1), readOf(2, 0xf0, { isWrite: true, traced: Uint8Array.of(1) }))
  bench.module.misbehave = () => 'silent'
  const flagOf = (meter: number): number | undefined => {
    bench.module.say(0x14, 1, [0, ...addressBytes(String(meter)), meter, 0])
    return bench.module.requests.at(-1)?.data[0]
  }
  t.strictSame([flagOf(1), flagOf(1), flagOf(1), flagOf(1)], [2, 2, 2, 1])
  t.strictSame([flagOf(2), flagOf(2)], [2, 1])
  t.strictSame(await read, { kind: 'silent' })
  t.strictSame(await write, { kind: 'silent' })
})

await t.test('reports that come twice, late, for nobody, or under another node number', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.routing = 'paused'
  const unsolicited: (string | null)[] = []
  bench.bus.onUnsolicited((from) => unsolicited.push(from))
  const [first, second] = begin(bench, readOf(1), readOf(2))
  bench.module.say(0x14, 1, [0, ...addressBytes('1'), 1, 0])
  bench.module.say(0x14, 1, [0, ...addressBytes('2'), 2, 0])
  const reply = replyOf(2, 1, 9)
  const sequence = bench.module.say(0x06, 2, [99, 0, 2, 1, 0, reply.length, ...reply])
  t.match(await second, { kind: 'reply', frame: reply }, 'the frame itself tells')
  bench.module.say(0x06, 2, [99, 0, 2, 1, 0, reply.length, ...reply], sequence)
  t.equal(bench.module.of(0, 1).filter((request) => request.sequence === sequence).length, 2, 'confirmed again')
  t.strictSame(unsolicited, [])
  bench.module.say(0x06, 2, [1, 0, 2, 1, 0, 2, 0x55, 0x55])
  t.match(await first, { kind: 'garbled' })
  bench.module.say(0x06, 2, [1, 0, 2, 1, 0, reply.length, ...reply])
  t.strictSame(unsolicited, [null], 'nobody waits for it')
})

await t.test('length 0 in a report is silence', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.routing = 'paused'
  const [read] = begin(bench, readOf(1))
  bench.module.say(0x14, 1, [0, ...addressBytes('1'), 1, 0])
  bench.module.say(0x06, 2, [1, 0, 2, 1, 0, 0])
  t.strictSame(await read, { kind: 'silent' })
})

await t.test('what cannot wait pauses the module, goes by 13F1, and the module resumes', async (t) => {
  const bench = led({ module: { medium: 1, led: 2, readMs: 4_000 } })
  await bench.up()
  const slow = begin(bench, readOf(1), readOf(2), readOf(3))
  await bench.time.runFor(3_000)
  const startedAt = bench.now()
  t.match(await bench.ask(readOf(3, 9, { isUrgent: true })), { kind: 'reply' })
  t.ok(bench.now() - startedAt < 12_000, 'the read under way is let end, no more')
  t.equal(bench.module.of(0x13, 1).length, 1)
  t.equal(bench.module.of(0x12, 2).length, 2)
  t.ok((await bench.run(Promise.all(slow))).every(({ kind }) => kind === 'reply'))
  t.equal(bench.module.of(0x12, 3).length, 1, 'it goes on where it stood')
})

await t.test('what waits for a meter is handed back for something urgent', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.routing = 'paused'
  const [waiting] = begin(bench, readOf(2))
  bench.bus.network.recall(testAddress(2))
  t.strictSame(await waiting, { kind: 'bus-down', code: 'recalled', sent: false })
  bench.bus.network.recall(testAddress(2))
})

await t.test('a round is over: the next one begins when something waits; without questions it is begun anew', async (t) => {
  const bench = led()
  await bench.up()
  await bench.time.runFor(120_000)
  t.equal(bench.module.of(0x12, 1).length, 1, 'nothing waits: no further round')
  const [read] = begin(bench, readOf(2))
  t.match(await bench.run(read ?? Promise.reject(new Error('none'))), { kind: 'reply' })
  t.equal(bench.module.of(0x12, 1).length, 2)
  await bench.time.runFor(60_000)
  bench.module.routing = 'paused'
  bench.module.misbehave = ({ afn, fn, at }) => (afn === 0x12 && fn === 1 && at < 0 ? 'silent' : null)
  const [later] = begin(bench, readOf(2))
  t.match(await bench.run(later ?? Promise.reject(new Error('none'))), { kind: 'reply' })
})

await t.test('nobody asks for ten minutes: the reading is started again', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0x12 ? { lateMs: 100 } : null)
  await bench.time.runFor(1_000)
  bench.module.routing = 'paused'
  const before = bench.module.of(0x12, 1).length
  const [read] = begin(bench, readOf(2))
  await bench.time.runFor(590_000)
  t.ok(bench.module.of(0x12, 1).length <= before + 1)
  t.match(await bench.run(read ?? Promise.reject(new Error('none'))), { kind: 'reply' })
})

await t.test('a meter for which the module does not ask in a whole round is not in its network', async (t) => {
  const bench = led()
  await bench.up()
  await bench.time.runFor(5_000)
  bench.module.routing = 'paused'
  bench.module.misbehave = ({ afn }) => (afn === 0x12 ? { lateMs: 100 } : null)
  const [read, write] = begin(bench, readOf(1), readOf(2, 0xf0, { traced: Uint8Array.of(1) }))
  const endRound = (): void => void bench.module.say(0x06, 3, [1])
  endRound()
  t.equal(bench.bus.network.snapshot().nodes[0]?.inNetwork, null, 'it may have come in the middle of the round')
  const [late] = begin(bench, readOf(3))
  endRound()
  t.strictSame(await read, { kind: 'silent' })
  t.strictSame(await write, { kind: 'bus-down', code: 'not-in-network', sent: false, hindrance: 'not-joined' }, 'it never left')
  t.strictSame(
    bench.bus.network.snapshot().nodes.map(({ inNetwork }) => inNetwork),
    [false, false, null],
  )
  bench.module.routing = 'running'
  bench.module.misbehave = () => null
  t.match(await bench.run(late ?? Promise.reject(new Error('none'))), { kind: 'reply' })
})

await t.test('an exchange that is never asked for ends unsent', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.misbehave = ({ afn, fn }) => (afn === 0x12 && fn !== 2 ? { deny: 9 } : null)
  bench.module.routing = 'paused'
  t.match(await bench.ask(readOf(1), 30_000), { kind: 'bus-down', code: 'module-held', sent: false })
})

await t.test(
  'a delay-dependent frame that the module asks to correct goes as it was; one that is not ours is dropped',
  async (t) => {
    const bench = led()
    await bench.up()
    bench.module.routing = 'paused'
    const request = readOf(1)
    const [read] = begin(bench, request)
    bench.module.say(0x14, 1, [0, ...addressBytes('1'), 1, 0])
    bench.module.say(0x14, 3, [...addressBytes('1'), 5, 0, request.bytes.length, ...request.bytes])
    t.match(bench.module.requests.at(-1), { afn: 0x14, fn: 3, data: [request.bytes.length, ...request.bytes] })
    bench.module.say(0x14, 3, [...addressBytes('1'), 5, 0, 1, 0x55])
    t.match(bench.module.requests.at(-1), { afn: 0x14, fn: 3, data: [0] })
    bench.module.say(0x06, 2, [1, 0, 2, 1, 0, 5, ...replyOf(1, 1, 1)])
    t.match(await read, { kind: 'reply' })
  },
)

await t.test('the module asks the time: local time, or busy where the clock is not trusted', async (t) => {
  const bench = led()
  await bench.up()
  bench.module.say(0x14, 2, [])
  t.match(bench.module.requests.at(-1), {
    afn: 0x14,
    fn: 2,
    data: [...(bench.module.requests.at(-1)?.data.slice(0, 2) ?? []), 8, 1, 5, 0x26],
  })
  bench.time.setTrusted(false)
  bench.module.say(0x14, 2, [])
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 2, data: [9] })
  bench.module.say(0x14, 4, [1])
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 2, data: [4] })
})

await t.test('a module that says either, and never asks for a meter, is read by forwarding until it starts anew', async (t) => {
  const bench = led({ module: { medium: 1, led: 3 } })
  bench.module.asksNobody = true
  await bench.up()
  const reads = begin(bench, readOf(1), readOf(2), readOf(3))
  t.ok((await bench.run(Promise.all(reads))).every(({ kind }) => kind === 'reply'))
  t.ok(bench.now() < 1_300_000, `read after ${Math.round(bench.now() / 1000)} s`)
  t.equal(bench.module.of(0x12, 1).length, 2)
  t.equal(bench.module.of(0x12, 2).length, 2, 'it is paused before it is forwarded to')
  const { trouble } = bench.bus.network.snapshot()
  t.match(trouble, /never asked for a meter: its meters are read one by one/)
  t.match(bench.reports.at(-1), { kind: 'module-refused', what: 'module-led', error: { code: 'never-asks', message: trouble } })
  t.equal(bench.bus.capabilities.concurrency, 1)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  bench.module.asksNobody = false
  bench.module.powerOn()
  await bench.up()
  t.equal(bench.bus.network.snapshot().trouble, '')
  t.match(await bench.ask(readOf(1), 600_000), { kind: 'reply' })
  t.ok(bench.module.of(0x14, 1).length > 0, 'it leads again')
})

await t.test('urgent exchanges in between do not keep a module that never asks in its lead', async (t) => {
  const bench = led({ module: { medium: 1, led: 3 } })
  bench.module.asksNobody = true
  await bench.up()
  const [read] = begin(bench, readOf(1))
  for (let minutes = 0; minutes < 24; minutes += 4) {
    t.match(await bench.ask(readOf(2, 1, { isUrgent: true })), { kind: 'reply' })
    await bench.time.runFor(240_000)
  }
  t.match(await read, { kind: 'reply' })
  t.equal(bench.module.of(0x12, 3).length, 0, 'never resumed: it has not begun')
})

await t.test(
  'a module that refuses to lead for good is read by forwarding at once; one that the site wants to lead is told',
  async (t) => {
    const bench = led({ module: { medium: 1, led: 3 } })
    bench.module.misbehave = ({ afn, fn }) => (afn === 0x12 && fn === 1 ? { deny: 4 } : null)
    await bench.up()
    const [read] = begin(bench, readOf(1))
    t.match(await bench.run(read ?? Promise.reject(new Error('none'))), { kind: 'reply' })
    t.match(bench.bus.network.snapshot().trouble, /cannot begin/)
    const wanted = led({ module: { medium: 1, led: 3 }, choice: { reading: 'module-led' } })
    wanted.module.asksNobody = true
    await wanted.up()
    const [never] = begin(wanted, readOf(1))
    t.match(await wanted.run(never ?? Promise.reject(new Error('none'))), {
      kind: 'bus-down',
      code: 'module-held',
      hindrance: 'later',
    })
    t.match(wanted.bus.network.snapshot().trouble, /its meters are not read/)
  },
)

await t.test('a late report of another node is not the answer of the one that is being read', async (t) => {
  const bench = led()
  bench.module.asksNobody = true
  await bench.up()
  const unsolicited: (string | null)[] = []
  bench.bus.onUnsolicited((from) => unsolicited.push(from))
  const report = (nodeNumber: number, payload: readonly number[]): void =>
    void bench.module.say(0x06, 2, [nodeNumber, 0, 2, 1, 0, payload.length, ...payload])
  const ask = (meter: number): void => void bench.module.say(0x14, 1, [0, ...addressBytes(String(meter)), meter, 0])
  const late = bench.bus.exchange(readOf(1), monotonicMs(bench.now() + 10_000))
  ask(1)
  await bench.time.runFor(11_000)
  t.strictSame(await late, { kind: 'silent' })
  const [read] = begin(bench, readOf(2))
  ask(2)
  report(1, [...replyOf(1, 1, 9)])
  t.strictSame(unsolicited, ['1'], 'its number is known')
  const of645 = (meter: number): readonly number[] => [
    0xfe,
    0xfe,
    0x68,
    ...addressBytes(String(meter)),
    0x68,
    0x91,
    0x00,
    0x2a,
    0x16,
  ]
  report(77, of645(3))
  report(2, of645(3))
  t.strictSame(unsolicited, ['1', '3', '3'], 'its frame says so, whatever its number is')
  const of698 = [0x68, 0x10, 0x00, 0xc3, 0x05, ...addressBytes('3'), 0x00, 0x12, 0x34]
  report(78, of698)
  report(79, [0x68, ...addressBytes('5'), 0x68, 0x91])
  t.strictSame(unsolicited, ['1', '3', '3', '3', null])
  report(80, [...replyOf(2, 1, 42)])
  t.match(await read, { kind: 'reply' })
  const [noisy] = begin(bench, readOf(2))
  ask(2)
  report(2, of645(2))
  t.match(await noisy, { kind: 'garbled' }, 'its own, and no answer to this request')
})
