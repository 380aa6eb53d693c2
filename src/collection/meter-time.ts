import type { EpochMs, RegisterValue } from '../model/index.js'
import { fromLocal, toLocal } from '../model/index.js'

/**
 * Reads a meter's date and time: `2026-03-01 00:05`, with or without seconds, with a blank or a `T` between.
 *
 * @returns null when the value is no such text or no day of the calendar: an empty record, a missing clock
 */
export function parseMeterTime(value: RegisterValue | undefined, utcOffsetMinutes: number): EpochMs | null {
  if (value?.kind !== 'text' || value.text === null) return null
  const match = /^(\d{4})-(\d{2})-(\d{2})[ T](\d{2}):(\d{2})(?::(\d{2}))?$/.exec(value.text)
  if (match === null) return null
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0))
  const isPossible = month >= 1 && month <= 12 && day >= 1 && day <= 31 && hour <= 23 && minute <= 59 && second <= 59
  return isPossible ? fromLocal({ year, month, day, hour, minute, second }, utcOffsetMinutes) : null
}

/**
 * Whether a meter's monthly freeze is that of an instant: by its date and time, or by the day of the month and the hour on which
 * the meter settles (`01 00:00`).
 */
export function settlesAt(value: RegisterValue | undefined, instant: EpochMs, utcOffsetMinutes: number): boolean {
  if (value?.kind !== 'text' || value.text === null) return false
  const match = /^(\d{2}) (\d{2}):00$/.exec(value.text)
  if (match === null) return parseMeterTime(value, utcOffsetMinutes) === instant
  const { day, hour } = toLocal(instant, utcOffsetMinutes)
  return Number(match[1]) === day && Number(match[2]) === hour
}
