import t from 'tap'
import { epochMs, monotonicMs } from '../../../src/model/index.js'
import type { Stream, StreamExtent, Tombstone } from '../../../src/model/index.js'
import {
  REPLAYS_MAX,
  backlog,
  bytesUnderWay,
  createSender,
  goBack,
  next,
  onAppended,
  onDelivered,
  onEvicted,
  onMark,
  onReplay,
  onSent,
  onTimeout,
  staleStreams,
} from '../../../src/outbox/index.js'
import type { Batch, Sender, Wanted, Window } from '../../../src/outbox/index.js'

const window: Window = { bytesMax: 1000, batchBytesMax: 400, batchCountMax: 10, batchBytesMin: 100 }
const at = (ms: number) => monotonicMs(ms)

function extent(stream: Stream, lo: number, hi: number): StreamExtent {
  return { stream, lo, hi }
}
function tombstone(stream: Stream, first: number, count: number, reason: Tombstone['reason'] = 'disk-full'): Tombstone {
  return { stream, first, count, reason, at: epochMs(0) }
}
function batchOf(wanted: Wanted | null, bytes = 100, count?: number): Batch {
  if (wanted === null) throw new Error('nothing wanted')
  const size = count ?? (wanted.kind === 'gap' ? wanted.count : wanted.maxCount)
  return { stream: wanted.stream, first: wanted.first, count: size, bytes, replay: wanted.replay }
}
function granted(sender: Sender | null): Sender {
  if (sender === null) throw new Error('the replay was refused')
  return sender
}
function send(sender: Sender, ms = 0, bytes = 100): { sender: Sender; batch: Batch } {
  const batch = batchOf(next(sender, window), bytes)
  return { sender: onSent(sender, batch, at(ms)), batch }
}

await t.test('events leave first, curves last, each from the master’s mark + 1', async (t) => {
  let sender = createSender({
    extents: [extent('curve', 1, 30), extent('event', 1, 12)],
    tombstones: [],
    marks: [{ stream: 'event', upTo: 3 }],
  })
  t.match(next(sender, window), { kind: 'records', stream: 'event', first: 4, maxCount: 9, maxBytes: 400, replay: false })
  sender = send(sender).sender
  t.match(next(sender, window), { stream: 'curve', first: 1, maxCount: 10, maxBytes: 400 })
  t.same(backlog(sender), {
    records: { event: 9, ledger: 0, result: 0, freeze: 0, status: 0, curve: 30 },
    bytesUnderWay: 100,
  })
})

await t.test(
  'the window counts bytes; too little room waits for a mark, and a shorter batch than asked for is continued',
  async (t) => {
    let sender = createSender({ extents: [extent('curve', 1, 100)], tombstones: [], marks: [] })
    sender = onSent(sender, batchOf(next(sender, window), 700, 4), at(0))
    t.match(next(sender, window), { first: 5, maxBytes: 300 })
    sender = onSent(sender, batchOf(next(sender, window), 250), at(1))
    t.equal(bytesUnderWay(sender), 950)
    t.equal(next(sender, window), null, 'room for 50 bytes is not worth a batch')
    sender = onMark(sender, [{ stream: 'curve', upTo: 4 }], at(2))
    t.match(next(sender, window), { first: 15, maxBytes: 400 })
    t.equal(sender.waitingSince, at(2), 'a mark that moved is progress')
  },
)

await t.test('a mark inside a batch settles nothing of it; the end settles it', async (t) => {
  let sender = createSender({ extents: [extent('event', 1, 5)], tombstones: [], marks: [] })
  sender = send(sender, 10).sender
  sender = onMark(sender, [{ stream: 'event', upTo: 3 }], at(20))
  t.equal(sender.underWay.length, 1)
  sender = onMark(sender, [{ stream: 'event', upTo: 3 }], at(30))
  t.equal(sender.waitingSince, at(20), 'a repeated mark is no progress')
  sender = onMark(sender, [{ stream: 'event', upTo: 5 }], at(40))
  t.same(sender.underWay, [])
  t.equal(sender.waitingSince, null)
  t.equal(next(sender, window), null)
})

await t.test('without progress everything is sent again from mark + 1', async (t) => {
  let sender = createSender({ extents: [extent('event', 1, 25)], tombstones: [], marks: [] })
  sender = send(sender, 100).sender
  sender = send(sender, 200).sender
  sender = onMark(sender, [{ stream: 'event', upTo: 10 }], at(300))
  t.same(onTimeout(sender, at(10_299), 10_000), { sender, wentBack: false })
  const late = onTimeout(sender, at(10_300), 10_000)
  t.ok(late.wentBack)
  t.match(next(late.sender, window), { first: 11, maxCount: 10 })
  t.same(onTimeout(late.sender, at(99_999), 10_000).wentBack, false, 'nothing is awaited')
})

await t.test('a master that lost what it had names a lower mark: after the stall its own mark counts', async (t) => {
  let sender = createSender({ extents: [extent('event', 1, 20)], tombstones: [], marks: [{ stream: 'event', upTo: 15 }] })
  sender = send(sender, 0).sender
  sender = onMark(sender, [{ stream: 'event', upTo: 4 }], at(1))
  t.equal(next(sender, window), null, 'one low mark alone may be a late one')
  const { sender: back } = onTimeout(sender, at(5000), 5000)
  t.match(next(back, window), { first: 5 })
})

await t.test('a master that knows more than was ever numbered is stale', async (t) => {
  const sender = createSender({ extents: [extent('event', 1, 5)], tombstones: [], marks: [{ stream: 'event', upTo: 9 }] })
  t.same(staleStreams(sender), ['event'])
  t.equal(next(sender, window), null)
  const fine = createSender({ extents: [extent('event', 1, 5)], tombstones: [], marks: [] })
  t.same(staleStreams(fine), [])
  t.same(staleStreams(onMark(fine, [{ stream: 'event', upTo: 6 }], at(0))), ['event'])
  t.equal(
    onMark(fine, [{ stream: 'event', upTo: 6 }], at(0)).lanes[0]?.mark,
    5,
    'a claim beyond the end moves no further than the end',
  )
})

await t.test('evicted numbers are announced, the rest is read around them', async (t) => {
  let sender = createSender({
    extents: [extent('curve', 11, 40)],
    tombstones: [tombstone('curve', 3, 8), tombstone('curve', 20, 5, 'salvage'), tombstone('event', 1, 9)],
    marks: [],
  })
  t.match(next(sender, window), { kind: 'gap', first: 1, count: 10, reason: 'retention' }, 'below lo without a stone of its own')
  sender = createSender({
    extents: [extent('curve', 11, 40)],
    tombstones: [tombstone('curve', 1, 10), tombstone('curve', 20, 5, 'salvage')],
    marks: [{ stream: 'curve', upTo: 2 }],
  })
  const seen: Wanted[] = []
  for (let wanted = next(sender, window); wanted !== null && seen.length < 9; wanted = next(sender, window)) {
    seen.push(wanted)
    sender = onSent(sender, batchOf(wanted, 10), at(0))
  }
  t.match(seen, [
    { kind: 'gap', first: 3, count: 8, reason: 'disk-full' },
    { kind: 'records', first: 11, maxCount: 9 },
    { kind: 'gap', first: 20, count: 5, reason: 'salvage' },
    { kind: 'records', first: 25, maxCount: 10 },
    { kind: 'records', first: 35, maxCount: 6 },
  ])
})

await t.test('streams grow and are cut while a master is served', async (t) => {
  let sender = createSender({ extents: [extent('event', 1, 2), extent('curve', 1, 30)], tombstones: [], marks: [] })
  sender = onAppended(sender, [{ stream: 'event', hi: 4 }])
  t.match(next(sender, window), { stream: 'event', first: 1, maxCount: 4 })
  sender = onAppended(sender, [{ stream: 'event', hi: 3 }])
  t.match(next(sender, window), { maxCount: 4 }, 'an end never falls back')
  sender = send(sender).sender
  sender = onEvicted(sender, [extent('curve', 21, 30)], [tombstone('curve', 1, 20)])
  t.match(next(sender, window), { kind: 'gap', stream: 'curve', first: 1, count: 20, reason: 'disk-full' })
})

await t.test('a replay follows the new data of its stream and ends with the broker’s receipt', async (t) => {
  const start = createSender({ extents: [extent('event', 1, 30)], tombstones: [], marks: [{ stream: 'event', upTo: 30 }] })
  let sender = granted(onReplay(start, { stream: 'event', first: 5, count: 12 }))
  sender = granted(onReplay(sender, { stream: 'event', first: 29, count: 100 }))
  sender = onAppended(sender, [{ stream: 'event', hi: 31 }])
  t.match(next(sender, window), { first: 31, maxCount: 1, replay: false })
  sender = send(sender).sender
  t.match(next(sender, window), { first: 5, maxCount: 10, replay: true })
  const first = send(sender)
  const second = send(first.sender)
  t.match(second.batch, { first: 15, count: 2, replay: true })
  const third = send(second.sender)
  t.match(third.batch, { first: 29, count: 2, replay: true }, 'clamped to what there was when it was asked for')
  sender = onMark(third.sender, [{ stream: 'event', upTo: 31 }], at(5))
  t.equal(sender.underWay.length, 3, 'a mark says nothing about replays')
  sender = onDelivered(sender, first.batch)
  t.equal(onDelivered(sender, { ...first.batch, replay: false }), sender, 'a receipt moves nothing else')
  t.equal(sender.underWay.length, 2)
  t.not(sender.waitingSince, null)
  const back = goBack(sender)
  t.match(next(back, window), { first: 15, maxCount: 2, replay: true }, 'without a receipt it is owed again')
  sender = onDelivered(onDelivered(sender, second.batch), third.batch)
  t.equal(sender.waitingSince, null)
  t.equal(next(sender, window), null)
})

await t.test('replays of evicted numbers are answered by the gap; unknown and too many are refused', async (t) => {
  const start = createSender({ extents: [extent('status', 8, 10)], tombstones: [], marks: [{ stream: 'status', upTo: 10 }] })
  const sender = granted(onReplay(start, { stream: 'status', first: -3, count: 20 }))
  t.match(next(sender, window), { kind: 'gap', first: 1, count: 7, replay: true })
  t.match(next(send(sender).sender, window), { kind: 'records', first: 8, maxCount: 3, replay: true })
  t.equal(onReplay(start, { stream: 'status', first: 11, count: 5 }), null)
  t.equal(onReplay({ ...start, lanes: [] }, { stream: 'status', first: 1, count: 1 }), null)
  let full = start
  for (let i = 0; i < REPLAYS_MAX; i += 1) full = granted(onReplay(full, { stream: 'status', first: 8, count: 1 }))
  t.equal(onReplay(full, { stream: 'status', first: 8, count: 1 }), null)
})
