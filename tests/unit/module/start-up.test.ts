import t from 'tap'
import { broadcastOf, moduleBench, readOf, wireOf, type ModuleBench } from '../../helpers/module-bench.js'
import { moduleFrame } from '../../helpers/scripted-module.js'

const named = ({ module }: ModuleBench): readonly string[] => module.requests.map(({ afn, fn }) => `${afn.toString(16)}F${fn}`)
const kinds = ({ reports }: ModuleBench): readonly string[] => reports.map(({ kind }) => kind)

await t.test('a module that is there is asked who it is, given our archive, and meters are read', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  const { bus, module, up, ask, reports, states } = bench
  t.notOk(bus.isUp())
  t.equal(bus.network.snapshot().stage, 'starting')
  t.match(await bus.exchange(readOf(1), bench.time.monotonic()), { kind: 'bus-down', code: 'module-starting', sent: false })
  t.ok(await up())
  t.strictSame(
    [...module.archive],
    [1, 2, 3].map((meter) => [wireOf(meter), 2]),
  )
  t.match(bus.network.snapshot(), {
    stage: 'networking',
    trouble: '',
    moduleRestarts: 0,
    module: {
      vendor: 'TC',
      chip: '01',
      version: '0105 2023-10-18',
      medium: 'broadband',
      led: 'either',
      nodesMax: 2040,
      frameBytesMax: 527,
    },
  })
  t.strictSame(states, ['up ready'])
  t.match(reports, [
    { kind: 'module-started', replaced: false },
    { kind: 'archive-aligned', added: 3, removed: 0, lost: false },
  ])
  const steps = ['3F10', '3F1', '3F4', '12F2', '11F1', '5F2']
  t.strictSame(
    named(bench).filter((name) => steps.includes(name)),
    steps,
  )
  const outcome = await ask(readOf(2))
  t.match(outcome, { kind: 'reply', noiseBytes: 0 })
  t.equal(bus.network.snapshot().stage, 'ready')
})

await t.test('a module that starts tells its run mode by itself, is answered, and is not asked for it', async (t) => {
  const bench = moduleBench({ meters: [1], isOff: true })
  await bench.time.runFor(1_000)
  bench.module.powerOn()
  t.ok(await bench.up(10_000))
  t.equal(bench.module.of(3, 10).length, 0)
  t.equal(bench.module.of(0, 1).length, 1)
})

await t.test('a module that says nothing is asked three times a minute apart, then told to restart, for ever', async (t) => {
  const bench = moduleBench({ meters: [1] })
  bench.module.misbehave = () => 'silent'
  await bench.time.runFor(179_000)
  const asked = bench.module.of(3, 10)
  t.strictSame(
    [...new Set(asked.map(({ sequence }) => sequence))].length,
    3,
    'three questions; a try of the same one bears its number',
  )
  t.strictSame(
    asked.filter(({ sequence }, index) => asked[index - 1]?.sequence !== sequence).map(({ at }) => Math.floor(at / 1_000)),
    [0, 60, 120],
  )
  t.strictSame([...new Set(asked.map(({ mode }) => mode))], [3, 1, 2], 'in the modes that a carrier module may have')
  t.equal(bench.module.of(1, 1).length, 0)
  await bench.time.runFor(10_000)
  t.equal(bench.module.of(1, 1).length, 1)
  t.equal(bench.bus.network.snapshot().trouble, 'the module does not answer')
  bench.module.misbehave = () => null
  t.ok(await bench.up(120_000), 'and then it is there')
})

await t.test('the main-node address is set only where it differs, and read back', async (t) => {
  const differs = moduleBench({ meters: [1], choice: { mainNode: '000000001234' } })
  t.ok(await differs.up())
  t.equal(differs.module.of(5, 1).length, 1)
  t.equal(differs.bus.network.snapshot().module?.mainNode, '000000001234')
  const same = moduleBench({ meters: [1], choice: { mainNode: '000000009999' } })
  t.ok(await same.up())
  t.equal(same.module.of(5, 1).length, 0)
})

await t.test('a main-node address that is refused, or not kept, is told and the module keeps its own', async (t) => {
  const refuses = moduleBench({ meters: [1], choice: { mainNode: '000000001234' } })
  refuses.module.misbehave = ({ afn, fn }) => (afn === 5 && fn === 1 ? { deny: 9 } : null)
  t.ok(await refuses.up())
  t.match(refuses.reports[0], { kind: 'module-refused', what: 'set-main-node' })
  t.equal(refuses.bus.network.snapshot().module?.mainNode, '000000009999')
  const forgets = moduleBench({ meters: [1], choice: { mainNode: '000000001234' } })
  forgets.module.misbehave = ({ afn, fn, sequence }) =>
    afn === 5 && fn === 1 ? { say: moduleFrame({ control: 0x83, sequence, afn: 0, fn: 1, data: [] }) } : null
  t.ok(await forgets.up())
  t.equal(forgets.bus.network.snapshot().module?.mainNode, '000000009999')
})

await t.test('reports of nodes are allowed or forbidden as the site wants', async (t) => {
  for (const reports of [true, false]) {
    const bench = moduleBench({ meters: [1], choice: { reports } })
    t.ok(await bench.up())
    t.strictSame(
      bench.module.of(5, 2).map(({ data }) => data),
      [[reports ? 1 : 0]],
    )
  }
})

await t.test('a command is answered late, or twice: each counts once', async (t) => {
  const late = moduleBench({ meters: [1] })
  late.module.misbehave = ({ afn }) => (afn === 3 ? { lateMs: 5_000 } : null)
  t.ok(await late.up(), 'an answer to the first try is an answer')
  const twice = moduleBench({ meters: [1] })
  twice.module.misbehave = () => 'twice'
  t.ok(await twice.up())
  await twice.time.runFor(120_000)
  t.equal(twice.bus.network.snapshot().moduleRestarts, 0, 'a run mode that comes twice is no restart')
  t.ok(twice.bus.trace().some(({ note }) => note.endsWith('late or twice')))
})

await t.test('lesson 21: a module that falls silent while it starts is asked from the beginning', async (t) => {
  const bench = moduleBench({ meters: [1] })
  bench.module.misbehave = ({ afn, fn }) => (afn === 0x10 && fn === 1 ? 'silent' : null)
  t.notOk(await bench.up(120_000))
  t.ok(bench.module.of(3, 10).length >= 2)
  bench.module.misbehave = () => null
  t.ok(await bench.up(120_000))
})

await t.test('noise, cut frames, wake-up bytes and frames of no meaning do not disturb it', async (t) => {
  const bench = moduleBench({ meters: [1] })
  const { link, time } = bench
  const frame = moduleFrame({ control: 0xc3, sequence: 1, afn: 6, fn: 3, data: [1] })
  link.say([0x00, 0x68, 0x55])
  link.say(frame.slice(0, 9))
  time.after(30, () => link.say([0xfe, 0xfe, 0xfe, 0x68, 0xff, 0xff]))
  t.ok(await bench.up())
  link.say([0xfe, 0xfe, ...moduleFrame({ control: 0xc3, sequence: 77, afn: 6, fn: 3, data: [1] })])
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 1, sequence: 77 }, 'a report behind wake-up bytes is confirmed')
  link.say(moduleFrame({ control: 0xc3, sequence: 78, afn: 6, fn: 1, data: [9] }))
  t.match(bench.module.requests.at(-1), { afn: 0, fn: 2, sequence: 78, data: [5] }, 'one whose data are cut is refused')
  const corrupt = [...frame]
  corrupt[12] = 0x55
  link.say(corrupt)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  t.ok(bench.bus.trace().some(({ direction }) => direction === 'noise'))
})

await t.test('an echo is no module', async (t) => {
  const bench = moduleBench({ meters: [1], isOff: true })
  const { link, time } = bench
  link.onRequest = (bytes) => void time.after(5, () => link.say(bytes))
  t.notOk(await bench.up(120_000))
  t.ok(bench.bus.trace().some(({ direction }) => direction === 'echo'))
})

await t.test('lesson 20: a link that goes away and comes back starts the module anew', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  const { bus, link } = bench
  await bench.up()
  const read = bus.exchange(readOf(1), bench.time.monotonic())
  const sent = bus.exchange(readOf(2), 1e9 as never)
  link.unplug('gone')
  t.match(await sent, { kind: 'bus-down', code: 'gone', sent: true })
  t.match(await read, { kind: 'bus-down' })
  t.equal(bus.network.snapshot().stage, 'down')
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'gone', sent: false })
  t.equal(await bus.network.broadcastDelayMs(Uint8Array.of(1)), null)
  link.plug()
  t.ok(await bench.up())
  t.strictSame(bench.states, ['up ready', 'down gone', 'up ready'])
  t.strictSame(kinds(bench), ['module-started', 'archive-aligned', 'module-lost', 'module-started'])
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a frame that the link refuses was not sent', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  bench.link.refuses = 'write-failed'
  t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'write-failed', sent: false })
  bench.link.plug()
  await bench.up()
  bench.link.refuses = 'write-failed'
  t.match(await bench.ask(broadcastOf()), { kind: 'bus-down', code: 'write-failed', sent: false })
})
