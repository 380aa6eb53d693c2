import { BackfillBudget } from './backfill.js'
import { TimeHeap } from './heap.js'
import type { Slot, SlotOwner } from './slots.js'

/** What waits for a bus: a live read of one slot, or one question to a meter's memory. */
export type Unit = { readonly kind: 'live'; readonly slot: Slot } | { readonly kind: 'memory'; readonly owner: SlotOwner }

/** Classes of waiting work, most urgent first; each is a priority of the runner. */
export const workClasses = ['threshold-watch', 'freeze', 'curve', 'backfill', 'clock-care'] as const
export type WorkClass = (typeof workClasses)[number]

/** Jobs of one class handed to the runner of a bus that carries one exchange at a time: enough that it never idles, few enough that nothing is planned stale. */
export const JOBS_IN_FLIGHT_MAX: Readonly<Record<WorkClass, number>> = {
  'threshold-watch': 4,
  freeze: 3,
  curve: 3,
  backfill: 2,
  'clock-care': 1,
}

export interface Waiting {
  readonly unit: Unit
  readonly work: WorkClass
}

/** How a bus shares its back-fill. */
export interface BackfillOptions {
  /** What a question to a meter's memory is worth per second of the bus: the highest goes first. */
  readonly worthOf: (unit: Unit, now: number) => number
  /** Of each hour of the bus, at most. */
  readonly share: number
}

/** Back-fill that is compared before one is taken: beyond it what came first goes first. */
export const BACKFILL_COMPARED_MAX = 256

/** The work of one bus that is not yet in its runner's hands. Bounded by the open slots: each waits here once at most. */
export class BusQueue {
  private readonly delayed = new TimeHeap<Waiting>()
  private readonly ready: Readonly<Record<WorkClass, Fifo>>
  private readonly flying: Record<WorkClass, number>
  private readonly worth: BackfillOptions['worthOf']
  private readonly budget: BackfillBudget
  private downUntil = -Infinity

  constructor({ worthOf, share }: BackfillOptions = { worthOf: () => 0, share: 1 }) {
    this.worth = worthOf
    this.budget = new BackfillBudget(share)
    this.ready = {
      'threshold-watch': new Fifo(),
      freeze: new Fifo(),
      curve: new Fifo(),
      backfill: new Fifo(),
      'clock-care': new Fifo(),
    }
    this.flying = { 'threshold-watch': 0, freeze: 0, curve: 0, backfill: 0, 'clock-care': 0 }
  }

  /** When something may start that waits for time alone; null: nothing waits for time. */
  nextAt(now: number): number | null {
    if (now < this.downUntil) return this.size > 0 ? this.downUntil : null
    const due = this.delayed.nextAt
    if (this.ready.backfill.size === 0) return due
    const affordable = this.budget.affordableAt(now)
    return affordable <= now ? due : Math.min(affordable, due ?? Infinity)
  }

  get size(): number {
    return workClasses.reduce((sum, work) => sum + this.ready[work].size, this.delayed.size)
  }

  isDown(now: number): boolean {
    return now < this.downUntil
  }

  /** The bus was found down: nothing is started on it before `until`. */
  pauseUntil(until: number): void {
    this.downUntil = until
  }

  /** @param notBefore monotonic; work whose time has come is taken in order of class, then of arrival */
  push(unit: Unit, work: WorkClass, notBefore: number): void {
    this.delayed.push(notBefore, { unit, work })
  }

  /**
   * The next unit that may start now; the caller starts it, or drops it when it is no longer wanted.
   *
   * @param concurrency exchanges that the bus carries at a time: one job more for each, so that none of its places stands empty
   */
  pop(now: number, concurrency = 1): Waiting | null {
    if (this.isDown(now)) return null
    for (let due = this.delayed.popUntil(now); due !== null; due = this.delayed.popUntil(now)) this.ready[due.work].push(due.unit)
    for (const work of workClasses) {
      if (this.flying[work] >= JOBS_IN_FLIGHT_MAX[work] + concurrency - 1) continue
      const unit = work === 'backfill' ? this.bestBackfill(now) : this.ready[work].shift()
      if (unit !== null) return { unit, work }
    }
    return null
  }

  started(work: WorkClass): void {
    this.flying[work]++
  }

  /** @param busMs what it took of the bus's time */
  ended(work: WorkClass, now = 0, busMs = 0): void {
    this.flying[work]--
    if (work === 'backfill' && busMs > 0) this.budget.spend(busMs, now)
  }

  /** What is worth most, while the hour's budget lasts. */
  private bestBackfill(now: number): Unit | null {
    if (this.ready.backfill.size === 0 || this.budget.affordableAt(now) > now) return null
    return this.ready.backfill.takeBest((unit) => this.worth(unit, now), BACKFILL_COMPARED_MAX)
  }
}

/** Taken items are cut off in blocks, so that a take does not move the rest. */
const FIFO_SLACK = 1024

class Fifo {
  private items: Unit[] = []
  private head = 0

  get size(): number {
    return this.items.length - this.head
  }

  push(unit: Unit): void {
    this.items.push(unit)
  }

  shift(): Unit | null {
    const unit = this.items[this.head]
    if (unit === undefined) return null
    this.head++
    if (this.head === this.items.length || this.head > FIFO_SLACK) {
      this.items = this.items.slice(this.head)
      this.head = 0
    }
    return unit
  }

  /** Takes the one of the first `comparedMax` that is worth most; of equals the one that came first. */
  takeBest(worthOf: (unit: Unit) => number, comparedMax: number): Unit | null {
    let best = this.head
    let bestWorth = -Infinity
    const end = Math.min(this.items.length, this.head + comparedMax)
    for (const [offset, unit] of this.items.slice(this.head, end).entries()) {
      const worth = worthOf(unit)
      if (worth <= bestWorth) continue
      best = this.head + offset
      bestWorth = worth
    }
    const [unit = null] = this.items.splice(best, 1)
    return unit
  }
}
