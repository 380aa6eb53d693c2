import type { EpochMs } from '../model/index.js'

/** Spans of instants remembered; beyond them the oldest is forgotten, and the store's closed slots guard what lies there. */
const SPANS_MAX = 8

/**
 * Which instants of a calendar were already handled: a few closed spans of wall time. A clock that steps back brings
 * instants a second time, one that steps forward leaves a hole which is not lost when the clock comes back.
 */
export class Coverage {
  private spans: { from: EpochMs; to: EpochMs }[] = []

  has(instant: EpochMs): boolean {
    return this.spans.some((span) => span.from <= instant && instant <= span.to)
  }

  /** The last handled instant before `instant`; null when there is none. */
  lastBefore(instant: EpochMs): EpochMs | null {
    let last: EpochMs | null = null
    for (const span of this.spans) {
      if (span.from >= instant) continue
      const end = span.to < instant ? span.to : instant
      if (last === null || end > last) last = end
    }
    return last
  }

  /** Everything from `from` to `to`, both included, is handled. */
  add(from: EpochMs, to: EpochMs): void {
    let merged = { from, to }
    const rest: { from: EpochMs; to: EpochMs }[] = []
    for (const span of this.spans) {
      if (span.to < merged.from || span.from > merged.to) rest.push(span)
      else merged = { from: span.from < merged.from ? span.from : merged.from, to: span.to > merged.to ? span.to : merged.to }
    }
    rest.push(merged)
    this.spans = rest.slice(-SPANS_MAX)
  }
}
