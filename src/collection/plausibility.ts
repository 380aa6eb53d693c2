import type { EpochMs, Meter, Profile } from '../model/index.js'

/** The total of a cumulative register at an instant, in the register's own integers. */
export interface CumulativeReading {
  readonly int: number
  readonly exponent: number
  readonly at: EpochMs
}

export interface CumulativeLimits {
  /** The most a secondary register can grow in an hour. */
  readonly maxUnitsPerHour: number
  /** Where the register wraps to zero. */
  readonly wrapUnits: number
  /** How far the two instants may be off, because one of them comes from the meter's own clock. */
  readonly slackMs: number
}

/** Rounding and a load for a moment above the rated maximum. */
const GROWTH_TOLERANCE_UNITS = 2
const OVERLOAD_FACTOR = 1.5

/**
 * Whether a cumulative register can stand at `next` after it stood at `last`: not lower, except across its wrap, and not
 * higher than the connection can carry. What fails is read once more before anybody uses it.
 */
export function judgeCumulative(
  last: CumulativeReading | null,
  next: CumulativeReading,
  limits: CumulativeLimits,
): 'plausible' | 'suspect' {
  if (last === null) return 'plausible'
  if (last.exponent !== next.exponent) return 'suspect'
  const elapsedMs = next.at - last.at
  const lowest = (Math.min(elapsedMs - limits.slackMs, 0) * limits.maxUnitsPerHour) / hourMs
  const highest = (Math.max(elapsedMs + limits.slackMs, 0) * limits.maxUnitsPerHour) / hourMs + GROWTH_TOLERANCE_UNITS
  const growth = next.int - last.int
  if (growth >= lowest && growth <= highest) return 'plausible'
  return growth < 0 && growth + limits.wrapUnits <= highest ? 'plausible' : 'suspect'
}

/** The limits of a meter's cumulative registers of one exponent; registers are secondary, the profile's power is primary. */
export function limitsOf(meter: Meter, profile: Profile, exponent: number, slackMs: number): CumulativeLimits {
  const unitsPerKwh = 10 ** -exponent
  return {
    maxUnitsPerHour: ((profile.maxPowerKw * OVERLOAD_FACTOR) / (meter.ct * meter.pt)) * unitsPerKwh,
    wrapUnits: profile.registerWrapKwh * unitsPerKwh,
    slackMs,
  }
}

const hourMs = 3_600_000
