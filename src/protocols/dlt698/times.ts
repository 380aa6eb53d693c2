import type { LocalTime } from '../../model/index.js'
import { byteAt, bytesOf, hexNumber, isFilledWith } from '../wire/bytes.js'

/**
 * A date_time_s (14 hexadecimal digits: year, month, day, hour, minute, second) as a time.
 *
 * @returns null when it is no instant of the calendar, or a part is not given (FF)
 */
export function readMoment(hex: string): LocalTime | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = partsOf(bytesOf(hex))
  const isInstant =
    month >= 1 && month <= 12 && day >= 1 && day <= daysOfMonth(year, month) && hour <= 23 && minute <= 59 && second <= 59
  return isInstant && year < notGivenYear ? { year, month, day, hour, minute, second } : null
}

/** A time as date_time_s. @throws RangeError when it is no instant of the years 0 to 65534 */
export function momentHex({ year, month, day, hour, minute, second }: LocalTime): string {
  const hex = hexNumber(year, 4) + [month, day, hour, minute, second].map((part) => hexNumber(part, 2)).join('')
  if (!/^[0-9A-F]{14}$/.test(hex) || readMoment(hex) === null) throw new RangeError('expected an instant of the calendar')
  return hex
}

/** `YYYY-MM-DD hh:mm:ss`. */
export function momentText(time: LocalTime): string {
  return momentForms.date_time_s(Uint8Array.from(bytesOf(momentHex(time))))
}

/** Types of dates and times. */
export type TimeType = 'date_time' | 'date' | 'time' | 'date_time_s'

/**
 * A date or time as text: `2026-08-11 13:51:22`, `.015` behind it where milliseconds stand in it; parts that are not given (FF) are
 * `**`. The week day of date_time and date is left out: it follows from the date.
 *
 * @returns `text` null: none is given, or none is set (all FF, all 00 where a date belongs to it); null: it is no date or time
 */
export function timeText(type: TimeType, hex: string): { readonly text: string | null } | null {
  const bytes = bytesOf(hex)
  if (isFilledWith(bytes, 0xff) || (type !== 'time' && isFilledWith(bytes, 0x00))) return { text: null }
  return isPlausible(type, bytes) ? { text: momentForms[type](bytes) } : null
}

const notGivenYear = 0xffff
const notGiven = 0xff

const yearOf = (bytes: Uint8Array): number => byteAt(bytes, 0) * 256 + byteAt(bytes, 1)
const partsOf = (bytes: Uint8Array): readonly number[] => [yearOf(bytes), ...bytes.subarray(2)]

const daysOfMonth = (year: number, month: number): number => new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()

const part = (bytes: Uint8Array, index: number): string => {
  const value = byteAt(bytes, index)
  return value === notGiven ? '**' : String(value).padStart(2, '0')
}
const yearText = (bytes: Uint8Array): string => (yearOf(bytes) === notGivenYear ? '****' : String(yearOf(bytes)).padStart(4, '0'))
const dateText = (bytes: Uint8Array): string => `${yearText(bytes)}-${part(bytes, 2)}-${part(bytes, 3)}`
const clockText = (bytes: Uint8Array, at: number): string => [at, at + 1, at + 2].map((index) => part(bytes, index)).join(':')
const milliseconds = (bytes: Uint8Array): number => byteAt(bytes, 8) * 256 + byteAt(bytes, 9)

const momentForms: Readonly<Record<TimeType, (bytes: Uint8Array) => string>> = {
  date_time: (bytes) => {
    const text = `${dateText(bytes)} ${clockText(bytes, 5)}`
    const ms = milliseconds(bytes)
    return ms === notGivenYear ? text : `${text}.${String(ms).padStart(3, '0')}`
  },
  date: dateText,
  time: (bytes) => clockText(bytes, 0),
  date_time_s: (bytes) => `${dateText(bytes)} ${clockText(bytes, 4)}`,
}

/** Where month, day, hour, minute and second stand. */
const places: Readonly<Record<TimeType, readonly (number | null)[]>> = {
  date_time: [2, 3, 5, 6, 7],
  date: [2, 3, null, null, null],
  time: [null, null, 0, 1, 2],
  date_time_s: [2, 3, 4, 5, 6],
}
const limits: readonly (readonly [least: number, most: number])[] = [
  [1, 12],
  [1, 31],
  [0, 23],
  [0, 59],
  [0, 59],
]

/** Whether each part that is given is within its limits, and the day within its month. */
function isPlausible(type: TimeType, bytes: Uint8Array): boolean {
  const isWithin = limits.every(([least, most], index) => {
    const place = places[type][index]
    const value = typeof place === 'number' ? byteAt(bytes, place) : notGiven
    return value === notGiven || (value >= least && value <= most)
  })
  if (!isWithin) return false
  if (type === 'date_time' && milliseconds(bytes) !== notGivenYear && milliseconds(bytes) > 999) return false
  const hasDay = type !== 'time' && byteAt(bytes, 2) !== notGiven && byteAt(bytes, 3) !== notGiven
  // In an unknown year February may have 29 days: year 65535 is none of a leap year, 2000 is.
  const year = yearOf(bytes) === notGivenYear ? 2000 : yearOf(bytes)
  return !hasDay || byteAt(bytes, 3) <= daysOfMonth(year, byteAt(bytes, 2))
}

/** Units of a TI, by number (facts §2.3). */
export const intervalUnits = ['s', 'min', 'h', 'd', 'mon', 'y'] as const
export type IntervalUnit = (typeof intervalUnits)[number]

/** A length of time as a meter counts it: months and years by the calendar. */
export interface Interval {
  readonly count: number
  readonly unit: IntervalUnit
}

/** A TI without its tag. @throws RangeError for a count that does not fit */
export function intervalHex({ count, unit }: Interval): string {
  if (!Number.isInteger(count) || count < 0 || count > 0xffff) throw new RangeError('an interval counts 0 to 65535')
  return hexNumber(intervalUnits.indexOf(unit), 2) + hexNumber(count, 4)
}

/** `15 min`; an unknown unit is shown by its number. */
export function intervalText(hex: string): string {
  const bytes = bytesOf(hex)
  const unit = byteAt(bytes, 0)
  return `${byteAt(bytes, 1) * 256 + byteAt(bytes, 2)} ${intervalUnits[unit] ?? `unit-${unit}`}`
}

/** The time so many intervals later. */
export function laterBy(time: LocalTime, { count, unit }: Interval, times: number): LocalTime {
  const steps = count * times
  const add = (wanted: IntervalUnit): number => (unit === wanted ? steps : 0)
  const date = new Date(
    Date.UTC(
      time.year + add('y'),
      time.month - 1 + add('mon'),
      time.day + add('d'),
      time.hour + add('h'),
      time.minute + add('min'),
      time.second + add('s'),
    ),
  )
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  }
}
