import type { EpochMs, MeterId } from '../model/index.js'

/**
 * Whether the wall clock may be believed, and why. Money is priced and supply cut only under a trusted clock.
 * Trust comes from the kernel's own synchronisation, from a signed time since boot, or from three meters that agree with a
 * hardware clock that is not behind the last persisted instant. It is lost when the wall clock jumps without any of them.
 */
export interface ClockTrust {
  readonly trusted: boolean
  readonly source: 'none' | 'kernel' | 'signed-time' | 'meters'
  /** Added to the system's clock; a signed time corrects us without touching the machine's clock. */
  readonly offsetMs: number
  /** False while the clock stands before the last instant that was ever persisted. */
  readonly notBehind: boolean
  /** The latest difference meter − us of each meter, for the vote. */
  readonly meters: ReadonlyMap<MeterId, number>
}

export type ClockObservation =
  | { readonly kind: 'kernel'; readonly synchronised: boolean }
  | { readonly kind: 'signed-time'; readonly at: EpochMs; readonly wall: EpochMs }
  | { readonly kind: 'meter'; readonly meter: MeterId; readonly offsetMs: number }
  /** The wall clock moved against the monotonic one by this much since it was last looked at. */
  | { readonly kind: 'step'; readonly byMs: number }

/** A jump larger than this is no drift and no slew. */
export const clockStepMs = 2000
const metersNeeded = 3
const meterAgreementMs = 60_000
/** Only the newest votes count; an area has at most this many meters with an opinion worth keeping. */
const metersMax = 64

export function initialClockTrust(wall: EpochMs, lastPersisted: EpochMs | null): ClockTrust {
  const notBehind = lastPersisted === null || wall >= lastPersisted
  return { trusted: false, source: 'none', offsetMs: 0, notBehind, meters: new Map() }
}

export function observeClock(trust: ClockTrust, seen: ClockObservation): ClockTrust {
  switch (seen.kind) {
    case 'kernel':
      return seen.synchronised ? { ...trust, trusted: true, source: 'kernel', offsetMs: 0, notBehind: true } : trust
    case 'signed-time': {
      const correctionMs = seen.at - seen.wall
      return {
        ...trust,
        trusted: true,
        source: 'signed-time',
        offsetMs: trust.offsetMs + correctionMs,
        notBehind: true,
        meters: new Map(),
      }
    }
    case 'meter':
      return vote(trust, seen.meter, seen.offsetMs)
    case 'step':
      if (Math.abs(seen.byMs) < clockStepMs || trust.source === 'kernel') return trust
      return { ...trust, trusted: false, source: 'none', meters: new Map() }
  }
}

function vote(trust: ClockTrust, meter: MeterId, offsetMs: number): ClockTrust {
  if (trust.trusted) return trust
  const meters = new Map(trust.meters)
  meters.delete(meter)
  meters.set(meter, offsetMs)
  for (const oldest of meters.keys()) {
    if (meters.size <= metersMax) break
    meters.delete(oldest)
  }
  const agreeing = [...meters.values()].filter((offset) => Math.abs(offset) <= meterAgreementMs).length
  const trusted = trust.notBehind && agreeing >= metersNeeded && agreeing * 2 > meters.size
  return { ...trust, meters, trusted, source: trusted ? 'meters' : 'none' }
}
