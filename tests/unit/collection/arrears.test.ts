import t from 'tap'
import { Arrears, owedAfter, type Debt } from '../../../src/collection/arrears.js'
import { closedInstants, ClosedSlots, type ClosedSlot } from '../../../src/collection/closed-slots.js'
import { RESTORED_PER_STEP_MAX } from '../../../src/collection/collection.js'
import { epochMs, itemId, meterId, monotonicMs, taskId, type EpochMs, type Task } from '../../../src/model/index.js'
import { planSite } from '../../../src/collection/index.js'
import { nextAfter } from '../../../src/calendar.js'
import { task, testProfile } from '../../helpers/collection-site.js'
import { CoreBench, local, testMeter, utcOffsetMinutes } from '../../helpers/core-bench.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const slot = (at: number, changes: Partial<ClosedSlot> = {}): ClosedSlot => ({
  ...{ meter: meterId('1'), task: taskId('curve'), slotAt: epochMs(at) },
  ...changes,
})

await t.test('closed slots are looked up in runs, also in runs that overlap', async (t) => {
  const slots = [
    slot(1_000, { stepMs: 10, count: 100 }),
    slot(1_005, { stepMs: 100, count: 3 }),
    slot(5_000),
    slot(1_995, { task: taskId('other') }),
  ]
  const closed = new ClosedSlots(slots)
  const has = (at: number, meter = '1', id = 'curve') => closed.has(meterId(meter), taskId(id), epochMs(at))
  t.same(
    [1_000, 1_010, 1_990, 1_005, 1_205, 5_000].map((at) => has(at)),
    Array(6).fill(true),
  )
  t.same(
    [990, 1_003, 1_305, 2_000, 4_000, 5_001, 6_000].map((at) => has(at)),
    Array(7).fill(false),
  )
  t.same([has(1_000, '2'), has(1_995), has(1_995, '1', 'other')], [false, false, true])
  const twice = [slot(30), slot(10, { stepMs: 10, count: 3 }), slot(10, { stepMs: 10, count: 3, meter: meterId('2') })]
  t.same(closedInstants(twice), [10, 20, 30])
})

await t.test('debts are worked off in the order they were made, each from its oldest instant on', async (t) => {
  const arrears = new Arrears()
  const debt = (id: string, after: number, to: number): Debt => ({
    ...{ task: taskId(id), after: epochMs(after), to: epochMs(to), missed: 'not-running' },
  })
  t.same([arrears.next, arrears.since, arrears.until(epochMs(10))], [null, null, []])
  arrears.settle(epochMs(10))
  arrears.add([debt('a', 50, 60), debt('b', 60, 60)])
  arrears.add([debt('c', 70, 60)])
  arrears.add([debt('a', 10, 20), debt('b', 15, 50)])
  t.same([arrears.next, arrears.since], [{ after: 50, to: 60 }, 10])
  arrears.settle(epochMs(60))
  t.same(arrears.next, { after: 10, to: 50 })
  t.match(arrears.until(epochMs(12)), [{ task: 'a', after: 10, to: 12 }])
  arrears.settle(epochMs(12))
  t.equal(arrears.since, 12)
  t.match(arrears.until(epochMs(30)), [
    { task: 'a', after: 12, to: 20 },
    { task: 'b', after: 15, to: 30 },
  ])
  arrears.settle(epochMs(30))
  t.same(arrears.next, { after: 30, to: 50 }, 'what lies between two debts is not looked at')
  arrears.settle(epochMs(50))
  t.equal(arrears.next, null)
})

function owed(of: Task, times: { began?: number; last: EpochMs; until: EpochMs }) {
  const nextDue = (after: EpochMs) => nextAfter(of.cron, utcOffsetMinutes, after)
  const found = owedAfter({ task: of, utcOffsetMinutes, nextDue }, { began: -Infinity, missed: 'not-running', ...times })
  const tell = (debts: readonly Debt[]) => debts.filter(({ after, to }) => after < to).map(({ after, to }) => [after, to])
  return { urgent: tell(found.urgent), past: tell(found.past), gap: found.gap === null ? null : [found.gap.from, found.gap.to] }
}

await t.test('what a task owes after a short and a long stop', async (t) => {
  const until = local('2026-03-10 12:00')
  const live = epochMs(until - 10 * minuteMs)
  const curve = task('curve')
  const back = (ms: number) => epochMs(until - ms)
  t.same(owed(curve, { last: back(hourMs), until }), {
    ...{ urgent: [[live, until]], past: [[back(2 * hourMs + dayMs), live]], gap: null },
  })
  t.same(owed(curve, { last: back(-hourMs), until }).past, [[back(hourMs + dayMs), live]], 'a last instant ahead is not believed')
  t.same(owed(curve, { began: back(minuteMs), last: back(minuteMs), until }), {
    ...{ urgent: [[back(minuteMs), until]], past: [], gap: null },
  })
  t.same(owed(curve, { last: back(3 * dayMs), until }), {
    urgent: [[live, until]],
    past: [
      [back(4 * dayMs + hourMs), back(3 * dayMs)],
      [back(dayMs), live],
    ],
    gap: [back(3 * dayMs), back(dayMs)],
  })
  const monthly = task('monthly', { cron: '0 0 1 * *' })
  t.equal(owed(monthly, { last: back(3 * dayMs), until }).gap, null, 'nothing was due in between')
})

await t.test('a daily freeze is owed from its firing on, and today’s comes first', async (t) => {
  const freeze = task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *' })
  const last = local('2026-03-09 12:00')
  const midnight = local('2026-03-10 00:00')
  const after = owed(freeze, { began: last, last, until: local('2026-03-10 12:00') })
  t.same(after.urgent, [[midnight - 1, local('2026-03-10 12:00')]])
  t.same(after.past, [[last, midnight - 1]])
  const before = owed(freeze, { began: last, last, until: local('2026-03-10 00:04') })
  t.same(before, { urgent: [], past: [[last, midnight - 1]], gap: null })
})

await t.test('a freeze that is collected all day long is owed from the first firing on', async (t) => {
  const freeze = task('freeze', { kind: 'daily-freeze', cron: '*/10 * * * *' })
  const began = local('2026-03-10 12:05')
  const midnight = local('2026-03-10 00:00')
  const until = local('2026-03-10 12:30')
  t.same(owed(freeze, { began, last: until, until }), { urgent: [[midnight - 1, until]], past: [], gap: null })
  t.same(owed(freeze, { began, last: began, until: local('2026-03-10 12:09') }).urgent, [
    [midnight - 1, local('2026-03-10 12:09')],
  ])
})

await t.test('a step looks at a limited number of meters, also when a task has none', async (t) => {
  const meters = Array.from({ length: RESTORED_PER_STEP_MAX + 1 }, (_, index) => testMeter(String(index + 1)))
  const start = local('2026-03-01 12:05')
  const nobody = task('nobody', { meters: { ids: [meterId('none')] }, cron: '0 * * * *' })
  const bench = new CoreBench(start, {
    meters,
    tasks: [task('curve', { kind: 'status', cron: '30 * * * *', liveWindowMs: minuteMs }), nobody],
  })
  const last = epochMs(start - hourMs)
  bench.collection.owe({ began: last, last, until: start, missed: 'not-running' }, bench.now)
  t.same(bench.collection.owed, { after: start - 10 * minuteMs, to: start }, 'what can be had live')
  t.same([...bench.collection.restore(start, [], () => bench.now)], [0])
  t.equal(bench.collection.owedSince, last)
  t.same([...bench.collection.restore(start, [], () => bench.now)], [RESTORED_PER_STEP_MAX, 1])
  t.equal(bench.collection.owed, null)
  bench.turn()
  t.equal(bench.points.length, meters.length)
})

await t.test('a task that is gone, and a clock set back while slots are restored', async (t) => {
  const start = local('2026-03-01 12:05')
  const bench = new CoreBench(start, { tasks: [task('curve')] })
  const last = epochMs(start - 2 * hourMs)
  bench.collection.owe({ began: last, last, until: start, missed: 'not-running' }, bench.now)
  const urgent = bench.collection.restore(start, [], () => bench.now)
  bench.now = { ...bench.now, wall: epochMs(start - hourMs) }
  t.same([...urgent], [1])
  bench.turn()
  t.same(bench.told('curve'), ['03-01 12:00 live energy=not-running'], 'an instant to come is not read')
  bench.configure({ ...bench.site, tasks: [] })
  t.same([...bench.collection.restore(start, [], () => bench.now)], [])
  bench.turn()
  t.match(bench.events.at(-1), {
    code: 'collection.gap',
    detail: { task: 'curve', to: new Date(start - 10 * minuteMs).toISOString() },
  })
})

await t.test('a gap is told for what lies further back than slots are kept', async (t) => {
  const start = local('2026-03-04 12:05')
  const bench = new CoreBench(start, { tasks: [task('curve')] })
  const last = local('2026-03-01 12:10')
  bench.restore(last)
  const [from, to] = [last, start - dayMs].map((at) => new Date(at).toISOString())
  t.match(bench.events, [{ code: 'collection.gap', severity: 'warning', detail: { task: 'curve', from, to } }])
  bench.run(minuteMs)
  t.equal(bench.points.length, 96, 'a day of quarters')
})

await t.test('a day is handed out once, when none of its slots is owed any more', async (t) => {
  const start = local('2026-03-03 12:00')
  const bench = new CoreBench(start, {
    tasks: [task('hourly', { cron: '0 * * * *', items: ['power'], backfillDays: 3, liveWindowMs: 1 })],
  })
  const last = local('2026-03-01 12:30')
  const powerless = { ...testProfile(), items: new Map([[itemId('power'), { register: '02030000' }]]) }
  bench.configure({ ...bench.site, profiles: [powerless] })
  bench.collection.owe({ began: last, last, until: start, missed: 'not-running' }, bench.now)
  for (let owed = bench.collection.owed; owed !== null; owed = bench.collection.owed) {
    for (const _ of bench.collection.restore(epochMs(Math.min(owed.to, owed.after + 5 * hourMs)), [], () => bench.now))
      bench.turn()
  }
  bench.turn()
  t.same(
    bench.days.map(({ day, links }) => [day, links[0]?.items[0]?.due]),
    [
      [local('2026-03-01 00:00'), 11],
      [local('2026-03-02 00:00'), 24],
    ],
  )
})

await t.test('instants that a calendar passed over are owed as well', async (t) => {
  const start = local('2026-03-01 12:15')
  const bench = new CoreBench(start, { tasks: [] })
  bench.collection.configure(planSite({ ...bench.site, tasks: [task('curve', { items: ['power'] })] }), bench.now)
  const fire = (at: EpochMs) => {
    bench.now = { ...bench.now, wall: at, monotonic: monotonicMs(bench.now.monotonic + at - bench.now.wall) }
    bench.collection.fire(taskId('curve'), at, bench.now)
  }
  fire(start)
  t.equal(bench.collection.owed, null)
  fire(epochMs(start + 45 * minuteMs))
  t.same(bench.collection.owed, { after: start, to: start + 45 * minuteMs - 1 })
  t.same([...bench.collection.restore(bench.now.wall, [], () => bench.now)], [1, 1])
  bench.turn()
  t.same(
    bench.told('curve').slice(0, 2),
    ['12:30', '12:45'].map((at) => `03-01 ${at} live power=not-running`),
  )
  fire(start)
  t.equal(bench.collection.owed, null, 'what was owed is handled')
})
