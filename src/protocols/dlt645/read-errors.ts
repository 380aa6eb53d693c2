import type { ReadError } from '../../ports/index.js'
import { hexOf } from '../wire/bytes.js'
import { refusalNames, type RefusalWord } from './errors.js'

/** A refusal by the meter: unknown data and lack of authority stay as they are, anything else may pass (facts §7). */
export function refusedRead(refusal: RefusalWord, frame: Uint8Array): ReadError {
  const errors = refusalNames(refusal)
  const isFinal = errors.includes('no-such-data') || errors.includes('not-authorised')
  const message = `the meter refused: ${errors.join(', ') || 'no reason given'}`
  return { code: 'refused', retry: isFinal ? 'never' : 'later', errors, message, frame: hexOf(frame) }
}
