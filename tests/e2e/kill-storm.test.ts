import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { RelayAction } from '../../drivers/simulated/index.js'
import { epochMs, streams, type EpochMs } from '../../src/model/index.js'
import { noTasks, quickTasks } from '../helpers/e2e-site.js'
import { FieldWorld } from '../helpers/field-world.js'
import {
  type Held,
  deliveryProblems,
  ledgerProblems,
  openProblems,
  paymentProblems,
  readHeld,
  relayProblems,
  slotProblems,
} from '../helpers/storm-checks.js'
import { Clerk } from '../helpers/storm-clerk.js'
import { killBrokers, killDaemons, liveOn } from '../helpers/storm-actors.js'
import { until } from '../helpers/uplink-bench.js'

const isFull = process.env['WATTKEEP_FULL'] === '1'
const daemonKills = Number(process.env['DAEMON_KILLS'] ?? (isFull ? 200 : 25))
const brokerKills = Number(process.env['BROKER_KILLS'] ?? (isFull ? 80 : 10))
/** A limit against hanging. */
const limitMs = isFull ? 2_400_000 : 590_000
const slotSeconds = 3
/** Deliveries until nothing is left; each start says something of itself. */
const roundsMax = 5

/** What the storm leaves behind for those who judge it. */
interface Storm {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly pressed: number
  readonly tookMs: number
}

t.setTimeout(limitMs)

await t.test(`${daemonKills} kills of the daemon and ${brokerKills} of the broker lose, double and repeat nothing`, async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}: run it again with SEED=${seed}`)
  const tasks = quickTasks(slotSeconds)
  const world = new FieldWorld({ buses: 2, meters: 4, seed, baud: 9600, terminals: true, lostPercent: 4, tasks })
  t.teardown(() => world.close())
  await world.open()
  world.startDaemon()
  await world.ready()
  const clerk = new Clerk(world, world.meters.length - 2)
  const storm = await rage(world, clerk)
  const held = await calm(t, world, clerk)

  const { archive } = world.station
  const actions = new Map<string, readonly RelayAction[]>()
  for (const meter of world.meters) actions.set(meter, await world.area.relayActions(meter))
  t.strictSame(deliveryProblems(archive, held), [], 'the master has every record once, as the daemon holds it')
  t.strictSame(ledgerProblems(archive, held, clerk.accounts), [], 'balance = sum of entries = the master’s copy')
  t.strictSame(paymentProblems(held, clerk.payments, clerk.wrongPayments), [], 'each payment is credited once')
  t.strictSame(relayProblems(held, actions), [], 'no relay order was carried out twice')
  t.strictSame(openProblems(held), [], 'every order came to its end')
  const quick = { id: 'quick', stream: 'curve', cron: `*/${slotSeconds} * * * * *` } as const
  t.strictSame(slotProblems(held, quick, { ...storm, meters: world.meters }), [], 'each slot ended as one record')
  t.strictSame(slotProblems(held, { ...quick, id: 'freeze', stream: 'freeze' }, { ...storm, meters: [] }), [], 'so did freezes')
  t.strictSame(world.errors, [], 'no daemon complained')
  t.strictSame(world.unsafe, [], 'money was safe after each start')
  t.match(world.counts, { daemonKills, brokerKills }, 'all kills took place')
  tellFigures(t, world, { clerk, held, storm, actions: [...actions.values()].flat() })
})

/** Everything works, and daemon and broker are killed all the time. */
async function rage(world: FieldWorld, clerk: Clerk): Promise<Storm> {
  for (const meter of world.meters) await world.area.ask({ do: 'load', meter, watts: 30_000 })
  await clerk.openAccounts()
  // The box's own memory of its slots begins with the first that ended.
  await until('the first readings are delivered', () => world.marks().curve >= world.meters.length)
  const startedAt = performance.now()
  const from = epochMs(Date.now())
  const over = new AbortController()
  const people = Promise.all([clerk.work(over.signal), liveOn(world, over.signal)])
  await Promise.race([Promise.all([killDaemons(world, daemonKills), killBrokers(world, brokerKills)]), people])
  over.abort()
  const [, pressed] = await people
  const tookMs = performance.now() - startedAt
  for (const meter of world.meters) await world.area.ask({ do: 'load', meter, watts: 0 })
  for (const { link } of world.area.links) await world.area.setFaults(link, { lostRequestsPpm: 0, lostRepliesPpm: 0 })
  const to = epochMs(Date.now())
  await clerk.settled()
  // The slot of a meter that fell silent ends with its window of a minute; until then its record is owed, not missing.
  await pause(60_000 + 2 * slotSeconds * 1000)
  return { from, to, pressed, tookMs }
}

/** Lets what is owed be delivered, stops the daemon cleanly, and gives what its database holds then. */
async function calm(t: Test, world: FieldWorld, clerk: Clerk): Promise<Held> {
  world.writeSite(noTasks)
  for (let round = 1; ; round++) {
    const { code, tookMs } = await world.daemon.stop()
    t.equal(code, 0, 'a clean stop')
    t.ok(tookMs < 5_000, 'within 5 s')
    world.noteErrors()
    const held = await readHeld(world.copyDatabase(), world.config, clerk.accounts)
    if (round >= roundsMax || streams.every((stream) => world.marks()[stream] === held.hi[stream])) return held
    world.startDaemon()
    await world.ready()
    await world.quiet(2_000)
  }
}

interface Outcome {
  readonly clerk: Clerk
  readonly held: Held
  readonly storm: Storm
  readonly actions: readonly RelayAction[]
}

function tellFigures(t: Test, world: FieldWorld, { clerk, held, storm, actions }: Outcome): void {
  const { counts, station } = world
  const [wire] = station.archive.all<{ received: number; duplicates: number }>('SELECT received, duplicates FROM concentrator')
  const accepted = (wanted: string) => actions.filter(({ command, accepted: taken }) => command === wanted && taken).length
  const [trips, permits] = [accepted('trip'), accepted('permit-to-close')]
  t.ok(trips > 0 && permits > 0 && clerk.payments.length > 0, 'there was something to be seen')
  t.comment(
    `storm ${Math.round(storm.tookMs / 1000)} s; starts ${counts.starts}, kills before ready ${counts.killsBeforeReady}, ` +
      `ready after ${Math.round(Math.max(...world.readyMs))} ms at the latest; ` +
      `records ${streams.map((stream) => `${stream} ${held.hi[stream]}`).join(', ')}; ` +
      `on the wire ${wire?.duplicates} duplicates beside ${wire?.received} records; ` +
      `orders ${clerk.orders.length}, payments ${clerk.payments.length}; ${trips} trips, ${permits} permits, ` +
      `${storm.pressed} closed by their customers; ${held.orders.filter(({ attempts }) => attempts > 1).length} orders sent again`,
  )
}
