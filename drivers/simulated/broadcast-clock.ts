import { dayMs, minuteMs } from '../../src/model/index.js'
import type { Physics } from './physics.js'

/** A broadcast sets the clock at most once a day, by at most this, and not this near to midnight (DL/T 645-2007 facts §6.5). */
export const broadcastSetMaxMs = 5 * minuteMs

/** The clock as broadcasts may set it; what they may not do is passed over in silence. */
export class BroadcastClock {
  readonly #physics: Physics
  #setOnDay = -1

  constructor(physics: Physics) {
    this.#physics = physics
  }

  /** @param wanted display time of the broadcast. @param localMs display time now */
  set(wanted: number, localMs: number): void {
    const day = Math.floor(localMs / dayMs)
    const nearMidnight = Math.min(localMs % dayMs, dayMs - (localMs % dayMs)) < broadcastSetMaxMs
    if (day === this.#setOnDay || nearMidnight || Math.abs(wanted - localMs) > broadcastSetMaxMs) return
    this.#setOnDay = day
    this.#physics.setClock(wanted)
  }
}
