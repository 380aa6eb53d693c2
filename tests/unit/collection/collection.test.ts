import t from 'tap'
import { epochMs, meterAddress } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import type { Work } from '../../../src/collection/index.js'
import { answerAll, bad, CoreBench, energyAt, local, testMeter } from '../../helpers/core-bench.js'
import { task, testProfile, testTasks } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const failing = (work: Work, code: 'no-reply' | 'bus-down' | 'garbled' = 'no-reply') =>
  settled(work.plan.registers.map(({ register }) => bad(register, code)))

await t.test('a curve slot ends by its first live answer', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'))
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(bench.told('curve').slice(0, 2), [
    `03-01 00:15 live energy=${energyAt(local('2026-03-01 00:15') + 500)} power=12345`,
    `03-01 00:30 live energy=${energyAt(local('2026-03-01 00:30') + 500)} power=12345`,
  ])
  t.equal(bench.points[0]?.measuredAt, local('2026-03-01 00:15') + 500)
  t.same(
    bench.works[0]?.plan.registers.map(({ register }) => register),
    ['02030000', '0001FF00'],
    'the billing item is read last',
  )
})

await t.test('lesson 17: one item that fails leaves the others alone and is asked again alone', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { items: ['energy', 'power'] })] })
  let asked = 0
  bench.answer = (work, now) =>
    settled(answerAll(work, now).map((one) => (one.register === '02030000' && asked++ < 2 ? bad(one.register, 'garbled') : one)))
  bench.runUntil(local('2026-03-01 00:20'))
  const first = local('2026-03-01 00:15') + 500
  t.same(bench.told('curve'), [`03-01 00:15 live energy=${energyAt(first)} power=12345@live`])
  t.equal(bench.points[0]?.measuredAt, first, 'the point keeps the moment of its billing item')
  t.same(
    bench.works.map((work) => work.plan.registers.length),
    [2, 1, 1],
  )
})

await t.test('a curve slot that no live read fills is filled from the load record', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), {
    tasks: [task('curve', { items: ['energy', 'power', 'status-3'], backfillDays: 1, closesAfterMs: dayMs })],
  })
  bench.answer = (work, now) => (now.wall < local('2026-03-01 00:40') ? failing(work) : settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-01 01:00'))
  t.same([...bench.told('curve')].sort(), [
    `03-01 00:15 load-record energy=${energyAt(local('2026-03-01 00:15'))} power=7 status-3=no-reply`,
    `03-01 00:30 load-record energy=${energyAt(local('2026-03-01 00:30'))} power=7 status-3=no-reply`,
    `03-01 00:45 live energy=${energyAt(local('2026-03-01 00:45') + 500)} power=12345 status-3=0000`,
  ])
})

await t.test('a silent meter leaves typed absences, each slot at its closing time', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:04'), { tasks: testTasks().filter((one) => one.kind !== 'clock') })
  bench.answer = (work) => failing(work)
  bench.run(4 * dayMs)
  t.same(bench.told('status').slice(0, 1), ['03-01 00:07 live status-3=no-reply'])
  t.equal(bench.told('curve').length, 96 * 3, 'a day of slots is still open')
  t.ok(bench.told('curve').every((line) => line.endsWith('energy=no-reply power=no-reply')))
  t.same(bench.told('freeze'), ['03-01 00:00 live energy=no-reply', '03-02 00:00 live energy=no-reply'])
  const [event] = bench.events
  t.equal(event?.code, 'freeze.missing')
  t.same(
    bench.points.map((point) => point.measuredAt === point.slotAt),
    bench.points.map(() => true),
    'lesson 18: nothing measured, nothing stamped',
  )
  t.equal(bench.collection.book.size, 96 + 2)
})

await t.test('a bus that is down is left alone, and says so in what it costs', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { items: ['energy'] })] })
  bench.jobMs = 1
  bench.answer = (work) => failing(work, 'bus-down')
  bench.runUntil(local('2026-03-01 01:16'))
  t.equal(bench.told('curve')[0], '03-01 00:15 live energy=bus-down')
  t.ok(bench.works.length < (62 * 60) / 5, `${bench.works.length} jobs in an hour`)
  const quiet = new CoreBench(local('2026-03-01 00:14'), {
    meters: [testMeter('1'), testMeter('2'), testMeter('3'), testMeter('4'), testMeter('5')],
    tasks: [task('curve', { items: ['energy'], liveWindowMs: 2_000, closesAfterMs: 2_000 })],
  })
  quiet.jobMs = 1
  quiet.answer = (work) => failing(work, 'bus-down')
  quiet.runUntil(local('2026-03-01 00:16'))
  t.same(
    quiet.told('curve'),
    Array.from({ length: 5 }, () => '03-01 00:15 live energy=bus-down'),
    'also for those nobody asked',
  )
})

await t.test('a meter that the bus holds back is offered again at its next probe', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), {
    tasks: [task('curve', { items: ['energy'] }), task('other', { items: ['power'] })],
  })
  const held = { kind: 'held' } as const
  bench.answer = (work, now) => {
    if (now.wall < local('2026-03-01 00:16')) return held
    if (now.wall < local('2026-03-01 00:17')) return { ...held, nextProbe: (now.monotonic + 1) as never }
    return settled(answerAll(work, now))
  }
  bench.runUntil(local('2026-03-01 00:20'))
  t.match(bench.told('curve'), [/^03-01 00:15 live energy=\d+$/])
  t.ok(bench.works.length < 45, `${bench.works.length} jobs`)
})

await t.test('what the bus had no time for is said so', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), {
    tasks: [task('curve', { items: ['energy', 'power'], backfillDays: 1, closesAfterMs: hourMs })],
  })
  bench.answer = () => ({ kind: 'expired', sent: false })
  bench.runUntil(local('2026-03-01 01:16'))
  t.same(bench.told('curve'), ['03-01 00:15 live energy=no-time power=no-time'])
  bench.answer = () => ({ kind: 'expired', sent: true })
  bench.runUntil(local('2026-03-01 01:31'))
  t.same(bench.told('curve').slice(1), ['03-01 00:30 live energy=no-reply power=no-reply'])
  bench.answer = () => ({ kind: 'refused' })
  const refused = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', {})] })
  refused.answer = () => ({ kind: 'refused' })
  refused.runUntil(local('2026-03-01 01:16'))
  t.equal(refused.told('curve')[0], '03-01 00:15 live energy=no-time')
})

await t.test('what a meter refuses for good is not asked again', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { items: ['energy', 'power'] })] })
  bench.answer = (work, now) =>
    settled(
      answerAll(work, now).map((one) => (one.register === '02030000' ? bad(one.register, 'refused', { retry: 'never' }) : one)),
    )
  bench.runUntil(local('2026-03-01 00:16'))
  t.match(bench.told('curve'), [/energy=\d+ power=refused$/])
  t.equal(bench.works.length, 1)
})

await t.test('the daily freeze is the meter’s own, at midnight, whenever the calendar fires', async (t) => {
  const tasks = [
    task('freeze', { kind: 'daily-freeze', cron: '5,35 0 * * *', backfillDays: 3, priority: 'freeze', closesAfterMs: 3 * dayMs }),
  ]
  const bench = new CoreBench(local('2026-03-01 00:00'), { tasks })
  bench.runUntil(local('2026-03-01 03:00'))
  t.same(bench.told('freeze'), [`03-01 00:00 daily-freeze energy=${energyAt(local('2026-03-01 00:00'))}`])
  t.equal(bench.points[0]?.stream, 'freeze')
  t.equal(bench.points[0]?.measuredAt, local('2026-03-01 00:00'))
  t.same(
    bench.works[0]?.plan.registers.map(({ register }) => register),
    ['05060001', '05060101'],
  )
})

await t.test('a meter without freezes is read at the instant, and that is its freeze, marked live', async (t) => {
  const plain = testProfile({ items: new Map([[testProfile().billingItem, { register: '0001FF00' }]]) })
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    profiles: [plain],
    tasks: [task('freeze', { kind: 'daily-freeze', cron: '0 0 * * *', backfillDays: 3 })],
  })
  bench.runUntil(local('2026-03-02 03:00'))
  t.same(bench.told('freeze'), [`03-02 00:00 live energy=${energyAt(local('2026-03-02 00:00') + 500)}`])
  t.equal(bench.points[0]?.stream, 'freeze')
})

await t.test('a meter that has no freeze to give is read live while the window lasts', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    tasks: [task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 3 })],
  })
  bench.answer = (work, now) =>
    settled(
      answerAll(work, now).map((one) =>
        one.register.startsWith('0506') ? bad(one.register, 'refused', { retry: 'never', errors: ['not-authorised'] }) : one,
      ),
    )
  bench.runUntil(local('2026-03-01 03:00'))
  t.match(bench.told('freeze'), [/^03-01 00:00 live energy=\d+$/])
})

await t.test('a meter that was away for days gives its freezes afterwards, found by their own time', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    tasks: [
      task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 5, priority: 'freeze', closesAfterMs: 5 * dayMs }),
    ],
  })
  bench.answer = (work, now) => (now.wall < local('2026-03-04 12:00') ? failing(work) : settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-04 13:00'))
  t.same(
    [...bench.told('freeze')].sort(),
    ['03-01', '03-02', '03-03', '03-04'].map(
      (day) => `${day} 00:00 daily-freeze energy=${energyAt(local(`${day.replace(/^/, '2026-')} 00:00`))}`,
    ),
  )
})

await t.test('a meter that answers again is asked for its history at once', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    tasks: [
      task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 5, priority: 'freeze', closesAfterMs: 5 * dayMs }),
      task('curve', { cron: '0 * * * *' }),
    ],
  })
  const back = local('2026-03-01 12:00')
  bench.answer = (work, now) => (now.wall < back ? failing(work) : settled(answerAll(work, now)))
  bench.runUntil(epochMs(back + 5_000))
  t.equal(bench.told('freeze').length, 1)
})

await t.test('the oldest slot gives way when too many are open', async (t) => {
  const bench = new CoreBench(
    local('2026-03-01 00:14'),
    { tasks: [task('curve', { closesAfterMs: dayMs, backfillDays: 1 })] },
    { openSlotsMax: 3 },
  )
  bench.answer = (work) => failing(work)
  bench.runUntil(local('2026-03-01 01:31'))
  t.equal(bench.collection.book.size, 3)
  t.same(
    bench.told('curve'),
    ['03-01 00:15', '03-01 00:30', '03-01 00:45'].map((at) => `${at} live energy=no-reply`),
  )
})

await t.test('a finished day is handed out once, with what was due, got and missing', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), { tasks: testTasks() })
  bench.runUntil(local('2026-03-02 07:00'))
  t.same(
    bench.days.map((day) => day.day),
    [local('2026-03-01 00:00')],
  )
  const items = bench.days[0]?.links[0]?.items.map(({ item, due, first, later }) => [item, due, first, later])
  t.same(items, [
    ['energy', 96, 95 + 1, 0],
    ['status-3', 24, 24, 0],
    ['power', 95, 95, 0],
    ['clock', 1, 1, 0],
  ])
  t.ok(bench.collection.book.isOpenOn(local('2026-03-01 00:00')) === false)
})

await t.test('a day with open slots is handed out at the latest, and late values are no longer counted', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    tasks: [task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 5, closesAfterMs: 5 * dayMs })],
  })
  bench.answer = (work, now) => (now.wall < local('2026-03-03 12:00') ? failing(work) : settled(answerAll(work, now)))
  bench.runUntil(local('2026-03-03 06:00'))
  t.equal(bench.days.length, 0)
  bench.runUntil(local('2026-03-03 06:31'))
  t.same(
    bench.days.map(({ links }) => links[0]?.items),
    [[{ item: 'energy', due: 1, first: 0, later: 0, missing: {} }]],
  )
  bench.runUntil(local('2026-03-03 13:00'))
  t.equal(bench.told('freeze').length, 3)
  t.same(
    bench.days.slice(1).map(({ day, links }) => [day, links[0]?.items[0]?.later]),
    [[local('2026-03-02 00:00'), 1]],
  )
})

await t.test('new parameters keep the open slots of unchanged meters and end those of replaced and removed ones', async (t) => {
  const meters = ['1', '2', '3', '4'].map((name) => testMeter(name))
  const tasks = [task('curve', { backfillDays: 1, closesAfterMs: dayMs })]
  const bench = new CoreBench(local('2026-03-01 00:10'), { meters, tasks })
  bench.answer = (work) => failing(work)
  bench.runUntil(local('2026-03-01 00:28'))
  bench.configure({
    ...bench.site,
    meters: [testMeter('1'), testMeter('2', { address: meterAddress('999999999999') }), testMeter('4', { profile: 'other' })],
    profiles: [
      testProfile(),
      testProfile({ name: 'other', registerWrapKwh: 10_000, items: new Map([...testProfile().items].slice(0, 1)) }),
    ],
  })
  t.same(
    bench.points.map((point) => `${point.meter} ${JSON.stringify(point.values[0])}`),
    ['2 {"item":"energy","absent":"meter-replaced"}', '3 {"item":"energy","absent":"no-reply"}'],
  )
  t.equal(bench.collection.book.size, 2)
  bench.answer = (work, now) => settled(answerAll(work, now))
  bench.runUntil(local('2026-03-01 00:29'))
  bench.configure({ ...bench.site, tasks: [task('curve', { items: ['power'], backfillDays: 1, closesAfterMs: dayMs })] })
  bench.runUntil(local('2026-03-01 00:40'))
  t.equal(bench.told('curve').filter((line) => line.includes('00:30 live power=12345')).length, 2)
  t.same(bench.points.length, new Set(bench.points.map((point) => `${point.meter} ${point.slotAt}`)).size)
})
