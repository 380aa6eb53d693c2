import { epochMs, monotonicMs, type EpochMs, type MonotonicMs } from '../../src/model/index.js'
import type { Clock, Timers } from '../../src/ports/index.js'
import { TimerHeap } from './timer-heap.js'

/** Timers that may fire at one and the same instant before it is taken for a loop that never lets time pass. */
export const sameInstantTimersMax = 100_000

export interface VirtualTimeOptions {
  /** The wall clock at monotonic 0. */
  readonly wallStart: EpochMs
  /** Whether the wall clock is trusted at the start; default true. */
  readonly trusted?: boolean
  /** Identity of the boot; default `boot-1`. */
  readonly boot?: string
}

/**
 * Clock and timers that pass only when told. Both faces are kept in whole microseconds, so the same calls give the same
 * instants on every run. Between two timers all promise chains run to their end, however deep.
 *
 * What waits for a real thread, file or socket is outside virtual time and must not be awaited by what runs in it.
 */
export class VirtualTime implements Clock, Timers {
  boot: string
  readonly #heap = new TimerHeap()
  #nowUs = 0
  #wallBaseMs: number
  #trusted: boolean
  #running = false
  #fired = 0

  constructor(options: VirtualTimeOptions) {
    this.#wallBaseMs = options.wallStart
    this.#trusted = options.trusted ?? true
    this.boot = options.boot ?? 'boot-1'
  }

  monotonic(): MonotonicMs {
    return monotonicMs(this.#nowUs / 1000)
  }

  wall(): { readonly at: EpochMs; readonly trusted: boolean } {
    return { at: this.#wallAt(), trusted: this.#trusted }
  }

  /** Fires at the next whole microsecond that is not before `delayMs` from now. */
  after(delayMs: number, fire: () => void): () => void {
    const delayUs = delayMs > 0 ? Math.ceil(delayMs * 1000) : 0
    return this.#heap.push(this.#nowUs + delayUs, fire)
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#heap.size
  }

  /** Timers fired since the start. */
  get fired(): number {
    return this.#fired
  }

  /** Moves the wall clock alone: NTP, a technician, an empty battery. */
  stepWall(deltaMs: number): void {
    this.#wallBaseMs = epochMs(this.#wallBaseMs + deltaMs)
  }

  setWall(at: EpochMs): void {
    this.stepWall(at - this.#wallAt())
  }

  setTrusted(trusted: boolean): void {
    this.#trusted = trusted
  }

  /** Lets `durationMs` pass, firing what falls due in order of time and, at one instant, of setting. */
  async runFor(durationMs: number): Promise<void> {
    await this.#run(this.#nowUs + Math.ceil(durationMs * 1000), () => false)
  }

  /** Lets time pass until the wall clock shows `at`, also across steps of it; nothing when it already does. */
  async runUntilWall(at: EpochMs): Promise<void> {
    while (this.#wallAt() < at) await this.runFor(at - this.#wallAt())
  }

  /**
   * Lets time pass until `reached` holds, asked after each timer and what follows from it.
   *
   * @returns false when `limitMs` passed without it
   */
  async runUntil(reached: () => boolean, limitMs: number): Promise<boolean> {
    return await this.#run(this.#nowUs + Math.ceil(limitMs * 1000), reached)
  }

  /** Lets promise chains run to their end without letting time pass. */
  async settle(): Promise<void> {
    await drained()
  }

  async #run(untilUs: number, reached: () => boolean): Promise<boolean> {
    if (this.#running) throw new Error('virtual time already runs: let one caller drive it')
    this.#running = true
    try {
      await drained()
      let atSameInstant = 0
      while (!reached()) {
        const due = this.#heap.peek()
        if (due === null || due > untilUs) {
          this.#nowUs = Math.max(this.#nowUs, untilUs)
          return false
        }
        atSameInstant = due > this.#nowUs ? 0 : atSameInstant + 1
        if (atSameInstant > sameInstantTimersMax)
          throw new Error(`time stands still: ${atSameInstant} timers at ${due / 1000} ms`)
        this.#nowUs = Math.max(this.#nowUs, due)
        this.#fired++
        this.#heap.pop()?.()
        await drained()
      }
      return true
    } finally {
      this.#running = false
    }
  }

  #wallAt(): EpochMs {
    return epochMs(this.#wallBaseMs + Math.floor(this.#nowUs / 1000))
  }
}

/** An immediate runs only after every promise job and next-tick, also those made meanwhile: counting awaits would not do. */
function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
