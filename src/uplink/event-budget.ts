import type { EventFact, MonotonicMs } from '../model/index.js'

/** Each kind of uplink event is recorded at most this often: an event is itself a record to deliver, and must not feed on failures. */
export const eventPauseMs = 3_600_000

/** When each code was last recorded and how many were left out since. One entry for each code, and codes are few. */
export type EventBudget = ReadonlyMap<string, { readonly at: MonotonicMs; readonly leftOut: number }>

/** Whether an event may be recorded now; what was left out before it is counted in its detail. */
export function spend(
  budget: EventBudget,
  event: EventFact,
  now: MonotonicMs,
): { readonly budget: EventBudget; readonly event: EventFact | null } {
  const last = budget.get(event.code)
  if (last !== undefined && now - last.at < eventPauseMs) {
    return { budget: new Map(budget).set(event.code, { at: last.at, leftOut: last.leftOut + 1 }), event: null }
  }
  const leftOut = last?.leftOut ?? 0
  const detail = leftOut === 0 ? event.detail : { ...event.detail, leftOut }
  return { budget: new Map(budget).set(event.code, { at: now, leftOut: 0 }), event: { ...event, detail } }
}
