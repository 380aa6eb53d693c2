/** One bus's queue: priorities, deadlines, back-off of silent meters, a budget for their probes, adaptive reply deadlines. */
export * from './bus-queue.js'
export * from './meter-health.js'
export * from './policy.js'
export * from './probe-budget.js'
export * from './reply-times.js'
