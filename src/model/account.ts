import type { AccountId, MeterId } from './ids.js'
import type { EnergyMwh, EpochMs, Micro } from './units.js'

/** In which unit the account is kept: money (10⁻⁶ currency units) or purchased energy (mWh). */
export type AccountUnit = 'money' | 'energy'

/** `grace` and `emergency` are reserved for later versions; the machine never enters them yet. */
export const accountStates = [
  'normal',
  'alarm1',
  'alarm2',
  'overdrawn',
  'disconnecting',
  'disconnected',
  'may-close',
  'closed',
] as const
export type AccountState = (typeof accountStates)[number]

/** What held a cut that the balance alone would have caused, in order of evaluation. */
export const guards = [
  'supply-protection',
  'blocked-calendar',
  'clock-untrusted',
  'reading-stale',
  'reading-implausible',
  'tariff-unverified',
  'account-unverified',
  'pricing-stopped',
  'relay-unusable',
] as const
export type Guard = (typeof guards)[number]

/** Limits of one account, in its own unit. */
export interface AccountLimits {
  readonly alarm1: Micro
  readonly alarm2: Micro
  /** How far below zero the balance may go before supply is cut; 0: cut at zero. */
  readonly overdraft: Micro
  /** After a cut, supply may be closed again when the balance is above this. */
  readonly closePermitted: Micro
  /** balance + credit above this is refused; 0: no limit. */
  readonly hoarding: Micro
  /** Largest single credit; 0: no limit. */
  readonly largestCredit: Micro
}

/** A cumulative reading of the billing register, primary energy, on the account's own axis (wraps already unfolded). */
export interface BillingReading {
  readonly at: EpochMs
  readonly energy: EnergyMwh
  /**
   * `awaited`: the account is open but its meter has not been read yet; its first reading becomes the start. `estimate`, as the last
   * posted reading: pricing was resumed, and the next plausible reading becomes the start.
   */
  readonly source: 'live' | 'daily-freeze' | 'load-record' | 'replacement' | 'opening' | 'estimate' | 'awaited'
}

/** An account as the store keeps it. Nothing here repeats what the ledger already says but the head of its chain. */
export interface Account {
  readonly id: AccountId
  readonly meter: MeterId
  readonly mode: 'ledger'
  readonly unit: AccountUnit
  readonly tariff: string
  readonly limits: AccountLimits
  readonly state: AccountState
  readonly openedAt: EpochMs
  /** Head of the ledger: Σ of all entries, number and hash of the last one. */
  readonly balance: Micro
  readonly entryCount: number
  readonly chainHash: string
  readonly purchaseCount: number
  /** Up to here everything is posted: the interval before it never reopens. */
  readonly postedTo: BillingReading
  /** Remainders of the last floor division: numerators over 10⁶, always in 0 … 10⁶ − 1. */
  readonly energyCarry: bigint
  readonly taxCarry: bigint
  /** Register bookkeeping of the present device as it stood at `postedTo`: raw energy, and what to add to reach the account's axis. */
  readonly register: { readonly lastRaw: EnergyMwh; readonly lastAt: EpochMs; readonly offset: EnergyMwh }
  /** Pricing stands still after an implausible decrease until the master adjusts or replaces; null: running. */
  readonly pricingStopped: { readonly reason: string; readonly at: EpochMs } | null
  /** After a salvaged database: no pricing, no cuts, until the master agrees. */
  readonly verified: boolean
  readonly protected: boolean
  readonly protectedUntil: EpochMs | null
  /** What the meter's relay last proved to be, read back from status word 3. */
  readonly relay: {
    readonly contact: 'closed' | 'open' | 'unknown'
    readonly at: EpochMs | null
    /** Why rules send this relay nothing: cleared by an order that succeeds; `refused` also by a day's wait. */
    readonly problem: 'needs-security-chip' | 'refused' | null
    /** The permission to close was read back from the meter after the last cut. */
    readonly permitted?: boolean
    /** An order to trip may have acted and was not seen to: should the relay be found open next, that order opened it. */
    readonly mayBeTripped?: boolean
  }
  /** Whether the meter's alarm (2A/2B) was last confirmed on. */
  readonly alarmOn: boolean
  /** Guards that hold the cut at present, so that only changes are recorded. */
  readonly heldBy: readonly Guard[]
}
