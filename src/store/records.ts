import { accountId, energyMwh, epochMs, formatDecimal, micro, parseDecimal } from '../model/index.js'
import type {
  ChargePiece,
  EntryKind,
  EpochMs,
  EventRecord,
  ItemValue,
  JournalledOrder,
  LedgerEntry,
  MeterId,
  Micro,
  Point,
  Stamp,
  Statement,
} from '../model/index.js'

/*
 * The bodies of the records, as every consumer sees them and as they are stored (README.md). Instants are milliseconds since
 * 1970 UTC, amounts and energies decimal text in yuan or kWh, carries whole numbers in text.
 */

/** Body of a `curve` or `freeze` record. */
export interface PointBody {
  readonly meter: string
  readonly task: string
  readonly slotAt: number
  readonly measuredAt: number
  readonly source: string
  readonly stamp: Stamp
  readonly values: readonly ItemValue[]
}

/** Body of a `ledger` record that is an entry. */
export interface EntryBody {
  readonly record: 'entry'
  readonly account: string
  readonly number: number
  readonly kind: EntryKind
  readonly key: string
  readonly amount: string
  readonly balanceAfter: string
  readonly at: number
  readonly stamp: Stamp
  readonly pieces: readonly PieceBody[]
  readonly energyCarry: string
  readonly taxCarry: string
  readonly purchaseCount: number
  readonly note: string
  readonly previousHash: string
  readonly hash: string
}
export interface PieceBody {
  readonly from: number
  readonly to: number
  readonly fromEnergy: string
  readonly toEnergy: string
  readonly tariffVersion: number
  readonly rate: number
  readonly pricePerKwh: string
  readonly estimated: boolean
  readonly interpolated?: boolean
}

/** Body of a `ledger` record that is a daily statement. */
export interface StatementBody {
  readonly record: 'statement'
  readonly account: string
  readonly at: number
  readonly opening: string
  readonly credits: string
  readonly charges: string
  readonly corrections: string
  readonly closing: string
  readonly reading: string
  readonly purchaseCount: number
  readonly lastEntry: number
  readonly chainHash: string
  readonly stamp: Stamp
}

/** Body of a `result` record: a stage that an order reached. */
export interface ResultBody {
  readonly order: number
  readonly by: 'master' | 'console' | 'rule'
  /** The key that signed it, or the account whose rule asked. */
  readonly origin: string
  readonly number: number
  readonly kind: string
  readonly meter: string | null
  readonly account: string | null
  readonly stage: string
  readonly attempts: number
  readonly evidence: Readonly<Record<string, string | number | boolean | null>>
  readonly stamp: Stamp
}

export function pointBody(point: Point): PointBody {
  const { meter, task, slotAt, measuredAt, source, stamp, values } = point
  return { meter, task, slotAt, measuredAt, source, stamp, values }
}

export function entryBody(entry: LedgerEntry): EntryBody {
  return {
    record: 'entry',
    account: entry.account,
    number: entry.number,
    kind: entry.kind,
    key: entry.key,
    amount: decimal(entry.amount),
    balanceAfter: decimal(entry.balanceAfter),
    at: entry.at,
    stamp: stampBody(entry.stamp),
    pieces: entry.pieces.map((piece) => ({
      from: piece.from,
      to: piece.to,
      fromEnergy: decimal(piece.fromEnergy),
      toEnergy: decimal(piece.toEnergy),
      tariffVersion: piece.tariffVersion,
      rate: piece.rate,
      pricePerKwh: decimal(piece.priceMicroPerKwh),
      estimated: piece.estimated,
      ...(piece.interpolated === undefined ? {} : { interpolated: piece.interpolated }),
    })),
    energyCarry: entry.energyCarry.toString(),
    taxCarry: entry.taxCarry.toString(),
    purchaseCount: entry.purchaseCount,
    note: entry.note,
    previousHash: entry.previousHash,
    hash: entry.hash,
  }
}

/** The entry that `entryBody` described. @throws RangeError when a number in it is damaged */
export function entryOf(body: EntryBody): LedgerEntry {
  return {
    account: accountId(body.account),
    number: body.number,
    kind: body.kind,
    key: body.key,
    amount: amountOf(body.amount),
    balanceAfter: amountOf(body.balanceAfter),
    at: epochMs(body.at),
    stamp: body.stamp,
    pieces: body.pieces.map(pieceOf),
    energyCarry: BigInt(body.energyCarry),
    taxCarry: BigInt(body.taxCarry),
    purchaseCount: body.purchaseCount,
    note: body.note,
    previousHash: body.previousHash,
    hash: body.hash,
  }
}

export function statementBody(statement: Statement, stamp: Stamp): StatementBody {
  return {
    record: 'statement',
    account: statement.account,
    at: statement.at,
    opening: decimal(statement.opening),
    credits: decimal(statement.credits),
    charges: decimal(statement.charges),
    corrections: decimal(statement.corrections),
    closing: decimal(statement.closing),
    reading: decimal(statement.reading),
    purchaseCount: statement.purchaseCount,
    lastEntry: statement.lastEntry,
    chainHash: statement.chainHash,
    stamp: stampBody(stamp),
  }
}

export function statementOf(body: StatementBody): Statement {
  return {
    account: accountId(body.account),
    at: epochMs(body.at),
    opening: amountOf(body.opening),
    credits: amountOf(body.credits),
    charges: amountOf(body.charges),
    corrections: amountOf(body.corrections),
    closing: amountOf(body.closing),
    reading: energyMwh(decimalOf(body.reading)),
    purchaseCount: body.purchaseCount,
    lastEntry: body.lastEntry,
    chainHash: body.chainHash,
  }
}

export function eventBody(event: EventRecord): EventRecord {
  const { code, severity, meter, account, link, detail } = event
  return {
    code,
    severity,
    ...(meter === undefined ? {} : { meter }),
    ...(account === undefined ? {} : { account }),
    ...(link === undefined ? {} : { link }),
    detail,
    stamp: stampBody(event.stamp),
  }
}

export function resultBody(row: JournalledOrder, account: string | null, stamp: Stamp): ResultBody {
  const { origin, body } = row.order
  return {
    order: row.id,
    by: origin.by,
    origin: originId(origin),
    number: origin.number,
    kind: body.kind,
    meter: 'meter' in body ? body.meter : null,
    account: 'account' in body ? body.account : account,
    stage: row.stage,
    attempts: row.attempts,
    evidence: row.evidence,
    stamp: stampBody(stamp),
  }
}

/** Who asked, as one text: the key, or the account whose rule it was. */
export function originId(origin: JournalledOrder['order']['origin']): string {
  return origin.by === 'rule' ? origin.account : origin.key
}

/** Monotonic time is kept to the millisecond, so that a record is the same before and after packing. */
export function stampBody(stamp: Stamp): Stamp {
  const { receivedAt, clockTrusted, boot, monotonicMs } = stamp
  return { receivedAt, clockTrusted, boot, monotonicMs: Math.round(monotonicMs) }
}

/** The meter an order is about, if it is about one. */
export function meterOf(body: JournalledOrder['order']['body']): MeterId | null {
  return 'meter' in body && body.meter !== 'all' ? body.meter : null
}

function pieceOf(piece: PieceBody): ChargePiece {
  return {
    from: instantOf(piece.from),
    to: instantOf(piece.to),
    fromEnergy: energyMwh(decimalOf(piece.fromEnergy)),
    toEnergy: energyMwh(decimalOf(piece.toEnergy)),
    tariffVersion: piece.tariffVersion,
    rate: piece.rate,
    priceMicroPerKwh: decimalOf(piece.pricePerKwh),
    estimated: piece.estimated,
    ...(piece.interpolated === undefined ? {} : { interpolated: piece.interpolated }),
  }
}

const instantOf = (value: number): EpochMs => epochMs(value)
const amountOf = (text: string): Micro => micro(decimalOf(text))
const decimal = (value: bigint): string => formatDecimal(value, -6)

function decimalOf(text: string): bigint {
  const value = parseDecimal(text, -6)
  if (value === null) throw new RangeError(`a stored amount is no decimal number: ${text}`)
  return value
}
