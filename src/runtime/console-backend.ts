import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { ConsoleBackend, ConsoleLink } from '../console/backend.js'
import type { Clock, Store, Timers } from '../ports/index.js'
import { fail } from '../model/index.js'
import type { Settings } from '../settings/index.js'
import type { Daemon } from './daemon.js'
import { createStamps } from './stamps.js'
import { softwareVersion } from './version.js'

/** A loop that has not turned by then stands still, for a self-test. */
const loopMsMax = 5_000

export interface ConsoleBackendParts {
  readonly daemon: Daemon
  readonly settings: Settings
  readonly store: Store
  readonly clock: Clock
  readonly timers: Timers
}

/** The daemon as the console's server sees it. */
export function createConsoleBackend({ daemon, settings, store, clock, timers }: ConsoleBackendParts): ConsoleBackend {
  const stamps = createStamps(clock)
  const startedAt = clock.monotonic()
  const { path, reserveBytes, bytesMax } = settings.database
  return {
    query: (command, input) => store.run(command, input),
    onAppended: (handler) => store.onAppended(handler),
    site: () => ({
      parameters: daemon.parameters,
      parameterHash: daemon.parameterHash,
      software: softwareVersion,
      startedAt,
      masters: settings.masters.length,
      withoutCredentials: withoutCredentials(daemon, settings),
    }),
    clock: () => ({ ...clock.wall(), monotonic: clock.monotonic(), boot: clock.boot }),
    collection: () => {
      const snapshot = daemon.collector?.snapshot()
      return snapshot === undefined ? null : { ...snapshot, unknown: daemon.unknownMeters }
    },
    links: () => linksOf(daemon, settings),
    uplink: () => daemon.uplink?.state() ?? [],
    network: (link) => daemon.buses.get(link)?.network?.snapshot() ?? null,
    trace: (link) => daemon.buses.get(link)?.trace() ?? null,
    read: (call) =>
      daemon.collector?.call(call) ??
      Promise.resolve(fail({ code: 'starting', at: 'daemon', message: 'the daemon is starting; try again in a moment' })),
    intake: daemon.intake,
    disk: () => ({ freeBytes: freeBytes(path), reserveBytes, budgetBytes: bytesMax }),
    loops: () =>
      Promise.all(
        Object.entries(daemon.loops).map(async ([loop, turn]) => ({
          loop,
          turned: await settlesWithin(turn(), loopMsMax, timers),
        })),
      ),
    noteSelfTest: async (failed) => {
      const since = clock.monotonic()
      const isGood = failed.length === 0
      await store.run('record-event', {
        event: {
          code: 'console.self-test',
          severity: isGood ? 'info' : 'warning',
          detail: { ok: isGood, failed: failed.join(', ') },
        },
        stamp: stamps.now(),
      })
      return clock.monotonic() - since
    },
  }
}

function linksOf(daemon: Daemon, settings: Settings): readonly ConsoleLink[] {
  return settings.links.flatMap(({ id, url, driver }) => {
    const runner = daemon.runners.get(id)
    const meters = daemon.parameters.meters.filter(({ link }) => link === id).length
    return runner === undefined ? [] : [{ ...runner.snapshot(), url, driver, meters }]
  })
}

/** Meters whose relay could not be ordered. */
function withoutCredentials({ parameters }: Daemon, { secrets }: Settings) {
  const withRelay = new Set(parameters.profiles.filter(({ relay }) => relay).map(({ name }) => name))
  return parameters.meters
    .filter((meter) => withRelay.has(meter.profile) && secrets.credentialsFor(meter) === null)
    .map(({ id }) => id)
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(dirname(path))
  return bavail * bsize
}

function settlesWithin(work: Promise<unknown>, limitMs: number, timers: Timers): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = timers.after(limitMs, () => resolve(false))
    work
      .then(
        () => resolve(true),
        () => resolve(false),
      )
      .finally(cancel)
  })
}
