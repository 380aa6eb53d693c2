const hexDigits = '0123456789ABCDEF'

/** Upper-case hexadecimal of bytes in their order, without separators. */
export function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += `${hexDigits.charAt(byte >> 4)}${hexDigits.charAt(byte & 15)}`
  return text
}

/** A number as upper-case hexadecimal of so many digits, filled with 0 on the left. */
export function hexNumber(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0')
}

/** A byte as two upper-case hexadecimal digits. */
export const hexByte = (byte: number): string => hexNumber(byte, 2)

/**
 * Bytes of hexadecimal text without separators, in its order.
 *
 * @throws RangeError when the text is not pairs of hexadecimal digits: such text is a bug of ours, not of a wire
 */
export function bytesOf(hex: string): Uint8Array {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(hex)) throw new RangeError('hexadecimal text must consist of pairs of hexadecimal digits')
  const bytes = new Uint8Array(hex.length / 2)
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16)
  return bytes
}

/** Bytes one after the other in one new array. */
export function joinBytes(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** The same bytes, last first, in a copy: most of what has several bytes goes low byte first on the wire. */
export function reversed(bytes: Uint8Array): Uint8Array {
  // Not `slice`: that of a Buffer shares the memory, and reversing it would change the caller's frame.
  return Uint8Array.from(bytes).reverse()
}

/** The byte at an index that the caller has checked to be inside. */
export function byteAt(bytes: Uint8Array | Uint16Array, index: number): number {
  return bytes[index] ?? Number.NaN
}

/** Whether every byte is `value`: all FF is "not available" or "not given", all 00 in a date is "no such record". */
export function isFilledWith(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value)
}
