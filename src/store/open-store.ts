import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import type { EpochMs, EventFact } from '../model/index.js'
import type { Random, StoreHealth } from '../ports/index.js'
import { epochOf, newEpoch, writeEpoch } from './epoch.js'
import { DamageError, createStore, memoryPath, openExisting, sync } from './open.js'
import type { Synchronous } from './open.js'
import { salvage } from './salvage.js'
import { APPLICATION_ID } from './schema.js'
import type { SpaceLimits } from './space.js'
import type { Sql } from './sql.js'
import { keepUntold, readUntold } from './untold.js'
import { findWalDamage, keepWal } from './wal-check.js'

/** Where the store is and how large it may become. */
export interface StoreOptions {
  /** The database file; `:memory:` for a simulation that never restarts. */
  readonly path: string
  /** Now, for the epoch of a store that has to be made. */
  readonly now: EpochMs
  readonly random: Random
  /** `FULL` unless a test wants to see what less loses. */
  readonly synchronous?: Synchronous
  readonly budgetBytes?: number
  readonly reserveBytes?: number
}

export const BUDGET_BYTES = 2 * 1024 * 1024 * 1024
export const RESERVE_BYTES = 8 * 1024 * 1024
/** Damaged files kept for the technician; older ones are deleted. */
export const SET_ASIDE_MAX = 2
/** Other stores beside ours that are reported. */
const ORPHANS_MAX = 8

export interface OpenedStore {
  readonly sql: Sql
  readonly path: string
  readonly limits: SpaceLimits
  readonly state: StoreHealth['state']
  /** What has to be told once there is a stamp. */
  readonly events: readonly EventFact[]
  /** Why no account may be believed until its master agrees; null: nothing happened to the file. */
  readonly doubt: string | null
}

/**
 * Opens the store, whatever is left of it: an existing one, a fresh one, or what can be salvaged of a damaged one.
 *
 * @throws FaultError `store-newer-schema`, `store-foreign-file`, `store-locked`, `store-migration`: a person has to decide
 */
export function openStore(options: StoreOptions): OpenedStore {
  const { path, synchronous = 'FULL' } = options
  const limits = { budgetBytes: options.budgetBytes ?? BUDGET_BYTES, reserveBytes: options.reserveBytes ?? RESERVE_BYTES }
  if (path === memoryPath) return { ...created(options, synchronous), path, limits }
  mkdirSync(dirname(path), { recursive: true })
  const opened = { ...openFile(options, synchronous), path, limits }
  const orphans = findOrphans(path)
  return { ...opened, events: [...opened.events, ...orphans] }
}

type Found = Pick<OpenedStore, 'sql' | 'state' | 'events' | 'doubt'>

function openFile(options: StoreOptions, synchronous: Synchronous): Found {
  const { path } = options
  const damaged = `${path}.damaged`
  if (existsSync(damaged)) {
    // A salvage was interrupted: before its last step there is no store yet, after it only the old name is left.
    if (!existsSync(path)) return salvaged(options, synchronous, 'an interrupted salvage')
    setAside(path, damaged)
  }
  if (!existsSync(path)) {
    for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
    return created(options, synchronous)
  }
  const walDamage = findWalDamage(`${path}-wal`)
  if (walDamage !== null) keepWal(path)
  try {
    const sql = openExisting(path, synchronous)
    if (walDamage !== null) return shortened(options, sql, walDamage)
    // Killed right after it was made, or robbed of its log since: without an epoch no master would take a word of it.
    if (epochOf(sql) === 0) return begun(sql, options)
    const doubt = sql.get<{ value: string }>("SELECT value FROM setting WHERE name = 'doubt'")?.value ?? null
    return { sql, state: doubt === null ? 'opened' : 'salvaged', events: readUntold(sql), doubt }
  } catch (error) {
    if (!(error instanceof DamageError)) throw error
    renameSync(path, damaged)
    if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${damaged}-wal`)
    sync(dirname(path))
    return salvaged(options, synchronous, error.message)
  }
}

function created(options: StoreOptions, synchronous: Synchronous): Found {
  return begun(createStore(options.path, synchronous), options)
}

function begun(sql: Sql, options: StoreOptions): Found {
  const epoch = newEpoch(options.now, options.random)
  writeEpoch(sql, epoch)
  const events: EventFact[] = [{ code: 'store.created', severity: 'info', detail: { epoch } }]
  keepUntold(sql, events)
  return { sql, state: 'fresh', events, doubt: null }
}

function salvaged(options: StoreOptions, synchronous: Synchronous, cause: string): Found {
  const { path } = options
  const damaged = `${path}.damaged`
  const detail = salvage({ damaged, path, now: options.now, random: options.random })
  const kept = setAside(path, damaged)
  const sql = openExisting(path, synchronous)
  const event: EventFact = { code: 'store.salvaged', severity: 'alarm', detail: { cause, file: basename(kept), ...detail } }
  keepUntold(sql, [event])
  return { sql, state: 'salvaged', events: [event], doubt: 'the store was salvaged' }
}

/** The end of the WAL is unreadable: what was committed there is lost, so numbers and balances are older than the master's. */
function shortened(options: StoreOptions, sql: Sql, cause: string): Found {
  const doubt = 'the end of the write-ahead log was damaged'
  const before = Number(sql.get<{ value: string }>("SELECT value FROM setting WHERE name = 'epoch'")?.value ?? '0')
  sql.transaction(() => {
    writeEpoch(sql, newEpoch(options.now, options.random, before))
    sql.run("INSERT OR REPLACE INTO setting (name, value) VALUES ('doubt', ?)", doubt)
  })
  const event: EventFact = { code: 'store.salvaged', severity: 'alarm', detail: { cause, file: `${basename(options.path)}-wal` } }
  keepUntold(sql, [event])
  return { sql, state: 'salvaged', events: [event], doubt }
}

/** Gives the damaged file its lasting name, and deletes the oldest of its kind. @returns the name */
function setAside(path: string, damaged: string): string {
  const folder = dirname(path)
  const prefix = `${basename(path)}.set-aside-`
  const numbers = readdirSync(folder)
    .filter((name) => name.startsWith(prefix) && !name.endsWith('-wal'))
    .map((name) => Number(name.slice(prefix.length)))
    .filter(Number.isSafeInteger)
    .sort((a, b) => a - b)
  const next = (numbers.at(-1) ?? 0) + 1
  const kept = join(folder, prefix + String(next))
  renameSync(damaged, kept)
  if (existsSync(`${damaged}-wal`)) renameSync(`${damaged}-wal`, `${kept}-wal`)
  for (const number of numbers.slice(0, Math.max(0, numbers.length + 1 - SET_ASIDE_MAX))) {
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(folder, prefix + String(number)) + suffix, { force: true })
  }
  sync(folder)
  return kept
}

/** Other stores of ours in the same folder: somebody renamed one, or the settings name another path than before. */
function findOrphans(path: string): readonly EventFact[] {
  const own = basename(path)
  const names = readdirSync(dirname(path)).filter((name) => !name.startsWith(own) && name.endsWith('.db'))
  return names.slice(0, ORPHANS_MAX).flatMap((name): EventFact[] => {
    const file = join(dirname(path), name)
    if (!isOurs(file)) return []
    return [{ code: 'store.orphan', severity: 'warning', detail: { file: name, bytes: statSync(file).size } }]
  })
}

function isOurs(file: string): boolean {
  if (!statSync(file).isFile()) return false
  try {
    const db = new Database(file, { readonly: true })
    try {
      return Number(db.pragma('application_id', { simple: true })) === APPLICATION_ID
    } finally {
      db.close()
    }
  } catch (error) {
    if (error instanceof Database.SqliteError) return false
    throw error
  }
}
