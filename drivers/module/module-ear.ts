import type { MonotonicMs } from '../../src/model/index.js'
import {
  decodeFrame,
  parseMessage,
  type DecodedFrame,
  type Message,
  type RunMode,
  type UpMessage,
} from '../../src/protocols/gdw1376/index.js'
import type { Conductor } from './conductor.js'
import type { Desk } from './desk.js'
import type { ExchangeBook } from './exchange-book.js'
import type { Forwarder } from './forwarder.js'
import type { Heard } from './frame-stream.js'
import type { ModuleVoice } from './module-voice.js'
import type { Workplace } from './workplace.js'

export interface EarParts {
  readonly place: Workplace
  readonly book: ExchangeBook
  readonly desk: Desk
  readonly conductor: Conductor
  readonly forwarder: Forwarder
  readonly voice: ModuleVoice
  /** The module has started by itself. */
  readonly onStart: (mode: RunMode) => void
}

/** A run mode that bears the number of our own question, and no sign that the module began the exchange, may be its second answer. */
const lateMs = 60_000
/** Error code we give to a report that is broken. @source facts §3, 00H */
const formatError = 5

/** Hands each frame of the module to whom it belongs: by AFN, Fn and sequence, never by PRM. @source facts §2.1 */
export class ModuleEar {
  readonly #parts: EarParts
  #runMode: { readonly sequence: number; readonly at: MonotonicMs } | null = null

  constructor(parts: EarParts) {
    this.#parts = parts
  }

  hear({ kind, bytes }: Heard): void {
    const { place } = this.#parts
    const decoded = kind === 'frame' ? decodeFrame(bytes) : null
    if (decoded === null || !decoded.ok) return this.trace('noise', bytes, decoded === null ? '' : decoded.error.code)
    const frame = decoded.value
    const isEcho = frame.direction === 'down' && !(frame.afn === 0 && frame.initiates)
    if (isEcho) return this.trace('echo', bytes, 'our own, or another concentrator')
    place.wire.heardAt = place.now
    if (frame.direction === 'up') place.wire.mode = frame.mode
    const parsed = parseMessage(frame)
    if (parsed.ok) this.#hearMessage(parsed.value, bytes)
    else this.#hearBroken(frame, bytes, parsed.error.code)
  }

  trace(direction: 'in' | 'noise' | 'echo' | 'state', bytes: Uint8Array, note: string): void {
    const { place, book } = this.#parts
    // An echo, or what is left of one, repeats what may not be shown.
    const isHidden = bytes.length > 0 && direction !== 'in' && book.hasSecrets
    const shown = isHidden
      ? { bytes: none, note: `${bytes.length} bytes, not shown beside credentials ${note}`.trimEnd() }
      : { bytes, note }
    place.emit({ kind: 'trace', direction, ...shown })
  }

  #hearMessage(message: Message, bytes: Uint8Array): void {
    const { place, desk, conductor, forwarder, voice, onStart } = this.#parts
    const { now, wire } = place
    const trace = (direction: 'in' | 'noise', note = ''): void =>
      this.trace(direction, bytes, `${message.unit.name} ${message.info.sequence} ${note}`.trimEnd())
    const result = desk.hear(message, now)
    if (result !== null) {
      trace('in')
      if (message.unit.name === 'run-mode') this.#runMode = { sequence: message.info.sequence, at: now }
      if (result !== 'taken') conductor.answer(result, now)
      return
    }
    if (forwarder.hear(message)) return trace('in')
    if (message.direction === 'down') return trace('noise', 'unasked')
    if (message.unit.name === 'run-mode' && this.#tellsStart(message)) {
      trace('in')
      wire.answer(message, { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 }, now)
      return onStart(message.unit)
    }
    // Before the voice acts on it, so that the trace is in order.
    if (voice.isFor(message)) {
      trace('in')
      return voice.hear(message)
    }
    trace('noise', wire.sequences.isResting(message.info.sequence) ? 'late or twice' : 'unasked')
  }

  /** Its data do not hold what they claim: a read ends with it, a report is refused so that the module knows. */
  #hearBroken(frame: DecodedFrame, bytes: Uint8Array, code: string): void {
    const { place, forwarder, voice } = this.#parts
    this.trace('noise', bytes, code)
    if (forwarder.hearBroken(frame) || frame.direction === 'down') return
    if (voice.isFor(frame)) place.wire.answer(frame, { name: 'deny', errorCode: formatError }, place.now)
  }

  /** A run mode that was not asked for: the module has started. */
  #tellsStart({ info, initiates }: UpMessage): boolean {
    const { now } = this.#parts.place
    const isAnswered = this.#runMode?.sequence === info.sequence && now < this.#runMode.at + lateMs
    return initiates || !isAnswered
  }
}

const none = new Uint8Array(0)
