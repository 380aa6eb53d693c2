import { byteAt } from '../wire/bytes.js'

/**
 * CRC-16/X-25 (facts §1): polynomial 1021H reflected, start FFFFH, output inverted. On the wire its low byte comes first.
 *
 * @source "123456789" gives 906EH
 */
export function crc16(bytes: Uint8Array): number {
  let crc = 0xffff
  for (const byte of bytes) crc = (crc >>> 8) ^ byteAt(table, (crc ^ byte) & 0xff)
  return crc ^ 0xffff
}

const reflectedPolynomial = 0x8408

const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ reflectedPolynomial : crc >>> 1
  return crc
})
