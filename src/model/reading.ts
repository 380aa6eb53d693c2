import type { ItemId, MeterId, TaskId } from './ids.js'
import type { EpochMs, Unit } from './units.js'

/** One value of a register as a protocol decodes it. `null` int: the meter says "not available" (all FF). */
export type RegisterValue =
  | { readonly kind: 'number'; readonly int: number | null; readonly exponent: number; readonly unit: Unit }
  /** Dates (ISO-like local text without zone), serial numbers, ASCII, raw hexadecimal. */
  | { readonly kind: 'text'; readonly text: string | null; readonly unit: Unit }
  /** A status word: the word in hexadecimal digits and the names of the bits that are set. */
  | { readonly kind: 'bits'; readonly hex: string; readonly names: readonly string[]; readonly unit: Unit }

/** Why a value that ought to be there is not. */
export const absenceReasons = [
  'no-reply', // nobody answered within the deadlines
  'garbled', // bytes came, never a whole frame with a right checksum
  'refused', // the meter answered with an error word
  'invalid', // a well-formed answer whose digits are no number, or that fails a plausibility rule
  'not-available', // the meter answered "not available" (all FF)
  'not-kept', // the meter keeps no record of that instant (any more)
  'bus-down', // the port or server of the bus was gone
  'no-time', // the bus had no time left for it before its slot closed
  'clock-wrong', // the meter's or our own clock made the instant unusable
  'meter-replaced', // the device changed between the instant and the reading
  'not-running', // the concentrator was not running at the instant and the meter keeps no history of it
  // The order is that of the stored numbers: new ones stand at the end.
  'unsupported', // the meter's protocol has no way to ask for it
  'not-joined', // the meter has not joined the network of its link's module
  'withdrawn', // the archive or the tasks do not ask for it any more
  'not-carried', // the module of the link refuses the meter, or what it is asked
] as const
export type AbsenceReason = (typeof absenceReasons)[number]

/** A value of a slot: integers in register order (total first, then tariffs or phases), or the reason of its absence. */
export type ItemValue =
  | {
      readonly item: ItemId
      readonly ints: readonly (number | null)[]
      readonly exponent: number
      readonly unit: Unit
      readonly own?: OwnOrigin
    }
  | { readonly item: ItemId; readonly words: readonly string[]; readonly own?: OwnOrigin }
  | { readonly item: ItemId; readonly absent: AbsenceReason }

/** Stands only where an item came another way, or at another moment, than its point says. */
export interface OwnOrigin {
  readonly source: ReadingSource
  readonly measuredAt: EpochMs
}

/**
 * How a value came: asked at the instant, or from the meter's own memory afterwards. A point of a monthly freeze is always
 * `monthly-freeze`; a value of it that was derived from the daily one says so as its own origin.
 */
export type ReadingSource = 'live' | 'daily-freeze' | 'load-record' | 'call' | 'monthly-freeze'

/** When and under which clock a record was made. Stamps never change afterwards. */
export interface Stamp {
  readonly receivedAt: EpochMs
  readonly clockTrusted: boolean
  /** Identity of this boot and its monotonic clock: the order of records survives steps of the wall clock. */
  readonly boot: string
  readonly monotonicMs: number
}

/**
 * One meter at one instant: the unit of collection, and one record of the `curve` or `freeze` stream.
 * An item that did not answer stands in it with its reason; a slot never just disappears.
 */
export interface Point {
  readonly meter: MeterId
  readonly task: TaskId
  readonly stream: 'curve' | 'freeze'
  /** The instant the values belong to: the slot of the task. */
  readonly slotAt: EpochMs
  /** When the meter measured them: equal to `slotAt` for frozen values, the moment of the answer for live ones. */
  readonly measuredAt: EpochMs
  readonly source: ReadingSource
  readonly stamp: Stamp
  readonly values: readonly ItemValue[]
}
