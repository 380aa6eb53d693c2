import type { LinkId, MeterId, RegisterValue } from '../model/index.js'
import { startOfLocalDay } from '../model/index.js'
import type { JobResult, ReadOutcome } from '../ports/index.js'
import type { Unit, Waiting, WorkClass } from './bus-queue.js'
import { BusQueue } from './bus-queue.js'
import type { MeterState } from './meter-state.js'
import { judgeReading } from './meter-state.js'
import type { Now } from './now.js'
import type { Asks, LiveAsks, MemoryAsks, PlanContext, Work } from './planner.js'
import { planLive, planMemory } from './planner.js'
import type { Asked, Finding, SettleContext } from './settlement.js'
import { failAll, settleFreeze, settleLive, settleRecords } from './settlement.js'
import type { CollectionSettings } from './settings.js'
import type { SlotBook } from './slot-book.js'
import type { Channel, Found, Slot, SlotOwner } from './slots.js'
import { channelOf, putDoubt, putFound } from './slots.js'

/** Values seen on the way that mean more than a slot: clocks and status words. */
export interface Sighting {
  readonly owner: SlotOwner
  readonly asked: Asked
  readonly values: readonly RegisterValue[]
}

export interface DispatchOptions {
  readonly settings: CollectionSettings
  readonly utcOffsetMinutes: number
  readonly book: SlotBook
  readonly stateOf: (meter: MeterId) => MeterState
  /** Owners of a meter, to hasten them when it answers again. */
  readonly ownersOf: (meter: MeterId) => readonly SlotOwner[]
  readonly onSighting: (sighting: Sighting, now: Now) => void
  readonly onEnd: (slot: Slot, now: Now) => void
}

/** Decides which open slot is asked next on each bus, and takes in what came of it. */
export class Dispatch {
  private readonly options: DispatchOptions
  private readonly buses = new Map<LinkId, BusQueue>()

  constructor(options: DispatchOptions) {
    this.options = options
  }

  bus(link: LinkId): BusQueue {
    let bus = this.buses.get(link)
    if (bus === undefined) this.buses.set(link, (bus = new BusQueue()))
    return bus
  }

  /** When waiting work of any bus falls due by time alone, after now: what is due already waits for `next`; null: never. */
  nextAt(now: Now): number | null {
    let next: number | null = null
    for (const bus of this.buses.values()) {
      const at = bus.nextAt(now.monotonic)
      if (at !== null && at > now.monotonic && (next === null || at < next)) next = at
    }
    return next
  }

  /** Ends a slot to which nothing more can come, or puts it in line, not before a monotonic time, for the next way to ask. */
  route(slot: Slot, now: Now, notBefore: number): void {
    const { owner } = slot
    const channels = owner.plan.items.map((_, index) => channelOf(slot, index, now, this.options.utcOffsetMinutes))
    const isOver = channels.every((channel) => channel === null) && slot.state !== 'flying'
    if (isOver || slot.closesAt <= now.monotonic) {
      this.end(slot, now)
      return
    }
    const bus = this.bus(owner.plan.target.meter.link)
    if (slot.state === 'open' && channels.includes('live')) {
      slot.state = 'queued'
      bus.push({ kind: 'live', slot }, owner.work, notBefore)
    }
    if (owner.memory === 'idle' && channels.some((channel) => channel === 'freeze' || channel === 'record')) {
      owner.memory = 'queued'
      bus.push({ kind: 'memory', owner }, this.memoryClass(owner, now), notBefore)
    }
  }

  /** Ends a slot now, with what is known. */
  end(slot: Slot, now: Now): void {
    const isDown = this.bus(slot.owner.plan.target.meter.link).isDown(now.monotonic)
    this.options.book.end(slot, now, isDown ? 'bus-down' : 'no-time')
    this.options.onEnd(slot, now)
  }

  /** The next job for a bus; null: nothing may start now. Ask again after each result and at `nextAt`. */
  next(link: LinkId, now: Now, concurrency: number): Work | null {
    const bus = this.bus(link)
    const pop = (): Waiting | null => bus.pop(now.monotonic, concurrency)
    for (let waiting = pop(); waiting !== null; waiting = pop()) {
      const { unit, work } = waiting
      const owner = unit.kind === 'live' ? unit.slot.owner : unit.owner
      if (unit.kind === 'live' ? unit.slot.state !== 'queued' : owner.memory !== 'queued') continue
      const { heldUntil } = this.options.stateOf(owner.plan.target.meter.id)
      if (heldUntil > now.monotonic) {
        bus.push(unit, work, heldUntil)
        continue
      }
      const job = this.plan(unit, work, now)
      if (job === null) continue
      bus.started(work)
      return job
    }
    return null
  }

  /** Takes in what became of a job. */
  settle(job: Work, result: JobResult<readonly ReadOutcome[]>, now: Now): void {
    const { settings } = this.options
    const bus = this.bus(job.link)
    const state = this.options.stateOf(job.meter)
    bus.ended(job.work)
    const finding = this.weigh(job, result, now)
    if (finding.busDown) bus.pauseUntil(now.monotonic + settings.busDownRetryMs)
    if (result.kind === 'held') {
      const nextProbe = result.nextProbe ?? now.monotonic + settings.heldRetryMs
      state.heldUntil = Math.min(Math.max(nextProbe, now.monotonic + HELD_MS_MIN), now.monotonic + 4 * settings.heldRetryMs)
    }
    if (finding.answered) this.heardFrom(job.meter, state, now)
    else if (result.kind === 'held' || (result.kind === 'settled' && !finding.busDown)) state.silent = true
    this.goOn(job.asks, finding, now, result.kind === 'settled' && !finding.busDown)
  }

  private plan(unit: Unit, work: WorkClass, now: Now): Work | null {
    const { settings } = this.options
    if (unit.kind === 'live') {
      const { slot } = unit
      const job = planLive(slot, work, this.contextFor(slot.owner, now))
      slot.state = job === null ? 'open' : 'flying'
      if (job === null) this.route(slot, now, now.monotonic)
      else slot.attempts++
      return job
    }
    const { owner } = unit
    const job = planMemory(owner, work, this.contextFor(owner, now))
    owner.memory = job === null ? 'idle' : 'flying'
    if (job !== null) for (const slot of slotsOf(job.asks)) slot.attempts++
    for (const slot of [...owner.open]) this.route(slot, now, now.monotonic + settings.backfillRetryMs)
    return job
  }

  private weigh(job: Work, result: JobResult<readonly ReadOutcome[]>, now: Now): Finding {
    const { asks } = job
    switch (result.kind) {
      case 'settled': {
        const context: SettleContext = {
          now,
          utcOffsetMinutes: this.options.utcOffsetMinutes,
          take: (slot, asked, found) => this.take(slot, asked, found, now),
        }
        if (asks.kind === 'freeze') return settleFreeze(asks.wanted, result.outcome, context)
        if (asks.kind === 'record') return settleRecords(asks.owner, asks.wanted, result.outcome, context)
        this.tellSightings(asks, result.outcome, now)
        return settleLive(asks.slot, asks.items, result.outcome, context)
      }
      case 'expired':
        failAll(asks, result.sent ? 'no-reply' : 'no-time')
        return unheard
      case 'held':
        failAll(asks, 'no-reply')
        return unheard
      case 'refused':
        return unheard
    }
  }

  /** Puts the slots of a settled job back in line. @param counts the meter itself was asked: the pause grows with each failure */
  private goOn(asks: Asks, finding: Finding, now: Now, counts: boolean): void {
    const { settings } = this.options
    if (asks.kind === 'live') {
      const { slot } = asks
      if (slot.state === 'ended') return
      slot.state = 'open'
      this.route(slot, now, now.monotonic + pauseMs(settings.liveRetryMs, slot.attempts - 1, settings.liveRetryMsMax))
      return
    }
    const { owner } = asks
    owner.memory = 'idle'
    const retryMs = finding.progress ? 0 : pauseMs(settings.backfillRetryMs, owner.memoryFailures, settings.backfillRetryMsMax)
    if (counts) owner.memoryFailures = finding.progress ? 0 : owner.memoryFailures + 1
    for (const slot of [...owner.open]) this.route(slot, now, now.monotonic + retryMs)
  }

  /** A value that passes is known; one that does not fit what the register last showed is read once more first. */
  private take(slot: Slot, asked: Asked, found: Found, now: Now): void {
    if (slot.state === 'ended') return
    const { target } = slot.owner.plan
    const suspect = slot.doubts?.[asked.index]?.suspect ?? null
    const reading = { item: asked.item, found, suspect, monotonic: now.monotonic }
    const judgement = judgeReading(this.options.stateOf(target.meter.id), target, reading)
    if (judgement.event !== null) this.options.book.tell(judgement.event)
    if (!judgement.use) {
      const exhausted = suspect !== null && found.source !== 'live' ? memoryChannel(slot) : undefined
      putDoubt(slot, asked.index, { reason: 'invalid', suspect: judgement.suspect, ...(exhausted && { exhausted }) })
      return
    }
    this.options.book.countFound(slot, asked, found, now)
    putFound(slot, asked.index, found)
  }

  private tellSightings(asks: LiveAsks, outcomes: readonly ReadOutcome[], now: Now): void {
    for (const asked of asks.items) {
      const outcome = outcomes[asked.position]
      if (outcome?.ok !== true) continue
      this.options.onSighting({ owner: asks.slot.owner, asked, values: outcome.values }, now)
    }
  }

  /** A meter that was silent answers again: its memory is asked now, not when its pause ends. */
  private heardFrom(meter: MeterId, state: MeterState, now: Now): void {
    state.lastReplyAt = now.wall
    state.heldUntil = -Infinity
    if (!state.silent) return
    state.silent = false
    for (const owner of this.options.ownersOf(meter)) {
      if (owner.memory !== 'queued' || owner.memoryFailures === 0) continue
      owner.memoryFailures = 0
      this.bus(owner.plan.target.meter.link).push({ kind: 'memory', owner }, this.memoryClass(owner, now), now.monotonic)
    }
  }

  /** Today's freezes go before curves; older ones and load records wait behind all that is due now. */
  private memoryClass(owner: SlotOwner, now: Now): WorkClass {
    const { task } = owner.plan
    const today = startOfLocalDay(now.wall, this.options.utcOffsetMinutes)
    const isToday = owner.open.some((slot) => slot.at >= today)
    return task.kind === 'daily-freeze' && isToday && owner.memoryFailures < FRESH_FAILURES_MAX ? task.priority : 'backfill'
  }

  private contextFor(owner: SlotOwner, now: Now): PlanContext {
    const { settings, utcOffsetMinutes } = this.options
    const { driftMs } = this.options.stateOf(owner.plan.target.meter.id).clock
    const meterClockWrong = driftMs !== null && Math.abs(driftMs) > settings.meterClockWrongMs
    return { now, utcOffsetMinutes, settings, meterClockWrong }
  }
}

const HELD_MS_MIN = 1_000
/** After so many failures a freeze of today waits with the back-fill, so that it does not stand before live reads for ever. */
const FRESH_FAILURES_MAX = 4
const unheard: Finding = { answered: false, busDown: false, progress: false }

function memoryChannel(slot: Slot): Channel {
  return slot.owner.plan.task.kind === 'daily-freeze' ? 'freeze' : 'record'
}

function pauseMs(first: number, failures: number, longest: number): number {
  return Math.min(first * 2 ** Math.min(failures, 20), longest)
}

function slotsOf(asks: MemoryAsks): readonly Slot[] {
  return asks.kind === 'freeze' ? asks.wanted.map(({ slot }) => slot) : [...new Set(asks.wanted.flatMap(({ slots }) => slots))]
}
