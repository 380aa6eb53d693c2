import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'

/** Where a link stands between stopped and open. `attempt` counts failures since it last worked. */
export type LinkHealth =
  | { readonly name: 'stopped' }
  | { readonly name: 'opening'; readonly attempt: number }
  | { readonly name: 'open'; readonly attempt: number; readonly since: MonotonicMs }
  | { readonly name: 'waiting'; readonly attempt: number; readonly until: MonotonicMs; readonly code: string }

/** First pause before a link is opened again; doubled after each failure. */
export const reopenFirstMs = 100
/** Longest pause: a port that comes back is in use again within this and half a second. */
export const reopenMaxMs = 3_000
/** A link that stayed open for so long, or brought a byte, has worked: the next failure starts at the first pause. */
export const stableMs = 10_000
/** Opening takes no longer than this; a connection that hangs counts as failed. */
export const openTimeoutMs = 5_000

/** What follows when an attempt failed or an open link was lost: a pause that grows, with jitter. */
export function linkFailed(health: LinkHealth, code: string, now: MonotonicMs, random: number): LinkHealth {
  if (health.name === 'stopped' || health.name === 'waiting') return health
  const worked = health.name === 'open' && now - health.since >= stableMs
  const attempt = worked ? 0 : health.attempt
  return { name: 'waiting', attempt: attempt + 1, until: monotonicMs(now + reopenPauseMs(attempt, random)), code }
}

export function linkOpened(health: LinkHealth, now: MonotonicMs): LinkHealth {
  return health.name === 'opening' ? { name: 'open', attempt: health.attempt, since: now } : health
}

/** Bytes prove that the link works. */
export function linkHeard(health: LinkHealth): LinkHealth {
  return health.name === 'open' && health.attempt > 0 ? { ...health, attempt: 0 } : health
}

/** Between half and the whole of 100 ms × 2^attempt, at most 3 s. */
export function reopenPauseMs(attempt: number, random: number): number {
  return Math.min(reopenMaxMs, reopenFirstMs * 2 ** Math.min(attempt, 30)) * (0.5 + random / 2)
}
