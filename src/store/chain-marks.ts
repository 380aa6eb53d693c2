import { micro } from '../model/index.js'
import type { AccountId } from '../model/index.js'
import type { ChainHead } from '../prepaid/index.js'
import type { Sql } from './sql.js'
import { fromTaggedJson, toTaggedJson } from './tagged-json.js'

const prefix = 'chain:'

/** Up to where an account's chain was proven (at a day's close) or agreed to by the master: a start checks from there on. */
export function readMark(sql: Sql, account: AccountId): ChainHead | null {
  const row = sql.get<{ value: string }>('SELECT value FROM setting WHERE name = ?', prefix + account)
  if (row === undefined) return null
  const mark = fromTaggedJson(row.value) as ChainHead
  return { number: mark.number, hash: mark.hash, balance: micro(mark.balance) }
}

/** The row of the `setting` table that keeps a mark. */
export function markSetting(account: AccountId, head: ChainHead): readonly [string, string] {
  return [prefix + account, toTaggedJson({ number: head.number, hash: head.hash, balance: head.balance })]
}
