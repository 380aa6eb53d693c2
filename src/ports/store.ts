import type {
  Account,
  AccountId,
  AuthorisedOrder,
  EpochMs,
  EventFact,
  EventRecord,
  Guard,
  JournalledOrder,
  LedgerEntry,
  MasterId,
  MeterAddress,
  MeterId,
  OrderStage,
  ParameterName,
  Point,
  SiteParameters,
  Stamp,
  Stream,
  StreamExtent,
  StreamRecord,
  TaskId,
  Tombstone,
} from '../model/index.js'

/**
 * What the store is told, as data. One handler serves the worker thread and the in-process adapter. Money, orders, events and
 * transitions are durable when the promise settles; points are durable when their group commits (400 values or 60 s).
 */
export interface StoreCommands {
  /** Parameters in force; sent once at start and after each accepted parameter set. Checks balance = Σ entries and every chain. */
  configure: { in: { parameters: SiteParameters; stamp: Stamp }; out: { moneySafe: boolean; effects: Effects } }
  /** Readings in arrival order; settles the accounts of their meters in the same transaction. Refused with `disk-full` when only the reserve is left. */
  'apply-points': { in: { points: readonly Point[]; stamp: Stamp }; out: { accepted: boolean; effects: Effects } }
  /** Commits the open group of points now. */
  flush: { in: Record<never, never>; out: Record<never, never> }
  /** Time has passed: blocked calendars end, protections expire, readings go stale. */
  'evaluate-accounts': { in: { stamp: Stamp }; out: { effects: Effects } }
  /** Journals an authorised order; money orders and parameters take effect in the same transaction. */
  'journal-order': {
    in: { order: AuthorisedOrder; envelope: string; stamp: Stamp }
    out:
      | {
          readonly accepted: true
          readonly order: JournalledOrder
          readonly effects: Effects
          readonly parameters: readonly ParameterName[]
        }
      | { readonly accepted: false; readonly code: OrderRefusal; readonly message: string }
  }
  /** An order that was refused before it could be journalled (forged, stale, foreign): an event, nothing else. */
  'refuse-order': { in: { code: OrderRefusal; message: string; origin: string; stamp: Stamp }; out: Record<never, never> }
  /**
   * Before a request leaves: stage `sending`, one attempt more. `withdrawn`: the account's rules took the order back
   * meanwhile (a credit came), nothing was changed and nothing may be sent. `again`: the attempt counted last never left, so this is
   * the same one and nothing is written.
   */
  'order-sending': { in: { id: number; again?: true; stamp: Stamp }; out: { readonly withdrawn?: boolean } }
  /** After it: the stage reached, what proves it, and what the relay was seen to be. */
  'order-outcome': {
    in: {
      id: number
      stage: Exclude<OrderStage, 'journalled' | 'sending'>
      evidence: Readonly<Record<string, string | number | boolean | null>>
      relay?: { readonly contact: 'closed' | 'open'; readonly alarm: boolean; readonly protected: boolean }
      needsSecurityChip?: boolean
      /** Requests that left or may have left, where the last one announced certainly did not; absent: all that were announced. */
      attempts?: number
      stamp: Stamp
    }
    out: { effects: Effects }
  }
  /** A relay state that was read without an order: a customer pressed the button, a verification after a restart. */
  'relay-seen': {
    in: { meter: MeterId; contact: 'closed' | 'open'; alarm: boolean; protected: boolean; stamp: Stamp }
    out: { effects: Effects }
  }
  'record-event': { in: { event: EventFact; stamp: Stamp }; out: Record<never, never> }
  /** A record of the `status` stream. */
  'record-status': { in: { body: Readonly<Record<string, unknown>>; stamp: Stamp }; out: Record<never, never> }
  /** Packs the chunks of a finished local day and applies retention. */
  'close-day': { in: { day: EpochMs; stamp: Stamp }; out: { packedPoints: number; evicted: readonly Tombstone[] } }
  /** A master's high-water mark: everything up to it, and ranges above a hole. */
  acknowledge: {
    in: { master: MasterId; epoch: number; marks: readonly { stream: Stream; upTo: number }[]; stamp: Stamp }
    out: { moved: boolean }
  }
  /** The master knows more than we do: our database is older than its copy. */
  'new-epoch': { in: { reason: string; stamp: Stamp }; out: { epoch: number } }
  /** The last persisted instant, for clock trust after a restart; written with every commit. */
  'last-instant': { in: Record<never, never>; out: { at: EpochMs | null } }

  extents: {
    in: Record<never, never>
    out: {
      epoch: number
      extents: readonly StreamExtent[]
      tombstones: readonly Tombstone[]
      counters: Readonly<Record<string, number>>
    }
  }
  cursors: { in: { master: MasterId }; out: { readonly cursors: readonly { stream: Stream; upTo: number }[] } }
  /** Records `first` … of a stream, in order, until `maxCount` or about `maxBytes` of JSON. */
  'read-stream': {
    in: { stream: Stream; first: number; maxCount: number; maxBytes: number }
    out: { readonly records: readonly StreamRecord[] }
  }
  accounts: { in: Record<never, never>; out: { readonly accounts: readonly AccountView[] } }
  entries: { in: { account: AccountId; first: number; count: number }; out: { readonly entries: readonly LedgerEntry[] } }
  /** Every transition, guard and order of an account, newest first. */
  why: {
    in: { account: AccountId; count: number }
    out: { readonly lines: readonly EventRecord[]; readonly orders: readonly JournalledOrder[] }
  }
  events: { in: { count: number; before?: number }; out: { readonly events: readonly (EventRecord & { seq: number })[] } }
  'open-orders': { in: Record<never, never>; out: { readonly orders: readonly JournalledOrder[] } }
  order: { in: { id: number }; out: { readonly order: JournalledOrder | null } }
  /**
   * Which slots already ended, so that a restart knows what is still owed: `count` slots, `stepMs` apart, from `slotAt` on; one
   * when both are left out. With `runsMax` the answer is `isWhole: false` and empty when there are more entries.
   */
  'closed-slots': {
    in: { from: EpochMs; to: EpochMs; runsMax?: number }
    out: {
      readonly slots: readonly { meter: MeterId; task: TaskId; slotAt: EpochMs; stepMs?: number; count?: number }[]
      readonly isWhole?: boolean
    }
  }
  /** Absences, with reasons; values are not listed. */
  gaps: {
    in: { from: EpochMs; to: EpochMs; meter?: MeterId; count: number }
    out: { readonly gaps: readonly { meter: MeterId; task: TaskId; slotAt: EpochMs; item: string; reason: string }[] }
  }
  points: { in: { meter: MeterId; from: EpochMs; to: EpochMs }; out: { readonly points: readonly Point[] } }
  /** The sets that orders have put in force; absent ones stand in the settings. */
  'stored-parameters': {
    in: Record<never, never>
    out: {
      readonly sets: readonly { name: ParameterName; version: number; body: unknown }[]
      /** Addresses of devices that a `replace-meter` order put in since the archive was last set. */
      readonly addresses?: readonly { readonly meter: MeterId; readonly address: MeterAddress }[]
    }
  }
  /** Keeps something small that was learnt and would be learnt again if it were lost; null forgets it. At most 32 Ki characters of JSON. */
  'keep-note': { in: { name: string; body: unknown; stamp: Stamp }; out: Record<never, never> }
  /** The notes whose names begin so, in order of their names. */
  notes: { in: { prefix: string }; out: { readonly notes: readonly { readonly name: string; readonly body: unknown }[] } }
  health: { in: Record<never, never>; out: { readonly health: StoreHealth } }
}

export type StoreCommandName = keyof StoreCommands

export type OrderRefusal =
  | 'malformed'
  | 'forged'
  | 'unknown-key'
  | 'foreign'
  | 'replayed'
  | 'not-yet'
  | 'expired'
  | 'clock-untrusted'
  | 'not-allowed'
  | 'unknown-target'
  | 'conflict'
  | 'out-of-sequence'
  | 'limit'
  | 'invalid'
  | 'disk-full'

/** When a meter ought to be read at the latest; `relay`: the state of its relay as well. */
export interface WatchHint {
  readonly meter: MeterId
  readonly readBy: EpochMs
  readonly relay?: boolean
}

/** What the main thread must now do. */
export interface Effects {
  /** Orders that the rules journalled: to be carried out like any other. */
  readonly orders: readonly JournalledOrder[]
  /** When the accounts ought to be read at the latest, by the threshold watch. */
  readonly watch: readonly WatchHint[]
}

/** An account with its running balance: derived from the last reading, never stored. */
export interface AccountView {
  readonly account: Account
  readonly runningBalance: bigint
  readonly lastReadingAt: EpochMs
  readonly guards: readonly Guard[]
}

export interface StoreHealth {
  readonly path: string
  readonly synchronous: 'FULL' | 'other'
  readonly schemaVersion: number
  readonly fileBytes: number
  /** Bytes of the file that hold something; the rest is reused before the file grows. */
  readonly usedBytes?: number
  readonly pendingValues: number
  readonly refusedValues: number
  readonly state: 'fresh' | 'opened' | 'salvaged'
  readonly moneySafe: boolean
}

export interface Store {
  run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']>
  /** Tells the new end of each stream after a commit. */
  onAppended(handler: (extents: readonly { stream: Stream; hi: number }[]) => void): void
  /** A fault that ends the store's usefulness (the disk is gone); the supervisor restarts the process. */
  onFault(handler: (error: Error) => void): void
  /** Commits what is open and closes the file. */
  close(): Promise<void>
}
