import type { TaskKind } from '../model/index.js'
import type { CollectionSettings } from './settings.js'
import type { PlannedItem } from './site-plan.js'
import type { SlotOwner } from './slots.js'
import { recordOf } from './slots.js'

/** What one missing value is worth beside the others: bills are made of freezes, and a month's closes an account's period. */
const valueOf: Readonly<Record<TaskKind, number>> = {
  'monthly-freeze': 300,
  'daily-freeze': 100,
  curve: 1,
  instantaneous: 0,
  status: 0,
  clock: 0,
}
/** The item accounts are charged on, against any other. */
const BILLING_FACTOR = 3
/** A record more in one answer, against a request of its own. */
const RECORD_COST_SHARE = 0.2
/** What closes within this is asked for first: later it cannot be had any more. */
const CLOSING_MS = 3_600_000
const CLOSING_FACTOR = 4
/** A meter that failed so often is believed to answer no less likely than this. */
const FAILURES_COUNTED_MAX = 6

/**
 * What the next question to a meter's memory is worth: value per second of the bus, by what it may bring, how likely it brings it
 * and what it costs.
 *
 * @param registerMs what one register costs this bus, as learnt
 */
export function worthOf(owner: SlotOwner, now: number, settings: CollectionSettings, registerMs: number): number {
  const { task, items } = owner.plan
  const [oldest] = owner.open
  if (oldest === undefined) return 0
  const records = items.some((item) => recordOf(task.kind, item.source) !== undefined)
  const slots = Math.min(owner.open.length, records ? settings.recordsPerJobMax : settings.freezesPerJobMax)
  const value = slots * items.reduce((sum, item) => sum + itemValue(task.kind, item), 0)
  const costMs = registerMs * (records ? recordRequests(owner) * (1 + slots * RECORD_COST_SHARE) : slots * (1 + items.length))
  const likelihood = 2 ** -Math.min(owner.memoryFailures, FAILURES_COUNTED_MAX)
  const urgency = oldest.closesAt - now < CLOSING_MS ? CLOSING_FACTOR : 1
  return (value * likelihood * urgency * 1000) / costMs
}

function itemValue(kind: TaskKind, item: PlannedItem): number {
  return valueOf[kind] * (item.billing ? BILLING_FACTOR : 1)
}

function recordRequests({ plan }: SlotOwner): number {
  return new Set(plan.items.map((item) => recordOf(plan.task.kind, item.source)?.register)).size
}

/** Figures for a bus of which nothing is known yet: a read of 2,400 baud. */
const UNKNOWN_REGISTER_MS = 220
const PACE_WEIGHT = 0.1
const PACE_SAMPLES_MIN = 50

/** What a register costs a bus, learnt from what jobs took. */
export class BusPace {
  private ms = UNKNOWN_REGISTER_MS
  private samples = 0

  get registerMs(): number {
    return this.ms
  }

  /** Whether enough was seen to judge a bus by it. */
  get isKnown(): boolean {
    return this.samples >= PACE_SAMPLES_MIN
  }

  /** @param busMs what a job of so many registers took of the bus; a meter that was silent says nothing of it */
  note(busMs: number, registers: number): void {
    if (busMs <= 0 || registers <= 0) return
    const one = busMs / registers
    this.ms = this.samples === 0 ? one : this.ms + (one - this.ms) * PACE_WEIGHT
    this.samples++
  }
}

const HOUR_MS = 3_600_000

/** Bus time for back-fill: a share of each hour, earned first and spent afterwards; what an hour leaves is not carried on. */
export class BackfillBudget {
  private readonly share: number
  private creditMs: number
  private countedAt: number | null = null

  /** @param share of a bus's time, above 0 up to 1 */
  constructor(share: number) {
    this.share = share
    this.creditMs = share * HOUR_MS
  }

  /** When back-fill may start; `now` or before: now. */
  affordableAt(now: number): number {
    this.earn(now)
    return this.creditMs > 0 ? now : now + (1 - this.creditMs) / this.share
  }

  spend(busMs: number, now: number): void {
    this.earn(now)
    this.creditMs -= busMs
  }

  private earn(now: number): void {
    const earned = (now - (this.countedAt ?? now)) * this.share
    this.creditMs = Math.min(this.creditMs + earned, this.share * HOUR_MS)
    this.countedAt = now
  }
}
