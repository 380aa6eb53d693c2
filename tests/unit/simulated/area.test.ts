import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import {
  controlLine,
  planArea,
  SimulatedArea,
  siteFiles,
  VirtualTime,
  type AreaOptions,
  type ControlledArea,
} from '../../../drivers/simulated/index.js'
import { wordsToCommand } from '../../../drivers/simulated/control-words.js'
import { dayMs, epochMs, linkId } from '../../../src/model/index.js'
import { loadSettings } from '../../../src/settings/index.js'
import { settingsChecks } from '../../helpers/settings-checks.js'
import { valueOf } from '../../helpers/outcome.js'
import { projectRoot } from '../../helpers/root.js'
import { marchFirst } from '../../helpers/simulated-meter.js'

const options: AreaOptions = {
  seed: 3,
  buses: 2,
  metersPerBus: 50,
  startsAt: marchFirst,
  utcOffsetMinutes: 480,
  baud: 9600,
  historyMs: 5 * dayMs,
  shares: { dead: 20_000, securityChip: 100_000, threePhase: 50_000, generation: 30_000, singleRate: 200_000 },
  supplyMeter: true,
}

function makeArea(changes: Partial<AreaOptions> = {}): { area: SimulatedArea; time: VirtualTime } {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  return { area: new SimulatedArea({ ...options, ...changes }, { clock: time, timers: time }), time }
}

await t.test('a description gives the same area every time, with exact shares', (t) => {
  const plan = planArea(options)
  const plain = (area: typeof plan): string =>
    JSON.stringify(area.map((bus) => bus.meters.map(({ meter, options: { load: _, ...rest } }) => ({ meter, rest }))))
  t.equal(plain(plan), plain(planArea(options)))
  t.not(plain(plan), plain(planArea({ ...options, seed: 4 })))
  const all = plan.flatMap(({ meters }) => meters)
  t.equal(all.length, 101)
  t.equal(new Set(all.map(({ options: one }) => one.address)).size, 101)
  t.equal(all.filter(({ options: one }) => one.quirks.deadSpans.length > 0).length, 2)
  t.equal(all.filter(({ options: one }) => one.quirks.needsSecurityChip).length, 10)
  t.equal(all.filter(({ meter }) => meter.role === 'generation').length, 3)
  t.equal(all.filter(({ options: one }) => one.rates === 1).length, 20)
  t.throws(() => planArea({ ...options, buses: 0 }), RangeError)
  t.throws(() => planArea({ ...options, metersPerBus: 10_000 }), RangeError)
  t.end()
})

await t.test('every kind of quirk can be asked for, for all or for one', (t) => {
  const every = 1_000_000
  const shares = {
    noFreezes: every,
    noProfile: every,
    trailingAa: every,
    relayWords: every,
    noPreamble: every,
    slow: every,
    heartbeat: every,
  }
  const [bus] = planArea({
    ...options,
    shares: { ...shares, commercial: every },
    quirksOf: (meter) => (meter === 1 ? { partBytes: 40 } : {}),
    faultsOf: (index) => (index === 0 ? { echo: true } : {}),
    optionsOf: (meter) => (meter === 2 ? { initialForward: 99_999_999 } : {}),
    profileOf: ({ rates }) => `rates-${rates}`,
  })
  t.match(bus?.meters[0]?.options.quirks, {
    noFreezes: true,
    noProfile: true,
    trailingAa: true,
    relayRefusal: 'word',
    preamble: 0,
    replyDelayMs: { min: 300 },
    heartbeatEveryMs: 300_000,
    partBytes: 195,
  })
  t.equal(bus?.meters[1]?.options.quirks.partBytes, 40)
  t.equal(bus?.meters[2]?.options.initialForward, 99_999_999)
  t.equal(bus?.faults.echo, true)
  t.equal(bus?.meters[0]?.meter.profile, 'rates-4')
  t.end()
})

await t.test('the supply meter sees all loads and four per cent more, through its transformers', async (t) => {
  const { area, time } = makeArea({ shares: {} })
  await time.runFor(2 * dayMs)
  const used = (name: string): number => {
    const meter = area.meter(name)
    return (area.truth(name).forward[0] ?? 0) - meter.options.initialForward
  }
  const supply = area.archive.find(({ role }) => role === 'area-supply')
  const customers = area.archive.filter(({ role }) => role === 'customer').reduce((sum, { id }) => sum + used(id), 0)
  const supplied = used(supply?.id ?? '') * (supply?.ct ?? 0)
  t.ok(supplied > customers * 1.03 && supplied < customers * 1.05, `${customers} of ${supplied}`)
})

await t.test('a meter is replaced: the id stays, the old one stands still and keeps its log', async (t) => {
  const { area, time } = makeArea()
  const [first] = area.archive
  const id = first?.id ?? ''
  const old = area.meter(id)
  area.press(id)
  await time.runFor(dayMs)
  t.equal(area.replace(id, '990000000001', 500), old)
  const last = old.physics.forward[0]
  await time.runFor(dayMs)
  t.equal(area.meter(id).address, '990000000001')
  t.ok((area.truth(id).forward[0] ?? 0) > 500)
  t.equal(old.physics.forward[0], last)
  t.equal(area.relayActions(first?.address ?? '').length, 1)
  t.equal(area.relayActions(id).length, 0)
  t.throws(() => area.meter(first?.address ?? ''), RangeError)
  t.throws(() => area.relayActions('nobody'), RangeError)
  t.throws(() => area.replace(id, area.archive[1]?.address ?? '', 0), /on the wire already/)
  t.throws(() => area.bus(linkId('bus9')), RangeError)
})

await t.test('meters have a history before the area begins', (t) => {
  const { area } = makeArea()
  const [first] = area.archive
  area.truth(first?.id ?? '')
  t.ok(area.meter(first?.id ?? '').physics.daily.count >= 4)
  t.end()
})

await t.test('control lines reach meters and buses, and say what was wrong', async (t) => {
  const { area, time } = makeArea()
  let stops = 0
  const world: ControlledArea = { area, servers: new Map(), stop: () => void stops++ }
  const run = (command: unknown): { ok: boolean; value?: unknown; error?: string } =>
    JSON.parse(controlLine(world, JSON.stringify(command)))
  const done = { ok: true, value: null }
  const meter = 'm1-001'
  t.match(run({ do: 'truth', meter }), { ok: true, value: { contact: 'closed' } })
  t.strictSame(run({ do: 'load', meter, watts: 60_000 }), done)
  const before = area.truth(meter).forward[0] ?? 0
  await time.runFor(60_000)
  t.equal((area.truth(meter).forward[0] ?? 0) - before, 100, 'a kilowatt-hour in a minute')
  t.strictSame(run({ do: 'load', meter, watts: null }), done)
  t.strictSame(run({ do: 'energy', meter, hundredths: 99_999_990 }), done)
  t.equal(area.truth(meter).forward[0], 99_999_990)
  t.strictSame(run({ do: 'press', meter }), { ok: true, value: false })
  t.match(run({ do: 'relay', meter }), { value: [{ command: 'press', accepted: false }] })
  t.equal((run({ do: 'relay' }).value as unknown[]).length, 101)
  t.strictSame(run({ do: 'kill', meter }), done)
  t.match(run({ do: 'meters' }), { value: [{ address: area.meter(meter).address, dead: true }] })
  t.strictSame(run({ do: 'revive', meter }), done)
  t.strictSame(run({ do: 'clock', meter, aheadMs: 90_000 }), done)
  t.equal(area.truth(meter).localMs, area.now() + 480 * 60_000 + 90_000)
  t.match(run({ do: 'replace', meter, by: '880000000001', hundredths: 7 }), {
    ok: true,
    value: { forward: { 0: 99_999_990 } },
  })
  t.strictSame(area.truth(meter).forward, [7, 4, 1, 1, 1])
  t.strictSame(run({ do: 'faults', link: 'bus2', lostRepliesPpm: 1_000_000, echo: true }), done)
  t.match(area.bus(linkId('bus2')).wire.faults, { lostRepliesPpm: 1_000_000, echo: true, lostRequestsPpm: 0 })
  t.strictSame(run({ do: 'statistics' }), { ok: true, value: {} })
  t.strictSame(run({ do: 'stop' }), done)
  t.equal(stops, 1)
  t.match(run({ do: 'unplug', link: 'bus1' }), { ok: false, error: 'no server serves link bus1' })
  t.match(run({ do: 'truth', meter: 'm7-001' }), { ok: false, error: 'no meter m7-001 is on a wire' })
  t.match(run({ do: 'energy', meter, hundredths: -1 }), { ok: false, error: /hundredths/ })
  t.match(run({ do: 'fly' }), { ok: false, error: /do/ })
  t.match(JSON.parse(controlLine(world, '{')), { ok: false, error: /^no JSON/ })
})

await t.test('words become commands', (t) => {
  t.strictSame(wordsToCommand(' press  m1-001 '), { kind: 'command', command: { do: 'press', meter: 'm1-001' } })
  t.strictSame(wordsToCommand('load m1 own'), { kind: 'command', command: { do: 'load', meter: 'm1', watts: null } })
  t.strictSame(wordsToCommand('load m1 400'), { kind: 'command', command: { do: 'load', meter: 'm1', watts: 400 } })
  t.strictSame(wordsToCommand('load m1 much'), { kind: 'command', command: { do: 'load', meter: 'm1', watts: 'much' } })
  t.strictSame(wordsToCommand('relay'), { kind: 'command', command: { do: 'relay' } })
  t.match(wordsToCommand('what'), { kind: 'help', text: /press meter\n/ })
  t.end()
})

await t.test('the files of a site load as settings and name the same meters', (t) => {
  const { area } = makeArea()
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-site-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const urls = new Map([
    ['bus1', 'tcp://127.0.0.1:7001?baud=2400'],
    ['bus2', 'serial:/tmp/bus2?baud=2400&parity=even'],
  ])
  for (const { name, text, mode } of siteFiles(area, {
    concentrator: 'DCU-SIM',
    urls,
    configFolder: join(projectRoot(), 'config'),
  })) {
    writeFileSync(join(folder, name), text, { mode })
  }
  const settings = loadSettings(join(folder, 'wattkeep.yaml'), settingsChecks)
  const { parameters, secrets } = valueOf(settings)
  t.strictSame(parameters.meters, area.archive)
  const credentials = area.archive.map((meter) => secrets.credentialsFor(meter)?.reveal().password)
  t.strictSame([...new Set(credentials)], ['02123456'])
  t.end()
})
