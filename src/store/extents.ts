import { streams } from '../model/index.js'
import type { Stream, StreamExtent } from '../model/index.js'
import type { PointStore } from './point-store.js'
import type { Sql } from './sql.js'

/** Streams whose records are rows of a table of the same name. */
export const rowStreams = ['event', 'ledger', 'result', 'status'] as const satisfies readonly Stream[]
export type RowStream = (typeof rowStreams)[number]

interface Ends {
  lo: number
  hi: number
}

/** First and last number of each stream as committed. Numbers are given here, so none is ever given twice. */
export class Extents {
  readonly #sql: Sql
  readonly #ends: Record<Stream, Ends>

  constructor(sql: Sql, points: PointStore) {
    this.#sql = sql
    const stored = new Map(
      sql.all<{ name: string; lo: bigint; hi: bigint }>('SELECT name, lo, hi FROM stream').map((row) => [row.name, row]),
    )
    const endOf = (stream: Stream): Ends => {
      const row = stored.get(stream)
      const last = stream === 'curve' || stream === 'freeze' ? points.lastSeq(stream) : this.#lastRow(stream)
      return { lo: Number(row?.lo ?? 1n), hi: Math.max(Number(row?.hi ?? 0n), last) }
    }
    this.#ends = {
      ...{ event: endOf('event'), ledger: endOf('ledger'), result: endOf('result') },
      ...{ freeze: endOf('freeze'), status: endOf('status'), curve: endOf('curve') },
    }
  }

  hi(stream: Stream): number {
    return this.#ends[stream].hi
  }

  lo(stream: Stream): number {
    return this.#ends[stream].lo
  }

  all(): readonly StreamExtent[] {
    return streams.map((stream) => ({ stream, lo: this.#ends[stream].lo, hi: this.#ends[stream].hi }))
  }

  /** The commit that used the numbers up to `hi` is on the disk. */
  appended(ends: readonly { stream: Stream; hi: number }[]): void {
    for (const { stream, hi } of ends) this.#ends[stream].hi = Math.max(this.#ends[stream].hi, hi)
  }

  /** Keeps the ends of a stream whose rows were or will be deleted. To be called inside a transaction, before `moved`. */
  persist(stream: Stream, lo: number, hi: number): void {
    const text = `INSERT INTO stream (name, lo, hi, packed) VALUES (?, ?, ?, 0)
      ON CONFLICT (name) DO UPDATE SET lo = excluded.lo, hi = excluded.hi`
    this.#sql.run(text, stream, lo, hi)
  }

  /** The commit that evicted everything below `lo` is on the disk. */
  moved(stream: Stream, lo: number): void {
    this.#ends[stream].lo = lo
  }

  #lastRow(stream: RowStream): number {
    return Number(this.#sql.get<{ last: bigint | null }>(`SELECT max(seq) AS last FROM ${stream}`)?.last ?? 0n)
  }
}
