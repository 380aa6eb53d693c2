import { broadcastRefusal, clockSetRefusal, type ClockRules, type MeterClock } from '../collection/index.js'
import { monotonicMs } from '../model/index.js'
import type { EpochMs, EventFact, LinkId, Meter, MeterId, SiteParameters } from '../model/index.js'
import type { Bus, Clock, Log, MeterProtocol, Runner } from '../ports/index.js'
import { ClockTeller } from './clock-teller.js'

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

/** Sets meters' clocks by the field's rules, so that the time is right when it arrives. */
export class MeterClocks {
  readonly #options: MeterClocksOptions
  readonly #teller: ClockTeller

  constructor(options: MeterClocksOptions) {
    this.#options = options
    this.#teller = new ClockTeller({ ...options, buses: () => options.buses })
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
    const session = this.#teller.toOne(care, meter, clock.delayMs)
    const job = { meter: meter.address, session, priority: 'clock-care', expiresAt: this.#until(CLOCK_SET_MS) } as const
    runner.run(job).then((result) => {
      if (result.kind !== 'settled' || result.outcome !== 'sent') return
      noteSet(id, this.#teller.now())
      log.info('meter-clock-set', { meter: id, driftMs: clock.driftMs })
    }, onFault)
  }

  /** Tells all meters of all links the time, once for each protocol on a link: DL/T 645 first, then those that answer to their own broadcast. */
  broadcast(): void {
    const { parameters, rules, runners, log, onFault } = this.#options
    const refusal = broadcastRefusal(this.#moment(), parameters().utcOffsetMinutes, rules)
    if (refusal !== null) return log.warn('meter-clock-broadcast-held', { refusal })
    for (const runner of runners.values()) {
      for (const { protocol, meters } of protocolsOn(runner.link, parameters().meters))
        this.#broadcastOn(runner, protocol, meters).catch(onFault)
    }
  }

  async #broadcastOn(runner: Runner, protocol: string, meters: readonly Meter[]): Promise<void> {
    const { protocols, onEvent } = this.#options
    const { link } = runner
    const care = protocols.get(protocol)?.clock
    if (care === undefined) return
    const how = { priority: 'clock-care', expiresAt: this.#until(BROADCAST_MS) } as const
    if (!(await this.#teller.toAll(runner, { care, meters }, how))) return
    onEvent({ code: 'meter-clock.broadcast', severity: 'info', link, detail: { protocol, meters: meters.length } })
  }

  #until(ms: number) {
    return monotonicMs(this.#options.clock.monotonic() + ms)
  }

  #moment(): { readonly at: EpochMs; readonly trusted: boolean } {
    return { at: this.#teller.now(), trusted: this.#options.clock.wall().trusted }
  }
}

/** The meters of a link by protocol, in the protocols' order. */
export function protocolsOn(
  link: LinkId,
  archive: readonly Meter[],
): readonly { readonly protocol: string; readonly meters: readonly Meter[] }[] {
  const meters = archive.filter((meter) => meter.link === link)
  const names = [...new Set(meters.map((meter) => meter.protocol))].sort()
  return names.map((protocol) => ({ protocol, meters: meters.filter((meter) => meter.protocol === protocol) }))
}
