import t from 'tap'
import {
  SimulatedArea,
  simulatedOperator,
  simulatedPassword,
  VirtualTime,
  type AreaShares,
} from '../../drivers/simulated/index.js'
import { dayMs, epochMs, linkId, type LocalTime } from '../../src/model/index.js'
import type { Bus } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { intsOf, settleSession } from '../helpers/settle-session.js'
import { marchFirst } from '../helpers/simulated-meter.js'

/** Every quirk of the field that a protocol must take. */
const shares: Partial<AreaShares> = {
  threePhase: 200_000,
  singleRate: 200_000,
  trailingAa: 300_000,
  relayWords: 300_000,
  noPreamble: 300_000,
  slow: 100_000,
  heartbeat: 200_000,
}
const from: LocalTime = { year: 2026, month: 2, day: 28, hour: 1, minute: 0, second: 0 }
const plain = [
  '0001FF00',
  '0002FF00',
  '0203FF00',
  '0201FF00',
  '0202FF00',
  '0206FF00',
  '040005FF',
  '05060001',
  '05060101',
  '0506FF01',
]
const loads = ['06000001', '06010001', '06020001', '06030001', '06040001']

function makeArea(partBytes: number): { area: SimulatedArea; bus: Bus; time: VirtualTime } {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const options = {
    seed: 2,
    buses: 1,
    metersPerBus: 20,
    startsAt: marchFirst,
    utcOffsetMinutes: 480,
    baud: 9600,
    historyMs: 3 * dayMs,
  }
  const area = new SimulatedArea({ ...options, shares, quirks: { partBytes } }, { clock: time, timers: time })
  return { area, bus: area.openBus(linkId('bus1')), time }
}

for (const partBytes of [195, 60]) {
  await t.test(`the protocol reads every kind of meter, in parts of ${partBytes} bytes, and reads the truth`, async (t) => {
    const { area, bus, time } = makeArea(partBytes)
    for (const { address } of area.archive) {
      const registers = [...plain.map((register) => ({ register })), ...loads.map((register) => ({ register, from, count: 6 }))]
      const outcomes = await settleSession(dlt645.read({ address, registers, repeats: 3 }), bus, time)
      const read = new Map(outcomes.map((outcome) => [outcome.register, outcome]))
      for (const outcome of outcomes) if (!outcome.ok) t.fail(`${address} ${outcome.register}: ${outcome.error.message}`)
      for (const register of loads) t.match(read.get(register), { records: { length: 6, 0: { at: from } } })
      const frozen = area.meter(address).physics.daily.last(1)
      const freeze = read.get('05060101')
      t.strictSame(freeze?.ok === true ? intsOf(freeze.values) : null, frozen?.forward)
      const energy = await settleSession(dlt645.read({ address, registers: [{ register: '0001FF00' }], repeats: 3 }), bus, time)
      t.strictSame(energy[0]?.ok === true ? intsOf(energy[0].values) : null, area.truth(address).forward)
    }
  })
}

await t.test('relays and clocks obey the protocol', async (t) => {
  const { area, bus, time } = makeArea(195)
  const { relay, clock } = dlt645
  if (relay === undefined || clock === undefined) return void t.fail('the protocol has relay and clock')
  const credentials = { password: simulatedPassword, operator: simulatedOperator }
  const expiry: LocalTime = { year: 2026, month: 3, day: 2, hour: 0, minute: 0, second: 0 }
  for (const { address } of area.archive) {
    const order = (command: 'trip' | 'permit-to-close' | 'alarm-on' | 'protect-on') =>
      settleSession(relay.order({ address, command, credentials, expiry }), bus, time)
    t.match(await order('trip'), { kind: 'accepted' })
    t.match(await settleSession(relay.state(address, 3), bus, time), { kind: 'known', contact: 'open', command: 'trip' })
    t.match(await order('permit-to-close'), { kind: 'accepted' })
    t.match(await settleSession(relay.state(address, 3), bus, time), { contact: 'open', command: 'close' })
    t.ok(area.press(address))
    t.match(await order('alarm-on'), { kind: 'accepted' })
    t.match(await order('protect-on'), { kind: 'accepted' })
    t.match(await order('trip'), { kind: 'refused', needsSecurityChip: false })
    t.match(await settleSession(relay.state(address, 3), bus, time), { contact: 'closed', alarm: true, protected: true })
    t.match(await settleSession(clock.read(address, 3), bus, time), { ok: true, value: { year: 2026, month: 3, day: 1 } })
  }
})
