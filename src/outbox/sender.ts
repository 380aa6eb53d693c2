import { streams } from '../model/index.js'
import type { MonotonicMs, Stream, StreamExtent, Tombstone } from '../model/index.js'

/** How many ranges a master may ask for again before the first of them was sent; more are refused. */
export const REPLAYS_MAX = 64

/** A high-water mark: the master has every record of the stream up to and including `upTo`. */
export interface Mark {
  readonly stream: Stream
  readonly upTo: number
}

/** How much may be under way; bytes, not messages, because bytes are what an alarm has to wait behind. */
export interface Window {
  /** Sent and not yet acknowledged, all streams together. */
  readonly bytesMax: number
  /** One batch; a single larger record still leaves, alone, when nothing else is under way. */
  readonly batchBytesMax: number
  readonly batchCountMax: number
  /** Less room than this is not worth a batch while others are under way. */
  readonly batchBytesMin: number
}

/** What to read from the store and publish next. */
export type Wanted =
  | {
      readonly kind: 'records'
      readonly stream: Stream
      readonly first: number
      readonly maxCount: number
      readonly maxBytes: number
      /** Asked for again by the master: it does not move a mark, so its delivery ends with the broker's receipt. */
      readonly replay: boolean
    }
  /** These numbers are gone; the master is told so that its mark can pass them. */
  | {
      readonly kind: 'gap'
      readonly stream: Stream
      readonly first: number
      readonly count: number
      readonly reason: Tombstone['reason']
      readonly replay: boolean
    }

/** A range that left and is not yet settled. */
export interface Batch {
  readonly stream: Stream
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly replay: boolean
}

interface Range {
  readonly first: number
  readonly last: number
}

/** One stream towards one master. Records up to `mark` are settled, up to `sentTo` are under way. */
export interface Lane {
  readonly stream: Stream
  readonly lo: number
  readonly hi: number
  /** Highest mark seen. */
  readonly mark: number
  /** Mark the master named last; lower than `mark` when it lost what it had. */
  readonly named: number
  readonly sentTo: number
  readonly tombstones: readonly Tombstone[]
  readonly replays: readonly Range[]
}

/** The delivery to one master in one epoch. Immutable: every step returns the next. */
export interface Sender {
  /** In the order in which streams leave. */
  readonly lanes: readonly Lane[]
  readonly underWay: readonly Batch[]
  /** When something was last acknowledged, or the first batch under way left; null: nothing is awaited. */
  readonly waitingSince: MonotonicMs | null
}

export interface SenderStart {
  readonly extents: readonly StreamExtent[]
  readonly tombstones: readonly Tombstone[]
  /** What the master answered to the greeting; a stream it does not name starts at 0. */
  readonly marks: readonly Mark[]
}

/** Starts a delivery from the master's own marks: the answer to the greeting is taken as it is, lower or higher than before. */
export function createSender(start: SenderStart): Sender {
  const lanes = streams.map((stream): Lane => {
    const { lo, hi } = start.extents.find((extent) => extent.stream === stream) ?? { lo: 1, hi: 0 }
    const mark = Math.max(0, start.marks.find((each) => each.stream === stream)?.upTo ?? 0)
    const tombstones = tombstonesOf(stream, start.tombstones)
    return { stream, lo, hi, mark, named: mark, sentTo: mark, tombstones, replays: [] }
  })
  return { lanes, underWay: [], waitingSince: null }
}

/** Streams of which the master claims to have more than was ever numbered here: our database is older than its copy. */
export function staleStreams(sender: Sender): readonly Stream[] {
  return sender.lanes.filter((lane) => lane.named > lane.hi).map((lane) => lane.stream)
}

/** The most urgent range that still fits into the window; null: nothing to send, or wait for an acknowledgement. */
export function next(sender: Sender, window: Window): Wanted | null {
  const room = window.bytesMax - bytesUnderWay(sender)
  if (sender.underWay.length > 0 && room < window.batchBytesMin) return null
  const size = { maxCount: window.batchCountMax, maxBytes: Math.min(window.batchBytesMax, room) }
  for (const lane of sender.lanes) {
    if (lane.sentTo < lane.hi) return wantedAt(lane, { first: lane.sentTo + 1, last: lane.hi, replay: false, ...size })
    const replay = lane.replays[0]
    if (replay !== undefined) return wantedAt(lane, { ...replay, replay: true, ...size })
  }
  return null
}

/** A batch (or the notice of a gap) was handed to the transport. Must be the one `next` asked for; it may be shorter. */
export function onSent(sender: Sender, batch: Batch, now: MonotonicMs): Sender {
  const last = batch.first + batch.count - 1
  const lanes = sender.lanes.map((lane) => {
    if (lane.stream !== batch.stream) return lane
    if (!batch.replay) return { ...lane, sentTo: Math.max(lane.sentTo, last) }
    return { ...lane, replays: without(lane.replays, last) }
  })
  return { lanes, underWay: [...sender.underWay, batch], waitingSince: sender.waitingSince ?? now }
}

/** The broker has a batch: that ends a replayed one; for all others only the master's mark counts. */
export function onDelivered(sender: Sender, batch: Batch): Sender {
  if (!batch.replay) return sender
  const underWay = sender.underWay.filter((each) => !isSame(each, batch))
  return { ...sender, underWay, waitingSince: underWay.length === 0 ? null : sender.waitingSince }
}

/** The master's marks after its commit. They settle what they cover; a lower mark counts only when nothing moves any more. */
export function onMark(sender: Sender, marks: readonly Mark[], now: MonotonicMs): Sender {
  const lanes = sender.lanes.map((lane) => {
    const named = marks.find((each) => each.stream === lane.stream)?.upTo
    if (named === undefined) return lane
    const mark = Math.max(lane.mark, Math.min(named, lane.hi))
    return { ...lane, mark, named, sentTo: Math.max(lane.sentTo, mark) }
  })
  const moved = lanes.some((lane, index) => lane.mark !== sender.lanes[index]?.mark)
  const underWay = sender.underWay.filter((batch) => batch.replay || batch.first + batch.count - 1 > markOf(lanes, batch.stream))
  return { lanes, underWay, waitingSince: underWay.length === 0 ? null : moved ? now : sender.waitingSince }
}

/** No progress for `limitMs` while something is under way: everything is sent again from the master's mark + 1. */
export function onTimeout(
  sender: Sender,
  now: MonotonicMs,
  limitMs: number,
): { readonly sender: Sender; readonly wentBack: boolean } {
  if (sender.waitingSince === null || now - sender.waitingSince < limitMs) return { sender, wentBack: false }
  return { sender: goBack(sender), wentBack: true }
}

/** The connection is gone or stalled: what was under way is owed again, replays included. */
export function goBack(sender: Sender): Sender {
  const lanes = sender.lanes.map((lane) => {
    const again = sender.underWay
      .filter((batch) => batch.replay && batch.stream === lane.stream)
      .map((batch) => ({ first: batch.first, last: batch.first + batch.count - 1 }))
    const mark = Math.min(lane.mark, lane.named)
    return { ...lane, mark, sentTo: mark, replays: [...again, ...lane.replays] }
  })
  return { lanes, underWay: [], waitingSince: null }
}

/** Streams grew. */
export function onAppended(sender: Sender, ends: readonly { readonly stream: Stream; readonly hi: number }[]): Sender {
  const lanes = sender.lanes.map((lane) => {
    const end = ends.find((each) => each.stream === lane.stream)
    return end === undefined ? lane : { ...lane, hi: Math.max(lane.hi, end.hi) }
  })
  return { ...sender, lanes }
}

/** Numbers were evicted: from now on they are announced instead of read. */
export function onEvicted(sender: Sender, extents: readonly StreamExtent[], tombstones: readonly Tombstone[]): Sender {
  const lanes = sender.lanes.map((lane) => {
    const lo = extents.find((each) => each.stream === lane.stream)?.lo ?? lane.lo
    return { ...lane, lo, tombstones: tombstonesOf(lane.stream, tombstones) }
  })
  return { ...sender, lanes }
}

/** The master wants a range again. Refused (`null`) when nothing of it was ever numbered or too many are waiting. */
export function onReplay(sender: Sender, wanted: { stream: Stream; first: number; count: number }): Sender | null {
  const lane = sender.lanes.find((each) => each.stream === wanted.stream)
  if (lane === undefined || lane.replays.length >= REPLAYS_MAX) return null
  const range = { first: Math.max(1, wanted.first), last: Math.min(lane.hi, wanted.first + wanted.count - 1) }
  if (range.first > range.last) return null
  return { ...sender, lanes: sender.lanes.map((each) => (each === lane ? { ...lane, replays: [...lane.replays, range] } : each)) }
}

/** Records of each stream the master does not have yet, and the bytes under way. */
export function backlog(sender: Sender): { readonly records: Readonly<Record<Stream, number>>; readonly bytesUnderWay: number } {
  const records = { event: 0, ledger: 0, result: 0, freeze: 0, status: 0, curve: 0 }
  for (const lane of sender.lanes) records[lane.stream] = Math.max(0, lane.hi - lane.mark)
  return { records, bytesUnderWay: bytesUnderWay(sender) }
}

/** Bytes sent and not yet settled. */
export function bytesUnderWay(sender: Sender): number {
  return sender.underWay.reduce((sum, batch) => sum + batch.bytes, 0)
}

interface Span extends Range {
  readonly replay: boolean
  readonly maxCount: number
  readonly maxBytes: number
}

/** The part of `span` that can leave as one batch: up to the next evicted number, or the evicted range it starts in. */
function wantedAt(lane: Lane, span: Span): Wanted {
  const { first, replay } = span
  const grave = lane.tombstones.find((each) => each.first <= first && first < each.first + each.count)
  if (grave !== undefined || first < lane.lo) {
    const graveLast = grave === undefined ? lane.lo - 1 : grave.first + grave.count - 1
    const count = Math.min(graveLast, span.last) - first + 1
    return { kind: 'gap', stream: lane.stream, first, count, reason: grave?.reason ?? 'retention', replay }
  }
  const graves = lane.tombstones.filter((each) => each.first > first).map((each) => each.first - 1)
  const last = Math.min(span.last, first + span.maxCount - 1, ...graves)
  return { kind: 'records', stream: lane.stream, first, maxCount: last - first + 1, maxBytes: span.maxBytes, replay }
}

function tombstonesOf(stream: Stream, tombstones: readonly Tombstone[]): readonly Tombstone[] {
  return tombstones.filter((each) => each.stream === stream)
}

/** The first waiting range without what left up to `last`. */
function without(replays: readonly Range[], last: number): readonly Range[] {
  return replays.flatMap((range, index) => {
    if (index > 0) return [range]
    return last < range.last ? [{ first: last + 1, last: range.last }] : []
  })
}

function isSame(a: Batch, b: Batch): boolean {
  return a.replay === b.replay && a.stream === b.stream && a.first === b.first && a.count === b.count
}

function markOf(lanes: readonly Lane[], stream: Stream): number {
  return lanes.reduce((mark, lane) => (lane.stream === stream ? lane.mark : mark), 0)
}
