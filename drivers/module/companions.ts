import { carriedReply } from './carried-reply.js'
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

  /** Takes in what a read brought. @returns whether it has to go again, alone */
  heard({ exchange, node, along }: Together, payload: Uint8Array): boolean {
    const { reply } = exchange.request
    const isThere = reply !== 'none' && carriedReply(reply, payload) !== null
    if (along.length === 0) {
      if (exchange.isAlone && isThere) this.#limits.set(node, this.#proven.get(node) ?? 1)
      return false
    }
    if (!isThere) return this.failed({ exchange, node, along })
    const others = along.filter((other) => carriedReply(other.reply, payload) !== null).length
    if (others === 0) this.#limits.set(node, 1)
    if (others === along.length) this.#proven.set(node, Math.max(this.#proven.get(node) ?? 1, along.length + 1))
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
