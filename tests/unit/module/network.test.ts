import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import { broadcastOf, moduleBench, readOf } from '../../helpers/module-bench.js'
import { addressBytes } from '../../helpers/scripted-module.js'

const node = (meter: string, protocol = 2): readonly number[] => [...addressBytes(meter), protocol, 1, 0]

await t.test('a broadcast goes once by 05F3, and the module is left alone as long as it says', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  const startedAt = bench.now()
  t.strictSame(await bench.ask(broadcastOf()), { kind: 'sent' })
  t.ok(bench.now() - startedAt >= 4_000)
  t.strictSame(
    bench.module.of(5, 3).map(({ data }) => data),
    [[2, 4, 0x3f, 0, 1, 0x0d]],
    'as DL/T 645-2007, which all nodes speak',
  )
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a quiet time longer than the exchange may last is kept all the same', async (t) => {
  const bench = moduleBench({ meters: [1], module: { broadcastWaitS: 20 } })
  await bench.up()
  const startedAt = bench.now()
  t.strictSame(await bench.ask(broadcastOf(), 8_000), { kind: 'sent' })
  t.ok(bench.now() - startedAt <= 8_000)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  t.ok((bench.module.of(0xf1, 1)[0]?.at ?? 0) - startedAt >= 20_000)
})

await t.test('a quiet time is capped', async (t) => {
  const bench = moduleBench({ meters: [1], module: { broadcastWaitS: 60_000 } })
  await bench.up()
  const startedAt = bench.now()
  t.strictSame(await bench.ask(broadcastOf(), 400_000), { kind: 'sent' })
  t.equal(Math.round((bench.now() - startedAt) / 1_000), 180)
})

await t.test('a broadcast is never sent twice: refused, unanswered, or with another protocol', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  bench.setMeters([1, 2], 'dlt698-45')
  await bench.time.runFor(60_000)
  bench.module.misbehave = ({ afn, fn }) => (afn === 5 && fn === 3 ? { deny: 10 } : null)
  t.match(await bench.ask(broadcastOf()), { kind: 'bus-down', code: 'module-refused', sent: false })
  t.equal(bench.module.of(5, 3)[0]?.data[0], 0, 'transparent')
  bench.module.misbehave = ({ afn, fn }) => (afn === 5 && fn === 3 ? 'silent' : null)
  t.match(await bench.ask(broadcastOf()), { kind: 'bus-down', code: 'module-silent', sent: true })
  t.equal(bench.module.of(5, 3).length, 2)
  bench.module.misbehave = () => null
  t.strictSame(await bench.ask(broadcastOf(new Uint8Array(300))), { kind: 'sent' })
  t.equal(bench.module.of(5, 20).length, 1)
})

await t.test('a broadcast that waits too long for the line is not sent: its time would be wrong', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? 'silent' : null)
  const read = bench.bus.exchange(readOf(1), monotonicMs(bench.now() + 100_000))
  t.match(await bench.ask(broadcastOf()), { kind: 'bus-down', code: 'line-busy', sent: false })
  t.strictSame(await bench.run(read), { kind: 'silent' })
  t.equal(bench.module.of(5, 3).length, 0)
})

await t.test('how long a broadcast takes is asked first; the line is kept free for it', async (t) => {
  const bench = moduleBench({ meters: [1, 2], module: { medium: 1, led: 2 } })
  await bench.up()
  await bench.time.runFor(3_000)
  t.equal(await bench.run(bench.bus.network.broadcastDelayMs(Uint8Array.of(1, 2, 3))), 7_000)
  t.strictSame(
    bench.module.of(3, 9).map(({ data }) => data),
    [[2, 3, 1, 2, 3]],
  )
  const startedAt = bench.now()
  t.strictSame(await bench.ask(broadcastOf()), { kind: 'sent' })
  t.ok((bench.module.of(5, 3)[0]?.at ?? 0) - startedAt < 1_000, 'at once: the module was paused')
  bench.module.misbehave = ({ afn, fn }) => (afn === 3 && fn === 9 ? { deny: 4 } : null)
  t.equal(await bench.run(bench.bus.network.broadcastDelayMs(Uint8Array.of(1))), null)
  t.equal(await bench.run(bench.bus.network.broadcastDelayMs(Uint8Array.of(1))), null)
  t.equal(bench.module.of(3, 9).length, 2, 'it does not tell: it is not asked again')
})

await t.test('registered nodes: known ones join, unknown ones are told once and never read', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  const since = bench.reports.length
  const told = () => bench.reports.slice(since)
  const sequence = bench.module.say(6, 1, [2, ...node('1'), ...node('55')])
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 1, sequence }, 'confirmed with the module’s number')
  const expected = [
    { kind: 'node-joined', address: '1' },
    { kind: 'unknown-node', address: '000000000055', protocol: 'dlt645-2007' },
  ] as const
  t.strictSame(told(), expected)
  bench.module.say(6, 1, [2, ...node('1'), ...node('55')], sequence)
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 1, sequence }, 'and again when it comes again')
  bench.module.say(6, 1, [2, ...node('1'), ...node('55')])
  t.strictSame(told(), expected)
  t.match(await bench.ask(readOf(55)), { kind: 'bus-down', code: 'not-in-archive', sent: false })
})

await t.test('a registered collector is no meter, the meters behind it are', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  const since = bench.reports.length
  const behind = [...addressBytes('1'), 2, ...addressBytes('66'), 3]
  bench.module.say(6, 4, [2, ...node('800'), 0, 2, 2, ...behind, ...node('77', 0), 1, 0, 0])
  t.strictSame(bench.reports.slice(since), [
    { kind: 'node-joined', address: '1' },
    { kind: 'unknown-node', address: '000000000066', protocol: 'dlt698-45' },
    { kind: 'unknown-node', address: '000000000077', protocol: null },
  ])
})

await t.test('events of meters and of modules are handed on as they are; a repeated one is dropped', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  const since = bench.reports.length
  const sequence = bench.module.say(6, 5, [1, 2, 3, 0x68, 0x11, 0x16])
  bench.module.say(6, 5, [1, 2, 3, 0x68, 0x11, 0x16], sequence)
  bench.module.say(6, 5, [2, 4, 2, 0xaa, 0xbb])
  bench.module.say(6, 9, [1])
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 1 }, 'also a report that is not known is confirmed')
  t.strictSame(bench.reports.slice(since), [
    { kind: 'meter-event', address: null, protocol: 'dlt645-2007', bytes: Uint8Array.of(0x68, 0x11, 0x16) },
    { kind: 'meter-event', address: null, protocol: null, bytes: Uint8Array.of(0xaa, 0xbb) },
  ])
})

await t.test('reports in the midst of a read are served, and the read goes on', async (t) => {
  const bench = moduleBench({ meters: [1], module: { medium: 1, led: 1, readMs: 5_000 } })
  await bench.up()
  const read = bench.ask(readOf(1))
  bench.time.after(2_000, () => bench.module.say(6, 1, [1, ...node('88')]))
  bench.time.after(2_500, () => bench.module.say(0x14, 2, []))
  t.match(await read, { kind: 'reply' })
  t.match(bench.reports.at(-1), { kind: 'unknown-node' })
})

await t.test('a search holds reads back, ends when the module says so, and the archive is looked through', async (t) => {
  const bench = moduleBench({ meters: [1], module: { medium: 1, led: 1 } })
  await bench.up()
  bench.module.misbehave = ({ afn, fn, sequence }) => {
    if (afn !== 0x10 || fn !== 4) return null
    const state = [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 8, 8, 8]
    const body = [0x81, 0, 0, 2, 0x76, 0, sequence, 0x10, 8, 0, ...state]
    return { say: [0x68, body.length + 5, 0, ...body, body.reduce((sum, byte) => (sum + byte) % 256, 0), 0x16] }
  }
  bench.bus.network.search(60)
  await bench.time.runFor(5_000)
  t.equal(bench.module.of(0x11, 5).length, 1)
  t.strictSame(bench.module.of(0x11, 5)[0]?.data.slice(3, 8), [1, 5, 0x26, 60, 0], 'day, month, year, minutes')
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'module-searching', sent: false })
  await bench.time.runFor(1_900_000)
  t.equal(bench.module.of(0x11, 6).length, 0, 'it goes on while the module is at it')
  bench.module.archive.set('000000000099', 2)
  bench.module.say(6, 3, [2])
  await bench.time.runFor(60_000)
  t.equal(bench.module.of(0x11, 6).length, 1)
  t.strictSame([...bench.module.archive.keys()], ['000000000001'], 'what it put into its archive by itself is taken out again')
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a search ends for what cannot wait, when the module has learnt all, and by its time', async (t) => {
  const bench = moduleBench({ meters: [1], module: { medium: 1, led: 1 } })
  await bench.up()
  bench.bus.network.search(60)
  await bench.time.runFor(5_000)
  t.match(await bench.ask(readOf(1, 1, { isUrgent: true })), { kind: 'reply' })
  t.equal(bench.module.of(0x11, 6).length, 1)
  bench.bus.network.search(1)
  await bench.time.runFor(150_000)
  t.equal(bench.module.of(0x11, 6).length, 2)
  bench.module.misbehave = ({ afn, fn }) => (afn === 0x11 && fn === 5 ? { deny: 4 } : null)
  bench.bus.network.search(1)
  await bench.time.runFor(30_000)
  t.match(bench.reports.at(-1), { kind: 'module-refused', what: 'start-search' })
  bench.time.setTrusted(false)
  bench.bus.network.search(1)
  await bench.time.runFor(30_000)
  t.match(bench.bus.network.snapshot().trouble, /trusted clock/)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('looks at the module wait while meters are read, but not for ever', async (t) => {
  for (const medium of [1, 2] as const) {
    const bench = moduleBench({ meters: [1, 2], module: { medium, led: 1, readMs: 4_000 } })
    await bench.up()
    await bench.time.runFor(60_000)
    const looks = (): number => bench.module.of(0x10, 4).length
    const before = looks()
    const from = bench.now()
    while (bench.now() - from < 600_000) await bench.ask(readOf(1))
    t.equal(looks(), before, 'ten minutes of reading, the next look was due after five')
    while (bench.now() - from < 900_000) await bench.ask(readOf(1))
    t.equal(looks(), before + 1)
    await bench.time.runFor(300_000)
    t.equal(looks(), before + 2, 'and soon after the last read')
  }
})
