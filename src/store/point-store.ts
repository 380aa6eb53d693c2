import type { ItemValue, MeterId, Point } from '../model/index.js'
import { epochMs } from '../model/index.js'
import type { Segment } from '../outbox/index.js'
import { decodeChunk } from './chunk.js'
import type { Names } from './names.js'
import { METERS_PER_PACK, Packing } from './packing.js'
import { PointLog } from './point-log.js'
import { namePoint } from './point-rows.js'
import type { NumberedPoint } from './point-rows.js'
import type { Sql } from './sql.js'

export type PointStream = Point['stream']
export const pointStreams: readonly PointStream[] = ['freeze', 'curve']

/** Points at the log's end that are asked for the latest trusted instant. */
const NEWEST_POINTS = 64
/** Packed points that one look into the chunks fetches ahead: a chunk is then opened once for several batches. */
const AHEAD_POINTS = 4096

/** A stretch of packed points, opened once for several batches. */
interface Ahead {
  readonly stream: PointStream
  readonly first: number
  readonly last: number
  readonly points: readonly NumberedPoint[]
}

interface PackRow {
  readonly id: bigint
  readonly first: bigint
  readonly last: bigint
  readonly received_to: bigint
  readonly bytes: bigint
}

/** The points of both point streams: appended to a log, packed into one chunk per meter, read back alike from both. */
export class PointStore {
  readonly #sql: Sql
  readonly #names: Names
  #ahead: Ahead | null = null
  /** Chunks and rows that could not be read since the store was opened; their points are reported as lost. */
  damagedRows = 0
  readonly #logs: Readonly<Record<PointStream, PointLog>>

  constructor(sql: Sql, names: Names) {
    this.#sql = sql
    this.#names = names
    const logOf = (stream: PointStream): PointLog =>
      new PointLog(sql, names, { stream, packedTo: this.#packedTo(stream), onDamage: () => (this.damagedRows += 1) })
    this.#logs = { curve: logOf('curve'), freeze: logOf('freeze') }
  }

  /** Bytes that wait to be packed. */
  get logBytes(): number {
    return this.#logs.curve.bytes + this.#logs.freeze.bytes
  }

  /** The number of the last stored point; 0: none. */
  lastSeq(stream: PointStream): number {
    return Math.max(this.#logs[stream].lastSeq, this.#packedTo(stream))
  }

  /** Latest trusted receipt among the newest points; null: none. */
  lastTrustedAt(): number | null {
    const found: number[] = []
    for (const stream of pointStreams) {
      const last = this.#logs[stream].lastSeq
      for (const point of this.#logs[stream].range(last - NEWEST_POINTS, last))
        if (point.clockTrusted) found.push(point.receivedAt)
    }
    const pack = this.#sql.get<{ at: bigint | null }>('SELECT max(trusted_to) AS at FROM pack')
    if (pack?.at !== null && pack?.at !== undefined) found.push(Number(pack.at))
    return found.length === 0 ? null : Math.max(...found)
  }

  /** Appends points under the numbers from `first` on. To be called inside a transaction; `committed` or `rolledBack` follows. */
  append(stream: PointStream, points: readonly Point[], first: number): void {
    this.#logs[stream].append(points, first)
  }

  committed(): void {
    for (const stream of pointStreams) this.#logs[stream].committed()
  }

  rolledBack(): void {
    for (const stream of pointStreams) this.#logs[stream].rolledBack()
  }

  /** Begins to copy the log into chunks; null: it is empty. When the packing is on the disk, `packed` follows. */
  startPacking(stream: PointStream): Packing | null {
    const log = this.#logs[stream]
    const after = this.#packedTo(stream)
    if (log.lastSeq <= after) return null
    return new Packing({ sql: this.#sql, names: this.#names }, log, { stream, after })
  }

  /** A packing up to number `to` is on the disk: the slots of its points are free. */
  packed(stream: PointStream, to: number): void {
    this.#logs[stream].packed(to)
    this.#ahead = null
  }

  /** Points numbered `first` … `last`, in order; numbers whose row is gone or damaged are left out. */
  *range(stream: PointStream, first: number, last: number): Generator<{ seq: number; point: Point }> {
    let from = first
    const packedTo = Math.min(last, this.#packedTo(stream))
    while (from <= packedTo) {
      const ahead = this.#fetchAhead(stream, from)
      const end = Math.min(ahead.last, packedTo)
      for (const numbered of ahead.points) if (numbered.seq >= from && numbered.seq <= end) yield this.#named(numbered, stream)
      from = end + 1
    }
    for (const numbered of this.#logs[stream].range(from, last)) yield this.#named(numbered, stream)
  }

  /** Stored points with slots in `from` … `to` (both inclusive), of one meter or of all, in no particular order. */
  *between(filter: { from: number; to: number; meter?: MeterId }): Generator<Point> {
    const meter = filter.meter === undefined ? null : this.#names.find('meter', filter.meter)
    if (filter.meter !== undefined && meter === null) return
    for (const stream of pointStreams) {
      for (const numbered of this.#packedBetween(stream, filter, meter)) {
        if (numbered.slotAt >= filter.from && numbered.slotAt <= filter.to) yield this.#named(numbered, stream).point
      }
      for (const numbered of this.#logs[stream].range(1, Number.MAX_SAFE_INTEGER)) {
        if (meter !== null && numbered.meter !== meter) continue
        if (numbered.slotAt >= filter.from && numbered.slotAt <= filter.to) yield this.#named(numbered, stream).point
      }
    }
  }

  /** Packed points of one meter with slots from `from` on, in order of their numbers within each stream. */
  *packedOf(meter: MeterId, from: number): Generator<Point> {
    const id = this.#names.find('meter', meter)
    if (id === null) return
    for (const stream of pointStreams) {
      for (const numbered of this.#packedBetween(stream, { from, to: Number.MAX_SAFE_INTEGER }, id)) {
        yield this.#named(numbered, stream).point
      }
    }
  }

  /** Every point of the log. */
  *logged(): Generator<Point> {
    for (const stream of pointStreams) {
      for (const numbered of this.#logs[stream].range(1, Number.MAX_SAFE_INTEGER)) yield this.#named(numbered, stream).point
    }
  }

  /** What can be evicted, oldest first. */
  segments(): readonly Segment[] {
    return pointStreams.flatMap((stream) =>
      this.#sql
        .all<PackRow>('SELECT id, first, last, received_to, bytes FROM pack WHERE stream = ? ORDER BY id', stream)
        .map((row) => ({
          ...{ stream, first: Number(row.first), last: Number(row.last), newestAt: epochMs(Number(row.received_to)) },
          bytes: Number(row.bytes),
        })),
    )
  }

  /** Deletes the packs that end at or before `upTo`. To be called inside a transaction. */
  evict(stream: PointStream, upTo: number): void {
    for (const row of this.#sql.all<{ id: bigint }>('SELECT id FROM pack WHERE stream = ? AND last <= ?', stream, upTo)) {
      const from = Number(row.id) * METERS_PER_PACK
      this.#sql.run('DELETE FROM chunk WHERE id >= ? AND id < ?', from, from + METERS_PER_PACK)
      this.#sql.run('DELETE FROM pack WHERE id = ?', row.id)
    }
    this.#ahead = null
  }

  #packedTo(stream: PointStream): number {
    const pack = this.#sql.get<{ last: bigint | null }>('SELECT max(last) AS last FROM pack WHERE stream = ?', stream)
    const row = this.#sql.get<{ packed: bigint }>('SELECT packed FROM stream WHERE name = ?', stream)
    return Math.max(Number(pack?.last ?? 0n), Number(row?.packed ?? 0n))
  }

  #fetchAhead(stream: PointStream, first: number): Ahead {
    const known = this.#ahead
    if (known !== null && known.stream === stream && known.first <= first && first <= known.last) return known
    const last = first + AHEAD_POINTS - 1
    const points: NumberedPoint[] = []
    const packs = this.#sql.all<{ id: bigint }>(
      'SELECT id FROM pack WHERE stream = ? AND first <= ? AND last >= ? ORDER BY id',
      ...[stream, last, first],
    )
    for (const pack of packs) {
      for (const point of this.#chunks(Number(pack.id), null)) if (point.seq >= first && point.seq <= last) points.push(point)
    }
    points.sort((a, b) => a.seq - b.seq)
    this.#ahead = { stream, first, last, points }
    return this.#ahead
  }

  *#packedBetween(stream: PointStream, filter: { from: number; to: number }, meter: number | null) {
    const packs = this.#sql.all<{ id: bigint }>(
      'SELECT id FROM pack WHERE stream = ? AND slot_from <= ? AND slot_to >= ? ORDER BY id',
      ...[stream, filter.to, filter.from],
    )
    for (const pack of packs) yield* this.#chunks(Number(pack.id), meter, filter)
  }

  *#chunks(pack: number, meter: number | null, filter?: { from: number; to: number }) {
    const first = pack * METERS_PER_PACK + (meter ?? 0)
    const rows = this.#sql.all<{ id: bigint; body: Buffer }>(
      'SELECT id, body FROM chunk WHERE id >= ? AND id <= ? AND slot_from <= ? AND slot_to >= ?',
      ...[first, meter === null ? first + METERS_PER_PACK - 1 : first],
      ...[filter?.to ?? Number.MAX_SAFE_INTEGER, filter?.from ?? Number.MIN_SAFE_INTEGER],
    )
    for (const row of rows) yield* this.#decode(() => decodeChunk(row.body, Number(row.id) % METERS_PER_PACK, this.#names))
  }

  /** A damaged row is counted and left out: one flipped bit must not stop the box. */
  #decode(decode: () => readonly NumberedPoint[]): readonly NumberedPoint[] {
    try {
      return decode()
    } catch (error) {
      if (!(error instanceof RangeError) && !(error instanceof SyntaxError) && !isZlib(error)) throw error
      this.damagedRows += 1
      return []
    }
  }

  #named(numbered: NumberedPoint, stream: PointStream): { seq: number; point: Point } {
    return { seq: numbered.seq, point: namePoint(numbered, stream, this.#names) }
  }
}

/** How many values a point brings: what groups and limits count. An absence counts as one. */
export function countValues(values: readonly ItemValue[]): number {
  return values.reduce((sum, value) => sum + ('ints' in value ? value.ints.length : 'words' in value ? value.words.length : 1), 0)
}

function isZlib(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')
}
