import type { EpochMs } from '../model/index.js'

/** Wall-clock jobs by cron expression in the site's zone. */
export interface Calendar {
  /**
   * The first instant strictly after `after` that matches.
   *
   * @param cron five fields (minute first) or six (second first)
   * @throws RangeError when `cron` is no cron expression or never matches
   */
  nextAfter(cron: string, utcOffsetMinutes: number, after: EpochMs): EpochMs
  /** Calls `fire` with the matching instant at each match until cancelled. */
  schedule(cron: string, utcOffsetMinutes: number, fire: (instant: EpochMs) => void): () => void
}
