import type { LocalTime } from '../../model/index.js'
import { readBcd, writeBcd } from './bcd.js'

/** Bytes of a date and time with seconds, and without. */
export const fullTimeBytes = 6
export const minuteTimeBytes = 5

/**
 * A date and time in BCD, seconds or minutes first and the year last (facts §4.10); five bytes have no seconds.
 *
 * @returns null when it is no instant of the calendar, or its digits are none
 */
export function readTime(bytes: Uint8Array): LocalTime | null {
  const parts = Array.from(bytes, (byte) => readBcd(Uint8Array.of(byte)))
  if (bytes.length === minuteTimeBytes) parts.unshift(0)
  const [second, minute, hour, day, month, year] = parts
  if (!isNumber(second) || !isNumber(minute) || !isNumber(hour) || !isNumber(day) || !isNumber(month) || !isNumber(year))
    return null
  const time = { year: 2000 + year, month, day, hour, minute, second }
  return isInstant(time) ? time : null
}

/** A date and time as six bytes, seconds first, or as five without them. @throws RangeError outside 2000…2099 */
export function writeTime(time: LocalTime, length: number = fullTimeBytes): Uint8Array {
  if (time.year < 2000 || time.year > 2099 || !isInstant(time)) throw new RangeError('a meter knows the years 2000 to 2099')
  const parts = [time.second, time.minute, time.hour, time.day, time.month, time.year - 2000]
  return Uint8Array.from(parts.slice(fullTimeBytes - length).flatMap((part) => [...writeBcd(part, 1)]))
}

/** `YYYY-MM-DD hh:mm:ss`. */
export function timeText(time: LocalTime): string {
  const pad = (value: number) => String(value).padStart(2, '0')
  return `${time.year}-${pad(time.month)}-${pad(time.day)} ` + `${pad(time.hour)}:${pad(time.minute)}:${pad(time.second)}`
}

/** `YYYY-MM-DD hh:mm`. */
export function minuteText(time: LocalTime): string {
  return timeText(time).slice(0, 16)
}

/** Days of a month; February has 29 where the year is unknown. */
export function daysOfMonth(month: number, year: number = 2000): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate()
}

function isInstant(time: LocalTime): boolean {
  return (
    time.month >= 1 &&
    time.month <= 12 &&
    time.day >= 1 &&
    time.day <= daysOfMonth(time.month, time.year) &&
    time.hour <= 23 &&
    time.minute <= 59 &&
    time.second <= 59
  )
}

const isNumber = (part: number | null | undefined): part is number => typeof part === 'number'
