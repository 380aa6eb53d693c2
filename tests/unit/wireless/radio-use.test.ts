import t from 'tap'
import { encodeParameters } from '../../../drivers/wireless/index.js'
import { airMs } from '../../../drivers/wireless/air-time.js'
import { meterAddress } from '../../../src/model/index.js'
import { airOf, bench, far, heardMs, request, settled } from '../../helpers/radio-bench.js'
import { longReply, modemParameters, testPace } from '../../helpers/radio-modem.js'

await t.test('the hour’s share of the air: who exceeds it waits a little or is refused unsent', async (t) => {
  const costMs = airMs(20, testPace)
  const limits = { hourMs: costMs * 10, urgentMs: costMs * 2 }
  const on = bench({ air: limits, airWaitMsMax: 5_000 })
  for (let i = 0; i < 8; i++) t.equal((await on.ask(request())).kind, 'silent')
  const askedAt = on.time.monotonic()
  t.strictSame(await on.ask(request()), { kind: 'bus-down', code: 'air-time-spent', sent: false })
  t.equal(on.time.monotonic(), askedAt, 'at once: waiting would keep urgent ones from the bus')
  t.equal((await on.ask(request({ isUrgent: true }))).kind, 'silent', 'the reserve is for urgent ones')
  t.equal((await on.ask(request({ isUrgent: true }))).kind, 'silent')
  t.match(await on.ask(request({ isUrgent: true })), { code: 'air-time-spent', sent: false })
  t.match(airOf(on), { refused: 2, hourMs: costMs * 10 })
  t.match(on.bus.network.snapshot().trouble, /the air that an hour has is spent/)
  t.ok(Math.abs((airOf(on)?.hourSpentMs ?? 0) - costMs * 10) < 1e-6)
  await on.time.runFor(61 * 60_000 - on.time.monotonic() - 3_000)
  const written = on.modem.written.length
  const waiting = on.bus.exchange(request(), far)
  await on.time.runFor(2_999)
  t.equal(on.modem.written.length, written)
  await on.time.runFor(2)
  t.equal(on.modem.written.length, written + 1, 'a share is free again within the time that a request waits')
  await settled(on.time, waiting)
})

await t.test('what an hour never holds is refused, whoever asks', async (t) => {
  const on = bench({ air: { hourMs: 50, urgentMs: 0 } })
  t.match(await on.ask(request({ isUrgent: true })), { code: 'air-time-spent', sent: false })
})

await t.test('lesson 16: a hopeless node is told from a slow one, and both from good ones', async (t) => {
  const on = bench()
  const [good, slow, late, lost, mute] = ['1', '2', '3', '4', '5'].map(meterAddress)
  if (good === undefined || slow === undefined || late === undefined || lost === undefined || mute === undefined)
    return void t.fail()
  const nodes = [good, slow, late, lost, mute].map((address) => ({ address, protocol: 'dlt645-2007' }))
  on.bus.network.setNodes([...nodes, { address: meterAddress('9'), protocol: 'dlt645-2007' }])
  on.bus.network.setNodes(nodes)
  const round = async (hour: number): Promise<void> => {
    await on.ask(request({ to: good }), [longReply(7, 1, 20)])
    await on.ask(request({ to: slow }), hour % 3 === 0 ? [longReply(7, 1, 20)] : [])
    await on.ask(request({ to: late, firstByteMs: 3_000 }), [longReply(7, 1, 20)], 2_000)
    await on.ask(request({ to: lost }), hour < 2 ? [longReply(7, 1, 20)] : [])
    await on.ask(request({ to: mute }))
  }
  const verdicts = (): Record<string, string> =>
    Object.fromEntries(on.bus.network.snapshot().nodes.map(({ address, verdict }) => [address, verdict]))
  t.strictSame(verdicts(), { 1: 'unknown', 2: 'unknown', 3: 'unknown', 4: 'unknown', 5: 'unknown' })
  for (let hour = 0; hour < 20; hour++) {
    await round(hour)
    await on.time.runFor(3_600_000)
  }
  t.strictSame(verdicts(), { 1: 'good', 2: 'slow', 3: 'slow', 4: 'slow', 5: 'unknown' }, 'not a day yet')
  for (let hour = 20; hour < 28; hour++) {
    await round(hour)
    await on.time.runFor(3_600_000)
  }
  t.strictSame(verdicts(), { 1: 'good', 2: 'slow', 3: 'slow', 4: 'hopeless', 5: 'hopeless' })
  t.match(
    on.bus.network.snapshot().nodes.find(({ address }) => address === lost),
    { replied: 2, asked: 28, inNetwork: null },
  )
  await on.ask(request({ to: lost }), [longReply(7, 1, 20)])
  t.equal(verdicts()['4'], 'slow', 'it is back')
})

await t.test('nodes are bounded: the one not heard of for longest is forgotten', async (t) => {
  const on = bench({ nodesMax: 2 })
  for (const node of ['1', '2', '1', '3']) await on.ask(request({ to: meterAddress(node) }))
  t.strictSame(
    on.bus.network.snapshot().nodes.map(({ address, asked }) => [address, asked]),
    [
      [meterAddress('1'), 2],
      [meterAddress('3'), 1],
    ],
  )
})

await t.test('it cannot look for meters, and says so', (t) => {
  const { bus, reports } = bench()
  bus.network.search(10)
  t.match(reports, [{ kind: 'module-refused', what: 'search', error: { code: 'unsupported' } }])
  t.match(bus.capabilities, { concurrency: 1, broadcast: true, routing: false })
  t.end()
})

await t.test('the modem’s own air rate counts, not the one that settings say', async (t) => {
  const on = bench({ configuration: 'always' })
  const slowest = on.bus.capabilities.exchangeMsMax ?? 0
  on.modem.unplug('x')
  on.modem.answers = [encodeParameters({ ...modemParameters, airRate: 300 })]
  on.modem.plug()
  await on.time.runFor(1_000)
  t.ok((on.bus.capabilities.exchangeMsMax ?? 0) > slowest + 5_000)
})

await t.test('what waits can be called back for something more urgent; what has left cannot', async (t) => {
  const on = bench()
  const waiting = on.bus.exchange(request({ quietMs: 5_000 }), far)
  on.bus.network.recall(meterAddress('8'))
  await on.time.runFor(10)
  on.bus.network.recall(meterAddress('7'))
  t.strictSame(await waiting, { kind: 'bus-down', code: 'recalled', sent: false })
  const left = on.bus.exchange(request(), far)
  on.bus.network.recall(meterAddress('7'))
  t.strictSame(await settled(on.time, left), { kind: 'silent' })
})

await t.test('how long a broadcast takes is arithmetic, so that a time can be put into it', async (t) => {
  const on = bench()
  t.equal(await on.bus.network.broadcastDelayMs(new Uint8Array(20)), heardMs)
  on.modem.unplug('gone')
  t.equal(await on.bus.network.broadcastDelayMs(new Uint8Array(20)), null)
})
