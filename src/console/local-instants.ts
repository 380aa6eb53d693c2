import { dayMs, epochMs, fail, fromLocal, ok } from '../model/index.js'
import type { EpochMs, InputError, Result } from '../model/index.js'

const datePattern = /^(\d{4})-(\d\d)-(\d\d)$/
const localPattern = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?$/
const zonedPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d)$/

/** `2026-03-01 08:00[:00]` in the site's time, or an instant with its zone such as `2026-03-01T00:00:00Z`; null: neither. */
export function parseInstant(text: string, utcOffsetMinutes: number): EpochMs | null {
  const local = localPattern.exec(text)
  const at = local === null ? zonedInstant(text) : localInstant(local, utcOffsetMinutes)
  return at === null || Number.isNaN(at) ? null : epochMs(at)
}

/** Which end of a span an instant is: of a whole day the first or the last of it. */
export type SpanEdge = 'from' | 'to'

/** Like `parseInstant`; a date alone is the whole of that local day. */
export function parseEdge(text: string, utcOffsetMinutes: number, edge: SpanEdge): Result<EpochMs, InputError> {
  const date = datePattern.exec(text)
  const start = date === null ? null : localInstant(date, utcOffsetMinutes)
  if (start !== null) return ok(epochMs(edge === 'from' ? start : start + dayMs - 1))
  const at = parseInstant(text, utcOffsetMinutes)
  if (at !== null) return ok(at)
  const expected = 'expected a date such as 2026-03-01 or a time such as "2026-03-01 08:00" (the site\'s) or 2026-03-01T00:00:00Z'
  return fail({ code: 'bad-time', at: edge, message: `${expected}, got ${JSON.stringify(text)}` })
}

/** Null where the calendar has no such day or the day no such time. */
function localInstant(match: RegExpExecArray, utcOffsetMinutes: number): number | null {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map((part) => Number(part ?? 0))
  const calendar = new Date(Date.UTC(year, month - 1, day)).toISOString()
  const exists = calendar.startsWith(match[0].slice(0, 10)) && hour < 24 && minute < 60 && second < 60
  return exists ? fromLocal({ year, month, day, hour, minute, second }, utcOffsetMinutes) : null
}

function zonedInstant(text: string): number | null {
  return zonedPattern.test(text) ? Date.parse(text) : null
}
