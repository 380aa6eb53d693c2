import { dayMs } from '../model/index.js'
import type { EpochMs, RetentionRule, Stream, Tombstone } from '../model/index.js'

/** A run of records that can only be evicted as a whole, and what that would free. */
export interface Segment {
  readonly stream: Stream
  readonly first: number
  readonly last: number
  /** When its newest record was received. */
  readonly newestAt: EpochMs
  readonly bytes: number
}

export interface RetentionQuestion {
  readonly rules: readonly RetentionRule[]
  /** Oldest first within each stream, contiguous from the stream's `lo`. */
  readonly segments: readonly Segment[]
  /** Lowest mark of all masters for each stream; 0 when none ever acknowledged. */
  readonly acknowledged: Readonly<Record<Stream, number>>
  /** Null while the clock is not trusted: nothing is evicted for its age then. */
  readonly now: EpochMs | null
  /** Bytes that have to be freed for want of space; 0: none. */
  readonly overBytes: number
}

/** One decision: everything of the stream up to `upTo` goes. */
export interface Eviction {
  readonly stream: Stream
  readonly first: number
  readonly upTo: number
  readonly reason: Extract<Tombstone['reason'], 'retention' | 'disk-full'>
  readonly bytes: number
}

/**
 * Which segments to evict: first those past their days, then, in the rules' order, as many as free the bytes asked for.
 * A ledger is never evicted: its balances are the sum of all its entries, and there is no archive yet to prove them otherwise.
 */
export function decideEvictions(question: RetentionQuestion): readonly Eviction[] {
  const aged = question.rules.flatMap((rule) => evictAged(rule, question))
  const freed = aged.reduce((sum, eviction) => sum + eviction.bytes, 0)
  return [...aged, ...evictForSpace(question, aged, question.overBytes - freed)]
}

function evictAged(rule: RetentionRule, question: RetentionQuestion): readonly Eviction[] {
  const { now } = question
  if (now === null) return []
  const old: Segment[] = []
  for (const segment of evictable(rule, question)) {
    if (segment.newestAt > now - rule.keepDays * dayMs) break
    old.push(segment)
  }
  return merge(old, 'retention')
}

function evictForSpace(question: RetentionQuestion, done: readonly Eviction[], overBytes: number): readonly Eviction[] {
  let left = overBytes
  return inOrder(question.rules).flatMap((rule) => {
    const from = done.find((eviction) => eviction.stream === rule.stream)?.upTo ?? 0
    const chosen: Segment[] = []
    for (const segment of evictable(rule, question)) {
      if (left <= 0) break
      if (segment.last <= from) continue
      chosen.push(segment)
      left -= segment.bytes
    }
    return merge(chosen, 'disk-full')
  })
}

/** The stream's oldest segments that may go at all. */
function evictable(rule: RetentionRule, question: RetentionQuestion): readonly Segment[] {
  if (rule.stream === 'ledger') return []
  const own = question.segments.filter((segment) => segment.stream === rule.stream)
  if (!rule.onlyAcknowledged) return own
  return own.filter((segment) => segment.last <= question.acknowledged[rule.stream])
}

function inOrder(rules: readonly RetentionRule[]): readonly RetentionRule[] {
  return rules
    .flatMap((rule) => (rule.evictionOrder === null ? [] : [{ rule, order: rule.evictionOrder }]))
    .sort((a, b) => a.order - b.order)
    .map(({ rule }) => rule)
}

function merge(segments: readonly Segment[], reason: Eviction['reason']): readonly Eviction[] {
  const first = segments[0]
  if (first === undefined) return []
  const start: Eviction = { stream: first.stream, first: first.first, upTo: first.last, reason, bytes: 0 }
  return [segments.reduce((sum, each) => ({ ...sum, upTo: each.last, bytes: sum.bytes + each.bytes }), start)]
}
