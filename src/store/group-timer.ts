import type { Timers } from '../ports/index.js'

/** The longest a routine reading waits for its group to commit; what a power cut takes of it is read from the meter again. */
export const GROUP_MS_MAX = 60_000

/** Asks for a flush once points have been waiting for `GROUP_MS_MAX`. */
export class GroupTimer {
  readonly #timers: Timers
  readonly #flush: () => void
  #cancel: (() => void) | null = null

  constructor(timers: Timers, flush: () => void) {
    this.#timers = timers
    this.#flush = flush
  }

  /** Points were handed to the store. */
  started(): void {
    this.#cancel ??= this.#timers.after(GROUP_MS_MAX, () => {
      this.#cancel = null
      this.#flush()
    })
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }
}
