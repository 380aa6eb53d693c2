import type { LocalTime } from '../../model/index.js'
import { hexByte } from '../wire/bytes.js'
import { complain, take } from './cursor.js'
import type { Layout } from './layouts.js'

/**
 * Vendor and chip letters, last first on the wire (a maker "TC" travels as 43 54). Bytes that are no printable letter, and the
 * backslash, are shown as `\xNN`. One simulator does not reverse them; nothing in the frame tells it from the others.
 */
export function letters(bytes: number): Layout<string> {
  return {
    read: (cursor) => Array.from(take(cursor, bytes), letterOf).reverse().join(''),
    write: (text) => {
      const found = [...text.matchAll(/\\x([0-9A-F]{2})|[^\\]/g)].map(([letter, code]) =>
        code === undefined ? letter.charCodeAt(0) : Number.parseInt(code, 16),
      )
      if (found.length !== bytes || found.some((code) => code > 0xff)) {
        throw new RangeError(`expected ${bytes} letters of one byte, got ${JSON.stringify(text)}`)
      }
      return Uint8Array.from(found.reverse())
    },
  }
}

/** Day, month, year in BCD as `2013-10-18`; null: no date. Of this century, as the year has two digits. */
export const date: Layout<string | null> = {
  read: (cursor) => {
    const [day = 0, month = 0, year = 0] = Array.from(take(cursor, 3), fromBcd)
    return isIn(day, 1, 31) && isIn(month, 1, 12) && isIn(year, 0, 99) ? `20${two(year)}-${two(month)}-${two(day)}` : null
  },
  write: (text) => {
    if (text === null) return new Uint8Array(3)
    const [, year, month, day] = /^20(\d\d)-(\d\d)-(\d\d)$/.exec(text) ?? []
    return Uint8Array.from([day, month, year], (part) => toBcd(Number(part), text))
  },
}

const clockParts = [
  ['second', 0, 59],
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day', 1, 31],
  ['month', 1, 12],
  ['year', 0, 99],
] as const

/** Second, minute, hour, day, month, year in BCD; what is no time is the fault `bad-digit`. */
export const clock: Layout<LocalTime> = {
  read: (cursor) => {
    const offset = cursor.at
    const found = Array.from(take(cursor, clockParts.length), fromBcd)
    for (const [index, [name, least, most]] of clockParts.entries()) {
      if (!isIn(found[index], least, most))
        complain(cursor, { code: 'bad-digit', offset: offset + index, message: `the ${name} is none` })
    }
    const [second = 0, minute = 0, hour = 0, day = 0, month = 0, year = 0] = found
    return { year: 2000 + year, month, day, hour, minute, second }
  },
  write: (time) => Uint8Array.from(clockParts, ([name]) => toBcd(name === 'year' ? time.year - 2000 : time[name], 'the time')),
}

function letterOf(byte: number): string {
  return byte >= 0x20 && byte < 0x7f && byte !== 0x5c ? String.fromCharCode(byte) : `\\x${hexByte(byte)}`
}

/** The number of two BCD digits; NaN when one is none. */
function fromBcd(byte: number): number {
  return byte >> 4 > 9 || (byte & 15) > 9 ? Number.NaN : (byte >> 4) * 10 + (byte & 15)
}

function toBcd(value: number, what: string): number {
  if (!Number.isInteger(value) || value < 0 || value > 99) throw new RangeError(`${what} does not fit BCD digits of this century`)
  return Math.floor(value / 10) * 16 + (value % 10)
}

const isIn = (value: number = Number.NaN, least: number, most: number) => value >= least && value <= most
const two = (value: number) => String(value).padStart(2, '0')
