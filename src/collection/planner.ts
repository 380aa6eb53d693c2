import type { EpochMs, ItemSource, LinkId, MeterAddress, MeterId, MonotonicMs, ValuePart } from '../model/index.js'
import { dayMs, monotonicMs, startOfLocalDay, toLocal } from '../model/index.js'
import type { ReadPlan, RegisterRequest } from '../ports/index.js'
import type { WorkClass } from './bus-queue.js'
import { blockAbility } from './capabilities.js'
import type { Now } from './now.js'
import type { CollectionSettings } from './settings.js'
import type { PlannedItem } from './site-plan.js'
import type { Channel, Slot, SlotOwner } from './slots.js'
import { channelOf, isFreezeKind, monthsBetween, putDoubt, recordOf } from './slots.js'

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
  | {
      readonly kind: 'freeze'
      readonly owner: SlotOwner
      readonly wanted: readonly WantedFreeze[]
      /** Time and value of a freeze are two questions: when the first could be put at the earliest. */
      readonly plannedAt: EpochMs
    }
  | { readonly kind: 'record'; readonly owner: SlotOwner; readonly wanted: readonly WantedRecords[] }

export interface AskedItem {
  readonly index: number
  readonly item: PlannedItem
  readonly position: number
  /** It is read as a part of a block: which values of that are its own. */
  readonly part?: ValuePart
}

export interface WantedFreeze {
  readonly slot: Slot
  readonly shift: number
  readonly items: readonly AskedFreeze[]
}

/** An item's freeze: the nth back of the meter's daily or monthly ones, and where its time is answered. */
export interface AskedFreeze extends AskedItem {
  readonly channel: 'freeze' | 'month'
  readonly nth: number
  readonly timePosition: number
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
  /** What this meter is known to refuse. */
  readonly refuses: (ability: string) => boolean
}

/**
 * A live read of all that the slot still lacks, the billing item last: its answer is nearest to the moment of the point. Items of
 * one block are read as the block, from two registers on, unless the meter refuses it.
 */
export function planLive(slot: Slot, work: WorkClass, context: PlanContext): Work | null {
  const registers = new Registers()
  const wanted = [...slot.owner.plan.items.entries()].filter(
    ([index]) => channelOf(slot, index, context.now, context.utcOffsetMinutes) === 'live',
  )
  if (wanted.length === 0) return null
  const blocks = blocksOf(wanted.map(([, item]) => item.source))
  const asked = wanted
    .sort(([, a], [, b]) => Number(a.billing) - Number(b.billing))
    .map(([index, item]): AskedItem => {
      const { block, register } = item.source
      if (block === undefined || !blocks.has(block.register) || context.refuses(blockAbility(block.register)))
        return { index, item, position: registers.add({ register }) }
      return { index, item, position: registers.add({ register: block.register }), part: block }
    })
  return workOf(slot.owner, { work, registers, expiresAt: slot.liveUntil, asks: { kind: 'live', slot, items: asked }, context })
}

/** The blocks that would stand for two registers or more. */
function blocksOf(sources: readonly ItemSource[]): ReadonlySet<string> {
  const blocks = new Map<string, Set<string>>()
  for (const { block, register } of sources) {
    if (block !== undefined) blocks.set(block.register, (blocks.get(block.register) ?? new Set()).add(register))
  }
  return new Set([...blocks].flatMap(([block, registers]) => (registers.size < 2 ? [] : [block])))
}

/**
 * A question to the meter's own memory for as many of its open slots as one job may hold; null: nothing can be asked now. Where
 * some want freezes and some records, records go first: one question brings many.
 */
export function planMemory(owner: SlotOwner, work: WorkClass, context: PlanContext): MemoryWork | null {
  const wanting = owner.open.filter((slot) => memoryIndexes(slot, context).length > 0)
  if (context.meterClockWrong) {
    for (const slot of wanting) {
      for (const { index, channel } of memoryIndexes(slot, context))
        putDoubt(slot, index, { reason: 'clock-wrong', exhausted: channel })
    }
    return null
  }
  const quiet =
    isFreezeKind(owner.plan.task.kind) && freezeQuiet(context.now, context.utcOffsetMinutes, context.settings.freezeQuietMs)
  if (quiet) return null
  const recorded = wanting.filter((slot) => memoryIndexes(slot, context).some(({ channel }) => channel === 'record'))
  const [first] = recorded
  if (first === undefined) return planFreeze(owner, work, wanting, context)
  return planRecords(owner, work, { first, wanting: recorded }, context)
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
  const registers = new Registers()
  const wanted: WantedFreeze[] = []
  for (const slot of wanting.slice(-settings.freezesPerJobMax).reverse()) {
    const items = freezesOf(slot, registers, context)
    if (items.length > 0) wanted.push({ slot, shift: slot.search?.shift ?? 0, items })
  }
  if (wanted.length === 0) return null
  const untilMidnightMs = startOfLocalDay(now.wall, utcOffsetMinutes) + dayMs - now.wall
  const expiresAt = monotonicMs(now.monotonic + untilMidnightMs)
  return workOf(owner, { work, registers, expiresAt, asks: { kind: 'freeze', owner, wanted, plannedAt: now.wall }, context })
}

/** Where the meter's freezes of a slot's instant should stand; those beyond what it keeps are given up. */
function freezesOf(slot: Slot, registers: Registers, context: PlanContext): readonly AskedFreeze[] {
  const { now, utcOffsetMinutes } = context
  const today = startOfLocalDay(now.wall, utcOffsetMinutes)
  const monthsBack = 1 + monthsBetween(slot.at, now.wall, utcOffsetMinutes)
  const items: AskedFreeze[] = []
  for (const { index, channel, item } of memoryIndexes(slot, context)) {
    const { dailyFreeze, monthlyFreeze } = item.source
    const ask = (value: string, time: string, nth: number, way: AskedFreeze['channel']): void => {
      const timePosition = registers.add({ register: time })
      const position = registers.add({ register: nthFreezeRegister(value, nth) })
      items.push({ index, item, channel: way, nth, timePosition, position })
    }
    if (channel === 'month' && monthlyFreeze !== undefined) {
      const time = 'day' in monthlyFreeze ? monthlyFreeze.day : nthFreezeRegister(monthlyFreeze.time, monthsBack)
      ask(monthlyFreeze.value, time, monthsBack, channel)
    }
    if (channel !== 'freeze' || dailyFreeze === undefined) continue
    const nth = Math.max(1, 1 + Math.round((today - slot.at) / dayMs) + (slot.search?.shift ?? 0))
    if (nth <= dailyFreeze.depthDays) ask(dailyFreeze.value, nthFreezeRegister(dailyFreeze.time, nth), nth, channel)
    else putDoubt(slot, index, { reason: 'not-kept', exhausted: 'freeze' })
  }
  return items
}

/** A hole this wide between two slots is not read across: the records in between would cost the bus for nothing. */
const RECORDS_SKIPPED_MAX = 4

function planRecords(
  owner: SlotOwner,
  work: WorkClass,
  { first, wanting }: { readonly first: Slot; readonly wanting: readonly Slot[] },
  context: PlanContext,
): MemoryWork {
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
    const record = recordOf(owner.plan.task.kind, item.source)
    const isWanted = slots.some((slot) =>
      memoryIndexes(slot, context).some((one) => one.index === index && one.channel === 'record'),
    )
    if (record === undefined || !isWanted) continue
    const position = registers.add({ register: record.register, from, count })
    byPosition.set(position, [...(byPosition.get(position) ?? []), { index, item, from: record.from, count: record.count }])
  }
  const wanted = [...byPosition].map(([position, items]) => ({ position, items, slots }))
  const expiresAt = monotonicMs(Math.max(...slots.map((slot) => slot.closesAt)))
  return workOf(owner, { work, registers, expiresAt, asks: { kind: 'record', owner, wanted }, context })
}

/** Items of a slot that the meter's own memory is asked for. */
function memoryIndexes(
  slot: Slot,
  { now, utcOffsetMinutes }: PlanContext,
): readonly { readonly index: number; readonly item: PlannedItem; readonly channel: Exclude<Channel, 'live'> }[] {
  return [...slot.owner.plan.items.entries()].flatMap(([index, item]) => {
    const channel = channelOf(slot, index, now, utcOffsetMinutes)
    return channel === null || channel === 'live' ? [] : [{ index, item, channel }]
  })
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
