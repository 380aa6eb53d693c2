import { hexOf } from '../wire/bytes.js'
import { nth, startsWith } from './bytes.js'
import type { Reader, Writer } from './reader.js'

/** How a value stands in application data: one description for both directions. Reading never throws; see `Reader`. */
export interface Form<T> {
  read(reader: Reader): T
  /** @throws RangeError when the value has no such form */
  write(value: T, writer: Writer): void
}

/** The type of what a form reads and writes. */
export type ValueOf<F> = F extends Form<infer T> ? T : never

/** An unsigned number of so many bytes. */
export const unsigned = (bytes: number): Form<number> => ({
  read: (reader) => reader.number(bytes),
  write: (value, writer) => writer.number(value, bytes),
})
/** Bytes of fixed length as upper-case hexadecimal text. */
export const fixed = (bytes: number): Form<string> => ({
  read: (reader) => reader.hex(bytes),
  write: (text, writer) => writer.hex(text, bytes),
})
/** Bytes behind their length, as upper-case hexadecimal text. */
export const octets: Form<string> = {
  read: (reader) => reader.hex(reader.count()),
  write: (text, writer) => {
    writer.length(text.length / 2)
    writer.hex(text, text.length / 2)
  },
}
/** All that is left, as upper-case hexadecimal text. */
export const remainder: Form<string> = {
  read: (reader) => reader.hex(reader.rest()),
  write: (text, writer) => writer.hex(text, text.length / 2),
}
/** One byte, 0 or 1; any other is true too. */
export const flag: Form<boolean> = {
  read: (reader) => reader.number(1) !== 0,
  write: (value, writer) => writer.number(value ? 1 : 0, 1),
}

/** A count, and so many of the same. */
export const list = <T>(form: Form<T>): Form<readonly T[]> => ({
  read: (reader) => Array.from({ length: reader.count() }, () => form.read(reader)),
  write: (values, writer) => {
    writer.length(values.length)
    for (const value of values) form.write(value, writer)
  },
})

/** 00, or 01 and the value. */
export const optional = <T>(form: Form<T>): Form<T | null> => ({
  read: (reader) => {
    const mark = reader.number(1)
    if (mark > 1) reader.fail('bad-option', `expected 00 or 01 before something optional, found ${mark}`)
    return mark === 1 ? form.read(reader) : null
  },
  write: (value, writer) => {
    writer.number(value === null ? 0 : 1, 1)
    if (value !== null) form.write(value, writer)
  },
})

/** Named fields one after the other, in the order in which they are written down here. */
export function record<F extends Readonly<Record<string, Form<unknown>>>>(
  fields: F,
): Form<{ readonly [K in keyof F]: ValueOf<F[K]> }>
/** The same without the types of its fields. */
export function record(fields: Readonly<Record<string, Form<unknown>>>): Form<Readonly<Record<string, unknown>>> {
  const entries = Object.entries(fields)
  return {
    read: (reader) => Object.fromEntries(entries.map(([name, form]) => [name, form.read(reader)])),
    write: (value, writer) => {
      for (const [name, form] of entries) form.write(value[name], writer)
    },
  }
}

/** The leading bytes of each kind, and what stands behind them. */
export type Variants = Readonly<Record<string, Variant<unknown>>>
export interface Variant<T> {
  readonly tags: readonly number[]
  readonly form: Form<T>
}
/** A value of one of the kinds. */
export type VariantOf<V extends Variants> = { [K in keyof V]: { readonly kind: K } & ValueOf<V[K]['form']> }[keyof V]

/** One of several kinds, told apart by its first bytes. */
export function oneOf<V extends Variants>(what: string, variants: V): Form<VariantOf<V>>
/** The same without the types of its kinds. */
export function oneOf(what: string, variants: Variants): Form<Readonly<Record<string, unknown>> & { readonly kind: string }> {
  const entries = Object.entries(variants)
  const byFirstTag = new Map(entries.map(([, { tags }]) => [tags[0], entries.filter(([, other]) => other.tags[0] === tags[0])]))
  return {
    read: (reader) => {
      const found = byFirstTag.get(reader.peek(1)[0])?.find(([, { tags }]) => startsWith(reader.peek(tags.length), tags))
      if (found === undefined) {
        const seen = hexOf(reader.peek(2))
        reader.fail(seen === '' ? 'truncated' : 'unknown-choice', `expected ${what}, found ${seen || 'the end'}`)
      }
      // After a fault nothing that is read counts; any kind keeps the shape.
      const [kind, { tags, form }] = found ?? nth(entries, 0)
      reader.hex(tags.length)
      return { kind, ...Object(form.read(reader)) }
    },
    write: (value, writer) => {
      const variant = variants[value.kind]
      if (variant === undefined) throw new RangeError(`${value.kind} is no ${what}`)
      for (const tag of variant.tags) writer.number(tag, 1)
      variant.form.write(value, writer)
    },
  }
}

/** Nothing at all: a kind that says everything by itself. */
export const nothing = record({})
