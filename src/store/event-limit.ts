import type { EventFact } from '../model/index.js'
import type { Facts } from './facts.js'

/** Events of one code that pass at once; afterwards one in each interval. What is held back is counted in the next that passes. */
const BURST = 30
const INTERVAL_MS = 10_000

/** Keeps a repeated cause (forged orders, a failing row) from filling the event stream, which is never evicted unacknowledged. */
export class EventLimit {
  readonly #states = new Map<string, { tokens: number; at: number; held: number }>()

  /** Adds the event to `facts`, or holds it back. Codes are few and fixed, so the states are too. */
  add(facts: Facts, event: EventFact): void {
    const now = facts.stamp.monotonicMs
    const state = this.#states.get(event.code) ?? { tokens: BURST, at: now, held: 0 }
    this.#states.set(event.code, state)
    const earned = Math.floor((now - state.at) / INTERVAL_MS)
    if (earned > 0) {
      state.tokens = Math.min(BURST, state.tokens + earned)
      state.at += earned * INTERVAL_MS
    }
    if (state.tokens < 1) {
      state.held += 1
      return
    }
    state.tokens -= 1
    const detail = state.held === 0 ? event.detail : { ...event.detail, heldBack: state.held }
    state.held = 0
    facts.events.push({ ...event, detail })
  }
}
