import { join } from 'node:path'
import t from 'tap'
import { accounts } from '../../scripts/master-station/report.js'
import { accountId, epochMs, meterId, micro } from '../../src/model/index.js'
import type { OrderBody } from '../../src/model/index.js'
import { createOrderIntake } from '../../src/runtime/order-intake.js'
import { createStamps } from '../../src/runtime/stamps.js'
import { openWorkerStore } from '../../src/store/index.js'
import { createUplink } from '../../src/uplink/index.js'
import { Mosquitto } from '../helpers/mosquitto.js'
import { Seeded, curvePoint, siteOf } from '../helpers/store-site.js'
import {
  brokerAt,
  concentrator,
  master,
  newMasterKey,
  quickPace,
  realClock,
  realTimers,
  recordsOf,
  scratch,
  silentLog,
  stationAt,
  until,
} from '../helpers/uplink-bench.js'

await t.test('an account from its opening to the master’s copy of its ledger, over a broker and the real store', async (t) => {
  const folder = scratch(t)
  const broker = await Mosquitto.start()
  const key = newMasterKey()
  const stamps = createStamps(realClock)
  const site = { ...siteOf(2), keys: [key.registered] }
  const options = { path: join(folder, 'wattkeep.db'), now: epochMs(Date.now()), random: new Seeded(1) }
  const store = await openWorkerStore(options, realTimers)
  await store.run('configure', { parameters: site, stamp: stamps.now() })
  await store.run('apply-points', { points: [curvePoint('m1', Date.now(), stamps.now(), 10_000)], stamp: stamps.now() })
  const intake = createOrderIntake(
    {
      concentrator,
      keys: () => site.keys,
      clock: realClock,
      stamps,
      store,
      log: silentLog,
      checkParameters: () => ({ ok: true, value: null }),
      onAccepted: () => Promise.resolve(),
    },
    {},
  )
  const uplink = createUplink({
    settings: {
      concentrator,
      software: 'test',
      keepAliveS: 270,
      masters: [{ master, brokers: [brokerAt(broker.url)] }],
      pace: quickPace,
    },
    store,
    intake,
    clock: realClock,
    timers: realTimers,
    random: { next: () => Math.random() },
    log: silentLog,
    parameterHash: () => '',
  })
  const station = stationAt(broker.url, join(folder, 's.db'), { signing: { id: key.id, key: key.key } })
  t.teardown(async () => {
    await uplink.close()
    await station.close()
    await store.close()
    await broker.stop()
  })
  station.start()
  uplink.start()
  const order = async (body: OrderBody) => {
    const { id } = station.order(concentrator, body)
    await until(`${body.kind} settled`, () => ['done', 'refused'].includes(station.orderState(id)?.stage ?? ''))
    return station.orderState(id)
  }
  const limits = {
    ...{ alarm1: micro(20_000_000n), alarm2: micro(10_000_000n), overdraft: micro(0n) },
    ...{ closePermitted: micro(0n), hoarding: micro(0n), largestCredit: micro(0n) },
  }
  const account = accountId('a1')
  const opened = await order({
    ...{ kind: 'open-account', account, meter: meterId('m1'), unit: 'money', tariff: 'home', limits, opening: micro(0n) },
  })
  t.match(opened, { state: 'journalled', stage: 'done' })
  const credit = (purchase: number, idempotencyKey: string): OrderBody => ({
    ...{ kind: 'credit', account, amount: micro(50_000_000n), purchase, idempotencyKey },
  })
  t.match(await order(credit(1, 'pay-1')), { stage: 'done' })
  t.match(await order(credit(2, 'pay-2')), { stage: 'done' })
  t.match(await order(credit(9, 'pay-9')), { state: 'refused', stage: 'refused' }, 'purchases have no gaps')
  t.match(await order(credit(2, 'pay-2')), { stage: 'done', evidence: /repeated/ }, 'the same payment again counts once')
  t.match(await order({ kind: 'disconnect', meter: meterId('nobody') }), { state: 'refused' })

  const { epoch, extents } = await store.run('extents', {})
  const ledger = extents.find((extent) => extent.stream === 'ledger')
  await until('the ledger', () => recordsOf(station, 'ledger').length === ledger?.hi)
  const [copy] = accounts(station.archive)
  const [view] = (await store.run('accounts', {})).accounts
  t.match(copy, { account: 'a1', balance: '100.000000', chain: 'ok', hash: view?.account.chainHash })
  t.equal(view?.account.balance, 100_000_000n)
  t.ok(epoch > 1_700_000_000)
  t.match(station.archive.all('SELECT * FROM alarm'), [])
})
