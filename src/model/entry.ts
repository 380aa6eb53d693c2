import type { AccountId } from './ids.js'
import type { Stamp } from './reading.js'
import type { EnergyMwh, EpochMs, Micro } from './units.js'

export const entryKinds = ['open', 'credit', 'charge', 'tax', 'correction', 'adjustment', 'replacement', 'close'] as const
export type EntryKind = (typeof entryKinds)[number]

/** One piece of a charge: energy between two readings (or boundaries) at one rate of one tariff version. */
export interface ChargePiece {
  readonly from: EpochMs
  readonly to: EpochMs
  readonly fromEnergy: EnergyMwh
  readonly toEnergy: EnergyMwh
  readonly tariffVersion: number
  readonly rate: number
  readonly priceMicroPerKwh: bigint
  /** True when a boundary inside the interval had no reading and was split pro rata. */
  readonly estimated: boolean
  /** True when this piece ends at a boundary that was interpolated, so the next piece belongs to the same two readings. */
  readonly interpolated?: boolean
}

/**
 * One line of an account's ledger. Append-only; balance = Σ amounts. `hash` covers all other fields and the previous
 * hash, so two ledgers that agree on one hash agree on everything before it.
 */
export interface LedgerEntry {
  readonly account: AccountId
  /** 1, 2, 3 … without gaps. */
  readonly number: number
  readonly kind: EntryKind
  /** Chosen by whoever asked; unique in the ledger of all accounts. */
  readonly key: string
  /** Signed, in the account's unit: credits positive, charges negative. */
  readonly amount: Micro
  readonly balanceAfter: Micro
  readonly at: EpochMs
  readonly stamp: Stamp
  readonly pieces: readonly ChargePiece[]
  /** Remainders carried on after this entry. */
  readonly energyCarry: bigint
  readonly taxCarry: bigint
  readonly purchaseCount: number
  readonly note: string
  readonly previousHash: string
  readonly hash: string
}

/** The account's day at its freeze: what the master compares with its own copy. */
export interface Statement {
  readonly account: AccountId
  readonly at: EpochMs
  readonly opening: Micro
  readonly credits: Micro
  readonly charges: Micro
  readonly corrections: Micro
  readonly closing: Micro
  readonly reading: EnergyMwh
  readonly purchaseCount: number
  readonly lastEntry: number
  readonly chainHash: string
}
