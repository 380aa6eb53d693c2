import type { MonotonicMs } from '../../src/model/index.js'
import type { Clock, Log } from '../../src/ports/index.js'

/** Lines of one link that are written at once; a port that flaps a hundred times must not fill a disk. */
export const linkLogBurstMax = 20
/** After the burst, one line in so many ms; it says how many were left out. */
export const linkLogEveryMs = 60_000

/** Tells a link's changes, at a bounded rate. */
export class LinkLog {
  readonly #log: Log
  readonly #clock: Clock
  readonly #fields: Readonly<Record<string, unknown>>
  #allowed = linkLogBurstMax
  #countedAt: MonotonicMs
  #leftOut = 0

  constructor(log: Log, clock: Clock, fields: Readonly<Record<string, unknown>>) {
    this.#log = log
    this.#clock = clock
    this.#fields = fields
    this.#countedAt = clock.monotonic()
  }

  info(event: string, fields: Readonly<Record<string, unknown>>): void {
    const extra = this.#admit()
    if (extra !== null) this.#log.info(event, { ...this.#fields, ...fields, ...extra })
  }

  warn(event: string, fields: Readonly<Record<string, unknown>>): void {
    const extra = this.#admit()
    if (extra !== null) this.#log.warn(event, { ...this.#fields, ...fields, ...extra })
  }

  #admit(): Readonly<Record<string, unknown>> | null {
    const now = this.#clock.monotonic()
    const earned = Math.floor((now - this.#countedAt) / linkLogEveryMs)
    if (earned > 0) {
      this.#allowed = Math.min(linkLogBurstMax, this.#allowed + earned)
      this.#countedAt = now
    }
    if (this.#allowed === 0) {
      this.#leftOut++
      return null
    }
    this.#allowed--
    const leftOut = this.#leftOut
    this.#leftOut = 0
    return leftOut === 0 ? {} : { leftOut }
  }
}
