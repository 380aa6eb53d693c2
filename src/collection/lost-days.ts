import type { AbsenceReason, EpochMs, Point } from '../model/index.js'
import { dayMs, epochMs, startOfLocalDay } from '../model/index.js'
import type { MeterState } from './meter-state.js'
import type { Slot, SlotOwner } from './slots.js'

/** Reasons that say nothing of what the meter keeps: the day may be had from it later. */
const passing: ReadonlySet<AbsenceReason> = new Set(['no-reply', 'garbled', 'bus-down', 'no-time', 'not-joined', 'not-carried'])

/**
 * Remembers the day of a daily freeze that was given up although the meter may still keep it, and forgets one that came after all.
 *
 * @returns whether what is remembered has changed
 */
export function noteLostDay(slot: Slot, point: Point, state: MeterState, daysMax: number): boolean {
  const { task } = slot.owner.plan
  if (task.kind !== 'daily-freeze') return false
  const days = state.lostDays.get(task.id) ?? []
  const isLost = point.values.some((value) => 'absent' in value && passing.has(value.absent))
  if (isLost) state.hasLostDays = true
  if (isLost === days.includes(slot.at)) return false
  keepDays(state, slot.owner, isLost ? [...days, slot.at] : days.filter((day) => day !== slot.at), daysMax)
  return true
}

/** Notes the days of a time in which nothing ran: its slots are not explained one by one, but the meter may still keep them. */
export function noteLostSpan(
  owner: SlotOwner,
  span: { readonly from: EpochMs; readonly to: EpochMs },
  state: MeterState,
  limits: { readonly utcOffsetMinutes: number; readonly daysMax: number },
): void {
  const last = startOfLocalDay(span.to, limits.utcOffsetMinutes)
  const days: EpochMs[] = []
  for (let day = last; day > span.from && days.length < limits.daysMax; day = epochMs(day - dayMs)) days.push(day)
  keepDays(state, owner, [...(state.lostDays.get(owner.plan.task.id) ?? []), ...days], limits.daysMax)
  state.hasLostDays = true
}

/** The days to be asked for anew, remembered until they have come; those that the meter cannot keep any more are forgotten. */
export function lostDaysOf(owner: SlotOwner, state: MeterState, today: number): readonly EpochMs[] {
  const days = state.lostDays.get(owner.plan.task.id)
  if (days === undefined) return []
  const depths = owner.plan.items.flatMap(({ source }) =>
    [source.dailyFreeze, source.dailyRecord].map((kept) => kept?.depthDays ?? 0),
  )
  const kept = days.filter((day) => (today - day) / dayMs < Math.max(...depths))
  keepDays(state, owner, kept, kept.length)
  return kept
}

/** In order, the latest ones. */
function keepDays(state: MeterState, { plan }: SlotOwner, days: readonly EpochMs[], daysMax: number): void {
  const kept = [...new Set(days)].sort((a, b) => a - b).slice(-daysMax)
  if (days.length === 0) state.lostDays.delete(plan.task.id)
  else state.lostDays.set(plan.task.id, kept)
}
