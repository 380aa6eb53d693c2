import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import {
  encodeAnswer,
  encodeDown,
  type Addresses,
  type DownEnvelope,
  type DownUnit,
  type Sent,
  type UpFrame,
} from '../../src/protocols/gdw1376/index.js'
import type { Emit } from './effects.js'
import { Sequences } from './sequences.js'

/** A request that has left. */
export interface SentRequest extends Sent {
  readonly sentAt: MonotonicMs
  /** When its last bit has left, by arithmetic. */
  readonly wireEnd: MonotonicMs
}

export interface Sending {
  readonly addresses?: Addresses | null
  readonly info?: DownEnvelope['info']
  /** A try of the same request bears the same number: the answer to either try is the answer. */
  readonly sequence?: number
  readonly exchange?: number
  /** What the trace shows in place of the frame, where it carries credentials. */
  readonly traced?: Uint8Array | undefined
}

/** The line to the module: numbers requests, knows when the line is free, learns the module's mode. */
export class Wire {
  readonly sequences: Sequences
  readonly #emit: Emit
  readonly #byteMs: number
  /** Communication mode of the control byte, as the module's own frames show it. @source facts §2.1 */
  mode: number
  /** Our own address in the network. */
  mainNode = '000000000000'
  freeAt: MonotonicMs
  /** The module's last whole frame; null: none since the link opened. */
  heardAt: MonotonicMs | null = null

  constructor(options: {
    readonly emit: Emit
    readonly byteMs: number
    readonly mode: number
    readonly restMs: number
    readonly now: MonotonicMs
  }) {
    this.#emit = options.emit
    this.#byteMs = options.byteMs
    this.mode = options.mode
    this.sequences = new Sequences(options.restMs)
    this.freeAt = options.now
  }

  send(unit: DownUnit, now: MonotonicMs, sending: Sending = {}): SentRequest {
    const { addresses = null, info, exchange, traced } = sending
    const sequence = sending.sequence ?? this.sequences.take(now)
    const bytes = encodeDown(unit, { mode: this.mode, sequence, addresses, ...(info === undefined ? {} : { info }) })
    const note = `${unit.name} ${sequence}`
    this.#write(bytes, now, { note, traced, exchange })
    return { unit, sequence, addresses, sentAt: now, wireEnd: this.freeAt }
  }

  /** Answers what the module asked or reported, with its own number. */
  answer(
    report: UpFrame,
    unit: DownUnit,
    now: MonotonicMs,
    more: { readonly addresses?: Addresses; readonly traced?: Uint8Array | undefined; readonly exchange?: number } = {},
  ): MonotonicMs {
    const bytes = encodeAnswer(report, unit, more.addresses ?? null)
    this.#write(bytes, now, { note: `${unit.name} ${report.info.sequence}`, traced: more.traced, exchange: more.exchange })
    return this.freeAt
  }

  /** When the next request may leave, with so much quiet before it. */
  quietAt(gapMs: number): MonotonicMs {
    return monotonicMs(Math.max(this.freeAt, this.heardAt ?? 0) + gapMs)
  }

  #write(
    bytes: Uint8Array,
    now: MonotonicMs,
    { note, traced, exchange }: { note: string; traced: Uint8Array | undefined; exchange: number | undefined },
  ): void {
    const shown =
      traced === undefined ? { bytes, note } : { bytes: traced, note: `${note}, ${bytes.length} bytes, credentials not shown` }
    this.freeAt = monotonicMs(Math.max(now, this.freeAt) + bytes.length * this.#byteMs)
    this.#emit({ kind: 'trace', direction: 'out', ...shown })
    this.#emit({ kind: 'write', bytes, exchange: exchange ?? null })
  }
}
