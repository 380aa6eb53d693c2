import type { Link, Timers } from '../ports/index.js'
import {
  codeOf,
  decodeFrame,
  denialOf,
  encodeDown,
  frameSplitter,
  matchAnswer,
  parseMessage,
  type Addresses,
  type Denial,
  type DecodedFrame,
  type DownUnit,
  type FrameSplitter,
  type UpUnit,
} from '../protocols/gdw1376/index.js'

export interface ModuleLineOptions {
  readonly link: Link
  readonly timers: Timers
  /** Communication modes that are tried, one after the other, until the module has spoken. @source facts on Q/GDW 1376.2, §2.1 */
  readonly modes: readonly number[]
  /** Number of the first request, 0 to 255: another one than the last user of the link began with. */
  readonly firstSequence: number
}

/** A question to the module. */
export interface Asking {
  readonly addresses?: Addresses | null
  /** From the end of a request to its answer. */
  readonly waitMs: number
  /** How often it is repeated after silence or noise; as long as the module has said nothing at all, until each mode was tried. */
  readonly repeats: number
}

/** What came of a question. */
export type ModuleReply =
  | { readonly kind: 'answer'; readonly unit: UpUnit }
  | { readonly kind: 'denied'; readonly denial: Denial }
  | { readonly kind: 'silent' }
  /** Bytes that never were a frame, or an answer whose data do not hold what they claim. */
  | { readonly kind: 'garbled'; readonly message: string }
  | { readonly kind: 'bus-down' }

/**
 * The line to a local module, for one question at a time. What the module reports or asks by itself meanwhile is passed over and not
 * confirmed: that is for whoever works with it.
 */
export class ModuleLine {
  readonly #o: ModuleLineOptions
  readonly #splitter: FrameSplitter
  #sequence: number
  #mode: number | null = null
  #noiseBytes = 0
  #heard: (frame: Uint8Array) => void = () => undefined
  #lost: () => void = () => undefined
  #watch: (open: boolean, code: string) => void = () => undefined

  /** Opens the link. */
  constructor(options: ModuleLineOptions) {
    this.#o = options
    this.#sequence = options.firstSequence
    this.#splitter = frameSplitter((frame) => this.#take(frame))
    options.link.onBytes((bytes) => {
      this.#noiseBytes += bytes.length
      this.#splitter.push(bytes)
    })
    options.link.onState((open, code) => {
      if (!open) this.#lost()
      this.#watch(open, code)
    })
    options.link.start()
  }

  /** Whether any frame of the module has come. */
  get hasSpoken(): boolean {
    return this.#mode !== null
  }

  readonly isUp = (): boolean => this.#o.link.isOpen()

  /** Tells each change of the link to the last handler given. */
  onState(handler: (open: boolean, code: string) => void): void {
    this.#watch = handler
  }

  close(): Promise<void> {
    return this.#o.link.close()
  }

  /** Never rejects for what a wire does. @throws RangeError for a unit that no frame can carry */
  async ask(unit: DownUnit, { addresses = null, waitMs, repeats }: Asking): Promise<ModuleReply> {
    const sequence = this.#sequence
    this.#sequence = (sequence + 1) % 256
    const { modes } = this.#o
    let last: ModuleReply = { kind: 'silent' }
    // A request in a mode that was only guessed does not count once the module has spoken.
    for (let guesses = 0, tries = 0; tries <= repeats && guesses < Math.max(modes.length, repeats + 1);) {
      const known = this.#mode
      const bytes = encodeDown(unit, { mode: known ?? modes[guesses % modes.length] ?? 0, sequence, addresses })
      const reply = await this.#once({ unit, sequence, addresses }, bytes, waitMs)
      if (reply.kind !== 'silent' && reply.kind !== 'garbled') return reply
      if (last.kind === 'silent') last = reply
      if (known !== null) tries++
      else if (this.#mode === null) guesses++
    }
    return last
  }

  #once(sent: Parameters<typeof matchAnswer>[0], bytes: Uint8Array, waitMs: number): Promise<ModuleReply> {
    const { link, timers } = this.#o
    this.#splitter.silence()
    this.#noiseBytes = 0
    if (!link.write(bytes).ok) return Promise.resolve({ kind: 'bus-down' })
    return new Promise((resolve) => {
      const settle = (reply: ModuleReply): void => {
        cancel()
        this.#heard = () => undefined
        this.#lost = () => undefined
        resolve(reply)
      }
      const cancel = timers.after(bytes.length * link.byteMs + waitMs, () => settle(this.#nothing()))
      this.#lost = () => settle({ kind: 'bus-down' })
      this.#heard = (frame) => {
        const reply = replyIn(sent, frame)
        if (reply !== null) settle(reply)
      }
    })
  }

  #nothing(): ModuleReply {
    if (this.#noiseBytes === 0) return { kind: 'silent' }
    return { kind: 'garbled', message: `${this.#noiseBytes} bytes came that are no frame of a module` }
  }

  /** The module's own frames show its mode. */
  #take(frame: Uint8Array): void {
    this.#noiseBytes -= frame.length
    const decoded = decodeFrame(frame)
    if (decoded.ok && decoded.value.direction === 'up') this.#mode = decoded.value.mode
    this.#heard(frame)
  }
}

/** What a whole frame is to a question; null: nothing, or that the module took it and the answer comes later. */
function replyIn(sent: Parameters<typeof matchAnswer>[0], frame: Uint8Array): ModuleReply | null {
  const decoded = decodeFrame(frame)
  if (!decoded.ok) return null
  const message = parseMessage(decoded.value)
  if (!message.ok) {
    return isAnswered(sent, decoded.value) ? { kind: 'garbled', message: `${message.error.at}: ${message.error.message}` } : null
  }
  const match = matchAnswer(sent, message.value)
  const { unit, direction } = message.value
  if (match === 'deny' && unit.name === 'deny') return { kind: 'denied', denial: denialOf(unit.errorCode) }
  return match === 'answer' && direction === 'up' ? { kind: 'answer', unit: message.value.unit } : null
}

function isAnswered(sent: Parameters<typeof matchAnswer>[0], { direction, afn, fn, info }: DecodedFrame): boolean {
  const code = codeOf(sent.unit)
  return direction === 'up' && info.sequence === sent.sequence && afn === code.afn && fn === code.fn
}
