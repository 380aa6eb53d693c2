import { writeBcd } from '../../src/protocols/dlt645/bcd.js'

/** Display time (ms) as packed BCD, lowest unit first: `mmhhDDMMYY`, 5 bytes; 0 gives zeros: no such record. */
export function minuteStamp(localMs: number): Uint8Array {
  return secondStamp(localMs).subarray(1)
}

/** Display time as `ssmmhhDDMMYY`, 6 bytes. */
export function secondStamp(localMs: number): Uint8Array {
  if (localMs === 0) return new Uint8Array(6)
  const date = new Date(localMs)
  return Uint8Array.of(
    pair(date.getUTCSeconds()),
    pair(date.getUTCMinutes()),
    pair(date.getUTCHours()),
    pair(date.getUTCDate()),
    pair(date.getUTCMonth() + 1),
    pair(date.getUTCFullYear() % 100),
  )
}

/** Date and week day, week day first on the wire, 0 = Sunday: `WWDDMMYY`. */
export function dateStamp(localMs: number): Uint8Array {
  return Uint8Array.of(new Date(localMs).getUTCDay(), ...secondStamp(localMs).subarray(3))
}

/**
 * Reads `ssmmhhDDMMYY` as a display time.
 *
 * @returns null when a digit is no decimal digit or the fields are no date
 */
export function parseSecondStamp(bytes: Uint8Array): number | null {
  const numbers = Array.from(bytes, unpair)
  if (bytes.length !== 6 || numbers.some((number) => Number.isNaN(number))) return null
  const [second = 0, minute = 0, hour = 0, day = 0, month = 0, year = 0] = numbers
  const at = Date.UTC(2000 + year, month - 1, day, hour, minute, second)
  return secondStamp(at).every((byte, index) => byte === bytes[index]) ? at : null
}

/** Energies, or anything of four bytes, one after the other. */
export function fourBytes(values: readonly number[], signed = false): Uint8Array {
  return joined(values.map((value) => writeBcd(value, 4, signed)))
}

/** Byte strings one after the other, with `between` in front of all but the first. */
export function joined(parts: readonly Uint8Array[], between?: number): Uint8Array {
  const gap = between === undefined ? 0 : 1
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0) + gap * Math.max(0, parts.length - 1))
  let place = 0
  for (const [index, part] of parts.entries()) {
    if (between !== undefined && index > 0) bytes[place++] = between
    bytes.set(part, place)
    place += part.length
  }
  return bytes
}

/** ASCII text of a fixed length as it is sent: backwards, filled with zeros. */
export function asciiBytes(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < Math.min(text.length, length); index++) bytes[length - 1 - index] = text.charCodeAt(index)
  return bytes
}

/** A two-digit number as one BCD byte. */
export function pair(number: number): number {
  return (Math.floor(number / 10) << 4) | (number % 10)
}

/** One BCD byte as a number; NaN when a nibble exceeds 9. */
export function unpair(byte: number): number {
  const high = byte >> 4
  const low = byte & 0x0f
  return high > 9 || low > 9 ? Number.NaN : high * 10 + low
}
