import type { ReadError } from '../../ports/index.js'
import { readError } from '../wire/read-errors.js'
import { darName, isFinalDar } from './dar.js'

/** A refusal by the meter: a missing object or right stays missing, anything else may pass (facts §2.4). */
export function refusedRead(dar: number, frame: Uint8Array): ReadError {
  const name = darName(dar)
  return {
    ...readError('refused', `the meter refused: ${name}`, frame),
    retry: isFinalDar(dar) ? 'never' : 'later',
    errors: [name],
  }
}
