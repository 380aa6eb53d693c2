import type { ReadError } from '../../ports/index.js'
import { bitNames } from '../dlt645/errors.js'
import { readError } from '../wire/read-errors.js'
import type { Refusal } from './replies.js'

/** Names of the bits of ERR, lowest first (facts, control codes); empty: without a meaning. */
export const errBits = [
  'illegal-data',
  'no-such-data',
  'not-authorised',
  '',
  'too-many-year-zones',
  'too-many-day-slots',
  'too-many-tariffs',
  '',
] as const

/** The error bits of a refusal by name. */
export function refusalNames({ errors }: Refusal): readonly string[] {
  return bitNames(errors ?? 0, errBits)
}

/** A refusal by the meter: unknown data and a wrong password stay as they are, anything else may pass. */
export function refusedRead(refusal: Refusal, frame: Uint8Array): ReadError {
  const errors = refusalNames(refusal)
  const isFinal = errors.includes('no-such-data') || errors.includes('not-authorised')
  const message = `the meter refused: ${errors.join(', ') || 'no reason given'}`
  return { ...readError('refused', message, frame), retry: isFinal ? 'never' : 'later', errors }
}
