import Database from 'better-sqlite3'
import type { Statement } from 'better-sqlite3'
import { FaultError } from '../model/index.js'

export type SqlValue = string | number | bigint | boolean | null | Uint8Array

/** A connection with its prepared statements. Whole numbers are bound as integers, never as REAL; integers come back as `bigint`. */
export class Sql {
  readonly db: Database.Database
  readonly #statements = new Map<string, Statement<unknown[], unknown>>()

  constructor(db: Database.Database) {
    this.db = db
    db.defaultSafeIntegers(true)
  }

  all<Row>(text: string, ...values: readonly SqlValue[]): Row[] {
    return this.#prepare(text).all(...values.map(bound)) as Row[]
  }

  get<Row>(text: string, ...values: readonly SqlValue[]): Row | undefined {
    return this.#prepare(text).get(...values.map(bound)) as Row | undefined
  }

  iterate<Row>(text: string, ...values: readonly SqlValue[]): IterableIterator<Row> {
    return this.#prepare(text).iterate(...values.map(bound)) as IterableIterator<Row>
  }

  /** @returns the number of rows that changed */
  run(text: string, ...values: readonly SqlValue[]): number {
    return this.#prepare(text).run(...values.map(bound)).changes
  }

  /** One transaction: everything in `work` or nothing. */
  transaction<T>(work: () => T): T {
    this.db.exec('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.db.exec('COMMIT')
      return result
    } catch (error) {
      // A full disk or an I/O error may already have rolled back.
      if (this.db.inTransaction) this.db.exec('ROLLBACK')
      throw error
    }
  }

  pragma(text: string): unknown {
    return this.db.pragma(text, { simple: true })
  }

  close(): void {
    this.#statements.clear()
    this.db.close()
  }

  #prepare(text: string): Statement<unknown[], unknown> {
    let statement = this.#statements.get(text)
    if (statement === undefined) this.#statements.set(text, (statement = this.db.prepare(text)))
    return statement
  }
}

/** The result code of SQLite (`SQLITE_FULL`, `SQLITE_CORRUPT_VTAB`, …), or null for any other error. */
export function sqliteCode(error: unknown): string | null {
  return error instanceof Database.SqliteError ? error.code : null
}

/** No room on the disk or in the file's limit: what the reserve is for. */
export function isFull(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === 'SQLITE_FULL' || code === 'SQLITE_IOERR_WRITE' || code === 'SQLITE_IOERR_SHMSIZE'
}

/** The file's content cannot be trusted. */
export function isDamage(error: unknown): boolean {
  const code = sqliteCode(error) ?? ''
  if (isFull(error)) return false
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_IOERR')
}

function bound(value: SqlValue): string | bigint | null | Uint8Array {
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value !== 'number') return value
  if (!Number.isSafeInteger(value)) throw new FaultError('store-number', `only whole numbers are stored, got ${value}`)
  return BigInt(value)
}
