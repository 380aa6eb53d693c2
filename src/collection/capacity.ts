import type { EpochMs, EventFact, LinkId, TaskId } from '../model/index.js'
import { dayMs } from '../model/index.js'
import type { PlannedTask, SitePlan } from './site-plan.js'
import { isFreezeKind } from './slots.js'

/** What tasks ask of a link beyond what it can carry. */
export interface Overload {
  readonly link: LinkId
  /** `all`: each of its tasks fits by itself, together they do not. */
  readonly task: TaskId | 'all'
  /** What its reads take of the bus, and the time there is for them: between two firings, or within an hour. */
  readonly neededMs: number
  readonly availableMs: number
}

export interface CapacityOptions {
  readonly nextAfter: (cron: string, after: EpochMs) => EpochMs
  readonly from: EpochMs
  /** What one register costs a link, ms of its time; null: nobody knows. */
  readonly registerMs: (link: LinkId) => number | null
}

/** A bus that is busier than this by plan has no time left for repeats, orders and silent meters. */
const BUSY_SHARE_MAX = 0.9
/** Firings looked at to learn how often a calendar fires. */
const FIRINGS_MAX = 48
const HOUR_MS = 3_600_000

/** Whether each link is fast enough for what its tasks ask, each alone and all together. */
export function overloads(plan: SitePlan, options: CapacityOptions): readonly Overload[] {
  const found: Overload[] = []
  const busyShare = new Map<LinkId, number>()
  for (const { task, meters } of plan.tasks) {
    const spacingMs = meters.length === 0 ? Infinity : spacingOf(task.cron, options)
    const availableMs = task.backfillDays > 0 ? spacingMs : Math.min(spacingMs, task.liveWindowMs)
    for (const [link, registers] of registersByLink(meters)) {
      const registerMs = options.registerMs(link)
      if (registerMs === null) continue
      const neededMs = registers * registerMs
      if (neededMs > availableMs) found.push({ link, task: task.id, neededMs, availableMs })
      else busyShare.set(link, (busyShare.get(link) ?? 0) + neededMs / spacingMs)
    }
  }
  for (const [link, share] of busyShare) {
    if (share > BUSY_SHARE_MAX)
      found.push({ link, task: 'all', neededMs: share * HOUR_MS, availableMs: BUSY_SHARE_MAX * HOUR_MS })
  }
  return found
}

/** The event that tells it. */
export function overloadEvent({ link, task, neededMs, availableMs }: Overload): EventFact {
  const detail = { task, neededMs: Math.round(neededMs), availableMs: Math.round(availableMs) }
  return { code: 'collection.over-capacity', severity: 'warning', link, detail }
}

/** Bytes of a usual request and its reply, with wake-up bytes, and what a meter and the quiet between two take; LIMITS, 1.2. */
const EXCHANGE_BYTES = 52
const TURN_MS = 60

/** What a register costs a wire of which nothing is known but its speed. @param byteMs wire time of a byte */
export function plannedRegisterMs(byteMs: number): number {
  return EXCHANGE_BYTES * byteMs + TURN_MS
}

/** Registers that one firing asks of each link. */
function registersByLink(meters: readonly PlannedTask[]): ReadonlyMap<LinkId, number> {
  const registers = new Map<LinkId, number>()
  for (const planned of meters) {
    const { link } = planned.target.meter
    registers.set(link, (registers.get(link) ?? 0) + registersOf(planned))
  }
  return registers
}

/** Registers of one slot: freezes with their time, items of a block together. A monthly freeze comes with the daily one. */
function registersOf({ task, items }: PlannedTask): number {
  if (task.kind === 'monthly-freeze') return 0
  const registers = new Set<string>()
  for (const { source } of items) {
    const { dailyRecord, dailyFreeze } = source
    if (isFreezeKind(task.kind) && dailyRecord !== undefined) registers.add(dailyRecord.register)
    else if (isFreezeKind(task.kind) && dailyFreeze !== undefined) registers.add(dailyFreeze.value).add(dailyFreeze.time)
    else registers.add(source.block?.register ?? source.register)
  }
  return registers.size
}

/** The usual distance of two firings. */
function spacingOf(cron: string, { nextAfter, from }: CapacityOptions): number {
  let at = from
  let firings = 0
  while (firings < FIRINGS_MAX && at - from < dayMs) {
    at = nextAfter(cron, at)
    firings++
  }
  return (at - from) / firings
}
