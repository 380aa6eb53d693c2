/** The largest magnitude of a register value that the columns hold: differences of two of them stay exact in a double. */
export const REGISTER_INT_MAX = 2 ** 50

/** Appends little-endian base-128 integers and text to a growing buffer. */
export class ByteWriter {
  #bytes: Uint8Array
  #length = 0

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity)
  }

  get length(): number {
    return this.#length
  }

  byte(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(this.#length + 1)
    this.#bytes[this.#length] = value
    this.#length += 1
  }

  /** @param value whole and not negative, at most 2^53 */
  unsigned(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.byte((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.byte(rest)
  }

  /** Zigzag: small magnitudes of either sign take one byte. */
  signed(value: number): void {
    this.unsigned(zigzag(value))
  }

  /** A register value or "not available". */
  optional(value: number | null): void {
    this.unsigned(value === null ? 0 : zigzag(value) + 1)
  }

  text(value: string): void {
    const bytes = Buffer.from(value, 'utf8')
    this.unsigned(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) this.#grow(this.#length + bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** A copy of what was written. */
  toBuffer(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length))
  }

  #grow(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
  }
}

/** Reads what a `ByteWriter` wrote. Every read past the end throws a RangeError: the row is damaged. */
export class ByteReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw new RangeError('a stored row ends too early')
    this.#at += 1
    return value
  }

  unsigned(): number {
    let value = 0
    let scale = 1
    for (;;) {
      const next = this.byte()
      value += (next & 0x7f) * scale
      if (next < 0x80) return value
      scale *= 0x80
      if (scale > 2 ** 56) throw new RangeError('a stored integer is too long')
    }
  }

  signed(): number {
    return unzigzag(this.unsigned())
  }

  optional(): number | null {
    const value = this.unsigned()
    return value === 0 ? null : unzigzag(value - 1)
  }

  text(): string {
    return Buffer.from(this.raw(this.unsigned())).toString('utf8')
  }

  raw(length: number): Uint8Array {
    if (this.#at + length > this.#bytes.length) throw new RangeError('a stored row ends too early')
    const bytes = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return bytes
  }
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}

function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2
}
