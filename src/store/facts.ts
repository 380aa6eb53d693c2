import { createHash } from 'node:crypto'
import type {
  Account,
  AccountId,
  EventFact,
  JournalledOrder,
  LedgerEntry,
  MasterId,
  MeterId,
  ParameterName,
  Point,
  Stamp,
  Statement,
  Stream,
} from '../model/index.js'
import type { Extents } from './extents.js'
import type { Names } from './names.js'
import type { PointStore } from './point-store.js'
import { entryBody, eventBody, originId, resultBody, stampBody, statementBody } from './records.js'
import type { Sql } from './sql.js'
import { textCrc, toTaggedJson } from './tagged-json.js'

/** A row of the order journal as it is kept: the order with its account and the very text that was signed. */
export interface JournalRow {
  readonly order: JournalledOrder
  /** The account it concerns, also when the order names only its meter. */
  readonly account: AccountId | null
  readonly envelope: string
}

export interface ParameterSet {
  readonly name: ParameterName
  readonly version: number
  readonly body: unknown
}

/** Everything one command adds; nothing of it is visible before its transaction has committed. */
export class Facts {
  readonly stamp: Stamp
  readonly events: EventFact[] = []
  readonly entries: LedgerEntry[] = []
  readonly statements: Statement[] = []
  readonly results: JournalRow[] = []
  readonly statuses: Readonly<Record<string, unknown>>[] = []
  readonly accounts = new Map<AccountId, Account>()
  readonly orders = new Map<number, JournalRow>()
  readonly counters = new Map<string, number>()
  readonly parameterSets: ParameterSet[] = []
  /** Meters whose device was replaced, with the new device's address. */
  readonly addresses = new Map<MeterId, string>()
  /** Rows of the `setting` table; null deletes one. */
  readonly settings = new Map<string, string | null>()

  constructor(stamp: Stamp) {
    this.stamp = stamp
  }

  get isEmpty(): boolean {
    const lists = [this.events, this.entries, this.statements, this.results, this.statuses, this.parameterSets]
    const maps = [this.accounts, this.orders, this.counters, this.addresses, this.settings]
    return lists.every((each) => each.length === 0) && maps.every((each) => each.size === 0)
  }
}

export interface Cursor {
  readonly master: MasterId
  readonly stream: Stream
  readonly upTo: number
  readonly at: number
}

/** What a transaction is about to write besides facts. */
export interface Batch {
  readonly facts: Facts
  readonly points: readonly Point[]
  readonly cursors: readonly Cursor[]
}

export interface WriterParts {
  readonly sql: Sql
  readonly names: Names
  readonly points: PointStore
  readonly extents: Extents
}

/** Writes one batch. To be called inside a transaction. @returns the new end of each stream that grew */
export function writeBatch(parts: WriterParts, batch: Batch): readonly { stream: Stream; hi: number }[] {
  const { facts } = batch
  const ends = new Map<Stream, number>()
  const next = (stream: Stream): number => {
    const seq = (ends.get(stream) ?? parts.extents.hi(stream)) + 1
    ends.set(stream, seq)
    return seq
  }
  for (const stream of ['freeze', 'curve'] as const) {
    const own = batch.points.filter((point) => point.stream === stream)
    if (own.length === 0) continue
    const first = next(stream)
    parts.points.append(stream, own, first)
    ends.set(stream, first + own.length - 1)
  }
  writeNames(parts)
  writeLedger(parts.sql, facts, next)
  writeEvents(parts.sql, facts, next)
  writeJournal(parts.sql, facts, next)
  for (const body of facts.statuses) insertRecord(parts.sql, 'status', next('status'), facts.stamp, { ...body })
  writeAccounts(parts.sql, facts)
  writeSettings(parts.sql, facts)
  writeParameters(parts.sql, facts)
  for (const cursor of batch.cursors) writeCursor(parts.sql, cursor)
  return [...ends].map(([stream, hi]) => ({ stream, hi }))
}

/** Hash by which a stored parameter set is proven when it is read back. */
export function parameterHash(set: { name: string; version: number; text: string }): string {
  return createHash('sha256').update(`${set.name}\n${set.version}\n${set.text}`).digest('hex')
}

/** Checksum over everything of a journal row that must not change unseen. */
export function journalCrc(stage: string, attempts: number, body: string, evidence: string): number {
  return textCrc(`${stage}\n${attempts}\n${body}\n${evidence}`)
}

type Next = (stream: Stream) => number

function writeNames(parts: WriterParts): void {
  for (const name of parts.names.fresh) {
    parts.sql.run('INSERT INTO name (id, kind, text) VALUES (?, ?, ?)', name.id, name.kind, name.text)
  }
}

function writeLedger(sql: Sql, facts: Facts, next: Next): void {
  const text = 'INSERT INTO ledger (seq, at, trusted, account, number, key, amount, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
  const { receivedAt, clockTrusted } = facts.stamp
  for (const entry of facts.entries) {
    const body = JSON.stringify(entryBody(entry))
    sql.run(text, ...[next('ledger'), receivedAt, clockTrusted, entry.account, entry.number, entry.key, entry.amount, body])
  }
  for (const statement of facts.statements) {
    const body = JSON.stringify(statementBody(statement, facts.stamp))
    sql.run(text, ...[next('ledger'), receivedAt, clockTrusted, statement.account, null, null, null, body])
  }
}

function writeEvents(sql: Sql, facts: Facts, next: Next): void {
  const { stamp } = facts
  for (const event of facts.events) {
    const body = JSON.stringify(eventBody({ ...event, stamp }))
    const text = 'INSERT INTO event (seq, at, trusted, account, body) VALUES (?, ?, ?, ?, ?)'
    sql.run(text, next('event'), stamp.receivedAt, stamp.clockTrusted, event.account ?? null, body)
  }
}

function writeJournal(sql: Sql, facts: Facts, next: Next): void {
  const { stamp } = facts
  const text = `INSERT INTO journal (id, origin, number, account, stage, attempts, at, trusted, crc, body, evidence, envelope)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, attempts = excluded.attempts, at = excluded.at,
      trusted = excluded.trusted, crc = excluded.crc, evidence = excluded.evidence`
  for (const { order, account, envelope } of facts.orders.values()) {
    const body = toTaggedJson(order.order)
    const evidence = JSON.stringify(order.evidence)
    const crc = journalCrc(order.stage, order.attempts, body, evidence)
    const origin = originKey(order)
    const { receivedAt, clockTrusted } = stamp
    sql.run(
      text,
      ...[order.id, origin, order.order.origin.number, account, order.stage, order.attempts, receivedAt, clockTrusted],
      ...[crc, body, evidence, envelope],
    )
  }
  for (const row of facts.results) {
    insertRecord(sql, 'result', next('result'), stamp, resultBody(row.order, row.account, stamp))
  }
  for (const [key, number] of facts.counters) {
    sql.run(
      'INSERT INTO counter (key, number) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET number = excluded.number',
      key,
      number,
    )
  }
}

/** Rules and keys number their orders each for themselves. */
export function originKey(order: JournalledOrder): string {
  return `${order.order.origin.by === 'rule' ? 'rule' : 'key'}:${originId(order.order.origin)}`
}

function insertRecord(sql: Sql, stream: 'result' | 'status', seq: number, stamp: Stamp, body: object): void {
  const record = stream === 'status' ? { ...body, stamp: stampBody(stamp) } : body
  const text = `INSERT INTO ${stream} (seq, at, trusted, body) VALUES (?, ?, ?, ?)`
  sql.run(text, seq, stamp.receivedAt, stamp.clockTrusted, JSON.stringify(record))
}

function writeAccounts(sql: Sql, facts: Facts): void {
  for (const account of facts.accounts.values()) {
    const body = toTaggedJson(account)
    const text =
      'INSERT INTO account (id, crc, body) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET crc = excluded.crc, body = excluded.body'
    sql.run(text, account.id, textCrc(body), body)
  }
}

function writeSettings(sql: Sql, facts: Facts): void {
  if (facts.parameterSets.some((set) => set.name === 'archive')) sql.run("DELETE FROM setting WHERE name LIKE 'address:%'")
  const addresses = [...facts.addresses].map(([meter, address]): [string, string] => [`address:${meter}`, address])
  for (const [name, value] of [...facts.settings, ...addresses]) {
    if (value === null) sql.run('DELETE FROM setting WHERE name = ?', name)
    else sql.run('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)', name, value)
  }
}

function writeParameters(sql: Sql, facts: Facts): void {
  for (const set of facts.parameterSets) {
    const text = toTaggedJson(set.body)
    const hash = parameterHash({ name: set.name, version: set.version, text })
    sql.run(
      'INSERT INTO parameter_set (name, version, hash, at, body) VALUES (?, ?, ?, ?, ?)',
      set.name,
      set.version,
      hash,
      facts.stamp.receivedAt,
      text,
    )
    // Two generations stay: the one in force, and the one to fall back to when a bit of it flips.
    sql.run(
      `DELETE FROM parameter_set WHERE name = ? AND version NOT IN
       (SELECT version FROM parameter_set WHERE name = ? ORDER BY version DESC LIMIT 3)`,
      ...[set.name, set.name],
    )
  }
}

function writeCursor(sql: Sql, cursor: Cursor): void {
  sql.run(
    `INSERT INTO cursor (master, stream, up_to, at) VALUES (?, ?, ?, ?)
     ON CONFLICT (master, stream) DO UPDATE SET up_to = excluded.up_to, at = excluded.at`,
    ...[cursor.master, cursor.stream, cursor.upTo, cursor.at],
  )
}
