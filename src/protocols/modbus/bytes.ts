import { byteAt } from '../wire/bytes.js'

/** The word at an index, high byte first as everything but the checksum. */
export function wordAt(bytes: Uint8Array, index: number): number {
  return byteAt(bytes, index) * 256 + byteAt(bytes, index + 1)
}

/** Words as bytes, high byte first. @throws RangeError for what is no word */
export function wordBytes(...words: readonly number[]): readonly number[] {
  return words.flatMap((word) => {
    if (!isWord(word)) throw new RangeError(`${word} is no word of 16 bits`)
    return [word >> 8, word & 0xff]
  })
}

/** The words that an even number of bytes make. */
export function wordsOf(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) => wordAt(bytes, 2 * index))
}

/** Bits as bytes, the first in the lowest place of the first byte; unused places are 0. */
export function bitBytes(bits: readonly boolean[]): readonly number[] {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8))
  for (const [index, bit] of bits.entries()) if (bit) bytes[index >> 3] = byteAt(bytes, index >> 3) | (1 << (index & 7))
  return [...bytes]
}

/** The first `count` bits of bytes. */
export function bitsOf(bytes: Uint8Array, count: number): readonly boolean[] {
  return Array.from({ length: count }, (_, index) => ((byteAt(bytes, index >> 3) >> (index & 7)) & 1) === 1)
}

/** Whether a number is a whole one of 16 bits. */
export function isWord(word: number): boolean {
  return Number.isInteger(word) && word >= 0 && word <= 0xffff
}
