import t from 'tap'
import { noFaults, SimulatedWire, VirtualTime } from '../../drivers/simulated/index.js'
import { seededRandom } from '../../drivers/simulated/random.js'
import { createRadioModemBus, defaultRadioSettings } from '../../drivers/wireless/index.js'
import { firstPacketMs, requestMs } from '../../drivers/wireless/air-time.js'
import { epochMs, linkId, meterAddress } from '../../src/model/index.js'
import type { JobResult, ReadOutcome } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { meshSchedulingPolicy } from '../../src/scheduling/index.js'
import { FakeModem, fullPacketMs, packetsIn, testPace } from '../helpers/radio-modem.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

const meterCount = 24
const deadMeter = 5
const lossPpm = 20_000
const wires = { byteMs: 1, farByteMs: 11_000 / 2400 }
const addressOf = (index: number): string => String(index + 1).padStart(12, '0')
/** Energy, maximum demands (56 bytes of reply) and half an hour of the load record, which needs several packets. */
const registers = [
  { register: '0001FF00' },
  { register: '0101FF00' },
  { register: '06000001', from: { year: 2026, month: 3, day: 1, hour: 1, minute: 0, second: 0 }, count: 4 },
]

for (const seed of [1, 2, 3])
  await t.test(`meters of DL/T 645 behind a radio that loses every fiftieth packet, seed ${seed}`, async (t) => {
    const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
    const random = seededRandom(seed)
    const meters = Array.from({ length: meterCount }, (_, i) => makeMeter({ address: addressOf(i), seed: i + 1 }))
    meters[deadMeter]?.setDead(true)
    const wire = new SimulatedWire({ meters, faults: noFaults, seed })
    const modem = new FakeModem(time)
    let longest = 0
    modem.onRequest = (request) => {
      if (packetsIn(request).some(() => random.chance(lossPpm))) return
      for (const { delayMs, bytes } of wire.hear(request, marchFirst + Math.floor(time.monotonic()))) {
        longest = Math.max(longest, bytes.length)
        const packets = packetsIn(bytes).filter(() => !random.chance(lossPpm))
        const lateMs = requestMs(request.length, wires, testPace) + delayMs + firstPacketMs(bytes.length, wires, testPace)
        modem.bring(packets, lateMs, fullPacketMs)
      }
    }
    const settings = defaultRadioSettings({ configuration: 'always' })
    const bus = createRadioModemBus({ link: modem, clock: time, timers: time, settings })
    bus.network.setNodes(meters.map(({ address }) => ({ address: meterAddress(address), protocol: dlt645.name })))
    const runner = createBusRunner({
      link: linkId('radio'),
      bus,
      clock: time,
      timers: time,
      random,
      quietMs: 20,
      policy: meshSchedulingPolicy,
    })
    await time.runFor(4 * 3_600_000)
    const read = (index: number): Promise<JobResult<readonly ReadOutcome[]>> =>
      runner.run({
        meter: meterAddress(addressOf(index)),
        session: dlt645.read({ address: meterAddress(addressOf(index)), registers, repeats: 2 }),
        priority: 'freeze',
        expiresAt: null,
      })
    const results: (JobResult<readonly ReadOutcome[]> | null)[] = meters.map(() => null)
    for (const index of meters.keys()) void read(index).then((result) => (results[index] = result))
    t.ok(await time.runUntil(() => results.every((result) => result !== null), 3_600_000), 'within the hour')
    for (const [index, result] of results.entries()) {
      if (result?.kind !== 'settled') return void t.fail(`meter ${index} was not read`)
      const isRead = result.outcome.every(({ ok }) => ok)
      t.equal(isRead, index !== deadMeter, `meter ${index}: ${JSON.stringify(result.outcome.filter(({ ok }) => !ok))}`)
    }
    t.ok(longest > 116, `the longest reply had ${longest} bytes`)
    const { air, nodes, module } = bus.network.snapshot()
    t.ok((air?.hourSpentMs ?? 0) > 0 && (air?.hourSpentMs ?? 0) <= (air?.hourMs ?? 0))
    t.match(module, { medium: 'wireless' })
    const nodeOf = (index: number) => nodes.find(({ address }) => address === addressOf(index))
    t.ok((nodeOf(0)?.replied ?? 0) >= registers.length, 'it was read')
    t.match(nodeOf(0), { level: 0, inNetwork: true })
    t.match(nodeOf(deadMeter), { replied: 0, inNetwork: null })
    t.comment(`air ${Math.round(air?.sentMs ?? 0)} ms sent, ${Math.round(air?.heardMs ?? 0)} ms heard, ${air?.retries} retries`)
    await runner.close()
    await bus.close()
  })
