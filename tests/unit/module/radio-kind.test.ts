import t from 'tap'
import { ask, type ModuleKind, type ModuleProfile } from '../../../drivers/module/index.js'
import { moduleBench, readOf, wireOf } from '../../helpers/module-bench.js'
import { addressBytes, moduleFrame, word } from '../../helpers/scripted-module.js'

const profile: ModuleProfile = {
  name: 'any',
  ways: ['forward'],
  gapMs: 100,
  readMs: { min: 20_000, max: 60_000 },
  slowReplyMs: 20_000,
  lists: ['radio-nodes'],
  knows698: true,
}
const kind: ModuleKind = {
  name: 'radio',
  modes: [10],
  mediumGuess: 'wireless',
  profileOf: () => profile,
  prepare: function* (place) {
    const set = yield* ask({ name: 'set-radio-parameters', channelGroup: 17, power: 255 })
    if (set.kind === 'denied') place.refused('set-radio-parameters', set.denial)
    return set.kind !== 'silent'
  },
}

await t.test('a medium of its own: its mode, its preparation, its list of nodes in several frames', async (t) => {
  const bench = moduleBench({ kind, module: { medium: 3, led: 1 }, meters: [1, 2, 3] })
  const { module, link, time } = bench
  module.misbehave = ({ afn, fn, sequence, data }) => {
    if (afn !== 0x10 || fn !== 101) return null
    const frame = (rows: readonly number[]): readonly number[] =>
      moduleFrame({ control: 0x8a, sequence, afn, fn, data: [...word(3), rows.length / 11, ...rows] })
    const row = (meter: number, signal: number): readonly number[] => [...addressBytes(String(meter)), signal, 0, 0, 0, 0]
    t.strictSame(data, [1, 0, 15])
    time.after(50, () => link.say(frame([...row(1, 0x90), ...row(2, 0x53)])))
    time.after(550, () => link.say(frame(row(3, 0x0f))))
    return 'silent'
  }
  t.ok(await bench.up())
  t.strictSame([...new Set(module.requests.map(({ mode }) => mode))], [10])
  t.strictSame(
    module.of(5, 5).map(({ data }) => data),
    [[17, 255]],
  )
  await bench.time.runFor(30_000)
  t.match(bench.bus.network.snapshot().nodes, [
    { inNetwork: true, level: 0, quality: 9 },
    { inNetwork: true, level: 3, quality: 5 },
    { inNetwork: false, level: null },
  ])
  t.equal(module.of(0x10, 101).length, 1)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a busy radio module drops a second request without a word: there is never a second one', async (t) => {
  const bench = moduleBench({ kind, module: { medium: 3, led: 1, slaveTimeoutS: 20 }, meters: [1, 2] })
  await bench.up()
  bench.module.misbehave = ({ afn, meter }) => (afn === 0x13 && meter === wireOf(1) ? { lateMs: 19_000 } : null)
  t.strictSame(await bench.ask(readOf(1), 3_000), { kind: 'silent' })
  t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  t.equal(bench.module.mostAtOnce, 1)
})

await t.test('the gap is short until the module has dropped a request', async (t) => {
  const hasty: ModuleKind = { ...kind, profileOf: () => ({ ...profile, gapMs: 20, carefulGapMs: 200, silenceIsBusy: true }) }
  const bench = moduleBench({ kind: hasty, module: { medium: 3, led: 1 }, meters: [1, 2] })
  await bench.up()
  const gapOf = async (): Promise<number> => {
    // The looks at a module that has just started are over.
    await bench.time.runFor(60_000)
    await bench.ask(readOf(1))
    const from = bench.now()
    await bench.ask(readOf(2))
    return Math.round(bench.now() - from)
  }
  const quickMs = await gapOf()
  bench.module.misbehave = ({ afn }) => (afn === 0x13 ? 'silent' : null)
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
  bench.module.misbehave = () => null
  t.equal(await gapOf(), quickMs, 'a meter that never answers proves nothing')
  let dropped = 1
  bench.module.misbehave = ({ afn }) => (afn === 0x13 && dropped-- > 0 ? 'silent' : null)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' }, 'it came when it was asked again')
  t.equal(await gapOf(), quickMs + 180)
})

await t.test('a preparation that is refused is told and no hindrance', async (t) => {
  const bench = moduleBench({ kind, module: { medium: 3, led: 1 }, meters: [1] })
  bench.module.misbehave = ({ afn, fn }) => (afn === 5 && fn === 5 ? { deny: 4 } : null)
  t.ok(await bench.up())
  t.match(bench.reports[1], { kind: 'module-refused', what: 'set-radio-parameters' })
})
