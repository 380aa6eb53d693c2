import type { LinkId, MeterAddress, MeterId, MonotonicMs } from '../model/index.js'
import { dayMs, monotonicMs, startOfLocalDay, toLocal } from '../model/index.js'
import type { ReadPlan, RegisterRequest } from '../ports/index.js'
import type { WorkClass } from './bus-queue.js'
import type { Now } from './now.js'
import type { CollectionSettings } from './settings.js'
import type { PlannedItem } from './site-plan.js'
import type { Slot, SlotOwner } from './slots.js'
import { channelOf, putDoubt } from './slots.js'

/** One job for a bus: what to read, how urgent, until when, and what its answers stand for. */
export interface Work {
  readonly link: LinkId
  readonly meter: MeterId
  readonly address: MeterAddress
  readonly protocol: string
  readonly plan: ReadPlan
  readonly work: WorkClass
  readonly expiresAt: MonotonicMs
  readonly asks: Asks
}

/** A job for the meter's own memory. */
export type MemoryWork = Work & { readonly asks: MemoryAsks }

/** Positions are those of the plan's registers, which are also those of the outcomes. */
export type Asks = LiveAsks | MemoryAsks
export interface LiveAsks {
  readonly kind: 'live'
  readonly slot: Slot
  readonly items: readonly AskedItem[]
}
export type MemoryAsks =
  | { readonly kind: 'freeze'; readonly owner: SlotOwner; readonly wanted: readonly WantedFreeze[] }
  | { readonly kind: 'record'; readonly owner: SlotOwner; readonly wanted: readonly WantedRecords[] }

export interface AskedItem {
  readonly index: number
  readonly item: PlannedItem
  readonly position: number
}

export interface WantedFreeze {
  readonly slot: Slot
  readonly shift: number
  readonly nth: number
  readonly items: readonly (AskedItem & { readonly timePosition: number })[]
}

export interface WantedRecords {
  readonly position: number
  readonly slots: readonly Slot[]
  /** Items of the class, and which of its values they are. */
  readonly items: readonly { readonly index: number; readonly item: PlannedItem; readonly from: number; readonly count: number }[]
}

export interface PlanContext {
  readonly now: Now
  readonly utcOffsetMinutes: number
  readonly settings: CollectionSettings
  /** The meter's clock is so wrong that its history belongs to other instants. */
  readonly meterClockWrong: boolean
}

/** A live read of all that the slot still lacks, the billing item last: its answer is nearest to the moment of the point. */
export function planLive(slot: Slot, work: WorkClass, context: PlanContext): Work | null {
  const registers = new Registers()
  const billingLast = [...slot.owner.plan.items.entries()].sort(([, a], [, b]) => Number(a.billing) - Number(b.billing))
  const asked: AskedItem[] = []
  for (const [index, item] of billingLast) {
    if (channelOf(slot, index, context.now, context.utcOffsetMinutes) !== 'live') continue
    asked.push({ index, item, position: registers.add({ register: item.source.register }) })
  }
  if (asked.length === 0) return null
  return workOf(slot.owner, { work, registers, expiresAt: slot.liveUntil, asks: { kind: 'live', slot, items: asked }, context })
}

/** A question to the meter's own memory for as many of its open slots as one job may hold; null: nothing can be asked now. */
export function planMemory(owner: SlotOwner, work: WorkClass, context: PlanContext): MemoryWork | null {
  const channel = owner.plan.task.kind === 'daily-freeze' ? 'freeze' : 'record'
  const wanting = owner.open.filter((slot) => indexesOn(slot, channel, context).length > 0)
  if (context.meterClockWrong) {
    for (const slot of wanting) {
      for (const index of indexesOn(slot, channel, context)) putDoubt(slot, index, { reason: 'clock-wrong', exhausted: channel })
    }
    return null
  }
  return channel === 'freeze' ? planFreeze(owner, work, wanting, context) : planRecords(owner, work, wanting, context)
}

/**
 * The register of the nth freeze back. The profile names the last one; DL/T 645-2007 (8.7) counts back in the last byte.
 *
 * @param register as the profile gives it, ending in two hexadecimal digits for n = 1
 */
export function nthFreezeRegister(register: string, nth: number): string {
  return register.slice(0, -2) + nth.toString(16).toUpperCase().padStart(2, '0')
}

/** How long before the next local midnight freezes are left alone. */
export function freezeQuiet(now: Now, utcOffsetMinutes: number, quietMs: number): boolean {
  return now.wall - startOfLocalDay(now.wall, utcOffsetMinutes) > dayMs - quietMs
}

function planFreeze(owner: SlotOwner, work: WorkClass, wanting: readonly Slot[], context: PlanContext): MemoryWork | null {
  const { now, utcOffsetMinutes, settings } = context
  if (freezeQuiet(now, utcOffsetMinutes, settings.freezeQuietMs)) return null
  const registers = new Registers()
  const today = startOfLocalDay(now.wall, utcOffsetMinutes)
  const wanted: WantedFreeze[] = []
  for (const slot of wanting.slice(-settings.freezesPerJobMax).reverse()) {
    const shift = slot.search?.shift ?? 0
    const nth = Math.max(1, 1 + Math.round((today - slot.at) / dayMs) + shift)
    const items: WantedFreeze['items'][number][] = []
    for (const [index, item] of owner.plan.items.entries()) {
      const freeze = item.source.dailyFreeze
      if (freeze === undefined || channelOf(slot, index, now, utcOffsetMinutes) !== 'freeze') continue
      if (nth > freeze.depthDays) {
        putDoubt(slot, index, { reason: 'not-kept', exhausted: 'freeze' })
        continue
      }
      const timePosition = registers.add({ register: nthFreezeRegister(freeze.time, nth) })
      items.push({ index, item, timePosition, position: registers.add({ register: nthFreezeRegister(freeze.value, nth) }) })
    }
    if (items.length > 0) wanted.push({ slot, shift, nth, items })
  }
  if (wanted.length === 0) return null
  const untilMidnightMs = today + dayMs - now.wall
  const expiresAt = monotonicMs(now.monotonic + untilMidnightMs)
  return workOf(owner, { work, registers, expiresAt, asks: { kind: 'freeze', owner, wanted }, context })
}

/** A hole this wide between two slots is not read across: the records in between would cost the bus for nothing. */
const RECORDS_SKIPPED_MAX = 4

function planRecords(owner: SlotOwner, work: WorkClass, wanting: readonly Slot[], context: PlanContext): MemoryWork | null {
  const [first] = wanting
  if (first === undefined) return null
  const spacingMs = owner.recordSpacingMs
  const slots: Slot[] = []
  let last = first
  for (const slot of wanting) {
    const span = (slot.at - first.at) / spacingMs + 1
    if (span > context.settings.recordsPerJobMax || (slot.at - last.at) / spacingMs > RECORDS_SKIPPED_MAX) break
    slots.push(slot)
    last = slot
  }
  const count = Math.floor((last.at - first.at) / spacingMs) + 1
  const registers = new Registers()
  const from = toLocal(first.at, context.utcOffsetMinutes)
  const byPosition = new Map<number, WantedRecords['items'][number][]>()
  for (const [index, item] of owner.plan.items.entries()) {
    const record = item.source.loadRecord
    if (record === undefined || slots.every((slot) => !indexesOn(slot, 'record', context).includes(index))) continue
    const position = registers.add({ register: record.register, from, count })
    byPosition.set(position, [...(byPosition.get(position) ?? []), { index, item, from: record.from, count: record.count }])
  }
  const wanted = [...byPosition].map(([position, items]) => ({ position, items, slots }))
  const expiresAt = monotonicMs(Math.max(...slots.map((slot) => slot.closesAt)))
  return workOf(owner, { work, registers, expiresAt, asks: { kind: 'record', owner, wanted }, context })
}

function indexesOn(slot: Slot, channel: 'freeze' | 'record', context: PlanContext): number[] {
  const indexes: number[] = []
  for (let index = 0; index < slot.owner.plan.items.length; index++) {
    if (channelOf(slot, index, context.now, context.utcOffsetMinutes) === channel) indexes.push(index)
  }
  return indexes
}

function workOf<A extends Asks>(
  owner: SlotOwner,
  job: {
    readonly work: WorkClass
    readonly registers: Registers
    readonly expiresAt: MonotonicMs
    readonly asks: A
    readonly context: PlanContext
  },
): Work & { readonly asks: A } {
  const { meter } = owner.plan.target
  return {
    link: meter.link,
    meter: meter.id,
    address: meter.address,
    protocol: meter.protocol,
    plan: { address: meter.address, registers: job.registers.list, repeats: job.context.settings.repeats },
    work: job.work,
    expiresAt: job.expiresAt,
    asks: job.asks,
  }
}

/** The registers of a plan, each once: items may share a block. */
class Registers {
  readonly list: RegisterRequest[] = []

  add(request: RegisterRequest): number {
    const known = this.list.findIndex((one) => one.register === request.register)
    return known >= 0 ? known : this.list.push(request) - 1
  }
}
