import t from 'tap'
import { dayMs, epochMs } from '../../../src/model/index.js'
import type { RetentionRule, Stream } from '../../../src/model/index.js'
import { decideEvictions } from '../../../src/outbox/index.js'
import type { RetentionQuestion, Segment } from '../../../src/outbox/index.js'

const rules: readonly RetentionRule[] = [
  { stream: 'event', keepDays: 30, onlyAcknowledged: true, evictionOrder: null },
  { stream: 'ledger', keepDays: 1, onlyAcknowledged: false, evictionOrder: 1 },
  { stream: 'freeze', keepDays: 400, onlyAcknowledged: false, evictionOrder: 3 },
  { stream: 'status', keepDays: 90, onlyAcknowledged: true, evictionOrder: 2 },
  { stream: 'curve', keepDays: 90, onlyAcknowledged: false, evictionOrder: 1 },
]
const none: Readonly<Record<Stream, number>> = { event: 0, ledger: 0, result: 0, freeze: 0, status: 0, curve: 0 }
const now = epochMs(1000 * dayMs)

function segment(stream: Stream, first: number, ageDays: number, bytes = 100): Segment {
  return { stream, first, last: first + 9, newestAt: epochMs(now - ageDays * dayMs), bytes }
}
function ask(question: Partial<RetentionQuestion>) {
  return decideEvictions({ rules, segments: [], acknowledged: none, now, overBytes: 0, ...question })
}

await t.test('what is past its days goes, oldest first and as one range', async (t) => {
  const segments = [segment('curve', 1, 92), segment('curve', 11, 90), segment('curve', 21, 89), segment('curve', 31, 95)]
  t.same(ask({ segments }), [{ stream: 'curve', first: 1, upTo: 20, reason: 'retention', bytes: 200 }])
})

await t.test('events stay until every master has them, whatever their age', async (t) => {
  const segments = [segment('event', 1, 300), segment('event', 11, 200)]
  t.same(ask({ segments }), [])
  t.same(ask({ segments, acknowledged: { ...none, event: 15 } }), [
    { stream: 'event', first: 1, upTo: 10, reason: 'retention', bytes: 100 },
  ])
  t.same(ask({ segments, overBytes: 1000 }), [], 'and for want of space neither')
})

await t.test('a ledger is never evicted, whatever the rules say', async (t) => {
  const segments = [segment('ledger', 1, 900)]
  t.same(ask({ segments, overBytes: 1_000_000, acknowledged: { ...none, ledger: 99 } }), [])
})

await t.test('for want of space curves go first, then status, then freezes, no more than needed', async (t) => {
  const segments = [segment('freeze', 1, 1), segment('status', 1, 1), segment('curve', 1, 2), segment('curve', 11, 1)]
  t.same(ask({ segments, overBytes: 50 }), [{ stream: 'curve', first: 1, upTo: 10, reason: 'disk-full', bytes: 100 }])
  t.same(
    ask({ segments, overBytes: 201, acknowledged: { ...none, status: 10 } }).map((each) => [each.stream, each.upTo]),
    [
      ['curve', 20],
      ['status', 10],
    ],
  )
  t.same(
    ask({ segments, overBytes: 201 }).map((each) => each.stream),
    ['curve', 'freeze'],
  )
})

await t.test('what age frees is not freed twice', async (t) => {
  const segments = [segment('curve', 1, 99), segment('curve', 11, 1), segment('curve', 21, 1)]
  t.same(ask({ segments, overBytes: 150 }), [
    { stream: 'curve', first: 1, upTo: 10, reason: 'retention', bytes: 100 },
    { stream: 'curve', first: 11, upTo: 20, reason: 'disk-full', bytes: 100 },
  ])
})

await t.test('lesson 4: a clock that is not trusted evicts nothing by age, and bytes are freed all the same', async (t) => {
  const segments = [segment('curve', 1, 5000), segment('curve', 11, -5000)]
  t.same(ask({ segments, now: null }), [])
  t.same(ask({ segments, now: null, overBytes: 1 }), [{ stream: 'curve', first: 1, upTo: 10, reason: 'disk-full', bytes: 100 }])
})
