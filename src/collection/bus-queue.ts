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

/** The work of one bus that is not yet in its runner's hands. Bounded by the open slots: each waits here once at most. */
export class BusQueue {
  private readonly delayed = new TimeHeap<Waiting>()
  private readonly ready: Readonly<Record<WorkClass, Fifo>>
  private readonly flying: Record<WorkClass, number>
  private downUntil = -Infinity

  constructor() {
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
    return this.delayed.nextAt
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
      const unit = this.ready[work].shift()
      if (unit !== null) return { unit, work }
    }
    return null
  }

  started(work: WorkClass): void {
    this.flying[work]++
  }

  ended(work: WorkClass): void {
    this.flying[work]--
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
}
