import type { MeterAddress, MonotonicMs } from '../model/index.js'
import type { Effect, ExchangeTime, Hindrance, Job, JobResult, Priority, Session, SessionInput } from '../ports/index.js'
import type { QueuedJob } from '../scheduling/index.js'

export type ExchangeEffect = Extract<Effect<unknown>, { kind: 'exchange' }>
/** How a job ends before its session settled. */
export type EarlyEnd = Exclude<JobResult<never>, { kind: 'settled' }>

/** A job as the runner handles it, whatever its outcome's type. */
export interface RunningJob extends QueuedJob {
  /** Its next exchange, or null when it is finished and its caller has been told. */
  readonly effect: ExchangeEffect | null
  /** Since when its present exchange has been waiting. */
  queuedAt: MonotonicMs
  hasSent: boolean
  /** @param hindrance why the bus, which is there, did not carry its exchange */
  feed(input: SessionInput, hindrance?: Hindrance): void
  /** One of its exchanges took so long. */
  spent(time: ExchangeTime): void
  end(result: EarlyEnd): void
  /** Tells its caller of a fault of ours. */
  fail(error: unknown): void
}

/** Where a job's caller is told. */
export interface Caller<T> {
  readonly settle: (result: JobResult<T>) => void
  readonly reject: (error: unknown) => void
}

/** A session that never settles is a fault of its protocol; after so many steps the job fails. */
export const sessionStepsMax = 100_000

/** Steps one session and tells its caller the outcome. */
export class SessionJob<T> implements RunningJob {
  readonly meter: MeterAddress | 'all'
  readonly priority: Priority
  readonly expiresAt: MonotonicMs | null
  queuedAt: MonotonicMs
  hasSent = false
  readonly #caller: Caller<T>
  readonly #onExchange: (time: ExchangeTime) => void
  #session: Session<T>
  #steps = 0
  #hindrance: Hindrance | null = null
  #wasBusDown = false
  #isOver = false

  constructor(job: Job<T>, now: MonotonicMs, caller: Caller<T>) {
    this.meter = job.meter
    this.priority = job.priority
    this.expiresAt = job.expiresAt
    this.queuedAt = now
    this.#caller = caller
    this.#onExchange = job.onExchange ?? (() => {})
    this.#session = job.session
    this.#settleIfDone()
  }

  get effect(): ExchangeEffect | null {
    const { effect } = this.#session
    return this.#isOver || effect.kind === 'settled' ? null : effect
  }

  feed(input: SessionInput, hindrance?: Hindrance): void {
    this.#hindrance = hindrance ?? this.#hindrance
    this.#wasBusDown ||= input.kind === 'bus-down' && hindrance === undefined
    try {
      this.#steps++
      if (this.#steps > sessionStepsMax) throw new Error(`a session has not settled after ${sessionStepsMax} steps`)
      this.#session = this.#session.step(input)
    } catch (error) {
      // A session throws only by a fault of ours: its caller is told by rejection, and the bus goes on for the others.
      return this.fail(error)
    }
    this.#settleIfDone()
  }

  spent(time: ExchangeTime): void {
    this.#onExchange(time)
  }

  end(result: EarlyEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#caller.settle(result)
  }

  fail(error: unknown): void {
    this.#isOver = true
    this.#caller.reject(error)
  }

  #settleIfDone(): void {
    const { effect } = this.#session
    if (effect.kind !== 'settled') return
    this.#isOver = true
    const hindrance = this.#wasBusDown ? null : this.#hindrance
    this.#caller.settle({ kind: 'settled', outcome: effect.outcome, ...(hindrance !== null && { hindrance }) })
  }
}
