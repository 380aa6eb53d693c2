import { epochMs, masterId, monotonicMs, streams } from '../../src/model/index.js'
import type { Stream, StreamExtent, Tombstone } from '../../src/model/index.js'
import { defaultSessionSettings } from '../../src/uplink/session-state.js'
import type { Effect, Input, Session, SessionSettings } from '../../src/uplink/session-state.js'
import { createSession, step, wakeAt } from '../../src/uplink/session.js'
import { batchSchema, helloSchema } from '../../src/uplink/messages.js'
import { topicsOf } from '../../src/uplink/topics.js'

export const master = masterId('ms')

export const settings: SessionSettings = {
  ...defaultSessionSettings,
  topics: topicsOf('dcu'),
  master,
  software: 'test',
  brokerCount: 2,
}

/** Probabilities of what goes wrong, each in [0, 1]; all 0: a good day. */
export interface Faults {
  /** A published batch is confirmed by the broker and then lost. */
  readonly lostAfterPuback: number
  /** A message towards us is lost. */
  readonly lostDown: number
  /** A publish is refused with a reason code. */
  readonly refused: number
  readonly connectFails: number
}

const noFaults: Faults = { lostAfterPuback: 0, lostDown: 0, refused: 0, connectFails: 0 }

interface Held {
  lo: number
  hi: number
}

/**
 * A store, a broker and a master in virtual time around one session, so that every message can be lost at every state. Links keep
 * their order, as TCP does; a blackhole swallows both directions without telling anybody.
 */
export class UplinkWorld {
  session: Session
  now = 0
  faults = noFaults
  isMasterUp = true
  isBlack = false
  /** Largest packet the broker takes; it closes the connection on a larger one, and tells its limit only when `tellsLimit`. */
  packetMax = Infinity
  tellsLimit = true
  closeCode = 'closed'
  readonly effects: Effect[] = []
  /** What the master has: epoch, stream, number. */
  received = new Map<string, unknown>()
  duplicates = 0
  sentBytes = 0
  steps = 0
  epoch = 1
  readonly held = new Map<Stream, Held>(streams.map((stream) => [stream, { lo: 1, hi: 0 }]))
  readonly tombstones: Tombstone[] = []
  readonly #random: () => number
  readonly #settings: SessionSettings
  #queue: { at: number; fire: () => void }[] = []
  #isLinkOpen = false
  #delayMs = 300
  #timeline = 0
  readonly #madeIn = new Map<string, number>()
  /** Longest time the store takes to read. */
  readMaxMs = 1
  recordBytes = 40

  constructor(random: () => number, over: Partial<SessionSettings> = {}) {
    this.#random = random
    this.#settings = { ...settings, ...over }
    this.session = createSession(this.#settings, monotonicMs(0))
  }

  feed(input: Input): void {
    this.steps += 1
    const context = { settings: this.#settings, now: monotonicMs(this.now), random: this.#random() }
    const result = step(this.session, input, context)
    this.session = result.session
    for (const effect of result.effects) {
      this.effects.push(effect)
      this.#carryOut(effect)
    }
  }

  /** Runs until `ms` have passed, or nothing is left to happen. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const wake = wakeAt(this.session, this.#settings)
      const [next] = this.#queue
      const at = Math.min(next?.at ?? Infinity, wake === null ? Infinity : Math.max(wake, this.now))
      if (at > end) break
      this.now = at
      if (next !== undefined && next.at <= at) {
        this.#queue.shift()
        next.fire()
      } else {
        this.feed({ kind: 'wake' })
      }
    }
    this.now = end
  }

  append(stream: Stream, count: number): void {
    const held = this.#of(stream)
    for (let seq = held.hi + 1; seq <= held.hi + count; seq++) this.#madeIn.set(`${stream} ${seq}`, this.#timeline)
    held.hi += count
    this.feed({ kind: 'appended', ends: [{ stream, hi: held.hi }] })
  }

  evict(stream: Stream, upTo: number): void {
    const held = this.#of(stream)
    const last = Math.min(upTo, held.hi)
    if (last < held.lo) return
    this.tombstones.push({ stream, first: held.lo, count: last - held.lo + 1, reason: 'retention', at: epochMs(0) })
    held.lo = last + 1
  }

  /** The link breaks and both sides are told. */
  cut(code = 'closed'): void {
    if (!this.#isLinkOpen && this.session.phase.name !== 'connecting') return
    this.#isLinkOpen = false
    this.feed({ kind: 'closed', generation: this.session.generation, code })
  }

  /** The concentrator starts again. */
  restart(): void {
    this.#isLinkOpen = false
    const generation = this.session.generation + 1
    this.session = { ...createSession(this.#settings, monotonicMs(this.now)), generation }
    this.feed({ kind: 'start' })
  }

  /** The concentrator's database is one of some time ago: what it records from now on takes numbers that were given before. */
  restore(): void {
    for (const held of this.held.values()) held.hi = Math.max(held.lo - 1, Math.floor(held.hi * 0.8))
    this.#timeline += 1
  }

  /** Where the database told of its restoration, as it must when it is restored by command. */
  openEpoch(): void {
    this.epoch += 1
  }

  /** Everything the master lacks of what the store still holds, in the present epoch. */
  missing(): string[] {
    return streams.flatMap((stream) => {
      const { lo, hi } = this.#of(stream)
      const numbers = Array.from({ length: hi - lo + 1 }, (_, index) => lo + index)
      return numbers.filter((seq) => !this.#isHeld(stream, seq)).map((seq) => `${stream} ${seq}`)
    })
  }

  markOf(stream: Stream): number {
    let mark = 0
    while (this.received.has(`${this.epoch} ${stream} ${mark + 1}`)) mark += 1
    return mark
  }

  /** The master sends its marks. */
  acknowledge(): void {
    const marks = Object.fromEntries(streams.map((stream) => [stream, this.markOf(stream)]))
    const { generation } = this.session
    const { epoch } = this
    this.#down(() => this.feed({ kind: 'ack', generation, ack: { v: 1, master, epoch, marks } }))
  }

  after(ms: number, fire: () => void): void {
    this.#queue.push({ at: this.now + ms, fire })
    this.#queue.sort((a, b) => a.at - b.at)
  }

  #isHeld(stream: Stream, seq: number): boolean {
    const body = this.received.get(`${this.epoch} ${stream} ${seq}`)
    return typeof body === 'object' && body !== null && 'id' in body && body.id === this.#idOf(stream, seq)
  }

  /** What a record says: two of one number that were made at different times differ. */
  #idOf(stream: Stream, seq: number): string {
    return `${seq} of ${this.#madeIn.get(`${stream} ${seq}`) ?? 0}`
  }

  #carryOut(effect: Effect): void {
    const { generation } = this.session
    switch (effect.kind) {
      case 'connect':
        return this.#connect(generation)
      case 'close':
        this.#isLinkOpen = false
        return
      case 'subscribe':
        return this.#down(() => this.feed({ kind: 'subscribed', generation }))
      case 'publish':
        return this.#publish(effect, generation)
      case 'publish-state':
        return this.#confirm(effect.id, generation)
      case 'load':
        return this.after(1, () => this.feed({ kind: 'facts', generation, facts: this.#facts() }))
      case 'read':
        return this.#read(effect, generation)
      case 'renew':
        this.epoch += 1
        return this.after(1, () => this.feed({ kind: 'renewed', generation }))
      case 'acknowledge':
      case 'event':
      case 'note':
        return
    }
  }

  #connect(generation: number): void {
    if (this.isBlack) return
    if (this.#random() < this.faults.connectFails) {
      return this.after(this.#delayMs, () => this.feed({ kind: 'closed', generation, code: 'ECONNREFUSED' }))
    }
    this.#isLinkOpen = true
    const packetMax = this.tellsLimit ? Math.min(this.packetMax, 268_435_455) : 268_435_455
    this.#down(() => this.feed({ kind: 'opened', generation, receiveMax: 20, packetMax }))
  }

  #publish(effect: Extract<Effect, { kind: 'publish' }>, generation: number): void {
    const { id, topic, payload } = effect
    const bytes = Buffer.byteLength(payload)
    this.sentBytes += bytes
    if (!this.#isLinkOpen) return
    if (bytes + 40 > this.packetMax) {
      return this.after(this.#delayMs, () => {
        if (generation === this.session.generation) this.cut(this.closeCode)
      })
    }
    if (this.#random() < this.faults.refused) {
      return this.#down(() => this.feed({ kind: 'confirmed', generation, id, error: '151' }))
    }
    this.#confirm(id, generation)
    if (this.#random() < this.faults.lostAfterPuback || this.isBlack || !this.isMasterUp) return
    this.after(this.#delayMs, () => this.#arrive(topic, payload))
  }

  /** At the master. */
  #arrive(topic: string, payload: string): void {
    if (!this.isMasterUp) return
    if (topic === this.#settings.topics.hello) {
      helloSchema.parse(JSON.parse(payload))
      return this.acknowledge()
    }
    const batch = batchSchema.parse(JSON.parse(payload))
    for (let index = 0; index < batch.count; index++) {
      const key = `${batch.epoch} ${batch.stream} ${batch.first + index}`
      if (this.received.has(key)) this.duplicates += 1
      else this.received.set(key, batch.evicted ?? batch.records[index])
    }
    this.acknowledge()
  }

  #confirm(id: number, generation: number): void {
    this.#down(() => this.feed({ kind: 'confirmed', generation, id, error: null }))
  }

  #down(fire: () => void): void {
    if (!this.#isLinkOpen || this.isBlack || this.#random() < this.faults.lostDown) return
    const { generation } = this.session
    this.after(2 * this.#delayMs, () => {
      if (this.#isLinkOpen && !this.isBlack && generation === this.session.generation) fire()
    })
  }

  #read(effect: Extract<Effect, { kind: 'read' }>, generation: number): void {
    const { lo, hi } = this.#of(effect.stream)
    const first = Math.max(lo, effect.first)
    const fitting = Math.max(1, Math.floor(effect.maxBytes / (this.recordBytes + 10)))
    const count = Math.max(0, Math.min(hi - first + 1, effect.maxCount, fitting))
    const text = 'x'.repeat(this.recordBytes)
    const records = Array.from({ length: count }, (_, index) => ({
      seq: first + index,
      body: { id: this.#idOf(effect.stream, first + index), text },
    }))
    this.after(1 + this.#random() * this.readMaxMs, () => this.feed({ kind: 'records', generation, id: effect.id, records }))
  }

  #facts() {
    const extents: StreamExtent[] = streams.map((stream) => ({ stream, ...this.#of(stream) }))
    return { epoch: this.epoch, extents, tombstones: [...this.tombstones], counters: {}, parameters: '' }
  }

  #of(stream: Stream): Held {
    const held = this.held.get(stream)
    if (held === undefined) throw new Error(stream)
    return held
  }
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
