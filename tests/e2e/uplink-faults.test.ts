import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { Archive } from '../../scripts/master-station/archive.js'
import { orders } from '../../scripts/master-station/orders.js'
import { signEnvelope } from '../../src/control/envelope.js'
import { epochMs, keyId, meterId, streams } from '../../src/model/index.js'
import type { OrderBody } from '../../src/model/index.js'
import { openMqttLink } from '../../src/uplink/mqtt-link.js'
import { openBroker } from '../../src/uplink/broker.js'
import { topicsOf } from '../../src/uplink/topics.js'
import { Mosquitto } from '../helpers/mosquitto.js'
import { RecordStore } from '../helpers/record-store.js'
import { startTcpRelay } from '../helpers/tcp-relay.js'
import { seeded } from '../helpers/uplink-world.js'
import {
  brokerAt,
  concentrator,
  listIntake,
  master,
  newMasterKey,
  recordsOf,
  scratch,
  stationAt,
  until,
  uplinkTo,
} from '../helpers/uplink-bench.js'

const text = 'x'.repeat(120)

await t.test('lesson 9: a link that goes silent at any point of a drain loses nothing', async (t) => {
  const broker = await Mosquitto.start()
  const relay = await startTcpRelay(broker.port)
  const store = new RecordStore()
  const uplink = uplinkTo({ store, urls: [relay.url], pace: { stallMinMs: 200, connectMs: 250 } })
  const station = stationAt(broker.url, join(scratch(t), 's.db'))
  t.teardown(async () => {
    await uplink.close()
    await station.close()
    await relay.close()
    await broker.stop()
  })
  station.start()
  uplink.start()
  await until('online', () => uplink.state()[0]?.state === 'online')
  for (let point = 0; point < 20; point++) {
    const before = relay.sentBytes()
    for (let i = 0; i < 60; i++) store.append('event', { point, i, text })
    await until('some of it', () => relay.sentBytes() - before > point * 350)
    relay.blackhole()
    await until('the session notices', () => uplink.state()[0]?.state !== 'online')
    relay.restore()
    await until('online again', () => uplink.state()[0]?.state === 'online')
  }
  await until('everything', () => store.marks.get(master)?.get('event') === 1200)
  t.strictSame(
    recordsOf(station, 'event').map((record) => record.seq),
    Array.from({ length: 1200 }, (_, i) => i + 1),
  )
})

await t.test('lesson 12, 13: a broker that is killed or stopped for a while loses nothing', async (t) => {
  const broker = await Mosquitto.start()
  const store = new RecordStore()
  const uplink = uplinkTo({ store, urls: [broker.url] })
  const station = stationAt(broker.url, join(scratch(t), 's.db'))
  t.teardown(async () => {
    await uplink.close()
    await station.close()
    await broker.stop()
  })
  station.start()
  uplink.start()
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 50; i++) store.append('ledger', { round, i, text })
    await pause(round * 7)
    await broker.kill()
    for (let i = 0; i < 50; i++) store.append('ledger', { round, i: 50 + i, text })
    await broker.up()
  }
  await until('everything', () => store.marks.get(master)?.get('ledger') === 1000)
  const got = recordsOf(station, 'ledger')
  t.equal(got.length, 1000)
  t.match(got[999], { seq: 1000, body: { round: 9, i: 99 } })
})

await t.test('lesson 15: broker and master killed, links cut, at random: every record once', async (t) => {
  const broker = await Mosquitto.start()
  const relay = await startTcpRelay(broker.port)
  const store = new RecordStore()
  const path = join(scratch(t), 's.db')
  const uplink = uplinkTo({ store, urls: [relay.url] })
  let child = await startMaster(path, broker.url)
  t.teardown(async () => {
    await uplink.close()
    await endMaster(child)
    await relay.close()
    await broker.stop()
  })
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000)
  t.comment(`seed ${seed}`)
  const random = seeded(seed)
  uplink.start()
  for (let fault = 0; fault < 24; fault++) {
    for (const stream of streams) for (let i = 0; i < 20; i++) store.append(stream, { fault, i, text })
    await pause(random() * 150)
    if (fault % 3 === 0) {
      await endMaster(child)
      child = await startMaster(path, broker.url)
    } else if (fault % 3 === 1) {
      await broker.kill()
      await broker.up()
    } else {
      relay.cut()
    }
  }
  const marks = () => store.marks.get(master)
  await until('everything', () => streams.every((stream) => (marks()?.get(stream) ?? 0) >= 480), 60_000)
  await endMaster(child)
  const archive = new Archive(path, () => 0)
  for (const stream of streams) {
    const rows = archive.all<{ seq: number; body: string }>(
      'SELECT seq, body FROM record WHERE stream = ? AND seq <= 480 ORDER BY seq',
      [stream],
    )
    const expected = Array.from({ length: 480 }, (_, i) => ({ fault: Math.floor(i / 20), i: i % 20 }))
    const found = rows.map((row) => JSON.parse(row.body) as { fault?: number; i?: number; code?: string })
    // Events of the uplink itself may stand between those of the test.
    t.match(found.filter((body) => body.code === undefined).slice(0, 470), expected.slice(0, 470), stream)
  }
  const sums = archive.all<{ received: number; records: number }>(
    'SELECT received, (SELECT count(*) FROM record) AS records FROM concentrator',
  )
  t.equal(sums[0]?.received, sums[0]?.records)
  archive.close()
})

await t.test('orders reach a concentrator once, whatever dies in between', async (t) => {
  const broker = await Mosquitto.start()
  const store = new RecordStore()
  const key = newMasterKey()
  const taken: OrderBody[] = []
  const uplink = uplinkTo({ store, urls: [broker.url], intake: listIntake(store, [key.registered], taken) })
  const path = join(scratch(t), 's.db')
  const open = () => stationAt(broker.url, path, { signing: { id: key.id, key: key.key }, resendMs: 100 })
  let station = open()
  t.teardown(async () => {
    await uplink.close()
    await station.close()
    await broker.stop()
  })
  station.start()
  for (let i = 0; i < 20; i++) {
    station.order(concentrator, { kind: 'alarm', meter: meterId(`m${i}`), on: true })
  }
  uplink.start()
  for (let fault = 0; fault < 6; fault++) {
    await pause(60)
    if (fault % 2 === 0) {
      await broker.kill()
      await broker.up()
    } else {
      await station.close()
      station = open()
      station.start()
    }
  }
  await until('all journalled', () => orders(station.archive).every((order) => order.state === 'journalled'))
  t.strictSame(
    taken.map((body) => (body.kind === 'alarm' ? body.meter : body.kind)),
    Array.from({ length: 20 }, (_, i) => `m${i}`),
    'each once, in the order they were given',
  )
})

await t.test('forged, replayed, stale and foreign orders and other nonsense are refused with an event', async (t) => {
  const broker = await Mosquitto.start()
  const store = new RecordStore()
  const key = newMasterKey()
  const stranger = newMasterKey()
  const taken: OrderBody[] = []
  const uplink = uplinkTo({ store, urls: [broker.url], intake: listIntake(store, [key.registered], taken) })
  const station = stationAt(broker.url, join(scratch(t), 's.db'))
  t.teardown(async () => {
    await uplink.close()
    await station.close()
    await broker.stop()
  })
  station.start()
  uplink.start()
  await until('online', () => uplink.state()[0]?.state === 'online')
  const now = Date.now()
  const signed = (by: typeof key, over: object) =>
    signEnvelope(keyId(key.id), by.key, {
      concentrator,
      number: 1,
      notBefore: epochMs(now - 60_000),
      expiry: epochMs(now + 60_000),
      body: { kind: 'disconnect', meter: meterId('m1') },
      ...over,
    })
  const good = signed(key, {})
  const cases: readonly [string, string | null][] = [
    [signed(stranger, {}), 'forged'],
    [signed(key, { concentrator: 'dcu-2' }), 'foreign'],
    [signed(key, { expiry: epochMs(now - 1) }), 'expired'],
    [signed(key, { notBefore: epochMs(now + 50_000) }), 'not-yet'],
    ['{"key":', 'malformed'],
    ['', 'malformed'],
    [good, null],
    [good, 'replayed'],
    [good.replace(key.id, 'nobody'), 'unknown-key'],
  ]
  for (const [envelope, expected] of cases) {
    const before = store.refusals.length + taken.length
    station.sendEnvelope(concentrator, envelope)
    await until(expected ?? 'accepted', () => store.refusals.length + taken.length > before)
    if (expected !== null) t.equal(store.refusals.at(-1)?.code, expected)
  }
  t.equal(taken.length, 1)
  const link = await rawLink(broker.url)
  for (let i = 0; i < 50; i++) link.send(topicsOf(concentrator).ack, i % 2 === 0 ? '{{{' : '{"v":1}')
  await until('an event', () => store.events.length > 0)
  link.end()
  store.append('status', { after: 'nonsense' })
  await until('the delivery goes on', () => store.marks.get(master)?.get('status') === 1)
  t.strictSame(
    store.events.map((event) => event.code),
    ['uplink.bad-message'],
    'fifty bad messages are one event',
  )
  await until('the events at the master', () => recordsOf(station, 'event').length >= 9)
  t.ok(recordsOf(station, 'event').some((record) => JSON.stringify(record.body).includes('forged')))
})

await t.test('packets the broker does not take: cut smaller, and a single one announced', async (t) => {
  for (const version of [5, 4] as const) {
    const broker = await Mosquitto.start(['max_packet_size 2000'])
    const store = new RecordStore()
    const uplink = uplinkTo({ store, urls: [broker.url], version })
    const station = stationAt(broker.url, join(scratch(t), `s${version}.db`))
    t.teardown(async () => {
      await uplink.close()
      await station.close()
      await broker.stop()
    })
    for (let i = 0; i < 40; i++) store.append('curve', { i, text })
    if (version === 5) store.append('status', { text: 'y'.repeat(3_000) }, { text: 'small' })
    station.start()
    uplink.start()
    await until('all curves', () => store.marks.get(master)?.get('curve') === 40)
    t.equal(recordsOf(station, 'curve').length, 40, `MQTT ${version}`)
    if (version === 5) {
      await until('the mark passes', () => store.marks.get(master)?.get('status') === 2)
      t.match(station.archive.all('SELECT stream, first, count, reason FROM gap'), [
        { stream: 'status', first: 1, count: 1, reason: 'too-large' },
      ])
      t.ok(store.events.some((event) => event.code === 'uplink.record-too-large'))
    }
  }
})

await t.test('a database older than the master’s copy gets a new epoch', async (t) => {
  const broker = await Mosquitto.start()
  const path = join(scratch(t), 's.db')
  const before = new RecordStore()
  for (let i = 0; i < 30; i++) before.append('ledger', { record: 'statement', i })
  const first = uplinkTo({ store: before, urls: [broker.url] })
  const station = stationAt(broker.url, path)
  station.start()
  first.start()
  await until('all of it', () => before.marks.get(master)?.get('ledger') === 30)
  await first.close()
  const restored = new RecordStore()
  for (let i = 0; i < 20; i++) restored.append('ledger', { record: 'statement', i })
  const second = uplinkTo({ store: restored, urls: [broker.url] })
  t.teardown(async () => {
    await second.close()
    await station.close()
    await broker.stop()
  })
  second.start()
  await until('a new epoch', () => restored.epoch === 2)
  await until('delivered in it', () => restored.marks.get(master)?.get('ledger') === 20)
  t.equal(recordsOf(station, 'ledger').length, 20)
  t.match(station.archive.all('SELECT code FROM alarm'), [{ code: 'stale-epoch' }])
})

await t.test('a poison batch is set aside with an alarm and does not come for ever', async (t) => {
  const broker = await Mosquitto.start()
  const station = stationAt(broker.url, join(scratch(t), 's.db'))
  station.start()
  await until('connected', () => station.isConnected)
  const link = await rawLink(broker.url)
  t.teardown(async () => {
    link.end()
    await station.close()
    await broker.stop()
  })
  const { batch, hello } = topicsOf(concentrator)
  link.send(hello, JSON.stringify({ v: 1, epoch: 1, streams: {}, parameters: '', counters: {}, software: 'x' }))
  const poison = { v: 1, epoch: 1, stream: 'event', first: 1, count: 2, records: 'nonsense' }
  for (let i = 0; i < 3; i++) link.send(batch.event, JSON.stringify(poison))
  link.send(batch.event, JSON.stringify({ ...poison, first: 3, count: 1, records: [{ code: 'good' }] }))
  await until('the mark', () => station.archive.marks().some((row) => row.mark === 3))
  t.equal(station.archive.all('SELECT * FROM poison').length, 1)
  t.equal(station.archive.all('SELECT * FROM alarm').length, 1)
})

async function startMaster(path: string, url: string): Promise<ChildProcess> {
  const program = fileURLToPath(new URL('../../scripts/master-station/main.js', import.meta.url))
  const options = ['--db', path, '--broker', url, '--master', master, '--ack-ms', '50', '--json']
  const child = spawn(process.execPath, [program, 'run', ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.stdout !== null) await once(child.stdout, 'data')
  return child
}

async function endMaster(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** A client that publishes what it is told. */
async function rawLink(url: string): Promise<{ send: (topic: string, payload: string) => void; end: () => void }> {
  return new Promise((resolve) => {
    const link = openMqttLink(
      {
        version: 4,
        clientId: 'raw',
        username: null,
        keepAliveS: 60,
        connectMs: 5_000,
        will: null,
        packetBytesMax: 100_000,
        open: () => openBroker(brokerAt(url), { session: undefined }),
      },
      {
        onOpen: () =>
          resolve({
            send: (topic, payload) => link.publish({ topic, payload, retain: false }, () => undefined),
            end: () => link.end(),
          }),
        onMessage: (_topic, _payload, done) => done(),
        onClosed: () => undefined,
      },
    )
  })
}
