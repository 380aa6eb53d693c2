import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { epochMs, streams } from '../../src/model/index.js'
import { noTasks, quickTasks } from '../helpers/e2e-site.js'
import {
  type Held,
  deliveryProblems,
  openProblems,
  ledgerProblems,
  paymentProblems,
  readHeld,
  relayProblems,
  slotProblems,
} from '../helpers/storm-checks.js'
import { Clerk, isOver } from '../helpers/storm-clerk.js'
import { until } from '../helpers/uplink-bench.js'
import { StormWorld, killBrokers, killDaemons, liveOn } from '../helpers/storm-world.js'

const factor = process.env['WATTKEEP_FULL'] === '1' ? 4 : 1
const daemonKills = Number(process.env['DAEMON_KILLS'] ?? 50 * factor)
const brokerKills = Number(process.env['BROKER_KILLS'] ?? 20 * factor)
/** A limit against hanging. */
const limitMs = 590_000 * factor
const slotSeconds = 3
/** Deliveries until nothing is left; each start says something of itself. */
const roundsMax = 5

t.setTimeout(limitMs)

await t.test(`${daemonKills} kills of the daemon and ${brokerKills} of the broker lose, double and repeat nothing`, async (t) => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}: run it again with SEED=${seed}`)
  const startedAt = performance.now()
  const world = new StormWorld({
    buses: 2,
    meters: 4,
    seed,
    baud: 9600,
    terminals: true,
    lostPercent: 4,
    tasks: quickTasks(slotSeconds),
  })
  t.teardown(() => world.close())
  await world.open()
  world.startDaemon()
  await world.ready()
  for (const meter of world.meters) await world.area.ask({ do: 'load', meter, watts: 30_000 })
  const clerk = new Clerk(world, world.meters.length - 2)
  await clerk.openAccounts()
  // The box's own memory of its slots begins with the first that ended.
  await until('the first readings are delivered', () => world.marks().curve >= world.meters.length)

  const from = epochMs(Date.now())
  const storm = new AbortController()
  const people = Promise.all([clerk.work(storm.signal), liveOn(world, storm.signal)])
  await Promise.race([Promise.all([killDaemons(world, daemonKills), killBrokers(world, brokerKills)]), people])
  storm.abort()
  const [, pressed] = await people
  const stormS = (performance.now() - startedAt) / 1000

  for (const meter of world.meters) await world.area.ask({ do: 'load', meter, watts: 0 })
  for (const { link } of world.area.links) await world.area.setFaults(link, { lostRequestsPpm: 0, lostRepliesPpm: 0 })
  await clerk.settled()
  const to = epochMs(Date.now())
  await pause(slotSeconds * 1000)
  world.writeSite(noTasks)
  let held: Held | null = null
  for (let round = 0; round < roundsMax; round++) {
    const { code, tookMs } = await world.daemon.stop()
    t.equal(code, 0, 'a clean stop')
    t.ok(tookMs < 5_000, 'within 5 s')
    world.noteErrors()
    held = await readHeld(world.copyDatabase(), world.config, clerk.accounts)
    const { hi } = held
    if (streams.every((stream) => world.marks()[stream] === hi[stream])) break
    world.startDaemon()
    await world.ready()
    await world.quiet(2_000)
  }
  if (held === null) throw new Error('the daemon was never stopped')

  const { archive } = world.station
  const actions = new Map<string, Awaited<ReturnType<typeof world.area.relayActions>>>()
  for (const meter of world.meters) actions.set(meter, await world.area.relayActions(meter))
  t.strictSame(deliveryProblems(archive, held), [], 'the master has every record once, as the daemon holds it')
  t.strictSame(ledgerProblems(archive, held, clerk.accounts), [], 'balance = sum of entries = the master’s copy')
  t.strictSame(paymentProblems(held, clerk.payments, clerk.wrongPayments), [], 'each payment is credited once')
  t.strictSame(relayProblems(held, actions), [], 'no relay order was carried out twice')
  t.strictSame(openProblems(held), [], 'every order came to its end')
  const quick = { id: 'quick', stream: 'curve', cron: `*/${slotSeconds} * * * * *` } as const
  t.strictSame(slotProblems(held, quick, { from, to, meters: world.meters }), [], 'each slot ended as one record')
  t.strictSame(slotProblems(held, { ...quick, id: 'freeze', stream: 'freeze' }, { from, to, meters: [] }), [], 'so did freezes')
  t.strictSame(world.errors, [], 'no daemon complained')
  t.strictSame(world.unsafe, [], 'money was safe after each start')
  const { counts } = world
  const { hi } = held
  t.match(counts, { daemonKills, brokerKills }, 'all kills took place')

  const [received] = archive.all<{ received: number; duplicates: number }>('SELECT received, duplicates FROM concentrator')
  const trips = [...actions.values()].flat().filter(({ command, accepted }) => command === 'trip' && accepted).length
  const permits = [...actions.values()].flat().filter(({ command, accepted }) => command === 'permit-to-close' && accepted).length
  const rows = clerk.rows()
  t.ok(trips > 0 && permits > 0 && pressed > 0 && clerk.payments.length > 0, 'there was something to be seen')
  t.comment(
    `storm ${stormS.toFixed(0)} s, all ${((performance.now() - startedAt) / 1000).toFixed(0)} s; starts ${counts.starts}, ready after ${Math.round(Math.max(...world.readyMs))} ms at the latest, ` +
      `kills before ready ${counts.killsBeforeReady}; records ${streams.map((stream) => `${stream} ${hi[stream]}`).join(', ')}; ` +
      `on the wire ${received?.duplicates} duplicates beside ${received?.received} records; payments ${clerk.payments.length}, ` +
      `orders ${rows.length} (${rows.filter((row) => !isOver(row)).length} open), relay: ${trips} trips, ${permits} permits, ` +
      `${pressed} closed by their customers; attempts beyond the first ${held.orders.filter(({ attempts }) => attempts > 1).length}`,
  )
})
