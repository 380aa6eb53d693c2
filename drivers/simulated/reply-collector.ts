import type { ExchangeOutcome, ExchangeRequest, Scanner } from '../../src/ports/index.js'

/** Bytes on the wire: when the last bit of the first byte arrives, and one byte each `byteMs` from there. */
export interface Arrival {
  readonly firstByteAt: number
  readonly bytes: Uint8Array
}

export interface CollectRequest {
  readonly request: ExchangeRequest
  readonly arrivals: readonly Arrival[]
  readonly sentAt: number
  readonly wireEnd: number
  readonly firstByteBy: number
  readonly deadline: number
  readonly byteMs: number
  readonly interByteMs: number
  readonly replyBytesMax: number
}

/** How an exchange ends: the outcome, when, and how much of each arrival was used up by it. */
export interface Collected {
  readonly at: number
  readonly outcome: ExchangeOutcome
  readonly noise: Uint8Array
  /** When the last byte came that belonged to it; null: none did. */
  readonly lastByteAt: number | null
  readonly usedBytes: readonly number[]
}

const none = new Uint8Array(0)

/**
 * Says how an exchange ends whose arrivals are known beforehand: byte by byte in order of arrival, with the deadlines of a
 * real half-duplex bus: one for the first byte, one for the gap behind each byte, one for the whole.
 */
export function collectReply(ask: CollectRequest): Collected {
  return cleanReply(ask) ?? new Collector(ask).run()
}

/** One undisturbed frame, which is nearly always: no need to look at single bytes. */
function cleanReply(ask: CollectRequest): Collected | null {
  const { arrivals, request, byteMs } = ask
  const [arrival] = arrivals
  if (arrival === undefined || arrivals.length > 1 || request.reply === 'none' || byteMs > ask.interByteMs) return null
  const { bytes, firstByteAt } = arrival
  const at = firstByteAt + (bytes.length - 1) * byteMs
  if (firstByteAt >= ask.firstByteBy || at >= ask.deadline || bytes.length > ask.replyBytesMax) return null
  const found = request.reply(bytes)
  if (found.kind !== 'frame' || found.length !== bytes.length) return null
  const firstByteMs = Math.max(0, firstByteAt - ask.wireEnd - byteMs)
  const outcome: ExchangeOutcome = { kind: 'reply', frame: bytes, firstByteMs, totalMs: at - ask.sentAt, noiseBytes: 0 }
  return { at, outcome, noise: none, lastByteAt: at, usedBytes: [bytes.length] }
}

/** The slow and exact way. */
class Collector {
  readonly #ask: CollectRequest
  readonly #scanner: Scanner
  readonly #used: number[]
  #noise: number[] = []
  #held: number[] = []
  #firstByteAt = 0
  #lastByteAt: number | null = null

  constructor(ask: CollectRequest) {
    this.#ask = ask
    this.#scanner = ask.request.reply === 'none' ? () => ({ kind: 'incomplete' }) : ask.request.reply
    this.#used = ask.arrivals.map(() => 0)
  }

  run(): Collected {
    for (const { at, byte, arrival } of bytesInOrder(this.#ask)) {
      const limit = this.#limit()
      if (at >= limit) return this.#end(limit)
      this.#used[arrival] = (this.#used[arrival] ?? 0) + 1
      if (this.#held.length === 0) this.#firstByteAt = at
      this.#held.push(byte)
      this.#lastByteAt = at
      const done = this.#scan(at)
      if (done !== null) return done
    }
    return this.#end(this.#limit())
  }

  /** Until when the next byte has time. */
  #limit(): number {
    const { firstByteBy, deadline, interByteMs } = this.#ask
    if (this.#held.length === 0 || this.#lastByteAt === null) return Math.min(firstByteBy, deadline)
    return Math.min(this.#lastByteAt + interByteMs, deadline)
  }

  #scan(at: number): Collected | null {
    const bytes = Uint8Array.from(this.#held)
    const { frame, skipped } = firstFrame(this.#scanner, bytes)
    if (frame !== null) {
      this.#noise.push(...this.#held.slice(0, skipped))
      return this.#reply(frame, at)
    }
    this.#noise.push(...this.#held.splice(0, skipped))
    if (this.#noise.length + this.#held.length > this.#ask.replyBytesMax) return this.#garbled(at)
    if (this.#held.length === 0 && at >= this.#ask.firstByteBy) return this.#garbled(at)
    return null
  }

  #end(at: number): Collected {
    const held = Uint8Array.from(this.#held)
    // Nothing more comes: a true frame may still stand inside a false start.
    for (let skip = 0; skip < held.length; skip++) {
      const { frame, skipped } = firstFrame(this.#scanner, held.subarray(skip))
      if (frame === null) continue
      this.#noise.push(...held.subarray(0, skip + skipped))
      return this.#reply(frame, at)
    }
    if (this.#noise.length + held.length > 0) return this.#garbled(at)
    return { at, outcome: { kind: 'silent' }, noise: none, lastByteAt: null, usedBytes: this.#used }
  }

  #reply(frame: Uint8Array, at: number): Collected {
    const { wireEnd, sentAt, byteMs } = this.#ask
    const firstByteMs = Math.max(0, this.#firstByteAt - wireEnd - byteMs)
    const outcome: ExchangeOutcome = { kind: 'reply', frame, firstByteMs, totalMs: at - sentAt, noiseBytes: this.#noise.length }
    return { at, outcome, noise: Uint8Array.from(this.#noise), lastByteAt: this.#lastByteAt, usedBytes: this.#used }
  }

  #garbled(at: number): Collected {
    const bytes = Uint8Array.from([...this.#noise, ...this.#held])
    return { at, outcome: { kind: 'garbled', bytes }, noise: bytes, lastByteAt: this.#lastByteAt, usedBytes: this.#used }
  }
}

/** Two that talk at once are heard mixed. */
function bytesInOrder(ask: CollectRequest): readonly { at: number; byte: number; arrival: number }[] {
  const all = ask.arrivals.flatMap(({ firstByteAt, bytes }, arrival) =>
    Array.from(bytes, (byte, index) => ({ at: firstByteAt + index * ask.byteMs, byte, arrival })),
  )
  return all.sort((a, b) => a.at - b.at)
}

function firstFrame(scanner: Scanner, bytes: Uint8Array): { readonly frame: Uint8Array | null; readonly skipped: number } {
  let at = 0
  while (at < bytes.length) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'incomplete') return { frame: null, skipped: at }
    if (result.kind === 'frame') return { frame: bytes.slice(at, at + result.length), skipped: at }
    at += Math.max(1, result.skip)
  }
  return { frame: null, skipped: bytes.length }
}
