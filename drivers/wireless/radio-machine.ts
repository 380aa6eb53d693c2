import type { MonotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest } from '../../src/ports/index.js'
import { searchFrame, type FrameSearch } from '../link/index.js'
import { affordableAt, spend } from './air-budget.js'
import { airMs, betweenPacketsMs, firstPacketMs, packetBytes, packetsOf, requestMs, sendingMs, type AirPace } from './air-time.js'
import { beginConfiguration, stepConfiguration } from './radio-configuration.js'
import { airRates } from './radio-parameters.js'
import {
  after,
  earlier,
  later,
  quietSince,
  type Asked,
  type LineState,
  type Quiet,
  type RadioEffect,
  type RadioInput,
  type RadioState,
  type RadioStep,
  type RadioWorld,
} from './radio-state.js'
import { joinedBytes, searchPackets } from './reassembly.js'

const none: Uint8Array = new Uint8Array(0)
/** Pieces of one packet follow one another on the wire sooner than this. */
const burstPauseMs = 50

/**
 * A transparent radio modem as a step machine: one exchange at a time, sent when the air is quiet and the hour's share of it allows,
 * with deadlines that count the way through the air; a reply is put together of packets by its own length.
 */
export function stepRadio(state: RadioState, input: RadioInput, world: RadioWorld): RadioStep {
  const { line } = state
  if (input.kind === 'link') return input.open ? linkUp(state, world) : goDown(state, input.code)
  if (line.name === 'configuring') return configuring(state, line.step, input, world)
  switch (input.kind) {
    case 'exchange':
      return ask(state, input.request, input.deadline, world)
    case 'recall':
      return line.name === 'waiting' && line.request.to === input.meter
        ? refuse(state, line.request, 'recalled', line.quiet)
        : { state, effects: [] }
    case 'bytes':
      return hear(state, input.bytes, world)
    case 'timer':
      return elapse(state, world)
    case 'write-failed':
      return abort(state, input.code, false, world)
    case 'lines-set':
    case 'answer':
    case 'answer-broken':
      // Too late: nobody asks any more.
      return { state, effects: [] }
  }
}

/** From one packet's last byte to the next packet's first, at the pace that counts now; a longer pause ends a reply. */
export const packetGapMs = (state: RadioState, world: RadioWorld): number =>
  betweenPacketsMs(wiresOf(world), state.pace) + world.settings.marginMs

function configuring(
  state: RadioState,
  step: Extract<LineState, { name: 'configuring' }>['step'],
  input: RadioInput,
  world: RadioWorld,
): RadioStep {
  if (input.kind === 'exchange') return { state, effects: [refusal(input.request, 'configuring')] }
  return stepConfiguration(state, step, input, world)
}

function ask(state: RadioState, request: ExchangeRequest, deadline: MonotonicMs, world: RadioWorld): RadioStep {
  const { line } = state
  const { now, settings } = world
  switch (line.name) {
    case 'down':
      return { state, effects: [refusal(request, line.code)] }
    case 'idle':
      if (request.bytes.length > settings.requestBytesMax) return { state, effects: [tooLong(request)] }
      return wait({ ...state, line: { name: 'waiting', quiet: line.quiet, request, deadline, since: now, until: now } }, world)
    case 'configuring':
    case 'waiting':
    case 'broadcasting':
    case 'awaiting-reply':
    case 'receiving':
      // The shell refuses a second exchange before it gets here.
      return { state, effects: [] }
  }
}

function elapse(state: RadioState, world: RadioWorld): RadioStep {
  const { line } = state
  const { now } = world
  switch (line.name) {
    case 'down':
    case 'configuring':
    case 'idle':
      return { state, effects: [] }
    case 'waiting':
      return wait(state, world)
    case 'broadcasting': {
      const { asked } = line
      if (now < earlier(asked.airEnd, asked.deadline)) return { state, effects: [] }
      // In the future: meters act on it before they listen again.
      const quiet = quietSince(after(asked.heardAt, world.settings.broadcastQuietMs))
      return end(state, quiet, [settle(asked.request, { kind: 'sent' })])
    }
    case 'awaiting-reply':
      if (now < earlier(line.asked.firstByteBy, line.asked.deadline)) return { state, effects: [] }
      return noReply(state, line.asked, now)
    case 'receiving': {
      const until = earlier(after(line.lastByteAt, packetGapMs(state, world)), line.asked.deadline)
      return now < until ? { state, effects: [] } : giveUp(state, line, world)
    }
  }
}

/** Sends once the air is quiet and the hour has a share left; what cannot leave in time is refused unsent. */
function wait(state: RadioState, world: RadioWorld): RadioStep {
  const { line } = state
  if (line.name !== 'waiting') return { state, effects: [] }
  const { request, deadline, since } = line
  const { now, settings } = world
  if (now >= deadline) return refuse(state, request, 'no-quiet', line.quiet)
  const want = { ms: airMs(request.bytes.length, state.pace), isUrgent: request.isUrgent === true }
  const allowedAt = affordableAt(state.budget, want, settings.air, now)
  const patience = earlier(deadline, after(since, settings.airWaitMsMax))
  if (allowedAt === null || allowedAt > patience) {
    const totals = { ...state.totals, refused: state.totals.refused + 1 }
    return refuse({ ...state, totals }, request, 'air-time-spent', line.quiet)
  }
  if (after(now, sendingMs(request.bytes.length, world.byteMs, state.pace)) > deadline)
    return refuse(state, request, now > since ? 'no-quiet' : 'no-time', line.quiet)
  const until = later(after(line.quiet.from, request.quietMs), allowedAt)
  if (until > now) return { state: { ...state, line: { ...line, until } }, effects: [] }
  return send(state, line, want.ms, world)
}

function send(
  state: RadioState,
  { request, deadline }: Extract<LineState, { name: 'waiting' }>,
  spentMs: number,
  world: RadioWorld,
): RadioStep {
  const { now, byteMs, settings } = world
  const { pace, totals } = state
  const length = request.bytes.length
  const wires = wiresOf(world)
  const heardAt = after(now, requestMs(length, wires, pace))
  const asked: Asked = {
    request,
    deadline,
    sentAt: now,
    airEnd: after(now, sendingMs(length, byteMs, pace)),
    heardAt,
    noReplyBefore: after(now, length * byteMs + airMs(length, certainPace(state)) / 2),
    firstByteBy: after(heardAt, request.firstByteMs + firstPacketMs(packetBytes, wires, pace) + settings.marginMs),
    noise: none,
    earlyBytes: 0,
  }
  const sent: RadioState = {
    ...state,
    line: request.reply === 'none' ? { name: 'broadcasting', asked } : { name: 'awaiting-reply', asked },
    budget: spend(state.budget, spentMs, now),
    totals: { ...totals, sentMs: totals.sentMs + spentMs, packetsSent: totals.packetsSent + packetsOf(length) },
  }
  return {
    state: sent,
    effects: [
      { kind: 'trace', direction: 'out', ...shown(request) },
      { kind: 'write', bytes: request.bytes },
    ],
  }
}

/** The air rate that is known for certain: what settings say may be wrong, and must not make replies too early. Half of it is margin. */
function certainPace({ check, pace }: RadioState): AirPace {
  return { ...pace, wakeUpMs: 0, airBitsPerSecond: check.kind === 'read' ? pace.airBitsPerSecond : Math.max(...airRates) }
}

function hear(state: RadioState, bytes: Uint8Array, world: RadioWorld): RadioStep {
  const { line } = state
  const { now } = world
  switch (line.name) {
    case 'down':
    case 'configuring':
      return { state, effects: [trace('noise', bytes, 'unasked')] }
    case 'idle':
    case 'waiting': {
      const heard = { ...state, line: { ...line, quiet: disturbed(line.quiet, bytes.length, state, world) } }
      const { state: next, effects } = line.name === 'waiting' ? wait(heard, world) : { state: heard, effects: [] }
      return { state: next, effects: [trace('noise', bytes, 'unasked'), { kind: 'unsolicited', bytes }, ...effects] }
    }
    case 'broadcasting':
      return { state, effects: [trace('noise', bytes, 'during a broadcast')] }
    case 'awaiting-reply':
      if (now < line.asked.noReplyBefore) return tooEarly(state, line.asked, bytes)
      return receive(state, line.asked, { bytes, firstByteAt: now }, world)
    case 'receiving':
      return receive(state, line.asked, { bytes: joinedBytes(line.bytes, bytes), firstByteAt: line.firstByteAt }, world)
  }
}

/** A full packet is followed by another one more often than not: whoever talks now would talk into it. */
function disturbed(quiet: Quiet, bytes: number, state: RadioState, world: RadioWorld): Quiet {
  const { now } = world
  const burstBytes = (now - quiet.heardAt <= burstPauseMs ? quiet.burstBytes : 0) + bytes
  const isFull = burstBytes % packetBytes === 0
  return { from: later(quiet.from, after(now, isFull ? packetGapMs(state, world) : 0)), heardAt: now, burstBytes }
}

/** A late or doubled packet of an earlier exchange: our own request is still in the air. */
function tooEarly(state: RadioState, asked: Asked, bytes: Uint8Array): RadioStep {
  const line: LineState = { name: 'awaiting-reply', asked: { ...asked, earlyBytes: asked.earlyBytes + bytes.length } }
  return {
    state: { ...state, line },
    effects: [{ kind: 'trace', direction: 'noise', ...withheld(asked.request, bytes, 'too early') }],
  }
}

interface Heard {
  readonly bytes: Uint8Array
  readonly firstByteAt: MonotonicMs
}

function receive(state: RadioState, asked: Asked, heard: Heard, world: RadioWorld): RadioStep {
  const { now, settings } = world
  const { reply } = asked.request
  const found: FrameSearch = reply === 'none' ? { noise: heard.bytes, frame: null, rest: none } : searchFrame(reply, heard.bytes)
  const noise = joinedBytes(asked.noise, found.noise)
  if (found.frame !== null) return replied(state, asked, { ...found, noise }, { firstByteAt: heard.firstByteAt, world })
  const listening: Asked = { ...asked, noise }
  if (noise.length + found.rest.length > settings.replyBytesMax) return garbled(state, listening, found.rest, world)
  // Noise of a packet's length may be a reply in which a packet came twice: the rest of it may still be on its way.
  if (found.rest.length > 0 || noise.length >= packetBytes) {
    const line: LineState = {
      name: 'receiving',
      asked: listening,
      bytes: found.rest,
      firstByteAt: heard.firstByteAt,
      lastByteAt: now,
    }
    return { state: { ...state, line }, effects: [] }
  }
  // All of it was noise: the meter may still answer in the time that it has.
  if (now >= asked.firstByteBy) return garbled(state, listening, none, world)
  return { state: { ...state, line: { name: 'awaiting-reply', asked: listening } }, effects: [] }
}

/** The pause was too long: a packet is lost, or came twice. */
function giveUp(state: RadioState, line: Extract<LineState, { name: 'receiving' }>, world: RadioWorld): RadioStep {
  const { asked, bytes, firstByteAt } = line
  const { reply } = asked.request
  if (reply === 'none') return garbled(state, asked, bytes, world)
  const found = searchPackets(reply, joinedBytes(asked.noise, bytes))
  if (found.frame !== null) return replied(state, asked, found, { firstByteAt, world })
  if (bytes.length > 0 || world.now >= earlier(asked.firstByteBy, asked.deadline)) return garbled(state, asked, bytes, world)
  return { state: { ...state, line: { name: 'awaiting-reply', asked } }, effects: [] }
}

function replied(
  state: RadioState,
  asked: Asked,
  found: FrameSearch,
  { firstByteAt, world }: { readonly firstByteAt: MonotonicMs; readonly world: RadioWorld },
): RadioStep {
  const { now } = world
  const frame = found.frame ?? none
  const { request } = asked
  const lateMs = firstByteAt - asked.heardAt - firstPacketMs(frame.length, wiresOf(world), state.pace)
  const outcome: ExchangeOutcome = {
    kind: 'reply',
    frame,
    firstByteMs: Math.max(0, lateMs),
    totalMs: now - asked.sentAt,
    noiseBytes: asked.earlyBytes + found.noise.length + found.rest.length,
  }
  const effects: RadioEffect[] = [
    ...(found.noise.length > 0 ? [noiseLine(request, found.noise, '')] : []),
    trace('in', frame, ''),
    ...(found.rest.length > 0 ? [noiseLine(request, found.rest, 'after the reply')] : []),
    settle(request, outcome),
  ]
  return end(heardOf(state, frame.length + found.noise.length + found.rest.length), quietSince(now), effects)
}

function noReply(state: RadioState, asked: Asked, now: MonotonicMs): RadioStep {
  const { request, noise } = asked
  if (noise.length === 0) {
    const silent = [trace('state', none, 'silent'), settle(request, { kind: 'silent' })]
    return end(state, quietSince(now), silent)
  }
  return end(heardOf(state, noise.length), quietSince(now), [
    noiseLine(request, noise, 'never a frame'),
    settle(request, { kind: 'garbled', bytes: noise }),
  ])
}

function garbled(state: RadioState, asked: Asked, rest: Uint8Array, world: RadioWorld): RadioStep {
  return noReply(state, { ...asked, noise: joinedBytes(asked.noise, rest) }, world.now)
}

function linkUp(state: RadioState, world: RadioWorld): RadioStep {
  return state.line.name === 'down' ? beginConfiguration(state, world) : { state, effects: [] }
}

function goDown(state: RadioState, code: string): RadioStep {
  const effects = aborted(state.line, code, state.line.name !== 'waiting')
  return { state: { ...state, line: { name: 'down', code } }, effects: [...effects, trace('state', none, `down: ${code}`)] }
}

/** The link refused a request: it goes down by itself, or is free for the next one. */
function abort(state: RadioState, code: string, sent: boolean, world: RadioWorld): RadioStep {
  const effects = aborted(state.line, code, sent)
  return effects.length === 0 ? { state, effects } : end(state, quietSince(world.now), effects)
}

function aborted(line: LineState, code: string, sent: boolean): readonly RadioEffect[] {
  switch (line.name) {
    case 'down':
    case 'configuring':
    case 'idle':
      return []
    case 'waiting':
      return [settle(line.request, { kind: 'bus-down', code, sent })]
    case 'broadcasting':
    case 'awaiting-reply':
    case 'receiving':
      return [settle(line.asked.request, { kind: 'bus-down', code, sent })]
  }
}

const refuse = (state: RadioState, request: ExchangeRequest, code: string, quiet: Quiet): RadioStep =>
  end(state, quiet, [trace('state', none, `not sent: ${code}`), refusal(request, code)])

const end = (state: RadioState, quiet: Quiet, effects: readonly RadioEffect[]): RadioStep => ({
  state: { ...state, line: { name: 'idle', quiet } },
  effects,
})

/** The air that others had: of packets as full as they come. */
function heardOf(state: RadioState, bytes: number): RadioState {
  const { totals, pace } = state
  const heardMs = totals.heardMs + airMs(bytes, { ...pace, wakeUpMs: 0 })
  return { ...state, totals: { ...totals, heardMs, packetsHeard: totals.packetsHeard + packetsOf(bytes) } }
}

const wiresOf = ({ byteMs, settings }: RadioWorld) => ({ byteMs, farByteMs: settings.farByteMs })

const tooLong = (request: ExchangeRequest): RadioEffect =>
  settle(request, { kind: 'bus-down', code: 'request-too-long', sent: false, hindrance: 'not-carried' })
const refusal = (request: ExchangeRequest, code: string): RadioEffect => settle(request, { kind: 'bus-down', code, sent: false })

const settle = (request: ExchangeRequest, outcome: ExchangeOutcome): RadioEffect => ({ kind: 'settle', request, outcome })

const trace = (direction: 'in' | 'noise' | 'state', bytes: Uint8Array, note: string): RadioEffect => ({
  kind: 'trace',
  direction,
  bytes,
  note,
})

const noiseLine = (request: ExchangeRequest, bytes: Uint8Array, note: string): RadioEffect => ({
  kind: 'trace',
  direction: 'noise',
  ...withheld(request, bytes, note),
})

/** What the trace may show of a request. */
function shown(request: ExchangeRequest): { readonly bytes: Uint8Array; readonly note: string } {
  if (request.traced === undefined) return { bytes: request.bytes, note: '' }
  return { bytes: request.traced, note: `${request.bytes.length} bytes, credentials not shown` }
}

/** Bytes that may repeat the request are not kept where the request itself may not be shown. */
function withheld(
  request: ExchangeRequest,
  bytes: Uint8Array,
  note: string,
): { readonly bytes: Uint8Array; readonly note: string } {
  if (request.traced === undefined) return { bytes, note }
  return { bytes: none, note: `${bytes.length} bytes, not shown beside credentials ${note}`.trimEnd() }
}
