import { readFileSync } from 'node:fs'
import { fail, ok } from '../../src/model/index.js'
import type { InputError, Result } from '../../src/model/index.js'

/** Fields whose words are numbers on the wire; all others are text, yes or no, null, a list, or a file. */
const numberFields: ReadonlySet<string> = new Set(['purchase', 'entry', 'version', 'first', 'count'])
const flagFields: ReadonlySet<string> = new Set(['on', 'resumePricing'])

/**
 * An order's body from words such as `account=a1 amount=50 limits.alarm1=20 registers=00010000,02010100 body=@tasks.json`.
 * Only the shape is made here; the order schema judges it.
 */
export function bodyFromWords(kind: string, words: readonly string[]): Result<Record<string, unknown>, InputError> {
  const body: Record<string, unknown> = { kind }
  for (const word of words) {
    const match = /^([A-Za-z0-9]+)(?:\.([A-Za-z0-9]+))?=(.*)$/s.exec(word)
    const [, field, part, text] = match ?? []
    if (field === undefined || text === undefined) {
      return fail({ code: 'usage', at: word, message: 'expected field=value or field.part=value' })
    }
    if (part === undefined) body[field] = valueOf(field, text)
    else body[field] = { ...(body[field] as Record<string, unknown> | undefined), [part]: text }
  }
  return ok(body)
}

function valueOf(field: string, text: string): unknown {
  if (text === 'null') return null
  if (flagFields.has(field)) return text === 'true' ? true : text === 'false' ? false : text
  if (numberFields.has(field) && /^\d+$/.test(text)) return Number(text)
  if (field === 'registers') return text.split(',')
  if (field === 'body') return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text)
  return text
}
