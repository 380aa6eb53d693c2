import type { MonotonicMs } from '../../src/model/index.js'
import type { MeshNodeState } from '../../src/ports/index.js'
import type { NodeRecord } from './node-book.js'

export interface VerdictLimits {
  /** Slower on average is slow. */
  readonly slowReplyMs: number
  /** Without a sign for so long a node is hopeless. */
  readonly hopelessMs: number
}

/** Fewer exchanges say nothing. */
const askedMin = 3
/** Answers fewer than this share of the latest exchanges: slow. */
const shareMin = 0.7

/**
 * `hopeless`: wanted for so long, asked, and never in the network nor heard: no waiting helps, somebody has to go there. `slow`: it
 * answers, late or seldom.
 */
export function verdictOf(node: NodeRecord, now: MonotonicMs, limits: VerdictLimits): MeshNodeState['verdict'] {
  const isSeen = node.wasSeen || node.replied > 0
  if (!isSeen) return node.asked >= askedMin && now - node.since >= limits.hopelessMs ? 'hopeless' : 'unknown'
  if (node.asked < askedMin) return 'unknown'
  return node.successShare < shareMin || node.replyMs > limits.slowReplyMs ? 'slow' : 'good'
}
