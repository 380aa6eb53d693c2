import type { MonotonicMs, StreamRecord } from '../model/index.js'
import { next, onDelivered, onEvicted, onSent } from '../outbox/index.js'
import type { Batch, Sender, Wanted, Window } from '../outbox/index.js'
import { messageVersion } from './messages.js'
import type { BatchMessage, GapReason } from './messages.js'
import type { Connection, Context, Effect, OnlineSession, Session, SessionSettings, Step } from './session-state.js'

/** Most batches without a PUBACK, whatever the broker allows: the window in bytes is reached long before. */
export const unconfirmedMax = 64
/** Fixed header, topic and properties of a PUBLISH, at most. */
const packetOverheadBytes = 160
/** The fields of a batch around its records, at most. */
const batchOverheadBytes = 120

/** Sends as much as the window allows: publishes gap notices, and asks the store for the records of the next batch. */
export function pump(session: OnlineSession, context: Context): Step {
  const effects: Effect[] = []
  let present = session
  while (present.phase.reading === null && !present.phase.refreshing && hasRoom(present.phase.connection)) {
    const wanted = next(present.phase.sender, windowOf(present, context))
    if (wanted === null) break
    if (wanted.kind === 'records' && !isUnsendable(present, wanted)) {
      const { stream, first, maxCount, maxBytes } = wanted
      const id = present.nextId
      effects.push({ kind: 'read', id, stream, first, maxCount, maxBytes })
      present = { ...present, nextId: id + 1, phase: { ...present.phase, reading: { id, wanted } } }
      break
    }
    const sent = publishGap(present, wanted.kind === 'gap' ? wanted : tooLarge(wanted), context)
    present = sent.session
    effects.push(...sent.effects)
  }
  return { session: present, effects }
}

/** The records that were asked for. They leave as one batch, cut to what the broker takes, unless the wish has passed meanwhile. */
export function onRecords(
  session: OnlineSession,
  answer: { readonly id: number; readonly records: readonly StreamRecord[] },
  context: Context,
): Step {
  const { reading } = session.phase
  if (reading === null || reading.id !== answer.id) return { session, effects: [] }
  const { wanted } = reading
  const { records } = answer
  const idle: OnlineSession = { ...session, phase: { ...session.phase, reading: null } }
  if (!isStillNext(idle.phase.sender, wanted)) return pump(idle, context)
  if (records[0]?.seq !== wanted.first) return onMissing(idle, { wanted, found: records[0]?.seq ?? null }, context)
  const texts = contiguous(records, wanted).map((record) => JSON.stringify(record.body))
  const packetRoom = idle.phase.connection.packetMax - packetOverheadBytes
  const cut = fit(texts, Math.min(session.batchBytesMax, wanted.maxBytes, packetRoom))
  if (cut.bytes > packetRoom) return thenPump(publishGap(idle, tooLarge(wanted), context), context)
  const payload = batchText(idle, { ...wanted, count: cut.texts.length }, `"records":[${cut.texts.join(',')}]`)
  return thenPump(publish(idle, { batch: batchOf(wanted, cut.texts.length, payload), payload }, context), context)
}

/** New extents and tombstones arrived while online: what was evicted is announced, then the delivery goes on. */
export function onRefreshed(session: OnlineSession, context: Context): Step {
  const { facts, phase } = session
  const sender = facts === null ? phase.sender : onEvicted(phase.sender, facts.extents, facts.tombstones)
  return pump({ ...session, phase: { ...phase, sender, refreshing: false } }, context)
}

/** What a PUBACK tells: the round trip, and that a replayed batch has left. A refusal is an event; the batch goes again later. */
export function confirm(
  session: Session,
  connection: Connection,
  input: { readonly id: number; readonly error: string | null; readonly now: MonotonicMs },
): Confirmation {
  const found = connection.unconfirmed.find((each) => each.id === input.id)
  const same = (sender: Sender): Sender => sender
  if (found === undefined) return { connection, roundTripMs: session.roundTripMs, delivered: same, effects: [] }
  const rest = { ...connection, unconfirmed: connection.unconfirmed.filter((each) => each !== found) }
  if (input.error !== null) {
    const event = { code: 'uplink.refused', severity: 'warning', detail: { reason: input.error } } as const
    return { connection: rest, roundTripMs: session.roundTripMs, delivered: same, effects: [{ kind: 'event', event }] }
  }
  const tripMs = input.now - found.at
  const roundTripMs = session.roundTripMs === 0 ? tripMs : session.roundTripMs + (tripMs - session.roundTripMs) / 8
  const { batch } = found
  return { connection: rest, roundTripMs, delivered: batch === null ? same : (sender) => onDelivered(sender, batch), effects: [] }
}

/** What follows from a PUBACK; `delivered` brings a sender up to date. */
export interface Confirmation {
  readonly connection: Connection
  readonly roundTripMs: number
  readonly delivered: (sender: Sender) => Sender
  readonly effects: readonly Effect[]
}

/** How long a mark may stand still while something is under way. */
export function progressLimitMs(session: Session, settings: SessionSettings): number {
  return Math.max(settings.progressMinMs, 4 * session.roundTripMs)
}

/** How long the broker may leave a message unconfirmed. */
export function stallLimitMs(session: Session, settings: SessionSettings): number {
  return Math.max(settings.stallMinMs, 8 * session.roundTripMs)
}

type Reading = Extract<Wanted, { kind: 'records' }>
type Gap = Pick<Reading, 'stream' | 'first' | 'replay'> & { readonly count: number; readonly reason: GapReason }
interface Sent {
  readonly session: OnlineSession
  readonly effects: readonly Effect[]
}

/** The store's answer did not begin where it should: ask for the extents once, and if they do not explain it, say the numbers are lost. */
function onMissing(
  session: OnlineSession,
  answer: { readonly wanted: Reading; readonly found: number | null },
  context: Context,
): Step {
  const { wanted, found } = answer
  const { missing } = session.phase
  if (missing === null || missing.stream !== wanted.stream || missing.first !== wanted.first) {
    const phase = { ...session.phase, missing: { stream: wanted.stream, first: wanted.first }, refreshing: true }
    return { session: { ...session, phase }, effects: [{ kind: 'load' }] }
  }
  const end = wanted.first + wanted.maxCount
  const count = Math.min(found === null || found < wanted.first ? end : found, end) - wanted.first
  return thenPump(publishGap(session, { ...wanted, count, reason: 'salvage' }, context), context)
}

function publishGap(session: OnlineSession, gap: Gap, context: Context): Sent {
  const payload = batchText(session, gap, `"records":[],"evicted":"${gap.reason}"`)
  const sent = publish(session, { batch: batchOf(gap, gap.count, payload), payload }, context)
  if (gap.reason !== 'too-large') return sent
  const detail = { stream: gap.stream, seq: gap.first }
  const event: Effect = { kind: 'event', event: { code: 'uplink.record-too-large', severity: 'alarm', detail } }
  return { session: { ...sent.session, unsendable: null }, effects: [...sent.effects, event] }
}

function publish(session: OnlineSession, message: { readonly batch: Batch; readonly payload: string }, context: Context): Sent {
  const { batch, payload } = message
  const { phase, nextId: id } = session
  const connection = { ...phase.connection, unconfirmed: [...phase.connection.unconfirmed, { id, at: context.now, batch }] }
  const sender = onSent(phase.sender, batch, context.now)
  return {
    session: { ...session, nextId: id + 1, phase: { ...phase, connection, sender, missing: null } },
    effects: [{ kind: 'publish', id, topic: context.settings.topics.batch[batch.stream], payload }],
  }
}

function thenPump(sent: Sent, context: Context): Step {
  const pumped = pump(sent.session, context)
  return { ...pumped, effects: [...sent.effects, ...pumped.effects] }
}

/** The records are joined as the very texts they were measured by. */
function batchText(session: Session, range: Pick<Gap, 'stream' | 'first' | 'count'>, rest: string): string {
  const { stream, first, count } = range
  const head: Omit<BatchMessage, 'records'> = { v: messageVersion, epoch: session.facts?.epoch ?? 0, stream, first, count }
  return `${JSON.stringify(head).slice(0, -1)},${rest}}`
}

function batchOf(range: Pick<Reading, 'stream' | 'first' | 'replay'>, count: number, payload: string): Batch {
  return { stream: range.stream, first: range.first, count, bytes: Buffer.byteLength(payload), replay: range.replay }
}

function tooLarge(wanted: Reading): Gap {
  return { ...wanted, count: 1, reason: 'too-large' }
}

/** As many records as fit, at least one. */
function fit(texts: readonly string[], bytesMax: number): { readonly texts: readonly string[]; readonly bytes: number } {
  let bytes = batchOverheadBytes
  let count = 0
  for (const text of texts) {
    const more = Buffer.byteLength(text) + 1
    if (count > 0 && bytes + more > bytesMax) break
    bytes += more
    count += 1
  }
  return { texts: texts.slice(0, count), bytes }
}

function contiguous(records: readonly StreamRecord[], wanted: Reading): readonly StreamRecord[] {
  const end = records.findIndex((record, index) => record.seq !== wanted.first + index)
  return records.slice(0, Math.min(wanted.maxCount, end === -1 ? records.length : end))
}

/** Marks, replays or a step back may have moved the lane while the store was reading. */
function isStillNext(sender: Sender, wanted: Reading): boolean {
  const lane = sender.lanes.find((each) => each.stream === wanted.stream)
  if (lane === undefined) return false
  return wanted.replay ? lane.replays[0]?.first === wanted.first : lane.sentTo + 1 === wanted.first
}

function isUnsendable(session: Session, wanted: Reading): boolean {
  return session.unsendable !== null && session.unsendable.stream === wanted.stream && session.unsendable.first === wanted.first
}

function hasRoom(connection: Connection): boolean {
  return connection.unconfirmed.length < Math.min(unconfirmedMax, connection.receiveMax)
}

function windowOf(session: Session, context: Context): Window {
  const { settings, now } = context
  const isOrderInProgress = session.orderUntil !== null && now < session.orderUntil
  return {
    bytesMax: isOrderInProgress ? Math.min(session.windowBytes, settings.window.orderBytes) : session.windowBytes,
    batchBytesMax: session.batchBytesMax,
    batchCountMax: settings.batchCountMax,
    batchBytesMin: settings.batchBytesMin,
  }
}
