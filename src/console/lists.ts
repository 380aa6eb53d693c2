import { dayMs, epochMs, fail, fromLocal, meterId, ok, startOfLocalDay } from '../model/index.js'
import type { EpochMs, InputError, Result } from '../model/index.js'
import type { ConsoleBackend } from './backend.js'
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
  const { from, to } = spanOf(call, backend.clock().at, utcOffsetMinutes)
  if (to - from > gapDaysMax * dayMs)
    return fail({ code: 'too-long', at: 'from', message: `expected at most ${gapDaysMax} days` })
  const found: GapView[] = []
  for (let start: number = from; start <= to && found.length <= call.count; start += dayMs) {
    const span = { from: epochMs(start), to: epochMs(Math.min(to, start + dayMs - 1)) }
    const filter = call.meter === undefined ? {} : { meter: meterId(call.meter) }
    const { gaps } = await backend.query('gaps', { ...span, ...filter, count: call.count - found.length + 1 })
    found.push(...gaps)
  }
  return ok({ utcOffsetMinutes, from, to, gaps: found.slice(0, call.count), more: found.length > call.count })
}

/** One local day, or a span; without either, yesterday and today so far. */
function spanOf(call: GapsCall, now: EpochMs, utcOffsetMinutes: number): { readonly from: EpochMs; readonly to: EpochMs } {
  if (call.day !== undefined) {
    const [year = 0, month = 1, day = 1] = call.day.split('-').map(Number)
    const from = fromLocal({ year, month, day, hour: 0, minute: 0, second: 0 }, utcOffsetMinutes)
    return { from, to: epochMs(from + dayMs - 1) }
  }
  const to = call.to === undefined ? now : epochMs(call.to)
  const from = call.from === undefined ? epochMs(startOfLocalDay(to, utcOffsetMinutes) - dayMs) : epochMs(call.from)
  return { from, to }
}
