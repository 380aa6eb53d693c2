import type { Bus, Calendar, Clock, Log, MeterProtocol, OrderIntake, Random, Store, Timers, Uplink } from '../ports/index.js'
import type { LinkSettings, Settings, SettingsChecks } from '../settings/index.js'
import type { ClockObservation, ClockTrust } from './clock-trust.js'
import type { Supervisor } from './supervisor.js'

/** What an uplink is made with, once the daemon knows it. */
export interface UplinkParts {
  readonly intake: OrderIntake
  readonly parameterHash: () => string
}

/** The daemon's clock, with the ways in which it learns of the time. A simulation's clock may leave them out. */
export interface DaemonClock extends Clock {
  observe?(seen: ClockObservation): void
  onTrust?(handler: (trust: ClockTrust, before: ClockTrust) => void): void
  checkSystem?(): void
}

export interface DaemonOptions {
  readonly settings: Settings
  readonly checks: SettingsChecks
  readonly store: Store
  readonly clock: DaemonClock
  readonly timers: Timers
  readonly random: Random
  readonly calendar: Calendar
  readonly log: Log
  readonly supervisor: Supervisor
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  /** Opens a link's bus by its driver; the bus keeps itself open from then on. */
  readonly openBus: (link: LinkSettings) => Bus
  readonly createUplink: ((parts: UplinkParts) => Uplink) | null
  /** Something without which the process is of no use: it is to end and be started anew. */
  readonly onFatal: (error: Error) => void
}
