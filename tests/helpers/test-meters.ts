import type { Timers } from '../../src/ports/index.js'
import type { FakeLink } from './fake-link.js'
import { replyOf } from './test-protocol.js'

/** Meters of the test protocol behind a fake link: register n of meter m holds m + n. */
export class TestMeters {
  readonly asked: { readonly meter: number; readonly register: number }[] = []
  readonly silent = new Set<number>()
  readonly garbled = new Set<number>()
  readonly #link: FakeLink
  readonly #timers: Timers
  readonly #turnMs: number

  constructor(link: FakeLink, timers: Timers, turnMs: number) {
    this.#link = link
    this.#timers = timers
    this.#turnMs = turnMs
    link.onRequest = (bytes) => this.#hear(bytes)
  }

  #hear(bytes: Uint8Array): void {
    const [, meter = 0, register = 0] = bytes
    this.asked.push({ meter, register })
    if (this.silent.has(meter)) return
    const reply = replyOf(meter, register, (meter + register) % 256)
    const said = this.garbled.has(meter) ? reply.subarray(0, 4) : reply
    this.#timers.after((bytes.length + said.length) * this.#link.byteMs + this.#turnMs, () => this.#link.say(said))
  }
}
