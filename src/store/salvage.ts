import { closeSync, copyFileSync, existsSync, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { EpochMs } from '../model/index.js'
import type { Random } from '../ports/index.js'
import { newEpoch, writeEpoch } from './epoch.js'
import { PAGE_BYTES, buildStore, moveInto } from './open.js'
import { copyTable, salvagedTables } from './salvage-tables.js'
import { markSalvaged } from './salvage-ends.js'
import { Sql, isFull, sqliteCode } from './sql.js'

export interface SalvageInput {
  /** The damaged file; it is only read, except that a destroyed first page is replaced. */
  readonly damaged: string
  /** Where the new store goes. */
  readonly path: string
  readonly now: EpochMs
  readonly random: Random
}

/** Rows saved for each table that matters to a person reading the event, and ranges known to be missing. */
export type SalvageReport = Readonly<Record<string, number>>

/**
 * Builds a new store from everything that can still be read: accounts, ledger and journal first. It gets a new epoch and the doubt
 * that keeps every account from being priced or cut until its master agrees. Interrupted at any point, it can be begun again.
 */
export function salvage(input: SalvageInput): SalvageReport {
  const draft = `${input.path}.new`
  for (const suffix of ['', '-wal', '-shm']) rmSync(draft + suffix, { force: true })
  const target = buildStore(draft)
  try {
    const source = openDamaged(input.damaged, draft)
    const report: Record<string, number> = {}
    try {
      for (const table of salvagedTables) report[table.name] = source === null ? 0 : copyTable(source, target, table)
    } catch (error) {
      // The disk is full: what matters most is copied by now, the rest stays in the file that is set aside.
      if (!isFull(error)) throw error
    } finally {
      source?.close()
    }
    target.transaction(() => {
      const before = Number(target.get<{ value: string }>("SELECT value FROM setting WHERE name = 'epoch'")?.value ?? '0')
      report['missingRanges'] = markSalvaged(target, input.now)
      writeEpoch(target, newEpoch(input.now, input.random, Number.isSafeInteger(before) ? before : 0))
      target.run("INSERT OR REPLACE INTO setting (name, value) VALUES ('doubt', 'the store was salvaged')")
    })
    target.pragma('wal_checkpoint(TRUNCATE)')
    target.close()
    moveInto(draft, input.path)
    return report
  } finally {
    target.close()
  }
}

/** @returns null when not even a first page taken from an empty store makes the file readable */
function openDamaged(path: string, fresh: string): Sql | null {
  rmSync(`${path}-shm`, { force: true })
  if (statSync(path).size < PAGE_BYTES) return null
  const opened = tryOpen(path)
  if (opened !== null) return opened
  transplantFirstPage(path, fresh)
  return tryOpen(path)
}

function tryOpen(path: string): Sql | null {
  let sql: Sql | null = null
  try {
    sql = new Sql(new Database(path))
    sql.pragma('locking_mode = EXCLUSIVE')
    sql.pragma('query_only = ON')
    const names = sql.all<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'").map((row) => row.name)
    if (salvagedTables.some((table) => names.includes(table.name))) return sql
  } catch (error) {
    if (sqliteCode(error) === null) throw error
  }
  sql?.close()
  return null
}

/**
 * The first page names every table's place. Stores of one schema are laid out alike, so the first page of an empty one opens the
 * rest of a file that lost only this page. The original page is kept beside it.
 */
function transplantFirstPage(path: string, fresh: string): void {
  if (!existsSync(`${path}.page-1`)) copyFileSync(path, `${path}.page-1`)
  const page = Buffer.alloc(PAGE_BYTES)
  const donor = openSync(fresh, 'r')
  try {
    readSync(donor, page, 0, PAGE_BYTES, 0)
  } finally {
    closeSync(donor)
  }
  const pages = Math.floor(statSync(path).size / PAGE_BYTES)
  page.writeUInt32BE(pages, 28)
  // The list of free pages is unknown; nothing is written to this file, so none is needed.
  page.fill(0, 32, 40)
  const file = openSync(path, 'r+')
  try {
    writeSync(file, page, 0, PAGE_BYTES, 0)
  } finally {
    closeSync(file)
  }
}
