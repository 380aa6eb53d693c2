import type { ClosedSlot, Collection, Now } from '../collection/index.js'
import { RESTORED_PER_STEP_MAX } from '../collection/index.js'
import type { EpochMs } from '../model/index.js'
import { dayMs, epochMs, startOfLocalDay } from '../model/index.js'
import type { Store, Timers } from '../ports/index.js'
import type { StampSource } from './stamps.js'

/** Closed slots are asked for in spans of this length at most, and in shorter ones where they do not fit one answer. */
const spanMsMax = 24 * 3_600_000
/** Runs of closed slots in one answer of the store; about 5 MB. */
export const closedRunsMax = 20_000
/** Slots looked at before what became of them is handed to the store; no more of them ever wait at a time. */
export const restoredSlotsMax = 1_000
/** Instants looked at in one go: finding the next one costs as much as a few slots. */
const instantsMax = 50
/** How far back the start looks for days that were not closed. */
const oldDays = 3

export interface SlotRestorerOptions {
  readonly collection: Collection
  readonly store: Pick<Store, 'run'>
  readonly timers: Timers
  readonly stamps: StampSource
  readonly utcOffsetMinutes: number
  readonly dayClosesAfterMs: number
  readonly now: () => Now
  /** Hands on what the collection gave out, and lets it start what may start. */
  readonly turn: () => void
  /** Settles when what was handed on stands in the store. */
  readonly written: () => Promise<void>
  readonly onFault: (error: unknown) => void
}

/**
 * Opens the slots that the collection owes beside everything else, portion by portion, oldest first, each stored before the next:
 * memory depends neither on how long nothing ran nor on how often tasks fire. Killed at any moment it is done anew by the next
 * start, less the slots that ended by then.
 */
export class SlotRestorer {
  readonly #options: SlotRestorerOptions
  #working: Promise<void> | null = null
  #endPause: () => void = () => {}
  #hasOldDays = false
  #isStopped = false

  constructor(options: SlotRestorerOptions) {
    this.#options = options
  }

  /** Days that ended before the process did are closed once nothing is owed. */
  closeOldDays(): void {
    this.#hasOldDays = true
  }

  /** Begins, unless it is at work already or there is none. After a fault it stays as it is: the process is to end. */
  work(): void {
    if (this.#working !== null || (this.#options.collection.owed === null && !this.#hasOldDays)) return
    this.#working = this.#workOff().then(
      () => {
        this.#working = null
        this.#options.turn()
      },
      (error: unknown) => this.#options.onFault(error),
    )
  }

  /** Settles when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#endPause()
    await this.#working
  }

  async #workOff(): Promise<void> {
    const { collection, store, now } = this.#options
    const lookUp = closedSlotsOf(store)
    for (let owed = collection.owed; owed !== null; owed = collection.owed) {
      const { to, slots } = await lookUp(owed.after, owed.to)
      if (this.#isStopped) return
      let looked = 0
      let instants = 0
      for (const count of collection.restore(to, slots, now)) {
        looked += count
        instants++
        if (looked + RESTORED_PER_STEP_MAX <= restoredSlotsMax && instants < instantsMax) continue
        if (!(await this.#portionStored())) return
        looked = 0
        instants = 0
      }
      if (!(await this.#portionStored())) return
    }
    if (this.#hasOldDays) await this.#closeOldDays()
  }

  /** Between two portions everything else has its turn. @returns false when it is to end */
  async #portionStored(): Promise<boolean> {
    this.#options.turn()
    await this.#options.written()
    if (this.#isStopped) return false
    await new Promise<void>((resolve) => {
      const cancel = this.#options.timers.after(0, resolve)
      this.#endPause = () => {
        cancel()
        resolve()
      }
    })
    return !this.#isStopped
  }

  /** Closing a closed day changes nothing. */
  async #closeOldDays(): Promise<void> {
    const { store, collection, now, stamps, utcOffsetMinutes, dayClosesAfterMs } = this.#options
    this.#hasOldDays = false
    const { wall } = now()
    for (let back = oldDays; back >= 1 && !this.#isStopped; back--) {
      const day = startOfLocalDay(epochMs(wall - back * dayMs), utcOffsetMinutes)
      if (wall < day + dayMs + dayClosesAfterMs || collection.book.isOpenOn(day)) continue
      await store.run('close-day', { day, stamp: stamps.now() })
    }
  }
}

/** Looks up slots that ended ahead of our present wall time: it was set back since. @param to the last that can have ended */
export async function coverAhead(collection: Collection, store: Pick<Store, 'run'>, from: EpochMs, to: EpochMs): Promise<void> {
  const lookUp = closedSlotsOf(store)
  for (let at = epochMs(from - 1); at < to;) {
    const found = await lookUp(at, to)
    collection.alreadyEnded(found.slots)
    at = found.to
  }
}

/** @returns the first instant this box ever recorded; −∞ when the first events are gone already: they were older than any horizon */
export async function beganAt(store: Pick<Store, 'run'>, lastInstant: EpochMs): Promise<number> {
  const { extents } = await store.run('extents', {})
  const lo = extents.find(({ stream }) => stream === 'event')?.lo ?? 1
  if (lo > 1) return -Infinity
  const [first] = (await store.run('events', { count: 1, before: lo + 1 })).events
  return Math.min(first?.stamp.receivedAt ?? Infinity, lastInstant)
}

type Lookup = (after: EpochMs, to: EpochMs) => Promise<{ readonly to: EpochMs; readonly slots: readonly ClosedSlot[] }>

/** Asks for a span that begins after an instant; the answer says how far it goes. */
function closedSlotsOf(store: Pick<Store, 'run'>): Lookup {
  let spanMs = spanMsMax
  return async (after, end) => {
    for (;;) {
      const to = epochMs(Math.min(after + spanMs, end))
      const isOne = to - after <= 1
      const found = await store.run('closed-slots', { from: epochMs(after + 1), to, ...(!isOne && { runsMax: closedRunsMax }) })
      if (found.isWhole !== false) {
        spanMs = Math.min(2 * spanMs, spanMsMax)
        return { to, slots: found.slots }
      }
      spanMs = Math.max(1, Math.floor((to - after) / 2))
    }
  }
}
