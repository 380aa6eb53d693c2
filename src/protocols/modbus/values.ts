import { fail, ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import { decimalOf, roundedProduct } from './decimals.js'
import { isFloat, wordsOfType, type ModbusRegister, type ValueType, type WordOrder } from './register-map.js'

/** A value as a device's side has it: the integer `decodeWords` gives, or hexadecimal digits of flags; null: not available. */
export type PlainValue = number | string | null

/**
 * The values of a register's words, in order of addresses.
 *
 * @returns `bad-digit` for BCD digits above 9, `bad-number` for an infinite float, `too-large` for what no exact integer holds: never
 * a wrong number
 */
export function decodeWords(register: ModbusRegister, words: readonly number[]): Result<readonly RegisterValue[], InputError> {
  const values: RegisterValue[] = []
  const size = wordsOfType(register.type) ?? words.length
  for (let at = 0; at < words.length; at += size) {
    const value = decodeValue(register, rawOf(words.slice(at, at + size), register.wordOrder), 16 * size)
    if (!value.ok) return fail({ ...value.error, at: `word ${register.address + at}` })
    values.push(value.value)
  }
  return ok(values)
}

/** The flags of bits, as functions 1 and 2 bring them. */
export function decodeBits(register: ModbusRegister, bits: readonly boolean[]): RegisterValue {
  const raw = bits.reduceRight((sum, bit) => sum * 2n + (bit ? 1n : 0n), 0n)
  return flagsOf(register, raw, bits.length)
}

/**
 * The words of a register from its values: what a device of this map sends.
 *
 * @throws RangeError when a value is missing, of the wrong kind, or has no such form
 */
export function encodeWords(register: ModbusRegister, values: readonly PlainValue[]): readonly number[] {
  const size = wordsOfType(register.type) ?? register.count
  if (values.length * size !== register.count) throw new RangeError(`${values.length} values are not those of ${register.code}`)
  return values.flatMap((value) => {
    const raw = rawFor(register, value, 16 * size)
    if (BigInt.asUintN(16 * size, raw) !== raw) throw new RangeError(`${String(value)} does not fit ${register.code}`)
    const words = Array.from({ length: size }, (_, index) => Number((raw >> BigInt(16 * (size - 1 - index))) & 0xffffn))
    return register.wordOrder === 'high-first' ? words : words.reverse()
  })
}

/** Words as one unsigned integer. */
function rawOf(words: readonly number[], order: WordOrder): bigint {
  const ordered = order === 'high-first' ? words : [...words].reverse()
  return ordered.reduce((raw, word) => raw * 0x1_0000n + BigInt(word), 0n)
}

function decodeValue(register: ModbusRegister, raw: bigint, width: number): Result<RegisterValue, InputError> {
  const { type, factor, unit } = register
  if (type === 'bits') return ok(flagsOf(register, raw, width))
  const scale = decimalOf(factor)
  const exponent = isFloat(type) ? register.exponent : register.exponent + scale.exponent
  const number = (int: number | null): Result<RegisterValue, InputError> => ok({ kind: 'number', int, exponent, unit })
  if (isUnavailable(register, raw)) return number(null)
  if (isFloat(type)) {
    const value = floatOf(raw, width)
    if (Number.isNaN(value)) return number(null)
    if (!Number.isFinite(value)) return wrong('bad-number', 'the device says infinity')
    return exactly(roundedProduct(value, scale, register.exponent), number)
  }
  const int = integerOf(type, raw, width)
  return int === null ? wrong('bad-digit', 'expected decimal digits') : exactly(int * scale.int, number)
}

function exactly<T>(int: bigint, number: (int: number) => Result<T, InputError>): Result<T, InputError> {
  const value = Number(int)
  return Number.isSafeInteger(value) ? number(value) : wrong('too-large', `${int} has more digits than are kept exactly`)
}

/** A signed or unsigned integer; null: BCD with a digit above 9. */
function integerOf(type: ValueType, raw: bigint, width: number): bigint | null {
  if (type === 'bcd') return /^\d+$/.test(raw.toString(16)) ? BigInt(raw.toString(16)) : null
  return type.startsWith('s') ? BigInt.asIntN(width, raw) : raw
}

function floatOf(raw: bigint, width: number): number {
  const view = new DataView(new ArrayBuffer(8))
  view.setBigUint64(0, raw)
  return width === 32 ? view.getFloat32(4) : view.getFloat64(0)
}

function isUnavailable(register: ModbusRegister, raw: bigint): boolean {
  return register.invalid.some((marker) => BigInt(marker) === raw)
}

function flagsOf(register: ModbusRegister, raw: bigint, width: number): RegisterValue {
  if (isUnavailable(register, raw)) return { kind: 'text', text: null, unit: '' }
  const names: string[] = []
  for (let bit = 0; bit < width; bit += 1) {
    if ((raw >> BigInt(bit)) & 1n) names.push(register.bits[bit] || `bit-${bit}`)
  }
  const hex = raw
    .toString(16)
    .toUpperCase()
    .padStart(Math.ceil(width / 4), '0')
  return { kind: 'bits', hex, names: register.bits.length === 0 ? [] : names, unit: '' }
}

/** The raw form of a value, as an unsigned integer. */
function rawFor(register: ModbusRegister, value: PlainValue, width: number): bigint {
  const { type, code } = register
  if (value === null) return markerOf(register)
  if (typeof value === 'string') {
    if (type !== 'bits' || !/^[0-9A-Fa-f]+$/.test(value))
      throw new RangeError(`${code} takes ${type === 'bits' ? 'digits' : 'numbers'}`)
    return BigInt(`0x${value}`)
  }
  if (type === 'bits') throw new RangeError(`${code} takes hexadecimal digits`)
  if (isFloat(type)) return rawFloat(register, value)
  const { int } = decimalOf(register.factor)
  if (BigInt(value) % int !== 0n) throw new RangeError(`${value} is no multiple of the factor of ${code}`)
  const scaled = BigInt(value) / int
  if (type === 'bcd') return scaled < 0n ? scaled : BigInt(`0x${scaled}`)
  const isSigned = type.startsWith('s')
  if (isSigned && BigInt.asIntN(width, scaled) !== scaled) throw new RangeError(`${value} does not fit ${code}`)
  return isSigned ? BigInt.asUintN(width, scaled) : scaled
}

function markerOf(register: ModbusRegister): bigint {
  const [marker] = register.invalid
  if (marker === undefined) throw new RangeError(`${register.code} has no way to say "not available"`)
  return BigInt(marker)
}

/** The nearest float to a value in steps of the register's exponent. */
function rawFloat(register: ModbusRegister, value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  const raw = Number(`${value}e${register.exponent}`) / Number(register.factor)
  if (register.type === 'f64') view.setFloat64(0, raw)
  else view.setFloat32(4, raw)
  return view.getBigUint64(0)
}

/** Where it stands is added by whoever knows the word. */
const wrong = (code: string, message: string) => fail({ code, at: '', message })
