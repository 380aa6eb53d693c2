import { fail, ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import { bytesOf } from '../wire/bytes.js'
import { decodeLayout, encodeLayout } from '../dlt645/layouts.js'
import { rawValues } from '../dlt645/register-data.js'
import { registerFinder } from '../dlt645/register-table.js'
import type { PlainValue } from '../dlt645/values.js'
import { registers, type RegisterEntry } from './registers.js'

/** The row that describes a register of four hexadecimal digits; null: the table does not know it. */
export const findRegister: (di: string) => RegisterEntry | null = registerFinder(registers)

/** Whether text names a register: four hexadecimal digits, high byte first. @returns it in upper case */
export function checkRegister(register: string): Result<string, InputError> {
  if (/^[0-9A-Fa-f]{4}$/.test(register)) return ok(register.toUpperCase())
  return fail({
    code: 'bad-register',
    at: 'register',
    message: 'expected four hexadecimal digits, high byte first, such as 9010',
  })
}

/**
 * The values of a register's data, without the identifier. An unknown register yields its bytes as hexadecimal text.
 *
 * @returns `bad-length` or `bad-digit` when the data are not what the register should hold: never a wrong number
 */
export function decodeRegister(di: string, data: Uint8Array): Result<readonly RegisterValue[], InputError> {
  const entry = findRegister(di)
  if (entry === null) return ok(rawValues(data))
  const values = decodeLayout(data, entry.layout)
  const { wide } = entry
  const isWide = wide !== undefined && values.ok && values.value.some((value) => isFrom(value, wide.from))
  return isWide ? decodeLayout(data, wide.layout) : values
}

/**
 * The data of a register from its values: the register's own integers in the edition's decimals, texts as `decodeRegister` gives
 * them, or null for "not available". An unknown register takes one hexadecimal text.
 *
 * @throws RangeError when the values do not fit
 */
export function encodeRegister(di: string, values: readonly PlainValue[]): Uint8Array {
  const entry = findRegister(di)
  return entry === null ? bytesOf(values.join('')) : encodeLayout(values, entry.layout)
}

const isFrom = (value: RegisterValue, least: number): boolean => value.kind === 'number' && (value.int ?? 0) >= least
