import t from 'tap'
import { SimulatedArea, VirtualTime, type LinkPlan } from '../../drivers/simulated/index.js'
import { dayMs, epochMs, monotonicMs, type Meter } from '../../src/model/index.js'
import type { Bus, MeterProtocol, ReadOutcome, Session } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { dlt645Of1997 } from '../../src/protocols/dlt645-1997/index.js'
import { dlt698 } from '../../src/protocols/dlt698/index.js'
import { modbusProtocol } from '../../src/protocols/modbus/index.js'
import { openAreaBus } from '../helpers/area-buses.js'
import { configuredMap } from '../helpers/modbus.js'
import { intsOf } from '../helpers/settle-session.js'
import { marchFirst } from '../helpers/simulated-meter.js'

const maps = ['three-phase-supply-meter', 'transformer-sensor', 'feeder-protection'].map(configuredMap)
const mixed = { 'dlt698-45': 400_000, 'dlt645-1997': 100_000 }
const links: readonly LinkPlan[] = [
  { kind: 'rs485', meters: 10, protocols: mixed, devices: maps },
  { kind: 'plc-hplc', meters: 60, protocols: mixed, module: { faults: { hopLossPpm: 20_000 } } },
  { kind: 'plc-narrow', meters: 20, protocols: mixed, module: { faults: { hopLossPpm: 20_000 } } },
  { kind: 'wireless', meters: 15, protocols: mixed, module: { faults: { hopLossPpm: 20_000 } } },
  { kind: 'radio-modem', meters: 5, protocols: mixed, modem: { airRate: 9600, faults: { lostPacketsPpm: 20_000 } } },
]

const protocols = new Map<string, MeterProtocol>([
  [dlt645.name, dlt645],
  [dlt645Of1997.name, dlt645Of1997],
  [dlt698.name, dlt698],
  ...maps.map((map): [string, MeterProtocol] => [`modbus-rtu:${map.name}`, modbusProtocol(map)]),
])

/** What every meter of a protocol has: forward energy, and a freeze where there are any. */
function registersOf(protocol: string): readonly string[] {
  if (protocol === dlt645.name) return ['0001FF00', '05060101']
  if (protocol === dlt698.name) return ['00100200', '50040200:00100200#01']
  if (protocol === dlt645Of1997.name) return ['901F']
  const map = maps.find(({ name }) => protocol.endsWith(name))
  return map === undefined ? [] : map.registers.slice(0, 3).map(({ code }) => code)
}

async function settle<T>(session: Session<T>, bus: Bus, time: VirtualTime): Promise<T> {
  let current = session
  for (;;) {
    const { effect } = current
    if (effect.kind === 'settled') return effect.outcome
    const request = { to: effect.to, bytes: effect.bytes, reply: effect.reply, quietMs: 20, firstByteMs: 700 }
    const outcome = await bus.exchange(request, monotonicMs(time.monotonic() + (bus.capabilities.exchangeMsMax ?? 10_000)))
    current = current.step(outcome.kind === 'garbled' ? { kind: 'garbled', bytes: outcome.bytes } : outcome)
  }
}

/** Reads every meter of every link, on all links at a time, until it has answered. */
async function readArea(
  seed: number,
): Promise<{ readonly area: SimulatedArea; readonly read: Map<string, readonly ReadOutcome[]>; readonly time: VirtualTime }> {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const area = new SimulatedArea(
    { seed, links, startsAt: marchFirst, utcOffsetMinutes: 480, baud: 9600, historyMs: 2 * dayMs },
    { clock: time, timers: time },
  )
  const read = new Map<string, readonly ReadOutcome[]>()
  const work = area.buses.map(async ({ link }) => {
    const bus = openAreaBus(link, { area, time })
    const waiting = area.archive.filter((meter) => meter.link === link)
    const next = async (): Promise<void> => {
      for (let meter = waiting.shift(); meter !== undefined; meter = waiting.shift()) {
        const outcomes = bus.isUp() ? await settle(planFor(meter), bus, time) : []
        if (outcomes.length > 0 && outcomes.every(({ ok }) => ok)) read.set(meter.id, outcomes)
        else {
          waiting.push(meter)
          await new Promise<void>((resolve) => void time.after(5_000, resolve))
        }
      }
    }
    // Every meter's own midnight is over then.
    await new Promise<void>((resolve) => void time.after(10_000, resolve))
    // The window of a broadband module is told when it has started.
    await Promise.all(Array.from({ length: area.bus(link).kind === 'plc-hplc' ? 5 : 1 }, next))
  })
  let isDone = false
  const all = Promise.all(work).then(() => (isDone = true))
  await time.runUntil(() => isDone, dayMs)
  if (isDone) await all
  return { area, read, time }
}

function planFor({ address, protocol }: Meter): Session<readonly ReadOutcome[]> {
  const found = protocols.get(protocol)
  if (found === undefined) throw new Error(`no protocol ${protocol}`)
  return found.read({ address, registers: registersOf(protocol).map((register) => ({ register })), repeats: 1 })
}

await t.test('every meter of every protocol is read over every medium, and the freezes are those it keeps', async (t) => {
  const { area, read, time } = await readArea(21)
  t.equal(read.size, area.archive.length, `after ${Math.round(time.monotonic() / 1000)} s`)
  t.ok(area.archive.filter(({ protocol }) => protocol === 'dlt698-45').length > 20)
  for (const { id, protocol } of area.archive) {
    const outcomes = read.get(id) ?? []
    const [energy, freeze] = outcomes
    const meter = area.meter(id)
    if (protocol.startsWith('modbus')) continue
    const truth = area.truth(id).forward
    const ints = energy?.ok === true ? intsOf(energy.values) : []
    t.ok(ints.length === truth.length && ints.every((int, index) => (int ?? -1) <= (truth[index] ?? 0)), id)
    if (freeze?.ok === true) t.strictSame(intsOf(freeze.values), meter.physics.daily.last(1)?.forward, id)
  }
})

await t.test('the same seed reads the same values at the same time; another seed other ones', async (t) => {
  const told = async (seed: number): Promise<string> => {
    const { read, time, area } = await readArea(seed)
    const traces = area.buses.map(({ device, link }) => [link, device !== null && 'counts' in device ? device.counts : null])
    return JSON.stringify([time.monotonic(), [...read], traces])
  }
  const [first, again, other] = [await told(5), await told(5), await told(6)]
  t.equal(first, again)
  t.not(first, other)
})
