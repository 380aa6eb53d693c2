import type { EpochMs, MonotonicMs, Stamp } from '../model/index.js'

/** Both faces of the clock at one moment, taken by the shell and handed in. */
export interface Now {
  readonly monotonic: MonotonicMs
  readonly wall: EpochMs
  readonly trusted: boolean
  readonly boot: string
}

/** The stamp of a record made at this moment. */
export function stampOf(now: Now): Stamp {
  return { receivedAt: now.wall, clockTrusted: now.trusted, boot: now.boot, monotonicMs: now.monotonic }
}
