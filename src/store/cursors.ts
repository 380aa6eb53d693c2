import { masterId, streams } from '../model/index.js'
import type { MasterId, Stream } from '../model/index.js'
import type { Cursor, Facts } from './facts.js'
import type { Sql } from './sql.js'

/** Masters that may ever have acknowledged something; a further one is not remembered. */
export const MASTERS_MAX = 16

/** A mark costs a page with each commit of readings it joins, a fifth of the whole; this often is enough. */
const KEEP_MS = 600_000

/**
 * How far each master has each stream. A mark joins the next commit instead of making one: if a power cut takes it, the
 * master's answer to the next greeting brings it back.
 */
export class Cursors {
  readonly #upTo = new Map<MasterId, Map<Stream, number>>()
  #unwritten = new Map<string, Cursor>()
  #writtenAt = -Infinity

  constructor(sql: Sql) {
    for (const row of sql.all<{ master: string; stream: Stream; up_to: bigint }>('SELECT master, stream, up_to FROM cursor')) {
      this.#of(masterId(row.master)).set(row.stream, Number(row.up_to))
    }
  }

  /** @returns false when the mark says nothing new, or the master is one too many */
  move(cursor: Cursor): boolean {
    if (!this.#upTo.has(cursor.master) && this.#upTo.size >= MASTERS_MAX) return false
    const own = this.#of(cursor.master)
    if ((own.get(cursor.stream) ?? 0) >= cursor.upTo) return false
    own.set(cursor.stream, cursor.upTo)
    this.#unwritten.set(`${cursor.stream} ${cursor.master}`, cursor)
    return true
  }

  of(master: MasterId): readonly { stream: Stream; upTo: number }[] {
    const own = this.#upTo.get(master)
    return streams.flatMap((stream) => {
      const upTo = own?.get(stream)
      return upTo === undefined ? [] : [{ stream, upTo }]
    })
  }

  /** What every known master has; 0 where one has nothing or none is known. */
  acknowledged(): Readonly<Record<Stream, number>> {
    const lowest = (stream: Stream): number => {
      const marks = [...this.#upTo.values()].map((own) => own.get(stream) ?? 0)
      return marks.length === 0 ? 0 : Math.min(...marks)
    }
    return {
      ...{ event: lowest('event'), ledger: lowest('ledger'), result: lowest('result') },
      ...{ freeze: lowest('freeze'), status: lowest('status'), curve: lowest('curve') },
    }
  }

  get unwritten(): readonly Cursor[] {
    return [...this.#unwritten.values()]
  }

  /** Marks that a commit takes along: with anything urgent at once, with routine readings now and then. */
  due(facts: Facts): readonly Cursor[] {
    const isDue = !facts.isEmpty || facts.stamp.monotonicMs - this.#writtenAt >= KEEP_MS
    return isDue ? this.unwritten : []
  }

  /** The next commit takes every mark along: the store closes, or what is evicted depends on them. */
  makeDue(): void {
    this.#writtenAt = -Infinity
  }

  committed(monotonicMs: number): void {
    this.#unwritten = new Map()
    this.#writtenAt = monotonicMs
  }

  #of(master: MasterId): Map<Stream, number> {
    let own = this.#upTo.get(master)
    if (own === undefined) this.#upTo.set(master, (own = new Map<Stream, number>()))
    return own
  }
}
