import { formatLocal, type EpochMs, type EventFact } from '../model/index.js'
import type { Clock, Log } from '../ports/index.js'

/** Of one expression this is told no more often; what is passed over meanwhile is counted and told with the next one. */
export const skippedEveryMs = 60_000

export interface SkippedFiringsOptions {
  readonly clock: Clock
  readonly log: Log
  readonly utcOffsetMinutes: number
  readonly record: (event: EventFact) => void
}

/**
 * Tells, as a log line and an event, that a calendar passed over firings: the wall clock was set forward, or the process stood
 * still. The slots behind them are found by the collection, which explains each; this says why they were late.
 */
export function skippedFirings(options: SkippedFiringsOptions): (cron: string, from: EpochMs, fired: EpochMs) => void {
  const { clock, log, utcOffsetMinutes, record } = options
  const told = new Map<string, { readonly at: number; leftOut: number }>()
  return (cron, from, fired) => {
    const now = clock.monotonic()
    const last = told.get(cron)
    if (last !== undefined && now - last.at < skippedEveryMs) {
      last.leftOut++
      return
    }
    for (const [known, { at }] of told) if (now - at >= skippedEveryMs) told.delete(known)
    told.set(cron, { at: now, leftOut: 0 })
    const [first, next] = [from, fired].map((instant) => formatLocal(instant, utcOffsetMinutes))
    const detail = { cron, from: first ?? '', fired: next ?? '', leftOut: last?.leftOut ?? 0 }
    log.warn('calendar-skipped', detail)
    record({ code: 'calendar.skipped', severity: 'warning', detail })
  }
}
