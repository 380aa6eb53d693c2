import { rmSync } from 'node:fs'
import Database from 'better-sqlite3'
import { FaultError } from '../model/index.js'
import { migrations } from './schema.js'
import type { Migration } from './schema.js'
import { Sql } from './sql.js'

/**
 * Brings a store to the newest schema, forward only. The steps are first rehearsed on a copy of the file; only when every
 * step, the page check and the ledger's sums hold there, the same steps run on the file itself, in one transaction.
 *
 * @param path of the file, for the copy; null for a store that is just being made
 * @throws FaultError `store-migration` when the rehearsal fails; the file is untouched then
 */
export function migrate(sql: Sql, path: string | null, steps: readonly Migration[] = migrations): void {
  const pending = steps.filter((step) => step.version > Number(sql.pragma('user_version')))
  if (pending.length === 0) return
  if (path !== null) rehearse(sql, `${path}.rehearsal`, pending)
  apply(sql, pending)
}

function rehearse(sql: Sql, copyPath: string, pending: readonly Migration[]): void {
  const before = sums(sql)
  rmSync(copyPath, { force: true })
  try {
    sql.run('VACUUM INTO ?', copyPath)
    const copy = new Sql(new Database(copyPath))
    try {
      apply(copy, pending)
      const found = copy.pragma('quick_check(1)')
      if (found !== 'ok') throw new Error(`the page check says ${String(found)}`)
      if (sums(copy) !== before) throw new Error(`the ledger sums differ: ${before} before, ${sums(copy)} after`)
    } finally {
      copy.close()
    }
  } catch (error) {
    throw new FaultError('store-migration', `the rehearsal of the migration failed, nothing was changed: ${String(error)}`, {
      cause: error,
    })
  } finally {
    rmSync(copyPath, { force: true })
  }
}

function apply(sql: Sql, pending: readonly Migration[]): void {
  sql.transaction(() => {
    for (const step of pending) {
      sql.db.exec(step.sql)
      sql.pragma(`user_version = ${step.version}`)
    }
  })
}

function sums(sql: Sql): string {
  const rows = sql.all<{ account: string; n: bigint; total: bigint }>(
    'SELECT account, count(*) n, sum(amount) total FROM ledger WHERE number IS NOT NULL GROUP BY account ORDER BY account',
  )
  return JSON.stringify(rows.map((row) => [row.account, String(row.n), String(row.total)]))
}
