import t from 'tap'
import { accountId, epochMs, linkId, meterId, type OrderBody } from '../../src/model/index.js'
import { ordersAtOnceMax, ordersHeldMax } from '../../src/runtime/order-executor.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { ExecutorBench, ScriptedRunner, scriptedProtocol } from '../helpers/executor-bench.js'
import { curvePoint, Master } from '../helpers/store-site.js'
import { WideBus } from '../helpers/wide-bus.js'

const m1 = meterId('m1')
const trip: OrderBody = { kind: 'disconnect', meter: m1 }
const permit: OrderBody = { kind: 'permit-to-close', meter: m1 }
const bench = (meters?: number) => new ExecutorBench(meters).configure()

await t.test('a trip is carried out once and proven within two seconds', async (t) => {
  const b = await bench()
  const from = b.time.monotonic()
  const row = await b.carryOut(trip)
  t.match(row, { stage: 'done', attempts: 1, evidence: { answer: 'accepted', contact: 'open' } })
  t.same(b.meter('m1').acted, ['trip'])
  t.ok(b.time.monotonic() - from <= 2000)
})

await t.test('every relay command is proven in its own way', async (t) => {
  const b = await bench()
  const alarm = (on: boolean): OrderBody => ({ kind: 'alarm', meter: m1, on })
  const protect = (on: boolean): OrderBody => ({ kind: 'protect', meter: m1, on, until: null })
  for (const body of [alarm(true), alarm(false), protect(true), protect(false), permit]) {
    t.equal((await b.carryOut(body)).stage, 'done', JSON.stringify(body))
  }
  t.same(b.meter('m1').acted, ['alarm-on', 'alarm-off', 'protect-on', 'protect-off', 'permit-to-close'])
})

await t.test('a lost answer is verified, not sent again', async (t) => {
  const b = await bench()
  b.meter('m1').fates.push('mute')
  const row = await b.carryOut(trip)
  t.match(row, { stage: 'done', attempts: 1, evidence: { answer: 'no-reply', contact: 'open' } })
  t.equal(b.meter('m1').asked, 1)
})

await t.test('a lost request is sent again, after the meter has shown that it did not act', async (t) => {
  const b = await bench()
  b.meter('m1').fates.push('lost')
  t.match(await b.carryOut(trip), { stage: 'done', attempts: 2 })
  b.meter('m1').contact = 'closed'
  b.meter('m1').command = 'close'
  b.meter('m1').fates.push('lost', 'lost', 'lost')
  t.match(await b.carryOut(trip), { stage: 'failed', attempts: 3, evidence: { reason: 'did-not-act' } })
  t.equal(b.meter('m1').asked, 5)
})

await t.test('whenever the process dies, the order acts once and is done after the next start', async (t) => {
  for (const fate of ['ok', 'mute', 'lost'] as const) {
    for (let steps = 0; steps < 9; steps++) {
      const b = await bench()
      b.meter('m1').fates.push(fate)
      const { order } = await b.journal(trip)
      b.stepsToLive = steps
      b.executor.take([order])
      await b.time.runFor(10_000)
      await b.restart()
      await b.time.runUntil(() => b.executor.held === 0, 60_000)
      const row = await b.row(order.id)
      t.match([row.stage, b.meter('m1').acted], ['done', ['trip']], `${fate}, dead after ${steps} steps`)
    }
  }
})

await t.test('a refusal ends the order; a missing chip also ends the rules’ later ones at once', async (t) => {
  const b = await bench()
  b.meter('m1').fates.push('refused', 'chip')
  t.match(await b.carryOut(trip), { stage: 'refused', evidence: { errors: 'password' } })
  t.match(await b.carryOut(trip), { stage: 'refused', evidence: { needsSecurityChip: true } })
  const { order } = await b.journal(trip)
  const ruled = { ...order, order: { ...order.order, origin: { by: 'rule', account: accountId('A'), number: 1 } as const } }
  b.executor.take([ruled])
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.equal(b.meter('m1').asked, 2, 'the meter was not asked')
  t.match(await b.row(order.id), { stage: 'refused', evidence: { reason: 'needs-security-chip' } })
  t.match(await b.carryOut(trip), { stage: 'done' }, 'a master may try')
  b.executor.take([{ ...ruled, id: (await b.journal(permit)).order.id }])
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.equal(b.meter('m1').asked, 4, 'what succeeded has cleared it')
})

await t.test('without credentials, relay or meter nothing is sent', async (t) => {
  const b = await bench()
  b.hasCredentials = false
  t.match(await b.carryOut(trip), { stage: 'refused', attempts: 0, evidence: { reason: 'no-credentials' } })
  b.hasCredentials = true
  b.parameters = { ...b.parameters, meters: [] }
  t.match(await b.carryOut(trip), { stage: 'refused', attempts: 0, evidence: { reason: 'unknown-meter' } })
  t.match(await b.drive(b.executor.seeRelay(m1)), { kind: 'unreadable', error: { code: 'unsupported' } })
})

await t.test('an order past its time is not carried out', async (t) => {
  const b = await bench()
  const late = [await b.journal(trip, 0), await b.journal({ kind: 'read-now', meter: m1, registers: ['1'] }, 0)]
  b.executor.take(late.map(({ order }) => order))
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  for (const { order } of late) t.match(await b.row(order.id), { stage: 'expired', attempts: 0 })
  t.equal(b.meter('m1').asked, 0)
})

await t.test('a silent meter holds nobody else, and its own orders expire or are proven when it is back', async (t) => {
  const b = await bench()
  b.meter('m1').isSilent = true
  const silent = await b.journal(trip)
  b.executor.take([silent.order])
  await b.time.runFor(20_000)
  const from = b.time.monotonic()
  const other = await b.journal({ kind: 'disconnect', meter: meterId('m2') })
  b.executor.take([other.order])
  await b.time.runUntil(() => b.executor.held === 1, 10_000)
  t.match(await b.row(other.order.id), { stage: 'done' })
  t.ok(b.time.monotonic() - from <= 2000)
  t.match(await b.row(silent.order.id), { stage: 'unknown' })
  await b.time.runFor(600_000)
  b.meter('m1').isSilent = false
  const next = await b.journal({ kind: 'alarm', meter: m1, on: true })
  b.executor.take([next.order])
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.match(await b.row(next.order.id), { stage: 'done' }, 'an order that waits for its meter lets the next one pass')
  t.match(await b.row(silent.order.id), { stage: 'done', attempts: 2 }, 'and is woken by it')
})

await t.test('a trip that the meter delays lets the permission pass', async (t) => {
  const b = await bench()
  b.meter('m1').isSlow = true
  const { order } = await b.journal(trip)
  b.executor.take([order])
  await b.time.runFor(5000)
  const passed = await b.journal(permit)
  b.executor.take([passed.order])
  await b.time.runFor(2000)
  t.match(await b.row(passed.order.id), { stage: 'done' })
})

await t.test('a credit takes a cut back that has not left', async (t) => {
  const b = await bench()
  const master = new Master()
  const act = async (body: OrderBody) => {
    const { order, envelope } = master.order(body, b.time.wall().at)
    return b.store.run('journal-order', { order, envelope, stamp: b.stamps.now() })
  }
  const read = async (energy: number) => {
    const stamp = { ...b.stamps.now(), receivedAt: epochMs(b.time.wall().at + 120) }
    return b.store.run('apply-points', { points: [curvePoint('m1', b.time.wall().at, stamp, energy)], stamp })
  }
  await read(100)
  const opened = await act(master.open('A1', 'm1', 1_000_000n))
  if (opened.accepted) b.executor.take(opened.effects.orders)
  await b.drive(b.executor.seeRelay(m1))
  await b.time.runUntil(() => b.executor.held === 0, 60_000)
  t.same(b.meter('m1').acted, ['alarm-on'], 'an account that opens near its end is warned')
  await b.time.runFor(900_000)
  const { effects } = await read(400)
  t.match(effects.orders, [{ order: { body: { kind: 'disconnect' } } }])
  const paid = await act(master.credit('A1', 50_000_000n, 1))
  b.executor.take(effects.orders)
  if (paid.accepted) b.executor.take(paid.effects.orders)
  await b.time.runUntil(() => b.executor.held === 0, 60_000)
  t.same(b.meter('m1').acted, ['alarm-on', 'alarm-off'], 'no trip, no permission')
  const { accounts } = await b.store.run('accounts', {})
  t.match(accounts, [{ account: { state: 'normal' } }])
  t.match(await b.row(effects.orders[0]?.id ?? 0), { stage: 'expired', attempts: 0, evidence: { withdrawn: true } })
})

await t.test('a relay seen without an order is told to the store, and what follows is done', async (t) => {
  const b = await bench()
  t.match(await b.drive(b.executor.seeRelay(m1)), { kind: 'known', contact: 'closed' })
  b.meter('m1').isSilent = true
  t.match(await b.drive(b.executor.seeRelay(m1)), { kind: 'unreadable' })
})

await t.test('registers are read now and stand in the outcome', async (t) => {
  const b = await bench()
  t.match(await b.carryOut({ kind: 'read-now', meter: m1, registers: ['00010000'] }), {
    stage: 'done',
    evidence: { '00010000': '123.45 kWh, not available, abc, not available, 0050 relay-open' },
  })
  t.match(await b.carryOut({ kind: 'read-now', meter: m1, registers: [''] }), {
    stage: 'failed',
    evidence: { code: 'bad-register' },
  })
  b.meter('m1').isSilent = true
  t.match(await b.carryOut({ kind: 'read-now', meter: m1, registers: ['00010000'] }), {
    stage: 'failed',
    evidence: { '00010000': 'error no-reply: no-reply' },
  })
})

await t.test('a clock is set within the field’s rules only, and proven by reading it', async (t) => {
  const b = await bench()
  const set: OrderBody = { kind: 'set-clock', meter: m1 }
  t.match(await b.carryOut(set), { stage: 'refused', evidence: { reason: 'within-limit' } })
  b.meter('m1').driftMs = 400_000
  t.match(await b.carryOut(set), { stage: 'refused', evidence: { reason: 'beyond-limit' } })
  b.meter('m1').driftMs = -120_000
  t.match(await b.carryOut(set), { stage: 'done', attempts: 1 })
  t.ok(Math.abs(b.meter('m1').driftMs) < 1000)
  b.meter('m1').driftMs = 120_000
  await b.time.runUntilWall(epochMs(b.time.wall().at + 2_280_000))
  t.match(await b.carryOut(set), { stage: 'refused', evidence: { reason: 'near-full-hour' } })
  b.meter('m1').isSilent = true
  t.match(await b.carryOut(set), { stage: 'failed', evidence: { reason: 'no-reply' } })
})

await t.test('a time that is sent by order is that of its arrival, and clocks are judged by that of their answer', async (t) => {
  const b = await bench()
  b.exchangeMs = 16_000
  b.meter('m1').driftMs = -120_000
  const row = await b.carryOut({ kind: 'set-clock', meter: m1 })
  t.match(row, { stage: 'done', evidence: { driftMs: -120_000 } })
  t.ok(Math.abs(b.meter('m1').driftMs) <= 500, `${b.meter('m1').driftMs} ms off after 8 s on the way`)
  t.ok(Math.abs(Number(row.evidence['driftAfterMs'])) <= 1000)
  b.buses.set(linkId('rs485-1'), new WideBus(1, { delayMs: 8000 }))
  t.match(await b.carryOut({ kind: 'set-clock', meter: 'all' }), { stage: 'done' })
  t.equal(b.toldLateMs.length, 1)
  t.ok(Math.abs(b.toldLateMs[0] ?? NaN) <= 500, `${b.toldLateMs[0]} ms late after a broadcast of 8 s`)
})

await t.test('a clock order that may have left is judged, not sent again', async (t) => {
  const b = await bench()
  b.meter('m1').driftMs = -120_000
  const { order } = await b.journal({ kind: 'set-clock', meter: m1 })
  b.stepsToLive = 3
  b.executor.take([order])
  await b.time.runFor(10_000)
  b.meter('m1').driftMs = -120_000
  await b.restart()
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.match(await b.row(order.id), { stage: 'failed', attempts: 1, evidence: { reason: 'the meter did not take it' } })
})

await t.test('all clocks are set by one broadcast on each link', async (t) => {
  const b = await bench()
  t.match(await b.carryOut({ kind: 'set-clock', meter: 'all' }), { stage: 'done', evidence: { links: 1, notSent: 0 } })
  b.runner().isClosed = true
  t.match(await b.carryOut({ kind: 'set-clock', meter: 'all' }), { stage: 'failed', evidence: { links: 0, notSent: 1 } })
  b.time.setTrusted(false)
  t.match(await b.carryOut({ kind: 'set-clock', meter: 'all' }), {
    stage: 'refused',
    evidence: { reason: 'our-clock-untrusted' },
  })
})

await t.test('a signed time is believed once, not after a restart; replays are handed on', async (t) => {
  const b = await bench()
  const time: OrderBody = { kind: 'set-time', at: epochMs(b.time.wall().at + 5000) }
  t.match(await b.carryOut(time), { stage: 'done', evidence: { correctionMs: 5000 } })
  const { order } = await b.journal(time)
  await b.restart()
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.match(await b.row(order.id), { stage: 'expired' })
  t.match(await b.carryOut({ kind: 'replay', stream: 'event', first: 1, count: 3 }), { stage: 'done', evidence: { records: 3 } })
  t.equal(b.replays.length, 1)
})

await t.test('what the store has ended itself is let go', async (t) => {
  const b = await bench()
  const { order } = await b.journal({ kind: 'set-parameters', name: 'rules', version: 1, body: {} })
  b.executor.take([order, order])
  t.equal(b.executor.held, 1)
  await b.drive(b.executor.idle())
  await b.drive(b.executor.idle())
  t.equal(b.executor.held, 0)
})

await t.test('a runner that was closed is waited for', async (t) => {
  const b = await bench()
  await b.runner().close()
  const { order } = await b.journal(trip)
  b.executor.take([order])
  await b.time.runFor(30_000)
  t.match(await b.row(order.id), { stage: 'sending', attempts: 1 }, 'nothing has left')
  const behind = await b.journal(permit)
  b.executor.take([behind.order])
  await b.time.runFor(300_000)
  b.runners = new Map([[linkId('rs485-1'), new ScriptedRunner(linkId('rs485-1'), b)]])
  await b.time.runUntil(() => b.executor.held === 0, 120_000)
  t.match(await b.row(order.id), { stage: 'done', attempts: 1 }, 'what never left is no attempt')
  t.same(b.meter('m1').acted, ['trip', 'permit-to-close'], 'in the order in which they were given')
})

await t.test(
  'an order that never leaves expires in its own time, without an attempt and without being asked after',
  async (t) => {
    const b = await bench()
    await b.runner().close()
    const { order } = await b.journal(trip, 300_000)
    b.executor.take([order])
    await b.time.runFor(290_000)
    t.match(await b.row(order.id), { stage: 'sending' })
    await b.time.runUntil(() => b.executor.held === 0, 20_000)
    t.match(await b.row(order.id), { stage: 'expired', attempts: 0, evidence: { answer: 'not-sent' } })
    t.equal(b.meter('m1').asked, 0)
  },
)

await t.test('orders behind slow exchanges wait for them, and are done in their turn', async (t) => {
  const b = await bench()
  const bus = new WideBus(1)
  bus.hasLeft = true
  const link = linkId('rs485-1')
  const { time } = b
  b.buses.set(link, bus)
  b.runners = new Map([
    [link, createBusRunner({ link, bus, clock: time, timers: time, random: { next: () => 0.5 }, quietMs: 20 })],
  ])
  const [, other] = b.parameters.meters
  if (other === undefined) throw new Error('the site has two meters')
  const slow = b.runners.get(link)?.run({
    meter: other.address,
    session: scriptedProtocol.read({ address: other.address, registers: [{ register: '1' }], repeats: 0 }),
    priority: 'curve',
    expiresAt: null,
  })
  const { order } = await b.journal(trip, 300_000)
  b.executor.take([order])
  await time.runFor(95_000)
  t.match(bus.underWay(), [other.address], 'one narrowband exchange')
  t.match(await b.row(order.id), { stage: 'sending', evidence: {} }, 'the order has waited for it')
  bus.fail(other.address)
  await slow
  await time.runFor(1)
  t.equal(bus.requests.length, 2, 'and is the next to leave')
  t.equal(bus.requests[1]?.isWrite, true)
})

await t.test('so many orders are carried out at a time, and each meter has one', async (t) => {
  const b = await bench(ordersAtOnceMax + 20)
  const orders = []
  for (const { id } of b.parameters.meters) {
    orders.push((await b.journal({ kind: 'disconnect', meter: id })).order)
    orders.push((await b.journal({ kind: 'permit-to-close', meter: id })).order)
  }
  b.executor.take(orders)
  await b.time.runUntil(() => b.executor.held === 0, 60_000)
  t.equal(b.runner().atOnceMax, ordersAtOnceMax)
  t.ok([...b.meters.values()].every(({ acted }) => acted.join() === 'trip,permit-to-close'))
})

await t.test('orders beyond what is held in memory are fetched from the journal', async (t) => {
  const b = await bench()
  const orders = []
  for (let count = 0; count < ordersHeldMax + 2; count++) {
    orders.push((await b.journal({ kind: 'replay', stream: 'event', first: count, count: 1 })).order)
  }
  b.executor.take(orders)
  t.equal(b.executor.held, ordersHeldMax)
  await b.time.runUntil(() => b.replays.length === ordersHeldMax + 2, 60_000)
  t.equal(b.replays.length, ordersHeldMax + 2)
})

await t.test('a fault is told, and the other orders go on', async (t) => {
  const b = await bench()
  const [first, second] = [await b.journal(trip), await b.journal({ kind: 'disconnect', meter: meterId('m2') })]
  b.meters.delete('m1')
  b.executor.take([first.order, second.order])
  await b.time.runUntil(() => b.executor.held === 0, 10_000)
  t.match(b.faults, [{ message: 'no scripted meter m1' }])
  t.match(await b.row(second.order.id), { stage: 'done' })
  t.match(await b.row(first.order.id), { stage: 'sending' }, 'it is verified at the next start')
})

await t.test('closing begins nothing further', async (t) => {
  const b = await bench()
  b.meter('m1').isSlow = true
  const orders = [await b.journal(trip), await b.journal({ kind: 'disconnect', meter: meterId('m2') })].map(({ order }) => order)
  b.executor.take(orders)
  await b.time.runFor(4000)
  const late = await b.journal({ kind: 'alarm', meter: m1, on: true })
  const closed = b.executor.close()
  b.executor.take([late.order])
  await b.time.runFor(2000)
  await closed
  await b.executor.close()
  await b.time.runFor(60_000)
  t.match(await b.row(orders[0]?.id ?? 0), { stage: 'sending' })
  t.match(await b.row(late.order.id), { stage: 'journalled' })
})
