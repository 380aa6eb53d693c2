import t from 'tap'
import { staleDefaultMs } from '../../../drivers/link/link-url.js'
import { ReopeningLink } from '../../../drivers/link/reopening-link.js'
import { createPlcBus } from '../../../drivers/plc/index.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, monotonicMs } from '../../../src/model/index.js'
import { silentLog } from '../../helpers/collection-bench.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { broadcastOf, moduleBench, nodesOf, readOf, wireOf } from '../../helpers/module-bench.js'
import { ScriptedModule } from '../../helpers/scripted-module.js'
import { replyOf } from '../../helpers/test-protocol.js'

await t.test('lesson 21: a module that hangs is found by its silence, and started anew when it answers again', async (t) => {
  for (const medium of [1, 2] as const) {
    const bench = moduleBench({ meters: [1, 2], module: { medium, led: 1 } })
    await bench.up()
    bench.module.misbehave = () => 'silent'
    const read = bench.ask(readOf(1))
    t.strictSame(await read, { kind: 'silent' })
    await bench.time.runFor(30_000)
    t.notOk(bench.bus.isUp(), 'asked whether it is there, and it is not')
    t.match(bench.reports.at(-1), { kind: 'module-lost', code: 'module-silent' })
    t.match(await bench.ask(readOf(1)), { kind: 'bus-down', code: 'module-silent', sent: false })
    bench.module.misbehave = () => null
    t.ok(await bench.up(), 'there is no reset line: it is asked until it answers')
    t.match(await bench.ask(readOf(1)), { kind: 'reply' })
    t.strictSame(bench.states, ['up ready', 'down module-silent', 'up ready'])
    t.equal(bench.bus.network.snapshot().trouble, '')
  }
})

await t.test('an idle module that hangs is found at the next look', async (t) => {
  const bench = moduleBench({ meters: [1] })
  await bench.up()
  bench.module.misbehave = () => 'silent'
  await bench.time.runFor(360_000)
  t.notOk(bench.bus.isUp())
})

await t.test('what the module had when it was lost may have reached the meter; what waited did not', async (t) => {
  const bench = moduleBench({ meters: [1, 2], choice: { reading: 'concurrent', window: 2 } })
  await bench.up()
  bench.module.misbehave = () => 'silent'
  bench.module.archive.set(wireOf(9), 2)
  const sent = bench.bus.exchange(readOf(1), monotonicMs(bench.now() + 1e6))
  await bench.time.runFor(1)
  bench.module.powerOn()
  t.match(await sent, { kind: 'bus-down', code: 'module-restarted', sent: true })
})

await t.test('a restart in the midst of its own start', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  for (const after of [200, 700, 1_300]) bench.time.after(after, () => bench.module.powerOn({ forgets: true }))
  await bench.time.runFor(2_000)
  t.ok(await bench.up())
  t.equal(bench.module.archive.size, 3)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
})

await t.test('a module that restarts without a word and lost what it was told: its next refusal shows it', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  bench.module.powerOn({ forgets: true, says: false })
  t.match(await bench.ask(readOf(1)), { kind: 'reply' })
  t.equal(bench.module.archive.size, 2)
})

await t.test('the module is plugged out and another one in, on a link that stays open', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  bench.module.isOn = false
  t.strictSame(await bench.ask(readOf(1)), { kind: 'silent' })
  await bench.time.runFor(60_000)
  t.notOk(bench.bus.isUp())
  Object.assign(bench.module.options, { vendor: 'QJ', medium: 1, led: 2, mainNode: '000000007777' })
  bench.module.powerOn({ forgets: true })
  t.ok(await bench.up())
  t.match(bench.reports.filter(({ kind }) => kind === 'module-started').at(-1), { replaced: true })
  t.equal(bench.module.archive.size, 2)
  t.match(await bench.ask(readOf(1)), { kind: 'reply' }, 'by the way that the new one reads')
  t.ok(bench.module.of(0x14, 1).length > 0)
  t.match(bench.bus.network.snapshot(), { moduleRestarts: 1, module: { vendor: 'QJ', mainNode: '000000007777' } })
})

await t.test('functions that a module does not have are asked once, refused or left unanswered', async (t) => {
  const bench = moduleBench({ meters: [1] })
  bench.module.misbehave = ({ afn, fn }) => {
    if (afn === 0x10 && fn === 21) return { deny: 4 }
    return afn === 0x10 && (fn === 31 || fn === 4) ? 'silent' : null
  }
  await bench.up()
  await bench.time.runFor(4 * 3_600_000)
  t.equal(bench.module.of(0x10, 21).length, 1)
  t.equal(new Set(bench.module.of(0x10, 31).map(({ sequence }) => sequence)).size, 1)
  t.equal(new Set(bench.module.of(0x10, 4).map(({ sequence }) => sequence)).size, 1)
  t.ok(bench.bus.isUp())
  t.equal(bench.bus.network.snapshot().moduleRestarts, 0)
})

await t.test('who is in the network, over whom, on which phase', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  await bench.up()
  await bench.time.runFor(30_000)
  t.match(bench.bus.network.snapshot().nodes, [
    { inNetwork: true, level: 0, relay: null, phases: ['B'], quality: 9 },
    { inNetwork: true, level: 0, relay: null, phases: ['B'] },
    { inNetwork: true, level: 1, relay: '2', phases: ['B'] },
  ])
  const { module } = bench
  module.misbehave = ({ afn, fn, sequence }) => {
    if (afn !== 0x10 || fn !== 21) return null
    const rows = [...[1, 0, 0, 0, 0, 0], 2, 0, 1, 0, 0x11]
    const body = [0x83, 0, 0, 2, 0x76, 0, sequence, 0x10, 0x10, 2, 1, 0, 1, 0, 1, ...rows]
    return { say: [0x68, body.length + 5, 0, ...body, body.reduce((sum, byte) => (sum + byte) % 256, 0), 0x16] }
  }
  await bench.time.runFor(3_700_000)
  t.strictSame(
    bench.bus.network.snapshot().nodes.map(({ inNetwork }) => inNetwork),
    [true, false, false],
  )
  t.strictSame(
    bench.reports.flatMap((report) => (report.kind === 'node-left' ? [report.address] : [])),
    ['2', '3'],
  )
})

await t.test('a node without a sign of it for a day of tries is hopeless; one that was heard once is not', async (t) => {
  const bench = moduleBench({ meters: [1, 2, 3] })
  bench.module.misbehave = ({ afn, fn }) => (afn === 0x10 && fn === 21 ? { deny: 4 } : null)
  await bench.up()
  t.match(await bench.ask(readOf(2)), { kind: 'reply' })
  bench.module.meter = () => null
  for (let hour = 0; hour < 25; hour++) {
    for (const meter of [1, 2]) await bench.ask(readOf(meter))
    await bench.time.runFor(3_600_000)
  }
  t.strictSame(
    bench.bus.network.snapshot().nodes.map(({ verdict }) => verdict),
    ['hopeless', 'slow', 'unknown'],
  )
})

await t.test('lesson 22: a closed bus ends everything, once', async (t) => {
  const bench = moduleBench({ meters: [1, 2] })
  await bench.up()
  const ends: string[] = []
  const exchanges = [readOf(1), readOf(2), broadcastOf()].map(async (request) => {
    const outcome = await bench.bus.exchange(request, monotonicMs(bench.now() + 60_000))
    ends.push(outcome.kind)
  })
  const delay = bench.bus.network.broadcastDelayMs(Uint8Array.of(1))
  await bench.bus.close()
  await Promise.all(exchanges)
  t.strictSame(ends, ['bus-down', 'bus-down', 'bus-down'])
  t.equal(await delay, null)
  await bench.time.runFor(3_600_000)
  t.equal(bench.time.pending, 0, 'no timer is left')
})

/** The scripted module behind a TCP connection: one made before `cut` was called carries nothing any more. */
async function overTcp() {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const far = new FakeLink(time, 0)
  const module = new ScriptedModule(far, time, { medium: 1, led: 2, slaveTimeoutS: 80 })
  module.meter = (_, frame) => replyOf(frame[1] ?? 0, frame[2] ?? 0, 42)
  const states: string[] = []
  let cutAt = -1
  const link = new ReopeningLink({
    ...{ clock: time, timers: time, random: { next: () => 0.5 }, log: silentLog, name: 'tcp', byteMs: 0 },
    staleMs: staleDefaultMs,
    open: (events) => {
      states.push('connected')
      far.onBytes((bytes) => events.bytes(bytes))
      const openedAt = time.monotonic()
      const write = (bytes: Uint8Array) => {
        if (openedAt > cutAt) far.onRequest(bytes)
        return { ok: true } as const
      }
      time.after(1, () => events.opened({ write, close: (done) => done() }))
      return () => {}
    },
  })
  const choice = { reading: 'auto', window: null, mainNode: null, reports: true } as const
  const bus = createPlcBus({ link, clock: time, timers: time, choice })
  bus.onState((up, code) => states.push(`${up ? 'up' : 'down'} ${code}`))
  bus.network.setNodes(nodesOf([1]))
  t.ok(await time.runUntil(() => bus.isUp(), 60_000))
  const cut = (): void => void (cutAt = time.monotonic())
  return { time, module, bus, states, cut }
}

await t.test('a module over TCP that lawfully says nothing is not taken for lost', async (t) => {
  const { time, module, bus, states } = await overTcp()
  await time.runFor(30_000)
  const report = module.say(0x06, 3, [1])
  await time.runFor(120_000)
  t.ok(
    module.of(0, 1).some(({ sequence }) => sequence === report),
    'our confirmation was the last word',
  )
  module.misbehave = ({ afn }) => (afn === 0x13 ? 'silent' : null)
  const read = bus.exchange(readOf(1, 1, { isUrgent: true }), monotonicMs(time.monotonic() + 200_000))
  await time.runFor(300_000)
  t.strictSame(await read, { kind: 'silent' })
  await time.runFor(3_600_000)
  t.strictSame(states, ['connected', 'up ready'])
})

await t.test('lesson 21: a half-open connection is found by the unanswered 03F4 and made anew', async (t) => {
  const { time, bus, states, cut } = await overTcp()
  cut()
  await time.runFor(960_000)
  t.ok(bus.isUp())
  t.strictSame(states, ['connected', 'up ready', 'down module-silent', 'connected', 'up ready'])
  const starting = await overTcp()
  starting.module.isOn = false
  starting.cut()
  await starting.time.runFor(3_600_000)
  starting.module.isOn = true
  starting.cut()
  await starting.time.runFor(480_000)
  t.ok(starting.bus.isUp(), 'also while nobody answers to the start')
  t.ok(starting.states.filter((state) => state === 'connected').length > 5)
})
