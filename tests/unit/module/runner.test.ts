import t from 'tap'
import { linkId, type MonotonicMs } from '../../../src/model/index.js'
import type { JobResult, Priority } from '../../../src/ports/index.js'
import { createBusRunner } from '../../../src/runtime/bus-runner.js'
import { meshSchedulingPolicy } from '../../../src/scheduling/index.js'
import { moduleBench, wireOf, type BenchOptions } from '../../helpers/module-bench.js'
import { addressBytes } from '../../helpers/scripted-module.js'
import { testAddress, testSession, type TestOutcome } from '../../helpers/test-protocol.js'

const meters = Array.from({ length: 20 }, (_, index) => index + 1)
const ways: readonly (readonly [string, BenchOptions])[] = [
  ['concurrently', { meters, module: { medium: 2 } }],
  ['one by one', { meters, module: { medium: 1, led: 1 } }],
  ['led by the module', { meters, module: { medium: 1, led: 2, readMs: 2_000 } }],
]

for (const [words, options] of ways)
  await t.test(`sessions of a runner, ${words}: every meter is read, also across a restart of the module`, async (t) => {
    const bench = moduleBench(options)
    const { bus, time, module } = bench
    const random = { next: () => 0.5 }
    // A module needs longer to start than a serial port.
    const downGraceMs = 60_000
    const policy = meshSchedulingPolicy
    const runner = createBusRunner({
      link: linkId('plc'),
      bus,
      clock: time,
      timers: time,
      random,
      quietMs: 20,
      policy,
      downGraceMs,
    })
    await bench.up()
    const read = (meter: number, priority: Priority = 'curve', expiresAt: MonotonicMs | null = null) =>
      runner.run({
        meter: testAddress(meter),
        session: testSession({ meter, registers: [1, 2, 3], repeats: 2 }),
        priority,
        expiresAt,
      })
    const settled = async (work: readonly Promise<JobResult<readonly TestOutcome[]>>[]) => await bench.run(Promise.all(work))
    const results = await settled(meters.map((meter) => read(meter)))
    for (const result of results) t.strictSame(result, { kind: 'settled', outcome: [42, 42, 42] })

    const across = meters.map((meter) => read(meter))
    time.after(1_000, () => module.powerOn({ forgets: true }))
    for (const result of await settled(across)) {
      t.equal(result.kind, 'settled')
      // Reads that the module had when it restarted are lost with it; a session does not repeat them by itself.
      if (result.kind === 'settled') t.ok(result.outcome.every((value) => value === 42 || value === 'bus-down, sent'))
    }

    const slow = meters.slice(1).map((meter) => read(meter))
    await time.runFor(500)
    const startedAt = bench.now()
    const [urgent] = await settled([read(1, 'live-call')])
    t.strictSame(urgent, { kind: 'settled', outcome: [42, 42, 42] })
    t.ok(bench.now() - startedAt < 30_000, `what cannot wait took ${Math.round(bench.now() - startedAt)} ms`)
    for (const result of await settled(slow)) t.strictSame(result, { kind: 'settled', outcome: [42, 42, 42] })
    t.equal(module.twiceOneMeter, 0)
    await bench.run(runner.close())
    await bus.close()
  })

await t.test('a read that is traced as it is, as DL/T 698.45 does, is no write: the module is given it again', async (t) => {
  const bench = moduleBench({ meters: [1, 2], module: { medium: 1, led: 2 } })
  const { bus, time, module } = bench
  const random = { next: () => 0.5 }
  const runner = createBusRunner({ link: linkId('plc'), bus, clock: time, timers: time, random, quietMs: 20 })
  await bench.up()
  module.misbehave = () => 'silent'
  /** How often the module is given a meter's frame when it asks for it again and again. */
  const offers = async (meter: number, isWrite: boolean): Promise<number> => {
    const session = testSession({ meter, registers: [0xf0], isWrite })
    const { effect } = session
    if (effect.kind !== 'exchange') throw new Error('it asks something')
    const job = { meter: testAddress(meter), priority: 'curve', expiresAt: null } as const
    const done = runner.run({ ...job, session: { ...session, effect: { ...effect, traced: effect.bytes } } })
    for (let asked = 0; asked < 4; asked++) module.say(0x14, 1, [0, ...addressBytes(String(meter)), meter, 0])
    await bench.run(done)
    return module.of(0x14, 1).filter(({ data, meter: asked }) => data[0] === 2 && asked === wireOf(meter)).length
  }
  t.equal(await offers(1, false), 3)
  t.equal(await offers(2, true), 1, 'a write is given once')
  t.notOk(
    bus.trace().some(({ note }) => note.includes('not shown')),
    'nothing to hide',
  )
  await bench.run(runner.close())
  await bus.close()
})
