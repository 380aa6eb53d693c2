import type { AbsenceReason, EpochMs, ItemValue, MonotonicMs, Point, ReadingSource } from '../model/index.js'
import { dayMs, startOfLocalDay } from '../model/index.js'
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

/** The ways an item of a slot can still be had. */
export type Channel = 'freeze' | 'live' | 'record'

/**
 * The instant a calendar's firing stands for: the firing itself, but for daily freezes the midnight before it, whenever
 * in the day they are collected.
 */
export function slotInstant(kind: PlannedTask['task']['kind'], firing: EpochMs, utcOffsetMinutes: number): EpochMs {
  return kind === 'daily-freeze' ? startOfLocalDay(firing, utcOffsetMinutes) : firing
}

/** What meters are delivered with; the true distance is learnt from the first answer with two records. */
const USUAL_RECORD_SPACING_MS = 900_000

export function newOwner(plan: PlannedTask, work: WorkClass): SlotOwner {
  return { plan, work, open: [], memory: 'idle', memoryFailures: 0, recordSpacingMs: USUAL_RECORD_SPACING_MS }
}

/** How item `index` of a slot may be asked now; null: no way is left, or its value is known. */
export function channelOf(slot: Slot, index: number, now: Now, utcOffsetMinutes: number): Channel | null {
  const { task, items } = slot.owner.plan
  const source = items[index]?.source
  if (source === undefined || slot.found?.[index] !== undefined) return null
  const exhausted = slot.doubts?.[index]?.exhausted ?? []
  const ageDays = (startOfLocalDay(now.wall, utcOffsetMinutes) - startOfLocalDay(slot.at, utcOffsetMinutes)) / dayMs
  if (task.kind === 'daily-freeze' && source.dailyFreeze !== undefined && !exhausted.includes('freeze')) {
    if (ageDays <= Math.min(task.backfillDays, source.dailyFreeze.depthDays - 1)) return 'freeze'
  }
  if (now.monotonic < slot.liveUntil && !exhausted.includes('live')) return 'live'
  if (task.kind === 'curve' && source.loadRecord !== undefined && !exhausted.includes('record')) {
    if (task.backfillDays > 0 && ageDays <= Math.min(task.backfillDays, source.loadRecord.depthDays)) return 'record'
  }
  return null
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
  const source = leading?.source ?? 'live'
  const measuredAt = leading?.measuredAt ?? slot.at
  const values = items.map(({ item }, index): ItemValue => {
    const one = found[index]
    if (one === undefined) return { item, absent: slot.doubts?.[index]?.reason ?? slot.times.missed ?? reasonless }
    if (one.source === source && one.measuredAt === measuredAt) return one.value
    return { ...one.value, own: { source: one.source, measuredAt: one.measuredAt } }
  })
  const stream = task.kind === 'daily-freeze' ? 'freeze' : 'curve'
  return { meter: target.meter.id, task: task.id, stream, slotAt: slot.at, measuredAt, source, stamp: stampOf(now), values }
}
