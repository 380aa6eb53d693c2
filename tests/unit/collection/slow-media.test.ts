import t from 'tap'
import { itemId } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import { answerAll, CoreBench, energyAt, good, local, number, text } from '../../helpers/core-bench.js'
import { task, testProfile } from '../../helpers/collection-site.js'

const minuteMs = 60_000
const dayMs = 1_440 * minuteMs
const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const

await t.test('a freeze whose meter may have frozen anew between its time and its value is read again', async (t) => {
  const dailyFreeze = { value: '05060101', time: '05060001', depthDays: 62 }
  const daily = task('freeze', {
    kind: 'daily-freeze',
    cron: '0 0 * * *',
    backfillDays: 3,
    priority: 'freeze',
    closesAfterMs: 3 * dayMs,
  })
  const bench = new CoreBench(local('2026-03-04 23:35'), {
    profiles: [testProfile({ items: new Map([[itemId('energy'), { register: '0001FF00', dailyFreeze }]]) })],
    tasks: [daily],
  })
  bench.jobMs = 22 * minuteMs
  let torn = 0
  bench.answer = (work, now) => {
    if (now.wall < local('2026-03-04 23:50') || now.wall > local('2026-03-05 00:05')) return settled(answerAll(work, now))
    torn++
    // Its clock is five minutes fast: the time was that of the last freeze, the value is that of the new one.
    return settled(
      work.plan.registers.map(({ register }) =>
        register.startsWith('050600') ? good(register, [text('2026-03-04 00:00')]) : good(register, [number(999_999)]),
      ),
    )
  }
  bench.restore(local('2026-03-03 06:00'))
  bench.runUntil(local('2026-03-05 00:00'))
  bench.jobMs = 500
  bench.runUntil(local('2026-03-05 12:00'))
  t.ok(torn > 0, 'it was asked across midnight')
  const days = ['03-04', '03-05']
  t.same(
    bench.told('freeze').slice().sort(),
    days.map((day) => `${day} 00:00 daily-freeze energy=${energyAt(local(`2026-${day} 00:00`))}`),
  )
})

await t.test(
  'a live value that came too late gives way to what the meter kept of the instant, and counts where it kept nothing',
  async (t) => {
    const loadRecord = { register: '06040001', from: 0, count: 1, depthDays: 30 }
    for (const source of [{ register: '0001FF00', loadRecord }, { register: '0001FF00' }]) {
      const bench = new CoreBench(local('2026-03-04 11:50'), {
        profiles: [testProfile({ items: new Map([[itemId('energy'), source]]) })],
        tasks: [task('curve', { cron: '0 * * * *', liveWindowMs: minuteMs, closesAfterMs: dayMs, backfillDays: 1 })],
      })
      bench.jobMs = 20 * minuteMs
      bench.overstayMs = bench.jobMs
      bench.runUntil(local('2026-03-04 12:50'))
      const [told] = bench.told('curve')
      if ('loadRecord' in source) t.equal(told, `03-04 12:00 load-record energy=${energyAt(local('2026-03-04 12:00'))}`)
      else t.match(told, /^03-04 12:00 live energy=\d+$/)
    }
  },
)
