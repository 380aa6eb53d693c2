import { ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import { bytesOf, hexOf } from '../wire/bytes.js'
import { decodeLayout, encodeLayout } from './layouts.js'
import { findRegister } from './register-table.js'
import type { PlainValue } from './values.js'

/**
 * The values of a register's data, bias removed, without the identifier.
 *
 * A register the table does not know yields its bytes as hexadecimal text in the order of the wire, or nothing for no bytes.
 *
 * @returns `bad-length` or `bad-digit` when the data are not what the register should hold: never a wrong number
 */
export function decodeRegister(di: string, data: Uint8Array): Result<readonly RegisterValue[], InputError> {
  const entry = findRegister(di)
  if (entry !== null) return decodeLayout(data, entry.layout)
  return ok(rawValues(data))
}

/** Bytes without a known meaning as one text value; none for no bytes. */
export function rawValues(data: Uint8Array): readonly RegisterValue[] {
  return data.length === 0 ? [] : [{ kind: 'text', text: hexOf(data), unit: '' }]
}

/**
 * The data of a register from its values: the register's own integers (26 for 0.26 kWh), texts as `decodeRegister` gives them, or
 * null for "not available". An unknown register takes one hexadecimal text.
 *
 * @throws RangeError when the values do not fit
 */
export function encodeRegister(di: string, values: readonly PlainValue[]): Uint8Array {
  const entry = findRegister(di)
  if (entry !== null) return encodeLayout(values, entry.layout)
  return bytesOf(values.join(''))
}
