import { existsSync } from 'node:fs'
import { randomUUID } from 'node:crypto'
import { epochMs, monotonicMs, type EpochMs } from '../model/index.js'
import type { Clock, Random, Timers } from '../ports/index.js'
import { clockStepMs, initialClockTrust, observeClock, type ClockObservation, type ClockTrust } from './clock-trust.js'

/** The machine's clock with trust; `observe` feeds what else is known of the time. */
export interface TrustedClock extends Clock {
  observe(seen: ClockObservation): void
  trust(): ClockTrust
  onTrust(handler: (trust: ClockTrust, before: ClockTrust) => void): void
}

export interface SystemClockOptions {
  /** The last instant that the store persisted; null on a fresh box. */
  readonly lastPersisted: EpochMs | null
  /** True on benches and in demos, where no time source is at hand: the clock counts as synchronised. */
  readonly assumeSynchronised: boolean
}

/** systemd-timesyncd makes this file once it has synchronised the kernel's clock. */
const synchronisedMark = '/run/systemd/timesync/synchronized'

/** The real clock. `checkSystem` is to be called every few seconds: it asks the kernel's state and finds steps. */
export function createSystemClock(options: SystemClockOptions): TrustedClock & { checkSystem(): void } {
  const boot = randomUUID()
  const handlers: ((trust: ClockTrust, before: ClockTrust) => void)[] = []
  let trust = initialClockTrust(epochMs(Date.now()), options.lastPersisted)
  let difference = Date.now() - performance.now()

  const observe = (seen: ClockObservation): void => {
    const before = trust
    trust = observeClock(trust, seen)
    if (trust.trusted !== before.trusted || trust.offsetMs !== before.offsetMs)
      for (const handler of handlers) handler(trust, before)
  }
  const checkSystem = (): void => {
    const now = Date.now() - performance.now()
    const byMs = now - difference
    difference = now
    if (Math.abs(byMs) >= clockStepMs) observe({ kind: 'step', byMs })
    observe({ kind: 'kernel', synchronised: options.assumeSynchronised || existsSync(synchronisedMark) })
  }
  checkSystem()
  return {
    boot,
    monotonic: () => monotonicMs(performance.now()),
    wall: () => ({ at: epochMs(Date.now() + trust.offsetMs), trusted: trust.trusted }),
    observe,
    trust: () => trust,
    onTrust: (handler) => void handlers.push(handler),
    checkSystem,
  }
}

/** Node's own timers. They keep the process alive; whoever asks for one cancels it when stopping. */
export const systemTimers: Timers = {
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs)
    return () => clearTimeout(timer)
  },
}

export const systemRandom: Random = { next: () => Math.random() }
