import t from 'tap'
import { linkId } from '../../../src/model/index.js'
import { createBusRunner } from '../../../src/runtime/bus-runner.js'
import { meshSchedulingPolicy } from '../../../src/scheduling/index.js'
import { moduleBench, readOf, wireOf } from '../../helpers/module-bench.js'
import { testAddress, testSession } from '../../helpers/test-protocol.js'

const meters = Array.from({ length: 40 }, (_, index) => index + 1)

await t.test('what a module refuses of one meter is told as that meter’s trouble, beside what its session says', async (t) => {
  const bench = moduleBench({ meters, module: { medium: 2, led: 1 } })
  const { bus, time } = bench
  const random = { next: () => 0.5 }
  const runner = createBusRunner({
    ...{ link: linkId('plc'), bus, clock: time, timers: time, random, quietMs: 20, policy: meshSchedulingPolicy },
  })
  await bench.up()
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  const isRefused = (meter: number): boolean => meter > 20
  bench.module.misbehave = ({ afn, meter }) => (afn === 0xf1 && isRefused(Number(meter)) ? { deny: 1 } : null)
  const results = await bench.run(
    Promise.all(
      meters.map((meter) =>
        runner.run({
          meter: testAddress(meter),
          session: testSession({ meter, registers: [1] }),
          priority: 'curve',
          expiresAt: null,
        }),
      ),
    ),
  )
  for (const [index, result] of results.entries()) {
    const isGood = !isRefused(index + 1)
    t.strictSame(
      result,
      isGood ? { kind: 'settled', outcome: [42] } : { kind: 'settled', outcome: ['bus-down'], hindrance: 'not-carried' },
    )
  }
  await bus.close()
  const gone = runner.run({
    ...{ meter: testAddress(1), session: testSession({ meter: 1, registers: [1] }), priority: 'curve', expiresAt: null },
  })
  t.strictSame(await bench.run(gone), { kind: 'settled', outcome: ['bus-down'] }, 'the bus itself')
  await bench.run(runner.close())
})

await t.test('which outcomes concern one meter alone', async (t) => {
  const bench = moduleBench({ meters: [1], module: { medium: 1, led: 1, frameBytesMax: 100 } })
  await bench.up()
  t.match(await bench.ask(readOf(2)), { code: 'not-in-archive', hindrance: 'not-carried' })
  t.match(await bench.ask(readOf(1, 1, { bytes: new Uint8Array(200) })), { code: 'too-long', hindrance: 'not-carried' })
  bench.module.misbehave = ({ meter }) => (meter === wireOf(1) ? { deny: 9 } : null)
  t.match(await bench.ask(readOf(1), 30_000), { code: 'module-busy', hindrance: 'later' })
  bench.module.isOn = false
  const outcome = await bench.ask(readOf(1), 30_000)
  t.notOk('hindrance' in outcome && outcome.code === 'module-silent')
  await bench.link.close()
  t.notOk('hindrance' in (await bench.ask(readOf(1))))
})
