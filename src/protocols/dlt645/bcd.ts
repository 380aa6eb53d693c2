import { byteAt } from './codec.js'

/**
 * Digits of packed BCD, low byte first, as an integer.
 *
 * @param signed the top bit of the highest byte is the sign, 1 = negative, the rest magnitude (facts §4.4)
 * @returns null when a nibble exceeds 9: never a number
 */
export function readBcd(bytes: Uint8Array, signed = false): number | null {
  let value = 0
  let negative = false
  for (let index = bytes.length - 1; index >= 0; index -= 1) {
    let byte = byteAt(bytes, index)
    if (signed && index === bytes.length - 1) {
      negative = byte >= 0x80
      byte &= 0x7f
    }
    if (byte >> 4 > 9 || (byte & 0x0f) > 9) return null
    value = value * 100 + (byte >> 4) * 10 + (byte & 0x0f)
  }
  return negative && value !== 0 ? -value : value
}

/**
 * An integer as packed BCD, low byte first.
 *
 * @throws RangeError when it does not fit, or is negative without a sign bit
 */
export function writeBcd(value: number, length: number, signed = false): Uint8Array {
  const limit = 10 ** (2 * length) * (signed ? 0.8 : 1)
  if (!Number.isSafeInteger(value) || Math.abs(value) >= limit || (value < 0 && !signed)) {
    throw new RangeError(`${value} does not fit ${length} ${signed ? 'signed' : 'unsigned'} BCD bytes`)
  }
  const bytes = new Uint8Array(length)
  let rest = Math.abs(value)
  for (let index = 0; index < length; index += 1) {
    const pair = rest % 100
    bytes[index] = (Math.floor(pair / 10) << 4) | (pair % 10)
    rest = Math.floor(rest / 100)
  }
  if (value < 0) bytes[length - 1] = byteAt(bytes, length - 1) | 0x80
  return bytes
}
