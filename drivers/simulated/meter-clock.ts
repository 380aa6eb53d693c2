import { minuteMs } from '../../src/model/index.js'

export interface MeterClockOptions {
  /** Where the meter stands: minutes east of UTC. */
  readonly utcOffsetMinutes: number
  /** How far the clock is ahead at `referenceAt`, ms. */
  readonly offsetMs: number
  /** How much it gains, millionths. */
  readonly driftPpm: number
  /** True time (ms since 1970, UTC) from which the drift counts. */
  readonly referenceAt: number
}

/**
 * A meter's own clock. It shows local time as milliseconds since 1970 read as if local were UTC, so that
 * whole days, hours and minutes of the display are whole multiples. It never runs backwards but when it is set.
 */
export class MeterClock {
  readonly #utcOffsetMs: number
  readonly #driftPpm: number
  #aheadMs: number
  #referenceAt: number

  constructor(options: MeterClockOptions) {
    this.#utcOffsetMs = options.utcOffsetMinutes * minuteMs
    this.#driftPpm = options.driftPpm
    this.#aheadMs = options.offsetMs
    this.#referenceAt = options.referenceAt
  }

  /** What the display shows at a true time. */
  localAt(trueMs: number): number {
    return trueMs + this.#utcOffsetMs + this.#aheadMs + Math.floor(((trueMs - this.#referenceAt) * this.#driftPpm) / 1_000_000)
  }

  /** The first true millisecond at which the display shows `localMs` or later. */
  trueAt(localMs: number): number {
    const elapsed = localMs - this.localAt(this.#referenceAt)
    let trueMs = this.#referenceAt + Math.ceil((elapsed * 1_000_000) / (1_000_000 + this.#driftPpm))
    while (this.localAt(trueMs) < localMs) trueMs++
    while (this.localAt(trueMs - 1) >= localMs) trueMs--
    return trueMs
  }

  /** Sets the display; the crystal keeps its drift. */
  set(localMs: number, trueMs: number): void {
    this.#referenceAt = trueMs
    this.#aheadMs = localMs - trueMs - this.#utcOffsetMs
  }
}
