import t from 'tap'
import { defaultCollectionSettings } from '../../../src/collection/index.js'
import { epochMs, meterId, taskId } from '../../../src/model/index.js'
import { pointsPerCommandMax } from '../../../src/runtime/collected.js'
import { closedRunsMax, restoredSlotsMax } from '../../../src/runtime/slot-restore.js'
import { doubled, endings } from '../../helpers/collection-bench.js'
import { task } from '../../helpers/collection-site.js'
import { local, testMeter } from '../../helpers/core-bench.js'
import { ShellBench } from '../../helpers/shell-bench.js'

t.setTimeout(300_000)
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const start = local('2026-03-01 09:50')
const meters = Array.from({ length: 40 }, (_, index) => testMeter(String(index + 1)))
const often = task('often', {
  kind: 'instantaneous',
  cron: '*/2 * * * * *',
  items: ['power'],
  liveWindowMs: 1_000,
  closesAfterMs: 2_000,
})

interface Backlog {
  points: number
  slots: number
  /** Live reads begun while the past was still being worked off. */
  jobs: number
}

/** Follows what is held in memory whenever something reaches the store. */
function watchBacklog(bench: ShellBench): Backlog {
  const most: Backlog = { points: 0, slots: 0, jobs: 0 }
  bench.store.effectsOf = (points) => {
    const { pointsWaiting, openSlots, owedSince } = bench.collector.snapshot()
    most.points = Math.max(most.points, pointsWaiting + points.length)
    most.slots = Math.max(most.slots, openSlots)
    if (owedSince !== null) most.jobs = bench.jobs.length
    return { orders: [], watch: [] }
  }
  return most
}

/** One live point before the stop, so that the store knows when it was. */
async function stoppedBench(
  site: ConstructorParameters<typeof ShellBench>[1],
  changes?: ConstructorParameters<typeof ShellBench>[2],
) {
  const bench = new ShellBench(start, site, changes)
  bench.jobMs = 1
  await bench.collector.start()
  await bench.time.runFor(10_000)
  return bench
}

function slotsOf(bench: ShellBench, id: string): ReadonlySet<number> {
  return new Set(bench.store.points.filter((point) => point.task === id && point.meter === '1').map((point) => point.slotAt))
}

await t.test('a long stop of tasks that fire often is explained whole, and never held in memory whole', async (t) => {
  const bench = await stoppedBench({ meters, tasks: [often, task('curve', { cron: '*/10 * * * *' })] })
  const before = bench.store.points.length
  const most = watchBacklog(bench)
  const stopMs = (10 * hourMs) / 6
  await bench.restart(stopMs)
  t.not(bench.collector.snapshot().owedSince, null, 'the start does not wait for it')
  await bench.time.runFor(10_000)
  t.equal(bench.collector.snapshot().owedSince, null)
  await bench.collector.close()
  const missed = (meters.length * stopMs) / 2_000
  t.ok(bench.store.points.length - before > missed, `${missed} slots were missed`)
  t.ok(most.points <= restoredSlotsMax + pointsPerCommandMax, `${most.points} points at most at a time`)
  t.ok(most.jobs >= meters.length, 'what can still be had live is read first')
  t.same(doubled(bench.store), [])
  const slots = slotsOf(bench, 'often')
  const [first, last] = [Math.min(...slots), Math.max(...slots)]
  t.equal(slots.size, (last - first) / 2_000 + 1, 'no instant is left out')
  const { 'power absent not-running': absent = 0 } = endings(bench.store, 'often')
  t.ok(absent >= missed - 2 * meters.length && absent <= missed + 2 * meters.length, `${absent} absences`)
  t.same(bench.faults, [])
})

await t.test('killed in the middle, again and again, the next start goes on where it was', async (t) => {
  const bench = await stoppedBench({ meters, tasks: [often] })
  let stored = 0
  bench.store.effectsOf = (points) => {
    stored += points.length
    if (stored > 7_000) bench.kill()
    return { orders: [], watch: [] }
  }
  await bench.restart(20 * minuteMs)
  const looked: number[] = []
  for (let kills = 0; kills < 6 && bench.collector.snapshot().owedSince !== null; kills++) {
    stored = 0
    await bench.killAndRestart(5_000)
    await bench.time.settle()
    looked.push(bench.store.points.length)
  }
  bench.store.effectsOf = () => ({ orders: [], watch: [] })
  await bench.killAndRestart(minuteMs)
  await bench.time.runFor(10_000)
  await bench.collector.close()
  t.ok(looked.length >= 2, `${looked.length} times`)
  t.same(doubled(bench.store), [])
  const slots = slotsOf(bench, 'often')
  t.equal(slots.size, (Math.max(...slots) - Math.min(...slots)) / 2_000 + 1)
})

await t.test('slots that may still be filled are open in a limited number, the latest of them', async (t) => {
  const openSlotsMax = 1_000
  const settings = { ...defaultCollectionSettings, openSlotsMax, catchUpMs: hourMs }
  const curve = task('curve', {
    cron: '*/20 * * * * *',
    items: ['power'],
    backfillDays: 1,
    liveWindowMs: 5_000,
    closesAfterMs: hourMs,
  })
  const few = meters.slice(0, 20)
  const bench = await stoppedBench({ meters: few, tasks: [curve] }, { settings })
  const most = watchBacklog(bench)
  bench.mode = 'held'
  await bench.restart(3 * hourMs)
  await bench.time.runFor(1_000)
  t.equal(bench.collector.snapshot().owedSince, null)
  t.ok(most.slots <= openSlotsMax && most.slots > openSlotsMax / 2, `${most.slots} slots at most at a time`)
  t.ok(most.points <= restoredSlotsMax + pointsPerCommandMax, `${most.points} points at most at a time`)
  const open = bench.collector.snapshot().openSlots
  const ended = slotsOf(bench, 'curve')
  t.ok(Math.max(...ended) < bench.time.wall().at - ((open / few.length) * 20_000) / 2, 'the oldest gave way')
  bench.mode = 'good'
  await bench.time.runFor(3 * hourMs)
  await bench.collector.close()
  t.same(doubled(bench.store), [])
  const slots = [...slotsOf(bench, 'curve')].filter((at) => at < start + 4 * hourMs)
  t.equal(slots.length, (Math.max(...slots) - Math.min(...slots)) / 20_000 + 1)
})

await t.test('a gap longer than the horizon is told once for each task, and all else is explained', async (t) => {
  const hourly = task('hourly', { cron: '0 * * * *' })
  const kept = task('kept', { cron: '0 * * * *', backfillDays: 5, closesAfterMs: 5 * dayMs })
  const bench = await stoppedBench({ meters: meters.slice(0, 1), tasks: [hourly, kept] })
  await bench.time.runFor(2 * dayMs)
  const { lastInstant } = bench.store
  await bench.restart(3 * dayMs)
  await bench.time.runFor(hourMs)
  const gaps = bench.store.events.filter((event) => event.code === 'collection.gap')
  t.match(gaps, [{ detail: { task: 'hourly', from: new Date(lastInstant ?? 0).toISOString() } }])
  t.equal(gaps.length, 1)
  const to = Date.parse(String(gaps[0]?.detail['to']))
  t.equal(to, start + 4 * dayMs + 10_000, 'the horizon is a day')
  const told = [...slotsOf(bench, 'hourly')].filter((at) => at > start + 2 * dayMs)
  t.equal(Math.min(...told), Math.ceil(to / hourMs) * hourMs, 'from its end on slot by slot')
  t.equal(slotsOf(bench, 'kept').size, 5 * 24 + 1)
  await bench.collector.close()
})

await t.test('closed slots that do not fit one answer are asked for in shorter spans', async (t) => {
  const bench = await stoppedBench({ meters: meters.slice(0, 2), tasks: [often] })
  const spans: number[] = []
  const { store } = bench
  const run = store.run.bind(store)
  store.run = async (command, input) => {
    if (command !== 'closed-slots') return await run(command, input)
    const { from, to, runsMax } = input as { from: number; to: number; runsMax?: number }
    spans.push(to - from + 1)
    if (runsMax === undefined) return await run(command, input)
    t.equal(runsMax, closedRunsMax)
    return to - from > 7 * minuteMs ? ({ slots: [], isWhole: false } as never) : await run(command, input)
  }
  await bench.restart(hourMs)
  await bench.time.runFor(5_000)
  await bench.collector.close()
  t.ok(spans.length < 50, `${spans.length} questions`)
  t.same(doubled(store), [])
  const slots = slotsOf(bench, 'often')
  t.equal(slots.size, (Math.max(...slots) - Math.min(...slots)) / 2_000 + 1)
})

await t.test('a task that is gone leaves a gap, and a clock that is set back reads nothing that is to come', async (t) => {
  const bench = await stoppedBench({ meters, tasks: [often] })
  let stored = 0
  bench.store.effectsOf = (points) => {
    stored += points.length
    if (stored > 3_000 && stored < 3_500) bench.time.stepWall(-10 * minuteMs)
    return { orders: [], watch: [] }
  }
  await bench.restart(10 * minuteMs)
  await bench.time.runFor(0)
  t.same(doubled(bench.store), [])
  t.ok(bench.store.points.every((point) => point.measuredAt <= point.stamp.receivedAt || 'absent' in (point.values[0] ?? {})))
  stored = Infinity
  await bench.restart(10 * minuteMs)
  await bench.collector.reconfigure({ ...bench.parameters, tasks: [task('hourly', { cron: '0 * * * *' })] })
  await bench.time.runFor(minuteMs)
  t.ok(bench.store.events.some((event) => event.code === 'collection.gap' && event.detail['task'] === 'often'))
  t.equal(bench.collector.snapshot().owedSince, null)
  await bench.collector.close()
})

await t.test('a stop in the middle ends it, and a store that fails then is told once', async (t) => {
  const bench = await stoppedBench({ meters, tasks: [often] })
  await bench.restart(hourMs)
  await bench.collector.close()
  const { length } = bench.store.points
  await bench.time.runFor(minuteMs)
  t.equal(bench.store.points.length, length)
  await bench.restart(0)
  bench.store.fault = new Error('disk gone')
  await bench.time.runFor(minuteMs)
  t.ok(bench.faults.length >= 1)
  t.ok(bench.faults.every((fault) => fault.message === 'disk gone'))
  await bench.collector.close()
})

await t.test('what ended under a clock that was ahead is looked up no further than that', async (t) => {
  const bench = new ShellBench(start, { meters: meters.slice(0, 1), tasks: [task('curve')] })
  const ahead = local('2026-03-01 11:00')
  bench.store.points.push({
    ...{ meter: meterId('1'), task: taskId('curve'), stream: 'curve', slotAt: ahead, measuredAt: ahead, source: 'live' },
    stamp: { receivedAt: ahead, clockTrusted: true, boot: 'boot-0', monotonicMs: 0 },
    values: [],
  })
  const asked: number[] = []
  const run = bench.store.run.bind(bench.store)
  bench.store.run = async (command, input) => {
    if (command === 'closed-slots') asked.push((input as { to: number }).to)
    return await run(command, input)
  }
  await bench.collector.start(epochMs(ahead + 1_000))
  await bench.time.runFor(2 * hourMs)
  await bench.collector.close()
  t.equal(Math.max(...asked), ahead + 1_000)
  t.same(doubled(bench.store), [])
})
