import { broadcastRefusal, clockSetRefusal, type ClockRules, type MeterClock } from '../collection/index.js'
import { epochMs, monotonicMs, toLocal } from '../model/index.js'
import type { EpochMs, EventFact, LinkId, Meter, MeterAddress, MeterId, SiteParameters } from '../model/index.js'
import type { Bus, Clock, Log, MeterProtocol, Runner } from '../ports/index.js'
import { sessionAtArrival } from './timed-session.js'

export interface MeterClocksOptions {
  readonly clock: Clock
  readonly log: Log
  readonly runners: ReadonlyMap<LinkId, Runner>
  readonly buses: ReadonlyMap<LinkId, Bus>
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly parameters: () => SiteParameters
  readonly rules: ClockRules
  readonly clockOf: (meter: MeterId) => MeterClock
  readonly noteSet: (meter: MeterId, at: EpochMs) => void
  readonly onEvent: (event: EventFact) => void
  readonly onFault: (error: unknown) => void
}

/** A set waits no longer for its bus: the time is put in when it leaves, but the rules were asked before. */
const CLOCK_SET_MS = 10_000
/** A broadcast to all is in no hurry: it may wait for a back-fill's exchange, or for a module. */
const BROADCAST_MS = 60_000

type ClockCare = NonNullable<MeterProtocol['clock']>

/** Sets meters' clocks by the field's rules, so that the time is right when it arrives. */
export class MeterClocks {
  readonly #options: MeterClocksOptions

  constructor(options: MeterClocksOptions) {
    this.#options = options
  }

  /** Sets one meter's clock when the rules allow it: its excess is reported first. */
  correct(id: MeterId): void {
    const { clockOf, rules, parameters, runners, protocols, log, noteSet, onFault } = this.#options
    const clock = clockOf(id)
    if (clockSetRefusal(clock, this.#moment(), parameters().utcOffsetMinutes, rules) !== null) return
    const meter = parameters().meters.find((known) => known.id === id)
    const runner = meter && runners.get(meter.link)
    const care = meter && protocols.get(meter.protocol)?.clock
    if (meter === undefined || runner === undefined || care === undefined) return
    const byteMs = this.#options.buses.get(meter.link)?.capabilities.byteMs
    const session = this.#session(care, meter.address, (bytes) => (byteMs === undefined ? clock.delayMs : bytes * byteMs))
    const job = { meter: meter.address, session, priority: 'clock-care', expiresAt: this.#until(CLOCK_SET_MS) } as const
    runner.run(job).then((result) => {
      if (result.kind !== 'settled' || result.outcome !== 'sent') return
      noteSet(id, this.#moment().at)
      log.info('meter-clock-set', { meter: id, driftMs: clock.driftMs })
    }, onFault)
  }

  /** Tells all meters of all links the time, once for each protocol on a link: DL/T 645 first, then those that answer to their own broadcast. */
  broadcast(): void {
    const { parameters, rules, runners, log, onFault } = this.#options
    const refusal = broadcastRefusal(this.#moment(), parameters().utcOffsetMinutes, rules)
    if (refusal !== null) return log.warn('meter-clock-broadcast-held', { refusal })
    for (const [link, runner] of runners) {
      const meters = parameters().meters.filter((meter) => meter.link === link)
      for (const protocol of [...new Set(meters.map((meter) => meter.protocol))].sort()) {
        const told = meters.filter((meter) => meter.protocol === protocol)
        this.#broadcastOn(runner, protocol, told).catch(onFault)
      }
    }
  }

  async #broadcastOn(runner: Runner, protocol: string, meters: readonly Meter[]): Promise<void> {
    const { protocols, buses, parameters, onEvent } = this.#options
    const { link } = runner
    const bus = buses.get(link)
    const care = protocols.get(protocol)?.clock
    if (bus?.capabilities.broadcast === false || care === undefined) return
    const { effect } = care.broadcast(toLocal(this.#moment().at, parameters().utcOffsetMinutes), 'all')
    // A module tells how long this very frame takes to reach all meters, and keeps the line free for it.
    const meshMs = effect.kind === 'exchange' ? ((await bus?.network?.broadcastDelayMs?.(effect.bytes)) ?? 0) : 0
    const session = this.#session(care, 'all', (bytes) => bytes * (bus?.capabilities.byteMs ?? 0) + meshMs)
    const result = await runner.run({ meter: 'all', session, priority: 'clock-care', expiresAt: this.#until(BROADCAST_MS) })
    if (result.kind !== 'settled' || result.outcome !== 'sent') return
    for (const { id } of meters) this.#noteBroadcast(id)
    onEvent({ code: 'meter-clock.broadcast', severity: 'info', link, detail: { protocol, meters: meters.length } })
  }

  /** Meters that are off by more do not take it. */
  #noteBroadcast(meter: MeterId): void {
    const { clockOf, rules, noteSet } = this.#options
    const { driftMs } = clockOf(meter)
    if (driftMs === null || Math.abs(driftMs) <= rules.meterAcceptsMs) noteSet(meter, this.#moment().at)
  }

  #session(care: ClockCare, to: MeterAddress | 'all', delayMs: (bytes: number) => number) {
    const { utcOffsetMinutes } = this.#options.parameters()
    return sessionAtArrival(
      (at) => care.broadcast(toLocal(at, utcOffsetMinutes), to),
      () => this.#moment().at,
      delayMs,
    )
  }

  #until(ms: number) {
    return monotonicMs(this.#options.clock.monotonic() + ms)
  }

  #moment(): { readonly at: EpochMs; readonly trusted: boolean } {
    const { at, trusted } = this.#options.clock.wall()
    return { at: epochMs(Math.round(at)), trusted }
  }
}
