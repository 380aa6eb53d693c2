import t from 'tap'
import { noFaults, SimulatedBus, SimulatedWire, VirtualTime } from '../../drivers/simulated/index.js'
import { dayMs, epochMs, meterAddress } from '../../src/model/index.js'
import { modbusProtocol } from '../../src/protocols/modbus/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { configuredMap } from '../helpers/modbus.js'
import { settleSession } from '../helpers/settle-session.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

const names = ['three-phase-supply-meter', 'transformer-sensor', 'feeder-protection'] as const
const threePhase = { seed: 4, phases: 3, sourceDv: 2310, dropDvPerKw: 5, neighboursDropDv: 40 } as const

function makeWorld() {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const installedAt = marchFirst - 3 * dayMs
  const devices = names.map((name, index) => {
    const modbusMap = configuredMap(name)
    return makeMeter({
      address: String(index + 1),
      seed: index,
      installedAt,
      point: threePhase,
      modbusMap,
      protocol: `modbus-rtu:${name}`,
    })
  })
  const meters = [...devices, makeMeter({ address: '000000000645', installedAt })]
  const wire = new SimulatedWire({ meters, faults: noFaults, seed: 1 })
  const bus = new SimulatedBus({ wire, clock: time, timers: time, trueStart: marchFirst, byteMs: 11_000 / 9600 })
  return { time, bus, devices }
}

await t.test('every register of the maps of config/modbus is read from devices that share a wire with a meter', async (t) => {
  const { time, bus, devices } = makeWorld()
  for (const [index, name] of names.entries()) {
    const map = configuredMap(name)
    const registers = map.registers.map(({ code }) => ({ register: code }))
    const plan = { address: meterAddress(String(index + 1)), registers, repeats: 1 }
    const outcomes = await settleSession(modbusProtocol(map).read(plan), bus, time)
    for (const outcome of outcomes) t.match(outcome, { ok: true }, `${name}: ${JSON.stringify(outcome)}`)
    if (name !== 'three-phase-supply-meter') continue
    const energy = outcomes.find(({ register }) => register === 'energy')
    t.match(energy, { values: [{ int: devices[0]?.physics.forward[0], exponent: -2, unit: 'kWh' }] })
    const power = outcomes.find(({ register }) => register === 'power')
    t.match(power, { values: [{ unit: 'kW' }, {}, {}, {}] })
  }
  const plan = { address: meterAddress('000000000645'), registers: [{ register: '00010000' }], repeats: 0 }
  t.match(await settleSession(dlt645.read(plan), bus, time), [{ ok: true }])
})

await t.test('a device is silent for others and refuses what it has not', async (t) => {
  const { time, bus } = makeWorld()
  const [name] = names
  const map = configuredMap(name)
  const read = (address: string, register: string) =>
    settleSession(modbusProtocol(map).read({ address: meterAddress(address), registers: [{ register }], repeats: 0 }), bus, time)
  t.match(await read('9', 'energy'), [{ ok: false, error: { code: 'no-reply' } }])
  t.match(await read('2', 'energy'), [{ ok: false, error: { code: 'refused' } }])
})
