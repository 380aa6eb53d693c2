import type { Clock, Timers } from '../ports/index.js'

/** Loops without which the process is of no use. A silent meter or an unreachable broker does not stop any of them. */
export const watchedLoops = ['polling', 'store', 'uplink'] as const
export type WatchedLoop = (typeof watchedLoops)[number]

export interface WatchdogOptions {
  readonly clock: Clock
  readonly timers: Timers
  /** For each loop a question whose promise settles once the loop has turned after it was asked; a rejection is no turn. */
  readonly loops: Readonly<Record<WatchedLoop, () => Promise<unknown>>>
  /** How often the loops are asked, and thus the most often that `feed` is called: a third of systemd's limit. */
  readonly everyMs: number
  /** A loop that has not turned for so long is told, once until it turns again. */
  readonly stallMs: number
  readonly feed: () => void
  readonly onStall: (loop: WatchedLoop, sinceMs: number) => void
}

export interface Watchdog {
  stop(): void
}

interface LoopWatch {
  readonly loop: WatchedLoop
  /** Monotonic: when it last turned. */
  turnedAt: number
  turned: boolean
  asked: boolean
  told: boolean
}

/** Feeds systemd's watchdog only when every loop has turned since the last time: whoever stands still starves it. */
export function createWatchdog(options: WatchdogOptions): Watchdog {
  const { clock, timers, loops, everyMs, stallMs } = options
  const watches = watchedLoops.map((loop): LoopWatch => ({
    loop,
    turnedAt: clock.monotonic(),
    turned: false,
    asked: false,
    told: false,
  }))
  let isStopped = false

  const settled = (watch: LoopWatch, turned: boolean): void => {
    watch.asked = false
    if (isStopped || !turned) return
    watch.turned = true
    watch.told = false
    watch.turnedAt = clock.monotonic()
    if (!watches.every((each) => each.turned)) return
    for (const each of watches) Object.assign(each, { turned: false, turnedAt: clock.monotonic() })
    options.feed()
  }

  const ask = (watch: LoopWatch): void => {
    if (watch.turned) return
    const sinceMs = clock.monotonic() - watch.turnedAt
    if (sinceMs >= stallMs && !watch.told) {
      watch.told = true
      options.onStall(watch.loop, sinceMs)
    }
    if (watch.asked) return
    watch.asked = true
    loops[watch.loop]().then(
      () => settled(watch, true),
      () => settled(watch, false),
    )
  }

  const look = (): void => {
    cancel = timers.after(everyMs, look)
    for (const watch of watches) ask(watch)
  }
  let cancel = timers.after(0, look)

  return {
    stop: () => {
      isStopped = true
      cancel()
    },
  }
}
