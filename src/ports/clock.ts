import type { EpochMs, MonotonicMs } from '../model/index.js'

/** The clock's two faces. Deadlines use `monotonic`; `wall` only stamps records and drives the calendar. */
export interface Clock {
  monotonic(): MonotonicMs
  wall(): { readonly at: EpochMs; readonly trusted: boolean }
  /** Identity of this boot of the process's monotonic clock. */
  readonly boot: string
}

/** One-shot timers on the monotonic clock. Real ones are Node's; virtual ones are driven by a simulation. */
export interface Timers {
  /** Calls `fire` once, `delayMs` from now or later. The returned function cancels; cancelling twice is harmless. */
  after(delayMs: number, fire: () => void): () => void
}

/** Uniform random numbers from a logged seed. */
export interface Random {
  /** In [0, 1). */
  next(): number
}
