import type { EpochMs, Task, TaskId } from '../model/index.js'
import { dayMs, epochMs, startOfLocalDay } from '../model/index.js'
import type { Missed } from './slots.js'
import { isFreezeKind, slotInstant } from './slots.js'

/** Instants of a task that passed without anybody following its calendar: later than `after`, `to` included. */
export interface Debt {
  readonly task: TaskId
  readonly after: EpochMs
  readonly to: EpochMs
  readonly missed: Missed
}

/** What is still owed, as spans: however many slots they stand for, they are opened only when they are worked off. */
export class Arrears {
  private groups: (readonly Debt[])[] = []

  /** Adds debts that are worked off together, after all that were added before. */
  add(debts: readonly Debt[]): void {
    const owing = debts.filter((debt) => debt.after < debt.to)
    if (owing.length > 0) this.groups.push(owing)
  }

  /** The span of what is to be worked off next; null: nothing is owed. */
  get next(): { readonly after: EpochMs; readonly to: EpochMs } | null {
    const [group] = this.groups
    if (group === undefined) return null
    return { after: least(group.map((debt) => debt.after)), to: epochMs(Math.max(...group.map((debt) => debt.to))) }
  }

  /** No instant up to here is owed any more; null: none at all is. */
  get since(): EpochMs | null {
    return this.groups.length === 0 ? null : least(this.groups.flat().map((debt) => debt.after))
  }

  /** The part of what is to be worked off next that ends at `to`. */
  until(to: EpochMs): readonly Debt[] {
    const [group = []] = this.groups
    return group.filter((debt) => debt.after < to).map((debt) => ({ ...debt, to: epochMs(Math.min(debt.to, to)) }))
  }

  /** The part that ends at `to` is worked off. */
  settle(to: EpochMs): void {
    const [group = [], ...others] = this.groups
    this.groups = others
    const rest = group
      .map((debt) => ({ ...debt, after: epochMs(Math.max(debt.after, to)) }))
      .filter((debt) => debt.after < debt.to)
    if (rest.length > 0) this.groups.unshift(rest)
  }
}

/** A start after a stop, and what is known of the time before it. */
export interface Restart {
  /** Nothing was due before. */
  readonly began: number
  /** The last instant the store persisted; it may lie ahead, under a clock that was wrong. */
  readonly last: EpochMs
  readonly until: EpochMs
  readonly missed: Missed
}

/** What a task owes after a restart. */
export interface Owed {
  /** What may still be had live, or is needed first: today's freeze. */
  readonly urgent: readonly Debt[]
  readonly past: readonly Debt[]
  /** Instants that are explained together, because they lie further back than slots are kept. */
  readonly gap: { readonly from: EpochMs; readonly to: EpochMs } | null
}

/**
 * A start that was killed before all was worked off leaves its oldest slots to the next one: that much further back than the
 * horizon they are looked for, which is longer than any start takes to come so far.
 */
const OVERLAP_MS = 3_600_000

/** A task's calendar: when it fires, and the instants that its firings stand for. */
export interface TaskCalendar {
  readonly task: Task
  readonly utcOffsetMinutes: number
  /** The first firing strictly after an instant. */
  readonly nextDue: (after: EpochMs) => EpochMs
}

/** The first instant of a task's slots after another, and when its calendar fires for it first. */
export function firstAfter(of: TaskCalendar, last: EpochMs): { readonly instant: EpochMs; readonly due: EpochMs } {
  const instantOf = (due: EpochMs): EpochMs => slotInstant(of.task.kind, due, of.utcOffsetMinutes)
  let due = of.nextDue(last)
  while (instantOf(due) <= last) due = of.nextDue(due)
  return { instant: instantOf(due), due }
}

/** What a task owes after a restart: all that was still within its horizon when the last record was made, and all that is so now. */
export function owedAfter(of: TaskCalendar, restart: Restart): Owed {
  const { task, utcOffsetMinutes } = of
  const { until, missed } = restart
  const horizonMs = horizonOf(task)
  const last = Math.min(restart.last, until)
  const start = beforeFiring(of, Math.max(restart.began, last - horizonMs - OVERLAP_MS))
  const isLong = last < until - horizonMs
  const begin = isLong ? Math.max(start, beforeFiring(of, until - horizonMs)) : start
  const midnight = startOfLocalDay(until, utcOffsetMinutes)
  const isFreeze = isFreezeKind(task.kind)
  const turn = Math.max(begin, isFreeze ? midnight - 1 : until - task.liveWindowMs)
  const isTodayDue = firstAfter(of, epochMs(midnight - 1)).due <= until
  const end = !isFreeze || isTodayDue ? until : midnight - 1
  const debt = (after: number, to: number): Debt => ({ task: task.id, after: epochMs(after), to: epochMs(to), missed })
  const past = isLong ? [debt(start, last), debt(begin, turn)] : [debt(start, turn)]
  const hasGap = isLong && firstAfter(of, epochMs(last)).instant <= begin
  return { urgent: [debt(turn, end)], past, gap: hasGap ? { from: epochMs(last), to: epochMs(begin) } : null }
}

/** Just before what the first firing after an instant stands for: a freeze of the midnight before may be collected all day long. */
function beforeFiring(of: TaskCalendar, at: number): number {
  const instant = slotInstant(of.task.kind, of.nextDue(epochMs(at)), of.utcOffsetMinutes)
  return Math.min(at, instant - 1)
}

/** Slots older than this, a day at least, are neither filled nor explained one by one; a gap beyond it is one event. */
export function horizonOf(task: Task): number {
  return Math.max(task.backfillDays * dayMs, task.closesAfterMs, dayMs)
}

function least(instants: readonly EpochMs[]): EpochMs {
  return epochMs(Math.min(...instants))
}
