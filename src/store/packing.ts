import type { Point } from '../model/index.js'
import { ChunkBuilder } from './chunk.js'
import type { Names } from './names.js'
import type { PointLog } from './point-log.js'
import type { NumberedPoint } from './point-rows.js'
import type { Sql } from './sql.js'

/** A chunk's row number is pack × 2^20 + number of the meter's name; the dictionary is limited far below that. */
export const METERS_PER_PACK = 2 ** 20
/** Points read, and chunks finished, between two looks at what else there is to do: some milliseconds each. */
const POINTS_PER_STEP = 2000
const CHUNKS_PER_STEP = 50

/** One packing of a stream's log, in steps; only the last one writes. Points appended meanwhile stay in the log. */
export class Packing {
  readonly stream: Point['stream']
  readonly #sql: Sql
  readonly #names: Names
  readonly #source: Generator<NumberedPoint>
  readonly #builders = new Map<number, { readonly chunk: ChunkBuilder; span: Span }>()
  #whole = emptySpan

  constructor(
    parts: { readonly sql: Sql; readonly names: Names },
    log: PointLog,
    of: { stream: Point['stream']; after: number },
  ) {
    this.stream = of.stream
    this.#sql = parts.sql
    this.#names = parts.names
    log.seal()
    this.#source = log.range(of.after + 1, log.lastSeq)
  }

  /** The number of the last packed point; 0: there was nothing to pack. */
  get last(): number {
    return this.#whole.last
  }

  get points(): number {
    return this.#whole.points
  }

  /** Gathers every meter's points. */
  *read(): Generator<void> {
    for (const point of this.#source) {
      let own = this.#builders.get(point.meter)
      if (own === undefined) this.#builders.set(point.meter, (own = { chunk: new ChunkBuilder(point.meter), span: emptySpan }))
      own.chunk.add(point, this.#names.textPositionsOf(point.shape))
      own.span = widen(own.span, point)
      this.#whole = widen(this.#whole, point)
      if (this.#whole.points % POINTS_PER_STEP === 0) yield
    }
    let finished = 0
    for (const { chunk } of this.#builders.values()) {
      chunk.finish()
      finished += 1
      if (finished % CHUNKS_PER_STEP === 0) yield
    }
  }

  /** Writes the chunks. To be called inside a transaction. */
  write(): void {
    const whole = this.#whole
    const id = Number(this.#sql.get<{ id: bigint | null }>('SELECT max(id) AS id FROM pack')?.id ?? 0n) + 1
    let bytes = 0
    for (const [meter, { chunk, span }] of [...this.#builders].sort(([a], [b]) => a - b)) {
      const body = chunk.finish()
      bytes += body.length
      const text = 'INSERT INTO chunk (id, slot_from, slot_to, body) VALUES (?, ?, ?, ?)'
      this.#sql.run(text, id * METERS_PER_PACK + meter, span.slotFrom, span.slotTo, body)
    }
    this.#sql.run(
      `INSERT INTO pack (id, stream, first, last, slot_from, slot_to, received_to, trusted_to, points, item_values, bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, this.stream, whole.first, whole.last, whole.slotFrom, whole.slotTo, whole.receivedTo, whole.trustedTo],
      ...[whole.points, whole.values, bytes],
    )
    this.#sql.run(
      `INSERT INTO stream (name, lo, hi, packed) VALUES (?, 1, ?, ?)
       ON CONFLICT (name) DO UPDATE SET hi = max(hi, excluded.hi), packed = excluded.packed`,
      ...[this.stream, whole.last, whole.last],
    )
  }
}

interface Span {
  readonly first: number
  readonly last: number
  readonly slotFrom: number
  readonly slotTo: number
  readonly receivedTo: number
  readonly trustedTo: number | null
  readonly points: number
  readonly values: number
}

const emptySpan: Span = {
  ...{ first: Infinity, last: 0, slotFrom: Infinity, slotTo: -Infinity, receivedTo: -Infinity, trustedTo: null },
  ...{ points: 0, values: 0 },
}

function widen(span: Span, point: NumberedPoint): Span {
  return {
    first: Math.min(span.first, point.seq),
    last: Math.max(span.last, point.seq),
    slotFrom: Math.min(span.slotFrom, point.slotAt),
    slotTo: Math.max(span.slotTo, point.slotAt),
    receivedTo: Math.max(span.receivedTo, point.receivedAt),
    trustedTo: point.clockTrusted ? Math.max(span.trustedTo ?? point.receivedAt, point.receivedAt) : span.trustedTo,
    points: span.points + 1,
    values: span.values + point.values.length,
  }
}
