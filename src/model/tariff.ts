import type { EpochMs } from './units.js'

/** Prices are integers: 10⁻⁶ currency units for a kWh. */
export type PriceMicroPerKwh = bigint

/** A switch point of a day: from this local minute on, this rate (1…) applies. */
export interface RateSwitch {
  /** Minutes after local midnight, 0…1439. The first switch of a day is at 0. */
  readonly minute: number
  readonly rate: number
}

/** A season from its first day (inclusive, each year) on. */
export interface Season {
  readonly from: { readonly month: number; readonly day: number }
  /** Day table for each kind of day. */
  readonly workday: readonly RateSwitch[]
  readonly restday: readonly RateSwitch[]
}

/**
 * One version of a tariff. Versions never change once they are in force; a new one starts at `effectiveFrom`.
 * `steps` is empty until step prices are supported; the type already carries them.
 */
export interface TariffVersion {
  readonly tariff: string
  readonly version: number
  readonly effectiveFrom: EpochMs
  /** Local time of the site: minutes east of UTC. */
  readonly utcOffsetMinutes: number
  readonly basis: 'total-register' | 'rate-registers'
  /** Price of rate n stands at index n − 1. */
  readonly prices: readonly PriceMicroPerKwh[]
  /** In order of their first day; a single season may start on 01-01. */
  readonly seasons: readonly Season[]
  /** 0 = Sunday … 6. */
  readonly restWeekdays: readonly number[]
  /** Local dates `YYYY-MM-DD` that count as rest days. */
  readonly holidays: readonly string[]
  /** Surcharge for energy above each bound in a period; empty: no steps. */
  readonly steps: {
    readonly period: 'month' | 'year'
    readonly bounds: readonly { readonly aboveKwh: bigint; readonly surcharge: PriceMicroPerKwh }[]
  } | null
  /** Tax as its own line, in millionths of the charge. */
  readonly taxPpm: bigint
  /** Smallest charge of a month, in 10⁻⁶ units; 0: none. */
  readonly minimumMonthlyCharge: bigint
}
