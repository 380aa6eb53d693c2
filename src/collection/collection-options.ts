import type { EpochMs, LinkId, MeterId } from '../model/index.js'
import type { ClockRules } from './clock-care.js'
import type { RelaySighting } from './relay-sighting.js'
import type { CollectionSettings } from './settings.js'
import type { BookOutput } from './slot-book.js'

export interface CollectionOptions {
  readonly settings: CollectionSettings
  readonly clockRules: ClockRules
  readonly utcOffsetMinutes: number
  /** The first instant strictly after `after` at which a calendar fires. */
  readonly nextAfter: (cron: string, after: EpochMs) => EpochMs
  /** The first change of rate of a tariff strictly after an instant; null: none. */
  readonly nextBoundary: (tariff: string, after: EpochMs) => EpochMs | null
  /** What a link runs on, for the statistics; default: each link for itself. */
  readonly mediumOf?: (link: LinkId) => string
  /** False: the meter has not joined the network of its link; default: it has. */
  readonly hasJoined?: (meter: MeterId) => boolean
}

/** What the shell must carry out; everything since it was last taken. */
export interface CollectionOutput extends BookOutput {
  /** Clocks of meters that were read: meter − us, whether or not our own clock is trusted. */
  readonly clocks: readonly { readonly meter: MeterId; readonly driftMs: number }[]
  /** Relays seen in a status word that was read in passing. */
  readonly relays: readonly ({ readonly meter: MeterId } & RelaySighting)[]
  /** The wall clock was set back: what had ended by the old time is to be looked up and told by `alreadyEnded`. */
  readonly steppedBack: boolean
  /** Meters whose relay state an account asks for. */
  readonly relayReads: readonly MeterId[]
  /** Meters of which something is known anew that is to be kept: see `meterNote`. */
  readonly learnt: readonly MeterId[]
}
