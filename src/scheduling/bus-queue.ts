import { monotonicMs, type MeterAddress, type MonotonicMs } from '../model/index.js'
import type { Priority, Random } from '../ports/index.js'
import { JobFifo } from './job-fifo.js'
import { meterFailed, meterReplied, unknownMeter, type MeterHealth } from './meter-health.js'
import type { SchedulingPolicy } from './policy.js'
import { affordableAt, withEarned, withSpent, type ProbeBudget } from './probe-budget.js'
import { firstByteDeadlineMs } from './reply-times.js'

/** What the queue must know of a job: one exchange of it waits here at a time. */
export interface QueuedJob {
  readonly meter: MeterAddress | 'all'
  readonly priority: Priority
  readonly expiresAt: MonotonicMs | null
  /** An exchange of it has been on the wire. */
  readonly hasSent: boolean
}

export type Offer =
  { readonly kind: 'queued' } | { readonly kind: 'held'; readonly nextProbe: MonotonicMs } | { readonly kind: 'refused' }

export type Decision<J> =
  | { readonly kind: 'run'; readonly job: J }
  /** Its meter is silent and not to be asked now. */
  | { readonly kind: 'hold'; readonly job: J; readonly nextProbe: MonotonicMs }
  /** Nothing may leave before `wakeAt`, unless a job is offered. */
  | { readonly kind: 'idle'; readonly wakeAt: MonotonicMs | null }

/** What became of an exchange, as far as the meter's health goes. */
export type ExchangeResult =
  | { readonly kind: 'replied'; readonly firstByteMs: number }
  /** Silent or garbled: time was lost and nothing came of it. */
  | { readonly kind: 'failed' }
  /** Says nothing of the meter: a broadcast, or the bus went down. */
  | { readonly kind: 'neither' }

export interface SilentMeter {
  readonly meter: MeterAddress
  readonly since: MonotonicMs
  readonly nextProbe: MonotonicMs
}

const ranks: Readonly<Record<Priority, number>> = {
  relay: 0,
  'live-call': 1,
  'threshold-watch': 2,
  freeze: 3,
  curve: 4,
  backfill: 5,
  discovery: 6,
  'clock-care': 7,
}
const firstUnhurriedRank = 2
/** Relay orders and live calls: somebody wants to know now, so a silent meter is asked all the same. */
const isUrgent = (job: QueuedJob): boolean => ranks[job.priority] < firstUnhurriedRank

/** Jobs of a silent meter whose probe is due; they wait until the budget affords it. */
interface Probe<J> {
  readonly dueAt: MonotonicMs
  readonly jobs: readonly [J, ...J[]]
}
const noMeters: ReadonlySet<MeterAddress> = new Set()
type Held<J> = Extract<Decision<J>, { kind: 'hold' }>

/**
 * Which exchange a bus carries next: by priority, first come first served within one, silent meters only by probes that the
 * budget affords. No clock and no timer: whoever drives it says what time it is.
 */
export class BusQueue<J extends QueuedJob> {
  readonly #policy: SchedulingPolicy
  readonly #random: Random
  readonly #waiting: Readonly<Record<Priority, JobFifo<J>>>
  /** The same lists, most urgent first. */
  readonly #byRank: readonly JobFifo<J>[]
  readonly #probes = new Map<MeterAddress, Probe<J>>()
  /** What waited for a probe that has just failed. */
  readonly #toHold = new JobFifo<Held<J>>()
  /** Jobs that wait until their meter is free again. */
  readonly #behind = new Map<MeterAddress, readonly J[]>()
  /** The probe that started last: as long as it is under way nobody knows what it costs, and no other may start. */
  #probing: MeterAddress | null = null
  readonly #meters = new Map<MeterAddress, MeterHealth>()
  readonly #silent = new Map<MeterAddress, SilentMeter>()
  #budget: ProbeBudget
  /** No waiting job expires before this. */
  #soonestExpiry: MonotonicMs | null = null
  #size = 0

  constructor(policy: SchedulingPolicy, random: Random, now: MonotonicMs) {
    this.#policy = policy
    this.#random = random
    this.#budget = { creditMs: 0, countedAt: now, probeMs: 0 }
    this.#waiting = {
      relay: new JobFifo(),
      'live-call': new JobFifo(),
      'threshold-watch': new JobFifo(),
      freeze: new JobFifo(),
      curve: new JobFifo(),
      backfill: new JobFifo(),
      discovery: new JobFifo(),
      'clock-care': new JobFifo(),
    }
    this.#byRank = Object.values(this.#waiting)
  }

  /** Jobs that wait. */
  get size(): number {
    return this.#size
  }

  /** A new job. Held at once when its meter is silent and its next probe is not due; refused when the queue is full. */
  offer(job: J, now: MonotonicMs): Offer {
    const { queueMax, urgentReserve } = this.#policy
    if (this.#size >= (isUrgent(job) ? queueMax + urgentReserve : queueMax)) return { kind: 'refused' }
    const silent = this.#silentMeter(job)
    if (silent !== undefined && silent.nextProbe > now) return { kind: 'held', nextProbe: silent.nextProbe }
    this.requeue(job)
    return { kind: 'queued' }
  }

  /** A job's next exchange: it waits again, behind its equals. Never refused, for its place was taken before. */
  requeue(job: J): void {
    this.#size++
    this.#waiting[job.priority].push(job)
    if (job.expiresAt !== null && (this.#soonestExpiry === null || job.expiresAt < this.#soonestExpiry))
      this.#soonestExpiry = job.expiresAt
  }

  /** Takes out the jobs whose time is over. */
  takeExpired(now: MonotonicMs): readonly J[] {
    if (this.#soonestExpiry === null || now < this.#soonestExpiry) return []
    let soonest: MonotonicMs | null = null
    const expired = this.take(({ expiresAt }) => {
      if (expiresAt === null) return false
      if (expiresAt <= now) return true
      if (soonest === null || expiresAt < soonest) soonest = expiresAt
      return false
    })
    this.#soonestExpiry = soonest
    return expired
  }

  /** When `takeExpired` is to be called at the latest. */
  get soonestExpiry(): MonotonicMs | null {
    return this.#soonestExpiry
  }

  /** Takes out all jobs that match, the most urgent first. */
  take(matches: (job: J) => boolean): readonly J[] {
    const taken = this.#byRank.flatMap((fifo) => fifo.take(matches))
    for (const [meter, { dueAt, jobs }] of this.#probes) {
      taken.push(...jobs.filter(matches))
      this.#setProbe(
        meter,
        dueAt,
        jobs.filter((job) => !matches(job)),
      )
    }
    taken.push(...this.#toHold.take(({ job }) => matches(job)).map(({ job }) => job))
    for (const [meter, jobs] of this.#behind) {
      taken.push(...jobs.filter(matches))
      this.#behind.set(
        meter,
        jobs.filter((job) => !matches(job)),
      )
    }
    this.#size -= taken.length
    return taken
  }

  /**
   * What the bus does next. To be asked again after each exchange, each offer, and at `wakeAt`.
   *
   * @param busy meters that are under way and not asked a second time; a bus that carries one exchange has none
   */
  next(now: MonotonicMs, busy: ReadonlySet<MeterAddress> = noMeters): Decision<J> {
    const held = this.#toHold.shift()
    if (held !== undefined) return this.#decided(held)
    for (const [rank, fifo] of this.#byRank.entries()) {
      // Probes come after the urgent and before the rest: they are few, and a meter that came back is to be found in time.
      if (rank === firstUnhurriedRank) {
        const probe = this.#nextProbe(now, busy)
        if (probe !== null) return probe
      }
      for (let job = fifo.shift(); job !== undefined; job = fifo.shift()) {
        const decision = this.#judge(job, now, busy)
        if (decision !== null) return decision
      }
    }
    return { kind: 'idle', wakeAt: this.#wakeAt(busy) }
  }

  /** A meter that was busy is not any more: what waits for it may run. */
  free(meter: MeterAddress | 'all'): void {
    if (meter === 'all') return
    for (const waiting of this.#behind.get(meter) ?? []) this.#waiting[waiting.priority].push(waiting)
    this.#behind.delete(meter)
  }

  /** Whether its meter is silent, so that `next` will not let it run. */
  isHeld(job: QueuedJob): boolean {
    return this.#silentMeter(job) !== undefined
  }

  /** Whether a chain of `job` has to make way. */
  hasMoreUrgent(job: QueuedJob): boolean {
    return this.#byRank.some((fifo, rank) => rank < ranks[job.priority] && fifo.size > 0)
  }

  /**
   * Tells what became of a job's exchange.
   *
   * @returns whether `spentMs` was lost on a meter known to be silent, or on one that is not trusted again yet
   */
  report(job: J, result: ExchangeResult, spentMs: number, now: MonotonicMs): boolean {
    if (job.meter === 'all' || result.kind === 'neither') return false
    const before = this.#meters.get(job.meter) ?? unknownMeter
    if (result.kind === 'replied') {
      this.#setHealth(job.meter, meterReplied(before, result.firstByteMs, this.#policy))
      for (const waiting of this.#unpark(job.meter)) this.#waiting[waiting.priority].push(waiting)
      return false
    }
    // Asked out of turn: the job bears the time, and the next probe stays where it was.
    if (before.name === 'silent' && isUrgent(job)) return false
    this.#budget = { ...this.#budget, probeMs: spentMs }
    const after = meterFailed(before, now, this.#random.next(), this.#policy)
    this.#setHealth(job.meter, after)
    if (after.name === 'silent')
      for (const waiting of this.#unpark(job.meter)) this.#toHold.push({ kind: 'hold', job: waiting, nextProbe: after.nextProbe })
    if (before.name === 'trusted') return false
    this.#budget = withSpent(withEarned(this.#budget, now, this.#policy), spentMs)
    return true
  }

  /** How long the first byte of the next reply may take. */
  firstByteMs(job: QueuedJob, isWrite: boolean): number {
    const { firstByte } = this.#policy
    if (isWrite) return firstByte.writeMs
    const health = job.meter === 'all' ? unknownMeter : (this.#meters.get(job.meter) ?? unknownMeter)
    return health.name === 'trusted' ? firstByteDeadlineMs(health.times, health.failures, firstByte) : firstByte.ceilingMs
  }

  silentMeters(): readonly SilentMeter[] {
    return [...this.#silent.values()]
  }

  /** What to do with a job that was at the head of its list; null when it is put aside until its meter is free or its probe can be afforded. */
  #judge(job: J, now: MonotonicMs, busy: ReadonlySet<MeterAddress>): Decision<J> | null {
    if (job.meter !== 'all' && busy.has(job.meter)) {
      this.#behind.set(job.meter, [...(this.#behind.get(job.meter) ?? []), job])
      return null
    }
    const silent = this.#silentMeter(job)
    if (silent === undefined) return this.#decided({ kind: 'run', job })
    if (job.hasSent || silent.nextProbe > now) return this.#decided({ kind: 'hold', job, nextProbe: silent.nextProbe })
    const parked = this.#probes.get(silent.meter)
    this.#probes.set(silent.meter, { dueAt: silent.nextProbe, jobs: parked === undefined ? [job] : [...parked.jobs, job] })
    return this.#nextProbe(now, busy)
  }

  /** The probe that has been due for longest, if there is one and the budget affords it. */
  #nextProbe(now: MonotonicMs, busy: ReadonlySet<MeterAddress>): Decision<J> | null {
    let longestDue: readonly [MeterAddress, Probe<J>] | null = null
    for (const probe of this.#probes) {
      if (busy.has(probe[0])) continue
      if (longestDue === null || probe[1].dueAt < longestDue[1].dueAt) longestDue = probe
    }
    if (longestDue === null || (this.#probing !== null && busy.has(this.#probing))) return null
    this.#budget = withEarned(this.#budget, now, this.#policy)
    if (affordableAt(this.#budget, this.#policy) > now) return null
    const [meter, { dueAt, jobs }] = longestDue
    const [job, ...others] = jobs
    this.#setProbe(meter, dueAt, others)
    this.#probing = meter
    return this.#decided({ kind: 'run', job })
  }

  #setProbe(meter: MeterAddress, dueAt: MonotonicMs, jobs: readonly J[]): void {
    const [first, ...others] = jobs
    if (first === undefined) this.#probes.delete(meter)
    else this.#probes.set(meter, { dueAt, jobs: [first, ...others] })
  }

  #decided(decision: Decision<J>): Decision<J> {
    this.#size--
    return decision
  }

  /** A probe whose turn only waits for the end of an exchange needs no time of its own: whoever drives asks again then. */
  #wakeAt(busy: ReadonlySet<MeterAddress>): MonotonicMs | null {
    const isProbing = this.#probing !== null && busy.has(this.#probing)
    if (isProbing || [...this.#probes.keys()].every((meter) => busy.has(meter))) return this.#soonestExpiry
    const probeAt = affordableAt(this.#budget, this.#policy)
    return this.#soonestExpiry === null ? probeAt : monotonicMs(Math.min(probeAt, this.#soonestExpiry))
  }

  #silentMeter(job: QueuedJob): SilentMeter | undefined {
    return job.meter === 'all' || isUrgent(job) ? undefined : this.#silent.get(job.meter)
  }

  #setHealth(meter: MeterAddress, health: MeterHealth): void {
    this.#meters.set(meter, health)
    if (health.name === 'silent') this.#silent.set(meter, { meter, since: health.since, nextProbe: health.nextProbe })
    else this.#silent.delete(meter)
    if (this.#meters.size <= this.#policy.metersMax) return
    const [oldest = meter] = this.#meters.keys()
    this.#meters.delete(oldest)
    this.#silent.delete(oldest)
  }

  #unpark(meter: MeterAddress): readonly J[] {
    const parked = this.#probes.get(meter)
    this.#probes.delete(meter)
    return parked === undefined ? [] : parked.jobs
  }
}
