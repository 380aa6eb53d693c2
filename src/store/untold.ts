import type { EventFact } from '../model/index.js'
import type { Sql } from './sql.js'

/** The row of the `setting` table that keeps what happened to the file until it is in the event stream. */
export const untoldSetting = 'untold'

/** Events that an opening could not record yet, because it has no stamp; they outlive a crash before the first command. */
export function readUntold(sql: Sql): readonly EventFact[] {
  const row = sql.get<{ value: string }>('SELECT value FROM setting WHERE name = ?', untoldSetting)
  return row === undefined ? [] : (JSON.parse(row.value) as readonly EventFact[])
}

export function keepUntold(sql: Sql, events: readonly EventFact[]): void {
  sql.run('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)', untoldSetting, JSON.stringify(events))
}
