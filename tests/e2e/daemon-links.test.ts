import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { meterId, streams, type OrderBody } from '../../src/model/index.js'
import { startWires } from '../../scripts/wire-process.js'
import { noTasks, quickTasks, siteConcentrator } from '../helpers/e2e-site.js'
import { FieldWorld } from '../helpers/field-world.js'
import { startMute } from '../helpers/mute-peer.js'
import { deliveryProblems, readHeld } from '../helpers/storm-checks.js'
import { startTcpRelay } from '../helpers/tcp-relay.js'
import { until } from '../helpers/uplink-bench.js'

const readNow = { kind: 'read-now', meter: meterId('m1-001'), registers: ['0001FF00'] } as const
const registers = ['0001FF00', '0002FF00', '0201FF00', '0202FF00', '0203FF00', '040005FF', '0400010C']

t.setTimeout(300_000)

/** Stops the daemon and compares what it holds with what the master has. */
async function missing(world: FieldWorld): Promise<readonly string[]> {
  world.writeSite(noTasks)
  for (let round = 1; ; round++) {
    await world.daemon.stop()
    const held = await readHeld(world.copyDatabase(), world.config, [])
    const isAll = streams.every((stream) => world.marks()[stream] === held.hi[stream])
    if (isAll || round === 5) return deliveryProblems(world.station.archive, held)
    world.startDaemon()
    await world.ready()
    await world.quiet(1_500)
  }
}

await t.test('lesson 9: a link that goes silent without a word loses nothing, and is noticed', async (t) => {
  const world = new FieldWorld({ buses: 1, meters: 3, seed: 11, baud: 9600, terminals: false, tasks: noTasks })
  t.teardown(() => world.close())
  await world.open()
  const relay = await startTcpRelay(world.broker.port)
  t.teardown(() => relay.close())
  world.writeSite(quickTasks(2), { brokers: [relay.url], masterLines: ['    keepAliveSeconds: 10'] })
  world.startDaemon()
  await world.ready()
  t.match(await world.order(readNow), { stage: 'done' })
  relay.blackhole()
  const { id } = world.station.order(siteConcentrator, readNow)
  await pause(1_000)
  relay.restore()
  t.match(await world.ended(id, 60_000), { stage: 'done' })
  t.strictSame(await missing(world), [])
  t.strictSame(world.errors, [])
})

await t.test('lesson 12: what is collected while the broker stands still is delivered afterwards', async (t) => {
  const world = new FieldWorld({ buses: 1, meters: 4, seed: 12, baud: 9600, terminals: false, tasks: quickTasks(2) })
  t.teardown(() => world.close())
  await world.open()
  world.startDaemon()
  await world.ready()
  t.match(await world.order(readNow), { stage: 'done' })
  await world.broker.kill()
  await pause(8_000)
  await world.broker.up()
  t.match(await world.order(readNow, 60_000), { stage: 'done' })
  await until('the readings arrive', () => world.marks().curve >= 12)
  t.strictSame(await missing(world), [])
})

await t.test(
  'lesson 21: peers that accept and stay silent on every port stop nothing, and all recovers when they speak',
  async (t) => {
    const world = new FieldWorld({ buses: 2, meters: 3, seed: 13, baud: 9600, terminals: false, tasks: quickTasks(2) })
    t.teardown(() => world.close())
    await world.open()
    const peers = await Promise.all(
      [world.broker.url, ...world.area.links.map(({ url }) => url)].map((url) => startMute(portOf(url))),
    )
    t.teardown(() => Promise.all(peers.map((peer) => peer.close())))
    const [broker, bus1, bus2] = peers
    const urls = { bus1: `tcp://127.0.0.1:${bus1?.port}?stale=3`, bus2: `tcp://127.0.0.1:${bus2?.port}?stale=3` }
    world.writeSite(quickTasks(2), {
      brokers: [`mqtt://127.0.0.1:${broker?.port}`],
      urls,
      extra: ['watchdog: { stallSeconds: 5 }'],
    })
    world.startDaemon()
    await world.ready()
    await pause(6_000)
    t.ok(world.daemon.isRunning)
    t.strictSame(world.daemon.errors, [], 'no loop stood still, nothing failed')
    for (const peer of peers) peer.speak()
    // The master is reached first; a meter that was silent is asked again with its next probe.
    let stage: string | null = null
    for (let time = 0; stage !== 'done' && time < 10; time++) stage = (await world.order(readNow, 90_000)).stage
    t.equal(stage, 'done', 'master and meters are reached again without a restart')
    t.strictSame(world.daemon.errors, [])
  },
)

await t.test('lesson 20: a line that is unplugged and comes back under another number is read on', async (t) => {
  const world = new FieldWorld({ buses: 1, meters: 3, seed: 14, baud: 9600, terminals: false, tasks: noTasks })
  t.teardown(() => world.close())
  await world.open()
  const [link] = world.area.links
  const path = `${world.folder}/tty-own`
  const wires = await startWires({
    wires: [{ link: path, connect: `127.0.0.1:${portOf(link?.url ?? '')}` }],
    baud: 9600,
    replyDelayMs: 5,
  })
  t.teardown(() => wires.stop().catch(() => []))
  world.writeSite(quickTasks(2), { urls: { bus1: `serial:${path}?baud=9600&parity=even` } })
  const daemon = world.startDaemon()
  await world.ready()
  for (let time = 1; time <= 10; time++) {
    t.match(await world.order(readNow), { stage: 'done' }, `before unplugging it for the ${time}. time`)
    await wires.replug()
  }
  t.match(await world.order(readNow), { stage: 'done' })
  const told = daemon.lines.filter(({ event }) => event === 'bus-state' || event.startsWith('link'))
  t.ok(told.length < 100, `${told.length} lines about it`)
  await until('the master hears of it', () => world.events('bus.down').length > 0)
  t.strictSame(daemon.errors, [])
})

await t.test(
  'lesson 22: orders in the midst of reading never make two talk at once, and the broker hears of us in time',
  async (t) => {
    const world = new FieldWorld({ buses: 1, meters: 4, seed: 15, baud: 9600, terminals: false, tasks: noTasks })
    t.teardown(() => world.close())
    await world.open()
    const [link] = world.area.links
    const path = `${world.folder}/tty-own`
    const connect = `127.0.0.1:${portOf(link?.url ?? '')}`
    const wires = await startWires({ wires: [{ link: path, connect }], baud: 9600, replyDelayMs: 20 })
    t.teardown(() => wires.stop().catch(() => []))
    const urls = { bus1: `serial:${path}?baud=9600&parity=even` }
    world.writeSite(quickTasks(2), { urls, masterLines: ['    keepAliveSeconds: 10'] })
    const daemon = world.startDaemon()
    await world.ready()
    const ids = Array.from({ length: 24 }, (_, index) => {
      const meter = meterId(world.meters[index % 4] ?? '')
      const body: OrderBody = index % 3 === 0 ? { kind: 'alarm', meter, on: index % 2 === 0 } : { ...readNow, meter, registers }
      return world.station.order(siteConcentrator, body, 60_000 + index * 1_000).id
    })
    for (const id of ids) t.match(await world.ended(id), { stage: 'done' })
    const [stats] = await wires.takeStats()
    t.equal(stats?.overlaps, 0)
    t.ok((stats?.requests ?? 0) > 100, `${stats?.requests} requests`)
    t.notOk(daemon.lines.some(({ event }) => event === 'uplink-closed'))
    t.strictSame(daemon.errors, [])
  },
)

function portOf(url: string): number {
  return Number(/:(\d+)/.exec(url.replace(/^\w+:\/\//, ''))?.[1])
}
