import { absenceReasons, epochMs, meterId, taskId } from '../model/index.js'
import type { ItemValue, Point, ReadingSource } from '../model/index.js'
import { ByteReader, ByteWriter, REGISTER_INT_MAX } from './bytes.js'
import type { Names } from './names.js'
import { shapeText } from './point-shape.js'
import type { PointShape } from './point-shape.js'

/** Points in one row of the log: enough to share the costs of a row, few enough that rows fill their pages. */
export const ROW_POINTS_MAX = 16

/** By the number under which a source is stored: new ones stand at the end. */
export const readingSources: readonly ReadingSource[] = ['live', 'daily-freeze', 'load-record', 'call', 'monthly-freeze']

/** A point with names as dictionary numbers: the form between log row, chunk and `Point`. */
export interface NumberedPoint {
  readonly seq: number
  readonly meter: number
  readonly task: number
  readonly shape: number
  readonly boot: number
  readonly slotAt: number
  readonly measuredAt: number
  readonly receivedAt: number
  readonly monotonicMs: number
  readonly clockTrusted: boolean
  readonly source: number
  /** In shape order: integers (null: not available), words, and for an absent item its reason's index. */
  readonly values: readonly (number | null | string)[]
}

const trustedBit = 1
/** A source's two low bits stand at bit 1, its third where the first files had none. */
const sourceShift = 1
const lowSourceBits = 3
const highSourceShift = 6
const measuredAtSlotBit = 1 << 3
const sameKindBit = 1 << 4
const sameSlotBit = 1 << 5
const formatVersion = 1

/** Replaces names by numbers, adding new names to the dictionary. The monotonic stamp is kept to the millisecond. */
export function numberPoint(point: Point, seq: number, names: Names): NumberedPoint {
  return {
    seq,
    meter: names.idOf('meter', point.meter),
    task: names.idOf('task', point.task),
    shape: names.idOf('shape', shapeText(point.values)),
    boot: names.idOf('boot', point.stamp.boot),
    slotAt: point.slotAt,
    measuredAt: point.measuredAt,
    receivedAt: point.stamp.receivedAt,
    monotonicMs: Math.round(point.stamp.monotonicMs),
    clockTrusted: point.stamp.clockTrusted,
    source: readingSources.indexOf(point.source),
    values: point.values.flatMap((value) => flatValue(value, point.slotAt)),
  }
}

/** The point as it was recorded. */
export function namePoint(numbered: NumberedPoint, stream: Point['stream'], names: Names): Point {
  return {
    meter: meterId(names.textOf(numbered.meter)),
    task: taskId(names.textOf(numbered.task)),
    stream,
    slotAt: epochMs(numbered.slotAt),
    measuredAt: epochMs(numbered.measuredAt),
    source: readingSources[numbered.source] ?? 'live',
    stamp: {
      receivedAt: epochMs(numbered.receivedAt),
      clockTrusted: numbered.clockTrusted,
      boot: names.textOf(numbered.boot),
      monotonicMs: numbered.monotonicMs,
    },
    values: nestValues(numbered, names.shapeOf(numbered.shape)),
  }
}

/** One log row: up to `ROW_POINTS_MAX` points of consecutive numbers, each as its difference to the one before. */
export function encodeRow(points: readonly NumberedPoint[]): Buffer {
  const out = new ByteWriter(512)
  out.byte(formatVersion)
  let last = start
  for (const point of points) {
    const sameKind = point.task === last.task && point.shape === last.shape && point.boot === last.boot
    const flags =
      (point.clockTrusted ? trustedBit : 0) |
      ((point.source & lowSourceBits) << sourceShift) |
      ((point.source >> 2) << highSourceShift) |
      (point.measuredAt === point.slotAt ? measuredAtSlotBit : 0) |
      (sameKind ? sameKindBit : 0) |
      (point.slotAt === last.slotAt ? sameSlotBit : 0)
    out.byte(flags)
    out.signed(point.meter - last.meter)
    if (!sameKind) for (const id of [point.task, point.shape, point.boot]) out.unsigned(id)
    if ((flags & sameSlotBit) === 0) out.signed(point.slotAt - last.slotAt)
    out.signed(point.receivedAt - last.receivedAt)
    if ((flags & measuredAtSlotBit) === 0) out.signed(point.receivedAt - point.measuredAt)
    out.signed(point.monotonicMs - last.monotonicMs - (point.receivedAt - last.receivedAt))
    for (const value of point.values) writeValue(out, value)
    last = point
  }
  return out.toBuffer()
}

/** @throws RangeError when the row is damaged */
export function decodeRow(bytes: Uint8Array, firstSeq: number, names: Names): readonly NumberedPoint[] {
  const input = new ByteReader(bytes)
  if (input.byte() !== formatVersion) throw new RangeError('a log row has an unknown format')
  const points: NumberedPoint[] = []
  let last = start
  while (!input.isAtEnd) {
    last = decodePoint(input, { ...last, seq: firstSeq + points.length }, names)
    points.push(last)
  }
  return points
}

function decodePoint(input: ByteReader, last: NumberedPoint, names: Names): NumberedPoint {
  const flags = input.byte()
  const meter = last.meter + input.signed()
  const isSameKind = (flags & sameKindBit) !== 0
  const task = isSameKind ? last.task : input.unsigned()
  const shape = isSameKind ? last.shape : input.unsigned()
  const boot = isSameKind ? last.boot : input.unsigned()
  const slotAt = (flags & sameSlotBit) === 0 ? last.slotAt + input.signed() : last.slotAt
  const receivedAt = last.receivedAt + input.signed()
  const measuredAt = (flags & measuredAtSlotBit) === 0 ? receivedAt - input.signed() : slotAt
  const monotonicMs = last.monotonicMs + (receivedAt - last.receivedAt) + input.signed()
  const clockTrusted = (flags & trustedBit) !== 0
  const source = ((flags >> sourceShift) & lowSourceBits) | (((flags >> highSourceShift) & 1) << 2)
  const values = names.textPositionsOf(shape).map((isText) => (isText ? input.text() : input.optional()))
  return { seq: last.seq, meter, task, shape, boot, slotAt, measuredAt, receivedAt, monotonicMs, clockTrusted, source, values }
}

const start: NumberedPoint = {
  seq: 0,
  meter: 0,
  task: -1,
  shape: -1,
  boot: -1,
  slotAt: 0,
  measuredAt: 0,
  receivedAt: 0,
  monotonicMs: 0,
  clockTrusted: false,
  source: 0,
  values: [],
}

/** An own origin stands before the values: its source, and its instant as the distance from the slot. */
function flatValue(value: ItemValue, slotAt: number): readonly (number | null | string)[] {
  if ('absent' in value) return [absenceReasons.indexOf(value.absent)]
  const own = value.own === undefined ? [] : [readingSources.indexOf(value.own.source), value.own.measuredAt - slotAt]
  if ('words' in value) return [...own, ...value.words]
  for (const int of value.ints) {
    if (int !== null && (!Number.isSafeInteger(int) || Math.abs(int) > REGISTER_INT_MAX)) {
      throw new RangeError(`item ${value.item}: a register value must be a whole number up to 2^50, got ${int}`)
    }
  }
  return [...own, ...value.ints]
}

function nestValues(point: NumberedPoint, shape: PointShape): readonly ItemValue[] {
  let at = 0
  const take = (count: number): readonly (number | null | string)[] => point.values.slice(at, (at += count))
  return shape.map((part): ItemValue => {
    if (part.kind === 'absent') {
      const reason = absenceReasons[Number(take(1)[0])]
      if (reason === undefined) throw new RangeError('a stored absence has an unknown reason')
      return { item: part.item, absent: reason }
    }
    const [source, distance] = part.own ? take(2) : []
    const measuredAt = epochMs(point.slotAt + Number(distance ?? 0))
    const own = part.own ? { own: { source: readingSources[Number(source)] ?? 'live', measuredAt } } : {}
    if (part.kind === 'words') return { item: part.item, words: take(part.count).map(String), ...own }
    const ints = take(part.count).map((each) => (typeof each === 'string' ? null : each))
    return { item: part.item, ints, exponent: part.exponent, unit: part.unit, ...own }
  })
}

function writeValue(out: ByteWriter, value: number | null | string): void {
  if (typeof value === 'string') out.text(value)
  else out.optional(value)
}
