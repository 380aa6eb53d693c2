import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, linkId, monotonicMs } from '../../../src/model/index.js'
import type { ExchangeTime, JobResult, Priority, Runner } from '../../../src/ports/index.js'
import { createBusRunner } from '../../../src/runtime/bus-runner.js'
import { sessionAtArrival } from '../../../src/runtime/timed-session.js'
import { testAddress, testSession, type TestOutcome, type TestPlan } from '../../helpers/test-protocol.js'
import { WideBus } from '../../helpers/wide-bus.js'

type Read = (plan: TestPlan, options?: { priority?: Priority; expiresAt?: number }) => Promise<JobResult<readonly TestOutcome[]>>

function wideBench(concurrency: number, framesAtOnce = 1): { bus: WideBus; runner: Runner; read: Read; time: VirtualTime } {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const bus = new WideBus(concurrency, { framesAtOnce })
  const random = { next: () => 0.5 }
  const runner = createBusRunner({ link: linkId('plc-1'), bus, clock: time, timers: time, random, quietMs: 0 })
  const read: Read = (plan, options = {}) =>
    runner.run({
      meter: plan.meter === 0 ? 'all' : testAddress(plan.meter),
      session: testSession(plan),
      priority: options.priority ?? 'curve',
      expiresAt: options.expiresAt === undefined ? null : monotonicMs(options.expiresAt),
    })
  return { bus, runner, read, time }
}
const turned = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

await t.test('a medium that carries several exchanges gets as many, never two with one meter', async (t) => {
  const { bus, runner, read, time } = wideBench(3)
  const results = [1, 1, 2, 3, 4].map((meter) => read({ meter, registers: [1, 2] }))
  t.equal(runner.concurrency, 3)
  t.strictSame(bus.underWay(), ['1 1', '2 1', '3 1'])
  await time.runFor(3_000)
  bus.answer('2')
  await turned()
  t.strictSame(bus.underWay(), ['1 1', '3 1', '4 1'], 'the fourth meter had waited longer than the second’s next exchange')
  t.equal(runner.snapshot().busyMs, 1_000, 'one of three places')
  bus.answer('1')
  await turned()
  t.strictSame(bus.underWay(), ['3 1', '4 1', '2 2'])
  for (let i = 0; i < 12; i++) {
    for (const exchange of bus.underWay()) bus.answer(exchange.slice(0, 1))
    await turned()
  }
  t.strictSame(
    (await Promise.all(results)).map((result) => result.kind),
    ['settled', 'settled', 'settled', 'settled', 'settled'],
  )
  t.equal(bus.twice, 0, 'no meter was asked twice at a time')
  t.equal(runner.snapshot().queued, 0)
})

await t.test('waiting for its turn on the medium is no part of what a reply took: clocks are judged by it', async (t) => {
  const { bus, runner, time } = wideBench(2)
  const spent: ExchangeTime[] = []
  const session = testSession({ meter: 1, registers: [1] })
  const onExchange = (took: ExchangeTime): void => void spent.push(took)
  const done = runner.run({ meter: testAddress(1), session, priority: 'clock-care', expiresAt: null, onExchange })
  await time.runFor(600_000)
  bus.answer('1')
  await done
  t.strictSame(spent, [{ busMs: 300_000, tookMs: 1 }], 'the bus tells 1 ms from the request to the reply')
})

await t.test('what carries the time may not wait on the medium', async (t) => {
  const { bus, runner } = wideBench(2)
  const make = () => testSession({ meter: 1, registers: [0xf0], isWrite: true })
  const session = sessionAtArrival(
    make,
    () => epochMs(0),
    () => 0,
  )
  void runner.run({ meter: testAddress(1), session, priority: 'clock-care', expiresAt: null })
  void runner.run({
    meter: testAddress(2),
    session: testSession({ meter: 2, registers: [1] }),
    priority: 'freeze',
    expiresAt: null,
  })
  t.strictSame(
    bus.requests.map(({ isUrgent, isWrite }) => [isUrgent, isWrite]),
    [
      [true, true],
      [false, undefined],
    ],
  )
  bus.answer('1')
  await turned()
  t.strictSame(bus.underWay(), ['2 1'], 'and it ends like any other')
})

await t.test('what is for all meters leaves alone, in time or not at all', async (t) => {
  const { bus, runner, read, time } = wideBench(2)
  const first = read({ meter: 1, registers: [1] })
  const toAll = read({ meter: 0, registers: [9] }, { priority: 'relay', expiresAt: 5_000 })
  const later = read({ meter: 2, registers: [1] })
  t.strictSame(bus.underWay(), ['1 1'], 'nothing overtakes it')
  t.equal(runner.snapshot().queued, 2)
  bus.answer('1')
  await first
  t.strictSame(bus.underWay(), ['all 9'])
  bus.answer('all')
  await toAll
  await turned()
  t.strictSame(bus.underWay(), ['2 1'])
  const late = read({ meter: 0, registers: [9] }, { priority: 'relay', expiresAt: 5_000 })
  await time.runFor(5_000)
  bus.answer('2')
  await later
  t.strictSame(await late, { kind: 'expired', sent: false })
  t.strictSame(bus.underWay(), [])
})

await t.test('what is for all meters waits out a link that is down, and is refused when the runner closes', async (t) => {
  const { bus, runner, read, time } = wideBench(2)
  void read({ meter: 1, registers: [1] })
  const toAll = read({ meter: 0, registers: [9] }, { priority: 'relay' })
  bus.setUp(false)
  bus.fail('1')
  await time.runFor(10_000)
  t.strictSame(await toAll, { kind: 'settled', outcome: ['bus-down'] })
  bus.setUp(true)
  const asked = read({ meter: 3, registers: [1] })
  const refused = read({ meter: 0, registers: [9] }, { priority: 'relay' })
  const closing = runner.close()
  t.strictSame(await refused, { kind: 'refused' })
  bus.answer('3')
  await closing
  t.equal((await asked).kind, 'settled')
})

await t.test('an exchange that waits in a module makes way for an order to its meter, and follows it', async (t) => {
  const { bus, read } = wideBench(4)
  const curve = read({ meter: 1, registers: [1] })
  const order = read({ meter: 1, registers: [9] }, { priority: 'relay' })
  await turned()
  t.strictSame(bus.underWay(), ['1 9'])
  bus.answer('1')
  t.equal((await order).kind, 'settled')
  await turned()
  t.strictSame(bus.underWay(), ['1 1'])
  bus.answer('1')
  t.strictSame(await curve, { kind: 'settled', outcome: [1] }, 'nothing was counted as a failure')
})

await t.test('where there is no room, what waits in a module makes way for an order to another meter', async (t) => {
  const { bus, read } = wideBench(2)
  const reads = [read({ meter: 1, registers: [1] }), read({ meter: 2, registers: [1] })]
  const order = read({ meter: 3, registers: [9] }, { priority: 'relay' })
  await turned()
  t.strictSame(bus.underWay(), ['3 9', '1 1'])
  bus.hasLeft = true
  const late = read({ meter: 4, registers: [9] }, { priority: 'relay' })
  await turned()
  t.strictSame(bus.underWay(), ['3 9', '1 1'], 'what has left goes on')
  for (const meter of ['3', '4', '1', '2']) {
    bus.answer(meter)
    await turned()
  }
  for (const { kind } of await Promise.all([...reads, order, late])) t.equal(kind, 'settled')
})

await t.test('a network turns as long as it keeps its deadlines, however long those are', async (t) => {
  const { runner, read, time } = wideBench(2)
  void read({ meter: 1, registers: [1] })
  await time.runFor(90_000)
  await runner.turned()
  await time.runFor(10_000)
  let hasTurned = false
  void runner.turned().then(() => (hasTurned = true))
  await turned()
  t.notOk(hasTurned, 'its deadline is long over')
})

await t.test('a medium is told what is a write, and what of a request may not be shown', async (t) => {
  const { bus, runner, read } = wideBench(4)
  const write = (meter: number, traced?: (bytes: Uint8Array) => Uint8Array): void => {
    const session = testSession({ meter, registers: [0xf0], isWrite: true })
    const { effect } = session
    if (effect.kind !== 'exchange') throw new Error('nothing is asked')
    const shown = traced === undefined ? {} : { traced: traced(effect.bytes) }
    const job = {
      meter: testAddress(meter),
      session: { ...session, effect: { ...effect, ...shown } },
      priority: 'relay',
    } as const
    void runner.run({ ...job, expiresAt: null })
  }
  write(1)
  write(2, (bytes) => bytes.slice(0, 2))
  write(3, (bytes) => bytes)
  void read({ meter: 4, registers: [1] })
  await turned()
  t.strictSame(
    bus.requests.map(({ isWrite, traced }) => [isWrite, traced?.length]),
    [
      [true, 0],
      [true, 2],
      [true, undefined],
      [undefined, undefined],
    ],
  )
})

await t.test('reads of one meter travel together where the medium carries several frames', async (t) => {
  const { bus, runner, read } = wideBench(2, 3)
  const result = read({ meter: 1, registers: [1, 2, 3, 4, 5], isTogether: true })
  t.strictSame(bus.underWay(), ['1 1 2 3'], 'as many as it carries')
  bus.answer('1', [2])
  await turned()
  t.strictSame(bus.underWay(), ['1 2 3 4'], 'what was not answered is asked again, with what follows it')
  bus.answer('1')
  await turned()
  t.strictSame(bus.underWay(), ['1 5'])
  bus.answer('1')
  t.strictSame(await result, { kind: 'settled', outcome: [1, 1, 1, 1, 1] })
  t.equal(runner.snapshot().exchanges, 3)
})

await t.test('a dialogue that was interrupted by what travelled along begins again; a write takes nothing along', async (t) => {
  const { bus, read } = wideBench(2, 3)
  const chain = read({ meter: 1, registers: [1, 2], isTogether: true, isChain: true })
  t.strictSame(bus.underWay(), ['1 1 2'])
  bus.answer('1')
  await turned()
  t.strictSame(bus.underWay(), ['1 1 2'], 'from its beginning')
  const write = read({ meter: 2, registers: [0xf0, 0xf1], isTogether: true, isWrite: true })
  t.strictSame(bus.underWay(), ['1 1 2', '2 240'])
  bus.fail('1')
  bus.fail('2')
  await turned()
  bus.fail('1')
  bus.fail('2')
  t.strictSame([(await chain).kind, (await write).kind], ['settled', 'settled'])
})
