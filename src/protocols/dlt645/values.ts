import type { RegisterValue, Unit } from '../../model/index.js'
import { readBcd, writeBcd } from './bcd.js'
import { bytesOf, hexOf, isFilledWith, reversed } from '../wire/bytes.js'
import { bitNames } from './errors.js'
import type { Field } from './fields.js'
import { decodeTime, encodeTime, valuesOfTime } from './times.js'

/** A value as a meter's side has it: the register's own integer, or text as it is decoded; null: not available. */
export type PlainValue = number | string | null

/**
 * The values of one field; none for a skipped one, two or three for a date with a week day or a table.
 *
 * @returns null when digits exceed 9, or no date or time stands there: never a number (facts §4.7)
 */
export function decodeField(bytes: Uint8Array, field: Field): readonly RegisterValue[] | null {
  switch (field.kind) {
    case 'number': {
      const exponent = field.decimals === 0 ? 0 : -field.decimals
      if (isFilledWith(bytes, 0xff)) return [{ kind: 'number', int: null, exponent, unit: field.unit }]
      const int = readBcd(bytes, field.signed)
      return int === null ? null : [{ kind: 'number', int, exponent, unit: field.unit }]
    }
    case 'time': {
      const value = decodeTime(bytes, field.pattern)
      if (value === null) return null
      return [text(value.text), ...value.extras.map((int) => ({ kind: 'number', int, exponent: 0, unit: '' }) as const)]
    }
    case 'digits':
      return [text(isFilledWith(bytes, 0xff) ? null : hexOf(reversed(bytes)))]
    case 'bits':
      return [decodeBits(bytes, field.names)]
    case 'ascii':
      return [text(readAscii(bytes))]
    case 'hex':
      return [text(hexOf(reversed(bytes)))]
    case 'skipped':
      return []
  }
}

/**
 * The bytes of one field.
 *
 * @param values taken from the front as many as the field yields; the rest is left
 * @throws RangeError when a value is missing, of the wrong kind or does not fit
 */
export function encodeField(values: PlainValue[], field: Field): Uint8Array {
  switch (field.kind) {
    case 'number': {
      const int = numberOrNull(next(values))
      return int === null ? filled(field.bytes, 0xff) : writeBcd(int, field.bytes, field.signed)
    }
    case 'time': {
      const time = textOrNull(next(values))
      const extras = Array.from({ length: valuesOfTime(field.pattern) - 1 }, () => numberOrNull(next(values)))
      return encodeTime({ text: time, extras }, field.pattern)
    }
    case 'digits':
    case 'bits':
    case 'hex': {
      const digits = textOrNull(next(values))
      return digits === null ? filled(field.bytes, 0xff) : exactly(reversed(bytesOf(digits)), field.bytes)
    }
    case 'ascii': {
      const characters = textOrNull(next(values))
      if (characters === null) return filled(field.bytes, 0xff)
      return exactly(reversed(new TextEncoder().encode(characters.padEnd(field.bytes, '\0'))), field.bytes)
    }
    case 'skipped':
      return new Uint8Array(field.bytes)
  }
}

/** What `encodeField` takes for a decoded value. */
export function plainValue(value: RegisterValue): PlainValue {
  switch (value.kind) {
    case 'number':
      return value.int
    case 'text':
      return value.text
    case 'bits':
      return value.hex
  }
}

const text = (value: string | null, unit: Unit = ''): RegisterValue => ({ kind: 'text', text: value, unit })

/** A single byte may well have all its bits set; a whole word of ones is "not available". */
function decodeBits(bytes: Uint8Array, names: readonly string[]): RegisterValue {
  if (bytes.length > 1 && isFilledWith(bytes, 0xff)) return text(null)
  const hex = hexOf(reversed(bytes))
  const low = bytes.subarray(0, 4).reduceRight((word, byte) => word * 256 + byte, 0)
  return { kind: 'bits', hex, names: names.length === 0 ? [] : bitNames(low, names), unit: '' }
}

/** Text arrives last character first, filled with 00 or spaces at either end; what is no printable character is shown as `\xNN`. */
function readAscii(bytes: Uint8Array): string | null {
  if (isFilledWith(bytes, 0xff)) return null
  const characters = Array.from(reversed(bytes), (byte) =>
    byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : byte === 0 ? '\0' : `\\x${hexOf(Uint8Array.of(byte))}`,
  )
  const shown = characters.join('').replace(/^[\0 ]+|[\0 ]+$/g, '')
  return shown === '' ? null : shown.replaceAll('\0', '\\x00')
}

function next(values: PlainValue[]): PlainValue {
  const value = values.shift()
  if (value === undefined) throw new RangeError('the register has more values than were given')
  return value
}

function numberOrNull(value: PlainValue): number | null {
  if (typeof value === 'string') throw new RangeError('a number was expected')
  return value
}

function textOrNull(value: PlainValue): string | null {
  if (typeof value === 'number') throw new RangeError('text was expected')
  return value
}

function filled(length: number, byte: number): Uint8Array {
  return new Uint8Array(length).fill(byte)
}

function exactly(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes were given for ${length}`)
  return bytes
}
