import { monotonicMs, type MonotonicMs } from '../model/index.js'
import type { SchedulingPolicy } from './policy.js'
import { withReplyTime, type ReplyTimes } from './reply-times.js'

/**
 * Whether a meter answers. `level` counts failed probes: it is halved when the meter comes back and forgotten only when it is
 * trusted again, so a meter that comes and goes is asked ever more rarely.
 */
export type MeterHealth =
  | { readonly name: 'trusted'; readonly failures: number; readonly times: ReplyTimes | null }
  | { readonly name: 'probation'; readonly replies: number; readonly level: number; readonly times: ReplyTimes | null }
  | {
      readonly name: 'silent'
      readonly since: MonotonicMs
      readonly level: number
      readonly nextProbe: MonotonicMs
      readonly times: ReplyTimes | null
    }

/** A meter nobody has asked yet is trusted. */
export const unknownMeter: MeterHealth = { name: 'trusted', failures: 0, times: null }

export function meterReplied(health: MeterHealth, firstByteMs: number, policy: SchedulingPolicy): MeterHealth {
  const times = withReplyTime(health.times, firstByteMs)
  switch (health.name) {
    case 'trusted':
      return { name: 'trusted', failures: 0, times }
    case 'probation': {
      const replies = health.replies + 1
      if (replies >= policy.repliesUntilTrusted) return { name: 'trusted', failures: 0, times }
      return { ...health, replies, times }
    }
    case 'silent':
      return { name: 'probation', replies: 1, level: Math.floor(health.level / 2), times }
  }
}

/** @param random in [0, 1): jitter, so that meters that died together are not probed together */
export function meterFailed(health: MeterHealth, now: MonotonicMs, random: number, policy: SchedulingPolicy): MeterHealth {
  switch (health.name) {
    case 'trusted': {
      const failures = health.failures + 1
      if (failures < policy.failuresUntilSilent) return { ...health, failures }
      return silent(now, 0, { now, random, policy }, health.times)
    }
    case 'probation':
      return silent(now, health.level + 1, { now, random, policy }, health.times)
    case 'silent':
      return silent(health.since, health.level + 1, { now, random, policy }, health.times)
  }
}

interface Moment {
  readonly now: MonotonicMs
  readonly random: number
  readonly policy: SchedulingPolicy
}

function silent(since: MonotonicMs, failedProbes: number, moment: Moment, times: ReplyTimes | null): MeterHealth {
  const { now, random, policy } = moment
  const level = Math.min(failedProbes, levelMax(policy))
  const pauseMs = Math.min(policy.probeMaxMs, policy.probeFirstMs * 2 ** level)
  return { name: 'silent', since, level, nextProbe: monotonicMs(now + pauseMs * (0.75 + random / 2)), times }
}

/** Where the pause is at its longest; counting on would only delay the meter's return. */
const levelMax = (policy: SchedulingPolicy): number => Math.max(0, Math.ceil(Math.log2(policy.probeMaxMs / policy.probeFirstMs)))
