import t from 'tap'
import { itemId, type EpochMs } from '../../../src/model/index.js'
import type { ReadOutcome } from '../../../src/ports/index.js'
import { defaultCollectionSettings, planSite, type Now, type Work } from '../../../src/collection/index.js'
import { BackfillBudget, BusPace, worthOf } from '../../../src/collection/backfill.js'
import { BACKFILL_COMPARED_MAX, BusQueue, type Unit } from '../../../src/collection/bus-queue.js'
import { newOwner, Slot, type SlotOwner } from '../../../src/collection/slots.js'
import { monotonicMs } from '../../../src/model/index.js'
import { answerAll, bad, CoreBench, local, testMeter } from '../../helpers/core-bench.js'
import { task, testProfile, testSite } from '../../helpers/collection-site.js'

t.setTimeout(300_000)
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const settings = defaultCollectionSettings

/** An owner with so many open slots of a task. */
function ownerOf(
  kind: 'curve' | 'daily-freeze' | 'monthly-freeze',
  slots: number,
  items = ['energy'],
  closesInMs = 10 * hourMs,
): SlotOwner {
  const site = testSite([testMeter('1')], { tasks: [task('x', { kind, items, backfillDays: 3, cron: '0 0 * * *' })] })
  const planned = planSite(site).tasks[0]?.meters[0]
  if (planned === undefined) throw new Error('no such task')
  const owner = newOwner(planned, 'curve')
  for (let index = 0; index < slots; index++) {
    const at = (index * 900_000) as EpochMs
    const times = { at, dueAt: monotonicMs(0), liveUntil: monotonicMs(0), closesAt: monotonicMs(closesInMs), missed: null }
    owner.open.push(new Slot(owner, times))
  }
  return owner
}

await t.test('what is worth most for a second of the bus goes first', async (t) => {
  const worth = (owner: SlotOwner) => worthOf(owner, 0, settings, 200)
  t.equal(worth(ownerOf('curve', 0)), 0)
  t.ok(worth(ownerOf('monthly-freeze', 1)) > worth(ownerOf('daily-freeze', 1)))
  t.ok(worth(ownerOf('daily-freeze', 1)) > worth(ownerOf('curve', 12)))
  t.ok(worth(ownerOf('curve', 12)) > worth(ownerOf('curve', 1)), 'a request for many records costs little more than for one')
  t.equal(worth(ownerOf('curve', 12)), worth(ownerOf('curve', 40)), 'one job brings no more than it may')
  t.ok(worth(ownerOf('curve', 4, ['energy'])) > worth(ownerOf('curve', 4, ['power'])), 'bills are made of it')
  t.ok(worth(ownerOf('curve', 4, ['energy'], hourMs / 2)) > worth(ownerOf('curve', 4)), 'it closes soon')
  const failing = ownerOf('curve', 4)
  failing.memoryFailures = 2
  t.equal(worth(failing) * 4, worth(ownerOf('curve', 4)), 'it is not likely to answer')
  t.equal(worthOf(ownerOf('curve', 4), 0, settings, 400) * 2, worth(ownerOf('curve', 4)), 'on a slow bus')
})

await t.test('a bus learns what a register costs it', async (t) => {
  const pace = new BusPace()
  t.equal(pace.registerMs, 220)
  pace.note(0, 3)
  pace.note(300, 0)
  t.notOk(pace.isKnown)
  pace.note(300, 3)
  t.equal(pace.registerMs, 100)
  pace.note(400, 2)
  t.equal(pace.registerMs, 110)
  for (let count = 0; count < 50; count++) pace.note(110, 1)
  t.ok(pace.isKnown)
})

await t.test('back-fill earns its time hour by hour and saves none', async (t) => {
  const budget = new BackfillBudget(0.5)
  t.equal(budget.affordableAt(1_000), 1_000)
  budget.spend(hourMs / 2, 1_000)
  const at = budget.affordableAt(1_000)
  t.ok(at > 1_000 && at < 1_010)
  t.equal(budget.affordableAt(at), at)
  budget.spend(60_000, at)
  t.ok(budget.affordableAt(at) >= at + 119_000)
  t.equal(budget.affordableAt(at + 10 * hourMs), at + 10 * hourMs)
  budget.spend(hourMs / 2 + 1, at + 10 * hourMs)
  t.ok(budget.affordableAt(at + 10 * hourMs) > at + 10 * hourMs, 'ten hours brought no more than one')
})

await t.test('a bus queue takes the best of its back-fill, and none beyond its budget', async (t) => {
  const units = Array.from({ length: 5 }, (_, index): Unit => ({ kind: 'memory', owner: { memoryFailures: index } as never }))
  const worth = (unit: Unit): number => (unit.kind === 'memory' ? unit.owner.memoryFailures % 3 : 0)
  const bus = new BusQueue({ worthOf: worth, share: 0.5 })
  for (const unit of units) bus.push(unit, 'backfill', 0)
  t.equal(bus.pop(0)?.unit, units[2])
  t.equal(bus.nextAt(0), null, 'it may start now: nobody waits for time')
  bus.started('backfill')
  bus.ended('backfill', 0, hourMs)
  t.equal(bus.pop(1_000), null)
  const next = bus.nextAt(1_000)
  t.ok(next !== null && next > hourMs / 2)
  bus.push(units[2] as Unit, 'curve', 5_000)
  t.equal(bus.nextAt(1_000), 5_000)
  t.equal(bus.pop(5_000)?.work, 'curve', 'what is due does not wait for the budget')
  t.equal(bus.pop(2 * hourMs)?.unit, units[1], 'of equals the one that came first')
  t.equal(bus.pop(2 * hourMs)?.unit, units[4])
  const plain = new BusQueue()
  plain.push(units[1] as Unit, 'backfill', 0)
  plain.push(units[2] as Unit, 'backfill', 0)
  t.equal(plain.pop(0)?.unit, units[1])
  const many = new BusQueue({ worthOf: worth, share: 1 })
  for (let count = 0; count < BACKFILL_COMPARED_MAX; count++) many.push(units[0] as Unit, 'backfill', 0)
  many.push(units[2] as Unit, 'backfill', 0)
  t.equal(many.pop(0)?.unit, units[0], 'only so many are compared')
  t.equal(many.pop(0)?.unit, units[2])
})

const settled = (outcome: readonly ReadOutcome[]) => ({ kind: 'settled', outcome }) as const

/** A long stop: everything is owed at once. */
function afterStop(changes: Partial<typeof settings>): CoreBench {
  const bench = new CoreBench(
    local('2026-03-01 12:00'),
    {
      meters: ['1', '2', '3', '4'].map((name) => testMeter(name)),
      tasks: [
        task('curve', { backfillDays: 2, closesAfterMs: 2 * dayMs, liveWindowMs: 60_000 }),
        task('freeze', { kind: 'daily-freeze', cron: '0 0 * * *', backfillDays: 3, closesAfterMs: 3 * dayMs }),
        task('month', {
          kind: 'monthly-freeze',
          cron: '0 0 1 * *',
          backfillDays: 3,
          closesAfterMs: 3 * dayMs,
          startDelayMs: hourMs,
        }),
      ],
      profiles: [
        testProfile({
          items: new Map([
            [
              itemId('energy'),
              {
                register: '0001FF00',
                dailyFreeze: { value: '05060101', time: '05060001', depthDays: 62 },
                loadRecord: { register: '06040001', from: 0, count: 1, depthDays: 30 },
              },
            ],
          ]),
        }),
      ],
    },
    changes,
  )
  bench.restore(local('2026-02-28 06:00'))
  bench.turn()
  return bench
}

await t.test('after a stop everything is filled, and what falls due meanwhile is read in time', async (t) => {
  const bench = afterStop({})
  bench.runUntil(local('2026-03-01 18:00'))
  const told = bench.told('curve')
  t.equal(
    told.filter((line) => line.includes(' live ')).length,
    4 * 24,
    'every quarter of an hour was read in time all the while',
  )
  t.equal(told.filter((line) => line.includes('load-record')).length, 4 * (30 * 4 - 1))
  t.notOk(told.some((line) => /energy=[a-z]/.test(line)))
  t.equal(bench.told('freeze').length, 4)
  t.equal(bench.told('month').length, 4)
  t.equal(bench.collection.registerMs(testMeter('1').link), null, 'nobody said what a job takes')
  bench.busMs = 300
  bench.runUntil(local('2026-03-02 00:00'))
  t.equal(Math.round(bench.collection.registerMs(testMeter('1').link) ?? 0), 300)
})

await t.test('back-fill takes its share of the bus and no more, and what is due goes on', async (t) => {
  const bench = afterStop({ backfillShare: 0.01 })
  bench.busMs = 9_000
  bench.runUntil(local('2026-03-01 14:00'))
  const jobs = bench.works.filter(({ work }) => work === 'backfill').length
  t.ok(jobs >= 4 && jobs <= 13, `${jobs} jobs of 9 s in two hours of 36 s each, and the first hour's beforehand`)
  t.equal(bench.told('curve').filter((line) => line.includes(' live ')).length, 4 * 8)
  bench.busMs = 10
  bench.run(5 * dayMs)
  t.notOk(bench.told('curve').some((line) => line.includes('energy=no-reply')))
})

await t.test('a meter that was not heard is asked for its memory after those that answer', async (t) => {
  const bench = afterStop({})
  const order: string[] = []
  bench.answer = (work: Work, now: Now) => {
    if (work.asks.kind === 'record') order.push(work.meter)
    if (work.meter === '1') return settled(work.plan.registers.map(({ register }) => bad(register, 'no-reply')))
    return settled(answerAll(work, now))
  }
  bench.runUntil(local('2026-03-01 13:00'))
  const others = order.filter((meter) => meter !== '1')
  t.ok(others.length > 20)
  t.ok(order.filter((meter) => meter === '1').length < others.length / 3)
})
