import type { DayStatistics, MeterClock, Now, Restart, Work } from '../collection/index.js'
import { Collection, defaultClockRules, defaultCollectionSettings, planSite } from '../collection/index.js'
import type { EpochMs, EventFact, LinkId, MeterId, SiteParameters, TaskId } from '../model/index.js'
import { epochMs, monotonicMs } from '../model/index.js'
import type { Bus, ExchangeTime, JobResult, ReadOutcome, Runner, WatchHint } from '../ports/index.js'
import { CapacityWatch } from './capacity-watch.js'
import { Collected } from './collected.js'
import type { CollectorOptions } from './collector-options.js'
import { JoinedNodes } from './joined-nodes.js'
import { callRegisters, type LiveCall, type LiveCallResult } from './live-call.js'
import { MeterClocks } from './meter-clocks.js'
import { noteOfMeter, recallMeters, type KeptNote } from './meter-notes.js'
import { readRelay } from './relay-read.js'
import { createStamps } from './stamps.js'
import { beganAt, coverAhead, SlotRestorer } from './slot-restore.js'
import { nextRateChange } from './rate-change.js'

export type { CollectorOptions }

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
  private readonly clocks: MeterClocks
  private readonly capacity: CapacityWatch
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
    const buses = options.buses ?? new Map<LinkId, Bus>()
    const rules = options.clockRules ?? defaultClockRules
    const joined = new JoinedNodes(buses, clock)
    this.collection = new Collection({
      settings: options.settings ?? defaultCollectionSettings,
      clockRules: rules,
      utcOffsetMinutes,
      ...(options.mediumOf && { mediumOf: options.mediumOf }),
      hasJoined: (id) => {
        const meter = this.parameters.meters.find((known) => known.id === id)
        return meter === undefined || joined.has(meter)
      },
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
    this.clocks = new MeterClocks({
      ...{ clock, log, buses, rules, runners: options.runners, protocols: options.protocols },
      parameters: () => this.parameters,
      clockOf: (meter) => this.clockOf(meter),
      noteSet: (meter, at) => this.collection.clockSet(meter, at),
      onEvent: (event) => this.tell(event),
      onFault: (error) => this.fault(error),
    })
    this.capacity = new CapacityWatch({
      ...{ buses, collection: this.collection, tell: (event: EventFact) => this.tell(event) },
      nextAfter: (cron, after) => calendar.nextAfter(cron, utcOffsetMinutes, after),
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
    await recallMeters(this.options.store, this.parameters.meters, this.collection)
    this.capacity.look(planSite(this.parameters), this.now().wall)
    await this.refreshAccounts()
    await this.startAfter(lastInstant)
  }

  /** Takes new parameters: meters replaced, tasks changed, tariffs in force. */
  async reconfigure(parameters: SiteParameters): Promise<void> {
    this.parameters = parameters
    const plan = planSite(parameters)
    this.collection.configure(plan, this.now())
    this.capacity.look(plan, this.now().wall)
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
    const { clockBroadcastAt = null } = this.options
    for (const cancel of this.cancelCalendars) cancel()
    this.cancelCalendars = tasks.map((task) => calendar.schedule(task.cron, utcOffsetMinutes, (at) => this.fire(task.id, at)))
    if (clockBroadcastAt === null) return
    const cron = `${clockBroadcastAt % 60} ${Math.floor(clockBroadcastAt / 60)} * * *`
    this.cancelCalendars.push(calendar.schedule(cron, utcOffsetMinutes, () => this.clocks.broadcast()))
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
    const session = protocol.read({ ...work.plan, replyBytesMax: runner.replyBytesMax })
    const spent = { busMs: 0, tookMs: 0 }
    const onExchange = ({ busMs, tookMs }: ExchangeTime): void => {
      spent.busMs += busMs
      spent.tookMs = tookMs
    }
    const job = { meter: address, session, priority: work.work, expiresAt: monotonicMs(expiresAt), onExchange }
    runner.run(job).then(
      (result) => this.settled(work, result, spent),
      (error: unknown) => this.fault(error),
    )
  }

  private settled(work: Work, result: JobResult<readonly ReadOutcome[]>, spent: ExchangeTime): void {
    if (this.state !== 'running') return
    this.collection.settle(work, result, this.now(), spent)
    this.turn()
  }

  private handOn(): void {
    const output = this.collection.take()
    this.collected.add(output)
    this.collected.keepNotes(output.learnt.map((meter) => noteOfMeter(meter, this.parameters.meters, this.collection)))
    if (output.days.length > 0) this.capacity.look(planSite(this.parameters), this.now().wall)
    for (const { meter, driftMs } of output.clocks) {
      this.options.onMeterClock(meter, driftMs)
      if (this.options.setsMeterClocks === true) this.clocks.correct(meter)
    }
    for (const meter of output.relayReads) this.readRelay(meter)
    if (output.steppedBack) this.coverAhead(Infinity).catch((error: unknown) => this.fault(error))
  }

  /** Reads the state of a relay that an account's rules asked for. */
  private readRelay(meter: MeterId): void {
    readRelay(meter, { ...this.options, parameters: this.parameters }).then(
      (relay) => {
        if (this.state === 'running' && relay !== null)
          this.collected.add({ points: [], events: [], days: [], relays: [{ meter, ...relay }] })
      },
      (error: unknown) => this.fault(error),
    )
  }

  /** An event of its own, beside what is collected. */
  tell(event: EventFact): void {
    this.collected.add({ points: [], events: [event], days: [], relays: [] })
  }

  /** Has the store keep a note. */
  keep(note: KeptNote): void {
    this.collected.keepNotes([note])
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

function unsupported({ register }: { readonly register: string }): ReadOutcome {
  const error = { code: 'unsupported', retry: 'never', errors: [], message: 'no such protocol', frame: null } as const
  return { register, ok: false, error }
}
