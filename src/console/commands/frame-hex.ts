import { fail, ok, type InputError, type Result } from '../../model/index.js'

/** Longer text is no frame of any protocol: the longest has 16 KiB. */
export const frameCharsMax = 131_072

/**
 * Bytes as people type and tools print them: two digits a byte, upper or lower case, without anything between them or with blanks,
 * one `:` or one `-`; `0x` may stand in front of any byte.
 *
 * @returns the bytes, or `empty`, `too-long`, `not-hex` with the character (counted from 0) at which it is no longer that
 */
export function readHex(text: string): Result<Uint8Array, InputError> {
  const end = text.trimEnd().length
  if (end === 0) return refuse('empty', 0, 'expected a frame in hexadecimal, found nothing')
  if (end > frameCharsMax) return refuse('too-long', frameCharsMax, `expected at most ${frameCharsMax} characters`)
  const bytes: number[] = []
  for (let place = text.length - text.trimStart().length; place < end; place += 2) {
    place += lengthAt(bytes.length === 0 ? prefix : separatorAndPrefix, text, place)
    const digits = text.slice(place, Math.min(end, place + 2))
    const good = /^[0-9a-f]*/i.exec(digits)?.[0].length ?? 0
    if (good < 2) return refuse('not-hex', place + good, wordsFor(digits[good], good))
    bytes.push(Number.parseInt(digits, 16))
  }
  return ok(Uint8Array.from(bytes))
}

const prefix = /(?:0x)?/iy
const separatorAndPrefix = /(?:\s+|[:-])?(?:0x)?/iy

function lengthAt(pattern: RegExp, text: string, place: number): number {
  pattern.lastIndex = place
  return pattern.exec(text)?.[0].length ?? 0
}

function wordsFor(found: string | undefined, digits: number): string {
  if (found === undefined) return digits === 1 ? 'the last byte has only one digit' : 'expected a byte, found the end'
  return `expected ${digits === 1 ? 'the second digit of a byte' : 'a hexadecimal digit'}, found ${JSON.stringify(found)}`
}

const refuse = (code: string, place: number, message: string): { readonly ok: false; readonly error: InputError } =>
  fail({ code, at: `character ${place}`, message })
