import type { MasterId, Stamp } from '../model/index.js'
import type { Clock, Log, OrderIntake, Random, Store, Timers, Uplink } from '../ports/index.js'
import { MasterSession } from './master-session.js'
import type { UplinkSettings } from './settings.js'

/** What the uplink is built from. */
export interface UplinkOptions {
  readonly settings: UplinkSettings
  readonly store: Store
  readonly intake: OrderIntake
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Hash over the parameters in force; each greeting carries it. */
  readonly parameterHash: () => string
}

/** One session for each master. Each has its own marks; orders of all of them take the same way in. */
export function createUplink(options: UplinkOptions): Uplink {
  const sessions = options.settings.masters.map((master) => new MasterSession(master, options))
  options.store.onAppended((ends) => {
    for (const session of sessions) session.feed({ kind: 'appended', ends })
  })
  return {
    start: () => {
      for (const session of sessions) session.start()
    },
    state: () => sessions.map((session) => session.state()),
    linkUp: () => {
      for (const session of sessions) session.feed({ kind: 'link-up' })
    },
    replay: (range, master: MasterId | null) => {
      for (const session of sessions) {
        if (master === null || session.master === master) session.feed({ kind: 'replay', ...range })
      }
    },
    turned: () => {
      for (const session of sessions) session.feed({ kind: 'wake' })
      return Promise.resolve()
    },
    close: async () => {
      await Promise.all(sessions.map((session) => session.close()))
    },
  }
}

/** The present as records are stamped with it. */
export function stampOf(clock: Clock): Stamp {
  const { at, trusted } = clock.wall()
  return { receivedAt: at, clockTrusted: trusted, boot: clock.boot, monotonicMs: Math.round(clock.monotonic()) }
}
