import type {
  AbsenceReason,
  EpochMs,
  ItemSource,
  ItemValue,
  MonotonicMs,
  Point,
  ReadingSource,
  TaskKind,
} from '../model/index.js'
import { dayMs, startOfLocalDay, toLocal } from '../model/index.js'
import type { WorkClass } from './bus-queue.js'
import type { Now } from './now.js'
import { stampOf } from './now.js'
import type { PlannedTask } from './site-plan.js'
import type { ItemReading } from './values.js'
import { tellingReason } from './values.js'

/** A value that is known for an item of an open slot, and how it came. */
export interface Found {
  readonly value: Exclude<ItemReading, { readonly absent: AbsenceReason }>
  readonly source: ReadingSource
  readonly measuredAt: EpochMs
}

/** One meter of one task and its open slots, oldest first. Meter and task may be replaced by new versions that fit the same slots. */
export interface SlotOwner {
  plan: PlannedTask
  /** How urgent its live reads are. */
  readonly work: WorkClass
  readonly open: Slot[]
  /** The question to the meter's own memory: one at a time for all open slots. */
  memory: 'idle' | 'queued' | 'flying'
  memoryFailures: number
  /** Distance of the meter's load records, learnt from its answers. */
  recordSpacingMs: number
}

/** Why an instant passed without anybody asking. */
export type Missed = Extract<AbsenceReason, 'not-running' | 'clock-wrong'>

/** When a slot is due, live and over; one object for all meters of a firing, as the open slots are many. */
export interface SlotTimes {
  readonly at: EpochMs
  /** When its collection was due by the monotonic clock; latency counts from here. */
  readonly dueAt: MonotonicMs
  /** Live values count for it until then; equal to `dueAt` when its instant was missed. */
  readonly liveUntil: MonotonicMs
  readonly closesAt: MonotonicMs
  /** Why no live value can come, when the instant had passed before the slot was opened. */
  readonly missed: Missed | null
}

/**
 * What ought to have a value: one meter at one instant. It is held in memory only and ends as exactly one point.
 * Deadlines are monotonic, so that a step of the wall clock neither closes nor revives it.
 */
export class Slot {
  readonly owner: SlotOwner
  readonly times: SlotTimes
  state: 'open' | 'queued' | 'flying' | 'ended' = 'open'
  attempts = 0
  /** Both null until there is something to say: most slots end by their first answer. */
  found: (Found | undefined)[] | null = null
  doubts: (Doubt | undefined)[] | null = null
  /** Where among the meter's freezes its day was looked for; null: not yet. */
  search: FreezeSearch | null = null
  /** Its slot ended long ago without its values: it ends as a point only when it brings one. */
  isLate = false

  constructor(owner: SlotOwner, times: SlotTimes) {
    this.owner = owner
    this.times = times
  }

  get at(): EpochMs {
    return this.times.at
  }

  get liveUntil(): MonotonicMs {
    return this.times.liveUntil
  }

  get closesAt(): MonotonicMs {
    return this.times.closesAt
  }
}

/** A search by count-back: freeze n of the meter should be `n − 1` days old, unless the meter has more or fewer than the calendar. */
export interface FreezeSearch {
  /** Added to the calendar's count. */
  readonly shift: number
  /** Shifts proved to be too few (the freeze found was newer) and too many (it was older or empty). */
  readonly tooFew: number
  readonly tooMany: number
}

/** What stands in the way of an item: the last telling reason, the channels that are used up, and a value that waits to be confirmed. */
export interface Doubt {
  readonly reason: AbsenceReason
  readonly exhausted: readonly Channel[]
  /** Register total that failed the plausibility rule; a second reading decides. */
  readonly suspect: number | null
}

/** The ways an item of a slot can still be had: the meter's daily or monthly freeze, a read now, records from a time on. */
export type Channel = 'freeze' | 'month' | 'live' | 'record'

/** Whether a task's slots are midnights, whose values meters freeze themselves. */
export const isFreezeKind = (kind: TaskKind): boolean => kind === 'daily-freeze' || kind === 'monthly-freeze'

/**
 * The instant a calendar's firing stands for: the firing itself, but for freezes the midnight before it, whenever
 * in the day they are collected.
 */
export function slotInstant(kind: TaskKind, firing: EpochMs, utcOffsetMinutes: number): EpochMs {
  return isFreezeKind(kind) ? startOfLocalDay(firing, utcOffsetMinutes) : firing
}

/** What meters are delivered with; the true distance is learnt from the first answer with two records. */
const USUAL_RECORD_SPACING_MS = 900_000

export function newOwner(plan: PlannedTask, work: WorkClass): SlotOwner {
  const recordSpacingMs = isFreezeKind(plan.task.kind) ? dayMs : USUAL_RECORD_SPACING_MS
  return { plan, work, open: [], memory: 'idle', memoryFailures: 0, recordSpacingMs }
}

/** Where an item's history is kept as records from a time on, for a kind of task; undefined: nowhere. */
export function recordOf(kind: TaskKind, source: ItemSource): ItemSource['loadRecord'] {
  if (isFreezeKind(kind)) return source.dailyRecord
  return kind === 'curve' ? source.loadRecord : undefined
}

/** How item `index` of a slot may be asked now; null: no way is left, or its value is known. */
export function channelOf(slot: Slot, index: number, now: Now, utcOffsetMinutes: number): Channel | null {
  const source = slot.owner.plan.items[index]?.source
  if (source === undefined || slot.found?.[index] !== undefined) return null
  const exhausted = slot.doubts?.[index]?.exhausted ?? []
  const ways = waysOf(slot, source, now, utcOffsetMinutes)
  return ways.find((way) => !exhausted.includes(way)) ?? null
}

/** The ways in which an item of a slot can be had at its age, the best first. */
function waysOf(slot: Slot, source: ItemSource, now: Now, utcOffsetMinutes: number): readonly Channel[] {
  const { task } = slot.owner.plan
  const { dailyFreeze, monthlyFreeze } = source
  const record = recordOf(task.kind, source)
  const ageDays = (startOfLocalDay(now.wall, utcOffsetMinutes) - startOfLocalDay(slot.at, utcOffsetMinutes)) / dayMs
  const asked = slot.isLate ? Infinity : task.backfillDays
  const live: readonly Channel[] = now.monotonic < slot.liveUntil ? ['live'] : []
  if (!isFreezeKind(task.kind)) {
    const isKept = record !== undefined && asked > 0 && ageDays <= Math.min(asked, record.depthDays)
    return isKept ? [...live, 'record'] : live
  }
  const daily: Channel[] = []
  if (record !== undefined && ageDays <= Math.min(asked, record.depthDays - 1)) daily.push('record')
  if (dailyFreeze !== undefined && ageDays <= Math.min(asked, dailyFreeze.depthDays - 1)) daily.push('freeze')
  if (task.kind === 'daily-freeze') return [...daily, ...live]
  const ageMonths = monthsBetween(slot.at, now.wall, utcOffsetMinutes)
  return monthlyFreeze !== undefined && ageMonths < monthlyFreeze.depthMonths ? ['month', ...daily] : daily
}

/** Settlement days that passed after `from`, up to `to`: of a day of the month, the number of months. */
export function monthsBetween(from: EpochMs, to: EpochMs, utcOffsetMinutes: number): number {
  const [begin, end] = [toLocal(from, utcOffsetMinutes), toLocal(to, utcOffsetMinutes)]
  return (end.year - begin.year) * 12 + end.month - begin.month - (end.day < begin.day ? 1 : 0)
}

export function putFound(slot: Slot, index: number, found: Found): void {
  slot.found ??= blank<Found>(slot)
  slot.found[index] = found
}

/** Notes why an item did not come this time. */
export function putDoubt(
  slot: Slot,
  index: number,
  doubt: { reason: AbsenceReason; exhausted?: Channel; suspect?: number | null },
): void {
  slot.doubts ??= blank<Doubt>(slot)
  const known = slot.doubts[index]
  const exhausted = known?.exhausted ?? []
  const reason = tellingReason(known?.reason ?? null, doubt.reason)
  const suspect = doubt.suspect === undefined ? (known?.suspect ?? null) : doubt.suspect
  slot.doubts[index] =
    exhausted.length === 0 && doubt.exhausted === undefined && suspect === null
      ? plainDoubts[reason]
      : { reason, exhausted: doubt.exhausted === undefined ? exhausted : [...exhausted, doubt.exhausted], suspect }
}

/** An array that grows by assignment would keep room for seventeen. */
function blank<T>(slot: Slot): (T | undefined)[] {
  return Array.from({ length: slot.owner.plan.items.length }, () => undefined)
}

const plain = (reason: AbsenceReason): Doubt => ({ reason, exhausted: [], suspect: null })
/** The usual doubts are shared: thousands of slots of a silent bus say the same. */
const plainDoubts: Readonly<Record<AbsenceReason, Doubt>> = {
  'no-reply': plain('no-reply'),
  garbled: plain('garbled'),
  refused: plain('refused'),
  invalid: plain('invalid'),
  'not-available': plain('not-available'),
  'not-kept': plain('not-kept'),
  'bus-down': plain('bus-down'),
  'no-time': plain('no-time'),
  'clock-wrong': plain('clock-wrong'),
  'meter-replaced': plain('meter-replaced'),
  'not-running': plain('not-running'),
  unsupported: plain('unsupported'),
  'not-joined': plain('not-joined'),
  withdrawn: plain('withdrawn'),
  'not-carried': plain('not-carried'),
}

/**
 * The one point a slot ends as. Its instant is that of the billing item (or of the first value); items that came another
 * way carry their own. Nothing is stamped anew: a value keeps the moment it was measured.
 *
 * @param reasonless what to say of an item nobody could ask
 */
export function pointOf(slot: Slot, now: Now, reasonless: AbsenceReason): Point {
  const { target, task, items } = slot.owner.plan
  const found = slot.found ?? []
  const billing = items.findIndex((item) => item.billing)
  const leading = found[billing] ?? found.find((one) => one !== undefined)
  const source = task.kind === 'monthly-freeze' ? 'monthly-freeze' : (leading?.source ?? 'live')
  const measuredAt = leading?.measuredAt ?? slot.at
  const values = items.map(({ item }, index): ItemValue => {
    const one = found[index]
    if (one === undefined) return { item, absent: slot.doubts?.[index]?.reason ?? slot.times.missed ?? reasonless }
    if (one.source === source && one.measuredAt === measuredAt) return one.value
    return { ...one.value, own: { source: one.source, measuredAt: one.measuredAt } }
  })
  const stream = isFreezeKind(task.kind) ? 'freeze' : 'curve'
  return { meter: target.meter.id, task: task.id, stream, slotAt: slot.at, measuredAt, source, stamp: stampOf(now), values }
}
