import { fail, ok } from '../../model/index.js'
import type { InputError, LocalTime, RegisterValue, Result, Unit } from '../../model/index.js'
import type { LoadRecord } from '../../ports/index.js'
import { isFilledWith, joinBytes } from '../wire/bytes.js'
import { byteAt, checksum } from './codec.js'
import {
  activePower,
  bytesOfFields,
  combinedKvarh,
  current,
  energyKvarh,
  energyKwh,
  frequency,
  powerFactor,
  reactivePower,
  times,
  voltage,
  type Field,
} from './fields.js'
import { minuteTimeBytes, readTime, writeTime } from './local-times.js'
import { decodeField, encodeField, type PlainValue } from './values.js'

/**
 * What the six classes of a load record hold, in the order of `LoadRecord.values` (facts §8.8). A register of one class, `06010001`,
 * gives that class alone; `06000001` gives all one after the other. A class the meter does not record leaves nothing, so in
 * `06000001` the places of later values move: ask for a class where places matter.
 */
export const loadRecordValues: readonly (readonly { readonly name: string; readonly unit: Unit }[])[] = [
  named('V', 'Ua', 'Ub', 'Uc').concat(named('A', 'Ia', 'Ib', 'Ic'), named('Hz', 'f')),
  named('kW', 'P', 'Pa', 'Pb', 'Pc').concat(named('kvar', 'Q', 'Qa', 'Qb', 'Qc')),
  named('', 'pf', 'pfa', 'pfb', 'pfc'),
  named('kWh', 'forward', 'reverse').concat(named('kvarh', 'combined 1', 'combined 2')),
  named('kvarh', 'quadrant 1', 'quadrant 2', 'quadrant 3', 'quadrant 4'),
  named('kW', 'active demand').concat(named('kvar', 'reactive demand')),
]

/** The fields of classes 1 to 6. */
export const loadClassFields: readonly (readonly Field[])[] = [
  [...times(3, voltage), ...times(3, current), frequency],
  [...times(4, activePower), ...times(4, reactivePower)],
  times(4, powerFactor),
  [energyKwh, energyKwh, combinedKvarh, combinedKvarh],
  times(4, energyKvarh),
  [activePower, reactivePower],
]

/**
 * Reads load records, as many as there are.
 *
 * @param loadClass class asked for, 0 for all: an answer for one class has the six places of all, or only its own
 * @returns the records in the meter's order, without those whose time is zero or FF (they do not exist); or `bad-record`, `bad-digit`
 */
export function decodeLoadRecords(data: Uint8Array, loadClass: number): Result<readonly LoadRecord[], InputError> {
  const records: LoadRecord[] = []
  let at = 0
  while (at < data.length) {
    const length = recordLength(data.subarray(at))
    if (length === null) return refuse('bad-record', at, 'expected a load record: A0 A0, length, content, checksum, E5')
    const content = data.subarray(at + 3, at + length - 2)
    const stamp = content.subarray(0, minuteTimeBytes)
    if (!isFilledWith(stamp, 0x00) && !isFilledWith(stamp, 0xff)) {
      const time = readTime(stamp)
      if (time === null) return refuse('bad-digit', at + 3, 'the time of the load record is none')
      const values = decodeClasses(content.subarray(minuteTimeBytes), loadClass)
      if (values === null) return refuse('bad-record', at + 3, 'the content of the load record does not fit its classes')
      records.push({ at: time, values })
    }
    at += length
  }
  return ok(records)
}

/** A load record as a meter keeps it: its time, and for each of the six classes the values or null where it records none. */
export interface PlainLoadRecord {
  readonly at: LocalTime
  readonly classes: readonly (readonly PlainValue[] | null)[]
}

/**
 * The bytes of load records, in the form with six places.
 *
 * @throws RangeError when values do not fit their class
 */
export function encodeLoadRecords(records: readonly PlainLoadRecord[]): Uint8Array {
  return joinBytes(records.map(encodeLoadRecord))
}

const recordStart = 0xa0
const recordEnd = 0xe5
const separator = 0xaa
/** A0 A0, length, checksum, E5. */
const recordOverheadBytes = 5

function named(unit: Unit, ...names: readonly string[]): { name: string; unit: Unit }[] {
  return names.map((name) => ({ name, unit }))
}

/** Bytes of the record at the start, if a whole one with the right checksum stands there (facts §8.8). */
function recordLength(data: Uint8Array): number | null {
  const length = recordOverheadBytes + byteAt(data, 2)
  const fits =
    data[0] === recordStart &&
    data[1] === recordStart &&
    length >= recordOverheadBytes + minuteTimeBytes &&
    length <= data.length &&
    data[length - 1] === recordEnd &&
    data[length - 2] === checksum(data.subarray(0, length - 2))
  return fits ? length : null
}

function decodeClasses(content: Uint8Array, loadClass: number): readonly RegisterValue[] | null {
  const own = loadClassFields[loadClass - 1]
  const isAlone = own !== undefined && content.length <= bytesOfFields(own) + 1
  const places = isAlone && content.length !== loadClassFields.length ? [own] : loadClassFields
  const values: RegisterValue[] = []
  let at = 0
  for (const fields of places) {
    // BCD never holds AA, so an AA where a class should begin means that the class is absent.
    if (byteAt(content, at) !== separator) {
      const length = bytesOfFields(fields)
      const decoded = decodeInOrder(content.subarray(at, at + length), fields)
      if (decoded === null) return null
      values.push(...decoded)
      at += length
    }
    if (byteAt(content, at) !== separator) return null
    at += 1
  }
  return at === content.length ? values : null
}

function decodeInOrder(bytes: Uint8Array, fields: readonly Field[]): readonly RegisterValue[] | null {
  if (bytes.length !== bytesOfFields(fields)) return null
  const values: RegisterValue[] = []
  let at = 0
  for (const field of fields) {
    const decoded = decodeField(bytes.subarray(at, at + field.bytes), field)
    if (decoded === null) return null
    values.push(...decoded)
    at += field.bytes
  }
  return values
}

function encodeLoadRecord(record: PlainLoadRecord): Uint8Array {
  const places = loadClassFields.map((fields, index) => {
    const values = record.classes[index] ?? null
    if (values === null) return Uint8Array.of(separator)
    const rest = [...values]
    return joinBytes([...fields.map((field) => encodeField(rest, field)), [separator]])
  })
  const content = joinBytes([writeTime(record.at, minuteTimeBytes), ...places])
  const body = joinBytes([[recordStart, recordStart, content.length], content])
  return joinBytes([body, [checksum(body), recordEnd]])
}

const refuse = (code: string, at: number, message: string) => fail({ code, at: `data byte ${at}`, message })
