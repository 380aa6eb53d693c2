import type { AbsenceReason, EpochMs, Point } from '../model/index.js'
import { dayMs, epochMs, startOfLocalDay } from '../model/index.js'
import type { Slot, SlotOwner } from './slots.js'

/** Reasons that say nothing of what the meter keeps: the day may be had from it later. */
const passing: ReadonlySet<AbsenceReason> = new Set(['no-reply', 'garbled', 'bus-down', 'no-time', 'not-joined'])

/**
 * Remembers the day of a daily freeze that was given up although the meter may still keep it.
 *
 * @returns whether it was remembered
 */
export function noteLostDay(slot: Slot, point: Point, daysMax: number): boolean {
  const { owner, at } = slot
  if (owner.plan.task.kind !== 'daily-freeze') return false
  if (!point.values.some((value) => 'absent' in value && passing.has(value.absent))) return false
  owner.lostDays = [...owner.lostDays.filter((day) => day !== at), at].sort((a, b) => a - b).slice(-daysMax)
  return true
}

/** Notes the days of a time in which nothing ran: its slots are not explained one by one, but the meter may still keep them. */
export function noteLostSpan(
  owner: SlotOwner,
  span: { readonly from: EpochMs; readonly to: EpochMs },
  utcOffsetMinutes: number,
  daysMax: number,
): void {
  const last = startOfLocalDay(span.to, utcOffsetMinutes)
  const days: EpochMs[] = []
  for (let day = last; day > span.from && days.length < daysMax; day = epochMs(day - dayMs)) days.unshift(day)
  owner.lostDays = [...new Set([...owner.lostDays, ...days])].sort((a, b) => a - b).slice(-daysMax)
}

/** The days to be asked for anew; those that the meter cannot keep any more are forgotten. */
export function takeLostDays(owner: SlotOwner, today: number): Slot['at'][] {
  const depths = owner.plan.items.flatMap(({ source }) =>
    [source.dailyFreeze, source.dailyRecord].map((kept) => kept?.depthDays ?? 0),
  )
  const kept = owner.lostDays.filter((day) => (today - day) / dayMs < Math.max(...depths))
  owner.lostDays = []
  return kept
}
