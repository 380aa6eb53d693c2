import type { Hindrance } from '../ports/index.js'
import type { MeterState } from './meter-state.js'
import type { Now } from './now.js'
import type { CollectionSettings } from './settings.js'

/** A bus that is there does not carry the meter: it is left alone for a while, longer each time; the others are not. */
export function putOff(state: MeterState, hindrance: Hindrance, now: Now, settings: CollectionSettings): void {
  if (hindrance === 'later') return
  const { heldRetryMs, notCarriedRetryMs, notCarriedRetryMsMax } = settings
  // Joining takes minutes, and a meter that is outside costs the bus nothing.
  const longest = hindrance === 'not-joined' ? 4 * heldRetryMs : notCarriedRetryMsMax
  state.hindrance = hindrance
  state.heldUntil = now.monotonic + pauseMs(notCarriedRetryMs, state.hinderedTimes++, longest)
}

/** The bus carried a question to the meter. @returns whether it had not before */
export function wasPutOff(state: MeterState): boolean {
  const before = state.hindrance !== null
  state.hindrance = null
  state.hinderedTimes = 0
  return before
}

/** Doubles with each failure. */
export function pauseMs(first: number, failures: number, longest: number): number {
  return Math.min(first * 2 ** Math.min(failures, 20), longest)
}
