import { monotonicMs } from '../model/index.js'
import type { MonotonicMs } from '../model/index.js'
import { onTimeout } from '../outbox/index.js'
import { backOffMs } from './back-off.js'
import { confirm, onRecords, onRefreshed, progressLimitMs, pump, stallLimitMs } from './delivery.js'
import { greet, keepReplays, onAck, onGrown, onReplayWanted } from './marks.js'
import { messageVersion } from './messages.js'
import type { HelloMessage } from './messages.js'
import type {
  Connection,
  Context,
  Effect,
  Facts,
  Input,
  Online,
  OnlineSession,
  Phase,
  Session,
  SessionSettings,
  Step,
} from './session-state.js'

/** MQTT 5 reason codes that want more than another try. */
const takenOver = '142'
const tooLarge = '149'
/** A single record is given up as too large only if it is large, and after so many closed connections without a reason. */
const suspectBytesMin = 1_024
const suspectClosesMax = 20
/** A connection this old proves that its batches are small enough: the next one starts with large ones again. */
const provenAfterMs = 3_600_000
/** How long the last state may take on a clean stop. */
const stopMs = 2_000

/** A session at rest; `start` sets it going. */
export function createSession(settings: SessionSettings, now: MonotonicMs): Session {
  return {
    phase: { name: 'stopped' },
    generation: 0,
    broker: 0,
    failures: 0,
    facts: null,
    windowBytes: settings.window.startBytes,
    batchBytesMax: settings.batchBytesMax,
    roundTripMs: 0,
    suspect: null,
    unsendable: null,
    orderUntil: null,
    renewedAt: null,
    replays: [],
    nextId: 1,
    lastError: null,
    changedAt: now,
    reconnects: 0,
  }
}

/**
 * One step of a session with one master: connect, subscribe, greet, deliver from the master's marks, until the connection ends;
 * then wait and try again. Pure: what is to be done stands in the effects, what came of them returns as inputs.
 */
export function step(session: Session, input: Input, context: Context): Step {
  if ('generation' in input && input.generation !== session.generation) return stay(session)
  const result = dispatch(session, input, context)
  if (result.session.phase.name === session.phase.name) return result
  return { ...result, session: { ...result.session, changedAt: context.now } }
}

/** When the session wants to be woken at the latest; null: it waits for others only. */
export function wakeAt(session: Session, settings: SessionSettings): MonotonicMs | null {
  const { phase } = session
  switch (phase.name) {
    case 'stopped':
    case 'renewing':
      return null
    case 'waiting':
    case 'connecting':
    case 'subscribing':
    case 'stopping':
      return phase.until
    case 'greeting':
      return earliest([phase.againAt, stalledAt(session, phase.connection, settings)])
    case 'online':
      return earliest([
        stalledAt(session, phase.connection, settings),
        phase.sender.waitingSince === null ? null : phase.sender.waitingSince + progressLimitMs(session, settings),
        session.orderUntil,
        canReturn(session, phase) ? phase.connection.since + settings.returnAfterMs : null,
      ])
  }
}

function dispatch(session: Session, input: Input, context: Context): Step {
  const { phase } = session
  switch (input.kind) {
    case 'start':
      return phase.name === 'stopped' ? connect(session, context) : stay(session)
    case 'link-up':
      return phase.name === 'waiting' ? connect({ ...session, failures: 0 }, context) : stay(session)
    case 'stop':
      return stop(session, context.now)
    case 'wake':
      return wake(session, context)
    case 'appended':
      return onGrown(session, input.ends, context)
    case 'replay':
      return onReplayWanted(session, input, context)
    case 'opened':
      return opened(session, input, context)
    case 'subscribed':
      return phase.name === 'subscribing' ? greet(session, { connection: phase.connection, hellos: 0 }, context) : stay(session)
    case 'closed':
      return closed(session, input.code, context)
    case 'confirmed':
      return confirmed(session, input, context)
    case 'ack':
      return onAck(session, input.ack, context)
    case 'order':
      return stay({ ...session, orderUntil: later(context.now, context.settings.window.orderMs) })
    case 'facts':
      return informed(session, input.facts, context)
    case 'records':
      return phase.name === 'online' ? onRecords({ ...session, phase }, input, context) : stay(session)
    case 'renewed':
      return phase.name === 'renewing' ? greet(session, { connection: phase.connection, hellos: 0 }, context) : stay(session)
  }
}

function connect(session: Session, context: Context): Step {
  const phase: Phase = { name: 'connecting', until: later(context.now, context.settings.connectMs) }
  return {
    session: { ...session, phase, generation: session.generation + 1 },
    effects: [{ kind: 'connect', broker: session.broker }],
  }
}

function opened(session: Session, limits: { readonly receiveMax: number; readonly packetMax: number }, context: Context): Step {
  if (session.phase.name !== 'connecting') return stay(session)
  const { receiveMax, packetMax } = limits
  const connection: Connection = { since: context.now, isAnnounced: false, receiveMax, packetMax, unconfirmed: [] }
  const phase: Phase = { name: 'subscribing', connection, until: later(context.now, context.settings.connectMs) }
  return { session: { ...session, phase }, effects: [{ kind: 'subscribe' }] }
}

/** The store said what there is: the greeting leaves, or the delivery goes on with what was evicted. */
function informed(session: Session, facts: Facts, context: Context): Step {
  const { phase } = session
  if (phase.name === 'online') return onRefreshed({ ...session, phase, facts }, context)
  if (phase.name !== 'greeting') return stay(session)
  const hello: HelloMessage = {
    v: messageVersion,
    epoch: facts.epoch,
    streams: Object.fromEntries(facts.extents.map(({ stream, lo, hi }) => [stream, { lo, hi }])),
    parameters: facts.parameters,
    counters: { ...facts.counters },
    software: context.settings.software,
  }
  const id = session.nextId
  const { connection } = phase
  const announcement: readonly Effect[] = connection.isAnnounced ? [] : [{ kind: 'publish-state', id: id + 1, online: true }]
  const unconfirmed = [id, ...announcement.map(() => id + 1)].map((each) => ({ id: each, at: context.now, batch: null }))
  const informedConnection = { ...connection, isAnnounced: true, unconfirmed: [...connection.unconfirmed, ...unconfirmed] }
  return {
    session: { ...session, facts, nextId: id + 2, phase: { ...phase, connection: informedConnection } },
    effects: [{ kind: 'publish', id, topic: context.settings.topics.hello, payload: JSON.stringify(hello) }, ...announcement],
  }
}

function confirmed(session: Session, input: { readonly id: number; readonly error: string | null }, context: Context): Step {
  const { phase } = session
  switch (phase.name) {
    case 'stopping':
      return input.id === phase.lastId ? end(session) : stay(session)
    case 'subscribing':
    case 'greeting':
    case 'renewing': {
      const { connection, roundTripMs, effects } = confirm(session, phase.connection, { ...input, now: context.now })
      return { session: { ...session, roundTripMs, phase: { ...phase, connection } }, effects }
    }
    case 'online': {
      const { connection, roundTripMs, delivered, effects } = confirm(session, phase.connection, { ...input, now: context.now })
      const pumped = pump({ ...session, roundTripMs, phase: { ...phase, connection, sender: delivered(phase.sender) } }, context)
      return { ...pumped, effects: [...effects, ...pumped.effects] }
    }
    case 'stopped':
    case 'waiting':
    case 'connecting':
      return stay(session)
  }
}

function wake(session: Session, context: Context): Step {
  const { phase } = session
  const { now, settings } = context
  switch (phase.name) {
    case 'stopped':
    case 'renewing':
      return stay(session)
    case 'waiting':
      return now < phase.until ? stay(session) : connect(session, context)
    case 'connecting':
    case 'subscribing':
      return now < phase.until ? stay(session) : giveUp(session, `${phase.name}-timeout`, context)
    case 'stopping':
      return now < phase.until ? stay(session) : end(session)
    case 'greeting':
      if (isDue(stalledAt(session, phase.connection, settings), now)) return giveUp(session, 'stalled', context)
      return now < phase.againAt ? stay(session) : greet(session, phase, context)
    case 'online':
      return wakeOnline({ ...session, phase }, context)
  }
}

function wakeOnline(session: OnlineSession, context: Context): Step {
  const { phase } = session
  const { now, settings } = context
  if (isDue(stalledAt(session, phase.connection, settings), now)) return giveUp(session, 'stalled', context)
  if (canReturn(session, phase) && now >= phase.connection.since + settings.returnAfterMs) {
    const left = connect({ ...keepReplays(session), broker: 0 }, context)
    return { ...left, effects: [{ kind: 'close', good: true }, ...left.effects] }
  }
  const orderUntil = isDue(session.orderUntil, now) ? null : session.orderUntil
  const { sender, wentBack } = onTimeout(phase.sender, now, progressLimitMs(session, settings))
  if (!wentBack) return pump({ ...session, orderUntil }, context)
  const windowBytes = Math.max(settings.window.minBytes, Math.floor(session.windowBytes / 2))
  const back: Online = { ...phase, sender, reading: null, refreshing: false, fruitless: phase.fruitless + 1 }
  const smaller = { ...session, orderUntil, windowBytes, phase: back }
  if (back.fruitless < 2) return pump(smaller, context)
  return greet(keepReplays(smaller), { connection: phase.connection, hellos: 0 }, context)
}

/** From a backup broker the session goes back to the main one, but not with something under way. */
function canReturn(session: Session, phase: Online): boolean {
  return session.broker > 0 && phase.sender.underWay.length === 0
}

/** The connection is of no use any more: destroy it and go on as if it had closed. */
function giveUp(session: Session, code: string, context: Context): Step {
  const next = closed(session, code, context)
  return { ...next, effects: [{ kind: 'close', good: false }, ...next.effects] }
}

function closed(session: Session, code: string, context: Context): Step {
  const { phase } = session
  if (phase.name === 'stopped' || phase.name === 'waiting') return stay(session)
  if (phase.name === 'stopping') return stay({ ...session, phase: { name: 'stopped' } })
  const { settings, now } = context
  const lastedMs = phase.name === 'connecting' ? 0 : now - phase.connection.since
  const wasStable = lastedMs >= settings.stableAfterMs
  const broker = wasStable ? 0 : (session.broker + 1) % settings.brokerCount
  const failures = wasStable ? 0 : broker === 0 ? session.failures + 1 : session.failures
  const pauseMs =
    code === takenOver ? settings.backOff.maxMs : backOffMs(settings.backOff, broker === 0 ? failures : 0, context.random)
  const proven = lastedMs >= provenAfterMs ? { ...session, batchBytesMax: settings.batchBytesMax } : session
  const kept = phase.name === 'online' ? keepReplays(suspected({ ...proven, phase }, code, settings)) : proven
  return {
    session: {
      ...kept,
      phase: { name: 'waiting', until: later(now, pauseMs) },
      generation: session.generation + 1,
      broker,
      failures,
      lastError: code,
      reconnects: session.reconnects + 1,
    },
    effects: [
      { kind: 'note', event: 'uplink-closed', fields: { code, phase: phase.name, pauseMs: Math.round(pauseMs) } },
      ...(code === takenOver ? [alarm('uplink.taken-over', code)] : []),
      ...(code === tooLarge ? [alarm('uplink.packet-too-large', code)] : []),
    ],
  }
}

/** A batch at whose head connections keep closing is cut smaller; a large single record is at last announced as too large. */
function suspected(session: OnlineSession, code: string, settings: SessionSettings): OnlineSession {
  const head = session.phase.connection.unconfirmed.flatMap((each) => (each.batch === null ? [] : [each.batch]))[0]
  if (head === undefined) return session
  const { suspect } = session
  const isSame = suspect !== null && suspect.stream === head.stream && suspect.first === head.first
  const closes = isSame ? suspect.closes + 1 : 1
  const next = { ...session, suspect: { stream: head.stream, first: head.first, closes } }
  if (closes < 2) return next
  const half = Math.floor(Math.min(head.bytes, session.batchBytesMax) / 2)
  if (head.count > 1) return { ...next, batchBytesMax: Math.max(settings.batchBytesMin, half) }
  if (head.bytes < suspectBytesMin || (code !== tooLarge && closes < suspectClosesMax)) return next
  return { ...next, unsendable: { stream: head.stream, first: head.first } }
}

function stop(session: Session, now: MonotonicMs): Step {
  const { phase } = session
  switch (phase.name) {
    case 'stopped':
    case 'stopping':
      return stay(session)
    case 'waiting':
      return stay({ ...session, phase: { name: 'stopped' } })
    case 'connecting': {
      const stopped: Phase = { name: 'stopped' }
      return {
        session: { ...session, phase: stopped, generation: session.generation + 1 },
        effects: [{ kind: 'close', good: false }],
      }
    }
    case 'subscribing':
    case 'renewing':
    case 'greeting':
    case 'online': {
      const lastId = session.nextId
      const stopping: Phase = { name: 'stopping', connection: phase.connection, lastId, until: later(now, stopMs) }
      return {
        session: { ...session, nextId: lastId + 1, phase: stopping },
        effects: [{ kind: 'publish-state', id: lastId, online: false }],
      }
    }
  }
}

function end(session: Session): Step {
  return {
    session: { ...session, phase: { name: 'stopped' }, generation: session.generation + 1 },
    effects: [{ kind: 'close', good: true }],
  }
}

function stay(session: Session): Step {
  return { session, effects: [] }
}

function alarm(code: string, reason: string): Effect {
  return { kind: 'event', event: { code, severity: 'alarm', detail: { reason } } }
}

function stalledAt(session: Session, connection: Connection, settings: SessionSettings): MonotonicMs | null {
  const oldest = connection.unconfirmed[0]
  return oldest === undefined ? null : later(oldest.at, stallLimitMs(session, settings))
}

function isDue(at: MonotonicMs | null, now: MonotonicMs): boolean {
  return at !== null && at <= now
}

function earliest(times: readonly (number | null)[]): MonotonicMs | null {
  const known = times.filter((time) => time !== null)
  return known.length === 0 ? null : monotonicMs(Math.min(...known))
}

function later(now: MonotonicMs, ms: number): MonotonicMs {
  return monotonicMs(now + ms)
}
