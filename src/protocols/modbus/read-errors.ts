import type { InputError, Retry } from '../../model/index.js'
import type { ReadError, ReadOutcome, SessionInput } from '../../ports/index.js'
import { hexOf } from './bytes.js'
import { exceptionName } from './functions.js'

/** Garbled bytes kept with an error; what came beyond them is in the trace of the link only. */
export const errorFrameBytesMax = 256

/** Why there is no answer. */
export function failedRead(input: Exclude<SessionInput, { readonly kind: 'reply' | 'yielded' }>): ReadError {
  switch (input.kind) {
    case 'silent':
    case 'sent':
      return readError('no-reply', 'the device did not answer')
    case 'garbled':
      return readError('garbled', 'bytes came, but no whole answer to the request', input.bytes)
    case 'bus-down':
      return readError('bus-down', 'the link was not there')
  }
}

/** Exceptions 1 to 3 speak of the request, which will not change; the others of the device's present state. */
export function refusedRead(exception: number, frame: Uint8Array): ReadError {
  const name = exceptionName(exception)
  const retry: Retry = exception >= 0x01 && exception <= 0x03 ? 'never' : 'later'
  return { ...readError('refused', `the device refused: ${name}`, frame), retry, errors: [name] }
}

/** A whole answer whose words are not what the register should hold. */
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

/** A register that could not be read. */
export const failed = (register: string, error: ReadError): ReadOutcome => ({ register, ok: false, error })
