import type { EpochMs } from '../../src/model/index.js'
import type { Calendar } from '../../src/ports/index.js'
import type { VirtualTime } from './virtual-time.js'

/** The wall clock is looked at again at the latest after this, as a real scheduler does. */
const lookAgainMaxMs = 86_400_000

/** Cron jobs on a virtual wall clock; what an expression means is the real calendar's affair and is handed in. */
export class VirtualCalendar implements Calendar {
  readonly #time: VirtualTime
  readonly #nextAfter: Calendar['nextAfter']

  constructor(time: VirtualTime, nextAfter: Calendar['nextAfter']) {
    this.#time = time
    this.#nextAfter = nextAfter
  }

  nextAfter(cron: string, utcOffsetMinutes: number, after: EpochMs): EpochMs {
    return this.#nextAfter(cron, utcOffsetMinutes, after)
  }

  /** A step forward over matches fires the last due one once; a step back waits for the matches to come again. */
  schedule(cron: string, utcOffsetMinutes: number, fire: (instant: EpochMs) => void): () => void {
    let next = this.#nextAfter(cron, utcOffsetMinutes, this.#time.wall().at)
    let cancel = (): void => undefined
    const arm = (): void => {
      cancel()
      cancel = this.#time.after(Math.min(Math.max(0, next - this.#time.wall().at), lookAgainMaxMs), look)
    }
    const look = (): void => {
      const now = this.#time.wall().at
      const due = next
      if (now >= due) next = this.#nextAfter(cron, utcOffsetMinutes, now)
      arm()
      if (now >= due) fire(due)
    }
    const stopWatching = this.#time.onWallStep(() => {
      const now = this.#time.wall().at
      if (now < next) next = this.#nextAfter(cron, utcOffsetMinutes, now)
      arm()
    })
    arm()
    return () => {
      stopWatching()
      cancel()
    }
  }
}
