import t from 'tap'
import { epochMs, formatLocal, itemId, linkId, meterId, type EpochMs } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import type { Now, Work } from '../../../src/collection/index.js'
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
import { task, testProfile } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const silence = (work: Work) => settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))
const nth = (register: string): number => Number.parseInt(register.slice(-2), 16)

/** Answers freezes from a list, newest first; beyond it the meter's memory is empty. */
function freezing(freezes: (now: Now) => readonly EpochMs[]) {
  return (work: Work, now: Now) =>
    settled(
      work.plan.registers.map((request) => {
        const { register } = request
        if (!register.startsWith('0506')) return answerOne(request, now)
        const at = freezes(now)[nth(register) - 1]
        if (register.startsWith('050600'))
          return good(register, [text(at === undefined ? null : formatLocal(at, utcOffsetMinutes).slice(0, 16))])
        return good(register, [number(at === undefined ? 0 : energyAt(at))])
      }),
    )
}

function freezeBench(profile = testProfile(), from = '2026-03-01 00:00'): CoreBench {
  return new CoreBench(local(from), {
    profiles: [profile],
    tasks: [
      task('freeze', {
        kind: 'daily-freeze',
        cron: '5 0 * * *',
        backfillDays: 9,
        priority: 'freeze',
        liveWindowMs: 1,
        closesAfterMs: 9 * dayMs,
      }),
    ],
  })
}

/** Silent until a moment, then answering. */
function away(bench: CoreBench, until: EpochMs, then: (work: Work, now: Now) => ReturnType<typeof settled>): void {
  bench.answer = (work, now) => (now.wall < until ? silence(work) : then(work, now))
}

const day = (date: number): EpochMs => local(`2026-03-0${date} 00:00`)

await t.test('nn = 1 is the last freeze that exists: it counts only when its time is the wanted midnight', async (t) => {
  const bench = freezeBench()
  const frozenFrom = local('2026-03-01 00:20')
  bench.answer = freezing((now) => (now.wall < frozenFrom ? [local('2026-02-28 00:00')] : [day(1), local('2026-02-28 00:00')]))
  bench.runUntil(local('2026-03-01 00:19'))
  t.same(bench.told('freeze'), [], 'a meter with a slow clock has not frozen yet')
  bench.runUntil(local('2026-03-01 02:00'))
  t.same(bench.told('freeze'), [`03-01 00:00 daily-freeze energy=${energyAt(day(1))}`])
})

await t.test('a meter that missed a midnight has its other days one place nearer', async (t) => {
  const bench = freezeBench()
  away(
    bench,
    local('2026-03-05 12:00'),
    freezing(() => [day(5), day(4), day(2), day(1)]),
  )
  bench.runUntil(local('2026-03-05 13:00'))
  t.same(
    [...bench.told('freeze')].sort(),
    [1, 2, 3, 4, 5].map(
      (date) => `03-0${date} 00:00 ${date === 3 ? 'live energy=not-kept' : `daily-freeze energy=${energyAt(day(date))}`}`,
    ),
  )
})

await t.test('a meter that froze more often has its days further back', async (t) => {
  const bench = freezeBench()
  const noon = (date: number) => epochMs(day(date) + 12 * hourMs)
  away(
    bench,
    local('2026-03-04 13:00'),
    freezing(() => [noon(4), day(4), noon(3), day(3), noon(2), day(2), noon(1), day(1)]),
  )
  bench.runUntil(local('2026-03-04 14:00'))
  t.same(
    [...bench.told('freeze')].sort(),
    [1, 2, 3, 4].map((date) => `03-0${date} 00:00 daily-freeze energy=${energyAt(day(date))}`),
  )
})

await t.test('days beyond what the meter keeps, and an empty memory, are not kept', async (t) => {
  const profile = testProfile({
    items: new Map([
      [itemId('energy'), { register: '0001FF00', dailyFreeze: { value: '05060101', time: '05060001', depthDays: 3 } }],
    ]),
  })
  const bench = freezeBench(profile)
  const noon = (date: number) => epochMs(day(date) + 12 * hourMs)
  away(
    bench,
    local('2026-03-03 13:00'),
    freezing(() => [noon(3), day(3), noon(2), day(2), noon(1), day(1)]),
  )
  bench.runUntil(local('2026-03-03 14:00'))
  t.same([...bench.told('freeze')].sort(), [
    '03-01 00:00 live energy=not-kept',
    '03-02 00:00 live energy=not-kept',
    `03-03 00:00 daily-freeze energy=${energyAt(day(3))}`,
  ])
  const empty = freezeBench()
  away(
    empty,
    local('2026-03-03 13:00'),
    freezing(() => []),
  )
  empty.runUntil(local('2026-03-12 01:00'))
  const told = [...empty.told('freeze')].sort()
  t.same(
    told.slice(0, 5),
    [1, 2, 3, 4, 5].map((date) => `03-0${date} 00:00 live energy=not-kept`),
  )
  t.same(
    told.slice(5, 7),
    [6, 7].map((date) => `03-0${date} 00:00 live energy=${energyAt(day(date) + 5 * 60_000 + 500)}`),
    'found to keep none, it is read at the instant',
  )
})

await t.test('a failed half of a freeze is no freeze', async (t) => {
  for (const failing of ['050600', '050601']) {
    const bench = freezeBench()
    bench.answer = (work, now) =>
      settled(
        answerAll(work, now).map((one) =>
          one.register.startsWith(failing) && now.wall < local('2026-03-01 00:06') ? bad(one.register, 'garbled') : one,
        ),
      )
    bench.runUntil(local('2026-03-01 00:06'))
    t.same(bench.told('freeze'), [])
    bench.runUntil(local('2026-03-01 01:00'))
    t.equal(bench.told('freeze').length, 1)
  }
  const bench = freezeBench()
  bench.answer = (work) =>
    settled(work.plan.registers.map(({ register }) => bad(register, 'refused', { retry: 'never', errors: ['no-such-data'] })))
  bench.runUntil(local('2026-03-10 01:00'))
  t.same(bench.told('freeze')[0], '03-01 00:00 live energy=not-kept')
})

await t.test('a meter that knows the time of its freeze but not its value keeps it open', async (t) => {
  const bench = freezeBench()
  bench.answer = (work, now) =>
    settled(
      answerAll(work, now).map((one) =>
        one.register.startsWith('050601') ? bad(one.register, 'refused', { retry: 'never', errors: ['no-such-data'] }) : one,
      ),
    )
  bench.runUntil(local('2026-03-01 12:00'))
  t.equal(bench.collection.book.size, 1)
  t.ok(bench.works.length > 5)
})

await t.test('items of one block are read once', async (t) => {
  const items = new Map([itemId('energy'), itemId('total')].map((item) => [item, { register: '0001FF00' }]))
  const bench = new CoreBench(local('2026-03-01 00:14'), {
    profiles: [testProfile({ items })],
    tasks: [task('curve', { items: ['energy', 'total'] })],
  })
  bench.runUntil(local('2026-03-01 00:20'))
  t.equal(bench.works[0]?.plan.registers.length, 1)
  t.match(bench.told('curve'), [/energy=(\d+) total=\1$/])
})

await t.test('no freeze is asked just before midnight, and none that would end after it', async (t) => {
  const bench = freezeBench()
  away(
    bench,
    local('2026-03-01 23:44'),
    freezing((now) => (now.wall < day(2) ? [day(1)] : [day(2), day(1)])),
  )
  bench.runUntil(local('2026-03-02 02:00'))
  for (const work of bench.works) t.ok(work.expiresAt <= bench.now.monotonic + 22 * hourMs)
  t.same(bench.told('freeze').length, 2)
  const quiet = freezeBench(testProfile(), '2026-03-01 23:50')
  quiet.restore(epochMs(local('2026-03-01 00:00') - 1))
  quiet.runUntil(local('2026-03-01 23:59'))
  t.same(quiet.works, [])
  quiet.runUntil(local('2026-03-02 00:20'))
  t.same(
    [...quiet.told('freeze')].sort(),
    [1, 2].map((date) => `03-0${date} 00:00 daily-freeze energy=${energyAt(day(date))}`),
  )
})

await t.test('lesson 19: a freeze that does not fit is asked again; when both agree it is what the meter keeps', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:30'), {
    tasks: [
      task('curve', {}),
      task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 3, priority: 'freeze', closesAfterMs: 3 * dayMs }),
    ],
  })
  bench.answer = (work, now) =>
    settled(answerAll(work, now).map((one) => (one.register === '05060101' ? good(one.register, [number(0)]) : one)))
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(bench.told('freeze'), ['03-01 00:00 daily-freeze energy=0'])
  t.same(bench.works.filter((work) => work.asks.kind === 'freeze').length, 2)
})

await t.test('jobs for the memory that expire or are held leave their slots open', async (t) => {
  for (const kind of ['expired', 'held'] as const) {
    const bench = new CoreBench(local('2026-03-01 00:04'), {
      tasks: [
        task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 3, liveWindowMs: 1, closesAfterMs: 3 * dayMs }),
        task('curve', { items: ['energy', 'power'], backfillDays: 1, closesAfterMs: dayMs }),
      ],
    })
    bench.answer = (work, now) =>
      now.wall < local('2026-03-01 00:45')
        ? kind === 'expired'
          ? { kind, sent: true }
          : { kind }
        : settled(answerAll(work, now))
    bench.runUntil(local('2026-03-01 01:30'))
    t.equal(bench.told('freeze').length, 1)
    t.equal(bench.told('curve').filter((line) => line.includes('load-record')).length, 2)
  }
})

await t.test('an answer that says nothing of a register has not read it', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { cron: '15 0 * * *' })] })
  bench.answer = () => settled([])
  bench.runUntil(local('2026-03-01 02:14'))
  t.same(bench.told('curve'), ['03-01 00:15 live energy=no-reply'])
})

await t.test('registers that are no numbers, or not available, are not judged', async (t) => {
  for (const [value, told] of [
    [text('odd'), 'energy=odd'],
    [number(null), 'energy=not-available'],
  ] as const) {
    const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { cron: '15 0 * * *' })] })
    bench.answer = (work) => settled(work.plan.registers.map(({ register }) => good(register, [value])))
    bench.runUntil(local('2026-03-01 02:14'))
    t.same(bench.told('curve'), [`03-01 00:15 live ${told}`])
  }
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', { cron: '15 0 * * *' })] })
  bench.answer = (work) => settled(work.plan.registers.map(({ register }) => good(register, [number(null), number(5)])))
  bench.runUntil(local('2026-03-01 02:14'))
  t.same(bench.told('curve'), ['03-01 00:15 live energy=null'])
})

await t.test('an answer for a meter that was removed meanwhile is nobody’s', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), { tasks: [task('curve', {})] })
  bench.jobMs = 5_000
  bench.runUntil(local('2026-03-01 00:15'))
  bench.run(1_000)
  bench.configure({ ...bench.site, meters: [] })
  bench.collection.stateOf(meterId('1')).silent = true
  bench.run(10_000)
  t.same(bench.told('curve'), ['03-01 00:15 live energy=withdrawn'])
})

await t.test('lesson 19: a freeze that never says the same twice is given up as invalid', async (t) => {
  const bench = new CoreBench(local('2026-02-28 23:30'), {
    tasks: [
      task('curve', {}),
      task('freeze', { kind: 'daily-freeze', cron: '5 0 * * *', backfillDays: 3, liveWindowMs: 1, closesAfterMs: 3 * dayMs }),
    ],
  })
  let flips = 0
  bench.answer = (work, now) =>
    settled(
      answerAll(work, now).map((one) =>
        one.register === '05060101' ? good(one.register, [number(flips++ % 2 === 0 ? 0 : 90_000_000)]) : one,
      ),
    )
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(bench.told('freeze'), ['03-01 00:00 live energy=invalid'])
  t.equal(flips, 2)
})

await t.test('a freeze task may name items that are read live', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:00'), {
    tasks: [
      task('freeze', {
        kind: 'daily-freeze',
        cron: '5 0 * * *',
        items: ['status-3', 'energy'],
        backfillDays: 3,
        closesAfterMs: dayMs,
      }),
    ],
  })
  bench.runUntil(local('2026-03-01 01:00'))
  t.same(bench.told('freeze'), [`03-01 00:00 daily-freeze status-3=0000@live energy=${energyAt(day(1))}`])
})

await t.test('a slot that closes before its memory is asked, and one that is owed twice', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:14'), {
    tasks: [task('curve', { backfillDays: 1, liveWindowMs: 60_000, closesAfterMs: 70_000 })],
  })
  bench.answer = silence
  bench.runUntil(local('2026-03-01 00:20'))
  t.same(bench.told('curve'), ['03-01 00:15 live energy=no-reply'])
  t.ok(bench.works.every((work) => work.asks.kind === 'live'))
  bench.runUntil(epochMs(local('2026-03-01 00:30') + 30_000))
  bench.restore(local('2026-03-01 00:29'))
  t.equal(bench.collection.book.size, 1)
})

await t.test('buses wait for themselves alone', async (t) => {
  const meters = [testMeter('1'), testMeter('2', { link: linkId('bus-2') }), testMeter('3', { link: linkId('bus-3') })]
  const bench = new CoreBench(local('2026-03-01 00:14'), { meters, tasks: [task('curve', {})] })
  bench.answer = (work, now) => {
    if (now.wall > local('2026-03-01 00:17')) return settled(answerAll(work, now))
    if (work.link === 'bus-1') return settled(work.plan.registers.map(({ register }) => bad(register, 'bus-down')))
    return work.link === 'bus-2' ? { kind: 'held' } : silence(work)
  }
  bench.runUntil(local('2026-03-01 00:20'))
  t.equal(bench.told('curve').length, 3)
})
