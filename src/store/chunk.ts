import { crc32, deflateRawSync, inflateRawSync } from 'node:zlib'
import { ByteReader, ByteWriter } from './bytes.js'
import type { Names } from './names.js'
import type { NumberedPoint } from './point-rows.js'

const formatVersion = 1
const deflatedBit = 0x80
const crcBytes = 4
/** Inflated chunks are smaller than this; a damaged one must not fill the memory. */
const CHUNK_BYTES_MAX = 16 * 1024 * 1024

/**
 * One meter's points between two packings, as columns: numbers, instants and stamps as differences, repeated properties as
 * runs, and each register as differences to its own last value. Deflated when that is smaller; ends with a CRC-32.
 */
export class ChunkBuilder {
  readonly meter: number
  #last: NumberedPoint | null = null
  #lastSlotStep = 0
  #count = 0
  #finished: Buffer | null = null
  readonly #seqs = new ByteWriter()
  readonly #slots = new ByteWriter()
  readonly #received = new ByteWriter()
  readonly #measured = new ByteWriter()
  readonly #monotonic = new ByteWriter()
  readonly #kinds = new RunWriter()
  readonly #values = new Map<number, ShapeColumns>()

  constructor(meter: number) {
    this.meter = meter
  }

  /** @param isText for each position of the point's shape */
  add(point: NumberedPoint, isText: readonly boolean[]): void {
    const last = this.#last
    this.#seqs.unsigned(point.seq - (last?.seq ?? 0))
    const slotStep = point.slotAt - (last?.slotAt ?? 0)
    this.#slots.signed(slotStep - this.#lastSlotStep)
    const wait = point.receivedAt - point.slotAt
    this.#received.signed(wait - (last === null ? 0 : last.receivedAt - last.slotAt))
    const atSlot = point.measuredAt === point.slotAt
    if (!atSlot) this.#measured.signed(point.receivedAt - point.measuredAt)
    const offset = point.receivedAt - point.monotonicMs
    this.#monotonic.signed(offset - (last === null ? 0 : last.receivedAt - last.monotonicMs))
    // A source's third bit stands behind the others: the first files had only two.
    const source = ((point.source & 3) << 1) | ((point.source >> 2) << 4)
    const flags = (point.clockTrusted ? 1 : 0) | source | (atSlot ? 8 : 0)
    this.#kinds.add([point.task, point.shape, point.boot, flags])
    let columns = this.#values.get(point.shape)
    if (columns === undefined) this.#values.set(point.shape, (columns = new ShapeColumns(isText)))
    columns.add(point.values)
    this.#last = point
    this.#lastSlotStep = slotStep
    this.#count += 1
  }

  /** The chunk's bytes; nothing can be added afterwards, and asking again costs nothing. */
  finish(): Buffer {
    this.#finished ??= this.#encode()
    return this.#finished
  }

  #encode(): Buffer {
    const out = new ByteWriter(1024)
    out.unsigned(this.#count)
    const parts = [this.#seqs, this.#slots, this.#received, this.#measured, this.#monotonic, this.#kinds.finish()]
    for (const part of parts) block(out, part)
    out.unsigned(this.#values.size)
    for (const [shape, columns] of this.#values) {
      out.unsigned(shape)
      block(out, columns.finish())
    }
    const plain = out.toBuffer()
    const packed = deflateRawSync(plain, { level: 6 })
    const isSmaller = packed.length < plain.length
    const body = Buffer.concat([Buffer.of(formatVersion | (isSmaller ? deflatedBit : 0)), isSmaller ? packed : plain])
    const sum = Buffer.alloc(crcBytes)
    sum.writeUInt32LE(crc32(body))
    return Buffer.concat([body, sum])
  }
}

/** @throws RangeError when the chunk is damaged */
export function decodeChunk(bytes: Buffer, meter: number, names: Names): readonly NumberedPoint[] {
  const input = new ByteReader(checkedBody(bytes))
  const count = input.unsigned()
  const [seqs, slots, received, measured, monotonic, kinds] = Array.from({ length: 6 }, () => unblock(input)) as Blocks
  const runs = new RunReader(kinds)
  const values = new Map<number, ShapeReader>()
  for (let left = input.unsigned(); left > 0; left -= 1) {
    const shape = input.unsigned()
    values.set(shape, new ShapeReader(unblock(input), names.textPositionsOf(shape)))
  }
  const points: NumberedPoint[] = []
  let [seq, slotAt, slotStep, wait, offset] = [0, 0, 0, 0, 0]
  for (let at = 0; at < count; at += 1) {
    const [task = 0, shape = 0, boot = 0, flags = 0] = runs.next()
    seq += seqs.unsigned()
    slotStep += slots.signed()
    slotAt += slotStep
    wait += received.signed()
    const receivedAt = slotAt + wait
    const measuredAt = (flags & 8) === 0 ? receivedAt - measured.signed() : slotAt
    offset += monotonic.signed()
    const own = values.get(shape)
    if (own === undefined) throw new RangeError('a chunk lacks the values of a shape')
    points.push({
      ...{ seq, meter, task, shape, boot, slotAt, measuredAt, receivedAt, monotonicMs: receivedAt - offset },
      ...{ clockTrusted: (flags & 1) !== 0, source: ((flags >> 1) & 3) | (((flags >> 4) & 1) << 2), values: own.next() },
    })
  }
  return points
}

type Blocks = [ByteReader, ByteReader, ByteReader, ByteReader, ByteReader, ByteReader]

function checkedBody(bytes: Buffer): Buffer {
  if (bytes.length < 1 + crcBytes) throw new RangeError('a chunk is too short')
  const body = bytes.subarray(0, bytes.length - crcBytes)
  if (crc32(body) !== bytes.readUInt32LE(body.length)) throw new RangeError('a chunk fails its checksum')
  const format = body.readUInt8(0)
  if ((format & ~deflatedBit) !== formatVersion) throw new RangeError('a chunk has an unknown format')
  const rest = body.subarray(1)
  return (format & deflatedBit) === 0 ? rest : inflateRawSync(rest, { maxOutputLength: CHUNK_BYTES_MAX })
}

function block(out: ByteWriter, column: ByteWriter): void {
  out.unsigned(column.length)
  out.raw(column.toBuffer())
}

function unblock(input: ByteReader): ByteReader {
  return new ByteReader(input.raw(input.unsigned()))
}

/** Runs of equal tuples: the tuple, then how often it stands. */
class RunWriter {
  readonly #out = new ByteWriter()
  #tuple: readonly number[] | null = null
  #length = 0

  add(tuple: readonly number[]): void {
    const last = this.#tuple
    if (last !== null && tuple.every((each, index) => each === last[index])) {
      this.#length += 1
      return
    }
    this.finish()
    this.#tuple = tuple
    this.#length = 1
  }

  finish(): ByteWriter {
    if (this.#tuple === null) return this.#out
    for (const each of this.#tuple) this.#out.unsigned(each)
    this.#out.unsigned(this.#length)
    this.#tuple = null
    return this.#out
  }
}

class RunReader {
  readonly #input: ByteReader
  #tuple: readonly number[] = []
  #left = 0

  constructor(input: ByteReader) {
    this.#input = input
  }

  next(): readonly number[] {
    if (this.#left === 0) {
      this.#tuple = Array.from({ length: 4 }, () => this.#input.unsigned())
      this.#left = this.#input.unsigned()
    }
    this.#left -= 1
    return this.#tuple
  }
}

/** The values of one shape, a column for each position. */
class ShapeColumns {
  readonly #columns: readonly ByteWriter[]
  readonly #isText: readonly boolean[]
  readonly #last: (number | string)[]

  constructor(isText: readonly boolean[]) {
    this.#isText = isText
    this.#columns = this.#isText.map(() => new ByteWriter())
    this.#last = this.#isText.map((isText) => (isText ? '' : 0))
  }

  add(values: readonly (number | null | string)[]): void {
    this.#columns.forEach((column, index) => {
      const value = values[index] ?? null
      const last = this.#last[index] ?? 0
      if (typeof value === 'string') column.text(value === last ? '' : `=${value}`)
      else column.optional(value === null ? null : value - Number(last))
      if (value !== null) this.#last[index] = value
    })
  }

  finish(): ByteWriter {
    const out = new ByteWriter()
    for (const column of this.#columns) block(out, column)
    return out
  }
}

class ShapeReader {
  readonly #columns: readonly ByteReader[]
  readonly #isText: readonly boolean[]
  readonly #last: (number | string)[]

  constructor(input: ByteReader, isText: readonly boolean[]) {
    this.#isText = isText
    this.#columns = this.#isText.map(() => unblock(input))
    this.#last = this.#isText.map((isText) => (isText ? '' : 0))
  }

  next(): readonly (number | null | string)[] {
    return this.#columns.map((column, index) => {
      if (this.#isText[index] === true) {
        const text = column.text()
        if (text !== '') this.#last[index] = text.slice(1)
        return String(this.#last[index])
      }
      const step = column.optional()
      if (step === null) return null
      const value = Number(this.#last[index]) + step
      this.#last[index] = value
      return value
    })
  }
}
