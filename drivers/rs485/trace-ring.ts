import type { TraceLine } from '../../src/ports/index.js'

/** The latest lines, bounded in number and in bytes: the oldest go first. */
export class TraceRing {
  readonly #linesMax: number
  readonly #bytesMax: number
  #lines: TraceLine[] = []
  /** Lines before this one are gone; the array is compacted now and then, not at each line. */
  #first = 0
  #bytes = 0

  constructor(limits: { readonly linesMax: number; readonly bytesMax: number }) {
    this.#linesMax = limits.linesMax
    this.#bytesMax = limits.bytesMax
  }

  add(line: TraceLine): void {
    this.#lines.push(line)
    this.#bytes += line.bytes.length
    while (this.#lines.length - this.#first > this.#linesMax || this.#bytes > this.#bytesMax) {
      this.#bytes -= this.#lines[this.#first]?.bytes.length ?? 0
      this.#first++
    }
    if (this.#first >= this.#linesMax) {
      this.#lines = this.#lines.slice(this.#first)
      this.#first = 0
    }
  }

  lines(): readonly TraceLine[] {
    return this.#lines.slice(this.#first)
  }
}
