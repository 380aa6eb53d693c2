import type { Clock, Link, Timers } from '../../src/ports/index.js'
import type { SimulatedWire } from './wire.js'

export interface SimulatedLinkOptions {
  readonly wire: SimulatedWire
  readonly clock: Clock
  readonly timers: Timers
  /** True time at monotonic 0, ms. */
  readonly trueStart: number
  readonly byteMs: number
  /** Received bytes are handed up in pieces of at most this many, as a port's buffer does. */
  readonly chunkBytes: number
}

const maxChunkBytes = 4096

/** A channel to simulated meters in virtual time, byte by byte: for the real bus driver. */
export class SimulatedLink implements Link {
  readonly byteMs: number
  readonly #o: SimulatedLinkOptions
  #open = false
  #started = false
  #closed = false
  #onBytes: (bytes: Uint8Array) => void = () => undefined
  #onState: (open: boolean, code: string) => void = () => undefined
  /** Changes whenever the line is pulled: bytes in flight are gone. */
  #plugged = 0

  constructor(options: SimulatedLinkOptions) {
    if (options.chunkBytes < 1 || options.chunkBytes > maxChunkBytes)
      throw new RangeError(`chunks have 1 to ${maxChunkBytes} bytes`)
    this.#o = options
    this.byteMs = options.byteMs
    for (const span of options.wire.faults.unpluggedSpans) {
      this.#at(span.fromMs, () => this.unplug('port-lost'))
      this.#at(span.toMs, () => this.plug())
    }
  }

  readonly isOpen = (): boolean => this.#open

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#onBytes = handler
  }

  onState(handler: (open: boolean, code: string) => void): void {
    this.#onState = handler
  }

  start(): void {
    this.#started = true
    if (!this.#o.wire.isUnplugged(this.#trueNow())) this.plug()
  }

  close(): Promise<void> {
    this.unplug('closed')
    this.#closed = true
    return Promise.resolve()
  }

  unplug(code: string): void {
    if (!this.#open) return
    this.#open = false
    this.#plugged++
    this.#onState(false, code)
  }

  plug(): void {
    if (this.#open || this.#closed || !this.#started) return
    this.#open = true
    this.#onState(true, 'open')
  }

  write(bytes: Uint8Array): { readonly ok: true } | { readonly ok: false; readonly code: string } {
    if (!this.#open) return { ok: false, code: 'not-open' }
    const wireMs = bytes.length * this.byteMs
    const request = bytes.slice()
    if (this.#o.wire.faults.echo) this.#deliver(request, 0)
    this.#later(wireMs, () => {
      for (const { delayMs, bytes: back } of this.#o.wire.hear(request, this.#trueNow())) this.#deliver(back, delayMs)
    })
    return { ok: true }
  }

  /** Bytes whose first bit comes in `delayMs`, in pieces; each piece when its last byte is there. */
  #deliver(bytes: Uint8Array, delayMs: number): void {
    for (let at = 0; at < bytes.length; at += this.#o.chunkBytes) {
      const chunk = bytes.slice(at, at + this.#o.chunkBytes)
      this.#later(delayMs + (at + chunk.length) * this.byteMs, () => this.#onBytes(chunk))
    }
  }

  #later(delayMs: number, fire: () => void): void {
    const plugged = this.#plugged
    this.#o.timers.after(delayMs, () => {
      if (plugged === this.#plugged && this.#open) fire()
    })
  }

  #at(trueMs: number, fire: () => void): void {
    const delayMs = trueMs - this.#trueNow()
    if (delayMs >= 0 && Number.isFinite(delayMs)) this.#o.timers.after(delayMs, fire)
  }

  #trueNow(): number {
    return this.#o.trueStart + Math.floor(this.#o.clock.monotonic())
  }
}
