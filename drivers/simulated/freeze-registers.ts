import { minuteMs, type LocalTime } from '../../src/model/index.js'
import { writeBcd } from '../../src/protocols/dlt645/bcd.js'
import { checksum, writeTime, type LoadSpan } from '../../src/protocols/dlt645/index.js'
import { electricalAt } from './electrical.js'
import type { FreezeRecord, ProfileRecord } from './history.js'
import { fourBytes, joined, minuteStamp } from './register-bytes.js'
import { demandBytes, energiesOf, type MeterView } from './meter-view.js'

const blockItem = 0xff
const groupGap = 0xaa

/** Freezes, `05 TT II nn` (facts §8.7): 00 timed and 01 on command (kept together), 04 hourly, 06 daily. */
export function freezeRegister(view: MeterView, kind: number, item: number, number: number): Uint8Array | null {
  if (kind === 0x04) return hourRegister(view, item, number)
  if (kind !== 0x00 && kind !== 0x01 && kind !== 0x06) return null
  const record = (kind === 0x06 ? view.physics.daily : view.physics.commanded).last(number)
  if (record !== null) return freezeItem(record, item)
  return view.emptyRecords === 'zeros' ? freezeItem(emptyFreeze(view), item) : null
}

/**
 * Load records, `06 CC 00 0x` (facts §8.8): all classes (CC 00) or one; from the earliest (0), from a time on (1) or the latest (2).
 *
 * @returns the records, one after the other; null when there is none
 */
export function loadRecords(view: MeterView, di: number, span: LoadSpan | null): Uint8Array | null {
  const [klass, mode] = [(di >>> 16) & 0xff, di & 0xff]
  if (klass > 6 || mode > 2 || (di & 0xff00) !== 0 || span === null || (mode === 1) !== (span.from !== null)) return null
  const { profile } = view.physics
  const first = mode === 0 ? 0 : span.from === null ? profile.count - span.count : profile.indexFrom(displayMs(span.from))
  const records: Uint8Array[] = []
  for (let index = Math.max(0, first); index < profile.count && records.length < span.count; index++) {
    const record = profile.at(index)
    if (record !== null) records.push(loadRecord(view, record, klass))
  }
  if (records.length > 0) return joined(records)
  return view.emptyRecords === 'zeros' ? new Uint8Array() : null
}

/** A display time as `MeterClock` counts it. */
export function displayMs(time: LocalTime): number {
  return Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second)
}

/** A display time taken apart. */
export function displayTime(localMs: number): LocalTime {
  const date = new Date(localMs)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  }
}

function freezeItem(record: FreezeRecord, item: number): Uint8Array | null {
  if (item === 0x00) return minuteStamp(record.at)
  if (item >= 0x01 && item <= 0x08) return fourBytes(energiesOf(record, item) ?? [])
  if (item === 0x09) return demandBytes(record.demands)
  if (item === 0x0a) return new Uint8Array(record.demands.length * 8)
  if (item === 0x10) return powers(record.watts, record.vars)
  if (item !== blockItem) return null
  const items = [0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x10]
  return joined(
    items.map((part) => freezeItem(record, part)).filter((part) => part !== null),
    groupGap,
  )
}

function emptyFreeze(view: MeterView): FreezeRecord {
  const none = view.physics.forward.map(() => 0)
  const demands = none.map(() => ({ watts: 0, at: 0 }))
  return { at: 0, forward: none, reverse: none, reactive: none, demands, watts: 0, vars: 0 }
}

function hourRegister(view: MeterView, item: number, number: number): Uint8Array | null {
  const record = view.physics.hourly.last(number)
  if (record === null) return null
  const parts = [minuteStamp(record.at), fourBytes([record.forward]), fourBytes([record.reverse])]
  return item === blockItem ? joined(parts, groupGap) : (parts[item] ?? null)
}

/** Active power total, A, B, C and the same of reactive power, three bytes each. */
function powers(watts: number, vars: number): Uint8Array {
  const three = (amount: number): Uint8Array => {
    const shown = Math.max(-799_999, Math.min(799_999, amount * 10))
    const none = new Uint8Array(6).fill(0xff)
    return joined([writeBcd(shown, 3, true), writeBcd(shown, 3, true), none])
  }
  return joined([three(watts), three(vars)])
}

const recordMark = 0xa0
const recordEnd = 0xe5

function loadRecord(view: MeterView, record: ProfileRecord, klass: number): Uint8Array {
  const classes = [1, 2, 3, 4, 5, 6].map((number) =>
    klass === 0 || klass === number ? loadClass(view, record, number) : new Uint8Array(),
  )
  const body = joined([writeTime(displayTime(record.at), 5), ...classes.map((part) => Uint8Array.of(...part, groupGap))])
  const head = Uint8Array.of(recordMark, recordMark, body.length)
  const whole = joined([head, body])
  return Uint8Array.of(...whole, checksum(whole), recordEnd)
}

/** The six classes; a phase the meter has not reads FF. */
function loadClass(view: MeterView, record: ProfileRecord, number: number): Uint8Array {
  const { total, phases, frequency } = electricalAt(view.point, record.at - (record.at % minuteMs), record.watts, record.vars)
  const phase = (index: number, bytes: number, value: (index: number) => number, signed: boolean): Uint8Array =>
    index < phases.length ? writeBcd(value(index), bytes, signed) : new Uint8Array(bytes).fill(0xff)
  const three = (bytes: number, value: (index: number) => number, signed = true): Uint8Array =>
    joined([0, 1, 2].map((index) => phase(index, bytes, value, signed)))
  switch (number) {
    case 1:
      return joined([
        three(2, (index) => phases[index]?.voltage ?? 0, false),
        three(3, (index) => phases[index]?.current ?? 0),
        writeBcd(frequency, 2),
      ])
    case 2:
      return joined([
        writeBcd(total.active, 3, true),
        three(3, (index) => phases[index]?.active ?? 0),
        writeBcd(total.reactive, 3, true),
        three(3, (index) => phases[index]?.reactive ?? 0),
      ])
    case 3:
      return joined([writeBcd(total.factor, 2, true), three(2, (index) => phases[index]?.factor ?? 0)])
    case 4:
      return fourBytes([record.forward, record.reverse, record.reactive % 80_000_000, 0])
    case 5:
      return fourBytes([record.reactive, 0, 0, 0])
    default:
      return joined([writeBcd(total.active, 3, true), writeBcd(total.reactive, 3, true)])
  }
}
