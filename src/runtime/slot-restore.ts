import type { Collection, Now } from '../collection/index.js'
import type { EpochMs } from '../model/index.js'
import { epochMs, startOfLocalDay } from '../model/index.js'
import type { Store } from '../ports/index.js'

/** Closed slots are asked for in spans of this length, so that a long stop does not bring all of them at once. */
const spanMs = 2 * 3_600_000

export interface SlotRestoreOptions {
  readonly collection: Collection
  readonly store: Store
  /** The last instant the store persisted: the process ran until then. */
  readonly lastInstant: EpochMs
  readonly utcOffsetMinutes: number
  readonly missed: 'not-running' | 'clock-wrong'
  readonly now: () => Now
}

/**
 * Derives what is still owed after a start: the instants of the calendars within the horizon, less the slots that ended.
 * Collection began with the first slot that ever ended, or else with the last persisted instant; before it nothing was due.
 */
export async function restoreSlots(options: SlotRestoreOptions): Promise<void> {
  const { collection, store, lastInstant, missed, now } = options
  const { wall: until } = now()
  const horizon = until - collection.horizonMs()
  let hasBegun = false
  for (let at = horizon; at < until; at += spanMs) {
    const to = epochMs(Math.min(at + spanMs, until))
    const { slots } = await store.run('closed-slots', { from: epochMs(at), to })
    const first = slots.reduce((least, slot) => Math.min(least, slot.slotAt), Infinity)
    const from = hasBegun ? at : Math.max(at, Math.min(first - 1, lastInstant))
    if (from >= to) continue
    hasBegun = true
    // A daily freeze stands at the midnight before the calendar fires.
    const midnight = startOfLocalDay(epochMs(at), options.utcOffsetMinutes)
    const freezes = midnight === at ? [] : (await store.run('closed-slots', { from: midnight, to: midnight })).slots
    collection.restore({ from: epochMs(from), to }, [...freezes, ...slots], now(), missed)
  }
}
