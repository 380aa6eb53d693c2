import type { Collection, Now } from '../collection/index.js'
import type { EpochMs } from '../model/index.js'
import { epochMs, startOfLocalDay } from '../model/index.js'
import type { Store } from '../ports/index.js'

/** Closed slots are asked for in spans of this length, so that a long stop does not bring all of them at once. */
const spanMs = 2 * 3_600_000

export interface SlotRestoreOptions {
  readonly collection: Collection
  readonly store: Store
  /** The last instant the store persisted. */
  readonly lastInstant: EpochMs
  readonly utcOffsetMinutes: number
  readonly missed: 'not-running' | 'clock-wrong'
  readonly now: () => Now
}

/**
 * Derives what is still owed after a start: the instants of the calendars within the horizon, less the slots that ended.
 * Nothing was due before the first event this box ever recorded.
 */
export async function restoreSlots(options: SlotRestoreOptions): Promise<void> {
  const { collection, store, missed, now } = options
  const { wall: until } = now()
  const horizon = until - collection.horizonMs()
  if (options.lastInstant < horizon) collection.tellGap(options.lastInstant, epochMs(horizon))
  const begin = Math.max(horizon, await beganAt(store, options.lastInstant))
  for (let at = begin; at < until; at += spanMs) {
    const to = epochMs(Math.min(at + spanMs, until))
    const { slots } = await store.run('closed-slots', { from: epochMs(at), to })
    // A daily freeze stands at the midnight before the calendar fires.
    const midnight = startOfLocalDay(epochMs(at), options.utcOffsetMinutes)
    const freezes = midnight === at ? [] : (await store.run('closed-slots', { from: midnight, to: midnight })).slots
    collection.restore({ from: epochMs(at), to }, [...freezes, ...slots], now(), missed)
  }
  if (options.lastInstant > until) await coverAhead(collection, store, until)
}

/** Looks up slots that ended ahead of our present wall time: it was set back since. */
export async function coverAhead(collection: Collection, store: Store, from: EpochMs): Promise<void> {
  const { slots } = await store.run('closed-slots', { from, to: epochMs(from + collection.horizonMs()) })
  collection.alreadyEnded(slots)
}

/** −∞ when the first events are gone already: they were older than any horizon. */
async function beganAt(store: Store, lastInstant: EpochMs): Promise<number> {
  const { extents } = await store.run('extents', {})
  const lo = extents.find(({ stream }) => stream === 'event')?.lo ?? 1
  if (lo > 1) return -Infinity
  const [first] = (await store.run('events', { count: 1, before: lo + 1 })).events
  return Math.min(first?.stamp.receivedAt ?? Infinity, lastInstant)
}
