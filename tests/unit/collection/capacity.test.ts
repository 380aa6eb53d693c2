import t from 'tap'
import { itemId, linkId, type ItemSource } from '../../../src/model/index.js'
import { nextAfter } from '../../../src/calendar.js'
import { overloadEvent, overloads, plannedRegisterMs, planSite } from '../../../src/collection/index.js'
import { local, testMeter, utcOffsetMinutes } from '../../helpers/core-bench.js'
import { task, testProfile, testSite } from '../../helpers/collection-site.js'

const from = local('2026-03-01 00:10')
const minuteMs = 60_000
const options = { nextAfter: (cron: string, after: typeof from) => nextAfter(cron, utcOffsetMinutes, after), from }
const meters = (count: number, changes = {}) => Array.from({ length: count }, (_, index) => testMeter(String(index + 1), changes))
const every = (ms: number | null) => ({ ...options, registerMs: () => ms })

await t.test('a bus that is too slow for a task is told, with what it would need', async (t) => {
  const plan = planSite(
    testSite(meters(40), { tasks: [task('minute', { cron: '* * * * *', items: ['energy', 'power'], liveWindowMs: minuteMs })] }),
  )
  t.same(overloads(plan, every(1_000)), [{ link: 'bus-1', task: 'minute', neededMs: 80_000, availableMs: 60_000 }])
  t.same(overloads(plan, every(200)), [])
  t.same(overloads(plan, every(null)), [], 'of a bus that nobody knows nothing is said')
  t.same(overloadEvent({ link: linkId('bus-1'), task: 'all', neededMs: 80_000.4, availableMs: 60_000 }), {
    code: 'collection.over-capacity',
    severity: 'warning',
    link: 'bus-1',
    detail: { task: 'all', neededMs: 80_000, availableMs: 60_000 },
  })
})

await t.test('tasks that fit alone may be too many together', async (t) => {
  const two = ['a', 'b'].map((id) =>
    task(id, { cron: '*/5 * * * *', items: ['energy'], backfillDays: 1, liveWindowMs: minuteMs }),
  )
  const plan = planSite(testSite(meters(100), { tasks: two }))
  t.match(overloads(plan, every(1_600)), [{ link: 'bus-1', task: 'all', availableMs: 0.9 * 3_600_000 }])
  t.same(overloads(plan, every(1_300)), [])
})

await t.test('registers are counted as they are asked: freezes with their time, blocks once, a month with its day', async (t) => {
  const block = { register: '0001FF00', from: 0, count: 1 }
  const items = new Map<ReturnType<typeof itemId>, ItemSource>([
    [itemId('a'), { register: '00010000', block, dailyFreeze: { value: '05060101', time: '05060001', depthDays: 62 } }],
    [itemId('b'), { register: '00010100', block, dailyRecord: { register: 'R', from: 0, count: 1, depthDays: 9 } }],
    [itemId('c'), { register: '02030000' }],
  ])
  const profiles = [testProfile({ items, billingItem: itemId('a') })]
  const needed = (kind: 'curve' | 'daily-freeze' | 'monthly-freeze') => {
    const only = task('x', { kind, cron: '0 0 * * *', items: ['a', 'b', 'c'], liveWindowMs: 1 })
    return overloads(planSite(testSite(meters(1), { profiles, tasks: [only] })), every(1_000))[0]?.neededMs
  }
  t.equal(needed('curve'), 2_000)
  t.equal(needed('daily-freeze'), 4_000)
  t.equal(needed('monthly-freeze'), undefined)
  const nobody = planSite(testSite([], { tasks: [task('x', { cron: '* * * * *' })] }))
  t.same(overloads(nobody, every(1_000)), [])
})

await t.test('what a register costs a wire follows from its speed until it is measured', async (t) => {
  const at2400 = plannedRegisterMs(11_000 / 2400)
  t.ok(at2400 > 222 && at2400 < 345, 'between a single energy and a block of five')
  t.ok(plannedRegisterMs(11_000 / 9600) < 130)
})
