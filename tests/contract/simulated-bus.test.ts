import t from 'tap'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import { noFaults, SimulatedBus, SimulatedLink, SimulatedWire, VirtualTime } from '../../drivers/simulated/index.js'
import { epochMs, meterAddress } from '../../src/model/index.js'
import type { ExchangeRequest } from '../../src/ports/index.js'
import { broadcastAddress, encodeRequest, replyScanner, type Request } from '../../src/protocols/dlt645/index.js'
import { busContract, type BusUnderTest } from '../helpers/bus-contract.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

const byteMs = 11_000 / 2400
const good = '000000000001'
const dead = '000000000002'

function requestFor(address: string, request: Request = { fn: 'read', di: '00010000', load: null }): ExchangeRequest {
  const reply = address === broadcastAddress ? 'none' : replyScanner(address, request)
  return { to: meterAddress(address), bytes: encodeRequest(address, request), reply, quietMs: 20, firstByteMs: 600 }
}

const timeSync: Request = { fn: 'time-sync', time: { year: 2026, month: 3, day: 1, hour: 12, minute: 0, second: 0 } }

function underTest(kind: 'fast' | 'rs485'): BusUnderTest {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  // All answer a wildcard at the same moment: what arrives is a mixture.
  const quirks = { replyDelayMs: { min: 20, max: 20 } }
  const meters = [
    makeMeter({ address: good }, quirks),
    makeMeter({ address: '000000000003', seed: 9 }, quirks),
    makeMeter({ address: dead }),
  ]
  meters[2]?.setDead(true)
  const wire = new SimulatedWire({ meters, faults: noFaults, seed: 1 })
  const common = { wire, clock: time, timers: time, trueStart: marchFirst, byteMs }
  const bus =
    kind === 'fast'
      ? new SimulatedBus(common)
      : createRs485Bus({ link: new SimulatedLink({ ...common, chunkBytes: 1 }), clock: time, timers: time })
  return {
    bus,
    clock: time,
    answered: () => requestFor(good),
    silent: () => requestFor(dead),
    garbled: () => requestFor('AAAAAAAAAAAA', { fn: 'read-address' }),
    broadcast: () => requestFor(broadcastAddress, timeSync),
    run: async (work) => {
      let isSettled = false
      const settled = work.finally(() => (isSettled = true))
      await time.runUntil(() => isSettled, 60_000)
      return await settled
    },
    lateMs: 0,
    close: () => bus.close(),
  }
}

await t.test('the simulated bus keeps the contract of a bus', async (t) => {
  await busContract(t, () => Promise.resolve(underTest('fast')))
})

await t.test('so does the real RS-485 bus on a simulated link, in virtual time', async (t) => {
  await busContract(t, () => Promise.resolve(underTest('rs485')))
})
