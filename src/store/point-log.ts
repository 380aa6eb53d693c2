import { crc32 } from 'node:zlib'
import type { Point } from '../model/index.js'
import type { Names } from './names.js'
import { ROW_POINTS_MAX, decodeRow, encodeRow, numberPoint } from './point-rows.js'
import type { NumberedPoint } from './point-rows.js'
import type { Sql } from './sql.js'

/** A slot fills one page of the file, so that appending to it changes one page and no page above it. */
export const SLOT_BYTES = 4000
/** A run longer than this is split: what does not fit the rest of a slot leaves that rest empty. */
const RUN_BYTES_MAX = 800
/** Before each run: its length and 16 bits of its CRC-32, so that a flipped bit never becomes another reading. */
const RUN_HEADER_BYTES = 4

interface Slot {
  readonly id: number
  readonly first: number
  readonly last: number
}

/** The slot that is being filled. */
interface OpenSlot extends Slot {
  readonly body: Buffer
  readonly used: number
}

interface State {
  /** Slots that wait to be packed, in order of their numbers; the one being filled stands behind them. */
  readonly full: readonly Slot[]
  /** Slots whose points are packed; they are overwritten next, oldest first. */
  readonly free: readonly number[]
  readonly open: OpenSlot | null
  readonly lastId: number
}

/**
 * One stream's points in arrival order, as they came in: a ring of page-sized slots. Deleting and inserting rows would also change
 * the pages above, the list of free pages and the file's first page, a third of all bytes written; a slot whose points have been
 * packed is overwritten in place instead.
 */
export class PointLog {
  readonly #sql: Sql
  readonly #names: Names
  readonly #table: string
  readonly #onDamage: () => void
  #state: State
  /** Points that made a run of the right length lately. */
  #runPoints = ROW_POINTS_MAX
  /** What was in force before the transaction that is under way. */
  #before: State | null = null

  /** @param packedTo points up to this number are packed: their slots are free */
  constructor(
    sql: Sql,
    names: Names,
    of: { readonly stream: Point['stream']; readonly packedTo: number; readonly onDamage: () => void },
  ) {
    this.#sql = sql
    this.#names = names
    this.#table = `${of.stream}_log`
    this.#onDamage = of.onDamage
    const rows = sql.all<{ slot: bigint; first: bigint; last: bigint }>(
      `SELECT slot, first, last FROM ${this.#table} ORDER BY first`,
    )
    const slots = rows.map((row) => ({ id: Number(row.slot), first: Number(row.first), last: Number(row.last) }))
    this.#state = {
      full: slots.filter((slot) => slot.last > of.packedTo),
      free: slots.filter((slot) => slot.last <= of.packedTo).map((slot) => slot.id),
      open: null,
      lastId: slots.reduce((last, slot) => Math.max(last, slot.id), 0),
    }
  }

  /** The number of the last point; 0: the log is empty. */
  get lastSeq(): number {
    return this.#live().at(-1)?.last ?? 0
  }

  /** Bytes of slots that wait to be packed. */
  get bytes(): number {
    return this.#live().length * SLOT_BYTES
  }

  /** Appends points under the numbers from `first` on. To be called inside a transaction; `committed` or `rolledBack` follows. */
  append(points: readonly Point[], first: number): void {
    this.#before ??= this.#state
    const numbered = points.map((point, index) => numberPoint(point, first + index, this.#names))
    for (let at = 0; at < numbered.length;) {
      const run = numbered.slice(at, at + this.#runPoints)
      this.#addRun(run)
      at += run.length
    }
    this.#write()
  }

  committed(): void {
    this.#before = null
  }

  rolledBack(): void {
    this.#state = this.#before ?? this.#state
    this.#before = null
  }

  /** The slot being filled takes no more: a packing is to end with it. */
  seal(): void {
    this.#state = { ...this.#state, full: this.#live(), open: null }
  }

  /** Points up to number `to` have been packed, and that is on the disk. */
  packed(to: number): void {
    const { full, free } = this.#state
    const done = full.filter((slot) => slot.last <= to).map((slot) => slot.id)
    this.#state = { ...this.#state, full: full.filter((slot) => slot.last > to), free: [...free, ...done] }
  }

  /** Points numbered `first` … `last`, in order. */
  *range(first: number, last: number): Generator<NumberedPoint> {
    for (const slot of this.#live()) {
      if (slot.last < first || slot.first > last) continue
      for (const point of this.#read(slot)) if (point.seq >= first && point.seq <= last) yield point
    }
  }

  #addRun(points: readonly NumberedPoint[]): void {
    const head = points[0]
    const tail = points.at(-1)
    if (head === undefined || tail === undefined) return
    const run = encodeRow(points)
    if (run.length > RUN_BYTES_MAX && points.length > 1) {
      const half = Math.ceil(points.length / 2)
      this.#runPoints = half
      this.#addRun(points.slice(0, half))
      this.#addRun(points.slice(half))
      return
    }
    if (run.length < RUN_BYTES_MAX / 4) this.#runPoints = Math.min(ROW_POINTS_MAX, this.#runPoints * 2)
    let open = this.#state.open
    if (open === null || open.used + RUN_HEADER_BYTES + run.length > open.body.length) open = this.#nextSlot(head.seq, run.length)
    // A copy: the state before the transaction keeps its own body.
    const body = Buffer.from(open.body)
    body.writeUInt16LE(run.length, open.used)
    body.writeUInt16LE(shortSum(run), open.used + 2)
    run.copy(body, open.used + RUN_HEADER_BYTES)
    const used = open.used + RUN_HEADER_BYTES + run.length
    this.#state = { ...this.#state, open: { id: open.id, first: open.first, last: tail.seq, body, used } }
  }

  /** The full slot is written, and a free one (or a new one) takes its place. */
  #nextSlot(first: number, runBytes: number): OpenSlot {
    this.#write()
    const { free, lastId } = this.#state
    const [reused, ...rest] = free
    const id = reused ?? lastId + 1
    const open = { id, first, last: first - 1, body: Buffer.alloc(Math.max(SLOT_BYTES, RUN_HEADER_BYTES + runBytes)), used: 0 }
    this.#state = { full: this.#live(), free: rest, open, lastId: Math.max(lastId, id) }
    return open
  }

  #live(): readonly Slot[] {
    const { full, open } = this.#state
    return open === null ? full : [...full, { id: open.id, first: open.first, last: open.last }]
  }

  #write(): void {
    const { open } = this.#state
    if (open === null || open.used === 0) return
    this.#sql.run(
      `INSERT INTO ${this.#table} (slot, first, last, body) VALUES (?, ?, ?, ?)
       ON CONFLICT (slot) DO UPDATE SET first = excluded.first, last = excluded.last, body = excluded.body`,
      ...[open.id, open.first, open.last, open.body],
    )
  }

  /** A damaged slot gives what stands before the damage. */
  #read(slot: Slot): readonly NumberedPoint[] {
    const row = this.#sql.get<{ body: Buffer }>(`SELECT body FROM ${this.#table} WHERE slot = ?`, slot.id)
    const points: NumberedPoint[] = []
    try {
      const body = row?.body ?? Buffer.alloc(0)
      for (let at = 0; at + RUN_HEADER_BYTES <= body.length;) {
        const length = body.readUInt16LE(at)
        if (length === 0) break
        const run = body.subarray(at + RUN_HEADER_BYTES, at + RUN_HEADER_BYTES + length)
        if (shortSum(run) !== body.readUInt16LE(at + 2)) throw new RangeError('a run of the log fails its checksum')
        points.push(...decodeRow(run, slot.first + points.length, this.#names))
        at += RUN_HEADER_BYTES + length
      }
    } catch (error) {
      if (!(error instanceof RangeError) && !(error instanceof SyntaxError)) throw error
      this.#onDamage()
    }
    return points
  }
}

function shortSum(run: Uint8Array): number {
  return crc32(run) & 0xffff
}
