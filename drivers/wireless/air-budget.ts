import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'

/** How much of each hour may be spent in the air. */
export interface AirLimits {
  /** Of any hour, ms. */
  readonly hourMs: number
  /** Of it, kept for what somebody waits for. */
  readonly urgentMs: number
}

/** Air time spent, by minute: a minute counts until a whole hour has passed since its end. At most 62 entries. */
export interface AirBudget {
  readonly minutes: readonly { readonly minute: number; readonly ms: number }[]
}

export const freshBudget: AirBudget = { minutes: [] }

const minuteMs = 60_000
/** A minute's spending is forgotten when it is so many minutes old: never before an hour has passed since its last millisecond. */
const heldMinutes = 61

/** Spends air time at `now`. */
export function spend(budget: AirBudget, ms: number, now: MonotonicMs): AirBudget {
  const minute = Math.floor(now / minuteMs)
  const kept = held(budget, now)
  const last = kept.at(-1)
  if (last?.minute !== minute) return { minutes: [...kept, { minute, ms }] }
  return { minutes: [...kept.slice(0, -1), { minute, ms: last.ms + ms }] }
}

/** Air time of the hour behind `now`, ms. */
export function spentMs(budget: AirBudget, now: MonotonicMs): number {
  return held(budget, now).reduce((sum, { ms }) => sum + ms, 0)
}

/**
 * When so much air time may be spent: `now`, or once enough of the hour behind has been forgotten.
 *
 * @returns null when it is more than an hour holds
 */
export function affordableAt(
  budget: AirBudget,
  want: { readonly ms: number; readonly isUrgent: boolean },
  limits: AirLimits,
  now: MonotonicMs,
): MonotonicMs | null {
  const allowedMs = limits.hourMs - (want.isUrgent ? 0 : limits.urgentMs)
  if (want.ms > allowedMs) return null
  const kept = held(budget, now)
  let excessMs = kept.reduce((sum, { ms }) => sum + ms, 0) + want.ms - allowedMs
  if (excessMs <= 0) return now
  for (const { minute, ms } of kept) {
    excessMs -= ms
    if (excessMs <= 0) return monotonicMs((minute + heldMinutes) * minuteMs)
  }
  return null
}

const held = (budget: AirBudget, now: MonotonicMs): AirBudget['minutes'] =>
  budget.minutes.filter(({ minute }) => minute + heldMinutes > now / minuteMs)
