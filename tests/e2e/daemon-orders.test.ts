import t, { type Test } from 'tap'
import { signEnvelope } from '../../src/control/envelope.js'
import { epochMs, keyId, meterId, type OrderBody } from '../../src/model/index.js'
import { noTasks, siteConcentrator } from '../helpers/e2e-site.js'
import { FieldWorld } from '../helpers/field-world.js'
import { newMasterKey, until } from '../helpers/uplink-bench.js'

const limitMs = 300_000
const everyExchange = 1_000_000
const meter = meterId('m1-001')
const trip: OrderBody = { kind: 'disconnect', meter }

t.setTimeout(limitMs)

async function fieldOf(t: Test): Promise<FieldWorld> {
  const world = new FieldWorld({ buses: 1, meters: 3, seed: 7, baud: 9600, terminals: false, tasks: noTasks })
  t.teardown(() => world.close())
  await world.open()
  world.startDaemon()
  await world.ready()
  return world
}

async function takenTrips(world: FieldWorld): Promise<number> {
  const actions = await world.area.relayActions(meter)
  return actions.filter(({ command, accepted }) => command === 'trip' && accepted).length
}

await t.test('killed between a trip and its reply, the daemon verifies first and trips no second time', async (t) => {
  const world = await fieldOf(t)
  await world.area.setFaults('bus1', { lostRepliesPpm: everyExchange })
  const { id } = world.station.order(siteConcentrator, trip)
  while ((await takenTrips(world)) === 0);
  await world.killDaemon()
  await world.area.setFaults('bus1', { lostRepliesPpm: 0 })
  world.startDaemon()
  t.match(await world.ended(id), { state: 'journalled', stage: 'done' })
  t.equal(await takenTrips(world), 1)
  t.match(world.records('result').at(-1), { kind: 'disconnect', stage: 'done', attempts: 1, evidence: { contact: 'open' } })
  t.strictSame(world.errors, [])
})

await t.test('killed with a trip that never arrived, the daemon verifies first and then trips once', async (t) => {
  const world = await fieldOf(t)
  await world.area.setFaults('bus1', { lostRequestsPpm: everyExchange })
  const before = await world.area.requests('bus1')
  const { id } = world.station.order(siteConcentrator, trip)
  while ((await world.area.requests('bus1')) === before);
  await world.killDaemon()
  t.equal(await takenTrips(world), 0)
  await world.area.setFaults('bus1', { lostRequestsPpm: 0 })
  world.startDaemon()
  t.match(await world.ended(id), { state: 'journalled', stage: 'done' })
  t.equal(await takenTrips(world), 1)
  t.match(
    world.records('result').at(-1),
    { stage: 'done', attempts: 2 },
    'the second after the meter had shown that it did not act',
  )
})

await t.test('a trip and the permission right after it act once each, in this order', async (t) => {
  const world = await fieldOf(t)
  const ids = [trip, { kind: 'permit-to-close', meter } as const, trip].map(
    (body, index) => world.station.order(siteConcentrator, body, 60_000 + index * 1_000).id,
  )
  for (const id of ids) t.match(await world.ended(id), { stage: 'done' })
  const taken = (await world.area.relayActions(meter)).filter(({ accepted }) => accepted)
  t.strictSame(
    taken.map(({ command }) => command),
    ['trip', 'permit-to-close', 'trip'],
  )
})

await t.test(
  'orders that are replayed, late, early, forged, foreign or no orders are refused, and the master hears of it',
  async (t) => {
    const world = await fieldOf(t)
    const { station, key } = world
    const now = Date.now()
    const sign = (change: { concentrator?: string; number?: number; from?: number; to?: number }, by = key) =>
      signEnvelope(keyId(by.id), by.key, {
        concentrator: change.concentrator ?? siteConcentrator,
        number: change.number ?? 1_000,
        notBefore: epochMs(change.from ?? now - 60_000),
        expiry: epochMs(change.to ?? now + 600_000),
        body: trip,
      })
    const first = await world.order({ kind: 'permit-to-close', meter })
    t.match(first, { stage: 'done' })
    const [good, other] = [sign({}), newMasterKey(key.id)]
    const bad: Readonly<Record<string, string>> = {
      replayed: first.envelope,
      expired: sign({ to: now - 1_000 }),
      'not-yet': sign({ from: now + 300_000 }),
      forged: sign({}, other),
      'unknown-key': sign({}, newMasterKey('nobody')),
      foreign: sign({ concentrator: 'DCU-OTHER' }),
      malformed: good.slice(0, -9),
    }
    for (const [reason, envelope] of Object.entries(bad)) {
      station.sendEnvelope(siteConcentrator, envelope)
      const isTold = () => world.events('order.refused').some(({ detail }) => detail['reason'] === reason)
      await until(`the master hears of one that is ${reason}`, isTold)
    }
    t.equal(await takenTrips(world), 0)
    station.sendEnvelope(siteConcentrator, good)
    await until('the good one is done', () =>
      world.records('result').some((body) => body['kind'] === 'disconnect' && body['stage'] === 'done'),
    )
    station.sendEnvelope(siteConcentrator, good)
    await until(
      'and only once',
      () => world.events('order.refused').filter(({ detail }) => detail['reason'] === 'replayed').length === 2,
    )
    t.equal(await takenTrips(world), 1)
    t.strictSame(world.daemon.errors, [])
  },
)
