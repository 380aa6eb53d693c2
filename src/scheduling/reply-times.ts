import type { FirstByteLimits } from './policy.js'

/** What is known of how long a meter takes to begin its reply. */
export interface ReplyTimes {
  readonly samples: number
  readonly smoothedMs: number
  readonly deviationMs: number
  /** The longest one, slowly forgotten: some registers take a meter longer than others. */
  readonly peakMs: number
}

const peakKept = 0.98
const peakFactor = 1.5

/** @source RFC 6298, 2.2 and 2.3: smoothed by an eighth, deviation by a quarter */
export function withReplyTime(times: ReplyTimes | null, firstByteMs: number): ReplyTimes {
  if (times === null) return { samples: 1, smoothedMs: firstByteMs, deviationMs: firstByteMs / 2, peakMs: firstByteMs }
  const deviation = Math.abs(firstByteMs - times.smoothedMs)
  return {
    samples: times.samples + 1,
    smoothedMs: times.smoothedMs + (firstByteMs - times.smoothedMs) / 8,
    deviationMs: times.deviationMs + (deviation - times.deviationMs) / 4,
    peakMs: Math.max(firstByteMs, times.peakMs * peakKept),
  }
}

/**
 * The deadline for a read's first byte: what the meter needs, four deviations or half its longest reply on top, and a margin.
 *
 * @param failures since its last reply; each doubles the deadline, so that a meter that became slower is not lost
 */
export function firstByteDeadlineMs(times: ReplyTimes | null, failures: number, limits: FirstByteLimits): number {
  if (times === null || times.samples < limits.samplesMin) return limits.ceilingMs
  const needed = Math.max(times.smoothedMs + 4 * times.deviationMs, times.peakMs * peakFactor) + limits.marginMs
  return Math.min(limits.ceilingMs, Math.max(limits.floorMs, needed) * 2 ** failures)
}
