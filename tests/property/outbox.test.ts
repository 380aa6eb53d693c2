import fc from 'fast-check'
import t from 'tap'
import { monotonicMs } from '../../src/model/index.js'
import {
  createSender,
  goBack,
  next,
  onAppended,
  onDelivered,
  onMark,
  onReplay,
  onSent,
  onTimeout,
} from '../../src/outbox/index.js'
import type { Batch, Sender, Window } from '../../src/outbox/index.js'

const window: Window = { bytesMax: 300, batchBytesMax: 120, batchCountMax: 7, batchBytesMin: 30 }
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('send' as const) },
  { weight: 3, arbitrary: fc.constant('deliver' as const) },
  { weight: 1, arbitrary: fc.constant('lose' as const) },
  { weight: 2, arbitrary: fc.constant('mark' as const) },
  { weight: 1, arbitrary: fc.constant('cut' as const) },
  { weight: 1, arbitrary: fc.constant('stall' as const) },
  { weight: 1, arbitrary: fc.constant('replay' as const) },
  { weight: 2, arbitrary: fc.constant('append' as const) },
)

/** A master that takes what reaches it and marks what is contiguous. */
class Master {
  readonly has = new Set<number>()
  take(batch: Batch): void {
    for (let seq = batch.first; seq < batch.first + batch.count; seq += 1) this.has.add(seq)
  }
  mark(): number {
    let upTo = 0
    while (this.has.has(upTo + 1)) upTo += 1
    return upTo
  }
}

class Drill {
  sender: Sender = createSender({ extents: [{ stream: 'event', lo: 1, hi: 20 }], tombstones: [], marks: [] })
  wire: Batch[] = []
  readonly master = new Master()
  hi = 20
  now = 0

  run(what: 'send' | 'deliver' | 'lose' | 'mark' | 'cut' | 'stall' | 'replay' | 'append'): void {
    this.now += 100
    switch (what) {
      case 'send':
        return this.send()
      case 'deliver':
        return this.deliver()
      case 'lose':
        this.wire.shift()
        return
      case 'mark':
        this.sender = onMark(this.sender, [{ stream: 'event', upTo: this.master.mark() }], monotonicMs(this.now))
        return
      case 'cut':
        this.wire = []
        this.sender = goBack(this.sender)
        return
      case 'stall':
        this.now += 60_000
        this.sender = onTimeout(this.sender, monotonicMs(this.now), 10_000).sender
        return
      case 'replay':
        this.sender = onReplay(this.sender, { stream: 'event', first: 3, count: 9 }) ?? this.sender
        return
      case 'append':
        this.hi += 3
        this.sender = onAppended(this.sender, [{ stream: 'event', hi: this.hi }])
    }
  }

  send(): void {
    const wanted = next(this.sender, window)
    if (wanted === null || wanted.kind === 'gap') return
    const count = Math.max(1, Math.min(wanted.maxCount, Math.floor(wanted.maxBytes / 20)))
    const batch = { stream: wanted.stream, first: wanted.first, count, bytes: count * 20, replay: wanted.replay }
    this.wire.push(batch)
    this.sender = onSent(this.sender, batch, monotonicMs(this.now))
  }

  private deliver(): void {
    const batch = this.wire.shift()
    if (batch === undefined) return
    this.master.take(batch)
    this.sender = onDelivered(this.sender, batch)
  }
}

await t.test('whatever is lost, cut or repeated, the master has everything once the line holds', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const drill = new Drill()
      for (const each of steps) drill.run(each)
      for (let round = 0; round < 200 && drill.master.mark() < drill.hi; round += 1) {
        for (const each of ['send', 'send', 'deliver', 'deliver', 'mark', 'mark'] as const) drill.run(each)
        if (drill.wire.length === 0) drill.run('stall')
      }
      return drill.master.mark() === drill.hi
    }),
    { numRuns: 500 },
  )
  t.pass('held for 500 histories')
})

await t.test('bytes under way never pass the window by more than one batch', async (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const drill = new Drill()
      for (const each of steps) {
        drill.run(each)
        const underWay = drill.sender.underWay.reduce((sum, batch) => sum + batch.bytes, 0)
        if (underWay > window.bytesMax + window.batchBytesMin) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
  t.pass('held for 300 histories')
})
