import type { Along, Exchange } from './exchange-book.js'
import type { NodeRecord } from './node-book.js'
import { framesUsual } from './settings.js'

/** A concurrent read with what travelled along. */
export interface Together {
  readonly exchange: Exchange
  readonly node: NodeRecord
  readonly along: Along
}

/**
 * Which reads of one meter travel together in one concurrent read. What brings nothing goes again alone before anybody is taken
 * for silent, as long as the node has never answered so many frames at once. @source facts §3, F1H
 */
export class Companions {
  #max = framesUsual
  /** Frames that a node has answered at once, all of them. */
  readonly #proven = new Map<NodeRecord, number>()
  /** What a node gets at most, once more was too much for it. */
  readonly #limits = new Map<NodeRecord, number>()

  /** Frames of one read. */
  get framesMax(): number {
    return this.#max
  }

  /** What travels with an exchange. @param fits whether so many bytes fit one read */
  of({ request, isAlone }: Exchange, node: NodeRecord, fits: (bytes: number) => boolean): Along {
    if (isAlone || request.along === undefined) return []
    const countMax = Math.min(this.#max, this.#limits.get(node) ?? this.#max) - 1
    let bytes = request.bytes.length
    const tooMany = request.along.findIndex((other, index) => index >= countMax || !fits((bytes += other.bytes.length)))
    return tooMany < 0 ? request.along : request.along.slice(0, tooMany)
  }

  /** A read that goes alone has brought an answer. */
  heardAlone({ isAlone }: Exchange, node: NodeRecord): void {
    if (isAlone) this.#limits.set(node, this.#proven.get(node) ?? 1)
  }

  /**
   * Takes in what a read has brought for all that travelled together, the exchange's own frame first.
   *
   * @returns whether it has to go again, alone
   */
  heard(together: Together, [own, ...others]: readonly (Uint8Array | null)[], bytes: number): boolean {
    const { exchange, node, along } = together
    if (own === undefined || own === null) {
      if (bytes > 0) exchange.isAlone = true
      return bytes > 0 || this.failed(together)
    }
    const answered = others.filter((frame) => frame !== null).length
    if (answered === 0) this.#limits.set(node, 1)
    if (answered === along.length) this.#proven.set(node, Math.max(this.#proven.get(node) ?? 1, along.length + 1))
    return false
  }

  /** It brought nothing. @returns whether it has to go again, alone */
  failed({ exchange, node, along }: Together): boolean {
    if (along.length === 0 || along.length < (this.#proven.get(node) ?? 1)) return false
    exchange.isAlone = true
    return true
  }

  /** Nobody said anything of it: next time less is asked at once. */
  unheard({ node, along }: Together): void {
    if (along.length > 0) this.#limits.set(node, Math.min(along.length, this.#proven.get(node) ?? 1))
  }

  /** The module calls it too many frames. */
  refused(): void {
    this.#max = Math.max(1, Math.floor(this.#max / 2))
  }

  clear(): void {
    this.#max = framesUsual
    this.#proven.clear()
    this.#limits.clear()
  }
}
