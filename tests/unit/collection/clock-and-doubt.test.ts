import t from 'tap'
import { meterId, taskId } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import type { Work } from '../../../src/collection/index.js'
import { answerAll, bad, CoreBench, energyAt, good, local, number } from '../../helpers/core-bench.js'
import { task } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const
const failing = (work: Work, code: 'no-reply' | 'bus-down' | 'garbled' = 'no-reply') =>
  settled(work.plan.registers.map(({ register }) => bad(register, code)))

await t.test('each calendar instant is one slot: coming again after a step back, or skipped by a step forward', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:10'), {
    tasks: [task('curve', { backfillDays: 1, closesAfterMs: 12 * hourMs })],
  })
  bench.runUntil(local('2026-03-01 11:05'))
  bench.step(-hourMs)
  bench.runUntil(local('2026-03-01 12:05'))
  bench.step(hourMs + 30 * minuteMs)
  bench.runUntil(local('2026-03-01 15:01'))
  const slots = bench.told('curve').map((line) => line.slice(6, 11))
  const want = Array.from({ length: 20 }, (_, index) =>
    new Date(Date.UTC(2026, 2, 1, 10, 15 + 15 * index)).toISOString().slice(11, 16),
  )
  t.same([...slots].sort(), want)
  t.match(
    bench.told('curve').find((line) => line.includes('12:15')),
    /load-record energy=/,
  )
  t.same(
    bench.events.map((event) => event.code),
    ['clock.stepped', 'clock.stepped'],
  )
})

await t.test('a day into which the clock was set says from when on it is counted', async (t) => {
  const bench = new CoreBench(local('2026-03-01 23:10'), { tasks: [task('hourly', { cron: '0 * * * *' })] })
  bench.step(13 * hourMs)
  bench.runUntil(local('2026-03-04 07:00'))
  t.same(
    bench.days.map(({ day, since }) => [day, since]),
    [
      [local('2026-03-02 00:00'), local('2026-03-02 12:00')],
      [local('2026-03-03 00:00'), undefined],
    ],
  )
})

await t.test('lesson 25: two years ahead and back again, no slot is lost or doubled', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:10'), { tasks: [task('curve', { items: ['power'] })] })
  bench.runUntil(local('2026-03-01 10:40'))
  bench.step(730 * dayMs)
  bench.run(30 * minuteMs)
  bench.step(-730 * dayMs)
  bench.runUntil(local('2026-03-01 12:00'))
  const thisYear = bench.points.filter((point) => point.slotAt < local('2027-01-01 00:00')).map((point) => point.slotAt)
  t.equal(new Set(thisYear).size, thisYear.length)
  t.same(
    bench.told('curve').filter((line) => line.includes('clock-wrong')),
    ['03-01 10:45 live power=clock-wrong', '03-01 11:00 live power=clock-wrong'],
  )
  t.ok(bench.events.some((event) => event.code === 'collection.gap'))
  const monotonic = bench.points.map((point) => point.stamp.monotonicMs)
  t.same(
    monotonic,
    [...monotonic].sort((a, b) => a - b),
    'records stay in the order they were made',
  )
})

await t.test('slots that ended under a clock that was ahead are not opened again', async (t) => {
  const bench = new CoreBench(local('2026-03-01 10:10'), { tasks: [task('curve')] })
  const ended = ['10:15', '10:30', '11:30', '10:30'].map((at) => ({
    meter: meterId('1'),
    task: taskId('curve'),
    slotAt: local(`2026-03-01 ${at}`),
  }))
  bench.collection.alreadyEnded([...ended, { meter: meterId('1'), task: taskId('other'), slotAt: local('2026-03-01 10:45') }])
  bench.runUntil(local('2026-03-01 11:50'))
  t.same(
    bench.told('curve').map((line) => line.slice(6, 11)),
    ['10:45', '11:00', '11:15', '11:45'],
  )
  t.equal(bench.steppedBack, 0)
  bench.step(-hourMs)
  bench.collection.fire(taskId('curve'), local('2026-01-01 10:00'), bench.now)
  t.equal(bench.steppedBack, 1)
  t.equal(bench.collection.book.size, 0, 'what is long past is not due')
})

await t.test('after a stop the slots owed are opened anew, without those that ended', async (t) => {
  const bench = new CoreBench(local('2026-03-01 12:05'), {
    tasks: [
      task('curve', { backfillDays: 1, closesAfterMs: 2 * hourMs }),
      task('status', { kind: 'status', items: ['status-3'], cron: '7 * * * *' }),
    ],
  })
  const closed = [{ meter: meterId('1'), task: taskId('curve'), slotAt: local('2026-03-01 11:15') }]
  bench.restore(local('2026-03-01 10:30'), closed)
  bench.runUntil(local('2026-03-01 12:20'))
  t.same(
    bench
      .told('curve')

      .map((line) => line.slice(6).replace(/( live energy| load-record).*/, '$1'))
      .sort(),
    [
      '10:45 load-record',
      '11:00 load-record',
      '11:30 load-record',
      '11:45 load-record',
      '12:00 live energy',
      '12:15 live energy',
    ],
  )
  t.same(bench.told('status'), ['03-01 11:07 live status-3=not-running', '03-01 12:07 live status-3=0000'])
  t.equal(bench.collection.horizonMs(), dayMs)
  t.equal(bench.collection.owedSince, null)
})

await t.test('lesson 19: a reading that does not fit is read again before anybody sees it', async (t) => {
  for (const wrong of [0, 0xffff, 99_999_999]) {
    const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve')] })
    bench.runUntil(local('2026-03-01 00:20'))
    let asked = 0
    bench.answer = (work, now) => settled(asked++ === 0 ? [good('0001FF00', [number(wrong)])] : answerAll(work, now))
    bench.runUntil(local('2026-03-01 00:40'))
    t.match(bench.told('curve'), [/energy=\d+/, new RegExp(`energy=${energyAt(bench.points[1]?.measuredAt ?? 0)}$`)])
    t.match(bench.events, [{ code: 'reading.implausible', detail: { confirmed: false } }])
  }
})

await t.test('lesson 19: what a second reading confirms is what the register says', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve')] })
  bench.runUntil(local('2026-03-01 00:20'))
  bench.answer = () => settled([good('0001FF00', [number(500)])])
  bench.runUntil(local('2026-03-01 01:10'))
  t.match(bench.told('curve').slice(1), [/energy=500$/, /energy=500$/, /energy=500$/])
  t.match(bench.events, [{ detail: { confirmed: false } }, { detail: { confirmed: true, value: '5.00' } }])
})

await t.test('lesson 19: a load record that never says the same twice is given up as invalid', async (t) => {
  const bench = new CoreBench(local('2026-03-01 00:10'), { tasks: [task('curve', { backfillDays: 1, closesAfterMs: dayMs })] })
  bench.runUntil(local('2026-03-01 00:20'))
  let flips = 0
  bench.answer = (work, now) => {
    if (now.wall < local('2026-03-01 00:41')) return failing(work)
    if (work.asks.kind !== 'record') return settled(answerAll(work, now))
    const at = work.plan.registers[0]?.from
    return settled([
      {
        register: '06040001',
        ok: true,
        values: [],
        records: at === undefined ? [] : [{ at, values: [number(flips++ % 2 === 0 ? 0 : 90_000_000)] }],
      },
    ])
  }
  bench.runUntil(local('2026-03-01 01:20'))
  t.ok(bench.told('curve').includes('03-01 00:30 live energy=invalid'))
  t.equal(flips, 2)
})
