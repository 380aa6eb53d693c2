import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { meterId, type OrderBody } from '../../src/model/index.js'
import { noTasks, quickTasks, siteConcentrator, type SiteOptions } from '../helpers/e2e-site.js'
import { FieldWorld } from '../helpers/field-world.js'
import { freePort } from '../helpers/mosquitto.js'
import { startMute } from '../helpers/mute-peer.js'
import { startTcpRelay } from '../helpers/tcp-relay.js'

const everyExchange = 1_000_000

t.setTimeout(300_000)

async function fieldOf(t: Test, tasks: string): Promise<FieldWorld> {
  const world = new FieldWorld({ buses: 2, meters: 3, seed: 9, baud: 1200, terminals: false, tasks })
  t.teardown(() => world.close())
  await world.open()
  return world
}

async function judge(t: Test, world: FieldWorld, when: string): Promise<void> {
  const { code, signal, tookMs } = await world.daemon.stop()
  // The daemon counts its 5 s itself and ends by force after them, with another status: no load on this machine adds to them.
  t.match([code, signal], [0, null], `${when}: a clean end`)
  t.comment(`${when}: in ${Math.round(tookMs)} ms`)
  t.strictSame(world.daemon.errors, [], `${when}: no complaint`)
}

await t.test('a clean stop takes less than 5 s while everything works', async (t) => {
  const world = await fieldOf(t, noTasks)
  world.startDaemon()
  await world.ready()
  await judge(t, world, 'idle')

  world.writeSite(quickTasks(2))
  world.startDaemon()
  await world.ready()
  await pause(1_500)
  await judge(t, world, 'in the middle of exchanges')

  await world.area.setFaults('bus1', { lostRepliesPpm: everyExchange })
  world.startDaemon()
  await world.ready()
  const trip: OrderBody = { kind: 'disconnect', meter: meterId('m1-001') }
  const { id } = world.station.order(siteConcentrator, trip)
  await world.daemon.saying('order-journalled')
  await judge(t, world, 'with an order on its way')
  await world.area.setFaults('bus1', { lostRepliesPpm: 0 })
  world.startDaemon()
  t.match(await world.ended(id), { stage: 'done' }, 'the order is brought to its end by the next process')
  await world.broker.kill()
  await judge(t, world, 'right after the broker was killed')
})

await t.test('a clean stop takes less than 5 s with nobody at the other end', async (t) => {
  const world = await fieldOf(t, noTasks)
  const [mute, other] = [await startMute(), await startMute()]
  const relay = await startTcpRelay(world.broker.port)
  t.teardown(() => Promise.all([mute.close(), other.close(), relay.close()]))
  const dead = `127.0.0.1:${await freePort()}`
  const gone = { bus1: `tcp://${dead}`, bus2: `serial:${world.folder}/tty2?baud=2400` }
  const mutes = { bus1: `tcp://${mute.address}`, bus2: `tcp://${other.address}` }
  const cases: Readonly<Record<string, Partial<SiteOptions>>> = {
    'a broker that is not there': { brokers: [`mqtt://${dead}`] },
    'a broker that accepts and says nothing': { brokers: [`mqtt://${mute.address}`] },
    'a server and a terminal that are not there': { urls: gone },
    'servers that accept and say nothing': { urls: mutes },
    'nobody anywhere': { brokers: [`mqtt://${mute.address}`], urls: mutes },
  }
  for (const [when, changes] of Object.entries(cases)) {
    world.writeSite(quickTasks(2), changes)
    world.startDaemon()
    await world.ready()
    await pause(1_500)
    await judge(t, world, when)
  }
  world.writeSite(quickTasks(2), { brokers: [relay.url] })
  world.startDaemon()
  await world.ready()
  t.match(await world.order({ kind: 'read-now', meter: meterId('m1-001'), registers: ['0001FF00'] }), { stage: 'done' })
  relay.blackhole()
  await judge(t, world, 'a link to the broker that went silent')
})

await t.test('whenever it is told to stop during its start, the daemon ends at once and in order', async (t) => {
  const world = await fieldOf(t, quickTasks(2))
  world.startDaemon()
  await world.ready()
  const readyMs = Math.min(2_000, performance.now() - world.daemon.spawnedAt)
  await judge(t, world, 'after the first start')
  for (let step = 1; step <= 12; step++) {
    const afterMs = (readyMs * step) / 10
    const daemon = world.startDaemon()
    await pause(afterMs)
    const { code, signal, tookMs } = await daemon.stop()
    const isClean = code === 0 || signal === 'SIGTERM'
    t.ok(isClean, `after ${Math.round(afterMs)} ms: ${signal ?? code} in ${Math.round(tookMs)} ms ${daemon.said}`)
    t.strictSame(daemon.errors, [], 'no complaint')
  }
  world.startDaemon()
  await world.ready()
  t.strictSame(world.unsafe, [], 'and nothing was harmed')
})
