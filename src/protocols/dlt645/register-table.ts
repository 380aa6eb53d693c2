import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import type { RegisterEntry } from './fields.js'
import { registers } from './registers.js'

/** The entry that describes a register of eight hexadecimal digits; null: the table does not know it. */
export const findRegister: (di: string) => RegisterEntry | null = registerFinder(registers)

/** Finds, in a table whose rows have patterns of byte ranges, the first row for a register in hexadecimal digits. */
export function registerFinder<Entry extends { readonly di: string }>(entries: readonly Entry[]): (di: string) => Entry | null {
  const groups = groupByFirstByte(entries)
  return (di) => {
    const bytes = (di.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
    const fits = ({ ranges }: Row<Entry>) => ranges.every((each, index) => each.some((range) => isWithin(bytes[index], range)))
    return (groups.get(bytes[0] ?? -1) ?? []).find(fits)?.entry ?? null
  }
}

/** Whether text names a register: eight hexadecimal digits, high byte first. @returns it in upper case */
export function checkRegister(register: string): Result<string, InputError> {
  if (/^[0-9A-Fa-f]{8}$/.test(register)) return ok(register.toUpperCase())
  return fail({
    code: 'bad-register',
    at: 'register',
    message: 'expected eight hexadecimal digits, high byte first, such as 00010000',
  })
}

type Range = readonly [low: number, high: number]
interface Row<Entry> {
  readonly entry: Entry
  /** For each byte of the register, the ranges it may be in. */
  readonly ranges: readonly (readonly Range[])[]
}

function isWithin(value: number | undefined, [low, high]: Range): boolean {
  return value !== undefined && value >= low && value <= high
}

function groupByFirstByte<Entry extends { readonly di: string }>(
  entries: readonly Entry[],
): ReadonlyMap<number, readonly Row<Entry>[]> {
  const found = new Map<number, Row<Entry>[]>()
  for (const entry of entries) {
    const ranges = entry.di.split('.').map((byte) => byte.split(',').map(parseRange))
    for (const [low, high] of ranges.slice(0, 1).flat()) {
      for (let first = low; first <= high; first += 1) found.set(first, [...(found.get(first) ?? []), { entry, ranges }])
    }
  }
  return found
}

function parseRange(text: string): Range {
  const [low = '', high = low] = text.split('-')
  return [Number.parseInt(low, 16), Number.parseInt(high, 16)]
}
