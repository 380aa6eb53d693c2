import { dayMs, epochMs, fail, formatLocal, meterId, ok, startOfLocalDay } from '../model/index.js'
import type { EpochMs, InputError, Result } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'
import { parseEdge, type SpanEdge } from './local-instants.js'
import type { ConsoleCall } from './protocol.js'
import type { EventView, EventsView, GapView, GapsView } from './views.js'

/** Events looked through for one answer of a filtered list; older ones are asked for with `before`. */
export const eventsLookedMax = 20_000
const eventsPerQuery = 1_000
/** Days of one list of gaps; the store walks through all points of a day. */
export const gapDaysMax = 31

type EventsCall = Extract<ConsoleCall, { ask: 'events' }>
type GapsCall = Extract<ConsoleCall, { ask: 'gaps' }>

/** Events, newest first. */
export async function listEvents(call: EventsCall, backend: ConsoleBackend): Promise<EventsView> {
  const { count, meter, account, code } = call
  const found: EventView[] = []
  const isFiltered = meter !== undefined || account !== undefined || code !== undefined
  let { before } = call
  for (let looked = 0; looked < eventsLookedMax && found.length < count; looked += eventsPerQuery) {
    const input = { count: isFiltered ? eventsPerQuery : count, ...(before === undefined ? {} : { before }) }
    const { events } = await backend.query('events', input)
    found.push(...events.filter((event) => isWanted(event, call)))
    before = events.at(-1)?.seq
    if (before === undefined || events.length < input.count) break
  }
  return { utcOffsetMinutes: backend.site().parameters.utcOffsetMinutes, events: found.slice(0, count) }
}

/** `code` fits whole codes and areas: `bus` is all of `bus.up` and `bus.down`. */
function isWanted(event: EventView, { meter, account, code }: EventsCall): boolean {
  if (meter !== undefined && event.meter !== meter) return false
  if (account !== undefined && event.account !== account) return false
  return code === undefined || event.code === code || event.code.startsWith(`${code}.`)
}

/** Missing values with their reasons, oldest first; day by day, so that nobody waits long for the store meanwhile. */
export async function listGaps(call: GapsCall, backend: ConsoleBackend): Promise<Result<GapsView, InputError>> {
  const { utcOffsetMinutes, meters } = backend.site().parameters
  if (call.meter !== undefined && !meters.some(({ id }) => id === call.meter)) {
    return fail({ code: 'unknown-meter', at: 'meter', message: `the archive has no meter ${call.meter}` })
  }
  const span = spanOf(call, backend.clock().at, utcOffsetMinutes)
  if (!span.ok) return span
  const { from, to } = span.value
  const found: GapView[] = []
  for (let start: number = from; start <= to && found.length <= call.count; start += dayMs) {
    const day = { from: epochMs(start), to: epochMs(Math.min(to, start + dayMs - 1)) }
    const filter = call.meter === undefined ? {} : { meter: meterId(call.meter) }
    const { gaps } = await backend.query('gaps', { ...day, ...filter, count: call.count - found.length + 1 })
    found.push(...gaps)
  }
  const since = await beganAt(backend)
  return ok({ utcOffsetMinutes, from, to, since, gaps: found.slice(0, call.count), more: found.length > call.count })
}

/** The time of the very first event; null: it is not kept any more. */
async function beganAt(backend: ConsoleBackend): Promise<EpochMs | null> {
  const { extents } = await backend.query('extents', {})
  if (extents.some(({ stream, lo }) => stream === 'event' && lo > 1)) return null
  const { events } = await backend.query('events', { count: 1, before: 2 })
  return events[0]?.stamp.receivedAt ?? null
}

interface Span {
  readonly from: EpochMs
  readonly to: EpochMs
}

/** One local day, or a span: without an end until now, without a beginning from the day before its end's on. */
function spanOf(call: GapsCall, now: EpochMs, utcOffsetMinutes: number): Result<Span, InputError> {
  if (call.day !== undefined && (call.from !== undefined || call.to !== undefined)) {
    return fail({ code: 'day-or-span', at: 'day', message: 'expected either a day or from and to' })
  }
  const end = edgeOf(call.day ?? call.to ?? now, utcOffsetMinutes, 'to')
  if (!end.ok) return end
  const dayBefore = startOfLocalDay(end.value, utcOffsetMinutes) - dayMs
  const begin = edgeOf(call.day ?? call.from ?? dayBefore, utcOffsetMinutes, 'from')
  if (!begin.ok) return begin
  const [from, to] = [begin.value, end.value]
  if (from > to) {
    const message = `expected a time before the end of the span, ${formatLocal(to, utcOffsetMinutes)}, got ${formatLocal(from, utcOffsetMinutes)}`
    return fail({ code: 'wrong-order', at: 'from', message })
  }
  if (to - from <= gapDaysMax * dayMs) return ok({ from, to })
  return fail({ code: 'too-long', at: 'from', message: `expected at most ${gapDaysMax} days before the end of the span` })
}

function edgeOf(edge: string | number, utcOffsetMinutes: number, which: SpanEdge): Result<EpochMs, InputError> {
  return typeof edge === 'number' ? ok(epochMs(edge)) : parseEdge(edge, utcOffsetMinutes, which)
}
