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

/** The same bytes, last first: an address goes low byte first on the wire (facts §1). Always a copy. */
export function reversed(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes).reverse()
}

/** The byte at an index that the caller has checked to be inside. */
export function byteAt(bytes: Uint8Array | Uint16Array, index: number): number {
  return bytes[index] ?? Number.NaN
}

/** Whether bytes begin with `head`. */
export function startsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  for (let index = 0; index < head.length; index += 1) if (bytes[index] !== head[index]) return false
  return true
}

/** Whether every byte is `value`: all FF is "not given" in dates (facts §2.3). */
export function isFilledWith(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value)
}

/** The element at an index that must be inside. @throws RangeError when it is not: a bug of ours */
export function nth<T>(list: readonly (T | undefined)[], index: number): T {
  const found = list[index]
  if (found === undefined) throw new RangeError(`there is no element ${index}`)
  return found
}
