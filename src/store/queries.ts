import type { AccountId, EventRecord, MeterId, Point, TaskId } from '../model/index.js'
import type { StoreCommands } from '../ports/index.js'
import type { Engine } from './engine.js'
import type { Sql } from './sql.js'

/** Rows of one answer at most, whatever was asked for. */
export const ROWS_MAX = 10_000

type Out<K extends keyof StoreCommands> = StoreCommands[K]['out']

/** Newest first. */
export function events(sql: Sql, input: StoreCommands['events']['in']): Out<'events'> {
  const rows = sql.all<{ seq: bigint; body: string }>(
    'SELECT seq, body FROM event WHERE seq < ? ORDER BY seq DESC LIMIT ?',
    ...[input.before ?? Number.MAX_SAFE_INTEGER, Math.min(input.count, ROWS_MAX)],
  )
  return { events: rows.map((row) => ({ ...(JSON.parse(row.body) as EventRecord), seq: Number(row.seq) })) }
}

/** Transitions, guards and refusals of an account, newest first. */
export function eventsOfAccount(sql: Sql, account: AccountId, count: number): readonly EventRecord[] {
  const rows = sql.all<{ body: string }>(
    'SELECT body FROM event WHERE account = ? ORDER BY seq DESC LIMIT ?',
    ...[account, Math.min(count, ROWS_MAX)],
  )
  return rows.map((row) => JSON.parse(row.body) as EventRecord)
}

/** Points of a meter by slot, then by arrival: log, chunks and the open group alike. */
export function pointsOf(engine: Engine, input: StoreCommands['points']['in']): Out<'points'> {
  const points = [...within(engine, input)]
  return { points: points.sort((a, b) => a.slotAt - b.slotAt).slice(0, ROWS_MAX) }
}

interface SlotRun {
  readonly meter: MeterId
  readonly task: TaskId
  readonly slotAt: Point['slotAt']
  stepMs?: number
  count?: number
}

/** Slots of one meter and task that stand in line are one entry: a day of them costs no more than one. */
export function closedSlots(engine: Engine, input: StoreCommands['closed-slots']['in']): Out<'closed-slots'> {
  const { runsMax = Infinity } = input
  const runs: SlotRun[] = []
  const latest = new Map<TaskId, Map<MeterId, SlotRun>>()
  for (const { meter, task, slotAt } of within(engine, input)) {
    let ofTask = latest.get(task)
    if (ofTask === undefined) latest.set(task, (ofTask = new Map<MeterId, SlotRun>()))
    const run = ofTask.get(meter)
    if (run !== undefined && extend(run, slotAt)) continue
    if (runs.length >= runsMax) return { slots: [], isWhole: false }
    const next = { meter, task, slotAt }
    ofTask.set(meter, next)
    runs.push(next)
  }
  return { slots: runs, isWhole: true }
}

/** @returns false when the instant does not stand in line with the run */
function extend(run: SlotRun, slotAt: number): boolean {
  const { stepMs = slotAt - run.slotAt, count = 1 } = run
  if (stepMs <= 0 || slotAt !== run.slotAt + count * stepMs) return false
  run.stepMs = stepMs
  run.count = count + 1
  return true
}

/** Items that are absent from every point of their slot; a later point that has the value fills the gap. */
export function gaps(engine: Engine, input: StoreCommands['gaps']['in']): Out<'gaps'> {
  const found = new Map<string, Out<'gaps'>['gaps'][number]>()
  const filled = new Set<string>()
  for (const point of within(engine, input)) {
    for (const value of point.values) {
      const key = `${point.slotAt} ${point.task} ${value.item} ${point.meter}`
      if (!('absent' in value)) filled.add(key)
      else found.set(key, { ...slotOf(point), item: value.item, reason: value.absent })
    }
  }
  const open = [...found].filter(([key]) => !filled.has(key)).map(([, gap]) => gap)
  return { gaps: open.sort((a, b) => a.slotAt - b.slotAt).slice(0, Math.min(input.count, ROWS_MAX)) }
}

function slotOf(point: Point) {
  const { meter, task, slotAt } = point
  return { meter, task, slotAt }
}

function* within(engine: Engine, filter: { from: number; to: number; meter?: MeterId }): Generator<Point> {
  yield* engine.points.between(filter)
  for (const point of engine.group) {
    const isWanted = filter.meter === undefined || filter.meter === point.meter
    if (isWanted && point.slotAt >= filter.from && point.slotAt <= filter.to) yield point
  }
}
