import { createServer, type Server, type Socket } from 'node:net'
import type { Timers } from '../../src/ports/index.js'
import type { FarDevice } from './far-device.js'
import { rollFaults, spoiled, type BusFaults } from './fault-plan.js'
import { seededRandom, type SeededRandom } from './random.js'
import type { AreaServer, ServerStatistics } from './tcp-server.js'

export interface DeviceServerOptions {
  readonly device: FarDevice
  /** What goes wrong on the wire to the device; asked for each frame. */
  readonly faults: () => BusFaults
  readonly now: () => number
  readonly timers: Timers
  /** Wire time of one byte of what the device says; 0: it leaves as fast as the socket takes it. */
  readonly byteMs: number
  readonly seed: number
}

/** A communication module or a radio modem behind a TCP serial server, in real time, on 127.0.0.1. One client; a new one takes the place of the old. */
export class DeviceServer implements AreaServer {
  readonly #o: DeviceServerOptions
  readonly #random: SeededRandom
  readonly #server: Server
  #socket: Socket | null = null
  #port = 0
  #plugged = true
  #freeAt = 0
  #requests = 0
  #replies = 0
  #clients = 0

  constructor(options: DeviceServerOptions) {
    this.#o = options
    this.#random = seededRandom(options.seed).fork('device server')
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket))
    options.device.onSpeak((bytes) => this.#say(bytes))
  }

  get port(): number {
    return this.#port
  }
  /** Requests are pieces as they came. Both sides may talk at once, so nothing overlaps. */
  get statistics(): ServerStatistics {
    return { requests: this.#requests, replies: this.#replies, overlaps: 0, clients: this.#clients }
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
    return this.#port
  }

  /** Pulls the line: the client is thrown out, and every new one at once. */
  setPlugged(plugged: boolean): void {
    this.#plugged = plugged
    if (!plugged) this.#socket?.destroy()
  }

  async close(): Promise<void> {
    this.#o.device.powerOff()
    this.#socket?.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #serve(socket: Socket): void {
    this.#clients++
    if (!this.#plugged) return void socket.destroy()
    this.#socket?.destroy()
    this.#socket = socket
    this.#o.device.powerOn()
    socket.on('data', (bytes) => {
      this.#requests++
      if (!rollFaults(this.#o.faults(), this.#random).requestLost) this.#o.device.hear(Uint8Array.from(bytes))
    })
    // A lost client is no fault of the device: the next one may come.
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      if (this.#socket === socket) this.#socket = null
    })
  }

  #say(said: Uint8Array): void {
    const happens = rollFaults(this.#o.faults(), this.#random)
    if (happens.replyLost) return
    const bytes = Uint8Array.of(...happens.noise, ...spoiled(said, happens))
    this.#send(bytes, happens.delayMs)
    if (happens.duplicate) this.#send(bytes, happens.delayMs)
  }

  /** Whole, when its last byte would have arrived. */
  #send(bytes: Uint8Array, delayMs: number): void {
    const { now, byteMs, timers } = this.#o
    const from = Math.max(now() + delayMs, this.#freeAt)
    this.#freeAt = from + bytes.length * byteMs
    timers.after(this.#freeAt - now(), () => {
      const socket = this.#socket
      if (socket === null || socket.destroyed) return
      socket.write(bytes)
      this.#replies++
    })
  }
}
