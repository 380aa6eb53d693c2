import t from 'tap'
import { createRs485Bus } from '../../../drivers/rs485/index.js'
import { SimulatedBus } from '../../../drivers/simulated/bus.js'
import { noFaults, type BusFaults } from '../../../drivers/simulated/fault-plan.js'
import { SimulatedLink } from '../../../drivers/simulated/link.js'
import type { SimulatedMeter } from '../../../drivers/simulated/meter.js'
import { hash32 } from '../../../drivers/simulated/random.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { SimulatedWire } from '../../../drivers/simulated/wire.js'
import { epochMs, meterAddress, monotonicMs } from '../../../src/model/index.js'
import type { Bus, ExchangeOutcome, ExchangeRequest } from '../../../src/ports/index.js'
import { broadcastAddress, encodeRequest, replyScanner, type Request } from '../../../src/protocols/dlt645/index.js'
import { hexOf } from '../../../src/protocols/wire/bytes.js'
import { makeMeter, marchFirst } from '../../helpers/simulated-meter.js'

const byteMs = 11_000 / 2400
const one = '000000000001'

function requestFor(address: string, request: Request = { fn: 'read', di: '0001FF00', load: null }): ExchangeRequest {
  const reply = address === broadcastAddress ? 'none' : replyScanner(address, request)
  return { to: meterAddress(address), bytes: encodeRequest(address, request), reply, quietMs: 20, firstByteMs: 600 }
}

interface Setup {
  readonly time: VirtualTime
  readonly wire: SimulatedWire
  readonly bus: SimulatedBus
}

function setUp(faults: Partial<BusFaults> = {}, meters: readonly SimulatedMeter[] = [makeMeter({ address: one })]): Setup {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const wire = new SimulatedWire({ meters, faults: { ...noFaults, ...faults }, seed: 11 })
  return { time, wire, bus: new SimulatedBus({ wire, clock: time, timers: time, trueStart: marchFirst, byteMs }) }
}

async function exchange(time: VirtualTime, bus: Bus, request: ExchangeRequest, withinMs = 5000): Promise<ExchangeOutcome> {
  let outcome: ExchangeOutcome | null = null
  bus.exchange(request, monotonicMs(time.monotonic() + withinMs)).then(
    (value) => (outcome = value),
    () => undefined,
  )
  await time.runUntil(() => outcome !== null, withinMs + 1)
  if (outcome === null) throw new Error('the exchange outlived its deadline')
  return outcome
}

await t.test('an exchange takes its wire time, to the byte', async (t) => {
  const { time, bus } = setUp({}, [makeMeter({ address: one }, { replyDelayMs: { min: 35, max: 35 } })])
  const request = requestFor(one)
  const outcome = await exchange(time, bus, request)
  t.match(outcome, { kind: 'reply', noiseBytes: 0 })
  if (outcome.kind !== 'reply') return
  t.ok(Math.abs(outcome.firstByteMs - 35) < 0.01, `${outcome.firstByteMs}`)
  const wireMs = (request.bytes.length + outcome.frame.length) * byteMs
  t.ok(Math.abs(outcome.totalMs - wireMs - 35) < 0.01)
  t.ok(Math.abs(time.monotonic() - wireMs - 35 - 20) < 0.01, 'twenty quiet milliseconds first')
  t.strictSame(
    bus.trace().map(({ direction }) => direction),
    ['out', 'in'],
  )
})

await t.test('silent, late, busy, no time left, broadcast', async (t) => {
  const { time, bus, wire } = setUp({}, [makeMeter({ address: one }, { replyDelayMs: { min: 900, max: 900 } })])
  const unsolicited: string[] = []
  bus.onUnsolicited((_from, bytes) => unsolicited.push(hexOf(bytes)))
  t.strictSame(await exchange(time, bus, requestFor('000000000009')), { kind: 'silent' })
  t.strictSame(await exchange(time, bus, requestFor(one)), { kind: 'silent' })
  t.equal(unsolicited.length, 0)
  await time.runFor(2000)
  t.equal(unsolicited.length, 1, "the late answer is nobody's")
  const first = exchange(time, bus, { ...requestFor(one), firstByteMs: 1000 })
  t.strictSame(await bus.exchange(requestFor(one), monotonicMs(1e9)), { kind: 'bus-down', code: 'busy', sent: false })
  t.match(await first, { kind: 'reply' })
  const quiet = { ...requestFor(one), quietMs: 500 }
  t.strictSame(await exchange(time, bus, quiet, 100), { kind: 'bus-down', code: 'no-quiet', sent: false })
  const heard = wire.heard
  t.strictSame(await exchange(time, bus, { ...requestFor(one), quietMs: 0 }, 30), { kind: 'silent' }, 'ends within its request')
  await time.runFor(3000)
  t.equal(wire.heard, heard + 1, 'the request went out all the same')
  t.equal(unsolicited.length, 2)
  const timeSync: Request = { fn: 'time-sync', time: { year: 2026, month: 3, day: 1, hour: 12, minute: 0, second: 0 } }
  t.strictSame(await exchange(time, bus, requestFor(broadcastAddress, timeSync)), { kind: 'sent' })
  const before = time.monotonic()
  t.match(await exchange(time, bus, { ...requestFor(one), firstByteMs: 1000 }), { kind: 'reply' })
  t.ok(time.monotonic() - before > 500 + 22 * byteMs, 'quiet after a broadcast')
})

await t.test('two meters that answer at once are garbled', async (t) => {
  const { time, bus } = setUp({}, [makeMeter({ address: one }), makeMeter({ address: '000000000002', seed: 9 })])
  const outcome = await exchange(time, bus, requestFor('AAAAAAAAAAAA', { fn: 'read-address' }))
  t.match(outcome, { kind: 'garbled' })
})

await t.test('a pulled line ends the exchange and says so; by plan and by hand', async (t) => {
  const spans = [{ fromMs: marchFirst + 10_000, toMs: marchFirst + 20_000 }]
  const { time, bus } = setUp({ unpluggedSpans: spans })
  const states: string[] = []
  bus.onState((up, code) => states.push(`${up} ${code}`))
  await time.runFor(9_950)
  t.strictSame(await exchange(time, bus, requestFor(one)), { kind: 'bus-down', code: 'unplugged', sent: true })
  t.equal(bus.isUp(), false)
  t.strictSame(await exchange(time, bus, requestFor(one)), { kind: 'bus-down', code: 'unplugged', sent: false })
  await time.runFor(15_000)
  t.match(await exchange(time, bus, requestFor(one)), { kind: 'reply' })
  const pending = bus.exchange({ ...requestFor(one), quietMs: 300 }, monotonicMs(time.monotonic() + 5000))
  bus.unplug('by-hand')
  t.strictSame(await pending, { kind: 'bus-down', code: 'by-hand', sent: false })
  bus.unplug('twice')
  bus.plug()
  bus.plug()
  await bus.close()
  bus.plug()
  t.strictSame(states, ['false unplugged', 'true plugged', 'false by-hand', 'true plugged', 'false closed'])
  const cut = setUp({ unpluggedSpans: [{ fromMs: 0, toMs: Number.POSITIVE_INFINITY }] })
  t.equal(cut.bus.isUp(), false)
})

await t.test('a heartbeat is unsolicited, or noise in front of the reply', async (t) => {
  const { time, bus } = setUp({}, [
    makeMeter({ address: one }),
    makeMeter({ address: '000000000005' }, { heartbeatEveryMs: 20_000 }),
  ])
  let heartbeats = 0
  bus.onUnsolicited(() => heartbeats++)
  await time.runFor(100_000)
  t.equal(heartbeats, 5)
  let met = 0
  for (let n = 0; n < 200; n++) {
    const outcome = await exchange(time, bus, requestFor(one))
    if (outcome.kind === 'garbled' || (outcome.kind === 'reply' && outcome.noiseBytes > 0)) met++
  }
  t.ok(met > 0, `${met} exchanges met a heartbeat`)
})

await t.test('credentials stay out of the trace', async (t) => {
  const { time, bus } = setUp({ noisePpm: 1_000_000, echo: true })
  const traced = Uint8Array.of(0x68)
  const relay: Request = {
    fn: 'relay',
    credentials: { password: '02123456', operator: '00000001' },
    order: { command: 'trip', hold: 0, expiry: 'unchecked' },
  }
  await exchange(time, bus, { ...requestFor(one, relay), traced })
  for (const line of bus.trace()) t.notMatch(hexOf(line.bytes), /8967/)
  t.ok(bus.trace().some(({ note }) => note.includes('not shown')))
})

/** The same exchanges over the fast bus and over the real driver on a simulated link. */
async function outcomes(kind: 'bus' | 'rs485', faults: Partial<BusFaults>): Promise<readonly string[]> {
  const meters = [1, 2, 3, 4].map((number) => makeMeter({ address: String(number).padStart(12, '0'), seed: number }))
  meters[3]?.setDead(true)
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const wire = new SimulatedWire({ meters, faults: { ...noFaults, ...faults }, seed: 21 })
  const common = { wire, clock: time, timers: time, trueStart: marchFirst, byteMs }
  const bus =
    kind === 'bus'
      ? new SimulatedBus(common)
      : createRs485Bus({ link: new SimulatedLink({ ...common, chunkBytes: 1 }), clock: time, timers: time })
  const lines: string[] = []
  for (let n = 0; n < 400; n++) {
    const address = String((hash32(3, n) % 4) + 1).padStart(12, '0')
    const outcome = await exchange(time, bus, requestFor(address))
    const detail = outcome.kind === 'reply' ? `${hexOf(outcome.frame)} ${outcome.noiseBytes} ${outcome.totalMs.toFixed(0)}` : ''
    lines.push(`${n} ${address} ${outcome.kind} ${detail}`)
    // A pause lets late and doubled answers end, so that both see the same wire.
    await time.runFor(1500)
  }
  return lines
}

const plans: Record<string, Partial<BusFaults>> = {
  'no faults': {},
  'lost requests and replies': { lostRequestsPpm: 100_000, lostRepliesPpm: 100_000 },
  'turned bits and cut replies': { flippedPpm: 200_000, truncatedPpm: 200_000 },
  'noise, doubles and delays': { noisePpm: 200_000, duplicatedPpm: 200_000, delayedPpm: 300_000, delayMsMax: 900 },
  echo: { echo: true, lostRepliesPpm: 50_000 },
}
for (const [name, faults] of Object.entries(plans)) {
  await t.test(`the fast bus ends every exchange as the real driver does: ${name}`, async (t) => {
    t.strictSame(await outcomes('bus', faults), await outcomes('rs485', faults))
  })
}
