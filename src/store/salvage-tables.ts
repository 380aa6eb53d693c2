import type { Sql, SqlValue } from './sql.js'
import { sqliteCode } from './sql.js'

/** A table to be saved, and its key: an integer key can be probed past a hole, a text key only from both ends. */
export interface SalvagedTable {
  readonly name: string
  readonly key: readonly string[]
  readonly isRowid: boolean
}

/** In the order of worth: what cannot be had again first. */
export const salvagedTables: readonly SalvagedTable[] = [
  { name: 'account', key: ['id'], isRowid: false },
  { name: 'ledger', key: ['seq'], isRowid: true },
  { name: 'journal', key: ['id'], isRowid: true },
  { name: 'counter', key: ['key'], isRowid: false },
  { name: 'parameter_set', key: ['name', 'version'], isRowid: false },
  { name: 'setting', key: ['name'], isRowid: false },
  { name: 'cursor', key: ['master', 'stream'], isRowid: false },
  { name: 'stream', key: ['name'], isRowid: false },
  { name: 'tombstone', key: ['stream', 'first'], isRowid: false },
  { name: 'event', key: ['seq'], isRowid: true },
  { name: 'result', key: ['seq'], isRowid: true },
  { name: 'name', key: ['id'], isRowid: true },
  { name: 'freeze_log', key: ['slot'], isRowid: true },
  { name: 'curve_log', key: ['slot'], isRowid: true },
  { name: 'pack', key: ['id'], isRowid: true },
  { name: 'chunk', key: ['id'], isRowid: true },
  { name: 'status', key: ['seq'], isRowid: true },
]

/** Rows fetched and written at a time. */
const STEP_ROWS = 200

type Row = Readonly<Record<string, SqlValue>>

/** Copies every row that can be read. @returns how many rows arrived */
export function copyTable(source: Sql, target: Sql, table: SalvagedTable): number {
  const columns = target.all<{ name: string }>(`SELECT name FROM pragma_table_info('${table.name}')`).map((row) => row.name)
  const keep = (rows: readonly Row[]): number =>
    target.transaction(() => rows.reduce((sum, row) => sum + insert(target, table.name, columns, row), 0))
  const list = columns.join(', ')
  return table.isRowid ? copyByNumber(source, { table, list, keep }) : copyFromBothEnds(source, { table, list, keep })
}

interface Copy {
  readonly table: SalvagedTable
  readonly list: string
  readonly keep: (rows: readonly Row[]) => number
}

/** Walks up the row numbers; where a page is damaged, finds the first number behind it that can be read again. */
function copyByNumber(source: Sql, copy: Copy): number {
  const [key = 'rowid'] = copy.table.key
  const fetch = (from: bigint, count: number): readonly Row[] | null =>
    attempt(() =>
      source.all<Row>(`SELECT ${copy.list} FROM ${copy.table.name} WHERE ${key} >= ? ORDER BY ${key} LIMIT ?`, from, count),
    )
  let saved = 0
  let from = 0n
  for (;;) {
    let rows: readonly Row[] | null = null
    for (let count = STEP_ROWS; rows === null && count >= 1; count = Math.floor(count / 8)) rows = fetch(from, count)
    if (rows === null) {
      const behind = firstReadable((at) => fetch(at, 1), from)
      if (behind === null) return saved
      from = behind
      continue
    }
    const last = rows.at(-1)
    if (last === undefined) return saved
    saved += copy.keep(rows)
    from = BigInt(Number(last[key])) + 1n
  }
}

/** Doubles its step until a read succeeds, then closes in on the hole's end. @returns null when nothing behind can be read */
function firstReadable(read: (at: bigint) => readonly Row[] | null, hole: bigint): bigint | null {
  let step = 1n
  while (read(hole + step) === null) {
    step *= 2n
    if (step > 2n ** 62n) return null
  }
  let [bad, good] = [hole + step / 2n, hole + step]
  while (good - bad > 1n) {
    const middle = (bad + good) / 2n
    if (read(middle) === null) bad = middle
    else good = middle
  }
  return good
}

function copyFromBothEnds(source: Sql, copy: Copy): number {
  let saved = 0
  for (const direction of ['ASC', 'DESC']) {
    const order = copy.table.key.map((name) => `${name} ${direction}`).join(', ')
    const rows: Row[] = []
    const isWhole = attempt(() => {
      for (const row of source.iterate<Row>(`SELECT ${copy.list} FROM ${copy.table.name} ORDER BY ${order}`)) rows.push(row)
      return true
    })
    saved += copy.keep(rows)
    if (isWhole === true) return saved
  }
  return saved
}

/** A row that the new schema refuses (a damaged type, a doubled key) is left behind. */
function insert(target: Sql, table: string, columns: readonly string[], row: Row): number {
  const marks = columns.map(() => '?').join(', ')
  const values = columns.map((name) => row[name] ?? null)
  return attempt(() => target.run(`INSERT OR IGNORE INTO ${table} (${columns.join(', ')}) VALUES (${marks})`, ...values)) ?? 0
}

/** @returns null when SQLite cannot read or take it */
function attempt<T>(act: () => T): T | null {
  try {
    return act()
  } catch (error) {
    if (sqliteCode(error) === null && !(error instanceof RangeError)) throw error
    return null
  }
}
