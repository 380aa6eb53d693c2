import type { Clock, Link } from '../../src/ports/index.js'

/** A link in memory: keeps what is written with its instant, says what it is told to, and can be unplugged. */
export class FakeLink implements Link {
  readonly byteMs: number
  readonly written: { readonly at: number; readonly bytes: Uint8Array }[] = []
  /** Called with each request, to answer it. */
  onRequest: (bytes: Uint8Array) => void = () => {}
  refuses: string | null = null
  readonly #clock: Clock
  #open = true
  #onBytes: (bytes: Uint8Array) => void = () => {}
  #onState: (open: boolean, code: string) => void = () => {}

  constructor(clock: Clock, byteMs: number) {
    this.#clock = clock
    this.byteMs = byteMs
  }

  readonly isOpen = (): boolean => this.#open

  write(bytes: Uint8Array): ReturnType<Link['write']> {
    if (!this.#open) return { ok: false, code: 'not-open' }
    if (this.refuses !== null) {
      const code = this.refuses
      this.unplug(code)
      return { ok: false, code }
    }
    this.written.push({ at: this.#clock.monotonic(), bytes })
    this.onRequest(bytes)
    return { ok: true }
  }

  onBytes(handler: (bytes: Uint8Array) => void): void {
    this.#onBytes = handler
  }

  onState(handler: (open: boolean, code: string) => void): void {
    this.#onState = handler
  }

  start(): void {}

  close(): Promise<void> {
    this.unplug('closed')
    return Promise.resolve()
  }

  say(bytes: Uint8Array | readonly number[]): void {
    this.#onBytes(Uint8Array.from(bytes))
  }

  unplug(code: string): void {
    if (!this.#open) return
    this.#open = false
    this.#onState(false, code)
  }

  plug(): void {
    this.refuses = null
    this.#open = true
    this.#onState(true, 'open')
  }
}
