import type { InputError } from '../../model/index.js'
import type { ReadError } from '../../ports/index.js'
import { hexOf } from './bytes.js'
import { refusalNames, type RefusalWord } from './errors.js'
import type { Unanswered } from './exchange.js'

/** Garbled bytes kept with an error; what came beyond them is in the trace of the link only. */
export const errorFrameBytesMax = 256

/** Why there is no answer. */
export function failedRead(answer: Unanswered): ReadError {
  switch (answer.kind) {
    case 'no-reply':
    case 'yielded':
      return readError('no-reply', 'the meter did not answer')
    case 'garbled':
      return readError('garbled', 'bytes came, but no whole answer to the request', answer.bytes)
    case 'bus-down':
      return readError('bus-down', 'the link was not there')
  }
}

/** A refusal by the meter: unknown data and lack of authority stay as they are, anything else may pass (facts §7). */
export function refusedRead(refusal: RefusalWord, frame: Uint8Array): ReadError {
  const errors = refusalNames(refusal)
  const isFinal = errors.includes('no-such-data') || errors.includes('not-authorised')
  const message = `the meter refused: ${errors.join(', ') || 'no reason given'}`
  return { code: 'refused', retry: isFinal ? 'never' : 'later', errors, message, frame: hexOf(frame) }
}

/** A whole answer whose data are not what the register should hold. */
export function invalidRead(error: InputError, frame: Uint8Array): ReadError {
  return readError('invalid', `${error.code} at ${error.at}: ${error.message}`, frame)
}

/** A request that this protocol cannot make. */
export function unsupportedRead(message: string): ReadError {
  return { ...readError('unsupported', message), retry: 'never' }
}

/** An error that may pass, with the bytes that show it. */
export function readError(code: ReadError['code'], message: string, frame: Uint8Array | null = null): ReadError {
  return {
    code,
    retry: 'later',
    errors: [],
    message,
    frame: frame === null ? null : hexOf(frame.subarray(0, errorFrameBytesMax)),
  }
}
