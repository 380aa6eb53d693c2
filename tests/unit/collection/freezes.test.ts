import t from 'tap'
import { epochMs, formatLocal, itemId, toLocal, type ItemSource } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import { planSite, type Now, type Work } from '../../../src/collection/index.js'
import { settlesAt } from '../../../src/collection/meter-time.js'
import { monthsBetween } from '../../../src/collection/slots.js'
import {
  answerAll,
  answerOne,
  bad,
  CoreBench,
  energyAt,
  good,
  local,
  number,
  testMeter,
  text,
  utcOffsetMinutes,
} from '../../helpers/core-bench.js'
import { task, testProfile, testSite } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const silence = (work: Work) => settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))
const refuse = (register: string, errors = ['no-such-data']) => bad(register, 'refused', { retry: 'never', errors })

const daily = task('freeze', {
  kind: 'daily-freeze',
  cron: '0 0 * * *',
  backfillDays: 3,
  priority: 'freeze',
  closesAfterMs: 3 * dayMs,
})
const monthly = task('month', {
  kind: 'monthly-freeze',
  cron: '0 0 1 * *',
  backfillDays: 3,
  priority: 'freeze',
  startDelayMs: 6 * hourMs,
  closesAfterMs: 3 * dayMs,
})

/** A profile of one item, energy, with what a test gives it. */
function profileWith(source: Partial<ItemSource>) {
  return testProfile({ items: new Map([[itemId('energy'), { register: '0001FF00', ...source }]]) })
}
const dailyFreeze = { value: '05060101', time: '05060001', depthDays: 62 }

await t.test('freezes are asked for from five past midnight on, spread over the meters of each link', async (t) => {
  const meters = ['1', '2', '3', '4'].map((name) => testMeter(name))
  const bench = new CoreBench(local('2026-02-28 23:50'), {
    meters,
    tasks: [{ ...daily, startDelayMs: 5 * minuteMs, spreadMs: 2 * minuteMs }],
  })
  const begun: string[] = []
  bench.answer = (work, now) => {
    begun.push(`${work.meter} ${formatLocal(epochMs(now.wall - 500), utcOffsetMinutes).slice(11)}`)
    return settled(answerAll(work, now))
  }
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(begun, ['1 00:05:00', '2 00:05:30', '3 00:06:00', '4 00:06:30'])
  t.equal(bench.told('freeze').length, 4)
  t.same(bench.days, [])
  t.equal(bench.collection.book.statistics.view()[0]?.links[0]?.latency.p99Ms, 640, 'counted from when it was asked for')
})

await t.test('a meter that keeps no freezes is read at midnight, while the others are given time', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:50'), {
    meters: [testMeter('1'), testMeter('2', { profile: 'plain' })],
    profiles: [testProfile(), { ...profileWith({}), name: 'plain' }],
    tasks: [{ ...daily, startDelayMs: 5 * minuteMs }],
  })
  bench.runUntil(local('2026-03-01 00:01'))
  t.same(
    bench.points.map(({ meter, source, stream }) => [meter, source, stream]),
    [['2', 'live', 'freeze']],
  )
  t.equal(bench.points[0]?.measuredAt, local('2026-03-01 00:00') + 500)
  bench.runUntil(local('2026-03-01 00:06'))
  t.same(bench.points.map(({ meter, source }) => [meter, source])[1], ['1', 'daily-freeze'])
})

await t.test('days as records: one request brings many, each found by its own time', async (t) => {
  const dailyRecord = { register: '50040200:00100200', from: 0, count: 1, depthDays: 62 }
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    profiles: [profileWith({ dailyRecord })],
    tasks: [{ ...daily, backfillDays: 9, closesAfterMs: 9 * dayMs, liveWindowMs: 1 }],
  })
  const days: number[] = []
  bench.answer = (work, now) => {
    if (now.wall < local('2026-03-05 12:00')) return silence(work)
    return settled(
      work.plan.registers.map(({ register, from, count = 0 }) => {
        if (from === undefined) return bad(register, 'invalid')
        days.push(count)
        const first = Date.UTC(from.year, from.month - 1, from.day) - utcOffsetMinutes * minuteMs
        const records = Array.from({ length: count }, (_, index) => epochMs(first + index * dayMs))
          .filter((at) => at <= now.wall && at !== local('2026-03-03 00:00'))
          .map((at) => ({ at: toLocal(at, utcOffsetMinutes), values: [number(energyAt(at))] }))
        return { register, ok: true, values: [], records }
      }),
    )
  }
  bench.runUntil(local('2026-03-05 13:00'))
  t.same(
    [...bench.told('freeze')].sort(),
    [2, 3, 4, 5].map(
      (day) =>
        `03-0${day} 00:00 ${day === 3 ? 'live energy=not-kept' : `daily-freeze energy=${energyAt(local(`2026-03-0${day} 00:00`))}`}`,
    ),
  )
  t.same(days, [4])
})

await t.test('a task may name items that meters keep in different ways', async (t) => {
  const items = new Map<ReturnType<typeof itemId>, ItemSource>([
    [itemId('energy'), { register: '0001FF00', dailyFreeze }],
    [itemId('reverse'), { register: '0002FF00', dailyRecord: { register: 'R', from: 0, count: 1, depthDays: 9 } }],
  ])
  const bench = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [testProfile({ items })],
    tasks: [{ ...daily, items: [itemId('energy'), itemId('reverse')] }],
  })
  bench.answer = (work, now) =>
    settled(
      work.plan.registers.map((request) => {
        const { register, from } = request
        if (register !== 'R' || from === undefined) return answerOne(request, now)
        return { register, ok: true, values: [], records: [{ at: from, values: [number(77)] }] }
      }),
    )
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(bench.told('freeze'), [`03-01 00:00 daily-freeze energy=${energyAt(local('2026-03-01 00:00'))} reverse=77`])
})

const monthStart = local('2026-03-01 00:00')
const profile = profileWith({ dailyFreeze, monthlyFreeze: { value: '0001FF01', day: '04000B01', depthMonths: 12 } })

await t.test('the month’s freeze is the daily one of the settlement day, and says so', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:00'), { profiles: [profile], tasks: [daily, monthly] })
  bench.runUntil(local('2026-03-02 12:00'))
  t.same(bench.told('month'), [`03-01 00:00 monthly-freeze energy=${energyAt(monthStart)}@daily-freeze`])
  t.match(
    bench.points.find((point) => point.task === 'month'),
    { stream: 'freeze', slotAt: monthStart, measuredAt: monthStart },
  )
  t.ok(
    bench.works.every((work) => work.plan.registers.every(({ register }) => register.startsWith('0506'))),
    'it costs the bus nothing',
  )
})

await t.test('a meter without freezes gives its month by the read at midnight', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:00'), { profiles: [profileWith({})], tasks: [monthly, daily] })
  bench.runUntil(local('2026-03-01 12:00'))
  t.same(bench.told('month'), [`03-01 00:00 monthly-freeze energy=${energyAt(monthStart + 500)}@live`])
})

/** Daily freezes are refused, so that only the meter's own settlement is left. */
function settling(day: string, value: (now: Now) => ReadOutcome = () => good('0001FF01', [number(4711)])) {
  return (work: Work, now: Now) =>
    settled(
      work.plan.registers.map((request) => {
        const { register } = request
        if (register === '04000B01') return good(register, [text(day)])
        if (register.startsWith('0001FF') && register !== '0001FF00') return { ...value(now), register }
        return register.startsWith('0506') ? refuse(register, ['other']) : answerOne(request, now)
      }),
    )
}

await t.test('where the daily one is missing the meter’s own is read, hours later', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:00'), { profiles: [profile], tasks: [{ ...daily, liveWindowMs: 1 }, monthly] })
  bench.answer = settling('01 00:00')
  bench.runUntil(local('2026-03-01 05:59'))
  t.same(bench.told('freeze'), ['03-01 00:00 live energy=refused'])
  t.same(bench.told('month'), [])
  bench.runUntil(local('2026-03-01 07:00'))
  t.same(bench.told('month'), ['03-01 00:00 monthly-freeze energy=4711'])
  t.equal(bench.points.at(-1)?.measuredAt, monthStart)
})

await t.test('a settlement of another day is not the month’s, nor one that the meter refuses', async (t) => {
  for (const [day, value, reason] of [
    ['15 00:00', undefined, 'not-kept'],
    ['01 12:00', undefined, 'not-kept'],
    ['01 00:00', () => refuse('0001FF01'), 'not-kept'],
    ['01 00:00', () => refuse('0001FF01', ['not-authorised']), 'refused'],
  ] as const) {
    const bench = new CoreBench(local('2026-02-28 23:00'), {
      profiles: [profile],
      tasks: [{ ...daily, liveWindowMs: 1 }, monthly],
    })
    bench.answer = settling(day, value)
    bench.runUntil(local('2026-03-05 00:00'))
    // The daily freeze of the day is what is left to be asked for: refused too.
    t.same(bench.told('month'), ['03-01 00:00 monthly-freeze energy=refused'], `${day} ${reason}`)
  }
})

await t.test('a month that was missed is found some months back, by its date', async (t) => {
  const dated = profileWith({ monthlyFreeze: { value: '50060200:00100200#01', time: '50060200:20210200#01', depthMonths: 2 } })
  const bench = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [dated],
    tasks: [{ ...monthly, backfillDays: 70, closesAfterMs: 70 * dayMs }],
  })
  const asked: string[] = []
  bench.answer = (work, now) => {
    if (now.wall < local('2026-04-10 00:00')) return silence(work)
    asked.push(...work.plan.registers.map(({ register }) => register))
    return settled(
      work.plan.registers.map(({ register }) => {
        const back = Number(register.slice(-2)) - 1
        const at = local(`2026-0${4 - back}-01 00:00`)
        return register.includes('2021')
          ? good(register, [text(formatLocal(at, utcOffsetMinutes))])
          : good(register, [number(energyAt(at))])
      }),
    )
  }
  bench.runUntil(local('2026-04-10 01:00'))
  t.same([...bench.told('month')].sort(), [
    `03-01 00:00 monthly-freeze energy=${energyAt(local('2026-03-01 00:00'))}`,
    `04-01 00:00 monthly-freeze energy=${energyAt(local('2026-04-01 00:00'))}`,
  ])
  t.ok(asked.includes('50060200:00100200#02'))
  t.equal(monthsBetween(local('2026-03-15 00:00'), local('2026-04-14 23:00'), 480), 0)
})

await t.test('when daily and monthly freeze are lost alike, both say why', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:00'), { profiles: [profileWith({ dailyFreeze })], tasks: [daily, monthly] })
  bench.answer = silence
  bench.runUntil(local('2026-03-05 00:00'))
  t.same(bench.told('freeze').slice(0, 1), ['03-01 00:00 live energy=no-reply'])
  t.same(bench.told('month'), ['03-01 00:00 monthly-freeze energy=no-reply'])
  const other = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [profileWith({ dailyFreeze })],
    tasks: [
      { ...daily, items: [itemId('energy')] },
      { ...monthly, items: [itemId('energy')], closesAfterMs: hourMs },
    ],
  })
  other.answer = silence
  other.runUntil(local('2026-03-05 00:00'))
  t.same(other.told('month'), ['03-01 00:00 monthly-freeze energy=no-time'], 'it closed before anything was known')
})

await t.test('a meter’s settlement is of an instant by its date or by day and hour', async (t) => {
  const at = local('2026-03-01 00:00')
  t.ok(settlesAt(text('01 00:00'), at, 480))
  t.ok(settlesAt(text('2026-03-01 00:00'), at, 480))
  for (const value of [text(null), number(1), undefined, text('01 01:00'), text('02 00:00'), text('2026-02-01 00:00')])
    t.notOk(settlesAt(value, at, 480))
})

await t.test('the month takes of the day what it wants and knows why the rest is missing', async (t) => {
  const items = new Map<ReturnType<typeof itemId>, ItemSource>([
    [itemId('energy'), { register: '0001FF00', dailyFreeze }],
    [itemId('reverse'), { register: '0002FF00', dailyFreeze: { ...dailyFreeze, value: '05060201' } }],
    [itemId('status-3'), { register: '04000503' }],
  ])
  const bench = new CoreBench(local('2026-02-28 23:00'), {
    profiles: [testProfile({ items })],
    tasks: [
      { ...daily, items: [itemId('energy'), itemId('reverse'), itemId('status-3')], liveWindowMs: minuteMs, backfillDays: 1 },
      { ...monthly, items: [itemId('status-3'), itemId('energy')] },
      { ...monthly, id: 'other' as never, items: [itemId('reverse')] },
    ],
  })
  bench.answer = (work, now) =>
    settled(
      answerAll(work, now).map((one) =>
        ['05060201', '0002FF00', '04000503'].includes(one.register) ? bad(one.register, 'refused', { retry: 'never' }) : one,
      ),
    )
  bench.runUntil(local('2026-03-06 00:00'))
  t.same(bench.told('month'), [`03-01 00:00 monthly-freeze status-3=refused energy=${energyAt(monthStart)}@daily-freeze`])
  t.same(bench.told('other'), ['03-01 00:00 monthly-freeze reverse=refused'])
})

await t.test('meters of one link share a spread, those of another have their own', async (t) => {
  const meters = ['1', '2', '3'].map((name, index) => testMeter(name, { link: `bus-${index % 2}` as never }))
  const site = testSite(meters, {
    tasks: [
      { ...daily, startDelayMs: 1000, spreadMs: 100 },
      { ...daily, id: 'x' as never, meters: { key: true } },
    ],
  })
  const plan = planSite(site)
  t.same(
    plan.tasks[0]?.meters.map(({ memoryDelayMs }) => memoryDelayMs),
    [1000, 1050, 1000],
  )
  t.same(plan.tasks[1]?.meters, [], 'no key customer among them')
  const key = planSite({
    ...site,
    meters: meters.map((meter) => (meter.id === '2' ? { ...meter, isKey: true as const } : meter)),
  })
  t.same(
    key.tasks[1]?.meters.map(({ target }) => target.meter.id),
    ['2'],
  )
})
