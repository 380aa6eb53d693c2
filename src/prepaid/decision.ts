import { energyMwh } from '../model/index.js'
import type {
  Account,
  AccountLimits,
  AccountId,
  AccountUnit,
  BillingReading,
  ChargePiece,
  EnergyMwh,
  EpochMs,
  EventFact,
  LedgerEntry,
  Meter,
  MeterId,
  Micro,
  PrepaidRules,
  Profile,
  RelayCommand,
  Stamp,
  Statement,
} from '../model/index.js'
import type { OrderRefusal, WatchHint } from '../ports/index.js'
import type { TariffBook } from './tariff-book.js'

/**
 * Everything a decision needs of one account: what the store keeps (`account`) and what it derives (`running`). The store holds it in
 * memory, replaces it by each accepted decision's `ledger` after the commit, and makes it anew at start with `rebuildLedger`.
 */
export interface LedgerState {
  readonly account: Account
  readonly running: Running
}

/** What an account is right now beyond its posted state: derived from readings, entries and open orders, never stored. */
export interface Running {
  /** Accepted readings after `account.postedTo`, in order of time; interior ones of one rate period are dropped. */
  readonly readings: readonly BillingReading[]
  /** Prices of the interval from `postedTo` to the last of `readings`; null: no tariff version prices it. */
  readonly pieces: readonly ChargePiece[] | null
  /** The register as last accepted. */
  readonly register: Account['register']
  /** A reading that no physics explains, waiting for a second one that agrees or refutes it. */
  readonly suspect: Suspect | null
  /** While pricing stands still: the latest register, where pricing will start again. */
  readonly seen: { readonly raw: EnergyMwh; readonly at: EpochMs } | null
  /** Average power between the two latest readings that are far enough apart, mW, and the reading the next average starts from. */
  readonly power: { readonly milliwatts: bigint | null; readonly from: Mark | null }
  /** Posted intervals whose boundaries were estimated; a late reading inside one adds a correction. */
  readonly splits: readonly EstimatedSplit[]
  /** Relay commands of this account's rules that are journalled and not finished. */
  readonly pending: readonly RelayCommand[]
  /** Do not ask the meter again before: after a command that did not succeed. */
  readonly notBefore: Readonly<Partial<Record<RelayCommand, EpochMs>>>
  /** When the relay's state was last read, news or not. */
  readonly relayReadAt: EpochMs
  /** First reading after the relay was seen open: energy above it flowed through an open relay. */
  readonly openSince: { readonly energy: EnergyMwh } | null
  /** The last complaint about unusable readings, so that a meter's steady fault is told once; null: the last reading was good. */
  readonly told: string | null
  readonly statement: Statement | null
  /** Signed sums of the entries after the last statement. */
  readonly tally: { readonly credits: Micro; readonly charges: Micro; readonly corrections: Micro }
}

export interface Suspect {
  readonly raw: EnergyMwh
  readonly at: EpochMs
  readonly why: 'decreased' | 'jumped'
}

/** An instant and the energy on the account's axis then. */
export interface Mark {
  readonly at: EpochMs
  readonly energy: EnergyMwh
}

/** An interval between two readings whose inner boundaries were interpolated. */
export interface EstimatedSplit {
  readonly from: Mark
  readonly to: Mark
  readonly pieces: readonly ChargePiece[]
}

/** The billing register of a meter as one point brought it: primary energy, not yet on the account's axis. */
export interface RegisterReading {
  readonly raw: EnergyMwh
  /** When the meter had it. */
  readonly at: EpochMs
  readonly source: 'live' | 'daily-freeze' | 'load-record'
  /** It ends the account's day: a point of the `freeze` stream. */
  readonly isFreeze: boolean
  readonly receivedAt: EpochMs
  /** Whether our clock was trusted when it came. */
  readonly trusted: boolean
}

/** What of the archive bears on one account. */
export interface Metering {
  /** CT × PT. */
  readonly ratio: bigint
  /** Primary energy at which the register wraps to zero. */
  readonly capacity: EnergyMwh
  readonly maxPowerKw: number
  readonly relay: boolean
}

/** @throws RangeError when CT, PT or the register's capacity is no whole number (settings refuse such meters) */
export function meteringOf(meter: Meter, profile: Profile): Metering {
  const ratio = BigInt(meter.ct) * BigInt(meter.pt)
  return {
    ratio,
    capacity: energyMwh(BigInt(profile.registerWrapKwh) * 1_000_000n * ratio),
    maxPowerKw: profile.maxPowerKw,
    relay: profile.relay,
  }
}

/** The circumstances of a decision. `stamp` is now. */
export interface Context {
  readonly stamp: Stamp
  readonly utcOffsetMinutes: number
  readonly rules: PrepaidRules
  readonly tariffs: TariffBook
  readonly metering: Metering
}

/** Something that happened to an account. */
export type AccountFact =
  | { readonly kind: 'reading'; readonly reading: RegisterReading }
  /** The billing register came, but is no energy: wrong unit, negative, not a number of this register. */
  | { readonly kind: 'unusable-reading'; readonly message: string }
  | CreditFact
  | AdjustFact
  | AgreeFact
  | ReplaceFact
  | { readonly kind: 'protect'; readonly on: boolean; readonly until: EpochMs | null }
  | { readonly kind: 'close' }
  /** The relay's state was read, with or without an order. */
  | {
      readonly kind: 'relay-seen'
      readonly contact: 'closed' | 'open'
      readonly alarm: boolean
      /** An order to trip this relay has left, or may have, and its end is not known yet. */
      readonly tripUnderWay?: boolean
    }
  | OrderFinishedFact
  /** Nothing but time: calendars end, protections expire, readings go stale, statements fall due. */
  | { readonly kind: 'time-passed' }
  /** Tariffs, rules or the archive were replaced. */
  | { readonly kind: 'parameters-changed' }
  /** The database was salvaged, or its chain did not check. */
  | { readonly kind: 'doubted'; readonly reason: string }

export interface CreditFact {
  readonly kind: 'credit'
  readonly amount: Micro
  readonly purchase: number
  /** The ledger key: `orderEntryKey(idempotencyKey)`. */
  readonly key: string
  /** The entry that already carries this key, in whichever account; null: none. */
  readonly posted: LedgerEntry | null
}

export interface AdjustFact {
  readonly kind: 'adjust'
  readonly amount: Micro
  readonly reason: string
  readonly resumePricing: boolean
  readonly key: string
  readonly posted: LedgerEntry | null
}

export interface AgreeFact {
  readonly kind: 'agree'
  readonly entry: number
  readonly chainHash: string
  /** Hash of our own entry of that number; null: we have none. */
  readonly ownHash: string | null
}

/** Both energies as the register shows them (secondary values, as a witness reads them off). */
export interface ReplaceFact {
  readonly kind: 'replace-meter'
  readonly finalEnergy: EnergyMwh | null
  readonly initialEnergy: EnergyMwh
  readonly at: EpochMs
  readonly witness: string
  readonly newAddress: string
}

export interface OrderFinishedFact {
  readonly kind: 'order-finished'
  readonly command: RelayCommand
  /** The order came from this account's rules, not from master or console. */
  readonly byRule: boolean
  readonly stage: 'unknown' | 'done' | 'refused' | 'expired' | 'failed'
  /** What was read back; null: nothing. */
  readonly relay: { readonly contact: 'closed' | 'open'; readonly alarm: boolean } | null
  readonly needsSecurityChip: boolean
  /** As of `relay-seen`: the order to trip need not be this one. */
  readonly tripUnderWay?: boolean
}

/** What an open-account order says, and the latest reading known of its meter. */
export interface OpenFact {
  readonly account: AccountId
  readonly meter: MeterId
  readonly unit: AccountUnit
  readonly tariff: string
  readonly limits: AccountLimits
  readonly opening: Micro
  readonly reading: RegisterReading | null
}

export type Decision = Accepted | Refused

/** To be stored in one transaction. */
export interface Accepted {
  readonly accepted: true
  readonly ledger: LedgerState
  readonly entries: readonly LedgerEntry[]
  readonly statements: readonly Statement[]
  readonly events: readonly EventFact[]
  /** To be journalled as orders of origin `rule`, in this order. */
  readonly wanted: readonly RelayCommand[]
  /**
   * Rule orders of this account taken back. A row still `journalled` becomes `expired` (evidence `withdrawn: true`), and the account
   * is told by `order-finished` in the same transaction; a row further on is marked, so that its next `order-sending` answers
   * `withdrawn`.
   */
  readonly withdrawn: readonly RelayCommand[]
  readonly watch: WatchHint | null
  /** Account, ledger, events or orders changed: commit at once. False: only `running` moved. */
  readonly durable: boolean
  /** For a credit or adjustment: its key was already posted with the same content, nothing was added. */
  readonly repeated: boolean
}

/** The order is refused; the ledger is as it was. */
export interface Refused {
  readonly accepted: false
  readonly code: OrderRefusal
  readonly message: string
  readonly events: readonly EventFact[]
}
