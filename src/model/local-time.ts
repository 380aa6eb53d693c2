import { epochMs, type EpochMs } from './units.js'

/** Broken-down local time of the site. Months and days count from 1; weekday 0 = Sunday. */
export interface LocalTime {
  readonly year: number
  readonly month: number
  readonly day: number
  readonly hour: number
  readonly minute: number
  readonly second: number
}

export const dayMs = 86_400_000
export const minuteMs = 60_000

export function toLocal(at: EpochMs, utcOffsetMinutes: number): LocalTime & { readonly weekday: number } {
  const date = new Date(at + utcOffsetMinutes * minuteMs)
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
    weekday: date.getUTCDay(),
  }
}

export function fromLocal(time: LocalTime, utcOffsetMinutes: number): EpochMs {
  const utc = Date.UTC(time.year, time.month - 1, time.day, time.hour, time.minute, time.second)
  return epochMs(utc - utcOffsetMinutes * minuteMs)
}

/** The local midnight at or before `at`. */
export function startOfLocalDay(at: EpochMs, utcOffsetMinutes: number): EpochMs {
  const shifted = at + utcOffsetMinutes * minuteMs
  return epochMs(Math.floor(shifted / dayMs) * dayMs - utcOffsetMinutes * minuteMs)
}

/** `2026-03-01 08:00:00` in the site's local time. */
export function formatLocal(at: EpochMs, utcOffsetMinutes: number): string {
  return new Date(at + utcOffsetMinutes * minuteMs).toISOString().slice(0, 19).replace('T', ' ')
}
