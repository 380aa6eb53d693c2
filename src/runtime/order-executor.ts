import { relayTargetOf, type RelayTarget } from '../control/relay-target.js'
import type { JournalledOrder, LinkId, MeterId, SiteParameters } from '../model/index.js'
import type { Bus, Clock, Effects, Log, MeterProtocol, RelayState, Runner, Store, Timers, WatchHint } from '../ports/index.js'
import { readRelay, RelayJob, type Credentials, type Reachable } from './order-relay.js'
import { carryOutTask, type TaskSite } from './order-tasks.js'
import type { StampSource } from './stamps.js'

/** Orders carried out at a time, over all meters; the others wait in order. */
export const ordersAtOnceMax = 64
/** Orders held in memory; further ones stay in the journal and are fetched when these are done. */
export const ordersHeldMax = 4096
/**
 * An order that waits longer than this for its next read-back lets the meter's other orders pass; until then it is proven before
 * the next one leaves, which would make its effect unreadable.
 */
export const parkAboveMs = 1500

export interface OrderExecutorOptions {
  readonly store: Store
  /** Asked anew each time: parameters, links and runners may change under a running order. */
  readonly parameters: () => SiteParameters
  readonly runners: () => ReadonlyMap<LinkId, Runner>
  readonly buses: () => ReadonlyMap<LinkId, Bus>
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly credentials: Credentials
  readonly clock: Clock
  readonly timers: Timers
  readonly stamps: StampSource
  readonly log: Log
  readonly clocks: TaskSite['clocks']
  readonly setTime: TaskSite['setTime']
  readonly replay: TaskSite['replay']
  /** Watch hints of what orders led to; their rule orders are taken up by the executor itself. */
  readonly onWatch: (watch: readonly WatchHint[]) => void
  /** A fault of ours or of the store while an order was carried out; the order stays in the journal for the next start. */
  readonly onFault: (error: unknown) => void
}

/** Carries journalled orders out, one at a time for each meter, and reports how they ended. */
export interface OrderExecutor {
  /** Orders that were just journalled: from an intake, or from any command's effects. */
  take(orders: readonly JournalledOrder[]): void
  /** Takes up what the journal holds: at start, before anything else is taken. */
  resume(): Promise<void>
  /** Reads a relay without an order and tells the store what it is. */
  seeRelay(meter: MeterId): Promise<RelayState>
  /** Orders held at present. */
  readonly held: number
  /** Settles when nothing is held any more. */
  idle(): Promise<void>
  /** Begins nothing further; settles when the step in flight of each order has ended. What is unfinished is verified at the next start. */
  close(): Promise<void>
}

export function createOrderExecutor(options: OrderExecutorOptions): OrderExecutor {
  return new Executor(options)
}

/** An order of one lane. A relay order that waits for its next read-back is parked beside the lane. */
interface Waiting {
  readonly order: JournalledOrder
  readonly isResumed: boolean
  relay: RelayJob | null
  isDue: boolean
}

interface Lane {
  readonly queue: Waiting[]
  readonly parked: Map<Waiting, () => void>
  isBusy: boolean
}

class Executor implements OrderExecutor {
  readonly #options: OrderExecutorOptions
  readonly #site: TaskSite
  readonly #lanes = new Map<string, Lane>()
  readonly #held = new Set<number>()
  #active = 0
  #isBehind = false
  #isClosed = false
  #whenIdle: (() => void)[] = []
  #whenStill: (() => void)[] = []

  constructor(options: OrderExecutorOptions) {
    this.#options = options
    this.#site = {
      ...options,
      reach: (meter) => reach(meter, options),
      needChip: new Set(),
      onEffects: (effects) => this.#follow(effects),
      onRelayRead: (meter) => this.#wakeParked(meter),
    }
  }

  get held(): number {
    return this.#held.size
  }

  take(orders: readonly JournalledOrder[]): void {
    this.#takeAll(orders, false)
  }

  async resume(): Promise<void> {
    const { orders } = await this.#options.store.run('open-orders', {})
    this.#takeAll(orders, true)
  }

  async seeRelay(meter: MeterId): Promise<RelayState> {
    const state = await readRelay(meter, this.#site)
    if (state.kind === 'unreadable' || this.#isClosed) return state
    const { contact, alarm } = state
    const seen = { meter, contact, alarm, protected: state.protected, stamp: this.#options.stamps.now() }
    const { effects } = await this.#options.store.run('relay-seen', seen)
    this.#follow(effects)
    return state
  }

  idle(): Promise<void> {
    if (this.#held.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenIdle.push(resolve))
  }

  close(): Promise<void> {
    this.#isClosed = true
    for (const lane of this.#lanes.values()) {
      for (const cancel of lane.parked.values()) cancel()
      lane.parked.clear()
    }
    if (this.#active === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenStill.push(resolve))
  }

  #takeAll(orders: readonly JournalledOrder[], isResumed: boolean): void {
    for (const order of orders) {
      if (this.#held.has(order.id)) continue
      if (this.#held.size >= ordersHeldMax) {
        this.#isBehind = true
        continue
      }
      this.#held.add(order.id)
      this.#lane(laneOf(order)).queue.push({ order, isResumed, relay: null, isDue: false })
    }
    this.#pump()
  }

  #lane(key: string): Lane {
    const lane = this.#lanes.get(key) ?? { queue: [], parked: new Map(), isBusy: false }
    this.#lanes.set(key, lane)
    return lane
  }

  #follow(effects: Effects): void {
    if (this.#isClosed) return
    this.take(effects.orders)
    if (effects.watch.length > 0) this.#options.onWatch(effects.watch)
  }

  #pump(): void {
    for (const [key, lane] of this.#lanes) {
      if (this.#isClosed || this.#active >= ordersAtOnceMax) return
      const next = lane.isBusy ? undefined : takeNext(lane)
      if (next === undefined) continue
      lane.isBusy = true
      this.#active += 1
      this.#carryOut(next, lane)
        .catch((error: unknown) => {
          this.#held.delete(next.order.id)
          this.#options.onFault(error)
        })
        .finally(() => this.#ended(key, lane))
        .catch(this.#options.onFault)
    }
  }

  #ended(key: string, lane: Lane): void {
    lane.isBusy = false
    this.#active -= 1
    if (lane.queue.length === 0 && lane.parked.size === 0) this.#lanes.delete(key)
    if (this.#active === 0) for (const still of this.#whenStill.splice(0)) still()
    this.#pump()
    if (this.#held.size > 0) return
    for (const idle of this.#whenIdle.splice(0)) idle()
    if (!this.#isBehind || this.#isClosed) return
    this.#isBehind = false
    this.resume().catch(this.#options.onFault)
  }

  async #carryOut(waiting: Waiting, lane: Lane): Promise<void> {
    const { order } = waiting
    const target = relayTargetOf(order.order.body)
    const isOver = target === null ? await this.#task(waiting) : await this.#relay(waiting, { lane, target })
    if (!isOver) return
    this.#held.delete(order.id)
    this.#options.log.info('order-ended', { order: order.id, kind: order.order.body.kind })
  }

  async #task({ order, isResumed }: Waiting): Promise<true> {
    const end = await carryOutTask(order, isResumed, this.#site)
    if (end === null) return true
    const outcome = { id: order.id, ...end, stamp: this.#options.stamps.now() }
    const { effects } = await this.#options.store.run('order-outcome', outcome)
    this.#follow(effects)
    return true
  }

  /** @returns whether the order is over; false: it was parked, or we are closing */
  async #relay(waiting: Waiting, how: { readonly lane: Lane; readonly target: RelayTarget }): Promise<boolean> {
    const job = waiting.relay ?? new RelayJob(waiting.order, how.target, this.#site)
    waiting.relay = job
    while (!this.#isClosed) {
      if (job.waitMs > 0 && !waiting.isDue) {
        if (job.isFirst || job.waitMs > parkAboveMs) return this.#park(waiting, how.lane, job)
        await new Promise<void>((resolve) => void this.#options.timers.after(job.waitMs, resolve))
        if (this.#isClosed) return false
      }
      waiting.isDue = false
      if (!(await job.advance())) return true
    }
    return false
  }

  #park(waiting: Waiting, lane: Lane, { waitMs, isFirst }: RelayJob): false {
    const wake = (): void => {
      lane.parked.delete(waiting)
      waiting.isDue = true
      if (isFirst) lane.queue.unshift(waiting)
      else lane.queue.push(waiting)
      this.#pump()
    }
    lane.parked.set(waiting, this.#options.timers.after(waitMs, wake))
    return false
  }

  /** The meter answers again: orders that wait to verify themselves need not wait any longer. */
  #wakeParked(meter: MeterId): void {
    const lane = this.#lanes.get(`meter ${meter}`)
    if (lane === undefined) return
    for (const [waiting, cancel] of lane.parked) {
      // Only those that could not read it: two that poll for the relay would wake each other without end.
      if (waiting.relay?.isBlind !== true) continue
      cancel()
      lane.parked.delete(waiting)
      waiting.isDue = true
      lane.queue.push(waiting)
    }
    this.#pump()
  }
}

/** The next order of a lane; while one waits that is to leave first, only those that have begun. */
function takeNext({ queue, parked }: Lane): Waiting | undefined {
  const isHeld = [...parked.keys()].some(({ relay }) => relay?.isFirst === true)
  const at = isHeld ? queue.findIndex(({ relay }) => relay !== null) : 0
  return at < 0 ? undefined : queue.splice(at, 1)[0]
}

/** Orders of one meter run one after another; those without a meter, by kind. */
function laneOf({ order }: JournalledOrder): string {
  const { body } = order
  return 'meter' in body ? `meter ${body.meter}` : body.kind
}

function reach(id: MeterId, { parameters, protocols, runners, buses }: OrderExecutorOptions): Reachable | null {
  const meter = parameters().meters.find((candidate) => candidate.id === id)
  const protocol = meter === undefined ? undefined : protocols.get(meter.protocol)
  const runner = meter === undefined ? undefined : runners().get(meter.link)
  if (meter === undefined || protocol === undefined || runner === undefined) return null
  return { meter, protocol, runner, bus: buses().get(meter.link) }
}
