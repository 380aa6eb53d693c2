import { createHash } from 'node:crypto'
import { fail, micro, ok } from '../model/index.js'
import type { Account, ChargePiece, EpochMs, InputError, LedgerEntry, Micro, Result, Stamp } from '../model/index.js'
import { carryModulus } from './charging.js'

/** The previous hash of an account's first entry. */
export const genesisHash = '0'.repeat(64)

/** Ledger key of an entry that a master's order asks for; the concentrator's own keys never begin so. */
export const orderEntryKey = (idempotencyKey: string): string => `order:${idempotencyKey}`

/** What is new in an entry; number, balance, previous hash and hash follow from the account. */
export interface EntryDraft {
  readonly kind: LedgerEntry['kind']
  /** Null: the concentrator's own, made of kind, account and number. */
  readonly key: string | null
  readonly amount: Micro
  readonly at: EpochMs
  readonly pieces: readonly ChargePiece[]
  readonly note: string
}

/**
 * Adds an entry at the head of an account's ledger.
 *
 * @param account with the carries and purchase count that hold after this entry
 */
export function appendEntry(account: Account, draft: EntryDraft, stamp: Stamp): { account: Account; entry: LedgerEntry } {
  const number = account.entryCount + 1
  const unhashed: Omit<LedgerEntry, 'hash'> = {
    account: account.id,
    number,
    kind: draft.kind,
    key: draft.key ?? `${draft.kind}:${account.id}:${number}`,
    amount: draft.amount,
    balanceAfter: micro(account.balance + draft.amount),
    at: draft.at,
    stamp,
    pieces: draft.pieces,
    energyCarry: account.energyCarry,
    taxCarry: account.taxCarry,
    purchaseCount: account.purchaseCount,
    note: draft.note,
    previousHash: account.chainHash,
  }
  const entry = { ...unhashed, hash: entryHash(unhashed) }
  return { entry, account: { ...account, balance: entry.balanceAfter, entryCount: number, chainHash: entry.hash } }
}

/**
 * SHA-256, lower-case hexadecimal, over the UTF-8 bytes of one JSON array without spaces (`JSON.stringify`), all leaves but booleans
 * being strings and every integer in plain decimal:
 *
 * `["wattkeep-entry-1", account, number, kind, key, amount, balanceAfter, at, [receivedAt, clockTrusted, boot, monotonicMs], pieces,
 * energyCarry, taxCarry, purchaseCount, note, previousHash]`, each piece `[from, to, fromEnergy, toEnergy, tariffVersion, rate,
 * priceMicroPerKwh, estimated, interpolated]`.
 *
 * Times are milliseconds since 1970, energies mWh, amounts and balances millionths; `monotonicMs` is the shortest decimal that gives
 * the same double (ECMAScript).
 */
export function entryHash(entry: Omit<LedgerEntry, 'hash'>): string {
  const { stamp } = entry
  const fields = [
    'wattkeep-entry-1',
    entry.account,
    `${entry.number}`,
    entry.kind,
    entry.key,
    `${entry.amount}`,
    `${entry.balanceAfter}`,
    `${entry.at}`,
    [`${stamp.receivedAt}`, stamp.clockTrusted, stamp.boot, `${stamp.monotonicMs}`],
    entry.pieces.map(pieceFields),
    `${entry.energyCarry}`,
    `${entry.taxCarry}`,
    `${entry.purchaseCount}`,
    entry.note,
    entry.previousHash,
  ]
  return createHash('sha256').update(JSON.stringify(fields), 'utf8').digest('hex')
}

const pieceFields = (piece: ChargePiece): readonly (string | boolean)[] => [
  `${piece.from}`,
  `${piece.to}`,
  `${piece.fromEnergy}`,
  `${piece.toEnergy}`,
  `${piece.tariffVersion}`,
  `${piece.rate}`,
  `${piece.priceMicroPerKwh}`,
  piece.estimated,
  piece.interpolated === true,
]

/** Where a checked ledger ends. */
export interface ChainHead {
  readonly number: number
  readonly hash: string
  readonly balance: Micro
}

/** Head of an empty ledger. */
export const emptyChain: ChainHead = { number: 0, hash: genesisHash, balance: micro(0n) }

/**
 * Walks entries in order: numbers without gaps, each hash over the one before, each balance the sum so far, carries in range.
 *
 * @param from head before the first entry; a ledger's beginning when absent
 * @returns the head reached, or the first entry that does not fit
 */
export function verifyChain(entries: Iterable<LedgerEntry>, from: ChainHead = emptyChain): Result<ChainHead, InputError> {
  let head = from
  for (const entry of entries) {
    const code = checkEntry(entry, head)
    if (code !== null) return fail({ code, at: `${entry.account}/${entry.number}`, message: problems[code] })
    head = { number: entry.number, hash: entry.hash, balance: entry.balanceAfter }
  }
  return ok(head)
}

const problems = {
  'entry-missing': 'entries are numbered without gaps',
  'chain-broken': 'the previous hash is the hash of the entry before',
  'hash-wrong': 'the hash covers the entry as stored',
  'balance-wrong': 'the balance is the sum of all amounts so far',
  'carry-wrong': 'carries are 0 to 999999',
} as const

/** What is wrong with one entry after a head; null: nothing. */
export function checkEntry(entry: LedgerEntry, head: ChainHead): keyof typeof problems | null {
  if (entry.number !== head.number + 1) return 'entry-missing'
  if (entry.previousHash !== head.hash) return 'chain-broken'
  if (entryHash(entry) !== entry.hash) return 'hash-wrong'
  if (entry.balanceAfter !== head.balance + entry.amount) return 'balance-wrong'
  return isCarry(entry.energyCarry) && isCarry(entry.taxCarry) ? null : 'carry-wrong'
}

const isCarry = (carry: bigint): boolean => carry >= 0n && carry < carryModulus
