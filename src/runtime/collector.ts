import type { ClockRules, CollectionSettings, DayStatistics, MeterClock, Now, Restart, Work } from '../collection/index.js'
import { Collection, clockSetRefusal, defaultClockRules, defaultCollectionSettings, planSite } from '../collection/index.js'
import type { EpochMs, LinkId, MeterId, SiteParameters, TaskId } from '../model/index.js'
import { epochMs, monotonicMs, toLocal } from '../model/index.js'
import type {
  Calendar,
  Clock,
  Effects,
  JobResult,
  Log,
  MeterProtocol,
  ReadOutcome,
  Runner,
  Store,
  Timers,
  WatchHint,
} from '../ports/index.js'
import { Collected } from './collected.js'
import { callRegisters, type LiveCall, type LiveCallResult } from './live-call.js'
import { createStamps } from './stamps.js'
import { beganAt, coverAhead, SlotRestorer } from './slot-restore.js'
import { nextRateChange } from './rate-change.js'

export interface CollectorOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly calendar: Calendar
  readonly store: Store
  readonly log: Log
  readonly runners: ReadonlyMap<LinkId, Runner>
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly parameters: SiteParameters
  /** Orders that the rules journalled while readings were settled; watch hints are already taken. */
  readonly onEffects: (effects: Effects) => void
  /** A meter's clock was read: its difference to ours, meter − us. */
  readonly onMeterClock: (meter: MeterId, offsetMs: number) => void
  /** The store failed: the process is to be started anew. */
  readonly onFault: (error: Error) => void
  /** Corrects clocks of meters within the field's rules; default false: an excess is only reported. */
  readonly setsMeterClocks?: boolean
  readonly settings?: CollectionSettings
  readonly clockRules?: ClockRules
}

/** What the console and the status stream see of the collection. */
export interface CollectorSnapshot {
  /** Our clock stands before the last persisted instant: no slots are opened until it does not. */
  readonly waitsForClock: boolean
  readonly openSlots: number
  /** Slots missed since then are still to be opened and explained; null: none. */
  readonly owedSince: EpochMs | null
  readonly pointsWaiting: number
  readonly pointsStored: number
  readonly pointsRefused: number
  readonly days: readonly DayStatistics[]
  readonly meters: readonly {
    readonly meter: MeterId
    readonly lastReplyAt: EpochMs | null
    readonly silent: boolean
    readonly clockDriftMs: number | null
  }[]
}

/** Without anything else to do the wall clock is looked at this often. */
const LOOK_MS = 30_000
const CLOCK_LOOK_MS = 5_000

/** The shell of the collection: lets calendars open slots, starts jobs on the buses, and hands what comes of them to the store. */
export class Collector {
  private readonly options: CollectorOptions
  private readonly collection: Collection
  private readonly collected: Collected
  private readonly clockRules: ClockRules
  private parameters: SiteParameters
  private cancelCalendars: (() => void)[] = []
  private cancelWake: () => void = () => {}
  private readonly early: { readonly task: TaskId; readonly instant: EpochMs }[] = []
  private readonly restorer: SlotRestorer
  private state: 'idle' | 'starting' | 'waits-for-clock' | 'running' | 'closed' = 'idle'

  constructor(options: CollectorOptions) {
    const { clock, store, log, calendar, parameters } = options
    const { utcOffsetMinutes } = parameters
    this.options = options
    this.parameters = parameters
    this.clockRules = options.clockRules ?? defaultClockRules
    this.collection = new Collection({
      settings: options.settings ?? defaultCollectionSettings,
      clockRules: this.clockRules,
      utcOffsetMinutes,
      nextAfter: (cron, after) => calendar.nextAfter(cron, utcOffsetMinutes, after),
      nextBoundary: (tariff, after) => nextRateChange(this.parameters.tariffs, tariff, after),
    })
    this.collected = new Collected({
      store,
      stamps: createStamps(clock),
      log,
      utcOffsetMinutes,
      onEffects: (effects) => {
        this.watch(effects.watch)
        options.onEffects(effects)
      },
      onRoom: () => this.turn(),
      onFault: options.onFault,
    })
    const { settings = defaultCollectionSettings, timers } = options
    this.restorer = new SlotRestorer({
      ...{ collection: this.collection, store, timers, stamps: createStamps(clock), utcOffsetMinutes },
      dayClosesAfterMs: settings.dayClosesAfterMs,
      now: () => this.now(),
      turn: () => this.turn(),
      written: () => this.collected.written(),
      onFault: (error) => this.fault(error),
    })
  }

  /**
   * Follows the calendars, and opens anew what was owed when the process ended beside it.
   *
   * @param before the last instant the store had persisted before this start wrote anything; asked here when it is left out
   */
  async start(before?: EpochMs | null): Promise<void> {
    if (this.state !== 'idle') return
    this.state = 'starting'
    this.collection.configure(planSite(this.parameters), this.now())
    const lastInstant = before === undefined ? (await this.options.store.run('last-instant', {})).at : before
    if (lastInstant === null) await this.tellBeginning()
    await this.refreshAccounts()
    await this.startAfter(lastInstant)
  }

  /** Takes new parameters: meters replaced, tasks changed, tariffs in force. */
  async reconfigure(parameters: SiteParameters): Promise<void> {
    this.parameters = parameters
    this.collection.configure(planSite(parameters), this.now())
    if (this.state === 'running') this.followCalendars()
    await this.refreshAccounts()
    this.turn()
  }

  /** Accounts were opened or closed: whose meters are read at which tariff's boundaries follows from them. */
  async refreshAccounts(): Promise<void> {
    const { accounts } = await this.options.store.run('accounts', {})
    const byTariff = new Map<string, MeterId[]>()
    for (const { account } of accounts) {
      if (account.state === 'closed') continue
      byTariff.set(account.tariff, [...(byTariff.get(account.tariff) ?? []), account.meter])
    }
    const groups = [...byTariff].map(([tariff, meters]) => ({ tariff, meters }))
    this.collection.watchBoundaries(groups, this.now())
    this.turn()
  }

  /** When accounts ask to be read; the store's effects carry these hints. */
  watch(hints: readonly WatchHint[]): void {
    if (hints.length === 0) return
    this.collection.watch(hints, this.now())
    this.turn()
  }

  /** Reads any registers of a meter now, before all routine reading. */
  call(call: LiveCall): Promise<LiveCallResult> {
    return callRegisters(call, { ...this.options, parameters: this.parameters })
  }

  /** What is known of a meter's clock. */
  clockOf(meter: MeterId): MeterClock {
    return this.collection.stateOf(meter).clock
  }

  /** A meter's clock was set by an order. */
  noteClockSet(meter: MeterId): void {
    this.collection.clockSet(meter, this.now().wall)
  }

  /** Settles once the collection has looked at what is due: proof that it still turns. */
  turned(): Promise<void> {
    this.turn()
    return Promise.resolve()
  }

  snapshot(): CollectorSnapshot {
    return {
      waitsForClock: this.state === 'waits-for-clock',
      openSlots: this.collection.book.size,
      owedSince: this.collection.owedSince,
      pointsWaiting: this.collected.waiting,
      pointsStored: this.collected.counts.points,
      pointsRefused: this.collected.counts.refusedPoints,
      days: this.collection.book.statistics.view(),
      meters: this.parameters.meters.map(({ id }) => {
        const { lastReplyAt, silent, clock } = this.collection.stateOf(id)
        return { meter: id, lastReplyAt, silent, clockDriftMs: clock.driftMs }
      }),
    }
  }

  /** Stops starting anything and settles when what was collected stands in the store. Open slots are derived anew at the next start. */
  async close(): Promise<void> {
    this.state = 'closed'
    for (const cancel of this.cancelCalendars.splice(0)) cancel()
    this.cancelWake()
    await this.restorer.stop()
    await this.collected.written()
  }

  private async startAfter(lastInstant: EpochMs | null): Promise<void> {
    const { wall, trusted } = this.now()
    if (this.state === 'closed') return
    if (lastInstant !== null && wall < lastInstant && !trusted) {
      if (this.state !== 'waits-for-clock') this.options.log.warn('collection-waits-for-clock', { wall, lastInstant })
      this.state = 'waits-for-clock'
      this.wake(CLOCK_LOOK_MS, () => void this.startAfter(lastInstant).catch((error: unknown) => this.fault(error)))
      return
    }
    const missed = this.state === 'waits-for-clock' ? 'clock-wrong' : 'not-running'
    this.state = 'starting'
    this.followCalendars()
    if (lastInstant !== null) await this.oweSince(lastInstant, missed)
    if (this.isClosed()) return
    this.state = 'running'
    for (const { task, instant } of this.early.splice(0)) this.collection.fire(task, instant, this.now())
    if (lastInstant !== null) this.restorer.closeOldDays()
    this.turn()
  }

  /** Notes what is owed since the last instant. A gap is told before anything else moves that instant. */
  private async oweSince(last: EpochMs, missed: Restart['missed']): Promise<void> {
    const { wall: until } = this.now()
    const began = await beganAt(this.options.store, last)
    this.collection.owe({ began, last, until, missed }, this.now())
    if (last > until) await this.coverAhead(last)
    this.handOn()
    await this.collected.written()
  }

  /** Slots that ended although they are still to come. @param last the last that can have ended */
  private coverAhead(last: number): Promise<void> {
    const { wall } = this.now()
    const to = epochMs(Math.min(last, wall + this.collection.horizonMs()))
    return coverAhead(this.collection, this.options.store, wall, to)
  }

  /** On a fresh box: from now on slots are owed, even when the next start finds nothing else in the store. */
  private async tellBeginning(): Promise<void> {
    const { store, clock } = this.options
    const event = { code: 'collection.began', severity: 'info', detail: { meters: this.parameters.meters.length } } as const
    await store.run('record-event', { event, stamp: createStamps(clock).now() })
  }

  private isClosed(): boolean {
    return this.state === 'closed'
  }

  private followCalendars(): void {
    const { calendar } = this.options
    const { tasks, utcOffsetMinutes } = this.parameters
    for (const cancel of this.cancelCalendars) cancel()
    this.cancelCalendars = tasks.map((task) => calendar.schedule(task.cron, utcOffsetMinutes, (at) => this.fire(task.id, at)))
  }

  /** What fires while the start still looks for what was owed waits for its end. */
  private fire(task: TaskId, instant: EpochMs): void {
    if (this.state === 'starting') this.early.push({ task, instant })
    if (this.state !== 'running') return
    this.collection.fire(task, instant, this.now())
    this.turn()
  }

  /** Whatever happened: end what is over, start what may start, hand on what came, and sleep until the next time. */
  private turn(): void {
    if (this.state !== 'running') return
    this.restorer.work()
    if (!this.collected.isFull) {
      this.collection.tick(this.now())
      for (const [link, runner] of this.options.runners) this.startOn(link, runner)
    }
    this.handOn()
    const now = this.now()
    const wakeAt = Math.min((this.collected.isFull ? null : this.collection.wakeAt(now)) ?? Infinity, now.monotonic + LOOK_MS)
    this.wake(Math.max(0, wakeAt - now.monotonic), () => this.turn())
  }

  private startOn(link: LinkId, runner: Runner): void {
    const next = (): Work | null => this.collection.next(link, this.now(), runner.concurrency)
    for (let work = next(); work !== null; work = next()) this.run(work, runner)
  }

  private run(work: Work, runner: Runner): void {
    const protocol = this.options.protocols.get(work.protocol)
    if (protocol === undefined) {
      this.collection.settle(work, { kind: 'settled', outcome: work.plan.registers.map(unsupported) }, this.now())
      return
    }
    const { address, expiresAt } = work
    const job = { meter: address, session: protocol.read(work.plan), priority: work.work, expiresAt: monotonicMs(expiresAt) }
    runner.run(job).then(
      (result) => this.settled(work, result),
      (error: unknown) => this.fault(error),
    )
  }

  private settled(work: Work, result: JobResult<readonly ReadOutcome[]>): void {
    if (this.state !== 'running') return
    this.collection.settle(work, result, this.now())
    this.turn()
  }

  private handOn(): void {
    const output = this.collection.take()
    this.collected.add(output)
    for (const { meter, driftMs } of output.clocks) {
      this.options.onMeterClock(meter, driftMs)
      if (this.options.setsMeterClocks === true) this.correctClock(meter)
    }
    for (const meter of output.relayReads) this.readRelay(meter)
    if (output.steppedBack) this.coverAhead(Infinity).catch((error: unknown) => this.fault(error))
  }

  /** Sets one meter's clock by air when the field's rules allow it: its excess is reported first. */
  private correctClock(meterId: MeterId): void {
    const now = this.now()
    const { clock } = this.collection.stateOf(meterId)
    const moment = { at: now.wall, trusted: now.trusted }
    if (clockSetRefusal(clock, moment, this.parameters.utcOffsetMinutes, this.clockRules) !== null) return
    const meter = this.parameters.meters.find(({ id }) => id === meterId)
    const set = meter && this.options.protocols.get(meter.protocol)?.clock
    const runner = meter && this.options.runners.get(meter.link)
    if (set === undefined || runner === undefined || meter === undefined) return
    const session = set.broadcast(toLocal(now.wall, this.parameters.utcOffsetMinutes), meter.address)
    const expiresAt = monotonicMs(now.monotonic + CLOCK_SET_MS)
    runner.run({ meter: meter.address, session, priority: 'clock-care', expiresAt }).then(
      (result) => {
        if (result.kind !== 'settled' || result.outcome !== 'sent') return
        this.collection.clockSet(meterId, this.now().wall)
        this.options.log.info('meter-clock-set', { meter: meterId, driftMs: clock.driftMs })
      },
      (error: unknown) => this.fault(error),
    )
  }

  /** Reads the state of a relay that an account's rules asked for. */
  private readRelay(meterId: MeterId): void {
    const meter = this.parameters.meters.find(({ id }) => id === meterId)
    const relay = meter && this.options.protocols.get(meter.protocol)?.relay
    const runner = meter && this.options.runners.get(meter.link)
    if (relay === undefined || runner === undefined || meter === undefined) return
    const expiresAt = monotonicMs(this.now().monotonic + RELAY_READ_MS)
    runner.run({ meter: meter.address, session: relay.state(meter.address, 2), priority: 'threshold-watch', expiresAt }).then(
      (result) => {
        if (this.state !== 'running' || result.kind !== 'settled' || result.outcome.kind !== 'known') return
        const { contact, alarm, protected: isProtected } = result.outcome
        const relays = [{ meter: meterId, contact, alarm, protected: isProtected }]
        this.collected.add({ points: [], events: [], days: [], relays })
      },
      (error: unknown) => this.fault(error),
    )
  }

  private wake(delayMs: number, then: () => void): void {
    this.cancelWake()
    this.cancelWake = this.options.timers.after(delayMs, then)
  }

  private fault(cause: unknown): void {
    this.options.onFault(cause instanceof Error ? cause : new Error(String(cause)))
  }

  private now(): Now {
    const { clock } = this.options
    const { at, trusted } = clock.wall()
    return { monotonic: clock.monotonic(), wall: at, trusted, boot: clock.boot }
  }
}

/** A time that waits longer for the bus is no longer the time. */
const CLOCK_SET_MS = 2_000
const RELAY_READ_MS = 60_000

function unsupported({ register }: { readonly register: string }): ReadOutcome {
  const error = { code: 'unsupported', retry: 'never', errors: [], message: 'no such protocol', frame: null } as const
  return { register, ok: false, error }
}
