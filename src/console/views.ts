import type { AccountState, EntryKind, EpochMs, EventRecord, OrderStage, Severity } from '../model/index.js'

import type { MeshAir, MeshModule, MeshNodeState, MeshSnapshot, UplinkState } from '../ports/index.js'

/*
 * The console's answers as they stand on the wire and in `--json`: plain data. Instants are milliseconds since 1970 UTC, amounts
 * and energies decimal text in yuan or kWh.
 */

export type Detail = Readonly<Record<string, string | number | boolean | null>>

/** Every answer that holds instants says at which offset the site lives. */
export interface Sited {
  readonly utcOffsetMinutes: number
}

export interface StatusView extends Sited {
  readonly concentrator: string
  readonly software: string
  readonly at: EpochMs
  readonly clockTrusted: boolean
  readonly upSeconds: number
  readonly moneySafe: boolean
  readonly parameterHash: string
  readonly links: readonly LinkView[]
  readonly collection: CollectionView | null
  readonly accounts: AccountCounts
  readonly openOrders: number
  readonly uplink: readonly MasterView[]
  readonly store: StoreView
}

export interface LinkView {
  readonly link: string
  readonly url: string
  readonly up: boolean
  readonly meters: number
  readonly silentMeters: number
  readonly queued: number
  readonly exchanges: number
  readonly replies: number
  readonly silent: number
  readonly garbled: number
}

export interface CollectionView {
  readonly waitsForClock: boolean
  readonly openSlots: number
  readonly pointsWaiting: number
  readonly pointsStored: number
  readonly pointsRefused: number
  /** Of the day that runs now, over all links and items. */
  readonly today: CountsView
  /** The same for each medium and each of its links, with how long values take from the moment they are asked for. */
  readonly media: readonly (SuccessView & {
    readonly medium: string
    readonly links: readonly (SuccessView & { readonly link: string })[]
  })[]
}

export interface CountsView {
  readonly due: number
  /** Got by the first question. */
  readonly first: number
  readonly later: number
  readonly missing: Readonly<Record<string, number>>
}

export interface SuccessView extends CountsView {
  readonly latency: { readonly p50Ms: number | null; readonly p95Ms: number | null; readonly p99Ms: number | null }
  readonly items: readonly (CountsView & { readonly item: string })[]
}

export interface AccountCounts {
  readonly total: number
  readonly byState: Readonly<Record<string, number>>
  readonly unverified: number
  /** Accounts whose cut is held by a guard. */
  readonly held: number
}

export interface MasterView {
  readonly master: string
  readonly state: UplinkState['state']
  readonly since: EpochMs
  readonly broker: string
  readonly lastError: string | null
  readonly reconnects: number
  /** Records of all streams that this master has not acknowledged. */
  readonly waiting: number
}

export interface StoreView {
  readonly state: 'fresh' | 'opened' | 'salvaged'
  readonly fileBytes: number
  readonly freeBytes: number | null
  readonly pendingValues: number
  readonly refusedValues: number
}

export interface MeterView {
  readonly meter: string
  readonly address: string
  readonly link: string
  readonly profile: string
  readonly role: string
  readonly phase: string
  readonly box: string
  readonly lastReplyAt: EpochMs | null
  readonly silent: boolean
  readonly clockDriftMs: number | null
  readonly account: string | null
}

export interface MetersView extends Sited {
  readonly meters: readonly MeterView[]
  /** Found on a bus or reported by a module, and in no archive: neither read nor billed. */
  readonly unknown: readonly UnknownMeterView[]
}

export interface UnknownMeterView {
  readonly link: string
  readonly address: string
  readonly protocol: string | null
  readonly firstSeenAt: EpochMs
  readonly lastSeenAt: EpochMs
}

/** What `read` and `probe` print of a register. */
export interface RegisterView {
  readonly register: string
  /** `bits`: the names of a status word's set bits, for eyes; `--json` leaves them out. */
  readonly values: readonly {
    /** Of a unit of a local module: the field's name. */
    readonly name?: string
    readonly value: string | null
    readonly unit: string | null
    readonly bits?: readonly string[]
  }[]
  readonly error: { readonly code: string; readonly bits: readonly string[]; readonly message: string } | null
}

export interface ReadView {
  /** Everything asked was answered, be it by a well-formed refusal. */
  readonly ok: boolean
  readonly meter: string
  readonly address: string
  readonly reads: readonly RegisterView[]
}

export interface AccountRow {
  readonly account: string
  readonly meter: string
  readonly unit: 'money' | 'energy'
  readonly state: AccountState
  /** Derived from the last reading. */
  readonly balance: string
  readonly heldBy: readonly string[]
  readonly lastReadingAt: EpochMs
  readonly verified: boolean
}

export interface AccountsView extends Sited {
  readonly accounts: readonly AccountRow[]
}

export interface AccountFacts extends AccountRow {
  readonly tariff: string
  readonly openedAt: EpochMs
  /** Σ of all entries. */
  readonly posted: string
  readonly postedTo: { readonly at: EpochMs; readonly reading: string; readonly source: string }
  readonly limits: Readonly<Record<string, string>>
  readonly relay: {
    readonly contact: string
    readonly at: EpochMs | null
    readonly problem: string | null
    readonly permitted: boolean
  }
  readonly alarmOn: boolean
  readonly protected: boolean
  readonly protectedUntil: EpochMs | null
  readonly pricingStopped: { readonly reason: string; readonly at: EpochMs } | null
  readonly purchaseCount: number
  readonly entryCount: number
  readonly chainHash: string
}

export interface EntryView {
  readonly number: number
  readonly kind: EntryKind
  readonly key: string
  readonly amount: string
  readonly balanceAfter: string
  readonly at: EpochMs
  readonly receivedAt: EpochMs
  readonly note: string
  readonly energy: string | null
  readonly estimated: boolean
  readonly hash: string
}

export interface AccountView extends Sited {
  readonly account: AccountFacts
  /** The last ones, oldest first. */
  readonly entries: readonly EntryView[]
}

/** An order as the journal has it. `at`: when its last stage was told; null where no record of that is held. */
export interface OrderView {
  readonly order: number
  readonly by: 'master' | 'console' | 'rule'
  readonly origin: string
  readonly number: number
  readonly kind: string
  readonly meter: string | null
  readonly account: string | null
  /** What else the order says, as decimal text and words. */
  readonly says: Detail
  readonly stage: OrderStage
  readonly attempts: number
  readonly evidence: Detail
  /** Its outcome was found, by reading the meter, after the daemon that sent it had been restarted. */
  readonly verifiedAfterRestart: boolean
  readonly at: EpochMs | null
  readonly notBefore: EpochMs
  readonly expiry: EpochMs
}

export type WhyLine =
  | {
      readonly line: 'event'
      readonly at: EpochMs
      readonly code: string
      readonly severity: Severity
      readonly clockTrusted: boolean
      readonly detail: Detail
    }
  | ({ readonly line: 'order' } & OrderView)

export interface WhyView extends Sited {
  readonly account: AccountFacts
  /** Oldest first. */
  readonly lines: readonly WhyLine[]
}

export type EventView = Omit<EventRecord, 'detail'> & { readonly seq: number; readonly detail: Detail }

export interface EventsView extends Sited {
  /** Newest first. */
  readonly events: readonly EventView[]
}

/** One line of a link's trace. */
export interface FrameLine {
  /** Monotonic: only differences mean something. */
  readonly monotonicMs: number
  /** By today's clock; what was said at that time stands in the records. */
  readonly at: EpochMs
  readonly direction: 'out' | 'in' | 'noise' | 'echo' | 'state'
  readonly hex: string
  readonly note: string
}

export interface TraceView extends Sited {
  readonly link: string
  readonly up: boolean
  readonly lines: readonly FrameLine[]
}

export interface EventFrames extends Sited {
  readonly event: EventView
  readonly link: string | null
  /** Exchanges with its meter that ended before it was told; empty when they are held no more. */
  readonly frames: readonly FrameLine[]
  /** Why there are none. */
  readonly note: string
}

export interface GapView {
  readonly meter: string
  readonly task: string
  readonly slotAt: EpochMs
  readonly item: string
  readonly reason: string
}

export interface GapsView extends Sited {
  readonly from: EpochMs
  readonly to: EpochMs
  /** When the box began: of slots before it nothing is known, so none is a gap. Null: before all that it still has. */
  readonly since: EpochMs | null
  readonly gaps: readonly GapView[]
  /** More than were asked for: the rest is not listed. */
  readonly more: boolean
}

export interface OrdersView extends Sited {
  /** Oldest first: what is under way, and the latest that ended. */
  readonly orders: readonly OrderView[]
}

export interface SignerView extends Sited {
  readonly concentrator: string
  readonly key: string
  readonly role: string
  readonly lastNumber: number
  readonly at: EpochMs
  readonly clockTrusted: boolean
  /** Versions of the parameter sets that orders put in force. */
  readonly parameterVersions: Readonly<Record<string, number>>
}

export type SubmitView =
  | { readonly accepted: true; readonly order: number }
  | { readonly accepted: false; readonly code: string; readonly message: string }

/** The network behind a link's module or radio. */
export interface NetworkView extends Sited {
  readonly link: string
  readonly stage: MeshSnapshot['stage']
  /** Why it is not ready, or what its module refused last; empty: nothing. */
  readonly trouble: string
  /** Null: none has said what it is, or a transparent radio has none. */
  readonly module: MeshModule | null
  /** Of the module, since the start. */
  readonly restarts: number
  /** By verdict; `slow` nodes answer late or seldom, `hopeless` ones need somebody to go there. */
  readonly verdicts: Readonly<Record<MeshNodeState['verdict'], number>>
  /** Nodes that are not in the network now, by what the module says. */
  readonly away: number
  /** Those that need most care first, then by address. */
  readonly nodes: readonly NetworkNodeView[]
  /** What a radio has had of the air, ms and packets. */
  readonly air: MeshAir | null
}

export interface NetworkNodeView {
  /** Null: it stands in no archive any more. */
  readonly meter: string | null
  readonly address: string
  readonly verdict: MeshNodeState['verdict']
  readonly inNetwork: boolean | null
  /** Hops from the concentrator, 0: heard directly. */
  readonly level: number | null
  readonly relay: string | null
  readonly phases: string
  /** 0 … 15, 15 the best. */
  readonly quality: number | null
  readonly asked: number
  readonly replied: number
  readonly lastReplyAt: EpochMs | null
}

export interface CheckView {
  readonly check: string
  /** `warning` does not fail the test. */
  readonly result: 'ok' | 'warning' | 'failed'
  readonly detail: string
}

export interface SelfTestView {
  readonly ok: boolean
  readonly checks: readonly CheckView[]
}

/** What each call answers. */
export interface ConsoleAnswers {
  status: StatusView
  meters: MetersView
  read: ReadView
  accounts: AccountsView
  account: AccountView
  why: WhyView
  events: EventsView
  event: EventFrames
  gaps: GapsView
  orders: OrdersView
  order: OrderView
  signer: SignerView
  submit: SubmitView
  trace: TraceView
  network: NetworkView
  'self-test': SelfTestView
}
