import t from 'tap'
import {
  noFaults,
  SimulatedBus,
  SimulatedWire,
  VirtualTime,
  type MeterQuirks,
  type SimulatedMeter,
} from '../../drivers/simulated/index.js'
import { dayMs, epochMs, meterAddress, type LocalTime } from '../../src/model/index.js'
import type { Bus, MeterProtocol, ReadOutcome } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { dlt645Of1997 as dlt1997 } from '../../src/protocols/dlt645-1997/index.js'
import { dlt698 } from '../../src/protocols/dlt698/index.js'
import { intsOf, settleSession } from '../helpers/settle-session.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

const installedAt = marchFirst - 40 * dayMs
const credentials = { password: '02123456', operator: '00000001' }
const expiry: LocalTime = { year: 2026, month: 3, day: 2, hour: 0, minute: 0, second: 0 }

interface World {
  readonly bus: Bus
  readonly time: VirtualTime
  readonly meters: readonly SimulatedMeter[]
  read(protocol: MeterProtocol, meter: SimulatedMeter, registers: readonly (string | Asked)[]): Promise<readonly ReadOutcome[]>
}
interface Asked {
  readonly register: string
  readonly from: LocalTime
  readonly count: number
}

/** Three meters of three protocols on one pair of wires. */
function makeWorld(quirks: Partial<MeterQuirks> = {}): World {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const meters = [
    makeMeter({ address: '000000000645', seed: 1, installedAt, protocol: 'dlt645-2007' }, quirks),
    makeMeter({ address: '000000001997', seed: 2, installedAt, protocol: 'dlt645-1997' }, quirks),
    makeMeter({ address: '000000000698', seed: 3, installedAt, protocol: 'dlt698-45' }, quirks),
    makeMeter({ ...threePhase, address: '000000003698', installedAt, protocol: 'dlt698-45' }, quirks),
  ]
  const wire = new SimulatedWire({ meters, faults: noFaults, seed: 1 })
  const bus = new SimulatedBus({ wire, clock: time, timers: time, trueStart: marchFirst, byteMs: 11_000 / 9600 })
  return {
    bus,
    time,
    meters,
    read: (protocol, { address }, registers) => {
      const asked = registers.map((register) => (typeof register === 'string' ? { register } : register))
      return settleSession(protocol.read({ address: meterAddress(address), registers: asked, repeats: 2 }), bus, time)
    },
  }
}
const threePhase = { seed: 4, point: { seed: 4, phases: 3, sourceDv: 2310, dropDvPerKw: 5, neighboursDropDv: 40 } } as const

function meterOf({ meters }: World, address: string): SimulatedMeter {
  const found = meters.find((meter) => meter.address === address)
  if (found === undefined) throw new Error(`no meter ${address}`)
  return found
}

function values(outcome: ReadOutcome | undefined): readonly (number | null)[] | string {
  if (outcome === undefined) return 'nothing'
  return outcome.ok ? intsOf(outcome.values) : outcome.error.message
}

await t.test('meters of three protocols share a wire, and each is read as it is', async (t) => {
  const world = makeWorld()
  const at = marchFirst + 20_000
  const [old, older, new1, new3] = [
    meterOf(world, '000000000645'),
    meterOf(world, '000000001997'),
    meterOf(world, '000000000698'),
    meterOf(world, '000000003698'),
  ]
  const [energy] = await world.read(dlt645, old, ['0001FF00'])
  t.strictSame(values(energy), old.truth(at).forward)
  const [block, voltage] = await world.read(dlt1997, older, ['901F', 'B611'])
  t.strictSame(values(block), older.truth(at).forward)
  t.match(voltage, { ok: true, values: [{ unit: 'V', exponent: 0 }] })
  for (const meter of [new1, new3]) {
    const [total, moment, freeze] = await world.read(dlt698, meter, ['00100200', '20000200', '50040200:00100200#01'])
    t.strictSame(values(total), meter.truth(at).forward)
    t.strictSame(values(freeze), meter.physics.daily.last(1)?.forward)
    t.equal(values(moment).length, meter.options.point.phases)
  }
})

await t.test('a 1997 meter shows every register of the table or says that it has none', async (t) => {
  const world = makeWorld()
  const meter = meterOf(world, '000000001997')
  const shown = [
    '9010',
    '9011',
    '9020',
    '9110',
    '9130',
    '941F',
    'A010',
    'B61F',
    'B62F',
    'B63F',
    'B64F',
    'B65F',
    'C010',
    'C011',
    'C032',
  ]
  for (const outcome of await world.read(dlt1997, meter, shown))
    t.ok(outcome.ok, outcome.ok ? outcome.register : outcome.error.message)
  for (const outcome of await world.read(dlt1997, meter, ['9015', 'B310', 'E123']))
    t.match(outcome, { ok: false, error: { code: 'refused', retry: 'never' } })
  const [number, date] = await world.read(dlt1997, meter, ['C032', 'C010'])
  t.match(number, { values: [{ text: '000000001997' }] })
  t.match(date, { values: [{ text: '2026-03-01' }, { int: 0 }] })
})

await t.test('a 1997 meter is found by its number although it echoes the wildcard', async (t) => {
  for (const echoesWildcard of [false, true]) {
    const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
    const only = makeMeter({ address: '000000001997', protocol: 'dlt645-1997' }, { echoesWildcard })
    const wire = new SimulatedWire({ meters: [only], faults: noFaults, seed: 1 })
    const bus = new SimulatedBus({ wire, clock: time, timers: time, trueStart: marchFirst, byteMs: 1 })
    const found = dlt1997.find === undefined ? null : await settleSession(dlt1997.find(1), bus, time)
    t.match(found, { ok: true, value: '000000001997' })
  }
})

await t.test(
  '698.45: days, months, hours and the curve come as they were kept, in one frame, in pieces and in blocks',
  async (t) => {
    for (const quirks of [{}, { pieceBytes: 120 }, { pieceBytes: 120, answersInBlocks: true }]) {
      const world = makeWorld(quirks)
      const meter = meterOf(world, '000000003698')
      const from: LocalTime = { year: 2026, month: 2, day: 27, hour: 0, minute: 0, second: 0 }
      const [curve, days, hours] = await world.read(dlt698, meter, [
        { register: '50020200:00100201,20000200,20040200/15min', from, count: 96 },
        { register: '50040200:00100200,00200200/1d', from, count: 2 },
        { register: '50030200:00100201/1h', from, count: 5 },
      ])
      for (const outcome of [curve, days, hours]) t.match(outcome, { ok: true }, JSON.stringify(outcome))
      if (curve?.ok !== true || days?.ok !== true || hours?.ok !== true) return
      t.equal(curve.records.length, 96)
      t.match(curve.records[0]?.at, from)
      const { profile } = meter.physics
      const first = profile.indexFrom(Date.UTC(2026, 1, 27))
      t.strictSame(
        curve.records.map((record) => intsOf(record.values)[0]),
        Array.from({ length: 96 }, (_, index) => profile.at(first + index)?.forward),
      )
      t.strictSame(
        days.records.map((record) => intsOf(record.values).slice(0, 5)),
        [meter.physics.daily.last(3)?.forward, meter.physics.daily.last(2)?.forward],
      )
      t.equal(hours.records.length, 5)
      const [month] = await world.read(dlt698, meter, ['50060200:00100200#01'])
      t.strictSame(values(month), meter.physics.settlements.last(1)?.forward)
    }
  },
)

await t.test('698.45: every quirk is met: random numbers, lists refused or ignored, no freezes', async (t) => {
  const cases: readonly Partial<MeterQuirks>[] = [{ needsRandomNumber: true }, { lists: 'refused' }, { lists: 'ignored' }]
  for (const quirks of cases) {
    const world = makeWorld(quirks)
    const meter = meterOf(world, '000000000698')
    // Plainly readable, so that the meter is heard before its list is not.
    const registers = ['00100200', '00200200', '20040200', '200F0200', '40010200']
    const first = await world.read(dlt698, meter, ['40010200'])
    t.match(first, [{ ok: true }])
    if (quirks.lists !== 'ignored') {
      for (const outcome of await world.read(dlt698, meter, registers)) t.match(outcome, { ok: true }, JSON.stringify(outcome))
    } else {
      t.match(await world.read(dlt698, meter, registers), [{ ok: false, error: { code: 'no-reply' } }, {}, {}, {}, {}])
    }
  }
  const bare = makeWorld({ noFreezes: true, noProfile: true })
  const outcomes = await bare.read(dlt698, meterOf(bare, '000000000698'), [
    '50040200:00100200#01',
    '50020200:00100201#01',
    '7FFF0200',
  ])
  for (const outcome of outcomes) t.match(outcome, { ok: false, error: { code: 'refused', retry: 'never' } })
})

await t.test(
  '698.45: the relay obeys plain orders, or wants a security chip; clocks are set by broadcast and by SET',
  async (t) => {
    const { relay, clock } = dlt698
    if (relay === undefined || clock === undefined) return void t.fail('the protocol has relay and clock')
    for (const needsSecurityChip of [false, true]) {
      const world = makeWorld({ needsSecurityChip })
      const meter = meterOf(world, '000000000698')
      const address = meterAddress(meter.address)
      const order = (command: 'trip' | 'permit-to-close' | 'protect-on') =>
        settleSession(relay.order({ address, command, credentials, expiry }), world.bus, world.time)
      const state = () => settleSession(relay.state(address, 2), world.bus, world.time)
      if (needsSecurityChip) {
        t.match(await order('trip'), { kind: 'refused', needsSecurityChip: true })
        t.match(await state(), { kind: 'known', contact: 'closed', command: 'close' })
        continue
      }
      t.match(await order('trip'), { kind: 'accepted' })
      t.match(await state(), { kind: 'known', contact: 'open', command: 'trip', protected: false })
      t.match(await order('permit-to-close'), { kind: 'accepted' })
      t.ok(meter.press(marchFirst + world.time.monotonic()))
      t.match(await order('protect-on'), { kind: 'accepted' })
      t.match(await order('trip'), { kind: 'refused', needsSecurityChip: true })
      t.match(await state(), { contact: 'closed', protected: true })
      await world.time.runFor(6 * 3_600_000)
      const now: LocalTime = { year: 2026, month: 3, day: 1, hour: 6, minute: 2, second: 0 }
      t.equal(await settleSession(clock.broadcast(now, 'all'), world.bus, world.time), 'sent')
      t.match(await settleSession(clock.read(address, 1), world.bus, world.time), { value: { hour: 6, minute: 2 } })
      t.equal(await settleSession(clock.broadcast({ ...now, hour: 9 }, address), world.bus, world.time), 'sent')
      t.match(await settleSession(clock.read(address, 1), world.bus, world.time), { value: { hour: 9 } })
    }
  },
)

await t.test('the same seeds say the same bytes', async (t) => {
  const bytesOf = async (): Promise<string> => {
    const world = makeWorld({ pieceBytes: 120, needsRandomNumber: true })
    await world.read(dlt698, meterOf(world, '000000003698'), ['00100200', '20000200', '50040200:00100200,10100200#02'])
    await world.read(dlt1997, meterOf(world, '000000001997'), ['901F', 'B63F'])
    return JSON.stringify(world.bus.trace().map(({ at, bytes }) => [at, Buffer.from(bytes).toString('hex')]))
  }
  t.equal(await bytesOf(), await bytesOf())
})
