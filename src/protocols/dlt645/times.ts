import { readBcd, writeBcd } from './bcd.js'
import { isFilledWith, reversed } from '../wire/bytes.js'
import { byteAt } from './codec.js'
import type { TimePattern } from './fields.js'
import { daysOfMonth } from './local-times.js'

/** A date or time as text, and the numbers that stand with it (week day, table, tariff), in the pattern's order. */
export interface TimeValue {
  /** `2022-03-17 14:07:47`, without the parts the pattern lacks; null: not available, or no such record. */
  readonly text: string | null
  readonly extras: readonly (number | null)[]
}

/**
 * Reads BCD parts of a date or time.
 *
 * A time with a date whose parts are all 00, FF or 99 is none (facts §4.11: no such record; 99 is "any"); without a date, only FF and
 * 99 are, as 00:00 is midnight.
 *
 * @returns null when a part is no number, or the parts are no date or time
 */
export function decodeTime(field: Uint8Array, pattern: TimePattern): TimeValue | null {
  const tokens = tokensOf(pattern)
  const bytes = reversed(field)
  const isTime = (token: string) => token !== 'WW' && token !== 'NN'
  const timeBytes = Uint8Array.from(tokens.flatMap((token, index) => (isTime(token) ? [byteAt(bytes, index)] : [])))
  const extras: (number | null)[] = []
  for (const [index, token] of tokens.entries()) {
    const byte = bytes.subarray(index, index + 1)
    if (isTime(token)) continue
    const value = readBcd(byte)
    if (value === null && !isFilledWith(byte, 0xff)) return null
    extras.push(value)
  }
  if (isUnset(timeBytes, tokens)) return { text: null, extras }
  const parts = new Map(tokens.filter(isTime).map((token, index) => [token, readBcd(timeBytes.subarray(index, index + 1))]))
  return areWithin(parts) ? { text: timeTextOf(parts), extras } : null
}

/**
 * The bytes of a date or time from the text and numbers `decodeTime` gives.
 *
 * @param text null: no such record (00), or not available (FF) where the pattern has no date
 * @throws RangeError when the text does not fit the pattern
 */
export function encodeTime(value: TimeValue, pattern: TimePattern): Uint8Array {
  const tokens = tokensOf(pattern)
  const hasDate = tokens.includes('DD')
  // An hour alone is written as a full hour.
  const text = tokens.includes('mm') ? value.text : (value.text?.replace(/:00$/, '') ?? null)
  const parts = text === null ? null : text.split(/[- :]/).map(Number)
  const extras = [...value.extras]
  const bytes = tokens.map((token) => {
    if (token === 'WW' || token === 'NN') return byteOf(extras.shift() ?? null)
    if (parts === null) return hasDate ? 0x00 : 0xff
    const part = parts.shift()
    if (part === undefined) throw new RangeError(`the time does not fit ${pattern}`)
    return byteOf(token === 'YY' ? part - 2000 : part)
  })
  const field = reversed(Uint8Array.from(bytes))
  const again = decodeTime(field, pattern)
  if (parts?.length || again === null) throw new RangeError(`the time does not fit ${pattern}`)
  return field
}

/** How many values a pattern yields: its text, and its week day and number. */
export function valuesOfTime(pattern: TimePattern): number {
  return 1 + tokensOf(pattern).filter((token) => token === 'WW' || token === 'NN').length
}

const tokensOf = (pattern: TimePattern): readonly string[] =>
  Array.from({ length: pattern.length / 2 }, (_, index) => pattern.slice(2 * index, 2 * index + 2))

const byteOf = (value: number | null): number => (value === null ? 0xff : byteAt(writeBcd(value, 1), 0))

function isUnset(bytes: Uint8Array, tokens: readonly string[]): boolean {
  if (isFilledWith(bytes, 0xff) || isFilledWith(bytes, 0x99)) return true
  return tokens.includes('DD') && isFilledWith(bytes, 0x00)
}

const limits: readonly (readonly [token: string, least: number, most: number])[] = [
  ['YY', 0, 99],
  ['MM', 1, 12],
  ['DD', 1, 31],
  ['hh', 0, 23],
  ['mm', 0, 59],
  ['ss', 0, 59],
]

function areWithin(parts: ReadonlyMap<string, number | null>): boolean {
  for (const [token, least, most] of limits) {
    const value = parts.get(token)
    if (value === null || (value !== undefined && (value < least || value > most))) return false
  }
  const month = parts.get('MM') ?? 1
  const year = parts.get('YY')
  return (parts.get('DD') ?? 1) <= daysOfMonth(month, typeof year === 'number' ? 2000 + year : undefined)
}

/** Date parts joined by hyphens, time parts by colons; an hour alone is written as a full hour. */
function timeTextOf(parts: ReadonlyMap<string, number | null>): string {
  const pad = (token: string) => String(parts.get(token)).padStart(2, '0')
  const date = ['YY', 'MM', 'DD']
    .filter((token) => parts.has(token))
    .map((token) => (token === 'YY' ? `20${pad(token)}` : pad(token)))
  const time = ['hh', 'mm', 'ss'].filter((token) => parts.has(token)).map(pad)
  if (time.length === 1) time.push('00')
  return [date.join('-'), time.join(':')].filter((text) => text !== '').join(' ')
}
