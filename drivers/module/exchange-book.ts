import { monotonicMs, type MeterAddress, type MonotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, Hindrance } from '../../src/ports/index.js'
import { carriedReply } from './carried-reply.js'
import { earliest } from './effects.js'
import type { NodeRecord } from './node-book.js'
import type { Workplace } from './workplace.js'

/** Reads that travel with another one. */
export type Along = NonNullable<ExchangeRequest['along']>

/** One exchange of the caller's, from its arrival until it is settled. */
export interface Exchange {
  readonly id: number
  readonly request: ExchangeRequest
  deadline: MonotonicMs
  /** Null: for all. */
  readonly node: NodeRecord | null
  /** It may change something at the meter, so it goes out once. */
  readonly isWrite: boolean
  isSettled: boolean
  /** It may have reached the meter. */
  hasLeft: boolean
  wasAsked: boolean
  notBefore: MonotonicMs
  /** Why it has not left yet: what its outcome says if it never does. */
  reason: string
  /** The module said that it does not know the meter: first the archive is brought in line. */
  awaitsArchive: boolean
  archiveTries: number
  faultTries: number
  /** Neither an answer nor a refusal came. */
  silentTries: number
  /** Ends of rounds of module-led reading that it has waited through. */
  roundsWaited: number
  /** What was to travel along does not any more. */
  isAlone: boolean
}

/** What came back for several requests: how many bytes in all, and of each request its frame. */
interface Together {
  readonly frames: readonly (Uint8Array | null)[]
  readonly bytes: number
}

/** When a request left, and its last byte. */
interface Times {
  readonly sentAt: MonotonicMs
  readonly wireEnd: MonotonicMs
}

/** All exchanges that are not settled, in the order in which they are taken: urgent ones first. */
export class ExchangeBook {
  readonly #place: Workplace
  #waiting: Exchange[] = []
  readonly #left = new Set<Exchange>()
  #endedAt = monotonicMs(0)

  constructor(place: Workplace) {
    this.#place = place
  }

  get waiting(): readonly Exchange[] {
    return this.#waiting
  }

  /** When something should be done that is due at `at` and can wait while meters are read, but not for ever. */
  whenIdle(at: MonotonicMs): MonotonicMs {
    const { surveyWaitMs, idleMs } = this.#place.settings
    const isInUse = this.#waiting.length + this.#left.size > 0
    return monotonicMs(isInUse ? at + surveyWaitMs : Math.min(at + surveyWaitMs, Math.max(at, this.#endedAt + idleMs)))
  }

  get hasUrgent(): boolean {
    return this.#waiting.some(({ request }) => request.isUrgent === true)
  }

  get due(): MonotonicMs | null {
    const now = this.#place.now
    const next = (exchange: Exchange): MonotonicMs =>
      exchange.notBefore > now && exchange.notBefore < exchange.deadline ? exchange.notBefore : exchange.deadline
    return earliest(...this.#waiting.map(next), ...Array.from(this.#left, ({ deadline }) => deadline))
  }

  add(fixed: Pick<Exchange, 'id' | 'request' | 'deadline' | 'node'>): Exchange {
    const { request } = fixed
    const exchange: Exchange = {
      ...fixed,
      isWrite: request.isWrite === true || request.traced !== undefined || request.reply === 'none',
      isSettled: false,
      hasLeft: false,
      wasAsked: false,
      notBefore: monotonicMs(0),
      reason: 'module-held',
      awaitsArchive: false,
      archiveTries: 0,
      faultTries: 0,
      silentTries: 0,
      roundsWaited: 0,
      isAlone: false,
    }
    this.#insert(exchange)
    return exchange
  }

  /** It leaves now. */
  leave(exchange: Exchange): void {
    this.#waiting = this.#waiting.filter((other) => other !== exchange)
    this.#left.add(exchange)
    exchange.hasLeft = true
    if (!exchange.wasAsked && exchange.node !== null) this.#place.nodes.noteAsked(exchange.node)
    exchange.wasAsked = true
  }

  /** The module did not carry it out: it waits again. */
  putBack(exchange: Exchange, reason: string, delayMs: number): void {
    if (exchange.isSettled) return
    this.#left.delete(exchange)
    exchange.hasLeft = false
    exchange.reason = reason
    exchange.notBefore = monotonicMs(this.#place.now + delayMs)
    this.#insert(exchange)
  }

  /** The archive was looked through: who waited for it is tried once more. */
  archiveAligned(): void {
    for (const exchange of this.#waiting) {
      if (exchange.awaitsArchive) exchange.archiveTries++
      exchange.awaitsArchive = false
    }
  }

  settle(exchange: Exchange, outcome: ExchangeOutcome): void {
    if (exchange.isSettled) return
    exchange.isSettled = true
    this.#left.delete(exchange)
    this.#waiting = this.#waiting.filter((other) => other !== exchange)
    const { nodes, now } = this.#place
    this.#endedAt = now
    if (exchange.node !== null && outcome.kind === 'reply') nodes.noteReply(exchange.node, outcome.totalMs, now)
    if (exchange.node !== null && (outcome.kind === 'silent' || outcome.kind === 'garbled')) nodes.noteSilence(exchange.node)
    this.#place.emit({ kind: 'settle', id: exchange.id, outcome })
  }

  /** Settles with what a module carried back. */
  settleCarried(exchange: Exchange, bytes: Uint8Array, times: Times): void {
    const { reply } = exchange.request
    if (reply === 'none') return this.settle(exchange, { kind: 'sent' })
    if (bytes.length === 0) return this.settle(exchange, { kind: 'silent' })
    const found = carriedReply(reply, bytes)
    if (found === null) return this.settle(exchange, { kind: 'garbled', bytes })
    this.settle(exchange, { kind: 'reply', ...found, ...this.#took(times) })
  }

  /** Settles with the frames, its own first, that a module carried back for it and for what travelled along. */
  settleTogether(exchange: Exchange, { frames, bytes }: Together, times: Times): void {
    const [frame = null, ...along] = frames
    if (frame === null) return this.settleSilent(exchange)
    const noiseBytes = frames.reduce((left, each) => left - (each?.length ?? 0), bytes)
    this.settle(exchange, { kind: 'reply', frame, along, noiseBytes, ...this.#took(times) })
  }

  #took({ sentAt, wireEnd }: Times): { readonly firstByteMs: number; readonly totalMs: number } {
    const { now } = this.#place
    const totalMs = now - sentAt
    return { firstByteMs: Math.min(totalMs, Math.max(0, now - wireEnd)), totalMs }
  }

  /** The meter did not answer. */
  settleSilent(exchange: Exchange): void {
    this.settle(exchange, exchange.request.reply === 'none' ? { kind: 'sent' } : { kind: 'silent' })
  }

  /** It did not reach the meter, or nobody knows. */
  settleDown(exchange: Exchange, code: string): void {
    const hindrance = exchange.request.to === 'all' ? undefined : hindrances.get(code)
    this.settle(exchange, { kind: 'bus-down', code, sent: exchange.hasLeft, ...(hindrance !== undefined && { hindrance }) })
  }

  elapse(): void {
    const isOver = ({ deadline }: Exchange): boolean => deadline <= this.#place.now
    for (const exchange of [...this.#left].filter(isOver)) this.settleSilent(exchange)
    for (const exchange of this.#waiting.filter(isOver)) this.settleDown(exchange, exchange.reason)
  }

  /** The link refused its frame: it did not leave. */
  writeFailed(id: number, code: string): void {
    const exchange = [...this.#left].find((other) => other.id === id)
    if (exchange === undefined) return
    exchange.hasLeft = false
    this.settleDown(exchange, code)
  }

  /** Hands back what waits for a meter. */
  recall(meter: MeterAddress): void {
    for (const exchange of this.#waiting.filter(({ request }) => request.to === meter)) this.settleDown(exchange, 'recalled')
  }

  /** What waits, and is not urgent, waits no longer than this. */
  shortenWaiting(ms: number, reason: string): void {
    for (const exchange of this.#waiting.filter(({ request }) => request.isUrgent !== true)) {
      exchange.deadline = monotonicMs(Math.min(exchange.deadline, this.#place.now + ms))
      exchange.reason = reason
    }
  }

  /** An exchange under way carries credentials: what comes in may repeat them. */
  get hasSecrets(): boolean {
    return [...this.#left].some(({ request }) => request.traced !== undefined)
  }

  /** The module or the link is gone. */
  failAll(code: string): void {
    for (const exchange of [...this.#left, ...this.#waiting]) this.settleDown(exchange, code)
  }

  #insert(exchange: Exchange): void {
    const isUrgent = exchange.request.isUrgent === true
    const at = isUrgent ? this.#waiting.findIndex(({ request }) => request.isUrgent !== true) : -1
    if (at < 0) this.#waiting.push(exchange)
    else this.#waiting.splice(at, 0, exchange)
  }
}

/** What concerns one meter while the module is there and carries others. */
const hindrances: ReadonlyMap<string, Hindrance> = new Map([
  ['not-in-archive', 'not-carried'],
  ['module-refused', 'not-carried'],
  ['too-many-frames', 'not-carried'],
  ['too-long', 'not-carried'],
  ['not-in-network', 'not-joined'],
  ['networking', 'not-joined'],
  ['meter-busy', 'later'],
  ['module-busy', 'later'],
  ['module-held', 'later'],
  ['module-searching', 'later'],
  ['module-window', 'later'],
])
