import type { Clock, Link, Timers } from '../../src/ports/index.js'
import type { FarDevice, FarLines } from './far-device.js'
import { babble, isWithin, rollFaults, spoiled, type BusFaults } from './fault-plan.js'
import type { SeededRandom } from './random.js'

export interface DeviceLinkOptions {
  readonly device: FarDevice
  /** What goes wrong on the wire between the two; asked for each frame. */
  readonly faults: () => BusFaults
  readonly random: SeededRandom
  readonly clock: Clock
  readonly timers: Timers
  /** True time at monotonic 0, ms. */
  readonly trueStart: number
  /** Received bytes are handed up in pieces of at most this many; default: as the device says them. */
  readonly chunkBytes?: number
}

/** A serial line to a far device in virtual time. Both sides may talk at once; what a side says follows on what it said before. */
export class DeviceLink implements Link {
  readonly byteMs: number
  readonly #o: DeviceLinkOptions
  #open = false
  #started = false
  #closed = false
  #onBytes: (bytes: Uint8Array) => void = () => undefined
  #onState: (open: boolean, code: string) => void = () => undefined
  /** Changes whenever the line is pulled: bytes in flight are gone. */
  #plugged = 0
  #outFreeAt = 0
  #inFreeAt = 0

  constructor(options: DeviceLinkOptions) {
    this.#o = options
    this.byteMs = options.device.byteMs
    options.device.onSpeak((bytes) => this.#fromDevice(bytes))
    for (const span of options.faults().unpluggedSpans) {
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
    if (!isWithin(this.#o.faults().unpluggedSpans, this.#trueNow())) this.plug()
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
    this.#o.device.powerOn()
    this.#onState(true, 'open')
  }

  write(bytes: Uint8Array): { readonly ok: true } | { readonly ok: false; readonly code: string } {
    if (!this.#open) return { ok: false, code: 'not-open' }
    const faults = this.#o.faults()
    const happens = rollFaults(faults, this.#o.random)
    const now = this.#o.clock.monotonic()
    this.#outFreeAt = Math.max(now, this.#outFreeAt) + bytes.length * this.byteMs
    const request = bytes.slice()
    if (faults.echo) this.#deliver(request, 0)
    if (happens.requestLost) return { ok: true }
    this.#later(this.#outFreeAt - now, () => this.#o.device.hear(request))
    return { ok: true }
  }

  setLines(lines: FarLines): Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }> {
    if (!this.#open) return Promise.resolve({ ok: false, code: 'not-open' })
    if (this.#o.device.setLines === undefined) return Promise.resolve({ ok: false, code: 'no-lines' })
    this.#o.device.setLines(lines)
    return Promise.resolve({ ok: true })
  }

  /** What the device says, spoiled as the plan has it. */
  #fromDevice(said: Uint8Array): void {
    if (!this.#open) return
    const faults = this.#o.faults()
    const happens = rollFaults(faults, this.#o.random)
    if (happens.noise.length > 0) this.#deliver(happens.noise, 0)
    if (isWithin(faults.babblingSpans, this.#trueNow())) this.#deliver(babble(this.#o.random), 0)
    if (happens.replyLost) return
    const bytes = spoiled(said, happens)
    this.#deliver(bytes, happens.delayMs)
    if (happens.duplicate) this.#deliver(bytes.slice(), happens.delayMs)
  }

  #deliver(bytes: Uint8Array, delayMs: number): void {
    const now = this.#o.clock.monotonic()
    const from = Math.max(now + delayMs, this.#inFreeAt)
    this.#inFreeAt = from + bytes.length * this.byteMs
    const step = this.#o.chunkBytes ?? bytes.length
    for (let at = 0; at < bytes.length; at += step) {
      const chunk = bytes.slice(at, at + step)
      this.#later(from - now + (at + chunk.length) * this.byteMs, () => this.#onBytes(chunk))
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
