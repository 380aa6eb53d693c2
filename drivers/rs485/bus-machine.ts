import { countText, monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest } from '../../src/ports/index.js'
import { earlier, joined, later, type Asked, type BusEffect, type BusInput, type BusState, type BusStep } from './bus-state.js'
import { findReply, rescan, type Found } from './reply-search.js'
import type { Rs485Settings } from './settings.js'

const none: Uint8Array = new Uint8Array(0)

/**
 * A half-duplex bus as a step machine: one exchange at a time, quiet before a request, a deadline for the first byte (from the
 * end of the request's wire time), one for each following byte, and one for the whole.
 */
export function stepBus(state: BusState, input: BusInput, now: MonotonicMs, settings: Rs485Settings): BusStep {
  switch (input.kind) {
    case 'exchange':
      return ask(state, input.request, input.deadline, now, settings)
    case 'bytes':
      return hear(state, input.bytes, now, settings)
    case 'timer':
      return elapse(state, now, settings)
    case 'write-failed':
      return abort(state, input.code, now, false)
    case 'link':
      return input.open ? comeUp(state, now) : goDown(state, input.code, now)
  }
}

function ask(
  state: BusState,
  request: ExchangeRequest,
  deadline: MonotonicMs,
  now: MonotonicMs,
  settings: Rs485Settings,
): BusStep {
  switch (state.name) {
    case 'down':
      return { state, effects: [settle({ kind: 'bus-down', code: state.code, sent: false })] }
    case 'idle':
      return elapse({ name: 'keeping-quiet', quietFrom: state.quietFrom, request, deadline }, now, settings)
    case 'keeping-quiet':
    case 'broadcasting':
    case 'awaiting-reply':
    case 'receiving':
      // The shell refuses a second exchange before it gets here.
      return { state, effects: [] }
  }
}

function elapse(state: BusState, now: MonotonicMs, settings: Rs485Settings): BusStep {
  switch (state.name) {
    case 'down':
    case 'idle':
      return { state, effects: [] }
    case 'keeping-quiet':
      if (now >= state.deadline) return end(state.quietFrom, [settle({ kind: 'bus-down', code: 'no-quiet', sent: false })])
      if (now - state.quietFrom >= state.request.quietMs - settings.quietToleranceMs)
        return send(state.request, state.deadline, now, settings)
      return { state, effects: [] }
    case 'broadcasting': {
      const { wireEnd, sentAt, deadline } = state.asked
      if (now < earlier(wireEnd, deadline)) return { state, effects: [] }
      // In the future: the next request's own quiet comes on top.
      return end(monotonicMs(wireEnd + (wireEnd - sentAt) + settings.broadcastQuietMs), [settle({ kind: 'sent' })])
    }
    case 'awaiting-reply':
      if (now < earlier(state.asked.firstByteBy, state.asked.deadline)) return { state, effects: [] }
      return noReply(state.asked, state.quietFrom)
    case 'receiving':
      if (now < earlier(monotonicMs(state.lastByteAt + settings.interByteMs), state.asked.deadline)) return { state, effects: [] }
      return giveUp(state, now, settings)
  }
}

function send(request: ExchangeRequest, deadline: MonotonicMs, now: MonotonicMs, settings: Rs485Settings): BusStep {
  const wireEnd = monotonicMs(now + request.bytes.length * settings.byteMs)
  const firstByteBy = monotonicMs(wireEnd + request.firstByteMs + settings.byteMs)
  const asked: Asked = { request, deadline, sentAt: now, wireEnd, firstByteBy, mayEcho: settings.cancelsEcho, noise: none }
  const effects: BusEffect[] = [
    { kind: 'trace', direction: 'out', ...shown(request) },
    { kind: 'write', bytes: request.bytes },
  ]
  if (request.reply === 'none') return { state: { name: 'broadcasting', asked }, effects }
  return { state: { name: 'awaiting-reply', asked, quietFrom: wireEnd }, effects }
}

function hear(state: BusState, bytes: Uint8Array, now: MonotonicMs, settings: Rs485Settings): BusStep {
  switch (state.name) {
    case 'down':
    case 'idle':
    case 'keeping-quiet': {
      const quietFrom = later(state.quietFrom, now)
      return { state: { ...state, quietFrom }, effects: [trace('noise', bytes, 'unasked'), { kind: 'unsolicited', bytes }] }
    }
    case 'broadcasting':
      // Nothing is awaited: an echo, or somebody else.
      return {
        state,
        effects: [{ kind: 'trace', direction: 'echo', ...withheld(state.asked.request, bytes, 'during a broadcast') }],
      }
    case 'awaiting-reply':
      return receive(state.asked, bytes, { firstByteAt: now, now, settings })
    case 'receiving':
      return receive(state.asked, joined(state.bytes, bytes), { firstByteAt: state.firstByteAt, now, settings })
  }
}

interface Moment {
  readonly firstByteAt: MonotonicMs
  readonly now: MonotonicMs
  readonly settings: Rs485Settings
}

function receive(asked: Asked, bytes: Uint8Array, moment: Moment): BusStep {
  const { firstByteAt, now, settings } = moment
  const found = findReply(asked, bytes)
  const heard = withNoise(asked, found)
  const effects: BusEffect[] = found.echo === null ? [] : [{ kind: 'trace', direction: 'echo', ...shown(asked.request) }]
  // The echo's end is the true end of the request on the wire, also behind a serial server.
  const echoed: Asked =
    found.echo === null
      ? { ...heard, mayEcho: found.mayEcho }
      : {
          ...heard,
          mayEcho: false,
          firstByteBy: later(asked.firstByteBy, monotonicMs(now + asked.request.firstByteMs + settings.byteMs)),
        }
  if (found.frame !== null)
    return reply(echoed, found, { ...moment, firstByteAt: found.echo === null ? firstByteAt : now }, effects)
  if (echoed.noise.length + found.rest.length > settings.replyBytesMax) return garbled(echoed, found.rest, now, effects)
  if (found.rest.length > 0) {
    const since = found.echo === null ? firstByteAt : now
    return { state: { name: 'receiving', asked: echoed, bytes: found.rest, firstByteAt: since, lastByteAt: now }, effects }
  }
  // All of it was noise: the meter may still answer in the time that it has.
  if (now >= echoed.firstByteBy) return garbled(echoed, none, now, effects)
  return { state: { name: 'awaiting-reply', asked: echoed, quietFrom: now }, effects }
}

function reply(asked: Asked, found: Found, moment: Moment, before: readonly BusEffect[]): BusStep {
  const frame = found.frame ?? none
  const effects: BusEffect[] = [...before]
  if (asked.noise.length > 0) effects.push({ kind: 'trace', direction: 'noise', ...withheld(asked.request, asked.noise, '') })
  effects.push(trace('in', frame, ''))
  if (found.rest.length > 0)
    effects.push({ kind: 'trace', direction: 'noise', ...withheld(asked.request, found.rest, 'after the reply') })
  const firstByteMs = Math.max(0, moment.firstByteAt - asked.wireEnd - moment.settings.byteMs)
  const noiseBytes = asked.noise.length + found.rest.length
  effects.push(settle({ kind: 'reply', frame, firstByteMs, totalMs: moment.now - asked.sentAt, noiseBytes }))
  return end(moment.now, effects)
}

/** The gap was too long: nothing more comes. A true frame may still stand inside a false start. */
function giveUp(state: Extract<BusState, { name: 'receiving' }>, now: MonotonicMs, settings: Rs485Settings): BusStep {
  const found = rescan(state.asked, state.bytes)
  if (found.frame === null) return garbled(state.asked, state.bytes, state.lastByteAt, [])
  const asked = withNoise(state.asked, found)
  const step = reply(asked, found, { firstByteAt: state.firstByteAt, now, settings }, [])
  return { ...step, state: { name: 'idle', quietFrom: state.lastByteAt } }
}

function noReply(asked: Asked, quietFrom: MonotonicMs): BusStep {
  if (asked.noise.length > 0) return garbled(asked, none, quietFrom, [])
  return end(quietFrom, [trace('state', none, 'silent'), settle({ kind: 'silent' })])
}

function garbled(asked: Asked, rest: Uint8Array, quietFrom: MonotonicMs, before: readonly BusEffect[]): BusStep {
  const bytes = joined(asked.noise, rest)
  const line: BusEffect = { kind: 'trace', direction: 'noise', ...withheld(asked.request, bytes, 'never a frame') }
  return end(quietFrom, [...before, line, settle({ kind: 'garbled', bytes })])
}

function comeUp(state: BusState, now: MonotonicMs): BusStep {
  if (state.name !== 'down') return { state, effects: [] }
  return { state: { name: 'idle', quietFrom: later(state.quietFrom, now) }, effects: [trace('state', none, 'up')] }
}

function goDown(state: BusState, code: string, now: MonotonicMs): BusStep {
  const { effects } = abort(state, code, now, state.name !== 'keeping-quiet')
  return { state: { name: 'down', code, quietFrom: now }, effects: [...effects, trace('state', none, `down: ${code}`)] }
}

/** The link went away, or refused the request. */
function abort(state: BusState, code: string, now: MonotonicMs, sent: boolean): BusStep {
  switch (state.name) {
    case 'down':
    case 'idle':
      return { state, effects: [] }
    case 'keeping-quiet':
    case 'broadcasting':
    case 'awaiting-reply':
    case 'receiving':
      return end(now, [settle({ kind: 'bus-down', code, sent })])
  }
}

const end = (quietFrom: MonotonicMs, effects: readonly BusEffect[]): BusStep => ({ state: { name: 'idle', quietFrom }, effects })

const settle = (outcome: ExchangeOutcome): BusEffect => ({ kind: 'settle', outcome })

const trace = (direction: 'in' | 'noise' | 'state', bytes: Uint8Array, note: string): BusEffect => ({
  kind: 'trace',
  direction,
  bytes,
  note,
})

const withNoise = (asked: Asked, found: Found): Asked =>
  found.noise.length === 0 ? asked : { ...asked, noise: joined(asked.noise, found.noise) }

/** What the trace may show of a request. */
function shown(request: ExchangeRequest): { readonly bytes: Uint8Array; readonly note: string } {
  const { bytes, traced = bytes } = request
  return { bytes: traced, note: traced === bytes ? '' : `${countText(bytes.length, 'byte')}, credentials not shown` }
}

/** Bytes that may hold the request's echo are not kept where the request itself may not be shown. */
function withheld(
  request: ExchangeRequest,
  bytes: Uint8Array,
  note: string,
): { readonly bytes: Uint8Array; readonly note: string } {
  if (request.traced === undefined || request.traced === request.bytes) return { bytes, note }
  return { bytes: none, note: `${countText(bytes.length, 'byte')}, not shown beside credentials ${note}`.trimEnd() }
}
