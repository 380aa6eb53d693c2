import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import { denialOf, matchAnswer, type Denial, type DownUnit, type Frame, type Message } from '../../src/protocols/gdw1376/index.js'
import { carriedReplies } from './carried-reply.js'
import { Companions } from './companions.js'
import { earliest } from './effects.js'
import type { Along, Exchange, ExchangeBook } from './exchange-book.js'
import type { NodeRecord } from './node-book.js'
import { growAnswers, payloadBytesMax, windowGrownMax, windowUsual } from './settings.js'
import type { SentRequest } from './wire.js'
import type { Workplace } from './workplace.js'

type Way = 'concurrent' | 'forward'

/** A request for a meter that the module has. It stays until its own time is over, also when its exchange was settled earlier. */
interface UnderWay {
  readonly sent: SentRequest
  readonly exchange: Exchange
  readonly node: NodeRecord
  readonly way: Way
  readonly along: Along
  readonly by: MonotonicMs
}

/** What waits after a refusal, ms. */
const afterWindowMs = 1_000
const afterMeterBusyMs = 5_000
const afterSilenceMs = 3_000
const afterBusyMs = [2_000, 4_000, 8_000, 16_000, 30_000]

/** Bytes of a forwarding frame around the meter's: frame, addresses and 13F1's own (F1F1's are as many). */
const aroundBytes = 15 + 12 + 5

/** Carries exchanges by F1F1, up to the window and one per meter, and by 13F1, one at a time. @source facts §4.4, §4.5 */
export class Forwarder {
  readonly #place: Workplace
  readonly #book: ExchangeBook
  readonly #companions = new Companions()
  #under: UnderWay[] = []
  #window: number
  #refusedAt: MonotonicMs | null = null
  /** Answers since the window was changed, while it was full. */
  #answers = 0
  /** Where nobody chose: no wider than this, and not before then. */
  #windowLimit = windowGrownMax
  #growsFrom = -Infinity
  #busyInARow = 0
  #hasSucceeded = false
  /** Meters whose concurrent read was refused as such, before any was answered. */
  readonly #refusedConcurrent = new Set<string>()
  /** A meter told as unknown: the archive has to be looked through. */
  wantsArchive = false
  /** The module was silent although it had a request: is it there? */
  wantsProbe = false

  constructor(place: Workplace, book: ExchangeBook) {
    this.#place = place
    this.#book = book
    this.#window = this.#windowChosen
  }

  /** Requests that the module has. */
  get underWay(): number {
    return this.#under.length
  }

  /** How many may be under way by the present way. */
  get window(): number {
    return this.#place.way === 'concurrent' ? this.#window : 1
  }

  /** Frames for one meter that one read may carry by the present way. */
  get framesAtOnce(): number {
    return this.#place.way === 'concurrent' ? this.#companions.framesMax : 1
  }

  get due(): MonotonicMs | null {
    return earliest(...this.#under.map(({ by }) => by))
  }

  /** Whether a request of so many bytes fits a frame of the module. */
  fits(bytes: number): boolean {
    return bytes <= this.bytesMax
  }

  /** Bytes of a meter's frames that one read carries, there or back. @source facts §3: 13F1 has one byte for their number, F1F1 two */
  get bytesMax(): number {
    const told = this.#place.module?.frameBytesMax ?? 0
    const frameBytesMax = told === 0 || told === 0xffff ? Number.MAX_SAFE_INTEGER : told
    return Math.min(this.#place.way === 'concurrent' ? payloadBytesMax : 255, frameBytesMax - aroundBytes)
  }

  /** The next exchange that may leave now; null: none. @param mayBeAny false: urgent ones alone */
  next(mayBeAny: boolean): Exchange | null {
    const { now } = this.#place
    if (this.#under.length >= this.window || this.#under.some(({ way }) => way !== this.#way)) return null
    return (
      this.#book.waiting.find(
        ({ node, request, notBefore, awaitsArchive }) =>
          node !== null &&
          (mayBeAny || request.isUrgent === true) &&
          notBefore <= now &&
          !awaitsArchive &&
          !this.#under.some((other) => other.node.wire === node.wire),
      ) ?? null
    )
  }

  send(exchange: Exchange): void {
    const { node, request } = exchange
    if (node === null) return
    const { wire, now, readMs } = this.#place
    const way = this.#way
    const along = way === 'concurrent' ? this.#companions.of(exchange, node, (bytes) => this.fits(bytes)) : []
    const payload = along.length === 0 ? request.bytes : joined([request, ...along])
    const unit: DownUnit =
      way === 'concurrent'
        ? { name: 'concurrent-read', protocol: node.type, reserved: 0, payload }
        : { name: 'monitor', protocol: node.type, delayFlag: false, subNodes: [], payload }
    this.#book.leave(exchange)
    const sent = wire.send(unit, now, {
      addresses: { source: wire.mainNode, relays: [], destination: node.wire },
      traced: request.traced,
      exchange: exchange.id,
    })
    this.#under.push({ sent, exchange, node, way, along, by: monotonicMs(sent.wireEnd + readMs) })
  }

  /** @returns whether the frame belongs to a request under way */
  hear(message: Message): boolean {
    for (const under of this.#under) {
      const match = matchAnswer(under.sent, message)
      if (match === null) continue
      // Some confirm first that they took it; the answer itself comes later.
      if (match === 'confirm') return true
      const isOldest = this.#under[0] === under
      this.#end(under, true)
      const { unit } = message
      if (unit.name === 'deny') this.#denied(under, denialOf(unit.errorCode), isOldest)
      else if (message.direction === 'up') {
        this.#place.nodes.noteSignal(under.node, message.info)
        if (unit.name === 'concurrent-read' || unit.name === 'monitor') this.#answered(under, unit.payload)
      }
      return true
    }
    return false
  }

  /** An answer whose data do not hold what they claim. @returns whether it belongs to a request under way */
  hearBroken({ afn, info, addresses, data }: Frame): boolean {
    const under = this.#under.find(
      ({ sent, way, node }) =>
        afn === (way === 'concurrent' ? 0xf1 : 0x13) &&
        info.sequence === sent.sequence &&
        (addresses === null || addresses.source === node.wire),
    )
    if (under === undefined) return false
    this.#end(under, true)
    this.#book.settle(under.exchange, { kind: 'garbled', bytes: data })
    return true
  }

  elapse(): void {
    const { now, wire } = this.#place
    for (const under of this.#under.filter(({ by }) => by <= now)) {
      this.#end(under, false)
      this.#doubtWidth()
      this.#companions.unheard(under)
      if ((wire.heardAt ?? 0) <= under.sent.sentAt) this.wantsProbe = true
      if (this.#place.profile.silenceIsBusy === true) this.#unheard(under.exchange)
      else this.#book.settleSilent(under.exchange)
    }
    if (this.#refusedAt !== null && now >= this.#refusedAt + this.#place.settings.windowGrowMs) {
      this.#window = Math.min(this.#windowChosen, this.#window + 1)
      this.#refusedAt = this.#window < this.#windowChosen ? now : null
    }
  }

  /** The link refused the frame: it did not leave. */
  writeFailed(id: number): void {
    for (const under of this.#under.filter(({ exchange }) => exchange.id === id)) this.#end(under, false)
  }

  /** The module is gone or another one. */
  clear(): void {
    for (const under of this.#under) this.#place.wire.sequences.release(under.sent.sequence, false, this.#place.now)
    this.#under = []
    this.#window = this.#windowChosen
    this.#refusedAt = null
    this.#companions.clear()
    this.#answers = 0
    this.#windowLimit = windowGrownMax
    this.#growsFrom = -Infinity
    this.#busyInARow = 0
    this.#hasSucceeded = false
    this.#refusedConcurrent.clear()
    this.#place.dropsRequests = false
    this.wantsArchive = false
    this.wantsProbe = false
  }

  get #way(): Way {
    return this.#place.way === 'concurrent' ? 'concurrent' : 'forward'
  }

  get #windowChosen(): number {
    return this.#place.choice.window ?? windowUsual
  }

  #end(under: UnderWay, isAnswered: boolean): void {
    this.#under = this.#under.filter((other) => other !== under)
    this.#place.wire.sequences.release(under.sent.sequence, isAnswered, this.#place.now)
  }

  /**
   * Where the site chose no window: reads that are on their way to the module or back hold places that the network could use, so as
   * long as the module takes it the window grows.
   */
  #widen(): void {
    const isFull = this.#under.length + 1 >= this.#window
    if (this.#place.choice.window !== null || !isFull || this.#window < windowUsual || this.#place.now < this.#growsFrom) return
    this.#answers++
    if (this.#answers < growAnswers || this.#window >= this.#windowLimit) return
    this.#answers = 0
    this.#window++
  }

  /** A read brought nothing at all: perhaps the module dropped it because it had too many. */
  #doubtWidth(): void {
    this.#answers = 0
    this.#growsFrom = this.#place.now + this.#place.settings.windowGrowMs
    if (this.#place.choice.window === null) this.#window = Math.min(this.#window, windowUsual)
  }

  /** @returns whether a window that had grown was refused: then the usual one is what the module takes, until it starts anew */
  #wasTooWide(): boolean {
    if (this.#place.choice.window !== null || this.#window <= windowUsual) return false
    this.#windowLimit = windowUsual
    this.#window = windowUsual
    return true
  }

  #answered(under: UnderWay, payload: Uint8Array): void {
    const { exchange, sent, way, along } = under
    this.#busyInARow = 0
    if (way === 'concurrent') this.#widen()
    if (exchange.silentTries > 0) this.#place.dropsRequests = true
    if (way === 'concurrent' && payload.length > 0) this.#hasSucceeded = true
    if (along.length > 0) return this.#answeredTogether(under, payload)
    if (payload.length > 0) this.#companions.heardAlone(exchange, under.node)
    this.#book.settleCarried(exchange, payload, sent)
  }

  #answeredTogether(under: UnderWay, payload: Uint8Array): void {
    const { exchange, sent, along } = under
    const scanners = [exchange.request, ...along].map(({ reply }) => reply).filter((reply) => reply !== 'none')
    const frames = carriedReplies(scanners, payload)
    if (this.#companions.heard(under, frames, payload.length)) this.#book.putBack(exchange, 'module-refused', 0)
    else this.#book.settleTogether(exchange, { frames, bytes: payload.length }, sent)
  }

  /** @source facts §3, 00H; §4.5 */
  #denied(under: UnderWay, denial: Denial, isOldest: boolean): void {
    const { exchange, node, way, sent } = under
    const book = this.#book
    if (denial.action === 'split') this.#companions.refused()
    if (ofTheRead.has(denial.action) && this.#companions.failed(under)) return book.putBack(exchange, 'module-refused', 0)
    if (denial.action !== 'back-off') this.#busyInARow = 0
    switch (denial.action) {
      case 'shrink-window':
        if (!this.#wasTooWide()) {
          this.#window = Math.max(1, Math.floor(this.#window / 2))
          this.#refusedAt = this.#place.now
        }
        return book.putBack(exchange, 'module-window', afterWindowMs)
      case 'back-off': {
        const delayMs = afterBusyMs[Math.min(this.#busyInARow++, afterBusyMs.length - 1)] ?? 0
        this.#place.keepQuiet(Math.min(delayMs, afterBusyMs[0] ?? 0))
        return book.putBack(exchange, 'module-busy', delayMs)
      }
      case 'queue-per-meter':
        // If the module had it twice, the meter has it once: a write is not sent again.
        return exchange.isWrite ? book.settleDown(exchange, 'meter-busy') : book.putBack(exchange, 'meter-busy', afterMeterBusyMs)
      case 'resynchronise-archive':
        if (exchange.archiveTries > 0 || this.#place.now < this.#place.inLineUntil)
          return this.#refuse(exchange, 'not-in-archive')
        this.wantsArchive = true
        exchange.awaitsArchive = true
        return book.putBack(exchange, 'not-in-archive', 0)
      case 'retry-once':
        return exchange.faultTries++ > 0 ? this.#refuse(exchange, 'module-refused') : book.putBack(exchange, 'module-refused', 0)
      case 'wait-for-joining':
        this.#place.nodes.noteInNetwork(node, false)
        return book.settleSilent(exchange)
      case 'meter-fault':
      case 'retry-later':
        return book.settleSilent(exchange)
      case 'split':
        return this.#refuse(exchange, 'too-many-frames')
      case 'do-not-retry':
      case 'mark-unsupported':
        if (way === 'concurrent' && this.#hasNoConcurrent(node, denial, isOldest))
          return this.#withoutConcurrent(exchange, denial)
        if (way === 'forward') this.#place.refused(sent.unit.name, denial)
        return this.#refuse(exchange, 'module-refused')
    }
  }

  /** Neither an answer nor a refusal: the module was busy with something else and dropped it, perhaps. */
  #unheard(exchange: Exchange): void {
    // A write may have reached the meter: it is never sent again.
    if (exchange.isWrite || this.#place.isMaintained) return this.#book.settleDown(exchange, 'module-busy')
    if (exchange.silentTries++ > 0) return this.#book.settleSilent(exchange)
    this.#book.putBack(exchange, 'module-busy', afterSilenceMs)
  }

  /** "Invalid data" may be about that one meter: several are refused, and none before them was taken, when it is about the function. */
  #hasNoConcurrent({ wire }: NodeRecord, { action }: Denial, isOldest: boolean): boolean {
    if (this.#hasSucceeded) return false
    this.#refusedConcurrent.add(wire)
    if (action === 'mark-unsupported') return true
    return isOldest && this.#refusedConcurrent.size >= Math.min(refusedMetersMin, this.#place.nodes.size)
  }

  /** It never took a concurrent read: it has none. */
  #withoutConcurrent(exchange: Exchange, denial: Denial): void {
    this.#place.refused('concurrent-read', denial)
    this.#place.concurrent = false
    this.#place.decideWay()
    this.#book.putBack(exchange, 'module-refused', 0)
  }

  #refuse(exchange: Exchange, code: string): void {
    exchange.hasLeft = false
    this.#book.settleDown(exchange, code)
  }
}

/** So many meters' reads are refused before the function itself is taken for refused. */
const refusedMetersMin = 3

/** What a module says of one read, not of itself, the archive or the network: alone it may go. */
const ofTheRead: ReadonlySet<Denial['action']> = new Set([
  'split',
  'meter-fault',
  'retry-later',
  'do-not-retry',
  'mark-unsupported',
])

function joined(frames: readonly { readonly bytes: Uint8Array }[]): Uint8Array {
  return Uint8Array.from(frames.flatMap(({ bytes }) => [...bytes]))
}
