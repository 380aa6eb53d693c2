import { monotonicMs, type MonotonicMs } from '../model/index.js'
import type { SchedulingPolicy } from './policy.js'

/** Bus time that may be spent on silent meters: earned first, spent afterwards. */
export interface ProbeBudget {
  /** Negative when something cost more than expected; the next probe waits longer. */
  readonly creditMs: number
  readonly countedAt: MonotonicMs
  /** What the next failed probe will cost: what the latest failure did. */
  readonly probeMs: number
}

/** What has been earned until `now` is added, up to the policy's limit or the price of one probe. */
export function withEarned(budget: ProbeBudget, now: MonotonicMs, policy: SchedulingPolicy): ProbeBudget {
  const earned = (now - budget.countedAt) * policy.probeShare
  const creditMs = Math.min(Math.max(policy.probeCreditMsMax, budget.probeMs), budget.creditMs + earned)
  return { ...budget, creditMs, countedAt: now }
}

export const withSpent = (budget: ProbeBudget, spentMs: number): ProbeBudget => ({
  ...budget,
  creditMs: budget.creditMs - spentMs,
})

/** From when on a probe may leave. */
export function affordableAt(budget: ProbeBudget, policy: SchedulingPolicy): MonotonicMs {
  return monotonicMs(budget.countedAt + Math.max(0, budget.probeMs - budget.creditMs) / policy.probeShare)
}
