import t from 'tap'
import { epochMs, toLocal, type EpochMs } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import type { Now, Work } from '../../../src/collection/index.js'
import { answerAll, answerOne, bad, CoreBench, energyAt, local, number } from '../../helpers/core-bench.js'
import { task } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const two = (value: number): string => String(value).padStart(2, '0')
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const silence = (work: Work) => settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))

/** Silent until a moment, then answering. */
function away(bench: CoreBench, until: EpochMs, then: (work: Work, now: Now) => ReturnType<typeof settled>): void {
  bench.answer = (work, now) => (now.wall < until ? silence(work) : then(work, now))
}

await t.test('load records are matched by their own time; what the meter skipped is not kept', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), {
    tasks: [task('curve', { items: ['energy', 'power'], backfillDays: 1, closesAfterMs: dayMs })],
  })
  const gone = local('2026-03-01 00:45')
  away(bench, local('2026-03-01 02:10'), (work, now) =>
    settled(
      answerAll(work, now).map((one) =>
        one.ok && one.records.length > 0
          ? { ...one, records: one.records.filter(({ at }) => local(`2026-03-01 ${two(at.hour)}:${two(at.minute)}`) !== gone) }
          : one,
      ),
    ),
  )
  bench.runUntil(local('2026-03-01 02:20'))
  const lines = [...bench.told('curve')].sort()
  t.equal(lines.length, 9)
  t.equal(lines[2], '03-01 00:45 live energy=not-kept power=not-kept')
  t.equal(lines.filter((line) => line.includes('load-record')).length, 7)
  const records = bench.works.filter((work) => work.asks.kind === 'record')
  t.same(
    records.at(-1)?.plan.registers.map(({ register, count }) => [register, count]),
    [
      ['06040001', 8],
      ['06020001', 8],
    ],
  )
})

await t.test('records come in jobs of bounded length, and not across a wide hole', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { backfillDays: 1, closesAfterMs: dayMs })] })
  const isAway = (now: Now) =>
    now.wall < local('2026-03-01 04:10') || (now.wall > local('2026-03-01 07:10') && now.wall < local('2026-03-01 08:10'))
  const noMemory = local('2026-03-01 08:10')
  bench.answer = (work, now) =>
    isAway(now) || (work.asks.kind === 'record' && now.wall < noMemory) ? silence(work) : settled(answerAll(work, now))
  bench.runUntil(local('2026-03-01 09:10'))
  t.equal(bench.told('curve').length, 36)
  const counts = bench.works.filter((work) => work.asks.kind === 'record').map((work) => work.plan.registers[0]?.count)
  t.same(counts.slice(-3), [12, 4, 4])
})

await t.test('a profile with another distance of records is learnt', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), {
    tasks: [task('curve', { cron: '0 * * * *', backfillDays: 1, closesAfterMs: dayMs })],
  })
  away(bench, local('2026-03-01 09:10'), (work, now) =>
    settled(
      work.plan.registers.map((request) => {
        const { from, count = 1 } = request
        if (from === undefined) return answerOne(request, now)
        const first = local(`2026-03-01 ${two(from.hour)}:00`)
        const times = Array.from({ length: count }, (_, index) => epochMs(first + index * hourMs)).filter((at) => at <= now.wall)
        return {
          register: request.register,
          ok: true as const,
          values: [],
          records: times.map((at) => ({ at: toLocal(at, 480), values: [number(energyAt(at))] })),
        }
      }),
    ),
  )
  bench.runUntil(local('2026-03-01 09:20'))
  t.same(
    [...bench.told('curve')].sort().map((line) => line.slice(6, 23)),
    [1, 2, 3, 4, 5, 6, 7, 8, 9].map((hour) => `0${hour}:00 load-record`),
  )
  t.ok(bench.works.filter((work) => work.asks.kind === 'record' && work.plan.registers[0]?.count !== 1).length >= 1)
})

await t.test('a load profile without the item’s class, refused, or empty', async (t) => {
  const cases: readonly [
    string,
    (register: string, at: NonNullable<Work['plan']['registers'][number]['from']>) => ReadOutcome,
  ][] = [
    ['not-kept', (register, at) => ({ register, ok: true, values: [], records: [{ at, values: [] }] })],
    ['not-available', (register, at) => ({ register, ok: true, values: [], records: [{ at, values: [number(null)] }] })],
    ['not-kept', (register) => ({ register, ok: true, values: [], records: [] })],
    ['refused', (register) => bad(register, 'refused', { retry: 'never', errors: ['other'] })],
    ['invalid', (register) => bad(register, 'invalid')],
  ]
  for (const [reason, answer] of cases) {
    const bench = new CoreBench(local('2026-03-01 00:14'), {
      tasks: [task('curve', { cron: '15 0 * * *', backfillDays: 1, closesAfterMs: 2 * hourMs })],
    })
    bench.answer = (work) =>
      settled(
        work.plan.registers.map(({ register, from }) =>
          from === undefined ? bad(register, 'no-reply') : answer(register, from),
        ),
      )
    bench.runUntil(local('2026-03-01 02:20'))
    t.same(bench.told('curve'), [`03-01 00:15 live energy=${reason}`])
  }
})
