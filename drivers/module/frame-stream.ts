import type { MonotonicMs } from '../../src/model/index.js'
import { monotonicMs } from '../../src/model/index.js'
import { frameScanner } from '../../src/protocols/gdw1376/index.js'

/** What bytes of the line turned out to be. */
export interface Heard {
  readonly kind: 'frame' | 'noise'
  readonly bytes: Uint8Array
}

const scan = frameScanner()

/** Takes the module's bytes apart; holds at most one frame. */
export class FrameStream {
  readonly #gapMs: number
  #held: Uint8Array = new Uint8Array(0)
  #lastByteAt: MonotonicMs

  /** @param gapMs a longer gap within a frame means that it is broken */
  constructor(gapMs: number, now: MonotonicMs) {
    this.#gapMs = gapMs
    this.#lastByteAt = now
  }

  push(bytes: Uint8Array, now: MonotonicMs): readonly Heard[] {
    const broken = this.elapse(now)
    this.#lastByteAt = now
    const joined = new Uint8Array(this.#held.length + bytes.length)
    joined.set(this.#held)
    joined.set(bytes, this.#held.length)
    this.#held = joined
    return [...broken, ...this.#take()]
  }

  /** The line was quiet for long: what has begun is never finished, but a whole frame may stand inside it. */
  elapse(now: MonotonicMs): readonly Heard[] {
    if (this.#held.length === 0 || now < this.#lastByteAt + this.#gapMs) return []
    const heard: Heard[] = []
    while (this.#held.length > 0) {
      heard.push({ kind: 'noise', bytes: this.#held.slice(0, 1) })
      this.#held = this.#held.slice(1)
      heard.push(...this.#take())
    }
    return merged(heard)
  }

  /** When a frame that has begun is given up. */
  get due(): MonotonicMs | null {
    return this.#held.length === 0 ? null : monotonicMs(this.#lastByteAt + this.#gapMs)
  }

  /** The link is gone. */
  clear(): void {
    this.#held = new Uint8Array(0)
  }

  #take(): readonly Heard[] {
    const heard: Heard[] = []
    let at = 0
    for (;;) {
      const result = scan(this.#held.subarray(at))
      if (result.kind === 'incomplete') break
      const end = Math.min(this.#held.length, at + (result.kind === 'frame' ? result.length : result.skip))
      heard.push({ kind: result.kind, bytes: this.#held.slice(at, end) })
      at = end
    }
    this.#held = this.#held.slice(at)
    return merged(heard)
  }
}

/** Neighbouring pieces of noise are one. */
function merged(heard: readonly Heard[]): readonly Heard[] {
  const joined: Heard[] = []
  for (const piece of heard) {
    const last = joined.at(-1)
    if (piece.kind === 'noise' && last?.kind === 'noise') {
      joined[joined.length - 1] = { kind: 'noise', bytes: Uint8Array.from([...last.bytes, ...piece.bytes]) }
    } else joined.push(piece)
  }
  return joined
}
