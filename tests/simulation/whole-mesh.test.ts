import t from 'tap'
import { accountId, dayMs, linkId, micro, startOfLocalDay } from '../../src/model/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

const startsAt = Date.UTC(2026, 5, 1, 12, 0, 0)
const hours = 3_600_000
const kinds = ['plc-hplc', 'plc-narrow', 'wireless'] as const
const meters = 4
const yuan = (amount: number) => micro(BigInt(Math.round(amount * 1_000_000)))

const none = { overdraft: yuan(0), hoarding: yuan(0), largestCredit: yuan(0) }

// Few tasks: what is shown is the way through modules, not their speed.
const tasks = `tasks:
  - { id: daily-freeze, kind: daily-freeze, cron: '5 0 * * *', items: [energy], backfillDays: 3 }
  - { id: curve, kind: curve, cron: '0 * * * *', items: [energy], liveWindowMinutes: 30, closesAfterMinutes: 360 }
`

await t.test('meters behind modules are read, charged, cut and restored like any others', async (t) => {
  const site = new WholeRuntime({
    area: {
      seed: 5,
      links: kinds.map((kind) => ({ kind, meters })),
      startsAt,
      utcOffsetMinutes: 480,
      baud: 9600,
      historyMs: 3 * dayMs,
    },
    extra: ['rules: { blocked: { night: null, weekdays: [], dates: [] } }'],
    tasks,
    seed: 5,
  })
  t.teardown(() => site.remove())
  await site.start()
  await site.time.runFor(hours / 2)
  for (const { link } of site.area.buses) {
    t.equal(site.area.module(link)?.archiveSize, meters, `the module of ${link} has the archive's meters, told by the daemon`)
  }
  await site.time.runFor(24 * hours)

  const { archive } = site.area
  const midnight = startOfLocalDay(site.time.wall().at, 480)
  for (const { id } of archive) {
    const { points } = await site.store.run('points', { meter: id, from: midnight, to: site.time.wall().at })
    const freeze = points.find(({ task, slotAt }) => task === 'daily-freeze' && slotAt === midnight)
    t.ok(freeze?.values.every((value) => 'ints' in value) === true, `${id} has its freeze of the day`)
  }

  const meter = archive.find(({ link }) => link === linkId(site.area.buses[0]?.link ?? ''))
  if (meter === undefined) throw new Error('the area has no meter')
  const account = accountId('A1')
  const limits = { ...none, alarm1: yuan(5), alarm2: yuan(2), closePermitted: yuan(1) }
  const opened = { kind: 'open-account', account, meter: meter.id, unit: 'money', tariff: 'residential', limits } as const
  t.match(await site.order({ ...opened, opening: yuan(8) }), { accepted: true })
  site.area.setWatts(meter.id, 6_000)
  const state = async () => (await site.store.run('accounts', {})).accounts[0]?.account.state
  for (let turn = 0; turn < 24 && (await state()) !== 'disconnected'; turn++) await site.time.runFor(hours)
  t.equal(await state(), 'disconnected')
  const trips = site.area.relayActions(meter.id).filter(({ accepted, command }) => accepted && command === 'trip')
  t.equal(trips.length, 1, 'one trip, through the module')
  t.match(await site.order({ kind: 'credit', account, amount: yuan(20), purchase: 1, idempotencyKey: 'pay-1' }), {
    accepted: true,
  })
  await site.time.runFor(hours / 2)
  t.equal(await state(), 'may-close')
  const { events } = await site.store.run('events', { count: 500 })
  const started = events.filter(({ code }) => code === 'network.module-started')
  t.same([...new Set(started.map(({ link }) => link))].sort(), site.area.buses.map(({ link }) => link).sort())
  await site.stop()
})
