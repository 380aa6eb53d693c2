import type { InputError, LinkId, MasterId, MeterAddress, Result, SiteParameters } from '../model/index.js'
import type { Calendar, MeterProtocol } from '../ports/index.js'
import type { Secrets } from './secrets.js'

/** Everything the daemon is told by its files. What orders may change stands in `parameters`, the rest needs a restart. */
export interface Settings {
  readonly concentrator: string
  readonly parameters: SiteParameters
  readonly database: DatabaseSettings
  readonly links: readonly LinkSettings[]
  readonly masters: readonly MasterSettings[]
  readonly console: ConsoleSettings
  readonly log: { readonly level: LogLevel }
  readonly watchdog: WatchdogSettings
  readonly clock: ClockSettings
  readonly collection: CollectionChoices
  readonly secrets: Secrets
  /** Protocols that the site's own register maps make, by name: `modbus-rtu:NAME`. */
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  /** Absolute paths of the files that were read, for messages and backups. */
  readonly files: readonly string[]
}

export interface DatabaseSettings {
  /** Absolute. */
  readonly path: string
  /** The file's budget; beyond it streams are evicted in the order of `parameters.retention`. */
  readonly bytesMax: number
  /** Kept free for money and orders: readings are refused when less is left on the disk. */
  readonly reserveBytes: number
}

export interface ClockSettings {
  /** Our own clock counts as right without any time source. */
  readonly assumeSynchronised: boolean
  /** Meters whose clocks are off are set without an order, within the field's rules. */
  readonly setMeterClocks: boolean
  /** When the time is broadcast to all meters each day, minutes after local midnight; null: never. */
  readonly broadcastAt: number | null
}

export interface LinkSettings {
  readonly id: LinkId
  /** A medium's registered name: `rs485`. */
  readonly driver: string
  /** `serial:/dev/…?baud=…` or `tcp://host:port`. */
  readonly url: string
  /** Silence kept on the wire before each request. */
  readonly quietGapMs: number
  /** Longest wait for the first byte of a reply to a read; the deadline of each meter adapts below it. */
  readonly firstByteMs: number
  /** What only this driver knows, checked by the driver. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface MasterSettings {
  readonly id: MasterId
  /** In order of preference: `mqtts://host:8883`. */
  readonly brokers: readonly string[]
  readonly keepAliveS: number
  /** Pauses between attempts to connect grow from the first to the longest, with jitter. */
  readonly reconnect: { readonly firstMs: number; readonly maxMs: number }
  /** Absolute paths; null: without TLS. */
  readonly tls: { readonly ca: string; readonly cert: string | null; readonly key: string | null } | null
  /** Largest batch on the wire. */
  readonly batchBytesMax: number
  /** Bytes under way without an acknowledgement. */
  readonly windowBytesMax: number
}

export interface ConsoleSettings {
  readonly socket: string
  /** Null: the group of the process. */
  readonly group: string | null
  readonly mode: number
}

/** How buses are shared, and what the box does beside its tasks. */
export interface CollectionChoices {
  /** Of each bus's time, what back-fill may take in an hour; above 0 up to 1. */
  readonly backfillShare: number
  /** A register that a meter refused is asked for again after so long. */
  readonly refusedRetryMs: number
  /** A meter that has not answered for so long is told as vanished. */
  readonly vanishedAfterMs: number
  readonly discovery: {
    /** From the beginning of one search of a bus to the next; null: nobody is looked for. */
    readonly everyMs: number | null
    /** Of a bus's time, what a search may take. */
    readonly share: number
  }
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface WatchdogSettings {
  /** A polling, store or uplink loop that has not turned for so long is told in the log; systemd's own limit stands in the unit. */
  readonly stallMs: number
}

/** What the settings ask of others: what a cron expression, a register, an address or a link means is theirs to say. */
export interface SettingsChecks {
  readonly nextAfter: Calendar['nextAfter']
  readonly protocols: ReadonlyMap<string, ProtocolCheck>
  /** For each medium: whether it can be reached by this address with these options, or all that is wrong with them. */
  readonly drivers: ReadonlyMap<string, LinkCheck>
  /** Whether meters of a protocol can be reached through a driver; absent: all through all. */
  readonly carries?: (driver: string, protocol: string) => boolean
  readonly modbusMaps: MapCheck
}

/** What makes a protocol of a register map. */
export interface MapCheck {
  /** The protocol's name for a map of this name. */
  readonly protocolName: (map: string) => string
  /** The protocol for devices of a map that was read from YAML; or all that is wrong with it, `at` being its keys. */
  readonly protocolOf: (document: unknown) => Result<MeterProtocol, readonly InputError[]>
}

export type LinkCheck = (url: string, options: Readonly<Record<string, unknown>>) => Result<unknown, readonly InputError[]>

export interface ProtocolCheck {
  readonly checkRegister: (register: string) => Result<string, InputError>
  readonly checkAddress: (address: string) => Result<MeterAddress, InputError>
  readonly relay?: unknown
}
