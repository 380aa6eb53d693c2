import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'

/**
 * Gives out sequence numbers. One of a request without an answer rests: the answer may still come, and a late refusal carries nothing
 * but this number.
 */
export class Sequences {
  readonly #restMs: number
  #last = 0
  readonly #inUse = new Set<number>()
  readonly #resting = new Map<number, MonotonicMs>()

  constructor(restMs: number) {
    this.#restMs = restMs
  }

  take(now: MonotonicMs): number {
    for (const [number, until] of this.#resting) if (until <= now) this.#resting.delete(number)
    for (let step = 1; step <= 256; step++) {
      const number = (this.#last + step) % 256
      if (!this.#inUse.has(number) && !this.#resting.has(number)) return this.#give(number)
    }
    // All rest: the one that has rested longest.
    const [oldest = (this.#last + 1) % 256] = this.#resting.keys()
    this.#resting.delete(oldest)
    return this.#give(oldest)
  }

  /** The request is over. */
  release(number: number, isAnswered: boolean, now: MonotonicMs): void {
    this.#inUse.delete(number)
    // Also an answer may come twice.
    this.#resting.set(number, monotonicMs(now + (isAnswered ? this.#restMs / 36 : this.#restMs)))
  }

  /** Whether an answer with this number may be one that came late or twice. */
  isResting(number: number): boolean {
    return this.#resting.has(number)
  }

  #give(number: number): number {
    this.#last = number
    this.#inUse.add(number)
    return number
  }
}
