import { streams } from '../model/index.js'
import type { EpochMs, Stream } from '../model/index.js'
import { Cursors } from './cursors.js'
import { addTombstone } from './eviction.js'
import { Extents } from './extents.js'
import { Names } from './names.js'
import { PointStore } from './point-store.js'
import type { Sql } from './sql.js'

/** Missing ranges of one stream that get a stone; records of further ones are served as lost. */
const HOLES_MAX = 32

/**
 * Puts the numbers of a salvaged store in order: what every master acknowledged before needs not be sent again, and missing numbers
 * get their stones. To be called inside a transaction. @returns how many ranges are missing
 */
export function markSalvaged(sql: Sql, at: EpochMs): number {
  const extents = new Extents(sql, new PointStore(sql, new Names()))
  const acknowledged = new Cursors(sql).acknowledged()
  let missing = 0
  for (const stream of streams) {
    const known = Math.min(acknowledged[stream], Number.MAX_SAFE_INTEGER - 1)
    const hi = Math.max(extents.hi(stream), known)
    const lo = Math.max(1, Math.min(known, hi) + 1)
    sql.run('DELETE FROM tombstone WHERE stream = ?', stream)
    if (lo > 1) addTombstone(sql, { stream, first: 1, count: lo - 1, reason: 'salvage', at })
    extents.persist(stream, lo, hi)
    const holes = holesOf(sql, stream, { lo, hi })
    missing += holes.length
    for (const hole of holes.slice(0, HOLES_MAX)) {
      addTombstone(sql, { stream, first: hole.first, count: hole.last - hole.first + 1, reason: 'salvage', at })
    }
  }
  return missing
}

interface Range {
  readonly first: number
  readonly last: number
}

function holesOf(sql: Sql, stream: Stream, within: { readonly lo: number; readonly hi: number }): readonly Range[] {
  const holes: Range[] = []
  let next = within.lo
  for (const { first, last } of savedRanges(sql, stream)) {
    if (first > next) holes.push({ first: next, last: first - 1 })
    next = Math.max(next, last + 1)
  }
  if (next <= within.hi) holes.push({ first: next, last: within.hi })
  return holes
}

function savedRanges(sql: Sql, stream: Stream): readonly Range[] {
  const text =
    stream === 'curve' || stream === 'freeze'
      ? `SELECT first, last FROM pack WHERE stream = '${stream}'
         UNION ALL SELECT first, last FROM ${stream}_log ORDER BY 1`
      : `SELECT seq AS first, seq AS last FROM ${stream} ORDER BY 1`
  return sql.all<{ first: bigint; last: bigint }>(text).map((row) => ({ first: Number(row.first), last: Number(row.last) }))
}
