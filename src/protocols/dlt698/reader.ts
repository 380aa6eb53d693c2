import type { InputError } from '../../model/index.js'
import { byteAt, bytesOf, hexOf } from '../wire/bytes.js'

/** How deep data may stand in data (an array of structures of arrays …); deeper is refused as `too-deep`. Real answers have 4. */
export const nestingMax = 16

/**
 * Reads application data, which is big-endian, from the front.
 *
 * The first thing that is wrong is kept, and from then on everything read is zero or empty: whoever reads to the end asks once whether
 * there was a fault, instead of at each byte.
 */
export interface Reader {
  /** So many bytes as upper-case hexadecimal text. */
  hex(count: number): string
  /** An unsigned number of up to six bytes. */
  number(count: number): number
  /** The next bytes without taking them; fewer at the end. */
  peek(count: number): Uint8Array
  /** A length or count (A-XDR): below 80H one byte, else 81H and one, or 82H and two. */
  length(): number
  /** A count of things that take at least `bytesEach`: more than the rest can hold is a fault, and zero. */
  count(bytesEach?: number): number
  /** Reads what stands inside something, bounded by `nestingMax`. */
  nested<T>(read: () => T, otherwise: T): T
  /** Bytes not read yet. */
  rest(): number
  /** Where the next byte stands. */
  at(): number
  /** The text of the bytes from a place up to here. */
  since(start: number): string
  fail(code: string, message: string): void
  fault(): InputError | null
}

/** @param bytes the application data unit; offsets in faults count from its first byte */
export function readerOf(bytes: Uint8Array): Reader {
  let position = 0
  let depth = 0
  let fault: InputError | null = null
  const fail = (code: string, message: string): void => {
    fault ??= { code, at: `apdu byte ${position}`, message }
  }
  const rest = (): number => (fault === null ? bytes.length - position : 0)
  const take = (count: number): Uint8Array => {
    if (count > rest()) fail('truncated', `expected ${count} more bytes, found ${rest()}`)
    if (fault !== null) return new Uint8Array()
    position += count
    return bytes.subarray(position - count, position)
  }
  const number = (count: number): number => take(count).reduce((value, byte) => value * 256 + byte, 0)
  const length = (): number => {
    const first = number(1)
    if (first < 0x80) return first
    if (first === 0x81 || first === 0x82) return number(first - 0x80)
    fail('bad-length', `expected a length of one or two bytes, found ${hexOf(Uint8Array.of(first))}`)
    return 0
  }
  return {
    hex: (count) => hexOf(take(count)),
    number,
    peek: (count) => bytes.subarray(position, position + Math.min(count, rest())),
    length,
    count: (bytesEach = 1) => {
      const count = length()
      if (count * bytesEach <= rest()) return count
      fail('bad-count', `${count} elements cannot stand in ${rest()} bytes`)
      return 0
    },
    nested: (read, otherwise) => {
      if (depth === nestingMax) fail('too-deep', `data stand more than ${nestingMax} deep in one another`)
      if (fault !== null) return otherwise
      depth += 1
      const value = read()
      depth -= 1
      return value
    },
    rest,
    at: () => position,
    since: (start) => hexOf(bytes.subarray(start, position)),
    fail,
    fault: () => fault,
  }
}

/** Collects application data, big-endian. */
export interface Writer {
  /** Hexadecimal text of exactly `count` bytes. @throws RangeError when it is not */
  hex(text: string, count: number): void
  /** An unsigned number in so many bytes. @throws RangeError when it does not fit */
  number(value: number, count: number): void
  /** A length or count, in the shortest form. @throws RangeError above 65535 */
  length(value: number): void
  bytes(): Uint8Array
}

/** An empty writer. */
export function writer(): Writer {
  const out: number[] = []
  const number = (value: number, count: number): void => {
    if (!Number.isInteger(value) || value < 0 || value >= 256 ** count) {
      throw new RangeError(`${value} does not fit ${count} bytes`)
    }
    for (let index = count - 1; index >= 0; index -= 1) out.push(Math.floor(value / 256 ** index) & 0xff)
  }
  return {
    hex: (text, count) => {
      const bytes = bytesOf(text)
      if (bytes.length !== count) throw new RangeError(`${bytes.length} bytes were given for ${count}`)
      for (let index = 0; index < count; index += 1) out.push(byteAt(bytes, index))
    },
    number,
    length: (value) => {
      if (value >= 0x100) out.push(0x82)
      else if (value >= 0x80) out.push(0x81)
      number(value, value >= 0x100 ? 2 : 1)
    },
    bytes: () => Uint8Array.from(out),
  }
}
