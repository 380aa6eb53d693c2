import type { InputError } from '../../model/index.js'
import type { ReadError } from '../../ports/index.js'
import { hexOf } from './bytes.js'
import type { Unanswered } from './unanswered.js'

/** Bytes kept with an error; what came beyond them is in the trace of the link only. */
export const errorFrameBytesMax = 256

/** The error of a read that was not answered. */
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

/** A whole answer whose data are not what the request should bring. */
export function invalidRead(error: InputError, frame: Uint8Array): ReadError {
  return readError('invalid', `${error.code} at ${error.at}: ${error.message}`, frame)
}

/** A request that a protocol cannot make. */
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
