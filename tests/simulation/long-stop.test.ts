import t from 'tap'
import { accountId, dayMs, micro, type AccountLimits } from '../../src/model/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

const startsAt = Date.UTC(2026, 5, 1, 4, 0, 0)
const minutes = 60_000
const yuan = (amount: number) => micro(BigInt(amount * 1_000_000))
const limits: AccountLimits = {
  alarm1: yuan(5),
  alarm2: yuan(2),
  overdraft: yuan(0),
  closePermitted: yuan(1),
  hoarding: yuan(0),
  largestCredit: yuan(0),
}

await t.test('after a stop of days the gap is told from the last record on, and money does not wait for the past', async (t) => {
  const site = new WholeRuntime({
    area: { seed: 1, buses: 1, metersPerBus: 3, startsAt, utcOffsetMinutes: 480, baud: 2400, historyMs: 3 * dayMs },
    seed: 1,
  })
  t.teardown(() => site.remove())
  await site.start()
  const meter = site.area.archive[0]
  if (meter === undefined) throw new Error('the area has no meter')
  await site.order({
    kind: 'open-account',
    account: accountId('A1'),
    meter: meter.id,
    unit: 'money',
    tariff: 'residential',
    limits,
    opening: yuan(80),
  })
  await site.time.runFor(60 * minutes)
  const stoppedAt = site.time.wall().at
  await site.stop()
  await site.time.runFor(10 * dayMs)
  await site.start()
  t.not(site.daemon.collector?.snapshot().owedSince, null, 'what was missed is worked off beside')
  t.equal(site.daemon.moneySafe, true)
  await site.time.runFor(60 * minutes)
  t.equal(site.daemon.collector?.snapshot().owedSince, null)
  const { events } = await site.store.run('events', { count: 1_000 })
  const gaps = events.filter((event) => event.code === 'collection.gap')
  t.ok(gaps.length > 0)
  for (const { detail } of gaps) {
    const from = Date.parse(String(detail['from']))
    t.ok(from <= stoppedAt + 5_000 && from >= stoppedAt - 5 * minutes, `from ${String(detail['from'])}`)
  }
  await site.stop()
})
