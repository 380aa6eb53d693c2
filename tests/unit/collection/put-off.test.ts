import t from 'tap'
import type { Work } from '../../../src/collection/index.js'
import type { Hindrance, JobResult, ReadOutcome } from '../../../src/ports/index.js'
import { task } from '../../helpers/collection-site.js'
import { answerAll, bad, CoreBench, local, testMeter } from '../../helpers/core-bench.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const meters = Array.from({ length: 40 }, (_, index) => testMeter(String(index + 1)))
const isRefused = ({ meter }: Pick<Work, 'meter'>): boolean => Number(meter) % 2 === 0

const hindered = (work: Work, hindrance: Hindrance): JobResult<readonly ReadOutcome[]> => {
  const outcome = work.plan.registers.map(({ register }) => bad(register, 'bus-down'))
  return { kind: 'settled', outcome, hindrance }
}

/** Every other meter is not carried, the others answer within 10 ms. */
function bench(hindrance: Hindrance): CoreBench {
  const made = new CoreBench(local('2026-03-01 00:14'), {
    meters,
    tasks: [task('curve', { items: ['energy'], liveWindowMs: 5 * minuteMs, closesAfterMs: 5 * minuteMs })],
  })
  made.jobMs = 10
  made.answer = (work, now) => (isRefused(work) ? hindered(work, hindrance) : { kind: 'settled', outcome: answerAll(work, now) })
  return made
}

const reasonsOf = ({ points }: CoreBench, refused: boolean): readonly string[] => {
  const values = points.filter((point) => isRefused(point) === refused).flatMap((point) => point.values)
  return [...new Set(values.map((value) => ('absent' in value ? value.absent : 'value')))]
}

await t.test(
  'meters that a module refuses do not stop the others, are asked ever more seldom, and say why they are missing',
  (t) => {
    const on = bench('not-carried')
    on.runUntil(local('2026-03-01 00:15'))
    on.run(2_000)
    t.equal(on.points.length, 20, 'every other meter is read at once')
    on.runUntil(local('2026-03-01 05:59'))
    t.strictSame(reasonsOf(on, true), ['not-carried'])
    t.strictSame(reasonsOf(on, false), ['value'])
    const asked = on.works.filter(({ meter }) => meter === '2').length
    t.ok(asked < 30, `asked ${asked} times in 6 h`)
    const curves = on.works.filter((work) => !isRefused(work)).length
    t.equal(curves, 20 * 23, 'the others once for each slot')
    t.end()
  },
)

await t.test('a meter outside the network is offered again each minute, and read as soon as it is inside', (t) => {
  const on = bench('not-joined')
  const { answer } = on
  on.answer = (work, now) =>
    now.wall < local('2026-03-01 01:00') ? answer(work, now) : { kind: 'settled', outcome: answerAll(work, now) }
  on.runUntil(local('2026-03-01 00:59'))
  t.strictSame(reasonsOf(on, true), ['not-joined'])
  t.ok(on.works.filter(({ meter }) => meter === '2').length < 60)
  on.runUntil(local('2026-03-01 01:03'))
  const late = on.points.filter(({ slotAt }) => slotAt === local('2026-03-01 01:00'))
  t.equal(late.filter((point) => 'ints' in (point.values[0] ?? {})).length, 40)
  t.end()
})

await t.test('what has no place now is tried again soon, and does not hold the bus back', (t) => {
  const on = bench('later')
  on.runUntil(local('2026-03-01 00:15'))
  on.run(2_000)
  t.equal(on.points.length, 20)
  on.runUntil(local('2026-03-01 00:22'))
  t.strictSame(reasonsOf(on, true), ['no-time'])
  t.end()
})

await t.test('a meter that is carried again and is silent is missing for its silence', (t) => {
  const on = bench('not-carried')
  const { answer } = on
  on.answer = (work, now) => {
    if (now.wall < local('2026-03-01 01:00') || !isRefused(work)) return answer(work, now)
    return { kind: 'settled', outcome: work.plan.registers.map(({ register }) => bad(register, 'no-reply')) }
  }
  on.runUntil(local('2026-03-01 02:59'))
  const last = on.points.filter((point) => isRefused(point) && point.slotAt === local('2026-03-01 02:30'))
  t.equal(
    last.filter(({ values: [value] }) => value !== undefined && 'absent' in value && value.absent === 'no-reply').length,
    20,
  )
  t.end()
})

await t.test('days of a meter that was not carried are asked for when it is', (t) => {
  const on = new CoreBench(local('2026-02-28 23:00'), {
    tasks: [
      task('freeze', {
        kind: 'daily-freeze',
        cron: '0 0 * * *',
        backfillDays: 3,
        priority: 'freeze',
        closesAfterMs: dayMs,
        liveWindowMs: 1,
      }),
    ],
  })
  const until = local('2026-03-04 12:00')
  on.answer = (work, now) =>
    now.wall < until ? hindered(work, 'not-carried') : { kind: 'settled', outcome: answerAll(work, now) }
  on.runUntil(local('2026-03-06 00:00'))
  t.match(on.told('freeze').slice(0, 2), [/03-01 00:00 live energy=not-carried/, /03-02 00:00 live energy=not-carried/])
  const came = on.told('freeze').filter((line) => line.includes('daily-freeze'))
  t.ok(came.some((line) => line.startsWith('03-01')) && came.some((line) => line.startsWith('03-02')), came.join(' | '))
  t.end()
})
