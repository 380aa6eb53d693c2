import t from 'tap'
import { accountId, dayMs, micro, type AccountLimits } from '../../src/model/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

const startsAt = Date.UTC(2026, 5, 1, 4, 0, 0)
const minutes = 60_000
const yuan = (amount: number) => micro(BigInt(Math.round(amount * 1_000_000)))
const limits: AccountLimits = {
  alarm1: yuan(5),
  alarm2: yuan(2),
  overdraft: yuan(0),
  closePermitted: yuan(1),
  hoarding: yuan(0),
  largestCredit: yuan(0),
}

await t.test('a customer is read, warned, cut, pays, may close and closes', async (t) => {
  const site = new WholeRuntime({
    area: { seed: 1, buses: 2, metersPerBus: 5, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: 3 * dayMs },
    extra: ['rules: { blocked: { night: null, weekdays: [], dates: [] } }'],
    seed: 1,
  })
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(20 * minutes)
  const meter = site.area.archive[0]
  if (meter === undefined) throw new Error('the area has no meter')
  const account = accountId('A1')
  const opened = await site.order({
    kind: 'open-account',
    account,
    meter: meter.id,
    unit: 'money',
    tariff: 'residential',
    limits,
    opening: yuan(8),
  })
  t.match(opened, { accepted: true })
  await site.time.runFor(5_000)
  const [view] = (await site.store.run('accounts', {})).accounts
  t.equal(view?.account.postedTo.source, 'opening', 'the meter is read at once: what flows before is charged to nobody')
  site.area.setWatts(meter.id, 6000)
  const state = async () => (await site.store.run('accounts', {})).accounts[0]?.account.state
  const seen: string[] = []
  for (let turn = 0; turn < 600 && seen.at(-1) !== 'disconnected'; turn += 1) {
    await site.time.runFor(minutes)
    const now = await state()
    if (now !== undefined && now !== seen.at(-1)) seen.push(now)
  }
  t.same(seen, ['normal', 'alarm1', 'alarm2', 'disconnected'])
  t.equal(site.area.relayActions(meter.id).at(-1)?.contactAfter, 'open')
  const trips = site.area.relayActions(meter.id).filter((action) => action.accepted && action.command === 'trip')
  t.equal(trips.length, 1, 'one trip')
  const paid = await site.order({ kind: 'credit', account, amount: yuan(20), purchase: 1, idempotencyKey: 'pay-1' })
  t.match(paid, { accepted: true })
  await site.time.runFor(2 * minutes)
  t.equal(await state(), 'may-close')
  t.equal(site.area.press(meter.id), true)
  await site.time.runFor(20 * minutes)
  t.equal(await state(), 'normal')
  const { accounts } = await site.store.run('accounts', {})
  const { entries } = await site.store.run('entries', { account, first: 1, count: 1000 })
  const sum = entries.reduce((total, entry) => total + entry.amount, 0n)
  t.equal(accounts[0]?.account.balance, sum, 'balance = Σ entries')
  await site.stop()
  t.same(site.warnings, [])
})
