import t from 'tap'
import { meterAddress, monotonicMs, type MeterAddress, type MonotonicMs } from '../../../src/model/index.js'
import type { Priority } from '../../../src/ports/index.js'
import { BusQueue, defaultSchedulingPolicy, type QueuedJob, type SchedulingPolicy } from '../../../src/scheduling/index.js'

interface TestJob extends QueuedJob {
  readonly name: string
}
interface JobOptions {
  readonly meter?: MeterAddress | 'all'
  readonly priority?: Priority
  readonly expiresAt?: number | null
  readonly hasSent?: boolean
}

const at = monotonicMs
const meter = meterAddress
const policy: SchedulingPolicy = { ...defaultSchedulingPolicy, queueMax: 20, urgentReserve: 2, metersMax: 8 }
const half = { next: () => 0.5 }
const newQueue = (overrides: Partial<SchedulingPolicy> = {}): BusQueue<TestJob> =>
  new BusQueue({ ...policy, ...overrides }, half, at(0))
const job = (name: string, options: JobOptions = {}): TestJob => ({
  name,
  meter: options.meter ?? meter(name),
  priority: options.priority ?? 'curve',
  expiresAt: options.expiresAt === undefined || options.expiresAt === null ? null : at(options.expiresAt),
  hasSent: options.hasSent ?? false,
})
const names = (jobs: readonly TestJob[]): readonly string[] => jobs.map(({ name }) => name)
const nextName = (queue: BusQueue<TestJob>, now = 0): string => {
  const decision = queue.next(at(now))
  return decision.kind === 'idle' ? 'idle' : `${decision.kind} ${decision.job.name}`
}
/** Two failures of 50 ms: the meter is silent, its first probe due 5 s after `now`; 2.5 s earn the time for it. */
const silence = (queue: BusQueue<TestJob>, address: string, now = 0): void => {
  for (let i = 0; i < 2; i++) queue.report(job(address), { kind: 'failed' }, 50, at(now))
}

await t.test('the most urgent goes first, equals in the order they came', async (t) => {
  const queue = newQueue()
  const order: readonly Priority[] = [
    'clock-care',
    'backfill',
    'curve',
    'relay',
    'discovery',
    'threshold-watch',
    'live-call',
    'freeze',
  ]
  for (const priority of order) for (const n of [1, 2]) queue.offer(job(`${priority} ${n}`, { priority }), at(0))
  t.equal(queue.size, 16)
  const ran = order.flatMap(() => [nextName(queue), nextName(queue)])
  const sorted: readonly Priority[] = [
    'relay',
    'live-call',
    'threshold-watch',
    'freeze',
    'curve',
    'backfill',
    'discovery',
    'clock-care',
  ]
  t.strictSame(
    ran,
    sorted.flatMap((priority) => [`run ${priority} 1`, `run ${priority} 2`]),
  )
  t.strictSame(queue.next(at(0)), { kind: 'idle', wakeAt: null })
  t.equal(queue.size, 0)
})

await t.test('a job’s next exchange waits behind its equals, so no long plan keeps the others waiting', async (t) => {
  const queue = newQueue()
  const long = job('long')
  queue.offer(long, at(0))
  queue.offer(job('short'), at(0))
  t.equal(nextName(queue), 'run long')
  queue.requeue(long)
  t.equal(nextName(queue), 'run short')
  t.equal(nextName(queue), 'run long')
})

await t.test('a chain makes way for what is more urgent, not for its equals', async (t) => {
  const queue = newQueue()
  const chain = job('chain')
  queue.offer(job('equal'), at(0))
  t.notOk(queue.hasMoreUrgent(chain))
  queue.offer(job('order', { priority: 'relay' }), at(0))
  t.ok(queue.hasMoreUrgent(chain))
  t.notOk(queue.hasMoreUrgent(job('other order', { priority: 'relay' })))
})

await t.test('a full queue refuses; urgent jobs have a reserve', async (t) => {
  const queue = newQueue({ queueMax: 2, urgentReserve: 1 })
  const kinds = (priority: Priority): string => queue.offer(job(`${queue.size}`, { priority }), at(0)).kind
  t.strictSame([kinds('curve'), kinds('curve'), kinds('curve')], ['queued', 'queued', 'refused'])
  t.strictSame([kinds('relay'), kinds('live-call')], ['queued', 'refused'])
})

await t.test('expired jobs are taken out wherever they wait, and the queue knows when to look again', async (t) => {
  const queue = newQueue()
  silence(queue, 'dead')
  silence(queue, 'dead too')
  queue.offer(job('late', { expiresAt: 9_000 }), at(0))
  queue.offer(job('early', { expiresAt: 5_500, priority: 'backfill' }), at(0))
  queue.offer(job('patient'), at(0))
  t.equal(queue.soonestExpiry, 5_500)
  t.strictSame(queue.takeExpired(at(5_499)), [])
  t.strictSame(names(queue.takeExpired(at(5_500))), ['early'])
  t.equal(queue.soonestExpiry, 9_000)
  // The budget is used up, so the silent meter's jobs wait for their probe.
  queue.report(job('dead too'), { kind: 'failed' }, 600, at(0))
  for (const [n, expiresAt] of [8_000, 20_000].entries())
    queue.offer(job(`probe ${n}`, { meter: meter('dead'), expiresAt }), at(6_000))
  t.strictSame([nextName(queue, 6_000), nextName(queue, 6_000)], ['run late', 'run patient'])
  t.strictSame(queue.next(at(6_000)), { kind: 'idle', wakeAt: 8_000 })
  t.strictSame(names(queue.takeExpired(at(8_000))), ['probe 0'])
  t.strictSame(queue.next(at(8_000)), { kind: 'idle', wakeAt: 20_000 }, 'the budget would allow it only after a minute')
  t.strictSame(names(queue.takeExpired(at(20_000))), ['probe 1'])
  t.equal(queue.size, 0)
  t.equal(queue.soonestExpiry, null)
})

await t.test('a silent meter’s job is held at once, and the caller learns when to come again', async (t) => {
  const queue = newQueue()
  silence(queue, 'dead')
  t.strictSame(queue.offer(job('dead'), at(0)), { kind: 'held', nextProbe: 5_000 })
  t.strictSame(queue.silentMeters(), [{ meter: 'dead', since: 0, nextProbe: 5_000 }])
  t.equal(queue.offer(job('dead'), at(5_000)).kind, 'queued')
  t.equal(nextName(queue, 5_000), 'run dead')
})

await t.test('what waited when its meter fell silent is held, begun or not', async (t) => {
  const queue = newQueue()
  queue.offer(job('first', { meter: meter('dead') }), at(0))
  queue.requeue(job('begun', { meter: meter('dead'), hasSent: true }))
  silence(queue, 'dead')
  t.strictSame(queue.next(at(0)), { kind: 'hold', job: job('first', { meter: meter('dead') }), nextProbe: 5_000 })
  t.equal(nextName(queue, 5_000), 'hold begun', 'its share of probes is used up, even when one is due')
})

await t.test('a failed probe holds the other jobs of its meter, a successful one releases them', async (t) => {
  const queue = newQueue()
  const dead = meter('dead')
  silence(queue, 'dead')
  for (const name of ['probe', 'second', 'third']) queue.offer(job(name, { meter: dead }), at(5_000))
  const probe = queue.next(at(5_000))
  t.match(probe, { kind: 'run', job: { name: 'probe' } })
  // In real life nothing else runs meanwhile; looking at the queue puts the others aside, for the budget is still there.
  t.equal(nextName(queue, 5_000), 'run second')
  t.ok(queue.report(job('probe', { meter: dead }), { kind: 'failed' }, 600, at(5_600)), 'the time was lost on a silent meter')
  t.equal(nextName(queue, 5_600), 'hold third')

  const other = newQueue()
  silence(other, 'dead')
  other.report(job('dead'), { kind: 'failed' }, 0, at(0))
  silence(other, 'dead too')
  other.report(job('dead too'), { kind: 'failed' }, 600, at(0))
  for (const name of ['first', 'second']) other.offer(job(name, { meter: dead }), at(12_000))
  t.equal(nextName(other, 12_000), 'idle', 'no budget yet')
  t.notOk(
    other.report(
      job('asked out of turn', { meter: dead, priority: 'relay' }),
      { kind: 'replied', firstByteMs: 30 },
      70,
      at(12_000),
    ),
  )
  t.strictSame([nextName(other, 12_000), nextName(other, 12_000)], ['run first', 'run second'])
})

await t.test('jobs that wait for a probe are held together when another probe of the meter fails', async (t) => {
  const queue = newQueue()
  const dead = meter('dead')
  silence(queue, 'dead')
  silence(queue, 'other')
  queue.report(job('other'), { kind: 'failed' }, 1_000, at(5_000))
  for (const name of ['first', 'second']) queue.offer(job(name, { meter: dead }), at(6_000))
  t.equal(nextName(queue, 6_000), 'idle')
  queue.report(job('begun before', { meter: dead }), { kind: 'failed' }, 10, at(6_000))
  t.strictSame(names(queue.take(({ name }) => name === 'first')), ['first'])
  t.strictSame([nextName(queue, 6_000), nextName(queue, 6_000)], ['hold second', 'idle'])
})

await t.test('the probe that has been due for longest goes first, after the urgent and before the rest', async (t) => {
  const queue = newQueue()
  silence(queue, 'b', 2_000)
  silence(queue, 'a', 1_000)
  silence(queue, 'c', 3_000)
  queue.report(job('c'), { kind: 'failed' }, 200, at(3_000))
  for (const name of ['b', 'c', 'a']) queue.offer(job(name, { priority: 'clock-care' }), at(30_000))
  queue.offer(job('busy', { priority: 'freeze' }), at(30_000))
  queue.offer(job('order', { priority: 'relay' }), at(30_000))
  t.equal(nextName(queue, 30_000), 'run order')
  t.equal(nextName(queue, 30_000), 'run busy', 'the probes have not been looked at before')
  t.equal(nextName(queue, 30_000), 'run b', 'the first to be put aside is the only one known')
  queue.offer(job('busy', { priority: 'freeze' }), at(30_000))
  queue.report(job('b'), { kind: 'failed' }, 2_000, at(30_000))
  t.strictSame([nextName(queue, 30_000), nextName(queue, 30_000)], ['run busy', 'idle'])
  queue.offer(job('busy', { priority: 'freeze' }), at(220_000))
  t.strictSame([nextName(queue, 220_000), nextName(queue, 220_000)], ['run a', 'run c'])
})

await t.test('relay orders and live calls ask a silent meter all the same, at their own cost', async (t) => {
  const queue = newQueue()
  silence(queue, 'dead')
  const order = job('dead', { priority: 'relay' })
  t.equal(queue.offer(order, at(0)).kind, 'queued')
  t.notOk(queue.isHeld(order))
  t.ok(queue.isHeld(job('dead')))
  t.equal(nextName(queue), 'run dead')
  t.notOk(queue.report(order, { kind: 'failed' }, 5_000, at(0)))
  t.strictSame(queue.silentMeters(), [{ meter: 'dead', since: 0, nextProbe: 5_000 }], 'its probe stays where it was')
  queue.offer(job('dead'), at(5_000))
  t.equal(nextName(queue, 5_000), 'run dead', 'and the budget was not touched')
})

await t.test('broadcasts and lost links say nothing of a meter', async (t) => {
  const queue = newQueue()
  for (let i = 0; i < 3; i++) {
    t.notOk(queue.report(job('x'), { kind: 'neither' }, 100, at(0)))
    t.notOk(queue.report(job('x', { meter: 'all' }), { kind: 'failed' }, 100, at(0)))
  }
  t.strictSame(queue.silentMeters(), [])
  queue.offer(job('to all', { meter: 'all' }), at(0))
  t.equal(nextName(queue), 'run to all')
})

await t.test('the reply’s deadline follows the meter; writes and meters in doubt get the longest', async (t) => {
  const queue = newQueue()
  const { firstByte } = policy
  for (let i = 0; i < 20; i++) queue.report(job('quick'), { kind: 'replied', firstByteMs: 20 }, 70, at(0))
  t.equal(queue.firstByteMs(job('quick'), false), firstByte.floorMs)
  t.equal(queue.firstByteMs(job('quick'), true), firstByte.writeMs)
  t.equal(queue.firstByteMs(job('unknown'), false), firstByte.ceilingMs)
  t.equal(queue.firstByteMs(job('to all', { meter: 'all' }), false), firstByte.ceilingMs)
  silence(queue, 'quick')
  t.equal(queue.firstByteMs(job('quick'), false), firstByte.ceilingMs)
})

await t.test('the oldest meter’s history is forgotten when there are too many', async (t) => {
  const queue = newQueue({ metersMax: 2 })
  for (const address of ['a', 'b', 'c']) silence(queue, address)
  t.strictSame(
    queue.silentMeters().map(({ meter }) => meter),
    ['b', 'c'],
  )
})

await t.test('lists stay in order however they are used', async (t) => {
  const queue = newQueue({ queueMax: 1000 })
  const now: MonotonicMs = at(0)
  for (let i = 0; i < 100; i++) queue.offer(job(`${i}`), now)
  for (let i = 0; i < 60; i++) t.equal(nextName(queue), `run ${i}`)
  t.equal(names(queue.take(({ name }) => Number(name) % 2 === 0)).length, 20)
  for (let i = 61; i < 100; i += 2) t.equal(nextName(queue), `run ${i}`)
  t.equal(nextName(queue), 'idle')
})

await t.test('what a busy meter’s jobs wait for is that meter alone', async (t) => {
  const queue = newQueue()
  const busy = new Set([meter('a')])
  const next = (): string => {
    const decision = queue.next(at(0), busy)
    return decision.kind === 'idle' ? 'idle' : `${decision.kind} ${decision.job.name}`
  }
  for (const name of ['a1', 'b1', 'a2']) queue.offer(job(name, { meter: meter(name.slice(0, 1)) }), at(0))
  queue.offer(job('a3', { meter: meter('a'), priority: 'relay', expiresAt: 10 }), at(0))
  t.equal(next(), 'run b1')
  t.equal(next(), 'idle')
  t.equal(queue.size, 3)
  t.strictSame(names(queue.takeExpired(at(10))), ['a3'], 'time ends a job wherever it waits')
  busy.delete(meter('a'))
  queue.free(meter('a'))
  queue.free(meter('b'))
  queue.free('all')
  t.strictSame([next(), next(), next()], ['run a1', 'run a2', 'idle'])
})

await t.test('as long as one probe is under way no other starts, and a busy meter is not probed', async (t) => {
  const queue = newQueue()
  for (const address of ['a', 'b', 'c']) silence(queue, address)
  for (const address of ['a', 'b', 'c']) queue.offer(job(address), at(100_000))
  const next = (busy: readonly string[]): string => {
    const decision = queue.next(at(100_000), new Set(busy.map(meter)))
    return decision.kind === 'idle' ? 'idle' : `${decision.kind} ${decision.job.name}`
  }
  t.equal(next(['a']), 'run b', 'the one due longest is being asked by somebody else')
  t.equal(next(['a', 'b']), 'idle')
  t.equal(next(['a']), 'run c', 'the first probe has ended')
  t.equal(next(['c']), 'idle')
  queue.free(meter('a'))
  t.equal(next([]), 'run a')
})

await t.test('a probe waits while somebody asks its meter out of turn', async (t) => {
  const queue = newQueue()
  for (const address of ['a', 'b']) {
    silence(queue, address)
    queue.offer(job(address), at(100_000))
  }
  const next = (busy: readonly string[]): string => {
    const decision = queue.next(at(100_000), new Set(busy.map(meter)))
    return decision.kind === 'idle' ? 'idle' : `${decision.kind} ${decision.job.name}`
  }
  t.strictSame([next([]), next(['a'])], ['run a', 'idle'], 'the second probe stands ready')
  t.equal(next(['b']), 'idle')
  t.equal(next([]), 'run b')
})

await t.test('nothing is woken for a probe that waits for an exchange to end: it would spin until then', async (t) => {
  const queue = newQueue()
  for (const address of ['a', 'b']) silence(queue, address)
  for (const address of ['a', 'b']) queue.offer(job(address), at(100_000))
  t.equal(nextName(queue, 100_000), 'run a')
  const underWay = new Set([meter('a')])
  t.strictSame(queue.next(at(100_000), underWay), { kind: 'idle', wakeAt: null }, 'another probe is under way')
  queue.offer(job('curve of c', { meter: meter('c'), expiresAt: 160_000 }), at(100_000))
  t.match(queue.next(at(100_000), underWay), { kind: 'run' })
  t.strictSame(queue.next(at(100_000), underWay), { kind: 'idle', wakeAt: 160_000 })
  t.strictSame(queue.next(at(100_000), new Set([meter('b')])), { kind: 'idle', wakeAt: 160_000 }, 'its own meter is being asked')
})
