import t from 'tap'
import { createRs485Bus } from '../../../drivers/rs485/index.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, linkId, monotonicMs } from '../../../src/model/index.js'
import type { JobResult, Priority, Runner, Session } from '../../../src/ports/index.js'
import { createBusRunner, exchangeMsMax, type BusRunnerOptions } from '../../../src/runtime/bus-runner.js'
import { defaultSchedulingPolicy } from '../../../src/scheduling/index.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { TestMeters } from '../../helpers/test-meters.js'
import { testAddress, testSession, type TestOutcome, type TestPlan } from '../../helpers/test-protocol.js'

type Result = JobResult<readonly TestOutcome[]>

interface Bench {
  readonly time: VirtualTime
  readonly link: FakeLink
  readonly meters: TestMeters
  readonly runner: Runner
  readonly read: (plan: TestPlan, options?: { priority?: Priority; expiresAt?: number }) => Promise<Result>
  /** Runs virtual time until the promise settles. */
  readonly settled: <T>(work: Promise<T>) => Promise<T>
}

const byteMs = 1
const turnMs = 20
const exchangeMs = 4 * byteMs + turnMs + 5 * byteMs

function bench(overrides: Partial<BusRunnerOptions> = {}): Bench {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const link = new FakeLink(time, byteMs)
  const meters = new TestMeters(link, time, turnMs)
  const bus = createRs485Bus({ link, clock: time, timers: time })
  const random = { next: () => 0.5 }
  const runner = createBusRunner({ link: linkId('bus-1'), bus, clock: time, timers: time, random, quietMs: 0, ...overrides })
  const read: Bench['read'] = (plan, options = {}) =>
    runner.run({
      meter: testAddress(plan.meter),
      session: testSession(plan),
      priority: options.priority ?? 'curve',
      expiresAt: options.expiresAt === undefined ? null : monotonicMs(options.expiresAt),
    })
  const settled: Bench['settled'] = async (work) => {
    let isSettled = false
    const done = (): void => void (isSettled = true)
    work.then(done, done)
    await time.runUntil(() => isSettled, 3_600_000)
    return await work
  }
  return { time, link, meters, runner, read, settled }
}

await t.test('exchanges follow one another without a pause', async (t) => {
  const { time, read, settled, runner } = bench()
  const results = await settled(Promise.all([read({ meter: 1, registers: [1, 2] }), read({ meter: 2, registers: [3] })]))
  t.strictSame(results, [
    { kind: 'settled', outcome: [2, 3] },
    { kind: 'settled', outcome: [5] },
  ])
  t.equal(time.monotonic(), 3 * exchangeMs, 'three exchanges and nothing else')
  t.match(runner.snapshot(), {
    link: 'bus-1',
    up: true,
    queued: 0,
    exchanges: 3,
    replies: 3,
    silent: 0,
    garbled: 0,
    busyMs: 3 * exchangeMs,
  })
})

await t.test(
  'each exchange queues anew: a long plan shares the bus with its equals, and makes way for what is urgent',
  async (t) => {
    const { read, settled, meters } = bench()
    const long = read({ meter: 1, registers: [1, 2, 3, 4] })
    const other = read({ meter: 2, registers: [1, 2] })
    const order = read({ meter: 3, registers: [9] }, { priority: 'relay' })
    await settled(Promise.all([long, other, order]))
    t.strictSame(
      meters.asked.map(({ meter }) => meter),
      [1, 3, 2, 1, 2, 1, 1],
      'the order waited for the exchange in flight only',
    )
  },
)

await t.test('a follow-up chain holds the bus against its equals', async (t) => {
  const { read, settled, meters } = bench()
  await settled(Promise.all([read({ meter: 1, registers: [1, 2, 3], isChain: true }), read({ meter: 2, registers: [1] })]))
  t.strictSame(
    meters.asked.map(({ meter }) => meter),
    [1, 1, 1, 2],
  )
})

await t.test('a chain that yields to something more urgent starts again at its first read', async (t) => {
  const { read, settled, meters, time } = bench()
  const chain = read({ meter: 1, registers: [1, 2, 3], isChain: true })
  await time.runFor(exchangeMs + 5)
  const order = read({ meter: 2, registers: [9] }, { priority: 'relay' })
  t.strictSame(await settled(chain), { kind: 'settled', outcome: [2, 3, 4] })
  await settled(order)
  t.strictSame(
    meters.asked.map(({ meter, register }) => `${meter}:${register}`),
    ['1:1', '1:2', '2:9', '1:1', '1:2', '1:3'],
  )
})

await t.test('lesson 17: one register’s failure does not throw the others away', async (t) => {
  const { read, settled, meters, time } = bench()
  const work = read({ meter: 1, registers: [1, 2, 3], repeats: 1 })
  await time.runFor(exchangeMs - 1)
  meters.silent.add(1)
  t.strictSame(await settled(work), { kind: 'settled', outcome: [2, 'silent', 'silent'] })
  t.equal(meters.asked.length, 3, 'once it is known to be silent, the rest of the plan costs nothing')
})

await t.test('a silent meter is held after two failures, probed when due, and back with its first reply', async (t) => {
  const { read, settled, meters, runner, time } = bench()
  meters.silent.add(1)
  t.strictSame(await settled(read({ meter: 1, registers: [1], repeats: 2 })), { kind: 'settled', outcome: ['silent'] })
  t.equal(meters.asked.length, 2)
  const [silent] = runner.snapshot().silentMeters
  t.match(silent, { meter: testAddress(1) })
  t.strictSame(await settled(read({ meter: 1, registers: [1] })), { kind: 'held', nextProbe: silent?.nextProbe })
  t.strictSame(await settled(read({ meter: 2, registers: [1] })), { kind: 'settled', outcome: [3] }, 'others are not affected')
  t.match(
    await settled(read({ meter: 1, registers: [1] }, { priority: 'live-call' })),
    { kind: 'settled' },
    'a technician may ask',
  )
  t.equal(runner.snapshot().probeMs, 0, 'at his own cost')
  await time.runFor(5_000)
  t.match(await settled(read({ meter: 1, registers: [1] })), { kind: 'settled', outcome: ['silent'] })
  t.ok(runner.snapshot().probeMs > 500)
  meters.silent.clear()
  await time.runFor(60_000)
  t.strictSame(await settled(read({ meter: 1, registers: [1, 2] })), { kind: 'settled', outcome: [2, 3] })
  t.strictSame(runner.snapshot().silentMeters, [])
})

await t.test('garbled replies count as failures, too', async (t) => {
  const { read, settled, meters, runner } = bench()
  meters.garbled.add(1)
  t.strictSame(await settled(read({ meter: 1, registers: [1, 2, 3] })), {
    kind: 'settled',
    outcome: ['garbled', 'garbled', 'silent'],
  })
  t.match(runner.snapshot(), { garbled: 2, silent: 0, silentMeters: [{ meter: testAddress(1) }] })
})

await t.test('a write to a meter that fell silent is not sent, and says so', async (t) => {
  const { read, settled, meters } = bench()
  meters.silent.add(1)
  t.strictSame(
    await settled(read({ meter: 1, registers: [0xf0, 0xf1, 0xf2], isWrite: true })),
    { kind: 'settled', outcome: ['silent', 'silent', 'bus-down'] },
    'the first two left once each; the third never did',
  )
  t.equal(meters.asked.length, 2, 'nothing is written twice')
})

await t.test('a write’s bytes stay out of the trace unless the protocol blanked them', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const link = new FakeLink(time, byteMs)
  const bus = createRs485Bus({ link, clock: time, timers: time })
  const runner = createBusRunner({ link: linkId('x'), bus, clock: time, timers: time, random: { next: () => 0 }, quietMs: 0 })
  const write = (session: Session<readonly TestOutcome[]>): void =>
    void runner.run({ meter: testAddress(1), session, priority: 'relay', expiresAt: null })
  write(testSession({ meter: 1, registers: [0xf0], isWrite: true }))
  const blanked = testSession({ meter: 1, registers: [0xf1], isWrite: true })
  const { effect } = blanked
  t.ok(effect.kind === 'exchange')
  if (effect.kind === 'exchange') write({ ...blanked, effect: { ...effect, traced: Uint8Array.of(0x3f, 0) } })
  await time.runFor(10_000)
  t.strictSame(
    bus.trace().filter(({ direction }) => direction === 'out'),
    [
      { at: 0, direction: 'out', bytes: new Uint8Array(0), note: '4 bytes, credentials not shown' },
      { at: 1_005, direction: 'out', bytes: Uint8Array.of(0x3f, 0), note: '4 bytes, credentials not shown' },
    ],
  )
})

await t.test('a job whose time is over is given up, and says whether it may have reached the meter', async (t) => {
  const { read, settled, meters, time } = bench()
  const waiting = read({ meter: 1, registers: Array.from({ length: 10 }, (_, i) => i) })
  const begun = read({ meter: 2, registers: [1, 2, 3, 4] }, { expiresAt: 100 })
  const never = read({ meter: 3, registers: [1] }, { expiresAt: 20, priority: 'clock-care' })
  t.strictSame(await settled(never), { kind: 'expired', sent: false })
  t.equal(time.monotonic(), 20, 'told at once, in the middle of another’s exchange')
  t.strictSame(await settled(begun), { kind: 'expired', sent: true })
  t.equal(time.monotonic(), 4 * exchangeMs, 'its exchange in flight was let end')
  t.match(await settled(waiting), { kind: 'settled' })
  t.strictSame(
    await settled(read({ meter: 3, registers: [1] }, { expiresAt: 1 })),
    { kind: 'expired', sent: false },
    'too late from the start',
  )
  t.notOk(meters.asked.some(({ meter }) => meter === 3))
})

await t.test('a link that comes back soon costs no job; one that stays away fails each after the grace', async (t) => {
  const { read, settled, link, time, runner } = bench()
  link.unplug('device-gone')
  const first = read({ meter: 1, registers: [1] })
  await time.runFor(3_000)
  link.plug()
  t.strictSame(await settled(first), { kind: 'settled', outcome: [2] })
  const cut = read({ meter: 1, registers: [1, 2] })
  await time.runFor(10)
  link.unplug('device-gone')
  const late = read({ meter: 2, registers: [1] }, { expiresAt: time.monotonic() + 500 })
  const before = time.monotonic()
  t.strictSame(await settled(late), { kind: 'expired', sent: false })
  t.strictSame(await settled(cut), { kind: 'settled', outcome: ['bus-down, sent', 'bus-down'] })
  t.ok(time.monotonic() - before >= 5_000 && time.monotonic() - before < 7_000)
  t.match(runner.snapshot(), { up: false, queued: 0 })
})

await t.test('a write that the link refused was not sent; it leaves when the link is back', async (t) => {
  const { read, settled, link, meters, time } = bench()
  link.refuses = 'peer-stuck'
  const write = read({ meter: 1, registers: [0xf0], isWrite: true }, { priority: 'relay' })
  await time.runFor(1_000)
  t.equal(meters.asked.length, 0)
  link.plug()
  t.match(await settled(write), { kind: 'settled', outcome: [0xf1] })
  t.equal(meters.asked.length, 1)
})

await t.test('a full queue refuses; a closed runner, too', async (t) => {
  const { read, runner, settled, meters, time } = bench({ policy: { ...defaultSchedulingPolicy, queueMax: 2, urgentReserve: 0 } })
  const running = read({ meter: 1, registers: [1, 2] })
  const queued = [read({ meter: 2, registers: [1] }), read({ meter: 3, registers: [1] })]
  t.strictSame(await read({ meter: 4, registers: [1] }), { kind: 'refused' })
  await time.runFor(1)
  const closing = runner.close()
  t.strictSame(await Promise.all(queued), [{ kind: 'refused' }, { kind: 'refused' }])
  t.strictSame(await settled(running), { kind: 'expired', sent: true }, 'its exchange was let end, its second one did not begin')
  await closing
  t.equal(meters.asked.length, 1)
  t.strictSame(await read({ meter: 4, registers: [1] }), { kind: 'refused' })
  await runner.close()
  await time.runFor(1_000)
  t.equal(time.pending, 0, 'no timer is left over')
})

await t.test('closing does not wait for a device that trickles bytes for ever', async (t) => {
  const { runner, link, time, settled } = bench()
  const { effect } = testSession({ meter: 1, registers: [1] })
  const session: Session<number> = {
    effect: effect.kind === 'settled' ? { ...effect, outcome: 0 } : { ...effect, reply: () => ({ kind: 'incomplete' }) },
    step: () => ({ effect: { kind: 'settled', outcome: 1 }, step: () => session }),
  }
  const trickle = (): void => {
    link.say([0x21])
    time.after(400, trickle)
  }
  link.onRequest = trickle
  const job = runner.run({ meter: testAddress(1), session, priority: 'curve', expiresAt: null })
  await settled(runner.close())
  t.equal(time.monotonic(), 2_500)
  t.strictSame(await settled(job), { kind: 'settled', outcome: 1 }, 'the exchange itself ends at its own limit')
  t.equal(time.monotonic(), exchangeMsMax)
})

await t.test('an empty plan needs no bus', async (t) => {
  const { read, meters } = bench()
  t.strictSame(await read({ meter: 1, registers: [] }), { kind: 'settled', outcome: [] })
  t.equal(meters.asked.length, 0)
})

await t.test('a session that throws fails its own caller; the bus goes on', async (t) => {
  const { runner, read, settled } = bench()
  const { effect } = testSession({ meter: 1, registers: [1] })
  const session: Session<number> = {
    effect: effect.kind === 'settled' ? { kind: 'settled', outcome: 0 } : effect,
    step: () => {
      throw new Error('a fault of ours')
    },
  }
  const broken = runner.run({ meter: testAddress(1), session, priority: 'curve', expiresAt: null })
  await t.rejects(settled(broken), { message: 'a fault of ours' })
  t.match(await settled(read({ meter: 1, registers: [1] })), { kind: 'settled' })
})

await t.test('a session that never settles is stopped', async (t) => {
  const { runner, meters, settled } = bench()
  meters.silent.add(1)
  const { effect } = testSession({ meter: 1, registers: [1] })
  const session: Session<number> = {
    effect: effect.kind === 'settled' ? { kind: 'settled', outcome: 0 } : effect,
    step: () => session,
  }
  const endless = runner.run({ meter: testAddress(1), session, priority: 'curve', expiresAt: null })
  await t.rejects(settled(endless), /has not settled/)
})

await t.test('the quiet gap is the runner’s to set', async (t) => {
  const { read, settled, link } = bench({ quietMs: 20 })
  await settled(read({ meter: 1, registers: [1, 2, 3] }))
  t.strictSame(
    link.written.map(({ at }) => at),
    [20, 20 + exchangeMs + 20, 20 + 2 * (exchangeMs + 20)],
  )
})
