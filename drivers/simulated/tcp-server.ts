import { createServer, type Server, type Socket } from 'node:net'
import type { Timers } from '../../src/ports/index.js'
import { seededRandom, type SeededRandom } from './random.js'
import { requestSplitter } from './request-splitter.js'
import type { SimulatedWire } from './wire.js'

export interface SimulatedServerOptions {
  readonly wire: SimulatedWire
  /** True time, ms. */
  readonly now: () => number
  readonly timers: Timers
  /** Wire time of one byte; 0: replies leave as fast as the socket takes them. */
  readonly byteMs: number
  /** Meters take their time before they answer; not, where a wire behind the server does that for them. */
  readonly keepsDelays: boolean
  /** Replies leave in random pieces of at most this many bytes; default: whole. */
  readonly chunkBytesMax?: number
  readonly seed: number
}

/** What went over a server since its start. */
export interface ServerStatistics {
  readonly requests: number
  readonly replies: number
  /** Requests that came while a reply was still leaving: two talked at once. */
  readonly overlaps: number
  readonly clients: number
}

/** One link of an area behind a TCP port. */
export interface AreaServer {
  readonly port: number
  readonly statistics: ServerStatistics
  listen(port: number): Promise<number>
  setPlugged(plugged: boolean): void
  close(): Promise<void>
}

/** Bytes without a whole frame after which the line counts as silent and starts afresh. */
const silenceMs = 200

/**
 * One bus behind a TCP serial server, in real time, on 127.0.0.1. It serves one client; a new one takes the place of the old.
 */
export class SimulatedServer implements AreaServer {
  readonly #o: SimulatedServerOptions
  readonly #random: SeededRandom
  readonly #server: Server
  #socket: Socket | null = null
  #port = 0
  #plugged = true
  #leavingUntil = 0
  #leaving = 0
  #requests = 0
  #replies = 0
  #overlaps = 0
  #clients = 0
  #stopped = false

  constructor(options: SimulatedServerOptions) {
    this.#o = options
    this.#random = seededRandom(options.seed).fork('server')
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
  }

  get port(): number {
    return this.#port
  }
  get statistics(): ServerStatistics {
    return { requests: this.#requests, replies: this.#replies, overlaps: this.#overlaps, clients: this.#clients }
  }

  /** @param port 0: any free one. @returns the port it listens on; rejects when the port is taken */
  async listen(port: number): Promise<number> {
    this.#port = await new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.removeListener('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
    this.#followPlan()
    this.#armHeartbeat()
    return this.#port
  }

  /** Pulls the line: the client is thrown out, and every new one at once. */
  setPlugged(plugged: boolean): void {
    this.#plugged = plugged
    if (!plugged) this.#socket?.destroy()
  }

  async close(): Promise<void> {
    this.#stopped = true
    this.#socket?.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#clients++
    if (!this.#plugged) return void socket.destroy()
    this.#socket?.destroy()
    this.#socket = socket
    const splitter = requestSplitter(
      () => this.#o.wire.languages,
      (frame) => this.#hear(frame),
    )
    let heardAt = 0
    socket.on('data', (bytes) => {
      const now = this.#o.now()
      if (now - heardAt > silenceMs) splitter.silence()
      heardAt = now
      if (this.#o.wire.faults.echo) this.#send(bytes, 0)
      splitter.push(bytes)
    })
    // A lost client is no fault of the meters: the next one may come.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null
    })
  }

  #hear(frame: Uint8Array): void {
    this.#requests++
    if (this.#leaving > 0 || this.#o.now() < this.#leavingUntil) this.#overlaps++
    const back = this.#o.wire.hear(frame, this.#o.now())
    const requestMs = frame.length * this.#o.byteMs
    for (const { delayMs, bytes } of back) this.#send(bytes, requestMs + (this.#o.keepsDelays ? delayMs : 0))
  }

  #send(bytes: Uint8Array, delayMs: number): void {
    const socket = this.#socket
    const { byteMs, timers } = this.#o
    const chunkMax = this.#o.chunkBytesMax ?? bytes.length
    this.#leaving++
    this.#leavingUntil = this.#o.now() + delayMs + bytes.length * byteMs
    let at = 0
    const next = (): void => {
      const chunk = bytes.subarray(at, at + (chunkMax < bytes.length ? 1 + this.#random.below(chunkMax) : chunkMax))
      if (socket !== null && !socket.destroyed) socket.write(chunk)
      at += chunk.length
      if (at < bytes.length) return void timers.after(chunk.length * byteMs, next)
      this.#leaving--
      this.#replies++
    }
    if (delayMs > 0) timers.after(delayMs, next)
    else next()
  }

  #followPlan(): void {
    for (const { fromMs, toMs } of this.#o.wire.faults.unpluggedSpans) {
      this.#at(fromMs, () => this.setPlugged(false))
      this.#at(toMs, () => this.setPlugged(true))
    }
  }

  #armHeartbeat(): void {
    const next = this.#o.wire.nextHeartbeat(this.#o.now())
    if (next === null) return
    this.#at(next.atMs, () => {
      if (this.#stopped) return
      if (this.#socket !== null && this.#plugged) this.#send(next.bytes, 0)
      this.#armHeartbeat()
    })
  }

  #at(trueMs: number, fire: () => void): void {
    const delayMs = trueMs - this.#o.now()
    if (Number.isFinite(delayMs)) this.#o.timers.after(Math.max(0, delayMs), fire)
  }
}
