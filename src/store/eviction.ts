import { epochMs } from '../model/index.js'
import type { EpochMs, RetentionRule, Stamp, Stream, Tombstone } from '../model/index.js'
import { decideEvictions } from '../outbox/index.js'
import type { Eviction, Segment } from '../outbox/index.js'
import type { Cursors } from './cursors.js'
import type { Extents } from './extents.js'
import { Facts, writeBatch } from './facts.js'
import type { WriterParts } from './facts.js'
import type { Sql } from './sql.js'

/** Rows of the row streams are evicted this many at a time. */
const SEGMENT_ROWS = 256
/** Stones kept for each stream; older neighbours are merged, losing only the instants between them. */
const TOMBSTONES_MAX = 64

export interface EvictionInput {
  readonly rules: readonly RetentionRule[]
  readonly stamp: Stamp
  readonly overBytes: number
  /** Deletes rows past their days as well. */
  readonly byAge: boolean
}

export interface EvictionResult {
  readonly tombstones: readonly Tombstone[]
  readonly freedBytes: number
  readonly ends: readonly { stream: Stream; hi: number }[]
}

/** Evicts what the rules allow, in one transaction with its tombstones and an event for each stream that was cut. */
export function evict(parts: WriterParts & { readonly cursors: Cursors }, input: EvictionInput): EvictionResult {
  const { sql, extents } = parts
  const acknowledged = parts.cursors.acknowledged()
  const evictions = decideEvictions({
    rules: input.rules,
    segments: [...parts.points.segments(), ...rowSegments(sql, extents)],
    acknowledged,
    now: input.byAge && input.stamp.clockTrusted ? input.stamp.receivedAt : null,
    overBytes: input.overBytes,
  })
  if (evictions.length === 0) return { tombstones: [], freedBytes: 0, ends: [] }
  const facts = new Facts(input.stamp)
  const tombstones = evictions.flatMap((each) => stoneOf(each, acknowledged[each.stream], input.stamp.receivedAt))
  for (const each of evictions) facts.events.push(eventOf(each, acknowledged[each.stream]))
  const ends = sql.transaction(() => {
    for (const each of evictions) {
      remove(parts, each)
      extents.persist(each.stream, each.upTo + 1, extents.hi(each.stream))
    }
    for (const stone of tombstones) addTombstone(sql, stone)
    return writeBatch(parts, { facts, points: [], cursors: [] })
  })
  for (const each of evictions) extents.moved(each.stream, each.upTo + 1)
  extents.appended(ends)
  return { tombstones, freedBytes: evictions.reduce((sum, each) => sum + each.bytes, 0), ends }
}

/** All stones, oldest first in each stream. */
export function readTombstones(sql: Sql): readonly Tombstone[] {
  return sql
    .all<{ stream: Stream; first: bigint; count: bigint; reason: Tombstone['reason']; at: bigint }>(
      'SELECT stream, first, count, reason, at FROM tombstone ORDER BY stream, first',
    )
    .map((row) => ({
      ...{ stream: row.stream, first: Number(row.first), count: Number(row.count), reason: row.reason },
      at: epochMs(Number(row.at)),
    }))
}

/** Adds a stone, joined with the one before it where they touch or where there are too many. To be called inside a transaction. */
export function addTombstone(sql: Sql, stone: Tombstone): void {
  const own = readTombstones(sql).filter((each) => each.stream === stone.stream)
  const before = own.at(-1)
  const touches = before !== undefined && before.first + before.count === stone.first
  const isJoined = touches && (before.reason === stone.reason || own.length >= TOMBSTONES_MAX)
  const { first, count } = isJoined ? { first: before.first, count: before.count + stone.count } : stone
  const text = 'INSERT OR REPLACE INTO tombstone (stream, first, count, reason, at) VALUES (?, ?, ?, ?, ?)'
  sql.run(text, stone.stream, first, count, stone.reason, stone.at)
}

/** Only numbers that some master does not have yet need a stone. */
function stoneOf(eviction: Eviction, acknowledged: number, at: EpochMs): readonly Tombstone[] {
  const first = Math.max(eviction.first, acknowledged + 1)
  if (first > eviction.upTo) return []
  return [{ stream: eviction.stream, first, count: eviction.upTo - first + 1, reason: eviction.reason, at }]
}

function eventOf(eviction: Eviction, acknowledged: number) {
  const lost = Math.max(0, eviction.upTo - Math.max(eviction.first, acknowledged + 1) + 1)
  return {
    code: 'store.evicted',
    severity: lost > 0 ? ('warning' as const) : ('info' as const),
    detail: {
      stream: eviction.stream,
      reason: eviction.reason,
      first: eviction.first,
      last: eviction.upTo,
      count: eviction.upTo - eviction.first + 1,
      unacknowledged: lost,
      bytes: eviction.bytes,
    },
  }
}

function remove(parts: WriterParts, eviction: Eviction): void {
  const { stream, upTo } = eviction
  if (stream === 'curve' || stream === 'freeze') parts.points.evict(stream, upTo)
  else parts.sql.run(`DELETE FROM ${stream} WHERE seq <= ?`, upTo)
}

function rowSegments(sql: Sql, extents: Extents): readonly Segment[] {
  return (['event', 'result', 'status'] as const).flatMap((stream) => {
    const rows = sql.all<{ first: bigint; last: bigint; newest: bigint; bytes: bigint }>(
      `SELECT min(seq) AS first, max(seq) AS last, max(at) AS newest, sum(length(body) + 24) AS bytes
       FROM ${stream} GROUP BY seq / ${SEGMENT_ROWS} ORDER BY 1`,
    )
    return rows.map((row, index) => ({
      ...{ stream, first: index === 0 ? extents.lo(stream) : Number(row.first), last: Number(row.last) },
      ...{ newestAt: epochMs(Number(row.newest)), bytes: Number(row.bytes) },
    }))
  })
}
