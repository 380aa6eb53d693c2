import { monotonicMs } from '../../src/model/index.js'
import type { TraceLine } from '../../src/ports/index.js'

export interface TraceLimits {
  readonly linesMax: number
  /** Of all lines together; one that is longer by itself is kept as far as it fits. */
  readonly bytesMax: number
}

type Direction = TraceLine['direction']
const directions: readonly Direction[] = ['out', 'in', 'noise', 'echo', 'state']
/** The first piece of storage; doubled when frames need more, up to the limit. */
const firstBytes = 8_192

/**
 * The latest lines of a link, bounded in number and in bytes: the oldest go first. Bytes and times lie packed in one piece each: an
 * array of its own for every frame costs ten times its content, on each of twenty buses.
 */
export class TraceRing {
  readonly #limits: TraceLimits
  readonly #at: Float64Array
  readonly #lengths: Uint32Array
  readonly #directions: Uint8Array
  readonly #notes: string[] = []
  #bytes: Uint8Array
  /** Line numbers since the start; the line `n` stands at `n` modulo the number of lines. */
  #first = 0
  #next = 0
  /** Where the oldest line's bytes begin, and how many bytes all lines have. */
  #bytesFrom = 0
  #bytesUsed = 0

  constructor(limits: TraceLimits) {
    this.#limits = limits
    this.#at = new Float64Array(limits.linesMax)
    this.#lengths = new Uint32Array(limits.linesMax)
    this.#directions = new Uint8Array(limits.linesMax)
    this.#bytes = new Uint8Array(Math.min(firstBytes, limits.bytesMax))
  }

  add(line: TraceLine): void {
    const { linesMax, bytesMax } = this.#limits
    const kept = line.bytes.subarray(0, bytesMax)
    while (this.#next - this.#first >= linesMax || this.#bytesUsed + kept.length > bytesMax) this.#dropOldest()
    this.#makeRoom(this.#bytesUsed + kept.length)
    this.#store(kept)
    const place = this.#next % linesMax
    this.#at[place] = line.at
    this.#lengths[place] = kept.length
    this.#directions[place] = directions.indexOf(line.direction)
    this.#notes[place] = line.note
    this.#next++
  }

  /** Oldest first; copies. */
  lines(): readonly TraceLine[] {
    const lines: TraceLine[] = []
    let from = this.#bytesFrom
    for (let number = this.#first; number < this.#next; number++) {
      const place = number % this.#limits.linesMax
      const length = this.#lengths[place] ?? 0
      lines.push({
        at: monotonicMs(this.#at[place] ?? 0),
        direction: directions[this.#directions[place] ?? 0] ?? 'state',
        bytes: this.#copy(from, length),
        note: this.#notes[place] ?? '',
      })
      from = (from + length) % this.#bytes.length
    }
    return lines
  }

  #dropOldest(): void {
    const length = this.#lengths[this.#first % this.#limits.linesMax] ?? 0
    this.#bytesFrom = (this.#bytesFrom + length) % this.#bytes.length
    this.#bytesUsed -= length
    this.#first++
  }

  #makeRoom(needed: number): void {
    if (needed <= this.#bytes.length) return
    const bigger = new Uint8Array(Math.min(this.#limits.bytesMax, Math.max(needed, this.#bytes.length * 2)))
    bigger.set(this.#copy(this.#bytesFrom, this.#bytesUsed))
    this.#bytes = bigger
    this.#bytesFrom = 0
  }

  #store(bytes: Uint8Array): void {
    const at = (this.#bytesFrom + this.#bytesUsed) % this.#bytes.length
    const untilEnd = this.#bytes.length - at
    this.#bytes.set(bytes.subarray(0, untilEnd), at)
    this.#bytes.set(bytes.subarray(untilEnd), 0)
    this.#bytesUsed += bytes.length
  }

  #copy(from: number, length: number): Uint8Array {
    const copy = new Uint8Array(length)
    const untilEnd = this.#bytes.subarray(from, from + length)
    copy.set(untilEnd)
    copy.set(this.#bytes.subarray(0, length - untilEnd.length), untilEnd.length)
    return copy
  }
}
