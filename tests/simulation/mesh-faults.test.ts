import t, { type Test } from 'tap'
import { moduleVendors, type LinkPlan, type ModuleFaults, type ModulePlan } from '../../drivers/simulated/index.js'
import { epochMs, monotonicMs, toLocal, type Meter } from '../../src/model/index.js'
import { hourMs, marchFirst } from '../helpers/simulated-meter.js'
import { energyRead, meshBench, timeBroadcast, type MeshBench } from '../helpers/mesh-area.js'
import { broadcastAddress, decodeFrame, decodeRegister, encodeRequest, parseReply } from '../../src/protocols/dlt645/index.js'
import { valueOf } from '../helpers/outcome.js'
import { intsOf } from '../helpers/settle-session.js'

const utcOffsetMinutes = 480
const media = ['plc-hplc', 'plc-narrow', 'wireless'] as const

interface Case {
  readonly title: string
  readonly module: ModulePlan
  readonly link?: Partial<LinkPlan>
}

const faulty = (title: string, faults: Partial<ModuleFaults>, more: Partial<ModulePlan> = {}): Case => ({
  title,
  module: { stands: true, faults, ...more },
})
const minute = (count: number): number => marchFirst + count * 60_000

const cases: readonly Case[] = [
  faulty('a new module, whose network has to be built', {}, { stands: false }),
  faulty('hops lose one frame in five', { hopLossPpm: 200_000, weakNodesPpm: 200_000 }),
  faulty('one read in twenty never comes back', { lostReadsPpm: 50_000 }),
  faulty('one request in ten is denied as busy', { deniedPpm: 100_000 }),
  faulty('one answer in twenty is mute', { mutePpm: 50_000 }),
  faulty('one answer in five comes twice', { twicePpm: 200_000 }),
  faulty('one answer in ten is late, some beyond every deadline', { latePpm: 100_000, lateMsMax: 150_000 }),
  faulty('it hangs for ten minutes', { hungSpans: [{ fromMs: minute(6), toMs: minute(16) }] }),
  faulty('it restarts', { events: [{ atMs: minute(6), what: { kind: 'restart' } }] }),
  faulty('it loses its archive', { events: [{ atMs: minute(6), what: { kind: 'lose-archive' } }] }),
  faulty('it is replaced by another maker’s', {
    events: [{ atMs: minute(6), what: { kind: 'replace', by: moduleVendors.terse } }],
  }),
  {
    ...faulty('the wire to it is noisy', {}),
    link: {
      faults: { flippedPpm: 30_000, noisePpm: 50_000, truncatedPpm: 10_000, duplicatedPpm: 20_000, lostRequestsPpm: 10_000 },
    },
  },
  faulty('meters leave and come back', {
    awaySpans: (address) => (address.endsWith('3') ? [{ fromMs: minute(4), toMs: minute(30) }] : []),
  }),
]

/** The energy a reply tells; it must be the meter's own. */
function energyIn(frame: Uint8Array, address: string): number | null {
  const decoded = valueOf(decodeFrame(frame))
  if (decoded.address !== address) throw new Error(`${decoded.address} answered for ${address}`)
  const reply = valueOf(parseReply(decoded))
  if (reply.kind !== 'reply' || !('di' in reply) || !('data' in reply)) throw new Error('no data')
  return intsOf(valueOf(decodeRegister(reply.di, reply.data)))[0] ?? null
}

/** Reads every meter until it has answered, through whatever happens, as a collector would. @returns tries that failed */
async function readAll(t: Test, bench: MeshBench, limitMs: number): Promise<number> {
  const { bus, time } = bench
  const waiting = new Set(bench.meters)
  const until = time.monotonic() + limitMs
  let failed = 0
  while (waiting.size > 0 && time.monotonic() < until) {
    if (!bus.isUp()) await time.runFor(5_000)
    const batch = bus.isUp() ? [...waiting].slice(0, Math.min(bus.capabilities.concurrency, 10)) : []
    const read = await bench.run(Promise.all(batch.map((meter) => readOne(t, bench, meter))))
    for (const [index, meter] of batch.entries()) {
      waiting.delete(meter)
      if (read[index] === true) continue
      failed++
      waiting.add(meter)
    }
    if (read.includes(false)) await time.runFor(1_000)
  }
  t.strictSame(
    [...waiting].map(({ address }) => address),
    [],
    'every meter was read',
  )
  return failed
}

/** One exchange; what it brings must be what the meter showed meanwhile. */
async function readOne(t: Test, { bus, area, time }: MeshBench, meter: Meter): Promise<boolean> {
  const before = area.truth(meter.address).forward[0] ?? 0
  const outcome = await bus.exchange(energyRead(meter), monotonicMs(time.monotonic() + 300_000))
  if (outcome.kind !== 'reply') return false
  const energy = energyIn(outcome.frame, meter.address) ?? -1
  const after = area.truth(meter.address).forward[0] ?? 0
  if (energy < before || energy > after) t.fail(`${meter.address} read ${energy}, has ${before} to ${after}`)
  return true
}

for (const { title, module, link } of cases) {
  for (const kind of media) {
    await t.test(`${kind}: ${title}`, async (t) => {
      const bench = meshBench({ link: { kind, meters: 12, module, ...link }, area: { seed: 11 } })
      await bench.up()
      const failed = await readAll(t, bench, 2 * hourMs)
      await bench.time.runFor(Math.max(0, 7 * 60_000 - bench.time.monotonic()))
      const failedLater = await readAll(t, bench, 3 * hourMs)
      t.comment(`${failed} and ${failedLater} tries failed; up after ${bench.time.monotonic()} ms`)
      t.equal(bench.module.archiveSize, 12)
    })
  }
}

for (const kind of media) {
  await t.test(`${kind}: a broadcast freeze and a broadcast time reach every meter`, async (t) => {
    const bench = meshBench({ link: { kind, meters: 8, module: { stands: true } } })
    await bench.up()
    const freeze = { month: null, day: null, hour: null, minute: null }
    const bytes = encodeRequest(broadcastAddress, { fn: 'freeze', moment: freeze })
    const frozen = () => bench.meters.map(({ address }) => bench.area.meter(address).physics.commanded.count)
    t.same([...new Set(frozen())], [0])
    t.equal((await bench.ask({ ...timeBroadcast(), bytes, isWrite: true })).kind, 'sent')
    await bench.time.runFor(60_000)
    t.same([...new Set(frozen())], [1], 'each has frozen once')
    for (const { address } of bench.meters) {
      const { clock } = bench.area.meter(address)
      clock.set(clock.localAt(bench.area.now()) + 90_000, bench.area.now())
    }
    const timeAt = (at: number): Uint8Array =>
      encodeRequest(broadcastAddress, { fn: 'time-sync', time: toLocal(epochMs(at), utcOffsetMinutes) })
    // Meters ignore a time that comes near midnight.
    await bench.time.runFor(hourMs)
    const delayMs = await bench.run(bench.bus.network?.broadcastDelayMs?.(timeAt(marchFirst)) ?? Promise.resolve(null))
    const now = Math.ceil(bench.time.wall().at / 1000) * 1000
    await bench.time.runFor(now - bench.time.wall().at)
    const set = timeAt(now + Math.round((delayMs ?? 0) / 1000) * 1000)
    t.equal((await bench.ask({ ...timeBroadcast(), bytes: set, isWrite: true })).kind, 'sent')
    await bench.time.runFor(60_000)
    const wrongMs = bench.meters.map(({ address }) => {
      const { clock } = bench.area.meter(address)
      return Math.abs(clock.localAt(bench.area.now()) - bench.area.now() - utcOffsetMinutes * 60_000)
    })
    t.comment(`${delayMs} ms; wrong by ${wrongMs.join(', ')} ms`)
    t.ok(Math.max(...wrongMs) < 1_500, 'each has set its clock, and the way there was allowed for')
  })
}

await t.test('the same seed takes the same way through every fault', async (t) => {
  const run = async (): Promise<string> => {
    const faults = {
      hopLossPpm: 200_000,
      deniedPpm: 50_000,
      mutePpm: 50_000,
      twicePpm: 50_000,
      latePpm: 50_000,
      lateMsMax: 60_000,
    }
    const bench = meshBench({ link: { kind: 'plc-hplc', meters: 12, module: { faults }, faults: { flippedPpm: 20_000 } } })
    await bench.up()
    await readAll(t, bench, hourMs)
    await bench.ask(timeBroadcast())
    return JSON.stringify([
      bench.time.monotonic(),
      bench.bus.trace().map(({ at, bytes }) => [at, Buffer.from(bytes).toString('hex')]),
    ])
  }
  t.equal(await run(), await run())
})
