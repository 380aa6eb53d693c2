import { bytesOf, byteAt, hexByte, hexOf, joinBytes, reversed } from '../wire/bytes.js'
import { bytesLeft, complain, cursorOver, take, type Cursor } from './cursor.js'

/**
 * How a value stands in bytes, read and written by the same words, so that neither side of the line can differ from the other.
 *
 * `read` never throws: what is wrong goes into the cursor. `write` throws RangeError for a value that no frame can carry.
 */
export interface Layout<T> {
  read(cursor: Cursor): T
  write(value: T): Uint8Array
}

/** The value a layout reads and writes. */
export type ValueOf<L> = L extends Layout<infer T> ? T : never
/** The members of a record of layouts. */
export type ValuesOf<S> = { readonly [K in keyof S]: ValueOf<S[K]> }
/** What several records give together. */
type Joined<P extends readonly unknown[]> = P extends readonly [infer First, ...infer Rest]
  ? ValueOf<First> & Joined<Rest>
  : unknown

/** An unsigned integer, low byte first. */
export function uint(bytes: 1 | 2 | 4): Layout<number> {
  return {
    read: (cursor) => take(cursor, bytes).reduceRight((value, byte) => value * 256 + byte, 0),
    write: (value) => {
      if (!Number.isInteger(value) || value < 0 || value >= 256 ** bytes)
        throw new RangeError(`${value} does not fit ${bytes} bytes`)
      return Uint8Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** index) % 256)
    },
  }
}

export const u8: Layout<number> = uint(1)
export const u16: Layout<number> = uint(2)
export const u32: Layout<number> = uint(4)

/** One byte, 0 or 1; anything else is the fault `bad-value`. */
export const flag: Layout<boolean> = {
  read: (cursor) => {
    const offset = cursor.at
    const byte = byteAt(take(cursor, 1), 0)
    if (byte > 1) complain(cursor, { code: 'bad-value', offset, message: `expected 00 or 01, found ${hexByte(byte)}` })
    return byte === 1
  },
  write: (value) => Uint8Array.of(value ? 1 : 0),
}

/** A fixed number of bytes without a meaning for us. */
export function raw(bytes: number): Layout<Uint8Array> {
  return {
    read: (cursor) => take(cursor, bytes),
    write: (value) => {
      if (value.length !== bytes) throw new RangeError(`expected ${bytes} bytes, got ${value.length}`)
      return value
    },
  }
}

/** Digits, high byte first, of bytes that travel low byte first: addresses (12 digits) and version numbers. */
export function digits(bytes: number): Layout<string> {
  return {
    read: (cursor) => hexOf(reversed(take(cursor, bytes))),
    write: (value) => {
      if (value.length !== 2 * bytes) throw new RangeError(`expected ${2 * bytes} hexadecimal digits, got ${value.length}`)
      return reversed(bytesOf(value))
    },
  }
}

/** The address of a meter or module, 12 hexadecimal digits as displayed. */
export const address: Layout<string> = digits(6)

/** Bytes with their number in front, in one byte or two. */
export function counted(lengthBytes: 1 | 2): Layout<Uint8Array> {
  const length = uint(lengthBytes)
  return {
    read: (cursor) => take(cursor, length.read(cursor)),
    write: (value) => joinBytes([length.write(value.length), value]),
  }
}

/** All bytes that are left. */
export const rest: Layout<Uint8Array> = {
  read: (cursor) => take(cursor, bytesLeft(cursor)),
  write: (value) => value,
}

/** Bytes kept free: passed over whatever they hold, written as zero. */
export function reserved(bytes: number): Layout<object> {
  return {
    read: (cursor) => {
      take(cursor, bytes)
      return {}
    },
    write: () => new Uint8Array(bytes),
  }
}

/** The element if bytes are left, else null: for what only some editions send at the end. */
export function optional<T>(layout: Layout<T>): Layout<T | null> {
  return {
    read: (cursor) => (bytesLeft(cursor) === 0 ? null : layout.read(cursor)),
    write: (value) => (value === null ? new Uint8Array() : layout.write(value)),
  }
}

/** As many elements as the caller knows there are. */
export function times<T>(count: number, item: Layout<T>): Layout<readonly T[]> {
  return {
    read: (cursor) => {
      const values: T[] = []
      // A claimed count beyond the bytes ends with the first missing element.
      while (values.length < count && cursor.fault === null) values.push(item.read(cursor))
      return values
    },
    write: (values) => {
      if (values.length !== count) throw new RangeError(`expected ${count} elements, got ${values.length}`)
      return joinBytes(values.map((value) => item.write(value)))
    },
  }
}

/** Elements with their number in front, in one byte. */
export function list<T>(item: Layout<T>): Layout<readonly T[]> {
  return {
    read: (cursor) => times(u8.read(cursor), item).read(cursor),
    write: (values) => joinBytes([u8.write(values.length), times(values.length, item).write(values)]),
  }
}

type Shape = Readonly<Record<string, Layout<unknown>>>

/** Named members one after the other. */
export function record<S extends Shape>(shape: S): Layout<ValuesOf<S>>
/** What stands behind it: members by whatever name. */
export function record(shape: Shape): Layout<Readonly<Record<string, unknown>>> {
  const members = Object.entries(shape)
  return {
    read: (cursor) => Object.fromEntries(members.map(([name, layout]) => [name, layout.read(cursor)])),
    write: (value) => joinBytes(members.map(([name, layout]) => layout.write(value[name]))),
  }
}

/** The members of several records, one record after the other, as one value. */
export function join<P extends readonly Layout<object>[]>(...parts: P): Layout<Joined<P> & object>
/** What stands behind it: objects of whatever members. */
export function join(...parts: readonly Layout<object>[]): Layout<object> {
  return {
    read: (cursor) => parts.reduce<object>((value, part) => ({ ...value, ...part.read(cursor) }), {}),
    write: (value) => joinBytes(parts.map((part) => part.write(value))),
  }
}

/** Data whose members are not known to us, or not certain. */
export interface Undivided {
  readonly raw: Uint8Array
}

/** All bytes as they came. */
export const undivided: Layout<Undivided> = record({ raw: rest })

/** A layout of which the sources are unsure: data that do not fit it exactly are kept as they came instead of being refused. */
export function unsure<T extends object>(layout: Layout<T>): Layout<T | Undivided> {
  return {
    read: (cursor) => {
      const attempt = cursorOver(cursor.bytes.subarray(cursor.at))
      layout.read(attempt)
      return attempt.fault === null && bytesLeft(attempt) === 0 ? layout.read(cursor) : undivided.read(cursor)
    },
    write: (value) => (isUndivided(value) ? undivided.write(value) : layout.write(value)),
  }
}

function isUndivided(value: object): value is Undivided {
  return 'raw' in value
}
