import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { createLink } from '../../drivers/link/index.js'
import { checkRadioModem, createRadioModemBus, defaultRadioSettings, encodeParameters } from '../../drivers/wireless/index.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { epochMs, meterAddress, monotonicMs } from '../../src/model/index.js'
import type { ExchangeRequest } from '../../src/ports/index.js'
import { startWires } from '../../scripts/wire-process.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { lineLog } from '../helpers/line-log.js'
import { broadcastOf, readOf, wireOf } from '../helpers/module-bench.js'
import { radioModuleBench } from '../helpers/radio-module.js'
import {
  FakeModem,
  fullPacketMs,
  longReply,
  longRequest,
  longScanner,
  modemParameters,
  packetsIn,
} from '../helpers/radio-modem.js'
import { replyScanner, requestOf, testAddress } from '../helpers/test-protocol.js'
import { answeringMeter, garbledMeter, silentMeter, startTestServer } from '../helpers/test-server.js'

const replyBytes = 100
const request = (meter: number): ExchangeRequest => ({
  to: meterAddress(String(meter)),
  bytes: longRequest(meter, 1),
  reply: longScanner(meter, 1),
  quietMs: 20,
  firstByteMs: 500,
})

/** Meter 7 answers in two packets, meter 8 not at all, of meter 9's reply the second packet is lost. */
function underTest(): Promise<BusUnderTest> {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const modem = new FakeModem(time)
  // This suite is no matter of air time.
  const settings = defaultRadioSettings({ air: { hourMs: 3_600_000, urgentMs: 0 } })
  modem.onRequest = (bytes) => {
    const meter = bytes[1] ?? 0
    const packets = packetsIn(longReply(meter, 1, replyBytes))
    if (meter === 7) modem.bring(packets, 700, fullPacketMs)
    if (meter === 9) modem.bring(packets.slice(0, 1), 700, 0)
  }
  const bus = createRadioModemBus({ link: modem, clock: time, timers: time, settings })
  return Promise.resolve({
    bus,
    clock: time,
    answered: () => request(7),
    silent: () => request(8),
    garbled: () => request(9),
    broadcast: () => ({ ...request(0), to: 'all', reply: 'none' }),
    run: async (work) => {
      let isSettled = false
      const settled = work.finally(() => (isSettled = true))
      await time.runUntil(() => isSettled, 60_000)
      return await settled
    },
    lateMs: 0,
    close: () => bus.close(),
  })
}

await t.test('the radio modem keeps the contract of a bus', async (t) => {
  await busContract(t, underTest)
})

/** A modem behind a serial server: tells its parameters, and passes on what is not for itself, a little later. */
async function startModemServer(meters: number): Promise<{ readonly port: number; readonly close: () => Promise<void> }> {
  const server = createServer((socket) => {
    const far = connect(meters, '127.0.0.1')
    const parameters = encodeParameters({ ...modemParameters, airRate: 19_200 })
    socket.on('error', () => socket.destroy())
    far.on('error', () => far.destroy())
    socket.on('close', () => far.destroy())
    far.on('data', (bytes) => void setTimeout(() => socket.write(bytes), 20))
    socket.on('data', (bytes) => (bytes.equals(Buffer.from([0xc1, 0xc1, 0xc1])) ? socket.write(parameters) : far.write(bytes)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return { port: address.port, close: async () => void (await new Promise((resolve) => server.close(resolve))) }
}

const wireRequest = (meter: number): ExchangeRequest => ({
  to: testAddress(meter),
  bytes: requestOf(meter, 1),
  reply: replyScanner(meter, 1),
  quietMs: 2,
  firstByteMs: 500,
})

async function underTcp(): Promise<BusUnderTest> {
  const meters = await startTestServer(0)
  const modem = await startModemServer(meters.port)
  const checked = checkRadioModem(`tcp://127.0.0.1:${modem.port}`, {
    configuration: 'always',
    channel: 23,
    airRate: 19_200,
    meterBaud: 115_200,
    airTimeShare: 1,
  })
  if (!checked.ok) throw new Error(checked.error.map(({ message }) => message).join('; '))
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const link = createLink(checked.value.link, { clock, timers: systemTimers, random: systemRandom, log: lineLog().log })
  const bus = createRadioModemBus({ link, clock, timers: systemTimers, settings: checked.value.settings })
  await new Promise<void>((resolve) => bus.onState((up) => up && resolve()))
  if (bus.network.snapshot().trouble !== '') throw new Error(bus.network.snapshot().trouble)
  return {
    bus,
    clock,
    answered: () => wireRequest(answeringMeter),
    silent: () => wireRequest(silentMeter),
    garbled: () => wireRequest(garbledMeter),
    broadcast: () => ({ ...wireRequest(0), to: 'all', reply: 'none' }),
    run: (work) => work,
    lateMs: 500,
    close: async () => {
      await bus.close()
      await modem.close()
      await meters.close()
    },
  }
}

await t.test('so does one behind a TCP serial server, asked for its parameters first', async (t) => {
  await busContract(t, underTcp)
})

const meters = Array.from({ length: 30 }, (_, index) => index + 1)
const mute = 29
const broken = 30

async function underModule(): Promise<BusUnderTest> {
  const archive = meters.map((meter) => [wireOf(meter), 2] as const)
  const bench = radioModuleBench({ meters, module: { readMs: 400, broadcastWaitS: 1, archive } })
  const { meter } = bench.module
  bench.module.meter = (address, frame) => {
    if (address === wireOf(mute)) return null
    return address === wireOf(broken) ? Uint8Array.of(0x21, 0x55, 0x55) : meter(address, frame)
  }
  await bench.up()
  // Through the first look at the network.
  await bench.time.runFor(60_000)
  let next = 0
  return {
    bus: bench.bus,
    clock: bench.time,
    answered: () => readOf(meters[next++ % 28] ?? 1),
    silent: () => readOf(mute),
    garbled: () => readOf(broken),
    broadcast: broadcastOf,
    run: (work) => bench.run(work),
    lateMs: 1,
    close: () => bench.bus.close(),
  }
}

await t.test('a micro-power module, which forwards one read at a time', async (t) => {
  await busContract(t, underModule)
})

await t.test('a terminal has no modem lines: that is told, the port stays open, and meters are read', async (t) => {
  const far = await startTestServer(0)
  const path = join(t.testdir({}), 'radio')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${far.port}` }], baud: 9600, replyDelayMs: 60 })
  const options = { configuration: 'dtr-rts', airRate: 19_200, meterBaud: 115_200 }
  const checked = checkRadioModem(`serial:${path}?baud=9600&parity=none`, options)
  if (!checked.ok) return void t.fail(checked.error.map(({ message }) => message).join('; '))
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const link = createLink(checked.value.link, { clock, timers: systemTimers, random: systemRandom, log: lineLog().log })
  const bus = createRadioModemBus({ link, clock, timers: systemTimers, settings: checked.value.settings })
  await new Promise<void>((resolve) => bus.onState((up) => up && resolve()))
  t.match(bus.network.snapshot(), { stage: 'ready', trouble: /lines of the link cannot be set back/ })
  const outcome = await bus.exchange(wireRequest(answeringMeter), monotonicMs(clock.monotonic() + 10_000))
  t.equal(outcome.kind, 'reply')
  await bus.close()
  await wires.stop()
  await far.close()
})
