import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { DownUnit, UpFrame } from '../../src/protocols/gdw1376/index.js'
import { carriedAddresses, carriedReply } from './carried-reply.js'
import { earliest } from './effects.js'
import type { Exchange, ExchangeBook } from './exchange-book.js'
import type { NodeRecord } from './node-book.js'
import type { Workplace } from './workplace.js'

/** A frame that the module was given for a meter it asked for. */
interface Offer {
  readonly exchange: Exchange
  readonly node: NodeRecord
  readonly nodeNumber: number
  readonly sentAt: MonotonicMs
  readonly wireEnd: MonotonicMs
  readonly by: MonotonicMs
  readonly times: number
}

/** What the module asked. */
export interface Question {
  readonly frame: UpFrame
  readonly address: string
  readonly nodeNumber: number
}

/** The module asks again when it did not reach the meter; a read is given so often. */
const offersMax = 3
const skip: DownUnit = { name: 'next-frame', readFlag: 1, delayFlag: false, payload: new Uint8Array(0), subNodes: [] }

/** Reading that the module leads: it asks for the frame of one meter after the other. @source facts §4.3 */
export class LedReading {
  readonly #place: Workplace
  readonly #book: ExchangeBook
  #offers: Offer[] = []
  /** Of whom its questions bore which number. */
  readonly #numbers = new Map<number, NodeRecord>()
  /** The module's last question, or when it was told to begin. */
  lastAskedAt: MonotonicMs
  /** When it said that a round is over. */
  finishedAt: MonotonicMs
  /** Since it was started it has asked for some meter, or been through a round. */
  hasLed = false

  constructor(place: Workplace, book: ExchangeBook) {
    this.#place = place
    this.#book = book
    this.lastAskedAt = place.now
    this.finishedAt = place.now
  }

  /** Meters that the module is reading. */
  get underWay(): number {
    return this.#offers.filter(({ exchange }) => !exchange.isSettled).length
  }

  get due(): MonotonicMs | null {
    return earliest(...this.#offers.map(({ by }) => by))
  }

  /** Gives the frame that waits for this meter; nothing waits, or nothing may leave: the module goes on to the next one. */
  answer({ frame, address, nodeNumber }: Question, mayRead: boolean): void {
    const { now, nodes, wire } = this.#place
    this.lastAskedAt = now
    this.hasLed = true
    if (this.#place.routing !== 'paused') this.#place.routing = 'running'
    const node = nodes.find(address)
    if (node !== null) this.#numbers.set(nodeNumber, node)
    const before = this.#offers.find((offer) => offer.node === node && !offer.exchange.isSettled) ?? null
    this.#offers = this.#offers.filter((offer) => offer !== before)
    const exchange = node === null ? null : this.#exchangeFor(node, before, mayRead)
    const addresses = { source: wire.mainNode, relays: [], destination: address }
    if (node === null || exchange === null) {
      wire.answer(frame, skip, now, { addresses })
      return
    }
    if (before === null) this.#book.leave(exchange)
    const { bytes, traced } = exchange.request
    const unit: DownUnit = { name: 'next-frame', readFlag: 2, delayFlag: false, payload: bytes, subNodes: [] }
    const wireEnd = wire.answer(frame, unit, now, { addresses, traced, exchange: exchange.id })
    const by = monotonicMs(now + this.#place.settings.ledReadMs)
    this.#offers.push({ exchange, node, nodeNumber, sentAt: now, wireEnd, by, times: (before?.times ?? 0) + 1 })
  }

  /** A frame whose contents depend on transit time: none of ours does, so it goes as it was. */
  correct({ frame, address }: Pick<Question, 'frame' | 'address'>, payload: Uint8Array): void {
    const { wire, now, nodes } = this.#place
    const node = nodes.find(address)
    const offer = this.#offers.find((other) => other.node === node && !other.exchange.isSettled)
    const isOurs = offer !== undefined && sameBytes(offer.exchange.request.bytes, payload)
    // Empty: it is dropped.
    const traced = offer?.exchange.request.traced
    wire.answer(frame, { name: 'correct-frame', payload: isOurs ? payload : new Uint8Array(0) }, now, { traced })
  }

  /** The module brings what a meter said. @returns the meter, if it is known to whom it belongs; `taken`: an exchange got it */
  hear(nodeNumber: number, payload: Uint8Array): { readonly taken: boolean; readonly node: NodeRecord | null } {
    const open = this.#offers.filter(({ exchange }) => !exchange.isSettled)
    const isOfHim = ({ exchange: { request } }: Offer): boolean =>
      request.reply !== 'none' && carriedReply(request.reply, payload) !== null
    const numbered = open.filter((offer) => offer.nodeNumber === nodeNumber)
    const known = this.#numbers.get(nodeNumber) ?? null
    const says = carriedAddresses(payload)
    const isOfAnother = ({ node: { wire } }: Offer): boolean => says.length > 0 && !says.includes(wire)
    const candidates = known === null && open.length === 1 ? open : numbered.length === 1 ? numbered : []
    // Some makers number the nodes in reports otherwise than in questions: then the meter's own frame tells.
    const offer = numbered.find(isOfHim) ?? open.find(isOfHim) ?? candidates.find((other) => !isOfAnother(other))
    const late = this.#offers.find((other) => other.nodeNumber === nodeNumber)
    if (offer === undefined) return { taken: false, node: this.#nodeOf(says) ?? late?.node ?? null }
    this.#offers = this.#offers.filter((other) => other !== offer)
    this.#book.settleCarried(offer.exchange, payload, offer)
    return { taken: true, node: offer.node }
  }

  elapse(): void {
    for (const offer of this.#offers.filter(({ by }) => by <= this.#place.now)) {
      this.#offers = this.#offers.filter((other) => other !== offer)
      this.#book.settleSilent(offer.exchange)
    }
    // What was settled by its own deadline is not waited for; it still tells whose a late report is.
    if (this.#offers.length > settledKeptMax) this.#offers = this.#offers.filter(({ exchange }) => !exchange.isSettled)
  }

  clear(): void {
    this.#offers = []
    this.#numbers.clear()
    this.hasLed = false
  }

  /** The module has been through all nodes of its network. One for which it has not asked in a whole round is not among them. */
  roundEnded(): void {
    this.#place.routing = 'finished'
    this.hasLed = true
    this.finishedAt = this.#place.now
    for (const exchange of [...this.#book.waiting]) {
      const { node } = exchange
      if (node === null || ++exchange.roundsWaited < wholeRound) continue
      this.#place.nodes.noteInNetwork(node, false)
      if (exchange.isWrite) this.#book.settleDown(exchange, 'not-in-network')
      else this.#book.settleSilent(exchange)
    }
  }

  #nodeOf(addresses: readonly string[]): NodeRecord | null {
    return addresses.reduce<NodeRecord | null>((found, address) => found ?? this.#place.nodes.find(address), null)
  }

  #exchangeFor(node: NodeRecord, before: Offer | null, mayRead: boolean): Exchange | null {
    if (before !== null) {
      if (mayRead && !before.exchange.isWrite && before.times < offersMax) return before.exchange
      this.#book.settleSilent(before.exchange)
      return null
    }
    if (!mayRead) return null
    const { now } = this.#place
    return this.#book.waiting.find((exchange) => exchange.node?.wire === node.wire && exchange.notBefore <= now) ?? null
  }
}

/** What comes in the middle of one round may have missed its meter's turn: the end of the next one tells. */
const wholeRound = 2
/** Offers kept although they are settled. */
const settledKeptMax = 64

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && a.every((byte, index) => byte === b[index])
