import { accountId } from '../model/index.js'
import type { AccountId, LedgerEntry, Statement } from '../model/index.js'
import { entryOf, statementOf } from './records.js'
import type { EntryBody, StatementBody } from './records.js'
import type { Sql } from './sql.js'

interface BodyRow {
  readonly body: string
}

/** Reads the ledger; writing is the commit's. A body that is damaged throws a SyntaxError or RangeError. */
export class LedgerTable {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The entry that carries a key, in whichever account; null: none. */
  byKey(key: string): LedgerEntry | null {
    const row = this.#sql.get<BodyRow>('SELECT body FROM ledger WHERE key = ?', key)
    return row === undefined ? null : entry(row)
  }

  hashOf(account: AccountId, number: number): string | null {
    const row = this.#sql.get<BodyRow>('SELECT body FROM ledger WHERE account = ? AND number = ?', account, number)
    return row === undefined ? null : entry(row).hash
  }

  /** Entries from `first` on, in order of their numbers. */
  *entries(account: AccountId, first: number, count: number): Generator<LedgerEntry> {
    const text = 'SELECT body FROM ledger WHERE account = ? AND number >= ? ORDER BY number LIMIT ?'
    for (const row of this.#sql.all<BodyRow>(text, account, first, count)) yield entry(row)
  }

  lastEntry(account: AccountId): LedgerEntry | null {
    for (const last of this.entriesBackwards(account)) return last
    return null
  }

  /** The newest entry first; stop when enough were seen. A damaged body ends the list. */
  *entriesBackwards(account: AccountId): Generator<LedgerEntry> {
    let before = Number.MAX_SAFE_INTEGER
    for (;;) {
      const text = 'SELECT body FROM ledger WHERE account = ? AND number < ? ORDER BY number DESC LIMIT 32'
      const rows = this.#sql.all<BodyRow>(text, account, before)
      for (const row of rows) {
        const read = readable(row)
        if (read === null) return
        before = read.number
        yield read
      }
      if (rows.length < 32) return
    }
  }

  lastStatement(account: AccountId): Statement | null {
    const text = 'SELECT body FROM ledger WHERE account = ? AND number IS NULL ORDER BY seq DESC LIMIT 1'
    const row = this.#sql.get<BodyRow>(text, account)
    return row === undefined ? null : statementOf(JSON.parse(row.body) as StatementBody)
  }

  /** Number of entries and sum of their amounts, for every account that has any. */
  sums(): ReadonlyMap<AccountId, { readonly count: number; readonly total: bigint }> {
    const rows = this.#sql.all<{ account: string; n: bigint; total: bigint }>(
      'SELECT account, count(*) AS n, sum(amount) AS total FROM ledger WHERE number IS NOT NULL GROUP BY account',
    )
    return new Map(rows.map((row) => [accountId(row.account), { count: Number(row.n), total: row.total }]))
  }
}

function readable(row: BodyRow): LedgerEntry | null {
  try {
    return entry(row)
  } catch {
    // The account's check reports it.
    return null
  }
}

function entry(row: BodyRow): LedgerEntry {
  return entryOf(JSON.parse(row.body) as EntryBody)
}
