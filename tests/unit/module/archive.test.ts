import t from 'tap'
import { moduleBench, readOf, wireOf, type ModuleBench } from '../../helpers/module-bench.js'
import { meterAddress } from '../../../src/model/index.js'

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const expected = (meters: readonly number[], type = 2) => meters.map((meter) => [wireOf(meter), type])
const sorted = ({ module }: ModuleBench) => [...module.archive].sort(([a], [b]) => (a < b ? -1 : 1))

await t.test(
  'by difference: what is right stays, what is missing is added, what is surplus or of another type goes',
  async (t) => {
    const archive = [
      [wireOf(1), 2],
      [wireOf(2), 1],
      [wireOf(9), 2],
    ] as const
    const bench = moduleBench({ meters: [1, 2, 3], module: { archive } })
    t.ok(await bench.up())
    t.strictSame(sorted(bench), expected([1, 2, 3]))
    t.match(bench.reports.at(-1), { kind: 'archive-aligned', added: 2, removed: 2, lost: false })
    t.equal(bench.module.of(0x11, 2)[0]?.data[0], 2, 'only two are deleted')
    t.equal(bench.module.of(1, 2).length, 0, 'nothing is wiped')
  },
)

await t.test('an archive in line is left alone', async (t) => {
  const bench = moduleBench({ meters: [1, 2], module: { archive: [1, 2].map((meter) => [wireOf(meter), 2]) } })
  t.ok(await bench.up())
  t.equal(bench.module.of(0x11, 1).length + bench.module.of(0x11, 2).length, 0)
  t.strictSame(
    bench.reports.map(({ kind }) => kind),
    ['module-started'],
  )
})

await t.test('lists longer than a page, and pages shorter than asked', async (t) => {
  for (const pageMax of [15, 7, 1]) {
    const archive = range(30, 70).map((meter) => [wireOf(meter), 2] as const)
    const bench = moduleBench({ meters: range(1, 50), module: { pageMax, archive } })
    t.ok(await bench.up())
    t.strictSame(sorted(bench), expected(range(1, 50)))
    for (const { data } of bench.module.of(0x11, 1)) t.ok(data.length === 1 + 7 * (data[0] ?? 0) && (data[0] ?? 0) <= 20)
    for (const { data } of bench.module.of(0x10, 2)) t.ok((data[2] ?? 0) <= 15 && (data[0] ?? 0) > 0)
  }
})

await t.test('before anybody has said which nodes are wanted, nothing is deleted', async (t) => {
  const bench = moduleBench({ module: { archive: [[wireOf(1), 2]] } })
  t.ok(await bench.up())
  await bench.time.runFor(7_200_000)
  t.strictSame(sorted(bench), expected([1]))
  bench.setMeters([])
  await bench.time.runFor(60_000)
  t.strictSame(sorted(bench), [], 'no nodes are wanted: none are kept')
})

await t.test('nodes that change while meters are read are brought in line at once', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  bench.setMeters([2, 3])
  t.match(await bench.ask(readOf(3)), { kind: 'reply' })
  t.strictSame(sorted(bench), expected([2, 3]))
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'not-in-archive', sent: false })
})

await t.test('nodes that change while the archive is brought in line', async (t) => {
  const bench = moduleBench({ meters: range(1, 40) })
  for (const after of [300, 900, 1_400]) bench.time.after(after, () => bench.setMeters(range(after / 100, 40)))
  t.ok(await bench.up())
  await bench.time.runFor(60_000)
  t.strictSame(sorted(bench), expected(range(14, 40)))
})

await t.test(
  'a module that lost its archive says so at the next read: the archive is given again and the read goes on',
  async (t) => {
    const bench = moduleBench({ meters: [1, 2, 3] })
    await bench.up()
    bench.module.archive = new Map()
    t.match(await bench.ask(readOf(2)), { kind: 'reply' })
    t.strictSame(sorted(bench), expected([1, 2, 3]))
    t.match(bench.reports.at(-1), { kind: 'archive-aligned', added: 3, removed: 0, lost: true })
  },
)

await t.test('a module that refuses a meter although it has it: the exchange ends, unsent', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 ? { deny: 7 } : null)
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'not-in-archive', sent: false })
  t.equal(bench.module.of(0xf1, 1).length, 2, 'once more after the archive was looked through')
})

await t.test('a count that changed is found at the next look, the lists hourly', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  await bench.up()
  await bench.time.runFor(20_000)
  bench.module.archive.delete(wireOf(2))
  await bench.time.runFor(310_000)
  t.strictSame(sorted(bench), expected([1, 2, 3]))
  bench.module.archive.set(wireOf(2), 3)
  await bench.time.runFor(3_700_000)
  t.strictSame(sorted(bench), expected([1, 2, 3]), 'also a type that changed')
})

await t.test('after a restart the archive is compared again', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  await bench.up()
  bench.module.powerOn({ forgets: true })
  t.notOk(bench.bus.isUp())
  t.ok(await bench.up())
  t.strictSame(sorted(bench), expected([1, 2, 3]))
  t.match(bench.reports.at(-1), { kind: 'archive-aligned', added: 3, lost: true })
  t.equal(bench.bus.network.snapshot().moduleRestarts, 1)
})

await t.test('a module of another maker gets the whole archive', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  Object.assign(bench.module.options, { vendor: 'ES', medium: 1 })
  bench.module.powerOn({ forgets: true })
  t.ok(await bench.up())
  t.match(bench.reports.filter(({ kind }) => kind === 'module-started').at(-1), {
    replaced: true,
    module: { vendor: 'ES', medium: 'narrowband' },
  })
  t.strictSame(sorted(bench), expected([1, 2]))
})

await t.test('a node that the module does not take is found by halves and told; the others get in', async (t) => {
  const bench = moduleBench({ meters: range(1, 40) })
  const bad = wireOf(17)
  bench.module.misbehave = ({ afn, fn, data }) => {
    if (afn !== 0x11 || fn !== 1) return null
    const hex = data.map((byte) => byte.toString(16).padStart(2, '0')).join('')
    return hex.includes('17000000000002') ? { deny: 1 } : null
  }
  t.ok(await bench.up())
  t.strictSame(sorted(bench), expected(range(1, 40).filter((meter) => meter !== 17)))
  t.match(bench.reports, [{}, { kind: 'module-refused', what: `node ${Number(bad)}`, error: { code: 'invalid-data-unit' } }, {}])
})

await t.test('entries that cannot be deleted: the list is wiped once and given anew', async (t) => {
  const bench = moduleBench({ meters: [1, 2], module: { archive: [['0000000000AB', 2]] } })
  bench.module.misbehave = ({ afn, fn, sequence }) => (afn === 0x11 && fn === 2 ? { deny: sequence < 0 ? 0 : 1 } : null)
  t.ok(await bench.up())
  t.equal(bench.module.of(1, 2).length, 1)
  t.strictSame(sorted(bench), expected([1, 2]))
})

await t.test('a module that shows a type of its own is not given the nodes again and again', async (t) => {
  const bench = moduleBench({ meters: [1, 2], module: { archive: [[wireOf(1), 2]] } })
  const { module } = bench
  bench.module.misbehave = ({ afn, fn }) => {
    if (afn === 0x10 && fn === 2) for (const address of module.archive.keys()) module.archive.set(address, 0)
    return null
  }
  t.ok(await bench.up())
  t.equal(bench.bus.network.snapshot().trouble, '')
  const added = bench.module.of(0x11, 1).length
  await bench.time.runFor(7_200_000)
  t.equal(bench.module.of(0x11, 1).length, added)
})

await t.test('a count above what the pages show is never taken for in line', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  const { module } = bench
  module.misbehave = ({ afn, fn, sequence }) => {
    if (afn !== 0x10 || fn !== 1) return null
    const size = module.archive.size + 1
    const body = [0x83, 0, 0, 2, 0x76, 0, sequence, 0x10, 1, 0, size, 0, 0xf8, 7]
    return { say: [0x68, body.length + 5, 0, ...body, body.reduce((sum, byte) => (sum + byte) % 256, 0), 0x16] }
  }
  t.ok(await bench.up(), 'it is told, and no hindrance')
  t.strictSame(sorted(bench), expected([1, 2]))
  t.match(bench.bus.network.snapshot().trouble, /align-archive/)
  module.misbehave = () => null
  await bench.time.runFor(310_000)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('more nodes than the module has room for, and addresses that it cannot have, are told', async (t) => {
  const bench = moduleBench({ module: { nodesMax: 3 } })
  bench.bus.network.setNodes([
    ...range(1, 5).map((meter) => ({ address: meterAddress(String(meter)), protocol: 'dlt645-2007' })),
    { address: meterAddress('not hexadecimal'), protocol: 'modbus' },
    { address: meterAddress('999999999999'), protocol: 'dlt645-2007' },
  ])
  t.ok(await bench.up())
  t.strictSame(sorted(bench), expected([1, 2, 3]))
  t.strictSame(
    bench.reports.flatMap((report) => (report.kind === 'module-refused' ? [report.error.code] : [])),
    ['archive-full', 'bad-address', 'bad-address'],
  )
})

await t.test('698.45 meters go as such to broadband modules and as transparent to narrowband ones', async (t) => {
  for (const [medium, type] of [
    [2, 3],
    [1, 0],
  ] as const) {
    const bench = moduleBench({ module: { medium } })
    bench.setMeters([1], 'dlt698-45')
    t.ok(await bench.up())
    t.strictSame(sorted(bench), expected([1], type))
  }
})

await t.test('a module that refuses its list is told, and tried again later', async (t) => {
  const bench = moduleBench({ meters: [1] })
  bench.module.misbehave = ({ afn, fn }) => (afn === 0x10 && fn === 2 ? { deny: 9 } : null)
  bench.module.archive = new Map([[wireOf(9), 2]])
  t.ok(await bench.up())
  t.match(bench.bus.network.snapshot().trouble, /read-archive/)
  bench.module.misbehave = () => null
  await bench.time.runFor(310_000)
  t.strictSame(sorted(bench), expected([1]))
})

await t.test(
  'a module that calls a meter unknown although it lists it does not make the whole archive be read for each exchange',
  async (t) => {
    const bench = moduleBench({ meters: [1, 2] })
    await bench.up()
    await bench.time.runFor(20_000)
    const looks = bench.module.of(0x10, 2).length
    bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && meter === wireOf(1) ? { deny: 7 } : null)
    for (let round = 0; round < 10; round++)
      t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'not-in-archive', sent: false })
    t.equal(bench.module.of(0x10, 2).length, looks + 1)
    t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  },
)

await t.test('a node that the module did not take is not asked for, and tried again when other nodes are wanted', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3, 4], module: { nodesMax: 3 } })
  t.ok(await bench.up())
  t.match(await bench.ask(readOf(4)), { kind: 'bus-down', code: 'not-in-archive', sent: false })
  t.equal(bench.module.of(0xf1, 1).length, 0)
  bench.setMeters([2, 3, 4])
  t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  t.match(await bench.ask(readOf(4)), { kind: 'reply' })
  t.strictSame(sorted(bench), expected([2, 3, 4]))
})

await t.test('a meter with the address of the main node is left out and told once; the others are read', async (t) => {
  for (const choice of [{ mainNode: wireOf(2) }, {}]) {
    const bench = moduleBench({ meters: [1, 2, 3], choice, module: { mainNode: wireOf(2) } })
    t.ok(await bench.up())
    t.match(bench.bus.network.snapshot(), { stage: 'networking', trouble: /the meter 2 has the address of the main node/ })
    await bench.time.runFor(4 * 3_600_000)
    t.strictSame(sorted(bench), expected([1, 3]))
    t.ok(bench.module.of(0x11, 1).length <= 2, 'not given again and again')
    const told = bench.reports.filter((report) => report.kind === 'module-refused')
    t.match(told, [{ what: 'node 2', error: { code: 'main-node-address' } }])
    t.equal(told.length, 1)
    t.match(bench.bus.network.snapshot(), { trouble: /main node/ })
    t.match(await bench.ask(readOf(2)), { kind: 'bus-down', code: 'not-in-archive', sent: false, hindrance: 'not-carried' })
    t.match(await bench.ask(readOf(3)), { kind: 'reply' })
  }
})
