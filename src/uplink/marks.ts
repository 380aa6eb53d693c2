import { monotonicMs } from '../model/index.js'
import type { Stream } from '../model/index.js'
import { bytesUnderWay, createSender, goBack, onAppended, onMark, onReplay } from '../outbox/index.js'
import type { Mark, Sender } from '../outbox/index.js'
import { pump } from './delivery.js'
import type { AckMessage } from './messages.js'
import type { Connection, Context, Effect, Facts, OnlineSession, Phase, ReplayRange, Session, Step } from './session-state.js'

/** Most replays that wait for a master; further ones are dropped, the master asks again when it still sees the gap. */
export const replaysWaitingMax = 16

/** Asks the store what there is; the greeting leaves when the answer is there, and again after a growing pause until a master answers. */
export function greet(
  session: Session,
  last: { readonly connection: Connection; readonly hellos: number },
  context: Context,
): Step {
  const { helloFirstMs, helloMaxMs } = context.settings
  const pauseMs = Math.min(helloMaxMs, helloFirstMs * 2 ** Math.min(last.hellos, 30))
  const phase: Phase = {
    name: 'greeting',
    connection: last.connection,
    hellos: last.hellos + 1,
    againAt: monotonicMs(context.now + pauseMs),
  }
  return { session: { ...session, phase }, effects: [{ kind: 'load' }] }
}

/**
 * The master's marks. The first after a greeting are taken as they are, also when they are lower than before: the master knows
 * what it has. Later ones only move on; a lower one asks for a new greeting. Marks of another master or epoch are not for us.
 */
export function onAck(session: Session, ack: AckMessage, context: Context): Step {
  const { phase, facts } = session
  if (facts === null || ack.master !== context.settings.master || ack.epoch !== facts.epoch) return stay(session)
  if (phase.name !== 'greeting' && phase.name !== 'online') return stay(session)
  const marks = facts.extents.flatMap(({ stream }) => {
    const upTo = ack.marks[stream]
    return upTo === undefined ? [] : [{ stream, upTo }]
  })
  const beyond = excess(marks, facts)
  if (beyond !== null) return renew(session, { connection: phase.connection, reason: beyond }, context)
  const acknowledge: Effect = { kind: 'acknowledge', epoch: facts.epoch, marks }
  if (phase.name === 'greeting') return first(session, { connection: phase.connection, facts, marks, acknowledge }, context)
  const sender = onMark(phase.sender, marks, context.now)
  if (sender.lanes.some((lane) => lane.named < lane.mark)) {
    return greet(keepReplays({ ...session, phase }), { connection: phase.connection, hellos: 0 }, context)
  }
  const moved = sender.lanes.some((lane, index) => lane.mark !== phase.sender.lanes[index]?.mark)
  if (!moved) return pump({ ...session, phase: { ...phase, sender } }, context)
  const settledBytes = bytesUnderWay(phase.sender) - bytesUnderWay(sender)
  const windowBytes = Math.min(context.settings.window.maxBytes, session.windowBytes + settledBytes)
  const moving = { ...session, windowBytes, suspect: null, phase: { ...phase, sender, fruitless: 0 } }
  const pumped = pump(moving, context)
  return { ...pumped, effects: [acknowledge, ...pumped.effects] }
}

/** Streams grew: what is new leaves at once if the window has room. */
export function onGrown(
  session: Session,
  ends: readonly { readonly stream: Stream; readonly hi: number }[],
  context: Context,
): Step {
  const { phase, facts } = session
  if (facts === null) return stay(session)
  const extents = facts.extents.map((extent) => {
    const end = ends.find((each) => each.stream === extent.stream)
    return end === undefined ? extent : { ...extent, hi: Math.max(extent.hi, end.hi) }
  })
  const grown = { ...session, facts: { ...facts, extents } }
  if (phase.name !== 'online') return stay(grown)
  return pump({ ...grown, phase: { ...phase, sender: onAppended(phase.sender, ends) } }, context)
}

/** The master asks for a range again; without a master it waits for one. */
export function onReplayWanted(session: Session, range: ReplayRange, context: Context): Step {
  const { phase } = session
  const { stream, first, count } = range
  if (phase.name !== 'online') {
    return stay({ ...session, replays: [...session.replays, { stream, first, count }].slice(0, replaysWaitingMax) })
  }
  const sender = onReplay(phase.sender, { stream, first, count })
  return sender === null ? stay(session) : pump({ ...session, phase: { ...phase, sender } }, context)
}

/** Replays the broker has not confirmed wait for the next connection. */
export function keepReplays(session: OnlineSession): Session {
  const owed = goBack(session.phase.sender).lanes.flatMap((lane) =>
    lane.replays.map(({ first, last }) => ({ stream: lane.stream, first, count: last - first + 1 })),
  )
  return { ...session, replays: [...session.replays, ...owed].slice(0, replaysWaitingMax) }
}

interface FirstMarks {
  readonly connection: Connection
  readonly facts: Facts
  readonly marks: readonly Mark[]
  readonly acknowledge: Effect
}

function first(session: Session, answer: FirstMarks, context: Context): Step {
  const { connection, facts, marks } = answer
  const fresh = createSender({ extents: facts.extents, tombstones: facts.tombstones, marks })
  const sender = session.replays.reduce((built: Sender, range) => onReplay(built, range) ?? built, fresh)
  const phase = { name: 'online', connection, sender, reading: null, missing: null, refreshing: false, fruitless: 0 } as const
  const pumped = pump({ ...session, replays: [], phase }, context)
  return { ...pumped, effects: [answer.acknowledge, ...pumped.effects] }
}

/** What the master has beyond the numbers we ever gave; null: nothing. */
function excess(marks: readonly Mark[], facts: Facts): string | null {
  const beyond = marks.flatMap(({ stream, upTo }) => {
    const hi = facts.extents.find((extent) => extent.stream === stream)?.hi ?? 0
    return upTo > hi ? [`${stream}: the master has ${upTo}, ${hi} were given`] : []
  })
  return beyond.length === 0 ? null : beyond.join('; ')
}

/** This database is older than the master's copy: its records get a new epoch, so that old numbers mean nothing any more. */
function renew(session: Session, cause: { readonly connection: Connection; readonly reason: string }, context: Context): Step {
  const { reason } = cause
  if (session.renewedAt !== null && context.now - session.renewedAt < context.settings.renewPauseMs) {
    return {
      session,
      effects: [{ kind: 'event', event: { code: 'uplink.marks-beyond', severity: 'alarm', detail: { reason } } }],
    }
  }
  return {
    session: { ...session, phase: { name: 'renewing', connection: cause.connection }, renewedAt: context.now },
    effects: [{ kind: 'renew', reason }],
  }
}

function stay(session: Session): Step {
  return { session, effects: [] }
}
