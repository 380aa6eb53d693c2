import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import type { RegisterEntry } from './fields.js'
import { registers } from './registers.js'

/** The entry that describes a register of eight hexadecimal digits; null: the table does not know it. */
export function findRegister(di: string): RegisterEntry | null {
  const bytes = (di.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16))
  const group = groups.get(bytes[0] ?? -1) ?? []
  return (
    group.find((row) => row.ranges.every((ranges, index) => ranges.some((range) => isWithin(bytes[index], range))))?.entry ?? null
  )
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
interface Row {
  readonly entry: RegisterEntry
  /** For each byte of the register, the ranges it may be in. */
  readonly ranges: readonly (readonly Range[])[]
}

const isWithin = (value: number | undefined, [low, high]: Range): boolean => value !== undefined && value >= low && value <= high

const groups: ReadonlyMap<number, readonly Row[]> = groupByFirstByte()

function groupByFirstByte(): ReadonlyMap<number, readonly Row[]> {
  const found = new Map<number, Row[]>()
  for (const entry of registers) {
    const ranges = entry.di.split('.').map((byte) => byte.split(',').map(parseRange))
    const first = Number.parseInt(entry.di.slice(0, 2), 16)
    found.set(first, [...(found.get(first) ?? []), { entry, ranges }])
  }
  return found
}

function parseRange(text: string): Range {
  const [low = '', high = low] = text.split('-')
  return [Number.parseInt(low, 16), Number.parseInt(high, 16)]
}
