import type { Stream, StreamRecord } from '../model/index.js'
import type { Extents } from './extents.js'
import type { PointStore } from './point-store.js'
import { pointBody } from './records.js'
import type { Sql } from './sql.js'

/** Records of one read at most, whatever was asked for; the reader asks again from where it ended. */
export const READ_COUNT_MAX = 2000

/** The body that stands for a record whose row is gone or damaged, so that numbers stay contiguous and the loss is seen. */
export const lostBody: StreamRecord['body'] = { lost: true }

export interface ReadRequest {
  readonly stream: Stream
  readonly first: number
  readonly maxCount: number
  /** About how much JSON; a single larger record is still served. */
  readonly maxBytes: number
}

/** Reads committed records of any stream in order, without gaps, from `first` (or the stream's `lo`) on. */
export function readStream(
  parts: { readonly sql: Sql; readonly points: PointStore; readonly extents: Extents },
  request: ReadRequest,
): readonly StreamRecord[] {
  const first = Math.max(request.first, parts.extents.lo(request.stream))
  const last = Math.min(parts.extents.hi(request.stream), first + Math.min(request.maxCount, READ_COUNT_MAX) - 1)
  const records: StreamRecord[] = []
  let bytes = 0
  let next = first
  const isFull = (record: StreamRecord, size: number): boolean => {
    if (records.length > 0 && bytes + size > request.maxBytes) return true
    records.push(record)
    bytes += size
    next = record.seq + 1
    return false
  }
  const source = first > last ? [] : rows(parts, request.stream, first, last)
  for (const { seq, body, size } of source) {
    while (next < seq) if (isFull({ seq: next, body: lostBody }, lostBytes)) return records
    if (isFull({ seq, body }, size)) return records
  }
  while (next <= last) if (isFull({ seq: next, body: lostBody }, lostBytes)) return records
  return records
}

const lostBytes = 24

interface Sized extends StreamRecord {
  readonly size: number
}

function* rows(
  parts: { readonly sql: Sql; readonly points: PointStore },
  stream: Stream,
  first: number,
  last: number,
): Generator<Sized> {
  if (stream === 'curve' || stream === 'freeze') {
    for (const { seq, point } of parts.points.range(stream, first, last)) {
      const body = { ...pointBody(point) }
      yield { seq, body, size: JSON.stringify(body).length }
    }
    return
  }
  const text = `SELECT seq, body FROM ${stream} WHERE seq BETWEEN ? AND ? ORDER BY seq`
  for (const row of parts.sql.iterate<{ seq: bigint; body: string }>(text, first, last)) {
    yield { seq: Number(row.seq), body: parsed(row.body), size: row.body.length }
  }
}

function parsed(text: string): StreamRecord['body'] {
  try {
    return JSON.parse(text) as StreamRecord['body']
  } catch {
    // A flipped bit in one row must not end the delivery of all others.
    return lostBody
  }
}
