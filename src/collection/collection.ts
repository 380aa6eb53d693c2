import type { EpochMs, LinkId, MeterId, Task, TaskId } from '../model/index.js'
import { epochMs } from '../model/index.js'
import type { ExchangeTime, JobResult, ReadOutcome, WatchHint } from '../ports/index.js'
import type { Debt, Restart, TaskCalendar } from './arrears.js'
import { Arrears, firstAfter, horizonOf, owedAfter } from './arrears.js'
import { noteClockSet } from './clock-care.js'
import type { ClosedSlot } from './closed-slots.js'
import { closedInstants, ClosedSlots } from './closed-slots.js'
import type { CollectionOptions, CollectionOutput } from './collection-options.js'
import { Coverage } from './coverage.js'
import type { Sighting } from './dispatch.js'
import { Dispatch } from './dispatch.js'
import type { MeterState } from './meter-state.js'
import { meterNote, newMeterState, shiftLastGood } from './meter-state.js'
import type { Now } from './now.js'
import type { Work } from './planner.js'
import type { RelaySighting } from './relay-sighting.js'
import { clockSeen, relaySeen } from './sightings.js'
import type { SitePlan } from './site-plan.js'
import type { Opening } from './slot-book.js'
import { SlotBook } from './slot-book.js'
import { SlotOwners } from './slot-owners.js'
import type { Missed, Slot, SlotOwner } from './slots.js'
import { putDoubt, slotInstant } from './slots.js'
import type { BoundaryGroup } from './watch.js'
import { Boundaries, boundaryTaskId, ThresholdWatch, watchPlan, watchTaskId } from './watch.js'

const noTime: ExchangeTime = { busMs: 0, tookMs: 0 }

/** Larger than any slew: the wall clock was set. */
const STEP_MS = 2_000

/** Meters looked at in one step of `restore`: no step opens more slots, so that their points can be stored before the next. */
export const RESTORED_PER_STEP_MAX = 500

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
  private readonly owners = new SlotOwners()
  private readonly coverage = new Map<TaskId, Coverage>()
  private readonly arrears = new Arrears()
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
      ownersOf: (meter) => this.owners.ofMeter(meter),
      hasJoined: options.hasJoined ?? (() => true),
      onLearnt: (meter) => this.learnt.add(meter),
      onSighting: (sighting, now) => this.see(sighting, now),
      onEnd: (slot, now) => this.ended(slot, now),
    })
  }

  /** Takes a new archive, profiles and tasks. Slots of unchanged meters stay open; those of a replaced or removed one end. */
  configure(plan: SitePlan, now: Now): void {
    this.observe(now)
    const before = this.owners.clear()
    this.plan = plan
    for (const { task, meters } of plan.tasks) for (const planned of meters) this.owners.adopt(planned, task.priority, before)
    for (const [meter, tasks] of before) {
      for (const [task, owner] of tasks) {
        const target = plan.meters.get(meter)
        if (target !== undefined && (task === watchTaskId || task === boundaryTaskId)) {
          this.owners.adopt(watchPlan(target, task, this.options.settings), 'threshold-watch', before)
        }
        if (this.owners.get(meter, task) !== owner) this.retire(owner, now)
      }
    }
    for (const meter of [...this.meters.keys()]) if (!plan.meters.has(meter)) this.forget(meter)
  }

  /** How far back slots may still be filled or must still be explained. */
  horizonMs(): number {
    return this.plan.tasks.reduce((longest, { task }) => Math.max(longest, horizonOf(task)), 0)
  }

  /** After a start or a time without a clock: notes what is owed since. It is opened by `restore` alone, span by span. */
  owe(restart: Restart, now: Now): void {
    this.observe(now)
    this.book.statistics.countFrom(restart.until)
    const all = this.plan.tasks.map(({ task }) => {
      const owed = owedAfter(this.calendarOf(task), restart)
      if (owed.gap !== null) this.tellGap(owed.gap.from, owed.gap.to, task.id)
      return owed
    })
    this.oweDebts(all.flatMap(({ urgent }) => urgent))
    this.oweDebts(all.flatMap(({ past }) => past))
  }

  /** The span to be restored next; null: nothing is owed. */
  get owed(): { readonly after: EpochMs; readonly to: EpochMs } | null {
    return this.arrears.next
  }

  /** No slot up to here is owed any more; null: none at all is. */
  get owedSince(): EpochMs | null {
    return this.arrears.since
  }

  /**
   * Opens what is owed next up to `to`, in steps: each gives how many meters it looked at. What it made of them is to be taken
   * and stored before the next step, so that memory does not grow with the time that was missed.
   *
   * @param closed slots of the span that stand in the store
   */
  *restore(to: EpochMs, closed: readonly ClosedSlot[], now: () => Now): Generator<number, void> {
    const ended = new ClosedSlots(closed)
    for (const debt of this.arrears.until(to)) yield* this.restoreTask(debt, ended, now)
    this.arrears.settle(to)
  }

  /**
   * Slots that ended although their instants are still to come: the wall clock was ahead then, and has been set back.
   * When their instants come again they are not opened again.
   */
  alreadyEnded(slots: readonly ClosedSlot[]): void {
    for (const { task } of this.plan.tasks) {
      const coverage = this.coverageOf(task.id)
      for (const instant of closedInstants(slots.filter((slot) => slot.task === task.id))) {
        const last = coverage.lastBefore(instant)
        const follows = last !== null && this.firstAfter(task, last).instant === instant
        coverage.add(follows ? last : instant, instant)
      }
    }
  }

  /**
   * A task's calendar fired. Instants between the last one and this that the calendar skipped (the clock was stepped
   * forward) are owed; one that comes again (stepped back) or is long past (stepped far ahead) is ignored.
   */
  fire(id: TaskId, due: EpochMs, now: Now): void {
    this.observe(now)
    const task = this.taskOf(id)
    if (task === undefined) return
    const coverage = this.coverageOf(id)
    const instant = slotInstant(task.kind, due, this.options.utcOffsetMinutes)
    if (coverage.has(instant) || now.wall - instant > horizonOf(task)) return
    const last = coverage.lastBefore(instant)
    const isNear = last !== null && instant - last <= horizonOf(task)
    const hasSkipped = last === null ? this.steppedAt > -Infinity : this.firstAfter(task, last).instant < instant
    if (hasSkipped && isNear) {
      this.oweDebts([{ task: id, after: last, to: epochMs(instant - 1), missed: this.whyMissed(task, now) }])
    } else if (hasSkipped) {
      // What the clock was set past is in no day's counts.
      this.book.statistics.countFrom(instant)
      if (last !== null) this.tellGap(last, instant, id)
    }
    coverage.add(isNear ? last : instant, instant)
    const owners = this.owners.ofTask(id)
    this.open({ owners, all: owners, instant, due, missed: 'not-running' }, now)
  }

  /** Tells a time whose slots are not explained one by one. */
  private tellGap(from: EpochMs, to: EpochMs, task: TaskId): void {
    const detail = { task, from: new Date(from).toISOString(), to: new Date(to).toISOString() }
    this.book.tell({ code: 'collection.gap', severity: 'warning', detail })
    this.dispatch.loseDays(this.owners.ofTask(task), from, to)
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
      const times = { instant: now.wall, due: now.wall, missed: 'clock-wrong' } as const
      if (owner !== null && owner.open.length === 0) this.open({ owners: [owner], all: [owner], ...times }, now)
    }
    for (const { at, meters } of this.boundaries.due(now)) {
      const owners = meters.flatMap((meter) => this.watchOwner(meter, boundaryTaskId) ?? [])
      this.open({ owners, all: owners, instant: at, due: at, missed: 'clock-wrong' }, now)
    }
    this.book.finishDays(now, this.arrears.since)
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

  private open(opening: Opening, now: Now): void {
    for (const slot of this.book.open(opening, now)) this.dispatch.admit(slot, now)
  }

  private whyMissed(task: Task, now: Now): Missed {
    return now.monotonic - this.steppedAt < horizonOf(task) ? 'clock-wrong' : 'not-running'
  }

  /** Calendars that come to these instants again find them handled. */
  private oweDebts(debts: readonly Debt[]): void {
    for (const { task, after, to } of debts) if (after < to) this.coverageOf(task).add(after, to)
    this.arrears.add(debts)
  }

  private *restoreTask({ task: id, after, to, missed }: Debt, ended: ClosedSlots, now: () => Now): Generator<number, void> {
    for (let last = after; ;) {
      const task = this.taskOf(id)
      if (task === undefined) return this.tellGap(last, to, id)
      const { instant, due } = this.firstAfter(task, last)
      if (instant > to) return
      const owners = this.owners.ofTask(id)
      for (let first = 0; first < owners.length; first += RESTORED_PER_STEP_MAX) {
        const looked = owners.slice(first, first + RESTORED_PER_STEP_MAX)
        const owing = looked.filter(({ plan }) => !ended.has(plan.target.meter.id, id, instant))
        const at = now()
        this.observe(at)
        // The clock was set back meanwhile: an instant that is still to come is not read live.
        const seenDue = due <= at.wall ? due : epochMs(at.wall - task.liveWindowMs - 1)
        this.open({ owners: owing, all: owners, instant, due: seenDue, missed }, at)
        yield looked.length
      }
      if (owners.length === 0) yield 0
      last = instant
    }
  }

  private firstAfter(task: Task, last: EpochMs): { readonly instant: EpochMs; readonly due: EpochMs } {
    return firstAfter(this.calendarOf(task), last)
  }

  private calendarOf(task: Task): TaskCalendar {
    const { nextAfter, utcOffsetMinutes } = this.options
    return { task, utcOffsetMinutes, nextDue: (after) => nextAfter(task.cron, after) }
  }

  private taskOf(id: TaskId): Task | undefined {
    return this.plan.tasks.find((planned) => planned.task.id === id)?.task
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
    const known = this.owners.get(meter, id)
    if (known !== undefined) return known
    const target = this.plan.meters.get(meter)
    if (target === undefined) return null
    return this.owners.adopt(watchPlan(target, id, this.options.settings), 'threshold-watch', new Map())
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

  private coverageOf(id: TaskId): Coverage {
    let coverage = this.coverage.get(id)
    if (coverage === undefined) this.coverage.set(id, (coverage = new Coverage()))
    return coverage
  }
}
