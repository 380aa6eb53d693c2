import { epochMs, type EpochMs } from '../model/index.js'
import type { Session } from '../ports/index.js'

/**
 * A session of one request that carries a time: made anew whenever its bytes are asked for, so that what leaves says the time at
 * which it arrives, to the nearest second, however long it waited for its bus.
 *
 * @param make the session that tells a time
 * @param delayMs from the moment the request leaves to its arrival, for so many bytes
 */
export function sessionAtArrival<T>(
  make: (at: EpochMs) => Session<T>,
  now: () => EpochMs,
  delayMs: (bytes: number) => number,
): Session<T> {
  const fresh = (): Session<T> => {
    const { effect } = make(now())
    const bytes = effect.kind === 'exchange' ? effect.bytes.length : 0
    return make(epochMs(Math.round((now() + delayMs(bytes)) / secondMs) * secondMs))
  }
  return {
    get effect() {
      const { effect } = fresh()
      return effect.kind === 'exchange' ? { ...effect, isTimed: true } : effect
    },
    step: (input) => fresh().step(input),
  }
}

const secondMs = 1000
