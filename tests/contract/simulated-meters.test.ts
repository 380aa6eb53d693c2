import t from 'tap'
import {
  SimulatedArea,
  simulatedOperator,
  simulatedPassword,
  VirtualTime,
  type AreaShares,
} from '../../drivers/simulated/index.js'
import { dayMs, epochMs, linkId, monotonicMs, type LocalTime, type RegisterValue } from '../../src/model/index.js'
import type { Bus, Session, SessionInput } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
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

/** Runs a session exchange by exchange, without a scheduler. */
async function settle<T>(session: Session<T>, bus: Bus, time: VirtualTime): Promise<T> {
  let current = session
  for (;;) {
    const { effect } = current
    if (effect.kind === 'settled') return effect.outcome
    let input: SessionInput | null = null
    const request = { to: effect.to, bytes: effect.bytes, reply: effect.reply, quietMs: 20, firstByteMs: 700 }
    bus.exchange(request, monotonicMs(time.monotonic() + 10_000)).then(
      (outcome) => (input = outcome),
      () => undefined,
    )
    await time.runUntil(() => input !== null, 10_001)
    if (input === null) throw new Error('the exchange outlived its deadline')
    current = current.step(input)
  }
}

const ints = (values: readonly RegisterValue[]): readonly (number | null)[] =>
  values.flatMap((value) => (value.kind === 'number' ? [value.int] : []))

for (const partBytes of [195, 60]) {
  await t.test(`the protocol reads every kind of meter, in parts of ${partBytes} bytes, and reads the truth`, async (t) => {
    const { area, bus, time } = makeArea(partBytes)
    for (const { address } of area.archive) {
      const registers = [...plain.map((register) => ({ register })), ...loads.map((register) => ({ register, from, count: 6 }))]
      const outcomes = await settle(dlt645.read({ address, registers, repeats: 3 }), bus, time)
      const read = new Map(outcomes.map((outcome) => [outcome.register, outcome]))
      for (const outcome of outcomes) if (!outcome.ok) t.fail(`${address} ${outcome.register}: ${outcome.error.message}`)
      for (const register of loads) t.match(read.get(register), { records: { length: 6, 0: { at: from } } })
      const frozen = area.meter(address).physics.daily.last(1)
      const freeze = read.get('05060101')
      t.strictSame(freeze?.ok === true ? ints(freeze.values) : null, frozen?.forward)
      const energy = await settle(dlt645.read({ address, registers: [{ register: '0001FF00' }], repeats: 3 }), bus, time)
      t.strictSame(energy[0]?.ok === true ? ints(energy[0].values) : null, area.truth(address).forward)
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
      settle(relay.order({ address, command, credentials, expiry }), bus, time)
    t.match(await order('trip'), { kind: 'accepted' })
    t.match(await settle(relay.state(address, 3), bus, time), { kind: 'known', contact: 'open', command: 'trip' })
    t.match(await order('permit-to-close'), { kind: 'accepted' })
    t.match(await settle(relay.state(address, 3), bus, time), { contact: 'open', command: 'close' })
    t.ok(area.press(address))
    t.match(await order('alarm-on'), { kind: 'accepted' })
    t.match(await order('protect-on'), { kind: 'accepted' })
    t.match(await order('trip'), { kind: 'refused', needsSecurityChip: false })
    t.match(await settle(relay.state(address, 3), bus, time), { contact: 'closed', alarm: true, protected: true })
    t.match(await settle(clock.read(address, 3), bus, time), { ok: true, value: { year: 2026, month: 3, day: 1 } })
  }
})
