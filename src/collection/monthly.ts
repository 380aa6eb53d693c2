import type { ItemId } from '../model/index.js'
import type { Now } from './now.js'
import type { Asked } from './settlement.js'
import type { Slot, SlotOwner } from './slots.js'
import { putDoubt } from './slots.js'

/** The open monthly freezes of a meter's settlement day that the daily freeze of a slot serves as well. */
export function monthlySlots(daily: Slot, ownersOfMeter: () => readonly SlotOwner[]): readonly Slot[] {
  if (daily.owner.plan.task.kind !== 'daily-freeze') return []
  return ownersOfMeter().flatMap(({ plan, open }) =>
    plan.task.kind === 'monthly-freeze' ? open.filter((slot) => slot.at === daily.at) : [],
  )
}

/** An item in a monthly slot that lacks it; null: it has it already, or does not want it. */
export function lackingItem(monthly: Slot, item: ItemId): Asked | null {
  const { items } = monthly.owner.plan
  const index = items.findIndex((one) => one.item === item)
  const planned = items[index]
  return planned === undefined || monthly.found?.[index] !== undefined ? null : { index, item: planned }
}

/** The daily freeze ended without some of its items: why stands for the monthly one as long as it knows nothing better. */
export function shareDoubts(daily: Slot, monthly: Slot): void {
  for (const [index, { item }] of daily.owner.plan.items.entries()) {
    const doubt = daily.doubts?.[index]
    const asked = lackingItem(monthly, item)
    if (doubt !== undefined && asked !== null && monthly.doubts?.[asked.index] === undefined)
      putDoubt(monthly, asked.index, { reason: doubt.reason })
  }
}

/** Whether a monthly freeze may still come from the daily one of its day: that is open, or its calendar may be about to fire. */
export function awaitsDaily(monthly: Slot, owners: readonly SlotOwner[], now: Now): boolean {
  const { owner, at, times } = monthly
  if (owner.plan.task.kind !== 'monthly-freeze') return false
  if (now.monotonic < times.dueAt + owner.plan.memoryDelayMs) return true
  return owners.some(({ plan, open }) => plan.task.kind === 'daily-freeze' && open.some((slot) => slot.at === at))
}
