import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { FaultError } from '../model/index.js'
import { migrate } from './migrate.js'
import { APPLICATION_ID, SCHEMA_VERSION } from './schema.js'
import { Sql, isDamage, isFull, sqliteCode } from './sql.js'

/** How durable a commit is. Anything but `FULL` is for tests: it loses acknowledged commits in a power cut. */
export type Synchronous = 'FULL' | 'NORMAL' | 'OFF'

/** SQLite page, bytes. Larger ones cost more written bytes, smaller ones break chunks into overflow pages (LIMITS §2). */
export const PAGE_BYTES = 4096
/** Pages in the WAL after which a commit also checkpoints, passively. */
export const WAL_PAGES = 1000
/** A WAL that grew beyond this (a long packing) is cut back when it is next restarted; the usual one is reused as it is. */
export const WAL_BYTES_MAX = 16 * 1024 * 1024
const BUSY_TIMEOUT_MS = 5000

export const memoryPath = ':memory:'

/** The content of the file cannot be trusted; it has to be set aside. */
export class DamageError extends FaultError {
  constructor(message: string, cause?: unknown) {
    super('store-damaged', message, { cause })
  }
}

/**
 * Opens an existing store, checks it page by page, brings its schema up to date and truncates its WAL.
 *
 * @throws DamageError when the content cannot be trusted
 * @throws FaultError `store-newer-schema`, `store-foreign-file`, `store-locked`, `store-pragma`
 */
export function openExisting(path: string, synchronous: Synchronous): Sql {
  if (statSync(path).size === 0) throw new DamageError(`${path} is empty; a store is never created empty`)
  // The wal-index lives in memory (exclusive locking): a file of it can only be stale.
  rmSync(`${path}-shm`, { force: true })
  return guarded(path, () => {
    const sql = connect(path, synchronous)
    try {
      check(path, sql)
      migrate(sql, path)
      truncateWal(sql)
      return sql
    } catch (error) {
      sql.close()
      throw error
    }
  })
}

/** Creates a store beside its place and moves it there when it is whole, so that a half-made one never stands at `path`. */
export function createStore(path: string, synchronous: Synchronous): Sql {
  if (path === memoryPath) return fresh(path, synchronous)
  const draft = `${path}.new`
  for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true })
  const sql = buildStore(draft)
  sql.close()
  moveInto(draft, path)
  return openExisting(path, synchronous)
}

/** An empty store at a path of its own, not yet in its place. */
export function buildStore(path: string): Sql {
  const sql = fresh(path, 'FULL')
  sql.pragma('wal_checkpoint(TRUNCATE)')
  return sql
}

/** Makes a finished file the store: its content and then its name are forced to the disk. */
export function moveInto(draft: string, path: string): void {
  sync(draft)
  renameSync(draft, path)
  sync(dirname(path))
}

/** Forces a file or folder to the disk. */
export function sync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Opens a connection with the settings every connection has, and proves that they hold. */
export function connect(path: string, synchronous: Synchronous): Sql {
  const sql = new Sql(new Database(path, { timeout: BUSY_TIMEOUT_MS }))
  try {
    prepare(sql, path, synchronous)
    return sql
  } catch (error) {
    sql.close()
    throw error
  }
}

function prepare(sql: Sql, path: string, synchronous: Synchronous): void {
  sql.pragma('locking_mode = EXCLUSIVE')
  sql.pragma(`page_size = ${PAGE_BYTES}`)
  const mode = sql.pragma('journal_mode = WAL')
  sql.pragma(`synchronous = ${synchronous}`)
  sql.pragma(`wal_autocheckpoint = ${WAL_PAGES}`)
  sql.pragma(`journal_size_limit = ${WAL_BYTES_MAX}`)
  sql.pragma('cache_size = -2048')
  sql.pragma('temp_store = MEMORY')
  if (path !== memoryPath && mode !== 'wal')
    throw new FaultError('store-pragma', `journal_mode is ${String(mode)} instead of wal`)
  const found = synchronousOf(sql)
  if (found !== synchronous) throw new FaultError('store-pragma', `synchronous is ${found} instead of ${synchronous}`)
}

/** What the connection really does, read back. */
export function synchronousOf(sql: Sql): Synchronous | 'EXTRA' {
  const level = Number(sql.pragma('synchronous'))
  return (['OFF', 'NORMAL', 'FULL', 'EXTRA'] as const)[level] ?? 'OFF'
}

export function schemaVersionOf(sql: Sql): number {
  return Number(sql.pragma('user_version'))
}

/** At the start only: a WAL that is reused costs a quarter of one that grows (LIMITS §2). A full disk is no reason not to start. */
function truncateWal(sql: Sql): void {
  try {
    sql.pragma('wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (!isFull(error)) throw error
  }
}

function fresh(path: string, synchronous: Synchronous): Sql {
  const sql = connect(path, synchronous)
  sql.pragma(`application_id = ${APPLICATION_ID}`)
  migrate(sql, null)
  return sql
}

function check(path: string, sql: Sql): void {
  const found = sql.pragma('quick_check(1)')
  if (found !== 'ok') throw new DamageError(`${path}: ${String(found)}`)
  const version = schemaVersionOf(sql)
  if (Number(sql.pragma('application_id')) !== APPLICATION_ID) {
    throw new FaultError('store-foreign-file', `${path} is a database, but none of ours; move it away or name another store`)
  }
  if (version > SCHEMA_VERSION) {
    throw new FaultError(
      'store-newer-schema',
      `${path} has schema ${version}, this program knows up to ${SCHEMA_VERSION}: install the newer program again`,
    )
  }
  if (version < 1) throw new DamageError(`${path} has no schema version`)
}

function guarded<T>(path: string, open: () => T): T {
  try {
    return open()
  } catch (error) {
    if (error instanceof FaultError) throw error
    if (sqliteCode(error) === 'SQLITE_BUSY') {
      throw new FaultError('store-locked', `${path} is open in another process`, { cause: error })
    }
    if (isDamage(error)) throw new DamageError(`${path}: ${String(error)}`, error)
    throw error
  }
}
