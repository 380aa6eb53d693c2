import type { ClockRules, MeterClock } from '../collection/index.js'
import { epochMs, toLocal } from '../model/index.js'
import type { EpochMs, LinkId, Meter, MeterAddress, MeterId, MonotonicMs, SiteParameters } from '../model/index.js'
import type { Bus, Clock, MeterProtocol, Priority, Runner, Session } from '../ports/index.js'
import { sessionAtArrival } from './timed-session.js'

export interface ClockTellerOptions {
  readonly clock: Clock
  readonly buses: () => ReadonlyMap<LinkId, Bus>
  readonly parameters: () => SiteParameters
  readonly rules: ClockRules
  readonly clockOf: (meter: MeterId) => MeterClock
  readonly noteSet: (meter: MeterId, at: EpochMs) => void
}

export type ClockCare = NonNullable<MeterProtocol['clock']>

/** To whom a broadcast goes: all meters of a protocol on a link. */
export interface Told {
  readonly care: ClockCare
  readonly meters: readonly Meter[]
}

/** Tells meters the time at which it arrives, whoever asked for it. */
export class ClockTeller {
  readonly #options: ClockTellerOptions

  constructor(options: ClockTellerOptions) {
    this.#options = options
  }

  /** To one meter. @param delayMs from a request's leaving to its arrival, where the bus has no pace of its own */
  toOne(care: ClockCare, meter: Meter, delayMs: number): Session<'sent' | 'not-sent'> {
    const byteMs = this.#options.buses().get(meter.link)?.capabilities.byteMs
    return this.#session(care, meter.address, (bytes) => (byteMs === undefined ? delayMs : bytes * byteMs))
  }

  /** To all that take it; those have had their set of the day. @returns whether it left */
  async toAll(runner: Runner, { care, meters }: Told, how: { priority: Priority; expiresAt: MonotonicMs }): Promise<boolean> {
    const { buses, parameters } = this.#options
    const bus = buses().get(runner.link)
    if (bus?.capabilities.broadcast === false) return false
    const { effect } = care.broadcast(toLocal(this.now(), parameters().utcOffsetMinutes), 'all')
    // A module tells how long this very frame takes to reach all meters, and keeps the line free for it.
    const meshMs = effect.kind === 'exchange' ? ((await bus?.network?.broadcastDelayMs?.(effect.bytes)) ?? 0) : 0
    const session = this.#session(care, 'all', (bytes) => bytes * (bus?.capabilities.byteMs ?? 0) + meshMs)
    const result = await runner.run({ meter: 'all', session, ...how })
    if (result.kind !== 'settled' || result.outcome !== 'sent') return false
    for (const { id } of meters) this.#noteBroadcast(id)
    return true
  }

  now(): EpochMs {
    return epochMs(Math.round(this.#options.clock.wall().at))
  }

  /** Meters that are off by more do not take it. */
  #noteBroadcast(meter: MeterId): void {
    const { clockOf, rules, noteSet } = this.#options
    const { driftMs } = clockOf(meter)
    if (driftMs === null || Math.abs(driftMs) <= rules.meterAcceptsMs) noteSet(meter, this.now())
  }

  #session(care: ClockCare, to: MeterAddress | 'all', delayMs: (bytes: number) => number) {
    const { utcOffsetMinutes } = this.#options.parameters()
    return sessionAtArrival(
      (at) => care.broadcast(toLocal(at, utcOffsetMinutes), to),
      () => this.now(),
      delayMs,
    )
  }
}
