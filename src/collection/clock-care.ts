import type { EpochMs } from '../model/index.js'
import { dayMs, toLocal } from '../model/index.js'

/** What the field's rules say about a meter's clock (times in milliseconds). */
export interface ClockRules {
  /** Up to here a meter's clock is left alone. */
  readonly setAboveMs: number
  /** Beyond it no set by air is allowed; somebody has to look. */
  readonly setBelowMs: number
  /** A meter takes a broadcast only when it is off by no more. */
  readonly meterAcceptsMs: number
  /** Kept clear of midnight and of every full hour. */
  readonly keepClearMs: number
  /** Off by more again after two sets in 30 days: faulty. */
  readonly faultyAboveMs: number
}

/** REQUIREMENTS A.2: above 1 min and below 15 min, meters accept ≤ 5 min once a day, never near midnight or a full hour. */
export const defaultClockRules: ClockRules = {
  setAboveMs: 60_000,
  setBelowMs: 900_000,
  meterAcceptsMs: 300_000,
  keepClearMs: 300_000,
  faultyAboveMs: 300_000,
}

/** Samples kept for the trend, one per local day at most; older ones are dropped. */
export const DRIFT_SAMPLES_MAX = 16
const SYNCS_REMEMBERED = 4

/** What is known of a meter's clock. Positive drift: the meter is fast. */
export interface MeterClock {
  readonly driftMs: number | null
  readonly seenAt: EpochMs | null
  readonly samples: readonly { readonly at: EpochMs; readonly driftMs: number }[]
  readonly setAt: readonly EpochMs[]
  /** The excess was told as an event, so a set may follow. */
  readonly reported: boolean
  /** From a request's leaving to its arrival, as half of the last exchange that read the clock, ms. */
  readonly delayMs: number
}

export const unknownMeterClock: MeterClock = {
  driftMs: null,
  seenAt: null,
  samples: [],
  setAt: [],
  reported: false,
  delayMs: 0,
}

/** What an observation calls for: an event the first time it is over the limit, or that the clock is faulty. */
export type ClockFinding = 'none' | 'over-limit' | 'faulty'

/**
 * Takes in a meter's time read at `at` by our own, trusted clock.
 *
 * @returns the new knowledge, and whether an event is due; it is due once until the clock is right again
 */
export function observeClock(
  clock: MeterClock,
  seen: { readonly meter: EpochMs; readonly at: EpochMs; readonly delayMs?: number },
  rules: ClockRules,
): { readonly clock: MeterClock; readonly finding: ClockFinding } {
  const driftMs = seen.meter - seen.at
  const over = Math.abs(driftMs) > rules.setAboveMs
  const last = clock.samples.at(-1)
  const samples =
    last !== undefined && Math.abs(seen.at - last.at) < dayMs / 2
      ? clock.samples
      : [...clock.samples, { at: seen.at, driftMs }].slice(-DRIFT_SAMPLES_MAX)
  const next: MeterClock = { ...clock, driftMs, seenAt: seen.at, samples, reported: over, delayMs: seen.delayMs ?? clock.delayMs }
  if (!over || clock.reported) return { clock: next, finding: 'none' }
  const recentSets = clock.setAt.filter((at) => seen.at - at < 30 * dayMs).length
  return { clock: next, finding: recentSets >= 2 && Math.abs(driftMs) > rules.faultyAboveMs ? 'faulty' : 'over-limit' }
}

/** Notes that the clock was set: the trend starts anew, and a meter takes no second set on one day. */
export function noteClockSet(clock: MeterClock, at: EpochMs): MeterClock {
  return { ...clock, driftMs: null, samples: [], setAt: [...clock.setAt, at].slice(-SYNCS_REMEMBERED), reported: false }
}

/** Drift per day from the first to the last sample; null until the samples span a day. */
export function driftPerDayMs(clock: MeterClock): number | null {
  const [first] = clock.samples
  const last = clock.samples.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < dayMs) return null
  return Math.round(((last.driftMs - first.driftMs) * dayMs) / (last.at - first.at))
}

export type ClockSetRefusal =
  'our-clock-untrusted' | 'drift-unknown' | 'within-limit' | 'beyond-limit' | 'not-reported' | 'set-today' | 'near-full-hour'

/** Whether a meter's clock may be set by air now; null: it may. An excess is reported before it is corrected. */
export function clockSetRefusal(
  clock: MeterClock,
  now: { readonly at: EpochMs; readonly trusted: boolean },
  utcOffsetMinutes: number,
  rules: ClockRules,
): ClockSetRefusal | null {
  if (!now.trusted) return 'our-clock-untrusted'
  if (clock.driftMs === null) return 'drift-unknown'
  const drift = Math.abs(clock.driftMs)
  if (drift <= rules.setAboveMs) return 'within-limit'
  if (drift >= rules.setBelowMs || drift > rules.meterAcceptsMs) return 'beyond-limit'
  if (!clock.reported) return 'not-reported'
  if (clock.setAt.some((at) => Math.abs(now.at - at) < dayMs)) return 'set-today'
  return nearFullHour(now.at, utcOffsetMinutes, rules.keepClearMs + drift) ? 'near-full-hour' : null
}

/** Whether a broadcast to all meters of a link may be sent now: the same rule without a single meter's drift. */
export function broadcastRefusal(
  now: { readonly at: EpochMs; readonly trusted: boolean },
  utcOffsetMinutes: number,
  rules: ClockRules,
): ClockSetRefusal | null {
  if (!now.trusted) return 'our-clock-untrusted'
  return nearFullHour(now.at, utcOffsetMinutes, rules.keepClearMs) ? 'near-full-hour' : null
}

function nearFullHour(at: EpochMs, utcOffsetMinutes: number, keepClearMs: number): boolean {
  const { minute, second } = toLocal(at, utcOffsetMinutes)
  const intoHourMs = (minute * 60 + second) * 1000
  return intoHourMs < keepClearMs || 3_600_000 - intoHourMs < keepClearMs
}
