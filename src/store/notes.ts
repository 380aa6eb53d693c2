import { FaultError } from '../model/index.js'
import type { StoreCommands } from '../ports/index.js'
import type { Desk } from './desk.js'
import { Facts } from './facts.js'
import type { Sql } from './sql.js'

/** JSON of one note, in characters; a longer one is a fault of ours. */
export const NOTE_CHARS_MAX = 32 * 1024
const prefix = 'note:'

/** Writes a note in the `setting` table, or takes it out. @throws FaultError `note-too-long` */
export function keepNote(desk: Desk, { name, body, stamp }: StoreCommands['keep-note']['in']): void {
  const text = body === null ? null : JSON.stringify(body)
  if (text !== null && text.length > NOTE_CHARS_MAX) {
    throw new FaultError('note-too-long', `note ${name} has ${text.length} characters, at most ${NOTE_CHARS_MAX} are kept`)
  }
  const facts = new Facts(stamp)
  facts.settings.set(prefix + name, text)
  desk.commit(facts)
}

/** Notes whose names begin with `begin`; of a salvaged file there may be fewer. */
export function notesOf(sql: Sql, begin: string): StoreCommands['notes']['out'] {
  const from = prefix + begin
  const rows = sql.all<{ name: string; value: string }>(
    'SELECT name, value FROM setting WHERE name >= ? AND substr(name, 1, ?) = ? ORDER BY name',
    ...[from, from.length, from],
  )
  return { notes: rows.map(({ name, value }) => ({ name: name.slice(prefix.length), body: JSON.parse(value) as unknown })) }
}
