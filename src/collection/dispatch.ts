import type { EpochMs, EventFact, LinkId, MeterId, RegisterValue } from '../model/index.js'
import { startOfLocalDay } from '../model/index.js'
import type { ExchangeTime, JobResult, ReadOutcome } from '../ports/index.js'
import { BusPace, worthOf } from './backfill.js'
import type { Unit, Waiting, WorkClass } from './bus-queue.js'
import { BusQueue } from './bus-queue.js'
import { abilityOf } from './capabilities.js'
import { lostDaysOf, noteLostDay, noteLostSpan } from './lost-days.js'
import type { MeterState } from './meter-state.js'
import { judgeReading } from './meter-state.js'
import { awaitsDaily, lackingItem, monthlySlots, shareDoubts } from './monthly.js'
import type { Now } from './now.js'
import type { Asks, LiveAsks, MemoryAsks, PlanContext, Work } from './planner.js'
import { planLive, planMemory } from './planner.js'
import type { Asked, Finding, Lesson, SettleContext } from './settlement.js'
import { failAll, settleFreeze, settleLive, settleRecords } from './settlement.js'
import { pauseMs, putOff, wasPutOff } from './put-off.js'
import type { CollectionSettings } from './settings.js'
import type { SlotBook } from './slot-book.js'
import type { Channel, Found, Slot, SlotOwner } from './slots.js'
import { channelOf, isFreezeKind, putDoubt, putFound } from './slots.js'

/** Values seen on the way that mean more than a slot: clocks and status words. */
export interface Sighting {
  readonly owner: SlotOwner
  readonly asked: Asked
  readonly values: readonly RegisterValue[]
  /** How long ago the meter said it: half of what its exchange took. */
  readonly agoMs: number
}

export interface DispatchOptions {
  readonly settings: CollectionSettings
  readonly utcOffsetMinutes: number
  readonly book: SlotBook
  readonly stateOf: (meter: MeterId) => MeterState
  /** Owners of a meter, to hasten them when it answers again. */
  readonly ownersOf: (meter: MeterId) => readonly SlotOwner[]
  /** False: it has not joined the network of its link. */
  readonly hasJoined: (meter: MeterId) => boolean
  /** What is known of a meter's abilities has changed. */
  readonly onLearnt: (meter: MeterId) => void
  readonly onSighting: (sighting: Sighting, now: Now) => void
  readonly onEnd: (slot: Slot, now: Now) => void
}

/** Channels that a meter may be known to refuse. */
const everyChannel = ['freeze', 'month', 'live', 'record'] as const satisfies readonly Channel[]

/** Decides which open slot is asked next on each bus, and takes in what came of it. */
export class Dispatch {
  private readonly options: DispatchOptions
  private readonly buses = new Map<LinkId, BusQueue>()
  private readonly paces = new Map<LinkId, BusPace>()

  constructor(options: DispatchOptions) {
    this.options = options
  }

  bus(link: LinkId): BusQueue {
    let bus = this.buses.get(link)
    if (bus === undefined) {
      const { settings } = this.options
      const worth = (unit: Unit, now: number): number => worthOf(ownerOf(unit), now, settings, this.pace(link).registerMs)
      this.buses.set(link, (bus = new BusQueue({ worthOf: worth, share: settings.backfillShare })))
    }
    return bus
  }

  /** What a register costs a bus. */
  pace(link: LinkId): BusPace {
    let pace = this.paces.get(link)
    if (pace === undefined) this.paces.set(link, (pace = new BusPace()))
    return pace
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

  /** A new slot: what its meter is known to refuse is not asked, and its memory not before it has had time to freeze. */
  admit(slot: Slot, now: Now): void {
    const { plan } = slot.owner
    const { capabilities } = this.options.stateOf(plan.target.meter.id)
    if (!capabilities.isEmpty) {
      for (const [index, { source }] of plan.items.entries()) {
        for (const channel of everyChannel) {
          if (!capabilities.refuses(abilityOf(source, channel, plan.task.kind), now.wall, this.options.settings.refusedRetryMs))
            continue
          const reason = channel === 'live' ? 'refused' : (slot.times.missed ?? 'not-kept')
          putDoubt(slot, index, { reason, exhausted: channel })
        }
      }
    }
    this.route(slot, now, now.monotonic)
  }

  /** Ends a slot to which nothing more can come, or puts it in line, not before a monotonic time, for the next way to ask. */
  route(slot: Slot, now: Now, notBefore: number): void {
    const { owner } = slot
    const channels = owner.plan.items.map((_, index) => channelOf(slot, index, now, this.options.utcOffsetMinutes))
    const isOver = channels.every((channel) => channel === null) && slot.state !== 'flying' && !this.awaits(slot, now)
    if (isOver || slot.closesAt <= now.monotonic) {
      this.end(slot, now)
      return
    }
    const bus = this.bus(owner.plan.target.meter.link)
    if (slot.state === 'open' && channels.includes('live')) {
      slot.state = 'queued'
      bus.push({ kind: 'live', slot }, owner.work, notBefore)
    }
    if (owner.memory === 'idle' && channels.some((channel) => channel !== null && channel !== 'live')) {
      owner.memory = 'queued'
      const frozenAt = isFreezeKind(owner.plan.task.kind) ? slot.times.dueAt + owner.plan.memoryDelayMs : notBefore
      bus.push({ kind: 'memory', owner }, this.memoryClass(owner, now), Math.max(notBefore, frozenAt))
    }
  }

  /** Whether what it lacks may still come by another slot. */
  private awaits(slot: Slot, now: Now): boolean {
    if (slot.owner.plan.items.every((_, index) => slot.found?.[index] !== undefined)) return false
    return awaitsDaily(slot, this.options.ownersOf(slot.owner.plan.target.meter.id), now)
  }

  /** Ends a slot now, with what is known. */
  end(slot: Slot, now: Now): void {
    const { book, settings, hasJoined, ownersOf, onEnd, stateOf } = this.options
    const { meter } = slot.owner.plan.target
    const isDown = this.bus(meter.link).isDown(now.monotonic)
    const unheardOf = [...(slot.doubts?.entries() ?? [])].filter(([, doubt]) => doubt?.reason === 'no-reply')
    // Nobody answered because the meter is not in the network.
    if (unheardOf.length > 0 && !hasJoined(meter.id))
      for (const [index] of unheardOf) putDoubt(slot, index, { reason: 'not-joined' })
    const state = stateOf(meter.id)
    const point = book.end(slot, now, isDown ? 'bus-down' : (state.hindrance ?? 'no-time'))
    if (noteLostDay(slot, point, state, settings.lostDaysMax)) this.options.onLearnt(meter.id)
    for (const monthly of monthlySlots(slot, () => ownersOf(meter.id))) {
      shareDoubts(slot, monthly)
      this.route(monthly, now, now.monotonic)
    }
    onEnd(slot, now)
  }

  /** The next job for a bus; null: nothing may start now. Ask again after each result and at `nextAt`. */
  next(link: LinkId, now: Now, concurrency: number): Work | null {
    const bus = this.bus(link)
    const pop = (): Waiting | null => bus.pop(now.monotonic, concurrency)
    for (let waiting = pop(); waiting !== null; waiting = pop()) {
      const { unit, work } = waiting
      const owner = ownerOf(unit)
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

  /** Takes in what became of a job, and what it took. */
  settle(job: Work, result: JobResult<readonly ReadOutcome[]>, now: Now, spent: ExchangeTime): void {
    const { settings } = this.options
    const bus = this.bus(job.link)
    const state = this.options.stateOf(job.meter)
    bus.ended(job.work, now.monotonic, spent.busMs)
    const finding = this.weigh(job, result, now, spent)
    if (finding.busDown) bus.pauseUntil(now.monotonic + settings.busDownRetryMs)
    if (result.kind === 'held') {
      const nextProbe = result.nextProbe ?? now.monotonic + settings.heldRetryMs
      state.heldUntil = Math.min(Math.max(nextProbe, now.monotonic + HELD_MS_MIN), now.monotonic + 4 * settings.heldRetryMs)
    }
    if (finding.answered) this.pace(job.link).note(spent.busMs, job.plan.registers.length)
    if (finding.answered) this.heardFrom(job.meter, state, now)
    else if (finding.hindrance !== null) putOff(state, finding.hindrance, now, settings)
    else if (result.kind === 'held' || (result.kind === 'settled' && !finding.busDown)) this.stillSilent(job, state, now)
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

  private weigh(job: Work, result: JobResult<readonly ReadOutcome[]>, now: Now, spent: ExchangeTime): Finding {
    const { asks } = job
    switch (result.kind) {
      case 'settled': {
        const context: SettleContext = {
          now,
          utcOffsetMinutes: this.options.utcOffsetMinutes,
          hindrance: result.hindrance ?? null,
          take: (slot, asked, found, channel) => this.take(slot, asked, { found, channel }, now),
          learn: (slot, lesson) => this.learn(slot, lesson, now),
        }
        if (asks.kind === 'freeze') return settleFreeze(asks, result.outcome, context)
        if (asks.kind === 'record') return settleRecords(asks.owner, asks.wanted, result.outcome, context)
        this.tellSightings(asks, result.outcome, now, spent.tookMs / 2)
        return settleLive(asks, result.outcome, { ...context, agoMs: spent.tookMs / 2 })
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
      const againMs = finding.progress ? 0 : pauseMs(settings.liveRetryMs, slot.attempts - 1, settings.liveRetryMsMax)
      this.route(slot, now, now.monotonic + againMs)
      return
    }
    const { owner } = asks
    owner.memory = 'idle'
    const retryMs = finding.progress ? 0 : pauseMs(settings.backfillRetryMs, owner.memoryFailures, settings.backfillRetryMsMax)
    if (counts) owner.memoryFailures = finding.progress ? 0 : owner.memoryFailures + 1
    for (const slot of [...owner.open]) this.route(slot, now, now.monotonic + retryMs)
  }

  /** A value that passes is known; one that does not fit what the register last showed is read once more first. */
  private take(
    slot: Slot,
    asked: Asked,
    { found, channel }: { readonly found: Found; readonly channel: Channel },
    now: Now,
  ): void {
    if (slot.state === 'ended') return
    const { target } = slot.owner.plan
    const suspect = slot.doubts?.[asked.index]?.suspect ?? null
    const reading = { item: asked.item, found, suspect, monotonic: now.monotonic }
    const judgement = judgeReading(this.options.stateOf(target.meter.id), target, reading)
    if (judgement.event !== null) this.options.book.tell(judgement.event)
    if (!judgement.use) {
      const exhausted = suspect !== null && channel !== 'live' ? channel : undefined
      putDoubt(slot, asked.index, { reason: 'invalid', suspect: judgement.suspect, ...(exhausted && { exhausted }) })
      return
    }
    this.options.book.countFound(slot, asked, found, now)
    putFound(slot, asked.index, found)
    for (const monthly of monthlySlots(slot, () => this.options.ownersOf(target.meter.id))) {
      const lacking = lackingItem(monthly, asked.item.item)
      if (lacking === null) continue
      this.options.book.countFound(monthly, lacking, found, now)
      putFound(monthly, lacking.index, found)
      this.route(monthly, now, now.monotonic)
    }
  }

  /** What the meter's answer says of what it can do; told once, when it is believed. */
  private learn({ owner, at: slotAt }: Slot, lesson: Lesson, now: Now): void {
    const { meter } = owner.plan.target
    const { capabilities } = this.options.stateOf(meter.id)
    const { ability } = lesson
    const tell = (code: string, detail: EventFact['detail']): void =>
      this.options.book.tell({ code, severity: 'info', meter: meter.id, link: meter.link, detail })
    if (lesson.said === 'answered') {
      if (!capabilities.answered(ability)) return
      tell('meter.answers-again', { what: ability })
    } else {
      const learnt = capabilities.refused(ability, { at: now.wall, slotAt }, lesson.rule)
      if (learnt === null) return
      if (learnt === 'learnt') tell('meter.refuses', { what: ability, errors: lesson.errors.join(', ') })
    }
    this.options.onLearnt(meter.id)
  }

  private tellSightings(asks: LiveAsks, outcomes: readonly ReadOutcome[], now: Now, agoMs: number): void {
    for (const asked of asks.items) {
      const outcome = outcomes[asked.position]
      if (outcome?.ok !== true) continue
      this.options.onSighting({ owner: asks.slot.owner, asked, values: outcome.values, agoMs }, now)
    }
  }

  /** A meter that was silent answers again: its memory is asked now, not when its pause ends. */
  private heardFrom(meter: MeterId, state: MeterState, now: Now): void {
    state.lastReplyAt = now.wall
    state.heldUntil = -Infinity
    if (state.hasLostDays) this.reopenLost(meter, state, now)
    if (!wasPutOff(state) && !state.silent) return
    state.silent = false
    state.silentSince = null
    if (state.isVanished) {
      state.isVanished = false
      this.options.book.tell({ code: 'meter.returned', severity: 'info', meter, detail: {} })
      this.options.onLearnt(meter)
    }
    for (const owner of this.options.ownersOf(meter)) {
      if (owner.memory !== 'queued' || owner.memoryFailures === 0) continue
      owner.memoryFailures = 0
      this.bus(owner.plan.target.meter.link).push({ kind: 'memory', owner }, this.memoryClass(owner, now), now.monotonic)
    }
  }

  private stillSilent({ meter, link }: Work, state: MeterState, now: Now): void {
    wasPutOff(state)
    state.silent = true
    state.silentSince ??= now.monotonic
    if (state.isVanished || now.monotonic - state.silentSince < this.options.settings.vanishedAfterMs) return
    state.isVanished = true
    const lastReplyAt = state.lastReplyAt === null ? null : new Date(state.lastReplyAt).toISOString()
    this.options.book.tell({ code: 'meter.vanished', severity: 'warning', meter, link, detail: { lastReplyAt } })
    this.options.onLearnt(meter)
  }

  /** A time that is explained as a whole: its freezes are asked for when their meters answer. */
  loseDays(owners: readonly SlotOwner[], from: EpochMs, to: EpochMs): void {
    const { settings, utcOffsetMinutes, stateOf } = this.options
    for (const owner of owners) {
      if (owner.plan.task.kind !== 'daily-freeze') continue
      const { id } = owner.plan.target.meter
      noteLostSpan(owner, { from, to }, stateOf(id), { utcOffsetMinutes, daysMax: settings.lostDaysMax })
      this.options.onLearnt(id)
    }
  }

  /** Days whose freeze was given up are asked for as deep as the meter keeps them. */
  private reopenLost(meter: MeterId, state: MeterState, now: Now): void {
    state.hasLostDays = false
    const today = startOfLocalDay(now.wall, this.options.utcOffsetMinutes)
    for (const owner of this.options.ownersOf(meter)) {
      const days = lostDaysOf(owner, state, today)
      for (const slot of this.options.book.reopen(owner, days, now)) this.admit(slot, now)
    }
  }

  /** Today's freezes go before curves; older ones and load records wait behind all that is due now. */
  private memoryClass(owner: SlotOwner, now: Now): WorkClass {
    const { task } = owner.plan
    const today = startOfLocalDay(now.wall, this.options.utcOffsetMinutes)
    const isToday = owner.open.some((slot) => slot.at >= today)
    return isFreezeKind(task.kind) && isToday && owner.memoryFailures < FRESH_FAILURES_MAX ? task.priority : 'backfill'
  }

  private contextFor(owner: SlotOwner, now: Now): PlanContext {
    const { settings, utcOffsetMinutes } = this.options
    const { clock, capabilities } = this.options.stateOf(owner.plan.target.meter.id)
    const meterClockWrong = clock.driftMs !== null && Math.abs(clock.driftMs) > settings.meterClockWrongMs
    const refuses = (ability: string): boolean => capabilities.refuses(ability, now.wall, settings.refusedRetryMs)
    return { now, utcOffsetMinutes, settings, meterClockWrong, refuses }
  }
}

const HELD_MS_MIN = 1_000
/** After so many failures a freeze of today waits with the back-fill, so that it does not stand before live reads for ever. */
const FRESH_FAILURES_MAX = 4
const unheard: Finding = { answered: false, busDown: false, hindrance: null, progress: false }

const ownerOf = (unit: Unit): SlotOwner => (unit.kind === 'live' ? unit.slot.owner : unit.owner)

function slotsOf(asks: MemoryAsks): readonly Slot[] {
  return asks.kind === 'freeze' ? asks.wanted.map(({ slot }) => slot) : [...new Set(asks.wanted.flatMap(({ slots }) => slots))]
}
