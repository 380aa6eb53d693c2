import { monotonicMs, type LinkId, type MeterAddress, type MonotonicMs } from '../model/index.js'
import type {
  Bus,
  Clock,
  ExchangeOutcome,
  ExchangeRequest,
  Job,
  JobResult,
  Random,
  Runner,
  RunnerSnapshot,
  SessionInput,
  Timers,
} from '../ports/index.js'
import { BusQueue, defaultSchedulingPolicy, type ExchangeResult, type SchedulingPolicy } from '../scheduling/index.js'
import { SessionJob, type ExchangeEffect, type RunningJob } from './session-job.js'

export interface BusRunnerOptions {
  readonly link: LinkId
  readonly bus: Bus
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Silence kept before each request. @source DL/T 645-2007: 20 ms is customary */
  readonly quietMs: number
  readonly policy?: SchedulingPolicy
  /** How long an exchange waits for a link that is down before it fails. */
  readonly downGraceMs?: number
}

/** No exchange takes longer: 256 bytes at 600 baud take 5 s, and a device that trickles bytes must not hold the bus. */
export const exchangeMsMax = 10_000
/** Closing waits no longer for the exchange in flight; closing the bus ends it. */
const closeMsMax = 2_500
const downGraceDefaultMs = 5_000
/** A network that has not settled an exchange so long after its deadline hangs. */
const lateMs = 5_000
/** How often waiting jobs are looked through while the link is down. */
const downCheckMs = 1_000

/** Runs sessions on one bus, as many exchanges at a time as it carries. Closing it refuses what waits and lets the exchange in flight end, within 2.5 s. */
export function createBusRunner(options: BusRunnerOptions): Runner {
  return new BusRunner(options)
}

class BusRunner implements Runner {
  readonly link: LinkId
  readonly #options: BusRunnerOptions
  readonly #bus: Bus
  readonly #clock: Clock
  readonly #queue: BusQueue<RunningJob>
  readonly #downGraceMs: number
  /** With the time by which the bus must have settled it. */
  readonly #inFlight = new Map<RunningJob, MonotonicMs>()
  /** The meters of these. */
  readonly #busy = new Set<MeterAddress>()
  /** It is for all meters: it leaves when nothing else is under way, and nothing else leaves before it has. */
  #exclusive: RunningJob | null = null
  #isPumping = false
  #isClosed = false
  #whenIdle: () => void = () => {}
  #whenTurned: (() => void)[] = []
  #timerAt: MonotonicMs | null = null
  #cancelTimer: () => void = () => {}
  #counts = { exchanges: 0, replies: 0, silent: 0, garbled: 0, busyMs: 0, probeMs: 0 }

  constructor(options: BusRunnerOptions) {
    this.link = options.link
    this.#options = options
    this.#bus = options.bus
    this.#clock = options.clock
    this.#downGraceMs = options.downGraceMs ?? downGraceDefaultMs
    this.#queue = new BusQueue(options.policy ?? defaultSchedulingPolicy, options.random, options.clock.monotonic())
    options.bus.onState(() => this.#pump())
  }

  run<T>(job: Job<T>): Promise<JobResult<T>> {
    return new Promise((resolve, reject) => {
      const now = this.#clock.monotonic()
      const running = new SessionJob(job, now, { settle: resolve, reject })
      if (running.effect === null) return
      if (this.#isClosed) return running.end({ kind: 'refused' })
      const offer = this.#queue.offer(running, now)
      if (offer.kind !== 'queued') return running.end(offer)
      if (isUrgent(running)) this.#recallFor(running)
      this.#pump()
    })
  }

  get exchangeMsMax(): number | undefined {
    return this.#bus.capabilities.exchangeMsMax
  }

  get replyBytesMax(): number | undefined {
    return this.#bus.capabilities.replyBytesMax
  }

  get concurrency(): number {
    return this.#bus.capabilities.concurrency
  }

  snapshot(): RunnerSnapshot {
    const queued = this.#queue.size + (this.#exclusive === null ? 0 : 1)
    return { link: this.link, up: this.#bus.isUp(), queued, ...this.#counts, silentMeters: this.#queue.silentMeters() }
  }

  turned(): Promise<void> {
    const now = this.#clock.monotonic()
    const isLate = [...this.#inFlight.values()].some((deadline) => now > deadline + lateMs)
    if (this.#inFlight.size === 0 || (this.#bus.network !== undefined && !isLate)) return Promise.resolve()
    return new Promise((resolve) => this.#whenTurned.push(resolve))
  }

  close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer()
    this.#refuseWaiting()
    if (this.#inFlight.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const cancel = this.#options.timers.after(closeMsMax, resolve)
      this.#whenIdle = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Starts whatever may start now; called after each exchange, each new job, each change of the link, and at the wake-up time. */
  #pump(): void {
    const now = this.#clock.monotonic()
    for (const job of this.#queue.takeExpired(now)) job.end({ kind: 'expired', sent: job.hasSent })
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#hasRoom() && !this.#isClosed && this.#turn(now));
    this.#isPumping = false
    const { soonestExpiry } = this.#queue
    if (soonestExpiry !== null) this.#wakeAt(soonestExpiry)
  }

  /** What waits in a module makes way for something urgent: that of its meter and, where there is no room, all that is not urgent itself. */
  #recallFor({ meter }: RunningJob): void {
    const { network } = this.#bus
    if (meter !== 'all') network?.recall?.(meter)
    if (this.#hasRoom()) return
    for (const other of this.#inFlight.keys()) if (other.meter !== 'all' && !isUrgent(other)) network?.recall?.(other.meter)
  }

  #hasRoom(): boolean {
    if (this.#inFlight.size === 0) return true
    const isAlone = [...this.#inFlight.keys()].some(({ meter }) => meter === 'all')
    return !isAlone && this.#exclusive === null && this.#inFlight.size < this.concurrency
  }

  /** @returns whether there may be more to do now */
  #turn(now: MonotonicMs): boolean {
    if (!this.#bus.isUp()) return this.#waitForLink(now)
    if (this.#exclusive !== null) return this.#runAlone(this.#exclusive, now)
    const decision = this.#queue.next(now, this.#busy)
    switch (decision.kind) {
      case 'run':
        if (decision.job.meter === 'all' && this.#inFlight.size > 0) this.#exclusive = decision.job
        else this.#exchange(decision.job, now)
        return true
      case 'hold':
        hold(decision.job, decision.nextProbe)
        return true
      case 'idle':
        if (decision.wakeAt !== null) this.#wakeAt(decision.wakeAt)
        return false
    }
  }

  /** What is for all meters is often the time: too late, it is wrong. */
  #runAlone(job: RunningJob, now: MonotonicMs): boolean {
    this.#exclusive = null
    if (job.expiresAt !== null && job.expiresAt <= now) job.end({ kind: 'expired', sent: job.hasSent })
    else this.#exchange(job, now)
    return true
  }

  /** The link may be back soon, so nothing fails before its grace is over. */
  #waitForLink(now: MonotonicMs): boolean {
    if (this.#exclusive !== null) this.#queue.requeue(this.#exclusive)
    this.#exclusive = null
    for (const job of this.#queue.take((waiting) => now - waiting.queuedAt >= this.#downGraceMs)) {
      job.feed({ kind: 'bus-down', sent: false })
      if (job.effect !== null) this.#requeue(job, now)
    }
    if (this.#queue.size > 0) this.#wakeAt(monotonicMs(now + downCheckMs))
    return false
  }

  #exchange(job: RunningJob, now: MonotonicMs): void {
    const { effect } = job
    if (effect === null) return
    if (job.meter !== 'all') this.#busy.add(job.meter)
    const deadline = monotonicMs(now + (this.#bus.capabilities.exchangeMsMax ?? exchangeMsMax))
    this.#inFlight.set(job, deadline)
    const request = this.#request(job, effect)
    this.#bus.exchange(request, deadline).then(
      (outcome) => this.#ended(job, { request, outcome }, now),
      // A bus never rejects; if one does, the fault is ours and the caller is to know.
      (error: unknown) => {
        this.#leave(job)
        job.fail(error)
        this.#pump()
      },
    )
  }

  /** Nothing of the job is under way any more, so others may ask its meter. */
  #leave(job: RunningJob): void {
    this.#inFlight.delete(job)
    if (job.meter === 'all') return
    this.#busy.delete(job.meter)
    this.#queue.free(job.meter)
  }

  #request(job: RunningJob, effect: ExchangeEffect): ExchangeRequest {
    const { to, bytes, reply, isWrite, isTimed = false } = effect
    // What a write shows is said by its protocol; where it says nothing, nothing is shown.
    const traced = effect.traced ?? (isWrite ? new Uint8Array(0) : bytes)
    const firstByteMs = this.#queue.firstByteMs(job, isWrite)
    const { framesAtOnce = 1 } = this.#bus.capabilities
    const along = framesAtOnce > 1 && !isWrite && !isTimed ? readsAhead(effect).slice(0, framesAtOnce - 1) : []
    return {
      to,
      bytes,
      ...(along.length > 0 && { along }),
      reply,
      quietMs: this.#options.quietMs,
      firstByteMs,
      isUrgent: isUrgent(job) || isTimed,
      ...(isWrite ? { isWrite } : {}),
      // A frame that is shown as it is has nothing to hide.
      ...(traced === bytes ? {} : { traced }),
    }
  }

  #ended(job: RunningJob, { request, outcome }: Ended, startedAt: MonotonicMs): void {
    const now = this.#clock.monotonic()
    this.#inFlight.delete(job)
    for (const turned of this.#whenTurned.splice(0)) turned()
    if (outcome.kind !== 'bus-down' || outcome.sent) {
      job.hasSent = true
      this.#count(job, outcome, now - startedAt, now)
    }
    if (outcome.kind === 'bus-down' && !outcome.sent && (outcome.code === recalledCode || !this.#bus.isUp())) {
      // It never left: it made way for something urgent, or the link may be back within the grace.
      this.#queue.requeue(job)
    } else {
      job.feed(sessionInput(outcome), outcome.kind === 'bus-down' ? outcome.hindrance : undefined)
      if (outcome.kind === 'reply') feedAlong(job, request.along ?? [], outcome.along ?? [])
      this.#goOn(job, now)
    }
    if (!this.#inFlight.has(job)) this.#leave(job)
    if (this.#isClosed) return this.#finishClosing()
    this.#pump()
  }

  /** A job's next exchange: a chain holds the bus unless something more urgent waits; all else queues anew. */
  #goOn(job: RunningJob, now: MonotonicMs): void {
    const { effect } = job
    if (effect === null) return
    const isInTime = job.expiresAt === null || now < job.expiresAt
    if (!effect.holdsBus || !isInTime || this.#isClosed || this.#queue.isHeld(job) || !this.#bus.isUp())
      return this.#requeue(job, now)
    if (!this.#queue.hasMoreUrgent(job)) return this.#exchange(job, now)
    job.feed({ kind: 'yielded' })
    if (job.effect !== null) this.#requeue(job, now)
  }

  #requeue(job: RunningJob, now: MonotonicMs): void {
    job.queuedAt = now
    this.#queue.requeue(job)
  }

  #count(job: RunningJob, outcome: ExchangeOutcome, tookMs: number, now: MonotonicMs): void {
    const counts = this.#counts
    // Of a bus that carries several at a time an exchange takes its share.
    const spentMs = tookMs / Math.max(1, this.concurrency)
    counts.exchanges++
    counts.busyMs += spentMs
    job.spent({ busMs: spentMs, tookMs: outcome.kind === 'reply' ? outcome.totalMs : tookMs })
    if (outcome.kind === 'reply') counts.replies++
    if (outcome.kind === 'silent') counts.silent++
    if (outcome.kind === 'garbled') counts.garbled++
    if (this.#queue.report(job, healthResult(outcome), spentMs, now)) counts.probeMs += spentMs
  }

  /** One timer; it is set anew only when it must fire earlier, and looks again when it fires. */
  #wakeAt(at: MonotonicMs): void {
    if (this.#isClosed || (this.#timerAt !== null && this.#timerAt <= at)) return
    this.#cancelTimer()
    this.#timerAt = at
    this.#cancelTimer = this.#options.timers.after(Math.max(0, at - this.#clock.monotonic()), () => {
      this.#timerAt = null
      this.#pump()
    })
  }

  #finishClosing(): void {
    this.#refuseWaiting()
    if (this.#inFlight.size === 0) this.#whenIdle()
  }

  #refuseWaiting(): void {
    for (const job of this.#queue.take(() => true)) endUnfinished(job)
    if (this.#exclusive !== null) endUnfinished(this.#exclusive)
    this.#exclusive = null
  }
}

interface Ended {
  readonly request: ExchangeRequest
  readonly outcome: ExchangeOutcome
}
type Along = NonNullable<ExchangeRequest['along']>

/** What may travel with an exchange. */
function readsAhead({ ahead }: ExchangeEffect): Along {
  return (ahead?.() ?? []).flatMap(({ bytes, reply }) => (reply === 'none' ? [] : [{ bytes, reply }]))
}

/** Hands a session the replies to what travelled along, as far as it asks just that. */
function feedAlong(job: RunningJob, asked: Along, replies: readonly (Uint8Array | null)[]): void {
  for (const [index, { bytes }] of asked.entries()) {
    const { effect } = job
    const frame = replies[index] ?? null
    // A dialogue with the meter has begun, and was interrupted by what travelled behind.
    if (effect?.holdsBus === true) return job.feed({ kind: 'yielded' })
    if (effect === null || frame === null || !sameBytes(effect.bytes, bytes)) return
    job.feed({ kind: 'reply', frame })
  }
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index])

/** How a medium gives back an exchange that made way for a more urgent one. */
const recalledCode = 'recalled'
const isUrgent = ({ priority }: RunningJob): boolean => priority === 'relay' || priority === 'live-call'

const endUnfinished = (job: RunningJob): void => job.end(job.hasSent ? { kind: 'expired', sent: true } : { kind: 'refused' })

/** A job of a silent meter: not begun, it is held; begun, the rest of it is spared the wait for replies that will not come. */
function hold(job: RunningJob, nextProbe: MonotonicMs): void {
  if (!job.hasSent) return job.end({ kind: 'held', nextProbe })
  for (let { effect } = job; effect !== null; { effect } = job)
    job.feed(effect.isWrite || effect.reply === 'none' ? { kind: 'bus-down', sent: false } : { kind: 'silent' })
}

function sessionInput(outcome: ExchangeOutcome): SessionInput {
  switch (outcome.kind) {
    case 'reply':
      return { kind: 'reply', frame: outcome.frame }
    case 'bus-down':
      return { kind: 'bus-down', sent: outcome.sent }
    case 'sent':
    case 'silent':
    case 'garbled':
      return outcome
  }
}

function healthResult(outcome: ExchangeOutcome): ExchangeResult {
  switch (outcome.kind) {
    case 'reply':
      return { kind: 'replied', firstByteMs: outcome.firstByteMs }
    case 'silent':
    case 'garbled':
      return { kind: 'failed' }
    case 'sent':
    case 'bus-down':
      return { kind: 'neither' }
  }
}
