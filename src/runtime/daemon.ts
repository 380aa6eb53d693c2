import { epochMs } from '../model/index.js'
import type { EpochMs, EventFact, JournalledOrder, LinkId, MeterId, SiteParameters } from '../model/index.js'
import type { Bus, Effects, OrderIntake, Runner, StoreCommands, Uplink } from '../ports/index.js'
import { parametersHash } from '../settings/index.js'
import { Buses } from './buses.js'
import type { ClockTrust } from './clock-trust.js'
import { collectorChoices } from './collector-choices.js'
import { Collector } from './collector.js'
import type { DaemonOptions } from './daemon-options.js'
import { Discovery, type UnknownMeter } from './discovery.js'
import { healthBody } from './health-record.js'
import { createOrderExecutor, type OrderExecutor } from './order-executor.js'
import { createOrderIntake } from './order-intake.js'
import { checkSet, siteInForce } from './site.js'
import { createStamps, type StampSource } from './stamps.js'
import type { WatchedLoop } from './watchdog.js'

export type { DaemonOptions }

type AcceptedOrder = Extract<StoreCommands['journal-order']['out'], { accepted: true }>

/** How often time itself is told to the accounts: calendars end, protections expire, readings go stale. */
const evaluateEveryMs = 60_000
/** How often the system's clock is looked at for steps and synchronisation. */
const clockCheckEveryMs = 5_000
/** How often the box reports its own health in the `status` stream. */
const healthEveryMs = 3_600_000

/** How long a stop waits for the master to acknowledge the last records. */
const deliverMsMax = 2_500
const deliverLookMs = 50

/**
 * The whole runtime behind its ports: the same composition runs in a field box and in virtual time. `start` ends when money is
 * safe and the buses run; `stop` ends within the time of one exchange.
 */
export class Daemon {
  readonly #options: DaemonOptions
  readonly #stamps: StampSource
  readonly #buses: Buses
  readonly #cancels = new Set<() => void>()
  #parameters: SiteParameters
  #hash = ''
  #collector: Collector | null = null
  #discovery: Discovery | null = null
  #executor: OrderExecutor | null = null
  #uplink: Uplink | null = null
  #intake: OrderIntake | null = null
  #moneySafe = false
  #isStopped = false

  constructor(options: DaemonOptions) {
    this.#options = options
    this.#stamps = createStamps(options.clock)
    this.#parameters = options.settings.parameters
    this.#buses = new Buses({
      ...options,
      record: (event) => this.#spawn('bus event', this.#record(event)),
      onFault: (error) => options.onFatal(error instanceof Error ? error : new Error(String(error))),
    })
  }

  async start(): Promise<void> {
    const { store, clock, log, onFatal } = this.#options
    store.onFault(onFatal)
    // Asked before this start records anything: what is owed since is counted from here.
    const { at: lastInstant } = await store.run('last-instant', {})
    await this.#loadParameters()
    const { moneySafe, effects } = await store.run('configure', { parameters: this.#parameters, stamp: this.#stamps.now() })
    this.#moneySafe = moneySafe
    if (moneySafe) log.info('money-safe')
    clock.onTrust?.((trust, before) => this.#tellTrust(trust, before))
    this.#buses.open(this.#options.settings.links)
    this.#buses.setMeters(this.#parameters.meters)
    this.#executor = this.#createExecutor()
    this.#collector = this.#createCollector()
    this.#discovery = this.#createDiscovery(this.#collector)
    const { counters } = await store.run('extents', {})
    this.#intake = this.#createIntake(counters)
    this.#uplink = this.#options.createUplink?.({ intake: this.#intake, parameterHash: () => this.#hash }) ?? null
    await this.#executor.resume()
    await this.#collector.start(lastInstant)
    await this.#discovery.start()
    this.#take(effects)
    this.#uplink?.start()
    this.#every(evaluateEveryMs, () => this.#evaluate())
    this.#every(healthEveryMs, () => this.#tellHealth())
    if (clock.checkSystem !== undefined) this.#every(clockCheckEveryMs, () => Promise.resolve(clock.checkSystem?.()))
  }

  /** Lets what is under way end, writes what was collected, and closes everything. Safe to call in any state, also twice. */
  async stop(): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const cancel of this.#cancels) cancel()
    this.#discovery?.close()
    await Promise.all([this.#executor?.close(), this.#buses.stopRunning()])
    await this.#collector?.close()
    await this.#deliverRest()
    await this.#uplink?.close()
    await this.#buses.close()
    await this.#options.store.close()
  }

  /** What was collected last is committed and, while a master is there, given a moment to arrive: it would wait for the next start. */
  async #deliverRest(): Promise<void> {
    const { store, timers } = this.#options
    if (this.#collector === null) return
    await store.run('flush', {})
    if (this.#uplink === null) return
    const { extents } = await store.run('extents', {})
    const isDelivered = (): boolean =>
      this.#uplink
        ?.state()
        .every(({ state, marks }) => state !== 'online' || extents.every(({ stream, hi }) => marks[stream] >= hi)) ?? true
    for (let waited = 0; waited < deliverMsMax && !isDelivered(); waited += deliverLookMs) {
      await new Promise<void>((resolve) => void timers.after(deliverLookMs, resolve))
    }
  }

  /** The one way in for orders; before `start` has ended every order is refused. */
  readonly intake: OrderIntake = (envelope, origin) =>
    this.#intake?.(envelope, origin) ?? Promise.resolve({ accepted: false, code: 'conflict', message: 'the daemon is starting' })

  /** For the watchdog: each settles once its loop has turned. */
  readonly loops: Readonly<Record<WatchedLoop, () => Promise<unknown>>> = {
    polling: () => Promise.all([this.#collector?.turned(), ...[...this.runners.values()].map((runner) => runner.turned())]),
    store: () => this.#options.store.run('health', {}),
    uplink: () => this.#uplink?.turned() ?? Promise.resolve(),
  }

  /** Runs `then` when the daemon begins to stop. */
  onStop(then: () => void): void {
    this.#cancels.add(then)
  }

  get parameters(): SiteParameters {
    return this.#parameters
  }

  get parameterHash(): string {
    return this.#hash
  }

  get collector(): Collector | null {
    return this.#collector
  }

  /** Meters that stand in no archive. */
  get unknownMeters(): readonly UnknownMeter[] {
    return this.#discovery?.view() ?? []
  }

  get moneySafe(): boolean {
    return this.#moneySafe
  }

  get buses(): ReadonlyMap<LinkId, Bus> {
    return this.#buses.all
  }

  get runners(): ReadonlyMap<LinkId, Runner> {
    return this.#buses.runners
  }

  get uplink(): Uplink | null {
    return this.#uplink
  }

  async #loadParameters(): Promise<void> {
    const { settings, checks, store, log } = this.#options
    const { sets } = await store.run('stored-parameters', {})
    const links = settings.links.map((link) => link.id)
    const { parameters, refused } = siteInForce(settings.parameters, sets, { links, checks })
    this.#parameters = parameters
    this.#hash = parametersHash(parameters)
    for (const { set, error } of refused) {
      log.error('parameters-refused', { name: set.name, version: set.version, at: error.at, message: error.message })
      const detail = { name: set.name, version: set.version, at: error.at, message: error.message }
      await this.#record({ code: 'parameters.set-aside', severity: 'alarm', detail })
    }
  }

  #createExecutor(): OrderExecutor {
    const { store, clock, timers, log, protocols, settings, onFatal } = this.#options
    return createOrderExecutor({
      store,
      clock,
      timers,
      log,
      protocols,
      stamps: this.#stamps,
      runners: () => this.runners,
      buses: () => this.buses,
      parameters: () => this.#parameters,
      credentials: {
        relayOf: (id) => {
          const meter = this.#parameters.meters.find((known) => known.id === id)
          return meter === undefined ? null : (settings.secrets.credentialsFor(meter)?.reveal() ?? null)
        },
      },
      clocks: {
        of: (meter) => this.#collecting.clockOf(meter),
        noteSet: (meter) => this.#collecting.noteClockSet(meter),
      },
      setTime: (at) => this.#setTime(epochMs(at)),
      replay: ({ stream, first, count }) => {
        this.#uplink?.replay({ stream, first, count }, null)
        return Promise.resolve({ stream, first, count })
      },
      onWatch: (watch) => this.#collector?.watch(watch),
      onFault: (error) => onFatal(error instanceof Error ? error : new Error(String(error))),
    })
  }

  get #collecting(): Collector {
    if (this.#collector === null) throw new Error('the collector is made before any order is carried out')
    return this.#collector
  }

  /** Believes a signed time; stamps made before keep what they said. */
  #setTime(at: EpochMs): JournalledOrder['evidence'] {
    const { clock } = this.#options
    const wall = clock.wall().at
    clock.observe?.({ kind: 'signed-time', at, wall })
    return { correctionMs: at - wall }
  }

  #createCollector(): Collector {
    const { store, clock, timers, log, protocols, calendar, onFatal, settings } = this.#options
    return new Collector({
      ...{ store, clock, timers, log, protocols, calendar, runners: this.runners, buses: this.buses },
      ...collectorChoices(settings, this.buses),
      parameters: this.#parameters,
      onEffects: (effects) => this.#executor?.take(effects.orders),
      onMeterClock: (meter, offsetMs) => this.#hearMeterClock(meter, offsetMs),
      onFault: onFatal,
      setsMeterClocks: settings.clock.setMeterClocks,
    })
  }

  #createDiscovery(collector: Collector): Discovery {
    const { store, clock, timers, protocols, settings, onFatal } = this.#options
    return new Discovery({
      ...{ store, clock, timers, protocols, ...settings.collection.discovery, runners: this.runners, buses: this.buses },
      parameters: () => this.#parameters,
      tell: (event) => collector.tell(event),
      keep: (note) => collector.keep(note),
      onFault: (error) => onFatal(error instanceof Error ? error : new Error(String(error))),
    })
  }

  #createIntake(counters: Readonly<Record<string, number>>): OrderIntake {
    const { settings, checks, store, clock, log } = this.#options
    const links = settings.links.map((link) => link.id)
    return createOrderIntake(
      {
        concentrator: settings.concentrator,
        keys: () => this.#parameters.keys,
        clock,
        stamps: this.#stamps,
        store,
        log,
        checkParameters: (name, body) =>
          checkSet({ name, body }, { parameters: this.#parameters, links, checks }, clock.wall().at),
        onAccepted: (accepted) => this.#follow(accepted),
      },
      counters,
    )
  }

  /** What an accepted order changes beside the database: parameters, boundaries to read at, work for the executor. */
  async #follow({ order, effects, parameters }: AcceptedOrder): Promise<void> {
    const { body } = order.order
    if (parameters.length > 0 || body.kind === 'replace-meter') await this.#reconfigure()
    else if (body.kind === 'open-account' || body.kind === 'close-account') await this.#collector?.refreshAccounts()
    // What flows before an account's first reading is charged to nobody, so it is read at once.
    if (body.kind === 'open-account') this.#collector?.watch([{ meter: body.meter, readBy: this.#options.clock.wall().at }])
    if (order.stage === 'journalled') this.#executor?.take([order])
    this.#take(effects)
  }

  async #reconfigure(): Promise<void> {
    await this.#loadParameters()
    const { moneySafe, effects } = await this.#options.store.run('configure', {
      parameters: this.#parameters,
      stamp: this.#stamps.now(),
    })
    this.#moneySafe = moneySafe
    this.#buses.setMeters(this.#parameters.meters)
    await this.#collector?.reconfigure(this.#parameters)
    this.#take(effects)
  }

  #take(effects: Effects): void {
    if (this.#isStopped) return
    this.#collector?.watch(effects.watch)
    this.#executor?.take(effects.orders)
  }

  async #evaluate(): Promise<void> {
    const { effects } = await this.#options.store.run('evaluate-accounts', { stamp: this.#stamps.now() })
    this.#take(effects)
  }

  async #tellHealth(): Promise<void> {
    const { health } = await this.#options.store.run('health', {})
    const own = { parameterHash: this.#hash, moneySafe: this.#moneySafe }
    const body = healthBody(own, health, [...this.runners.values()])
    await this.#options.store.run('record-status', { body, stamp: this.#stamps.now() })
  }

  #hearMeterClock(meter: MeterId, offsetMs: number): void {
    this.#options.clock.observe?.({ kind: 'meter', meter, offsetMs })
  }

  #tellTrust(trust: ClockTrust, before: ClockTrust): void {
    const detail = { source: trust.source, offsetMs: Math.round(trust.offsetMs), before: before.source }
    const code = trust.trusted ? 'clock.trusted' : 'clock.untrusted'
    this.#options.log.warn('clock-trust', { trusted: trust.trusted, ...detail })
    this.#spawn('clock event', this.#record({ code, severity: trust.trusted ? 'info' : 'alarm', detail }))
    this.#spawn('evaluation after a change of clock trust', this.#evaluate())
  }

  async #record(event: EventFact): Promise<void> {
    if (this.#isStopped) return
    await this.#options.store.run('record-event', { event, stamp: this.#stamps.now() })
  }

  #spawn(name: string, work: Promise<unknown>): void {
    this.#options.supervisor.spawn(name, work)
  }

  /** Runs `work` again and again, each time after a pause; a slow turn is never overtaken by the next. */
  #every(pauseMs: number, work: () => Promise<void>): void {
    const cancel = this.#options.timers.after(pauseMs, () => {
      this.#cancels.delete(cancel)
      if (this.#isStopped) return
      this.#spawn(
        'periodic work',
        work().finally(() => this.#isStopped || this.#every(pauseMs, work)),
      )
    })
    this.#cancels.add(cancel)
  }
}
