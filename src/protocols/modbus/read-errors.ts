import type { Retry } from '../../model/index.js'
import type { ReadError, ReadOutcome } from '../../ports/index.js'
import { readError } from '../wire/read-errors.js'
import { exceptionName } from './functions.js'

/** Exceptions 1 to 3 speak of the request, which will not change; the others of the device's present state. */
export function refusedRead(exception: number, frame: Uint8Array): ReadError {
  const name = exceptionName(exception)
  const retry: Retry = exception >= 0x01 && exception <= 0x03 ? 'never' : 'later'
  return { ...readError('refused', `the device refused: ${name}`, frame), retry, errors: [name] }
}

/** A register that could not be read. */
export const failed = (register: string, error: ReadError): ReadOutcome => ({ register, ok: false, error })
