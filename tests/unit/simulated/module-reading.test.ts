import t from 'tap'
import { decodeFrame, type DownUnit } from '../../../src/protocols/gdw1376/index.js'
import { decodeFrame as decode645, encodeRequest, broadcastAddress } from '../../../src/protocols/dlt645/index.js'
import { valueOf } from '../../helpers/outcome.js'
import { confirm, ModuleClient } from '../../helpers/module-client.js'
import { noModuleFaults } from '../../../drivers/simulated/index.js'
import { dayMs } from '../../../src/model/index.js'
import { marchFirst } from '../../helpers/simulated-meter.js'

const deny = (errorCode: number) => ({ name: 'deny', errorCode })
const empty = { payload: { length: 0 } }

function concurrent(client: ModuleClient, ...reads: readonly number[]): DownUnit {
  const payload = Uint8Array.from(reads.flatMap((index) => [...client.read(index)]))
  return { name: 'concurrent-read', protocol: 2, reserved: 0, payload }
}

await t.test('nodes join level by level; until then they are not in the network', async (t) => {
  const client = new ModuleClient('plc-hplc', {}, { meters: 40 })
  await client.wait(5_000)
  client.say({ name: 'allow-reports', allowed: true })
  for (let from = 0; from < 40; from += 20) await client.add(...Array.from({ length: 20 }, (_, index) => from + index))
  t.match(await client.monitor(0), deny(12))
  await client.wait(300_000)
  const nodes = client.meters.map(({ address }) => client.module.node(address))
  t.ok(nodes.every(({ inNetwork }) => inNetwork))
  t.ok(new Set(nodes.map(({ hops }) => hops)).size > 2)
  for (const { hops, parent } of nodes) t.equal(parent === null, hops === 1)
  for (const { parent, hops } of nodes) if (parent !== null) t.equal(client.module.node(parent).hops, hops - 1)
  t.equal(client.of('nodes-registered').flatMap((unit) => unit.nodes).length, 40)
  const topology = await client.ask({ name: 'topology', start: 1, count: 20 })
  t.match(topology, { total: 41, nodes: [{ role: 4, level: 0 }] })
  t.match(await client.ask({ name: 'run-state' }), { learningDone: true, nodes: 40 })
  t.match(await client.ask({ name: 'phases', start: 1, count: 2 }), { total: 40, nodes: [{}, {}] })
})

await t.test('13F1 brings what the meter says; its time grows with the hops', async (t) => {
  for (const kind of ['plc-hplc', 'plc-narrow', 'wireless'] as const) {
    const client = new ModuleClient(kind, { stands: true }, { meters: 40 })
    await client.wait(5_000)
    const times = new Map<number, number[]>()
    for (let index = 0; index < 40; index++) {
      const from = client.time.monotonic()
      const answer = await client.monitor(index)
      if (answer?.name !== 'monitor' || !('uplinkSeconds' in answer)) return void t.fail(JSON.stringify(answer))
      t.match(valueOf(decode645(answer.payload)), { address: client.address(index), control: 0x91 })
      const { hops } = client.module.node(client.address(index))
      times.set(hops, [...(times.get(hops) ?? []), client.time.monotonic() - from])
    }
    const mean = (hops: number): number => {
      const all = times.get(hops) ?? [0]
      return all.reduce((sum, each) => sum + each, 0) / all.length
    }
    t.ok(mean(1) < mean(2) && mean(2) < mean(3))
    t.ok(mean(1) > (kind === 'plc-hplc' ? 200 : kind === 'plc-narrow' ? 1_200 : 900))
    t.ok(mean(3) < (kind === 'plc-hplc' ? 1_000 : kind === 'plc-narrow' ? 6_000 : 3_000))
  }
})

await t.test('a second 13F1 is denied as busy by carriers and dropped by radios (lesson of the facts page, 5)', async (t) => {
  for (const kind of ['plc-hplc', 'plc-narrow', 'wireless'] as const) {
    const client = new ModuleClient(kind, { stands: true })
    await client.wait(5_000)
    const unit = (index: number): DownUnit => ({
      name: 'monitor',
      protocol: 2,
      delayFlag: false,
      subNodes: [],
      payload: client.read(index),
    })
    const first = client.say(unit(0), client.address(0))
    const second = client.say(unit(1), client.address(1))
    await client.wait(30_000)
    const told = client.heard.filter(({ message }) => message.info.sequence === second)
    if (kind === 'wireless') t.strictSame(told, [])
    else t.match(told, [{ message: { unit: deny(9) } }])
    t.match(
      client.heard.filter(({ message }) => message.info.sequence === first),
      [{ message: { unit: { name: 'monitor' } } }],
    )
  }
})

await t.test('F1F1: several meters at a time, one read for each, several frames for one; 109, 110, 111', async (t) => {
  // Slow enough that the wire to the module is not what keeps the window small.
  const client = new ModuleClient('plc-hplc', { stands: true, figures: { baseMs: 5_000 } }, { meters: 30 })
  await client.wait(5_000)
  const from = client.heard.length
  for (let index = 0; index < 22; index++) client.say(concurrent(client, index), client.address(index))
  client.say(concurrent(client, 3), client.address(3))
  await client.wait(60_000)
  const told = client.heard.slice(from).map(({ message }) => message.unit)
  t.equal(told.filter(({ name }) => name === 'concurrent-read').length, 20)
  t.equal(client.module.counts['deny 109'], 2)
  t.equal(client.module.counts['deny 111'], 1)
  const both = await client.ask(concurrent(client, 5, 5), client.address(5))
  if (both?.name !== 'concurrent-read') return void t.fail('no answer')
  const single = await client.ask(concurrent(client, 5), client.address(5))
  t.equal(both.payload.length, 2 * (single?.name === 'concurrent-read' ? single.payload.length : 0))
  t.match(await client.ask(concurrent(client, ...new Array<number>(14).fill(5)), client.address(5)), deny(110))
  const narrow = new ModuleClient('plc-narrow', { stands: true })
  await narrow.wait(5_000)
  t.match(await narrow.ask(concurrent(narrow, 0), narrow.address(0)), deny(4))
})

await t.test('a meter that is silent, dead with its unit, or strange is told apart, each in the way of the maker', async (t) => {
  for (const failsBy of ['empty', 'denial', 'silence'] as const) {
    const client = new ModuleClient('plc-hplc', { stands: true, quirks: { failsBy }, faults: { liveUnitsPpm: 1_000_000 } })
    await client.wait(5_000)
    client.area.meter(client.address(0)).setDead(true)
    const silent = await client.monitor(0, 30_000)
    if (failsBy === 'silence') t.equal(silent, null)
    else t.match(silent, failsBy === 'denial' ? deny(8) : empty)
    client.module.faults = { ...client.module.faults, lostReadsPpm: 1_000_000 }
    const lost = await client.monitor(1, 60_000)
    if (failsBy === 'silence') t.equal(lost, null)
    else t.match(lost, failsBy === 'denial' ? deny(11) : empty)
  }
  const client = new ModuleClient('plc-hplc', { stands: true, faults: { liveUnitsPpm: 0 }, quirks: { checksProtocol: true } })
  await client.wait(5_000)
  client.area.meter(client.address(0)).setDead(true)
  t.match(await client.monitor(0), deny(12), 'its unit has no supply either')
  const wrongType: DownUnit = { name: 'monitor', protocol: 1, delayFlag: false, subNodes: [], payload: client.read(1) }
  t.match(await client.ask(wrongType, client.address(1)), deny(1))
  t.match(await client.ask({ ...wrongType, protocol: 2, payload: new Uint8Array() }, client.address(1)), deny(1))
  const later = new ModuleClient('plc-hplc', { stands: true, quirks: { absentBy: 'failure' }, faults: { liveUnitsPpm: 0 } })
  await later.wait(5_000)
  later.area.meter(later.address(0)).setDead(true)
  t.match(await later.monitor(0), empty)
})

await t.test('nodes leave and come back; a maker reports the last gasp', async (t) => {
  const from = marchFirst + 600_000
  const spans = [{ fromMs: from, toMs: from + 3_600_000 }]
  const client = new ModuleClient('plc-hplc', {
    stands: true,
    quirks: { lastGasp: true, failsBy: 'denial' },
    faults: { awaySpans: (address) => (address.endsWith('1') ? spans : []) },
  })
  await client.wait(5_000)
  client.say({ name: 'allow-reports', allowed: true })
  t.match(await client.monitor(0), { name: 'monitor' })
  await client.wait(610_000)
  t.match(await client.monitor(0), deny(11), 'not missed yet')
  await client.wait(900_000)
  t.match(await client.monitor(0), deny(12))
  t.match(client.of('meter-event'), [{ protocol: 4 }])
  await client.wait(3_600_000)
  t.match(await client.monitor(0), { name: 'monitor' })
})

await t.test('13F1 with the delay flag asks for the corrected frame', async (t) => {
  const client = new ModuleClient('plc-narrow', { stands: true })
  await client.wait(5_000)
  const corrected = client.read(1)
  client.respond = ({ unit }) => (unit.name === 'correct-frame' ? { name: 'correct-frame', payload: corrected } : null)
  const answer = await client.ask(
    { name: 'monitor', protocol: 2, delayFlag: true, subNodes: [], payload: client.read(0) },
    client.address(1),
  )
  t.match(answer, { name: 'monitor' })
  if (answer?.name === 'monitor') t.match(valueOf(decode645(answer.payload)), { address: client.address(1) })
  client.respond = ({ unit }) => (unit.name === 'correct-frame' ? { name: 'correct-frame', payload: new Uint8Array() } : null)
  const dropped = { name: 'monitor', protocol: 2, delayFlag: true, subNodes: [], payload: client.read(0) } as const
  t.match(await client.ask(dropped, client.address(1)), deny(1))
})

await t.test('the module leads: it asks for each node until nothing is left, reports each answer and the end', async (t) => {
  const client = new ModuleClient('plc-narrow', { stands: true })
  await client.wait(5_000)
  const left = new Map<string, number>(client.meters.map(({ address }) => [address, 2]))
  client.respond = (message) => {
    const { unit } = message
    if (message.afn === 6) return confirm
    if (unit.name !== 'next-frame' || !('address' in unit)) return null
    const reads = left.get(unit.address) ?? 0
    left.set(unit.address, reads - 1)
    const payload = reads > 0 ? encodeRequest(unit.address, { fn: 'read', di: '00010000', load: null }) : new Uint8Array()
    return { name: 'next-frame', readFlag: reads > 0 ? 2 : 1, delayFlag: false, payload, subNodes: [] }
  }
  t.match(await client.ask({ name: 'restart-routing' }), { name: 'confirm' })
  await client.wait(1_000)
  t.match(await client.monitor(0), deny(9), 'while it leads, nobody else does')
  await client.wait(300_000)
  t.equal(client.of('read-report').length, 24)
  for (const { payload } of client.of('read-report')) t.match(valueOf(decode645(payload)), { control: 0x91 })
  t.match(client.of('task-finished'), [{ finished: 1 }])
  t.equal(client.of('next-frame').length, 36)
  t.match(await client.ask({ name: 'run-state' }), { read: 12 })
  t.match(await client.ask({ name: 'pause-routing' }), { name: 'confirm' })
  t.match(await client.monitor(0), { name: 'monitor' })
  t.match(await client.ask({ name: 'resume-routing' }), { name: 'confirm' })
  await client.wait(1_000)
  const questions = client.of('next-frame').length
  t.match(await client.ask({ name: 'restart-routing' }), { name: 'confirm' })
  await client.wait(300)
  t.equal(client.of('next-frame').length, questions + 1, 'told to begin, it does not wait for its next look')
})

await t.test('a report that nobody confirms comes three times', async (t) => {
  const client = new ModuleClient('plc-hplc', { stands: true })
  await client.wait(5_000)
  client.respond = () => null
  client.say({ name: 'allow-reports', allowed: true })
  await client.wait(1_000)
  client.module.tellEvent(client.address(0), 2, Uint8Array.of(1, 2, 3))
  await client.wait(60_000)
  const events = client.heard.filter(({ message }) => message.unit.name === 'meter-event')
  t.equal(events.length, 3)
  t.equal(new Set(events.map(({ message }) => message.info.sequence)).size, 1)
})

await t.test('a search finds who is not in the archive, is told by the maker’s own report, and ends', async (t) => {
  for (const reportsFinds of ['06F1', '06F4'] as const) {
    const client = new ModuleClient('plc-narrow', { quirks: { reportsFinds, reportsJoins: false } })
    await client.wait(5_000)
    await client.add(0, 1, 2)
    const time = { year: 2026, month: 3, day: 1, hour: 0, minute: 0, second: 0 }
    t.match(await client.ask({ name: 'start-search', time, durationMin: 4, repeats: 1, timeSlices: 10 }), { name: 'confirm' })
    t.match(await client.monitor(0), deny(9))
    t.match(await client.ask({ name: 'run-state' }), { state: 1, working: true })
    await client.wait(300_000)
    const found = [
      ...client.of('nodes-registered').flatMap((unit) => unit.nodes),
      ...client.of('devices-registered').flatMap((unit) => unit.devices),
    ]
    t.equal(client.of(reportsFinds === '06F1' ? 'nodes-registered' : 'devices-registered').length, 9)
    t.strictSame(
      found.map(({ address }) => address).sort(),
      client.meters.slice(3).map(({ address }) => address),
    )
    t.match(client.of('task-finished'), [{ finished: 2 }])
    t.match(await client.ask({ name: 'registered-nodes', start: 1, count: 15 }), { total: 9 })
    t.match(await client.ask({ name: 'stop-search' }), { name: 'confirm' })
  }
})

await t.test('a broadcast takes its time, which is told beforehand, and reaches those in the network', async (t) => {
  const client = new ModuleClient('plc-narrow', { stands: true })
  await client.wait(6 * 3_600_000)
  const time = { year: 2026, month: 3, day: 1, hour: 6, minute: 1, second: 0 }
  const payload = encodeRequest(broadcastAddress, { fn: 'time-sync', time })
  t.match(await client.ask({ name: 'broadcast-delay', protocol: 2, payload }), { delaySeconds: Number })
  const confirmed = await client.ask({ name: 'broadcast', control: 2, payload })
  t.match(confirmed, { name: 'confirm' })
  if (confirmed?.name === 'confirm') t.ok((confirmed.waitSeconds ?? 0) >= 3)
  t.match(await client.monitor(0), deny(9))
  await client.wait(60_000)
  const hours = client.meters.map(({ address }) => new Date(client.area.truth(address).localMs).getUTCMinutes())
  t.ok(hours.every((minute) => minute === 1 || minute === 2))
})

await t.test('a radio waits 40 s after the last change of its archive, or is told to begin', async (t) => {
  const joinedAt = async (hurry: DownUnit | null): Promise<number> => {
    const client = new ModuleClient('wireless', { figures: { formMs: 1, levelMs: 1, spreadMs: 1 } })
    await client.wait(5_000)
    await client.add(0)
    const from = client.time.monotonic()
    if (hurry !== null) await client.ask(hurry)
    await client.time.runUntil(() => client.module.node(client.address(0)).inNetwork, 600_000)
    // Virtual time goes from timer to timer: one a second is enough here.
    return client.time.monotonic() - from
  }
  t.ok((await joinedAt(null)) >= 40_000)
  t.ok((await joinedAt({ name: 'start-networking' })) < 40_000)
  const client = new ModuleClient('wireless', { stands: true })
  await client.wait(5_000)
  t.match(await client.ask({ name: 'radio-nodes', start: 1, count: 20 }), { total: 12 })
})

await t.test('faults: denials, answers that are mute, double or late, a module that hangs, planned events', async (t) => {
  const busy = new ModuleClient('plc-hplc', { stands: true, faults: { deniedPpm: 1_000_000 } })
  await busy.wait(5_000)
  t.match(await busy.monitor(0), deny(9))
  const mute = new ModuleClient('plc-hplc', { stands: true, faults: { mutePpm: 1_000_000 } })
  await mute.wait(60_000)
  t.equal(mute.heard.length, 0)
  const twice = new ModuleClient('plc-hplc', { stands: true, faults: { twicePpm: 1_000_000 } })
  await twice.wait(5_000)
  await twice.ask({ name: 'main-node' })
  await twice.wait(5_000)
  t.equal(twice.of('main-node').length, 2)
  const late = new ModuleClient('plc-hplc', { stands: true, faults: { latePpm: 1_000_000, lateMsMax: 20_000 } })
  await late.wait(60_000)
  const from = late.time.monotonic()
  for (let times = 0; times < 10; times++) await late.ask({ name: 'main-node' })
  t.ok(late.time.monotonic() - from > 10_000)
  const hung = new ModuleClient('plc-hplc', {
    stands: true,
    faults: { hungSpans: [{ fromMs: marchFirst + 60_000, toMs: marchFirst + 120_000 }] },
  })
  await hung.wait(61_000)
  t.equal(await hung.ask({ name: 'main-node' }, null, 5_000), null)
  await hung.wait(60_000)
  t.match(await hung.ask({ name: 'main-node' }), { name: 'main-node' })
  const events = [
    { atMs: marchFirst + 60_000, what: { kind: 'restart' } },
    { atMs: marchFirst + 120_000, what: { kind: 'lose-archive' } },
    { atMs: marchFirst + 180_000, what: { kind: 'replace', by: { vendor: 'ZZ' } } },
  ] as const
  const planned = new ModuleClient('plc-hplc', { stands: true, faults: { ...noModuleFaults, events } })
  await planned.wait(100_000)
  t.equal(planned.of('run-mode').length, 2)
  await planned.wait(30_000)
  t.match(await planned.ask({ name: 'node-count' }), { nodeCount: 0 })
  await planned.wait(60_000)
  t.match(await planned.ask({ name: 'vendor-version' }), { vendor: 'ZZ' })
  t.equal(planned.of('run-mode').length, 3)
})

await t.test('noise on the wire to the module spoils frames, and no frame is believed that is not whole', async (t) => {
  const client = new ModuleClient(
    'plc-hplc',
    { stands: true },
    { faults: { flippedPpm: 300_000, noisePpm: 300_000, truncatedPpm: 100_000 } },
  )
  await client.wait(5_000)
  let answered = 0
  for (let times = 0; times < 60; times++) if ((await client.monitor(times % 12, 20_000)) !== null) answered++
  t.ok(answered > 15 && answered < 60)
  for (const { bytes } of client.heard) t.ok(decodeFrame(bytes).ok)
})

await t.test('modules ask for the clock once a day', async (t) => {
  const client = new ModuleClient('plc-hplc', { stands: true, quirks: { asksClock: true, reportsJoins: false } })
  client.respond = ({ unit }) =>
    unit.name === 'clock' ? { name: 'clock', time: { year: 2026, month: 3, day: 1, hour: 0, minute: 1, second: 0 } } : null
  await client.wait(2 * dayMs)
  t.equal(client.of('clock').length, 2)
})

await t.test('a new node finds a place, and one that goes is not found', async (t) => {
  const client = new ModuleClient('plc-hplc', { stands: true })
  await client.wait(5_000)
  client.area.replace(client.address(0), '123456789012', 100)
  t.match(await client.monitor(0), deny(12))
  await client.ask({ name: 'add-nodes', nodes: [{ address: '123456789012', protocol: 2 }] })
  await client.wait(300_000)
  t.ok(client.module.node('123456789012').inNetwork)
})
