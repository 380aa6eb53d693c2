import type { Layout } from './layouts.js'
import { uint } from './layouts.js'

/** Some bits of a byte or word. */
export interface BitField<T> {
  readonly shift: number
  readonly width: number
  decode(bits: number): T
  encode(value: T): number
}

/** One bit as a truth value. */
export function bit(shift: number): BitField<boolean> {
  return { shift, width: 1, decode: (bits) => bits === 1, encode: (value) => (value ? 1 : 0) }
}

/** Some bits as an unsigned integer. */
export function bits(shift: number, width: number): BitField<number> {
  return { shift, width, decode: (found) => found, encode: (value) => value }
}

type Fields = Readonly<Record<string, BitField<unknown>>>
type BitValues<F> = { readonly [K in keyof F]: F[K] extends BitField<infer T> ? T : never }

/** The fields of a byte or of a word that travels low byte first. Bits of no field are passed over and written as zero. */
export function word<F extends Fields>(bytes: 1 | 2, fields: F): Layout<BitValues<F>>
/** What stands behind it: fields by whatever name. */
export function word(bytes: 1 | 2, fields: Fields): Layout<Readonly<Record<string, unknown>>> {
  const whole = uint(bytes)
  const members = Object.entries(fields)
  return {
    read: (cursor) => {
      const value = whole.read(cursor)
      return Object.fromEntries(members.map(([name, { shift, width, decode }]) => [name, decode((value >>> shift) % 2 ** width)]))
    },
    write: (value) =>
      whole.write(
        members.reduce((sum, [name, { shift, width, encode }]) => {
          const found = encode(value[name])
          if (!Number.isInteger(found) || found < 0 || found >= 2 ** width) {
            throw new RangeError(`${name} is ${found}: it has ${width} bits`)
          }
          return sum + found * 2 ** shift
        }, 0),
      ),
  }
}
