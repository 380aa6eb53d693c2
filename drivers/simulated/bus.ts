import { monotonicMs, type MeterAddress, type MonotonicMs } from '../../src/model/index.js'
import type { Bus, BusCapabilities, Clock, ExchangeOutcome, ExchangeRequest, Timers, TraceLine } from '../../src/ports/index.js'
import { collectReply, type Arrival, type Collected } from './reply-collector.js'
import type { SimulatedWire } from './wire.js'

export interface SimulatedBusOptions {
  readonly wire: SimulatedWire
  readonly clock: Clock
  readonly timers: Timers
  /** True time at monotonic 0, ms: the meters' time, which no step of the wall clock moves. */
  readonly trueStart: number
  /** Wire time of one byte, ms: 11 bits; 0: no pace. */
  readonly byteMs: number
  /** A longer gap within a reply means that the frame is broken; default 500 ms and one byte. */
  readonly interByteMs?: number
  /** Quiet after a broadcast beyond one frame's time; default 500 ms. */
  readonly broadcastQuietMs?: number
}

/** Lines of the trace, and bytes of one reply; beyond them the oldest line goes, and the exchange is garbled. */
export const traceLinesMax = 512
export const replyBytesMax = 2048

interface Asking {
  readonly name: 'asking'
  readonly request: ExchangeRequest
  readonly deadline: number
  readonly sentAt: number
  readonly resolve: (outcome: ExchangeOutcome) => void
  cancel: () => void
}
type Exchange = { readonly name: 'idle' } | Asking

interface Coming extends Arrival {
  /** Stops what happens to it when nobody asked. */
  readonly cancel: () => void
}

const noBytes = new Uint8Array(0)

/**
 * A half-duplex bus with simulated meters, without links and bytes in flight: what a request brings back is known when its last
 * bit has left, so an exchange costs two timers. It keeps quiet, deadlines and outcomes as the real bus does.
 */
export class SimulatedBus implements Bus {
  readonly capabilities: BusCapabilities
  readonly #o: SimulatedBusOptions
  readonly #interByteMs: number
  readonly #trace: TraceLine[] = []
  #exchange: Exchange = { name: 'idle' }
  /** On the wire or about to be, and nobody has asked for it. */
  #coming: Coming[] = []
  #quietFrom: number
  #heartbeatArmed = false
  #downCode: string | null = null
  #closed = false
  readonly #unsolicitedHandlers: ((from: MeterAddress | null, bytes: Uint8Array) => void)[] = []
  readonly #stateHandlers: ((up: boolean, code: string) => void)[] = []

  constructor(options: SimulatedBusOptions) {
    this.#o = options
    this.capabilities = { concurrency: 1, broadcast: true, routing: false, byteMs: options.byteMs }
    this.#interByteMs = options.interByteMs ?? 500 + options.byteMs
    this.#quietFrom = options.clock.monotonic()
    if (options.wire.isUnplugged(this.#trueAt(this.#now()))) this.#downCode = 'unplugged'
    for (const span of options.wire.faults.unpluggedSpans) {
      this.#at(span.fromMs, () => this.unplug('unplugged'))
      this.#at(span.toMs, () => this.plug())
    }
    this.#armHeartbeat()
  }

  readonly isUp = (): boolean => this.#downCode === null

  onUnsolicited(handler: (from: MeterAddress | null, bytes: Uint8Array) => void): void {
    this.#unsolicitedHandlers.push(handler)
  }

  onState(handler: (up: boolean, code: string) => void): void {
    this.#stateHandlers.push(handler)
  }

  trace(): readonly TraceLine[] {
    return [...this.#trace]
  }

  exchange(request: ExchangeRequest, deadline: MonotonicMs): Promise<ExchangeOutcome> {
    if (this.#exchange.name !== 'idle') return Promise.resolve({ kind: 'bus-down', code: 'busy', sent: false })
    if (this.#downCode !== null) return Promise.resolve({ kind: 'bus-down', code: this.#downCode, sent: false })
    return new Promise((resolve) => {
      const sentAt = this.#departure(request.quietMs)
      const asking: Asking = { name: 'asking', request, deadline, sentAt, resolve, cancel: () => undefined }
      this.#exchange = asking
      if (sentAt >= deadline) {
        asking.cancel = this.#when(deadline, () => this.#settle({ kind: 'bus-down', code: 'no-quiet', sent: false }))
        return
      }
      const wireEnd = sentAt + request.bytes.length * this.#o.byteMs
      if (wireEnd > deadline) return this.#giveUpWhileSending(asking, wireEnd)
      asking.cancel = this.#when(wireEnd, () => this.#requestArrived(asking))
    })
  }

  /** The line is pulled out: what is under way ends. */
  unplug(code: string): void {
    if (this.#downCode !== null) return
    this.#downCode = code
    const exchange = this.#exchange
    if (exchange.name === 'asking') {
      exchange.cancel()
      this.#settle({ kind: 'bus-down', code, sent: this.#now() >= exchange.sentAt })
    }
    for (const coming of this.#coming) coming.cancel()
    this.#coming = []
    this.#note('state', noBytes, `down: ${code}`)
    for (const tell of this.#stateHandlers) tell(false, code)
  }

  plug(): void {
    if (this.#downCode === null || this.#closed) return
    this.#downCode = null
    this.#quietFrom = Math.max(this.#quietFrom, this.#now())
    this.#note('state', noBytes, 'up')
    for (const tell of this.#stateHandlers) tell(true, 'plugged')
  }

  close(): Promise<void> {
    this.#closed = true
    this.unplug('closed')
    return Promise.resolve()
  }

  /** Now, or as soon as it has been quiet for long enough. */
  #departure(quietMs: number): number {
    let at = Math.max(this.#now(), this.#quietFrom + quietMs)
    for (const coming of this.#coming) if (coming.firstByteAt <= at) at = Math.max(at, this.#endOf(coming) + quietMs)
    return at
  }

  /** The deadline falls into the request itself: it goes out all the same, and its reply comes unasked. */
  #giveUpWhileSending(asking: Asking, wireEnd: number): void {
    const outcome: ExchangeOutcome = asking.request.reply === 'none' ? { kind: 'sent' } : { kind: 'silent' }
    asking.cancel = this.#when(asking.deadline, () => {
      this.#quietFrom = wireEnd
      this.#settle(outcome)
      this.#when(wireEnd, () => {
        if (this.isUp()) for (const arrival of this.#ask(asking)) this.#expect(arrival)
      })
    })
  }

  /** The last bit of the request has left. @returns what comes back */
  #ask(asking: Asking): readonly Arrival[] {
    const { request, sentAt } = asking
    const wireEnd = this.#now()
    const note = request.traced === undefined ? '' : `${request.bytes.length} bytes, credentials not shown`
    this.#note('out', request.traced ?? request.bytes, note, sentAt)
    if (this.#o.wire.faults.echo) this.#note('echo', request.traced ?? request.bytes, note)
    const back = this.#o.wire.hear(request.bytes, this.#trueAt(wireEnd))
    return back.map(({ delayMs, bytes }) => ({ firstByteAt: wireEnd + delayMs + this.#o.byteMs, bytes }))
  }

  #requestArrived(asking: Asking): void {
    const { request, sentAt } = asking
    const fresh = this.#ask(asking)
    const wireEnd = this.#now()
    if (request.reply === 'none') {
      this.#quietFrom = wireEnd + (wireEnd - sentAt) + (this.#o.broadcastQuietMs ?? 500)
      this.#settle({ kind: 'sent' })
      this.#sweep('during a broadcast')
      for (const arrival of fresh) this.#expect(arrival)
      return
    }
    const unasked = this.#coming.filter(({ firstByteAt }) => firstByteAt > sentAt)
    const collected = collectReply({
      request,
      arrivals: [...unasked, ...fresh],
      sentAt,
      wireEnd,
      firstByteBy: wireEnd + request.firstByteMs + this.#o.byteMs,
      deadline: asking.deadline,
      byteMs: this.#o.byteMs,
      interByteMs: this.#interByteMs,
      replyBytesMax,
    })
    asking.cancel = this.#when(collected.at, () => {
      this.#quietFrom = collected.lastByteAt ?? wireEnd
      for (const [index, coming] of unasked.entries()) this.#use(coming, collected.usedBytes[index] ?? 0)
      for (const [index, arrival] of fresh.entries()) this.#keep(arrival, collected.usedBytes[unasked.length + index] ?? 0)
      this.#noteOutcome(request, collected)
      this.#settle(collected.outcome)
      this.#sweep('after the reply')
    })
  }

  #noteOutcome(request: ExchangeRequest, { outcome, noise }: Collected): void {
    if (outcome.kind === 'silent') this.#note('state', noBytes, 'silent')
    if (noise.length > 0) {
      const note = outcome.kind === 'garbled' ? 'never a frame' : ''
      // Noise may hold a part of a request that must not be shown.
      if (request.traced === undefined) this.#note('noise', noise, note)
      else this.#note('noise', noBytes, `${noise.length} bytes, not shown beside credentials ${note}`.trimEnd())
    }
    if (outcome.kind === 'reply') this.#note('in', outcome.frame, '')
  }

  #settle(outcome: ExchangeOutcome): void {
    const exchange = this.#exchange
    this.#exchange = { name: 'idle' }
    if (exchange.name === 'asking') exchange.resolve(outcome)
  }

  /** Bytes will come; if no exchange takes them, they are unsolicited when their last one is there. */
  #expect(arrival: Arrival): void {
    const coming: Coming = { ...arrival, cancel: this.#when(this.#endOf(arrival), () => this.#unasked(coming)) }
    this.#coming.push(coming)
  }

  #use(coming: Coming, bytes: number): void {
    if (bytes === 0) return
    coming.cancel()
    this.#coming = this.#coming.filter((other) => other !== coming)
    this.#keep(coming, bytes)
  }

  /** What an exchange has left of an arrival comes unasked. */
  #keep(arrival: Arrival, usedBytes: number): void {
    if (usedBytes === arrival.bytes.length) return
    this.#expect({ firstByteAt: arrival.firstByteAt + usedBytes * this.#o.byteMs, bytes: arrival.bytes.subarray(usedBytes) })
  }

  #unasked(coming: Coming): void {
    const exchange = this.#exchange
    // An exchange under way takes it, or the sweep behind it.
    if (exchange.name === 'asking' && coming.firstByteAt > exchange.sentAt) return
    this.#coming = this.#coming.filter((other) => other !== coming)
    this.#quietFrom = Math.max(this.#quietFrom, this.#now())
    this.#note('noise', coming.bytes, 'unasked')
    for (const tell of this.#unsolicitedHandlers) tell(null, coming.bytes)
  }

  /** What came during an exchange and was not taken by it. */
  #sweep(note: string): void {
    if (this.#coming.length === 0) return
    const now = this.#now()
    for (const coming of this.#coming) if (this.#endOf(coming) <= now) this.#note('noise', coming.bytes, note)
    this.#coming = this.#coming.filter((coming) => this.#endOf(coming) > now)
  }

  #armHeartbeat(): void {
    if (this.#heartbeatArmed || this.#closed) return
    const next = this.#o.wire.nextHeartbeat(this.#trueAt(this.#now()))
    if (next === null) return
    this.#heartbeatArmed = true
    // A second before it is heard, so that an exchange under way can meet it.
    this.#at(next.atMs - 1000, () => {
      this.#heartbeatArmed = false
      const firstByteAt = next.atMs - this.#o.trueStart + this.#o.byteMs
      if (this.isUp()) this.#expect({ firstByteAt, bytes: next.bytes })
      this.#at(next.atMs, () => this.#armHeartbeat())
    })
  }

  #endOf(arrival: Arrival): number {
    return arrival.firstByteAt + (arrival.bytes.length - 1) * this.#o.byteMs
  }

  #note(direction: TraceLine['direction'], bytes: Uint8Array, note: string, at: number = this.#now()): void {
    this.#trace.push({ at: monotonicMs(at), direction, bytes, note })
    if (this.#trace.length > traceLinesMax) this.#trace.shift()
  }

  #now(): number {
    return this.#o.clock.monotonic()
  }

  #trueAt(monotonic: number): number {
    return this.#o.trueStart + Math.floor(monotonic)
  }

  #when(monotonic: number, fire: () => void): () => void {
    return this.#o.timers.after(Math.max(0, monotonic - this.#now()), fire)
  }

  /** At a true time; never, when it has passed or is infinite. */
  #at(trueMs: number, fire: () => void): void {
    const delayMs = trueMs - this.#o.trueStart - this.#now()
    if (delayMs >= 0 && Number.isFinite(delayMs)) this.#o.timers.after(delayMs, fire)
  }
}
