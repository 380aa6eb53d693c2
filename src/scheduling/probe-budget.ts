import { monotonicMs, type MonotonicMs } from '../model/index.js'
import type { SchedulingPolicy } from './policy.js'

/** Bus time that may be spent on silent meters. Negative: a probe took more than there was; the next one waits. */
export interface ProbeBudget {
  readonly creditMs: number
  readonly countedAt: MonotonicMs
}

/** What has been earned until `now` is added, up to the policy's limit. */
export function withEarned(budget: ProbeBudget, now: MonotonicMs, policy: SchedulingPolicy): ProbeBudget {
  const earned = (now - budget.countedAt) * policy.probeShare
  return { creditMs: Math.min(policy.probeCreditMsMax, budget.creditMs + earned), countedAt: now }
}

export const withSpent = (budget: ProbeBudget, spentMs: number): ProbeBudget => ({
  ...budget,
  creditMs: budget.creditMs - spentMs,
})

/** From when on a probe may leave. */
export function affordableAt(budget: ProbeBudget, policy: SchedulingPolicy): MonotonicMs {
  return monotonicMs(budget.countedAt + Math.max(0, -budget.creditMs) / policy.probeShare)
}
