import { byteAt } from '../wire/bytes.js'

/** CRC-16 of Modbus: polynomial 8005 (reflected A001), start FFFF; it goes out low byte first. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1
  }
  return crc
}

/** Whether the last two bytes are the checksum of those before. */
export function endsWithCrc(bytes: Uint8Array): boolean {
  const end = bytes.length - 2
  return end >= 0 && crc16(bytes.subarray(0, end)) === byteAt(bytes, end) + 256 * byteAt(bytes, end + 1)
}
