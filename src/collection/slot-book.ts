import type { AbsenceReason, EpochMs, EventFact, LinkId, Point, Task } from '../model/index.js'
import { dayMs, epochMs, formatLocal, monotonicMs, startOfLocalDay } from '../model/index.js'
import { TimeHeap } from './heap.js'
import type { Now } from './now.js'
import type { CollectionSettings } from './settings.js'
import type { Asked } from './settlement.js'
import type { Found, Missed, SlotOwner, SlotTimes } from './slots.js'
import { pointOf, Slot } from './slots.js'
import { countUntil } from './sorted.js'
import type { DayStatistics } from './statistics.js'
import { STATISTICS_DAYS_MAX, Statistics } from './statistics.js'

/** What the book gives out when asked: points of ended slots, events, and days that are finished. */
export interface BookOutput {
  readonly points: Point[]
  readonly events: EventFact[]
  readonly days: DayStatistics[]
}

/** One instant of a task, for some of its meters or all. */
export interface Opening {
  readonly owners: readonly SlotOwner[]
  /** All owners of the task, in the same list each time: deadlines keep it, not the slots. */
  readonly all: readonly SlotOwner[]
  /** What the slots stand for. */
  readonly instant: EpochMs
  /** When their collection falls due: the calendar's firing. */
  readonly due: EpochMs
  /** Why no live value can come, should the live window be over already. */
  readonly missed: Missed
}

const MISSED_END_STEP_MS = 60_000

/** The open slots of all meters: opens them, ends each as one point, and counts. Holds no slot after its end. */
export class SlotBook {
  readonly statistics: Statistics
  private output: BookOutput = { points: [], events: [], days: [] }
  private readonly settings: CollectionSettings
  private readonly utcOffsetMinutes: number
  private readonly deadlines = new TimeHeap<readonly SlotOwner[]>()
  private readonly openOn = new Map<EpochMs, number>()
  /** The last end awaited for a list of owners. */
  private readonly awaited = new WeakMap<readonly SlotOwner[], number>()
  private openCount = 0

  /** @param mediumOf by which the statistics sum up links; default: each link for itself */
  constructor(settings: CollectionSettings, utcOffsetMinutes: number, mediumOf: (link: LinkId) => string = (link) => link) {
    this.settings = settings
    this.utcOffsetMinutes = utcOffsetMinutes
    this.statistics = new Statistics(mediumOf)
  }

  /** Open slots. */
  get size(): number {
    return this.openCount
  }

  isOpenOn(day: EpochMs): boolean {
    return (this.openOn.get(day) ?? 0) > 0
  }

  /** When a live window or a slot ends next, monotonic. */
  get nextAt(): number | null {
    return this.deadlines.nextAt
  }

  /** Opens a slot for each owner; those that have this instant open already are left alone. All owners are of one task. */
  open(opening: Opening, now: Now): readonly Slot[] {
    const [first] = opening.owners
    if (first === undefined) return []
    const times = this.timesOf(first.plan.task, opening, now)
    const slots: Slot[] = []
    for (const owner of opening.owners) {
      const place = countUntil(owner.open, times.at, (known) => known.at)
      if (owner.open[place - 1]?.at === times.at) continue
      const slot = new Slot(owner, times)
      owner.open.splice(place, 0, slot)
      this.countDue(slot, now)
      this.keepFew(owner, now)
      slots.push(slot)
    }
    if (times.missed === null) this.deadlines.push(times.liveUntil, opening.all)
    this.awaitEnd(opening.all, times)
    return slots.filter((slot) => slot.state !== 'ended')
  }

  /** Owners of which something may be over now. */
  due(now: Now): ReadonlySet<SlotOwner> {
    const owners = new Set<SlotOwner>()
    for (let due = this.deadlines.popUntil(now.monotonic); due !== null; due = this.deadlines.popUntil(now.monotonic)) {
      for (const owner of due) if (owner.open.length > 0) owners.add(owner)
    }
    return owners
  }

  /** Opens slots of a meter anew that ended long ago without their values: a later better value is a record of its own. */
  reopen(owner: SlotOwner, days: readonly EpochMs[], now: Now): readonly Slot[] {
    const closesAt = monotonicMs(now.monotonic + Math.max(this.settings.catchUpMs, owner.plan.task.closesAfterMs))
    const slots: Slot[] = []
    for (const at of days) {
      if (owner.open.some((slot) => slot.at === at) || this.openCount >= this.settings.openSlotsMax) continue
      const slot = new Slot(owner, { at, dueAt: monotonicMs(-Infinity), liveUntil: now.monotonic, closesAt, missed: null })
      slot.isLate = true
      owner.open.splice(owner.open.findLastIndex((known) => known.at < at) + 1, 0, slot)
      this.openCount++
      slots.push(slot)
    }
    if (slots.length > 0) this.deadlines.push(closesAt, [owner])
    return slots
  }

  /** Ends a slot as its one point. @param reasonless what to say of an item nobody could ask */
  end(slot: Slot, now: Now, reasonless: AbsenceReason): Point {
    slot.state = 'ended'
    const { open, plan } = slot.owner
    open.splice(open.indexOf(slot), 1)
    this.openCount--
    if (slot.isLate) return this.endLate(slot, now, reasonless)
    const day = startOfLocalDay(slot.at, this.utcOffsetMinutes)
    const openOnDay = this.openOn.get(day)
    if (openOnDay !== undefined) this.openOn.set(day, openOnDay - 1)
    const point = pointOf(slot, now, reasonless)
    this.output.points.push(point)
    for (const value of point.values) {
      if ('absent' in value) this.statistics.missing(day, plan.target.meter.link, value.item, value.absent)
    }
    if (point.stream === 'freeze') this.tellMissingFreeze(point, slot)
    return point
  }

  /** Counts a value that came, by the question that brought it. */
  countFound(slot: Slot, asked: Asked, found: Found, now: Now): void {
    if (slot.isLate) return
    const day = startOfLocalDay(slot.at, this.utcOffsetMinutes)
    const isTimely = slot.times.missed === null && found.source !== 'load-record'
    const first = isTimely && slot.attempts <= 1 && slot.doubts?.[asked.index] === undefined
    const waitedMs = found.source === 'live' ? 0 : slot.owner.plan.memoryDelayMs
    const latencyMs = isTimely ? Math.max(0, now.monotonic - slot.times.dueAt - waitedMs) : null
    this.statistics.got(day, slot.owner.plan.target.meter.link, asked.item.item, { first, latencyMs })
  }

  /**
   * Hands a day out when its slots have ended, or at the latest some time after; its late values are no longer counted.
   *
   * @param owedSince days that end later may still get slots that were missed, and wait; null: nothing is owed
   */
  finishDays(now: Now, owedSince: EpochMs | null): void {
    const { dayClosesAfterMs, dayClosesAtLatestMs } = this.settings
    for (const [day, open] of [...this.openOn].sort(([a], [b]) => a - b)) {
      const sinceEndMs = now.wall - day - dayMs
      const isOver = sinceEndMs >= (open === 0 ? dayClosesAfterMs : dayClosesAtLatestMs)
      const isOwed = owedSince !== null && day + dayMs > owedSince
      if ((isOver && !isOwed) || this.openOn.size > STATISTICS_DAYS_MAX) this.giveOut(day, now)
    }
  }

  tell(event: EventFact): void {
    this.output.events.push(event)
  }

  /** All that was given out since the last call. */
  take(): BookOutput {
    const output = this.output
    this.output = { points: [], events: [], days: [] }
    return output
  }

  private timesOf(task: Task, { instant, due, missed }: Opening, now: Now): SlotTimes {
    const toMonotonic = now.monotonic - now.wall
    const dueAt = monotonicMs(due + toMonotonic)
    const isMissed = dueAt + task.liveWindowMs <= now.monotonic
    const liveUntil = isMissed ? dueAt : monotonicMs(dueAt + task.liveWindowMs)
    const usualEnd = Math.max(instant + task.closesAfterMs + toMonotonic, liveUntil)
    const closesAt = monotonicMs(isMissed ? Math.max(usualEnd, now.monotonic + this.settings.catchUpMs) : usualEnd)
    return { at: instant, dueAt, liveUntil, closesAt, missed: isMissed ? missed : null }
  }

  /** Missed slots of one task end by the hundred thousand: they are looked at together, up to a minute late. */
  private awaitEnd(owners: readonly SlotOwner[], { closesAt, missed }: SlotTimes): void {
    const at = missed === null ? closesAt : Math.ceil(closesAt / MISSED_END_STEP_MS) * MISSED_END_STEP_MS
    if (this.awaited.get(owners) === at) return
    this.awaited.set(owners, at)
    this.deadlines.push(at, owners)
  }

  /** The oldest slot of the meter and task gives way when too many are open altogether; it ends with what is known. */
  private keepFew(owner: SlotOwner, now: Now): void {
    const [oldest, second] = owner.open
    if (this.openCount > this.settings.openSlotsMax && oldest !== undefined && second !== undefined)
      this.end(oldest, now, 'no-time')
  }

  private countDue(slot: Slot, now: Now): void {
    const day = startOfLocalDay(slot.at, this.utcOffsetMinutes)
    this.openCount++
    const known = this.openOn.get(day)
    this.openOn.set(day, (known ?? 0) + 1)
    if (known === undefined) {
      const end = day + dayMs + (now.monotonic - now.wall)
      this.deadlines.push(end + this.settings.dayClosesAfterMs, [])
      this.deadlines.push(end + this.settings.dayClosesAtLatestMs, [])
    }
    const { target, items } = slot.owner.plan
    for (const { item } of items) this.statistics.due(day, target.meter.link, item)
  }

  private giveOut(day: EpochMs, now: Now): void {
    this.openOn.delete(day)
    this.output.days.push(this.statistics.take(day, now.wall))
  }

  /** What it did not bring was told when its slot ended the first time. */
  private endLate(slot: Slot, now: Now, reasonless: AbsenceReason): Point {
    const point = pointOf(slot, now, reasonless)
    if (slot.found !== null) this.output.points.push(point)
    return point
  }

  private tellMissingFreeze(point: Point, slot: Slot): void {
    const missing = point.values.flatMap((value) => ('absent' in value ? [`${value.item}: ${value.absent}`] : []))
    if (missing.length === 0) return
    const detail = {
      slotAt: formatLocal(epochMs(slot.at), this.utcOffsetMinutes),
      missing: missing.join(', '),
      attempts: slot.attempts,
    }
    const { link } = slot.owner.plan.target.meter
    this.tell({ code: 'freeze.missing', severity: 'warning', meter: point.meter, link, detail })
  }
}
