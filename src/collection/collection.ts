import type { EpochMs, LinkId, MeterId, Task, TaskId } from '../model/index.js'
import { dayMs, epochMs } from '../model/index.js'
import type { ExchangeTime, JobResult, ReadOutcome, WatchHint } from '../ports/index.js'
import type { CollectionOptions, CollectionOutput } from './collection-options.js'
import { noteClockSet } from './clock-care.js'
import { Coverage } from './coverage.js'
import type { Sighting } from './dispatch.js'
import { Dispatch } from './dispatch.js'
import type { MeterState } from './meter-state.js'
import { meterNote, newMeterState, shiftLastGood } from './meter-state.js'
import type { Now } from './now.js'
import type { Work } from './planner.js'
import type { RelaySighting } from './relay-sighting.js'
import { clockSeen, relaySeen } from './sightings.js'
import type { PlannedTask, SitePlan } from './site-plan.js'
import { planChange } from './site-plan.js'
import { SlotBook } from './slot-book.js'
import type { Missed, Slot, SlotOwner } from './slots.js'
import { newOwner, putDoubt, slotInstant } from './slots.js'
import type { BoundaryGroup } from './watch.js'
import { Boundaries, boundaryTaskId, ThresholdWatch, watchPlan, watchTaskId } from './watch.js'

/** A slot that stands in the store with its point. */
export interface ClosedSlot {
  readonly meter: MeterId
  readonly task: TaskId
  readonly slotAt: EpochMs
}

const noTime: ExchangeTime = { busMs: 0, tookMs: 0 }

/** Larger than any slew: the wall clock was set. */
const STEP_MS = 2_000

/**
 * What should have been read, what was, and what next: all of the collection without any input or output. The shell tells
 * it what happened and when, starts the jobs it gives out, and stores what it hands back.
 */
export class Collection {
  readonly book: SlotBook
  private readonly options: CollectionOptions
  private readonly dispatch: Dispatch
  private readonly watches: ThresholdWatch
  private readonly boundaries: Boundaries
  private readonly meters = new Map<MeterId, MeterState>()
  private readonly owners = new Map<MeterId, Map<TaskId, SlotOwner>>()
  private readonly coverage = new Map<TaskId, Coverage>()
  private plan: SitePlan
  private wallOffset: number | null = null
  private steppedAt = -Infinity
  private clocks: { meter: MeterId; driftMs: number }[] = []
  private relays: ({ readonly meter: MeterId } & RelaySighting)[] = []
  private relayReads: MeterId[] = []
  private readonly learnt = new Set<MeterId>()
  private steppedBack = false

  constructor(options: CollectionOptions) {
    const { settings, utcOffsetMinutes } = options
    this.options = options
    this.plan = { utcOffsetMinutes, meters: new Map(), links: [], tasks: [] }
    this.book = new SlotBook(settings, utcOffsetMinutes, options.mediumOf)
    this.watches = new ThresholdWatch(settings)
    this.boundaries = new Boundaries(options.nextBoundary)
    this.dispatch = new Dispatch({
      settings,
      utcOffsetMinutes,
      book: this.book,
      stateOf: (meter) => this.stateOf(meter),
      ownersOf: (meter) => [...(this.owners.get(meter)?.values() ?? [])],
      hasJoined: options.hasJoined ?? (() => true),
      onLearnt: (meter) => this.learnt.add(meter),
      onSighting: (sighting, now) => this.see(sighting, now),
      onEnd: (slot, now) => this.ended(slot, now),
    })
  }

  /** Takes a new archive, profiles and tasks. Slots of unchanged meters stay open; those of a replaced or removed one end. */
  configure(plan: SitePlan, now: Now): void {
    this.observe(now)
    const before = new Map(this.owners)
    this.owners.clear()
    this.plan = plan
    for (const { task, meters } of plan.tasks) for (const planned of meters) this.adopt(planned, task.priority, before)
    for (const [meter, tasks] of before) {
      for (const [task, owner] of tasks) {
        const target = plan.meters.get(meter)
        if (target !== undefined && (task === watchTaskId || task === boundaryTaskId)) {
          this.adopt(watchPlan(target, task, this.options.settings), 'threshold-watch', before)
        }
        if (this.owners.get(meter)?.get(task) !== owner) this.retire(owner, now)
      }
    }
    for (const meter of [...this.meters.keys()]) if (!plan.meters.has(meter)) this.forget(meter)
  }

  /** How far back slots may still be filled or must still be explained. */
  horizonMs(): number {
    return this.plan.tasks.reduce((longest, { task }) => Math.max(longest, horizonOf(task)), 0)
  }

  /**
   * After a start or a time without a clock: opens anew what a span of wall time owes, given the slots of it that ended.
   * Called for consecutive spans, oldest first.
   */
  restore(span: { readonly from: EpochMs; readonly to: EpochMs }, closed: readonly ClosedSlot[], now: Now, missed: Missed): void {
    this.observe(now)
    const ended = new Set(closed.map(({ meter, task, slotAt }) => `${meter} ${task} ${slotAt}`))
    for (const { task } of this.plan.tasks) {
      const from = epochMs(Math.max(span.from, now.wall - horizonOf(task)))
      for (let due = this.options.nextAfter(task.cron, from); due <= span.to; due = this.options.nextAfter(task.cron, due)) {
        const instant = slotInstant(task.kind, due, this.options.utcOffsetMinutes)
        const owners = this.ownersOf(task.id).filter((owner) => !ended.has(`${owner.plan.target.meter.id} ${task.id} ${instant}`))
        this.open(owners, { instant, due }, now, missed)
        const coverage = this.coverageOf(task.id)
        coverage.add(coverage.lastBefore(instant) ?? instant, instant)
      }
    }
  }

  /**
   * Slots that ended although their instants are still to come: the wall clock was ahead then, and has been set back.
   * When their instants come again they are not opened again.
   */
  alreadyEnded(slots: readonly ClosedSlot[]): void {
    for (const { task } of this.plan.tasks) {
      const instants = slots.filter((slot) => slot.task === task.id).map(({ slotAt }) => slotAt)
      let last: EpochMs | null = null
      for (const instant of [...new Set(instants)].sort((a, b) => a - b)) {
        const from = last !== null && this.dueAfter(task, last).instant === instant ? last : instant
        this.coverageOf(task.id).add(from, instant)
        last = instant
      }
    }
  }

  /**
   * A task's calendar fired. Instants between the last one and this that the calendar skipped (the clock was stepped
   * forward) are opened as missed; one that comes again (stepped back) or is long past (stepped far ahead) is ignored.
   */
  fire(id: TaskId, due: EpochMs, now: Now): void {
    this.observe(now)
    const task = this.plan.tasks.find((planned) => planned.task.id === id)?.task
    if (task === undefined) return
    const coverage = this.coverageOf(id)
    const instant = slotInstant(task.kind, due, this.options.utcOffsetMinutes)
    if (coverage.has(instant) || now.wall - instant > horizonOf(task)) return
    const last = coverage.lastBefore(instant)
    const isNear = last !== null && instant - last <= horizonOf(task)
    if (isNear) this.openSkipped(task, last, instant, now)
    else if (last !== null && this.dueAfter(task, last).instant < instant) this.tellGap(last, instant, task.id)
    coverage.add(isNear ? last : instant, instant)
    this.open(this.ownersOf(id), { instant, due }, now, 'not-running')
  }

  /** Tells a time whose slots are not explained one by one. */
  tellGap(from: EpochMs, to: EpochMs, task: TaskId | 'all' = 'all'): void {
    const detail = { task, from: new Date(from).toISOString(), to: new Date(to).toISOString() }
    this.book.tell({ code: 'collection.gap', severity: 'warning', detail })
    this.dispatch.loseDays(this.ownersIn(task), from, to)
  }

  /** When accounts ask to be read; meters that are not in the archive are passed over. */
  watch(hints: readonly WatchHint[], now: Now): void {
    this.observe(now)
    for (const hint of hints) if (this.plan.meters.has(hint.meter)) this.watches.hint(hint, now)
  }

  /** Which meters are read at the boundaries of which tariff. */
  watchBoundaries(groups: readonly BoundaryGroup[], now: Now): void {
    this.observe(now)
    this.boundaries.set(groups, now)
  }

  /** Ends what is over, opens what is due by time alone, and finishes days. */
  tick(now: Now): void {
    this.observe(now)
    for (const owner of this.book.due(now)) {
      for (const slot of [...owner.open]) {
        if (Math.min(slot.liveUntil, slot.closesAt) <= now.monotonic) {
          this.dispatch.route(slot, now, now.monotonic + this.options.settings.backfillDelayMs)
        }
      }
    }
    for (const { meter, relay } of this.watches.due(now)) {
      if (relay) this.relayReads.push(meter)
      const owner = this.watchOwner(meter, watchTaskId)
      if (owner !== null && owner.open.length === 0) this.open([owner], { instant: now.wall, due: now.wall }, now, 'clock-wrong')
    }
    for (const { at, meters } of this.boundaries.due(now)) {
      const owners = meters.flatMap((meter) => this.watchOwner(meter, boundaryTaskId) ?? [])
      this.open(owners, { instant: at, due: at }, now, 'clock-wrong')
    }
    this.book.finishDays(now)
  }

  /** The next job for a bus, which carries so many exchanges at a time; null: nothing may start now. */
  next(link: LinkId, now: Now, concurrency = 1): Work | null {
    this.observe(now)
    return this.dispatch.next(link, now, concurrency)
  }

  /** Takes in what became of a job. @param spent what it took of its bus's time altogether, and its last exchange */
  settle(job: Work, result: JobResult<readonly ReadOutcome[]>, now: Now, spent: ExchangeTime = noTime): void {
    this.observe(now)
    this.dispatch.settle(job, result, now, spent)
  }

  /** What a register costs a bus, as learnt; null: not enough was seen yet. */
  registerMs(link: LinkId): number | null {
    const pace = this.dispatch.pace(link)
    return pace.isKnown ? pace.registerMs : null
  }

  /** When to call `tick` and `next` again if nothing else happens before; monotonic. */
  wakeAt(now: Now): number | null {
    const times = [this.book.nextAt, this.watches.nextAt, this.boundaries.nextAt(now), this.dispatch.nextAt(now)]
    return times.reduce((least, at) => (at !== null && (least === null || at < least) ? at : least), null)
  }

  /** A meter's clock was set by air. */
  clockSet(meter: MeterId, at: EpochMs): void {
    const state = this.stateOf(meter)
    state.clock = noteClockSet(state.clock, at)
  }

  stateOf(meter: MeterId): MeterState {
    let state = this.meters.get(meter)
    if (state === undefined) this.meters.set(meter, (state = newMeterState()))
    return state
  }

  /** All that is to be carried out since the last call. */
  take(): CollectionOutput {
    const { clocks, relays, relayReads, steppedBack } = this
    this.clocks = []
    this.relays = []
    this.relayReads = []
    this.steppedBack = false
    const learnt = [...this.learnt]
    this.learnt.clear()
    return { ...this.book.take(), clocks, relays, relayReads, steppedBack, learnt }
  }

  private open(
    owners: readonly SlotOwner[],
    times: { readonly instant: EpochMs; readonly due: EpochMs },
    now: Now,
    missed: Missed,
  ): void {
    for (const slot of this.book.open(owners, times, now, missed)) this.dispatch.admit(slot, now)
  }

  private openSkipped(task: Task, last: EpochMs, instant: EpochMs, now: Now): void {
    const missed = now.monotonic - this.steppedAt < horizonOf(task) ? 'clock-wrong' : 'not-running'
    for (let next = this.dueAfter(task, last); next.instant < instant; next = this.dueAfter(task, next.instant)) {
      this.open(this.ownersOf(task.id), next, now, missed)
    }
  }

  /** The first slot of a task's calendar after a slot's instant. */
  private dueAfter(task: Task, last: EpochMs): { readonly instant: EpochMs; readonly due: EpochMs } {
    const { nextAfter, utcOffsetMinutes } = this.options
    let due = nextAfter(task.cron, last)
    while (slotInstant(task.kind, due, utcOffsetMinutes) <= last) due = nextAfter(task.cron, due)
    return { instant: slotInstant(task.kind, due, utcOffsetMinutes), due }
  }

  /** Looks for a step of the wall clock since the last call. */
  private observe(now: Now): void {
    const offset = now.wall - now.monotonic
    if (this.wallOffset === null) this.book.statistics.countFrom(now.wall)
    const stepMs = Math.round(offset - (this.wallOffset ?? offset))
    this.wallOffset = offset
    if (Math.abs(stepMs) < STEP_MS) return
    this.steppedAt = now.monotonic
    this.steppedBack ||= stepMs < 0
    for (const state of this.meters.values()) shiftLastGood(state, stepMs)
    this.boundaries.stepped(now)
    this.book.tell({ code: 'clock.stepped', severity: 'warning', detail: { byMs: stepMs, trusted: now.trusted } })
  }

  private see(sighting: Sighting, now: Now): void {
    const relay = relaySeen(sighting)
    if (relay !== null) this.relays.push(relay)
    const seen = clockSeen(sighting, this.stateOf(sighting.owner.plan.target.meter.id), now, this.options)
    if (seen === null) return
    this.clocks.push(seen.clock)
    if (seen.event !== null) this.book.tell(seen.event)
  }

  private ended(slot: Slot, now: Now): void {
    const { target, task } = slot.owner.plan
    if (task.id === watchTaskId && slot.found === null) this.watches.failed(target.meter.id, now)
  }

  private watchOwner(meter: MeterId, id: TaskId): SlotOwner | null {
    const known = this.owners.get(meter)?.get(id)
    if (known !== undefined) return known
    const target = this.plan.meters.get(meter)
    if (target === undefined) return null
    return this.adopt(watchPlan(target, id, this.options.settings), 'threshold-watch', new Map())
  }

  private adopt(
    planned: PlannedTask,
    work: SlotOwner['work'],
    before: ReadonlyMap<MeterId, ReadonlyMap<TaskId, SlotOwner>>,
  ): SlotOwner {
    const meter = planned.target.meter.id
    const old = before.get(meter)?.get(planned.task.id)
    let owner = newOwner(planned, work)
    if (old !== undefined && planChange(old.plan, planned) === null) {
      owner = old
      owner.plan = planned
    }
    const tasks = this.owners.get(meter) ?? new Map<TaskId, SlotOwner>()
    tasks.set(planned.task.id, owner)
    this.owners.set(meter, tasks)
    return owner
  }

  private retire(owner: SlotOwner, now: Now): void {
    const { meter } = owner.plan.target
    const successor = this.plan.meters.get(meter.id)?.meter
    const replaced = successor !== undefined && (successor.address !== meter.address || successor.protocol !== meter.protocol)
    owner.memory = 'idle'
    for (const slot of [...owner.open]) {
      const reason = replaced ? 'meter-replaced' : 'withdrawn'
      for (const index of owner.plan.items.keys()) putDoubt(slot, index, { reason })
      this.dispatch.end(slot, now)
    }
    if (replaced) this.forget(meter.id)
  }

  private forget(meter: MeterId): void {
    const state = this.meters.get(meter)
    if (state !== undefined && meterNote(state) !== null) this.learnt.add(meter)
    this.meters.delete(meter)
    this.watches.forget(meter)
  }

  private ownersIn(task: TaskId | 'all'): readonly SlotOwner[] {
    return task === 'all' ? this.plan.tasks.flatMap(({ task: { id } }) => this.ownersOf(id)) : this.ownersOf(task)
  }

  private ownersOf(id: TaskId): readonly SlotOwner[] {
    return [...this.owners.values()].flatMap((tasks) => tasks.get(id) ?? [])
  }

  private coverageOf(id: TaskId): Coverage {
    let coverage = this.coverage.get(id)
    if (coverage === undefined) this.coverage.set(id, (coverage = new Coverage()))
    return coverage
  }
}

/** Slots older than this, a day at least, are neither filled nor explained one by one; a gap beyond it is one event. */
function horizonOf(task: Task): number {
  return Math.max(task.backfillDays * dayMs, task.closesAfterMs, dayMs)
}
