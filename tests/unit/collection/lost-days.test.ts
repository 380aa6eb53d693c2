import t from 'tap'
import { itemId, type EpochMs, type ItemSource } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import { meterNote, planSite, rememberNote, type Now, type Work } from '../../../src/collection/index.js'
import { answerAll, bad, CoreBench, energyAt, local, testMeter } from '../../helpers/core-bench.js'
import { task, testProfile, testSite } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const silence = (work: Work) => settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))

const daily = task('freeze', {
  kind: 'daily-freeze',
  cron: '0 0 * * *',
  backfillDays: 3,
  priority: 'freeze',
  closesAfterMs: 3 * dayMs,
})
const dailyFreeze = { value: '05060101', time: '05060001', depthDays: 62 }

/** A profile of one item, energy, with what a test gives it. */
function profileWith(source: Partial<ItemSource>) {
  return testProfile({ items: new Map([[itemId('energy'), { register: '0001FF00', ...source }]]) })
}

/** Days on which the meter is away, then there again. */
function awayUntil(bench: CoreBench, until: EpochMs, then: (work: Work, now: Now) => ReturnType<typeof settled>): void {
  bench.answer = (work, now) => (now.wall < until ? silence(work) : then(work, now))
}

await t.test('a meter that was away for longer than slots are kept open gives its days all the same', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [profileWith({ dailyFreeze: { ...dailyFreeze, depthDays: 8 } })],
    tasks: [{ ...daily, closesAfterMs: 2 * dayMs, liveWindowMs: minuteMs }, task('curve', { cron: '0 * * * *' })],
  })
  awayUntil(bench, local('2026-03-10 12:00'), (work, now) => settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-10 11:00'))
  t.equal(bench.told('freeze').length, 8, 'each day was told as missing when its time was over')
  bench.runUntil(local('2026-03-10 16:00'))
  const came = bench.told('freeze').filter((line) => line.includes('daily-freeze'))
  t.same(
    [...came].sort(),
    [3, 4, 5, 6, 7, 8, 9, 10].map((day) => {
      const at = local(`2026-03-${String(day).padStart(2, '0')} 00:00`)
      return `03-${String(day).padStart(2, '0')} 00:00 daily-freeze energy=${energyAt(at)}`
    }),
    'as deep as the meter keeps them',
  )
  t.equal(bench.told('freeze').length, 8 + 8, 'a later better value is a record of its own')
})

await t.test('lost days are kept in the meter’s note until they have come, so that a restart asks for them', async (t) => {
  const site = {
    meters: [testMeter('1')],
    profiles: [profileWith({ dailyFreeze })],
    tasks: [{ ...daily, closesAfterMs: 2 * dayMs, liveWindowMs: minuteMs }, task('curve', { cron: '0 * * * *' })],
  }
  const before = new CoreBench(local('2026-02-28 23:00'), site)
  awayUntil(before, local('2027-01-01 00:00'), (work) => silence(work))
  before.runUntil(local('2026-03-06 12:00'))
  const { id } = testMeter('1')
  const note = meterNote(before.collection.stateOf(id))
  const days = [1, 2, 3, 4].map((day) => local(`2026-03-0${day} 00:00`))
  t.same(note?.lostDays, new Map([[daily.id, days]]))
  t.ok(before.learnt.filter((meter) => meter === id).length >= days.length, 'each is told to be kept')

  const after = new CoreBench(local('2026-03-06 12:10'), site)
  if (note !== null) rememberNote(after.collection.stateOf(id), note)
  after.runUntil(local('2026-03-06 16:00'))
  t.same(
    after.told('freeze').map((line) => line.slice(0, 24)),
    days.map((_, index) => `03-0${index + 1} 00:00 daily-freeze`),
  )
  t.equal(meterNote(after.collection.stateOf(id)), null, 'and forgotten when they have come')
  t.ok(after.learnt.includes(id))
})

await t.test('days of a stop that was too long to be explained one by one are asked for all the same', async (t) => {
  const bench = new CoreBench(local('2026-03-20 12:00'), {
    profiles: [profileWith({ dailyFreeze: { ...dailyFreeze, depthDays: 12 } })],
    tasks: [daily, task('curve', { cron: '0 * * * *' })],
  })
  bench.restore(local('2026-02-10 06:00'))
  bench.turn()
  bench.runUntil(local('2026-03-20 14:00'))
  t.same(
    [...bench.told('freeze')].sort(),
    [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20].map((day) => {
      const date = String(day).padStart(2, '0')
      return `03-${date} 00:00 daily-freeze energy=${energyAt(local(`2026-03-${date} 00:00`))}`
    }),
  )
})

await t.test('days that cannot be had afterwards either are told no second time', async (t) => {
  const bench = new CoreBench(
    local('2026-02-28 23:00'),
    {
      profiles: [profileWith({ dailyFreeze })],
      tasks: [{ ...daily, closesAfterMs: 2 * dayMs, liveWindowMs: minuteMs }, task('curve', { cron: '0 * * * *' })],
    },
    { lostDaysMax: 3 },
  )
  awayUntil(bench, local('2026-03-10 12:00'), (work, now) =>
    settled(answerAll(work, now).map((one) => (one.register.startsWith('0506') ? bad(one.register, 'garbled') : one))),
  )
  bench.runUntil(local('2026-03-16 00:00'))
  const days = bench.told('freeze').map((line) => line.slice(0, 5))
  t.same(days, [...new Set(days)])
  t.ok(bench.told('freeze').every((line) => line.includes('live energy=')))
})

await t.test('a freeze task’s items that no meter freezes are not asked for days later', async (t) => {
  const items = new Map<ReturnType<typeof itemId>, ItemSource>([
    [itemId('energy'), { register: '0001FF00' }],
    [itemId('status-3'), { register: '04000503' }],
  ])
  const bench = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [testProfile({ items })],
    tasks: [
      { ...daily, items: [...items.keys()], closesAfterMs: hourMs, liveWindowMs: minuteMs },
      task('curve', { cron: '0 * * * *' }),
    ],
  })
  awayUntil(bench, local('2026-03-02 12:00'), (work, now) => settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-02 16:00'))
  t.same(
    bench.told('freeze'),
    ['1', '2'].map((day) => `03-0${day} 00:00 live energy=no-reply status-3=no-reply`),
  )
})

await t.test('lost days are opened no further than slots may be open, and not twice', async (t) => {
  const bench = new CoreBench(
    local('2026-02-28 23:00'),
    {
      meters: [testMeter('1')],
      profiles: [profileWith({ dailyFreeze })],
      tasks: [
        { ...daily, closesAfterMs: 2 * dayMs, liveWindowMs: minuteMs },
        task('curve', { cron: '0 * * * *', liveWindowMs: minuteMs }),
      ],
    },
    { openSlotsMax: 4 },
  )
  awayUntil(bench, local('2026-03-10 12:00'), (work, now) => settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-10 16:00'))
  t.ok(bench.told('freeze').filter((line) => line.includes('daily-freeze')).length <= 4)
  const owner = { plan: planSite(testSite([testMeter('1')], { tasks: [daily] })).tasks[0]?.meters[0] }
  t.equal(owner.plan?.memoryDelayMs, 0)
})
