import type { ClockRules, CollectionSettings } from '../collection/index.js'
import type { LinkId, MeterId, SiteParameters } from '../model/index.js'
import type { Bus, Calendar, Clock, Effects, Log, MeterProtocol, Runner, Store, Timers } from '../ports/index.js'

/** What a collector works with. */
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
  /** The media behind the runners, for what they can do; default: wires of no known pace. */
  readonly buses?: ReadonlyMap<LinkId, Bus>
  /** What a link runs on, for the statistics; default: each link for itself. */
  readonly mediumOf?: (link: LinkId) => string
  /** When the time is broadcast to all meters each day, minutes after local midnight; default: never. */
  readonly clockBroadcastAt?: number | null
}
