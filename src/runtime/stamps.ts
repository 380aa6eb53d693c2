import type { Stamp } from '../model/index.js'
import type { Clock } from '../ports/index.js'

/** Gives the stamp of a record made now. Stamps never change afterwards, whatever the clock turns out to have been. */
export interface StampSource {
  now(): Stamp
}

export function createStamps(clock: Clock): StampSource {
  return {
    now: () => {
      const { at, trusted } = clock.wall()
      return { receivedAt: at, clockTrusted: trusted, boot: clock.boot, monotonicMs: Math.round(clock.monotonic()) }
    },
  }
}
