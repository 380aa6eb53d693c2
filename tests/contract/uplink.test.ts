import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import t from 'tap'
import { startEmbeddedBroker } from '../../scripts/embedded-broker.js'
import type { OrderBody } from '../../src/model/index.js'
import { meterId } from '../../src/model/index.js'
import { Mosquitto } from '../helpers/mosquitto.js'
import { RecordStore } from '../helpers/record-store.js'
import {
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

interface Broker {
  readonly url: string
  close(): Promise<void>
}

const brokers: readonly { name: string; version: 'auto' | 5 | 4; start: () => Promise<Broker> }[] = [
  { name: 'mosquitto, MQTT 5', version: 5, start: () => mosquitto() },
  { name: 'mosquitto, MQTT 3.1.1', version: 4, start: () => mosquitto() },
  { name: 'embedded, found out to be 3.1.1', version: 'auto', start: () => startEmbeddedBroker() },
]

for (const { name, version, start } of brokers) {
  await t.test(`the uplink's contract on ${name}`, async (t) => {
    const broker = await start()
    const store = new RecordStore()
    const key = newMasterKey()
    const taken: OrderBody[] = []
    const uplink = uplinkTo({ store, urls: [broker.url], version, intake: listIntake(store, [key.registered], taken) })
    const station = stationAt(broker.url, join(scratch(t), 'station.db'), { signing: { id: key.id, key: key.key } })
    t.teardown(async () => {
      await uplink.close()
      await station.close()
      await broker.close()
    })
    for (let i = 1; i <= 300; i++) store.append('curve', { i, text: 'x'.repeat(100) })
    store.append('ledger', { record: 'statement', account: 'a' })
    station.start()
    uplink.start()

    await t.test('what was there before the connection arrives once, in order', async (t) => {
      await until('300 curves', () => recordsOf(station, 'curve').length === 300)
      t.strictSame(
        recordsOf(station, 'curve').map((record) => record.seq),
        Array.from({ length: 300 }, (_, i) => i + 1),
      )
      await until('the mark', () => store.marks.get(master)?.get('curve') === 300)
      t.match(uplink.state()[0], { state: 'online', outstandingBytes: 0, marks: { curve: 300, ledger: 1, event: 0 } })
    })

    await t.test('what comes later leaves at once', async (t) => {
      store.append('event', { code: 'x', severity: 'info', detail: {} })
      await until('the event', () => recordsOf(station, 'event').length === 1)
      t.match(recordsOf(station, 'event')[0], { seq: 1, body: { code: 'x' } })
    })

    await t.test('evicted numbers are announced, and the mark passes them', async (t) => {
      await until('all acknowledged', () => store.marks.get(master)?.get('event') === 1)
      await uplink.close()
      for (let i = 0; i < 10; i++) store.append('status', { i })
      store.evict('status', 6)
      uplink.start()
      await until('the mark', () => store.marks.get(master)?.get('status') === 10)
      t.strictSame(
        recordsOf(station, 'status').map((record) => record.seq),
        [7, 8, 9, 10],
      )
      t.match(station.archive.all('SELECT stream, first, count, reason FROM gap'), [
        { stream: 'status', first: 1, count: 6, reason: 'retention' },
      ])
    })

    await t.test('a range is sent again on demand, and stored once', async (t) => {
      const before = station.archive.get<{ duplicates: number }>('SELECT duplicates FROM concentrator')?.duplicates ?? 0
      uplink.replay({ stream: 'curve', first: 10, count: 20 }, null)
      await until('20 duplicates', () => {
        const row = station.archive.get<{ duplicates: number }>('SELECT duplicates FROM concentrator')
        return (row?.duplicates ?? 0) - before === 20
      })
      t.equal(recordsOf(station, 'curve').length, 300)
    })

    await t.test('orders come in, one after another, and their results go out', async (t) => {
      const first = station.order(concentrator, { kind: 'alarm', meter: meterId('m1'), on: true })
      const second = station.order(concentrator, { kind: 'disconnect', meter: meterId('m1') })
      await until('both journalled', () => station.orderState(second.id)?.state === 'journalled')
      t.match(station.orderState(first.id), { state: 'journalled', stage: 'journalled' })
      t.strictSame(
        taken.map((body) => body.kind),
        ['alarm', 'disconnect'],
      )
    })

    await t.test('the state is retained and says goodbye', async (t) => {
      await uplink.close()
      await until('offline', () => station.archive.get<{ online: number }>('SELECT online FROM concentrator')?.online === 0)
      // The last will would arrive now if the goodbye had not.
      await pause(200)
      const row = station.archive.get<{ state: string }>('SELECT state FROM concentrator')
      t.match(JSON.parse(row?.state ?? '{}'), { online: false, reason: 'stopped' })
    })
  })
}

async function mosquitto(): Promise<Broker> {
  const broker = await Mosquitto.start()
  return { url: broker.url, close: () => broker.stop() }
}
