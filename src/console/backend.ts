import type { DayStatistics } from '../collection/index.js'
import type { EpochMs, InputError, LinkId, MeterAddress, MeterId, MonotonicMs, Result, SiteParameters } from '../model/index.js'
import type {
  MeshSnapshot,
  OrderIntake,
  ReadOutcome,
  RunnerSnapshot,
  Store,
  StoreCommandName,
  StoreCommands,
  TraceLine,
  UplinkState,
} from '../ports/index.js'

/** Store commands that only read. The console changes nothing by itself: what changes anything is a signed order. */
export const consoleQueries = [
  'accounts',
  'entries',
  'why',
  'events',
  'gaps',
  'open-orders',
  'order',
  'health',
  'extents',
  'read-stream',
  'cursors',
  'stored-parameters',
] as const satisfies readonly StoreCommandName[]
export type ConsoleQuery = (typeof consoleQueries)[number]

/** What the console's server asks of the daemon. Nothing here waits for a meter but `read`. */
export interface ConsoleBackend {
  query<K extends ConsoleQuery>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']>
  /** Tells the new end of each stream after a commit. */
  readonly onAppended: Store['onAppended']
  site(): ConsoleSite
  clock(): ConsoleClock
  collection(): ConsoleCollection | null
  links(): readonly ConsoleLink[]
  uplink(): readonly UplinkState[]
  /** The network behind a link's module or radio; null: no such link, or meters hang on its wire itself. */
  network(link: LinkId): MeshSnapshot | null
  /** The latest raw bytes of a link, oldest first; null: no such link. */
  trace(link: LinkId): readonly TraceLine[] | null
  /** Registers of one meter, read now at the priority of live calls. */
  read(call: {
    readonly meter: MeterId
    readonly registers: readonly string[]
  }): Promise<Result<readonly ReadOutcome[], InputError>>
  /** The one way in for orders. */
  readonly intake: OrderIntake
  disk(): ConsoleDisk
  /** Each loop of the watchdog with whether it turned in time. */
  loops(): Promise<readonly { readonly loop: string; readonly turned: boolean }[]>
  /** Commits a record that a self-test was made. @returns how long the commit took, ms */
  noteSelfTest(failed: readonly string[]): Promise<number>
}

export interface ConsoleSite {
  readonly parameters: SiteParameters
  readonly parameterHash: string
  readonly software: string
  readonly startedAt: MonotonicMs
  readonly masters: number
  /** Meters with a relay for which no credentials are kept. */
  readonly withoutCredentials: readonly MeterId[]
}

export interface ConsoleClock {
  readonly at: EpochMs
  readonly trusted: boolean
  readonly monotonic: MonotonicMs
  readonly boot: string
}

export interface ConsoleLink extends RunnerSnapshot {
  readonly url: string
  readonly driver: string
  readonly meters: number
}

/** What of the collection's own view the console shows. */
export interface ConsoleCollection {
  readonly waitsForClock: boolean
  readonly openSlots: number
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
  /** Meters that stand in no archive; absent: nobody looks for any. */
  readonly unknown?: readonly {
    readonly link: LinkId
    readonly address: MeterAddress
    readonly protocol: string | null
    readonly firstSeenAt: EpochMs
    readonly lastSeenAt: EpochMs
  }[]
}

export interface ConsoleDisk {
  /** Free for us on the file system of the database; null where the database is in memory. */
  readonly freeBytes: number | null
  /** What must stay free for money and orders. */
  readonly reserveBytes: number
  readonly budgetBytes: number
}
