import t from 'tap'
import fc from 'fast-check'
import { formatLocal, type EpochMs } from '../../src/model/index.js'
import { doubled } from '../helpers/collection-bench.js'
import { task } from '../helpers/collection-site.js'
import { local, testMeter, utcOffsetMinutes } from '../helpers/core-bench.js'
import { modes, ShellBench, type Mode } from '../helpers/shell-bench.js'

const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
const runs = Number(process.env['WATTKEEP_RUNS'] ?? 15)
t.setTimeout(600_000)
const start = local('2026-03-01 09:50')

const site = {
  meters: [testMeter('1'), testMeter('2')],
  tasks: [
    task('curve', { items: ['energy', 'power'], backfillDays: 1, closesAfterMs: dayMs }),
    task('freeze', { kind: 'daily-freeze', cron: '5 0,12 * * *', backfillDays: 2, priority: 'freeze', closesAfterMs: 2 * dayMs }),
    task('status', { kind: 'status', items: ['status-3'], cron: '7 * * * *' }),
  ],
}

type Action =
  | { readonly kind: 'run'; readonly minutes: number }
  | { readonly kind: 'mode'; readonly mode: Mode }
  | { readonly kind: 'restart'; readonly minutes: number }
  | { readonly kind: 'kill'; readonly minutes: number }
  | { readonly kind: 'step'; readonly minutes: number }

const run = fc.integer({ min: 1, max: 200 }).map((minutes): Action => ({ kind: 'run', minutes }))
const mode = fc.constantFrom(...modes).map((one): Action => ({ kind: 'mode', mode: one }))
const restart = fc.integer({ min: 0, max: 180 }).map((minutes): Action => ({ kind: 'restart', minutes }))
const kill = fc.integer({ min: 0, max: 180 }).map((minutes): Action => ({ kind: 'kill', minutes }))
const step = fc
  .constantFrom(-60, -15, -1, 1, 20, 90, 730 * 24 * 60, -730 * 24 * 60)
  .map((minutes): Action => ({ kind: 'step', minutes }))

async function play(actions: readonly Action[]): Promise<ShellBench> {
  const bench = new ShellBench(start, site)
  await bench.collector.start()
  for (const action of actions) {
    switch (action.kind) {
      case 'run':
        await bench.time.runFor(action.minutes * minuteMs)
        break
      case 'mode':
        bench.mode = action.mode
        break
      case 'restart':
        await bench.restart(action.minutes * minuteMs)
        break
      case 'kill':
        await bench.killAndRestart(action.minutes * minuteMs)
        break
      case 'step':
        bench.time.stepWall(action.minutes * minuteMs)
        break
    }
  }
  bench.mode = 'good'
  await bench.time.runFor(3 * dayMs)
  await bench.collector.close()
  return bench
}

/** Instants of a 15-minute calendar. */
function quarters(from: EpochMs, to: EpochMs): readonly string[] {
  const instants: string[] = []
  for (let at = Math.ceil((from + 1) / (15 * minuteMs)) * 15 * minuteMs; at <= to; at += 15 * minuteMs) {
    instants.push(formatLocal(at as EpochMs, utcOffsetMinutes))
  }
  return instants
}

await t.test('each slot ends as exactly one point, whatever answers, stops, kills and restarts do', async (t) => {
  const actions = fc.array(fc.oneof({ weight: 3, arbitrary: run }, { weight: 2, arbitrary: mode }, restart, kill), {
    minLength: 1,
    maxLength: 10,
  })
  await fc.assert(
    fc.asyncProperty(actions, async (list) => {
      const bench = await play(list)
      const until = (bench.time.wall().at - dayMs - hourMs) as EpochMs
      for (const { id } of site.meters) {
        const points = bench.store.points.filter((point) => point.task === 'curve' && point.meter === id && point.slotAt <= until)
        const got = points.map((point) => formatLocal(point.slotAt, utcOffsetMinutes)).sort()
        const want = quarters(start, until)
        const lost = want.filter((slot) => !got.includes(slot))
        const extra = got.filter((slot, index) => !want.includes(slot) || got.indexOf(slot) !== index)
        if (lost.length + extra.length > 0) throw new Error(`lost ${lost.join()}, not wanted ${extra.join()}`)
        const fillable = points.filter((point) => point.values.some((value) => 'absent' in value))
        if (fillable.length > 0) throw new Error(`a readable value is missing at ${JSON.stringify(fillable[0])}`)
      }
      return bench.faults.length === 0 && doubled(bench.store).length === 0
    }),
    { numRuns: runs, verbose: 1 },
  )
  t.pass(`${runs} runs`)
})

await t.test('lesson 25: no slot is doubled and no record leaves its order when the wall clock is stepped', async (t) => {
  const actions = fc.array(fc.oneof({ weight: 3, arbitrary: run }, mode, restart, kill, { weight: 2, arbitrary: step }), {
    minLength: 1,
    maxLength: 10,
  })
  await fc.assert(
    fc.asyncProperty(actions, async (list) => {
      const bench = await play(list)
      const stamps = bench.store.points.map(({ stamp }) => ({ boot: Number(stamp.boot.slice(5)), at: stamp.monotonicMs }))
      const inOrder = stamps.every((one, index) => {
        const before = stamps[index - 1]
        return before === undefined || one.boot > before.boot || (one.boot === before.boot && one.at >= before.at)
      })
      if (!inOrder) throw new Error('records out of order')
      if (doubled(bench.store).length > 0) throw new Error(`doubled: ${doubled(bench.store).join()}`)
      return bench.faults.length === 0
    }),
    { numRuns: runs, verbose: 1 },
  )
  t.pass(`${runs} runs`)
})
