import t from 'tap'
import fc from 'fast-check'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { checkRadioModuleOptions, createRadioModuleBus } from '../../../drivers/wireless/index.js'
import { epochMs, meterAddress, monotonicMs } from '../../../src/model/index.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { broadcastOf, readOf, wireOf } from '../../helpers/module-bench.js'
import { radioModuleBench, type RadioBench } from '../../helpers/radio-module.js'
import { addressBytes, ScriptedModule } from '../../helpers/scripted-module.js'
import { replyOf, testAddress } from '../../helpers/test-protocol.js'

/** Up, with an archive that was in line before: the network stands. */
async function running(options: Parameters<typeof radioModuleBench>[0] = {}): Promise<RadioBench> {
  const meters = options.meters ?? [1, 2, 3]
  const archive = meters.map((meter) => [wireOf(meter), 2] as const)
  const on = radioModuleBench({ ...options, meters, module: { archive, ...options.module } })
  for (const meter of meters) on.radio.network.set(wireOf(meter), 1)
  await on.up()
  return on
}

const nodeOf = ({ bus }: RadioBench, meter: number) =>
  bus.network.snapshot().nodes.find(({ address }) => address === testAddress(meter))
const namesOf = ({ module }: RadioBench): readonly string[] => module.requests.map(({ afn, fn }) => `${afn.toString(16)}F${fn}`)

await t.test('mode 10, 13F1 and nothing else: no concurrent reads, no reading led by the module', async (t) => {
  const on = await running()
  t.match(on.bus.capabilities, { concurrency: 1, broadcast: true, routing: true, medium: 'wireless' })
  for (const meter of [1, 2, 3]) t.match(await on.ask(readOf(meter)), { kind: 'reply', frame: replyOf(meter, 1, 42) })
  t.ok(on.module.requests.every(({ mode }) => mode === 10))
  t.notOk(namesOf(on).some((name) => ['f1F1', '12F1', '12F3', '3F11'].includes(name)))
  t.match(on.bus.network.snapshot().module, { medium: 'wireless', led: 'concentrator', nodesMax: 256, frameBytesMax: 255 })
  t.match(await on.ask(broadcastOf()), { kind: 'sent' })
})

await t.test('a request that the module drops because it is busy is asked again, and nobody is blamed', async (t) => {
  const on = await running()
  on.radio.busyUntil = on.now() + 20_000
  t.match(await on.ask(readOf(1)), { kind: 'reply' })
  t.equal(on.radio.dropped, 1)
  t.equal(on.module.of(0x13, 1).length, 2)
  t.match(nodeOf(on, 1), { asked: 1, replied: 1 })
  t.equal(on.bus.network.snapshot().moduleRestarts, 0, 'it was never taken for dead')
})

await t.test('what brings nothing twice is silent; and the module was asked whether it is there', async (t) => {
  const on = await running()
  on.radio.misbehave = ({ afn, meter }) => (afn === 0x13 && meter === wireOf(2) ? 'silent' : null)
  t.strictSame(await on.ask(readOf(2)), { kind: 'silent' })
  t.equal(on.module.of(0x13, 1).length, 2)
  t.ok(on.bus.isUp())
  t.match(await on.ask(readOf(1)), { kind: 'reply' })
})

await t.test('an answer of length 0 is the meter’s silence, at once', async (t) => {
  const on = await running()
  on.module.meter = () => null
  const askedAt = on.now()
  t.strictSame(await on.ask(readOf(2)), { kind: 'silent' })
  t.ok(on.now() - askedAt < 5_000)
  t.equal(on.module.of(0x13, 1).length, 1)
})

await t.test('an order that brings nothing may have been carried out: it is never sent again', async (t) => {
  const on = await running()
  on.radio.misbehave = ({ afn }) => (afn === 0x13 ? 'silent' : null)
  const order = readOf(1, 0xf1, { isWrite: true, traced: new Uint8Array(0), isUrgent: true })
  t.strictSame(await on.ask(order), { kind: 'bus-down', code: 'module-busy', sent: true, hindrance: 'later' })
  await on.time.runFor(120_000)
  t.equal(on.module.of(0x13, 1).length, 1)
})

await t.test('one request at a time, also while the module still works on one whose time is over', async (t) => {
  const on = await running({ module: { readMs: 15_000 } })
  const first = on.ask(readOf(1), 5_000)
  t.match(await first, { kind: 'silent' }, 'its own deadline')
  t.match(await on.ask(readOf(2)), { kind: 'reply' })
  const [one, two] = on.module.of(0x13, 1)
  t.ok(one !== undefined && two !== undefined && two.at - one.at >= 15_000)
  t.equal(on.radio.dropped, 0)
  t.equal(on.module.mostAtOnce, 1)
})

await t.test('an answer that comes twice or late settles nothing twice', async (t) => {
  const on = await running()
  on.radio.misbehave = ({ afn }) => (afn === 0x13 ? 'twice' : null)
  on.radio.misbehave = ({ afn, meter }) => (afn === 0x13 && meter === wireOf(1) ? { lateMs: 40_000 } : null)
  t.strictSame(await on.ask(readOf(1)), { kind: 'silent' })
  t.match(await on.ask(readOf(2)), { kind: 'reply', frame: replyOf(2, 1, 42) })
  await on.time.runFor(60_000)
  t.ok(on.bus.trace().some(({ note }) => note.includes('late or twice')))
})

await t.test('a meter that the module does not have: the archive is brought in line, and it is asked again', async (t) => {
  const on = await running()
  on.module.archive.delete(wireOf(2))
  t.match(await on.ask(readOf(2, 1, { isUrgent: true })), { kind: 'reply' })
  t.ok(on.module.archive.has(wireOf(2)))
  t.match(on.reports.at(-1), { kind: 'archive-aligned', added: 1, removed: 0 })
})

await t.test('after the archive has changed the network is built: who is not in it is told so, others are read', async (t) => {
  const on = await running({ meters: [1, 2] })
  await on.time.runFor(60_000)
  t.match(nodeOf(on, 1), { inNetwork: true, level: 1, quality: 9 })
  on.setMeters([1, 2, 3])
  await on.time.runFor(30_000)
  t.equal(on.bus.network.snapshot().stage, 'networking')
  t.strictSame(await on.ask(readOf(3)), { kind: 'bus-down', code: 'networking', sent: false, hindrance: 'not-joined' })
  t.match(await on.ask(readOf(1)), { kind: 'reply' }, 'it is in the network')
  t.match(await on.ask(readOf(3, 1, { isUrgent: true })), { kind: 'reply' }, 'somebody waits: it is tried')
  const other = await running({ meters: [1, 2] })
  await other.time.runFor(60_000)
  other.setMeters([1, 2, 3])
  await other.time.runFor(40_000)
  other.radio.network.set(wireOf(3), 2)
  await other.time.runFor(45_000)
  t.match(nodeOf(other, 3), { inNetwork: true, level: 2 })
  t.equal(other.bus.network.snapshot().stage, 'ready')
  t.match(await other.ask(readOf(3)), { kind: 'reply' })
})

await t.test('a node that never gets into the network is asked again once the network should stand', async (t) => {
  const on = await running({ meters: [1] })
  on.setMeters([1, 3])
  on.module.meter = (meter, frame) => (meter === wireOf(1) ? replyOf(frame[1] ?? 0, frame[2] ?? 0, 42) : null)
  await on.time.runFor(30_000)
  t.match(await on.ask(readOf(3)), { code: 'networking' })
  await on.time.runFor(100_000)
  t.strictSame(await on.ask(readOf(3)), { kind: 'silent' })
  t.match(nodeOf(on, 3), { inNetwork: false, asked: 1, replied: 0 })
  await on.time.runFor(25 * 3_600_000)
  for (let i = 0; i < 3; i++) await on.ask(readOf(3))
  t.match(nodeOf(on, 3), { verdict: 'hopeless' })
  t.equal(nodeOf(on, 1)?.verdict, 'unknown')
})

await t.test('the list of nodes: eleven bytes each, several frames 500 ms apart, relay 0FH is off line', async (t) => {
  const meters = Array.from({ length: 34 }, (_, i) => i + 1)
  const on = radioModuleBench({ meters, module: { archive: meters.map((meter) => [wireOf(meter), 2] as const) } })
  on.radio.frameNodes = 4
  for (const meter of meters) on.radio.network.set(wireOf(meter), meter % 8)
  on.radio.network.set(wireOf(5), 15)
  await on.up()
  await on.time.runFor(120_000)
  t.ok(meters.every((meter) => nodeOf(on, meter)?.inNetwork === (meter !== 5)))
  t.match(nodeOf(on, 34), { level: 2, quality: 9 })
  on.radio.network.delete(wireOf(34))
  await on.time.runFor(2 * 3_600_000)
  t.match(nodeOf(on, 34), { inNetwork: false })
  t.match(on.reports.at(-1), { kind: 'node-left', address: testAddress(34) })
})

await t.test('at nine in the evening the network looks after itself: silence then says nothing of a meter', async (t) => {
  const on = await running()
  await on.time.runFor(13 * 3_600_000 + 60_000)
  on.radio.misbehave = ({ afn }) => (afn === 0x13 ? 'silent' : null)
  t.strictSame(await on.ask(readOf(1)), { kind: 'bus-down', code: 'module-busy', sent: true, hindrance: 'later' })
  await on.time.runFor(600_000)
  t.strictSame(await on.ask(readOf(1)), { kind: 'silent' })
})

await t.test('the channel group is set only where it differs, and what the module refuses is told', async (t) => {
  const on = await running({ radioChoice: { channelGroup: 7, power: 2 } })
  t.match(on.radio, { channelGroup: 7, power: 2 })
  t.equal(on.module.of(0x05, 5).length, 1)
  t.match(await on.ask(readOf(1)), { code: 'networking' }, 'another channel: the network is built anew')
  on.module.powerOn()
  await on.time.runFor(60_000)
  t.ok(on.bus.isUp())
  t.equal(on.module.of(0x05, 5).length, 1)
  const power = await running({ radioChoice: { channelGroup: 11, power: 3 } })
  t.strictSame(
    power.module.of(0x05, 5).map(({ data }) => data),
    [[255, 3]],
  )
  t.match(await power.ask(readOf(1)), { kind: 'reply' })
  const refusing = radioModuleBench({ meters: [1], radioChoice: { channelGroup: 7, power: null } })
  refusing.radio.misbehave = ({ afn, fn }) => (afn === 0x05 && fn === 5 ? { deny: 10 } : null)
  t.ok(await refusing.up())
  t.match(
    refusing.reports.find(({ kind }) => kind === 'module-refused'),
    { what: 'set-radio-parameters' },
  )
})

await t.test('no more nodes than the network was made for; the others are told', async (t) => {
  const meters = Array.from({ length: 12 }, (_, i) => i + 1)
  const on = radioModuleBench({ meters })
  on.radio.scale = 10
  t.ok(await on.up())
  t.equal(on.module.archive.size, 10)
  t.match(
    on.reports.find(({ kind }) => kind === 'module-refused'),
    { error: { code: 'archive-full' } },
  )
  const made = radioModuleBench({ meters, radioChoice: { scale: 300 } })
  made.radio.scale = 10
  t.ok(await made.up())
  t.equal(made.radio.scale, 300)
  t.equal(made.module.archive.size, 12)
  for (const misdeed of [{ deny: 4 }, { deny: 10 }] as const) {
    const old = radioModuleBench({ meters, radioChoice: { scale: 300 }, module: { nodesMax: 40 } })
    old.radio.misbehave = ({ afn, fn }) => (fn === 100 && [0x10, 0x11].includes(afn) ? misdeed : null)
    t.ok(await old.up())
    t.match(old.bus.network.snapshot(), { trouble: /set-network-scale/, module: { nodesMax: 40 } })
  }
  const silent = await running({ module: { nodesMax: 0 } })
  t.match(silent.bus.network.snapshot().module, { nodesMax: 256 }, 'a module that tells no limit of its own')
})

for (const [afn, fn] of [
  [0x03, 8],
  [0x05, 5],
  [0x10, 100],
  [0x11, 100],
] as const)
  await t.test(`a module that falls silent at ${afn.toString(16)}F${fn} is started from the beginning`, async (t) => {
    const on = radioModuleBench({ meters: [1], radioChoice: { channelGroup: 7, scale: 300 } })
    let times = 0
    on.radio.misbehave = (request) => (request.afn === afn && request.fn === fn && times++ < 3 ? 'silent' : null)
    t.ok(await on.up())
    t.ok(on.module.of(0x03, 10).length > 1)
    t.match(on.radio, { channelGroup: 7, scale: 300 })
  })

await t.test('the module asks for the time, and is told the site’s', async (t) => {
  const on = await running()
  on.module.requests.length = 0
  on.module.say(0x14, 2, [])
  await on.time.runFor(1_000)
  const [answer] = on.module.requests
  t.match(answer, { afn: 0x14, fn: 2 })
  t.strictSame(answer?.data.slice(2), [0x08, 0x01, 0x05, 0x26], 'hour, day, month, year')
})

await t.test('made of a link and the choice that options gave', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const link = new FakeLink(time, 1)
  const module = new ScriptedModule(link, time, { medium: 3, led: 1 })
  const choice = checkRadioModuleOptions({ power: 1 })
  if (!choice.ok) return void t.fail()
  const bus = createRadioModuleBus({ link, clock: time, timers: time, choice: choice.value })
  t.ok(await time.runUntil(() => bus.isUp(), 60_000))
  t.strictSame(
    module.of(0x05, 5).map(({ data }) => data),
    [[255, 1]],
  )
  await bus.close()
  t.equal(time.pending, 0)
})

await t.test('options: every fault at once', (t) => {
  t.strictSame(checkRadioModuleOptions({}), {
    ok: true,
    value: { reading: 'auto', window: null, mainNode: null, reports: true, channelGroup: null, power: null, scale: null },
  })
  t.match(checkRadioModuleOptions({ reading: 'forward', channelGroup: 63, power: 3, scale: 512 }), { ok: true })
  const wrong = checkRadioModuleOptions({ reading: 'concurrent', channelGroup: 64, power: '1', scale: 1, colour: 'red' })
  t.strictSame(wrong.ok ? [] : wrong.error.map(({ code, at }) => `${at}: ${code}`), [
    'options.colour: unknown-key',
    'options.reading: bad-value',
    'options.channelGroup: bad-value',
    'options.power: bad-value',
    'options.scale: bad-value',
  ])
  t.end()
})

await t.test('whatever a module drops, repeats or says late: every exchange settles in time, orders leave once', async (t) => {
  const misdeed = fc.constantFrom('silent' as const, 'twice' as const, { lateMs: 30_000 }, { deny: 9 }, { deny: 11 }, null, null)
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          meter: fc.integer({ min: 1, max: 3 }),
          isOrder: fc.boolean(),
          withinMs: fc.integer({ min: 1_000, max: 200_000 }),
        }),
        {
          minLength: 1,
          maxLength: 6,
        },
      ),
      fc.array(misdeed, { minLength: 1, maxLength: 8 }),
      async (asked, misdeeds) => {
        const on = await running()
        let reads = 0
        on.radio.misbehave = ({ afn }) => (afn === 0x13 ? (misdeeds[reads++ % misdeeds.length] ?? null) : null)
        const wasRefused = misdeeds.some((one) => typeof one === 'object' && one !== null && 'deny' in one)
        for (const { meter, isOrder, withinMs } of asked) {
          const before = on.module.of(0x13, 1).length
          const request = readOf(
            meter,
            isOrder ? 0xf1 : 1,
            isOrder ? { isWrite: true, traced: new Uint8Array(0), isUrgent: true } : {},
          )
          const deadline = monotonicMs(on.now() + withinMs)
          const outcome = await on.run(on.bus.exchange(request, deadline))
          if (on.now() > deadline + 0.01) return false
          if (outcome.kind === 'reply' && outcome.frame[1] !== meter) return false
          const sent = on.module.of(0x13, 1).length - before
          if (!isOrder || wasRefused) continue
          if (sent > 1 || (outcome.kind === 'bus-down' && outcome.sent !== sent > 0)) return false
        }
        return true
      },
    ),
    { numRuns: 60 },
  )
  t.pass()
})

await t.test('a broken list of nodes is kept as it came and changes nothing', async (t) => {
  const on = await running()
  on.radio.misbehave = ({ afn, fn, sequence }) => (afn === 0x10 && fn === 101 ? badList(sequence) : null)
  await on.time.runFor(2 * 3_600_000)
  t.ok(on.bus.isUp())
  t.match(await on.ask(readOf(1)), { kind: 'reply' })
  t.match(nodeOf(on, 1), { address: meterAddress('1'), inNetwork: true })
})

function badList(sequence: number): { readonly say: readonly number[] } {
  const body = [0x8a, 0, 0, 0, 0, 0, sequence, 0x10, 0x10, 0x0c, 3, 0, 9, ...addressBytes('1')]
  const sum = body.reduce((total, byte) => (total + byte) % 256, 0)
  return { say: [0x68, body.length + 5, 0, ...body, sum, 0x16] }
}
