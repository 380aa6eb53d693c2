import t from 'tap'
import { hash32 } from '../../../drivers/simulated/random.js'
import type { loadKinds } from '../../../drivers/simulated/load-shape.js'
import { loadShape, sumOfLoads } from '../../../drivers/simulated/load-shape.js'
import { nextSwitchAfter, rateAt, fourRateTable } from '../../../drivers/simulated/time-table.js'
import { MeterClock } from '../../../drivers/simulated/meter-clock.js'
import { electricalAt } from '../../../drivers/simulated/electrical.js'
import { dailyFreezesMax, registerWrap } from '../../../drivers/simulated/physics.js'
import { dayMs } from '../../../src/model/index.js'
import { hourMs, makeMeter, marchFirst } from '../../helpers/simulated-meter.js'

const local = (trueMs: number): number => trueMs + 8 * hourMs

await t.test('registers rise, rates add up to the total, whatever the seed', (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const meter = makeMeter({ seed, clockDriftPpm: (seed - 3) * 20, clockOffsetMs: seed * 777 })
    let last = meter.truth(marchFirst).forward[0] ?? 0
    for (let hour = 1; hour < 24 * 12; hour++) {
      const { forward } = meter.truth(marchFirst + hour * hourMs + (hash32(seed, hour) % hourMs))
      const [total = 0, ...rates] = forward
      if (total < last) t.fail(`total fell from ${last} to ${total}`)
      const sum = rates.reduce((a, b) => a + b, 0)
      if (sum !== total) t.fail(`rates ${rates.join('+')} are not ${total}`)
      last = total
    }
    t.ok(last > 123_456 + 3000, 'a household uses kilowatt-hours')
  }
  t.end()
})

await t.test('the registers do not depend on how often they are read', (t) => {
  const often = makeMeter({ clockDriftPpm: 13, clockOffsetMs: -800 })
  const seldom = makeMeter({ clockDriftPpm: 13, clockOffsetMs: -800 })
  for (let at = marchFirst; at < marchFirst + 3 * dayMs; at += 7 + (hash32(1, at) % 400_000)) often.advance(at)
  const end = marchFirst + 3 * dayMs + 12_345
  t.strictSame(often.truth(end), seldom.truth(end))
  t.strictSame(often.physics.daily.last(1), seldom.physics.daily.last(1))
  t.strictSame(often.physics.profile.at(100), seldom.physics.profile.at(100))
  t.end()
})

await t.test('energy is the integral of the load, to the last unit', (t) => {
  const load = loadShape({ kind: 'residential', seed: 3, peakWatts: 4000 })
  const meter = makeMeter({ seed: 3, load })
  const quarters = 96 * 4
  meter.advance(marchFirst + quarters * 900_000)
  let wattQuarters = 0
  for (let n = 0; n < quarters; n++) wattQuarters += load.wattsAt(local(marchFirst) / 900_000 + n)
  t.equal((meter.physics.forward[0] ?? 0) - 123_456, Math.floor((wattQuarters * 900_000) / 36_000_000))
  t.end()
})

await t.test("a daily freeze holds what the registers showed at the meter's own midnight", (t) => {
  const options = { clockOffsetMs: 95_000, clockDriftPpm: 40 }
  const frozen = makeMeter(options)
  frozen.advance(marchFirst + 5 * dayMs + hourMs)
  for (let number = 1; number <= 4; number++) {
    const record = frozen.physics.daily.last(number)
    t.ok(record)
    if (record === null) continue
    t.equal(record.at % dayMs, 0)
    const other = makeMeter(options)
    const truth = other.truth(other.clock.trueAt(record.at))
    t.strictSame(record.forward, truth.forward)
  }
  t.end()
})

await t.test('load records agree with the registers at their instants, and rise', (t) => {
  const recorded = makeMeter()
  recorded.advance(marchFirst + 2 * dayMs)
  const stepped = makeMeter()
  t.equal(recorded.physics.profile.count, 192)
  for (let index = 0; index < 192; index++) {
    const record = recorded.physics.profile.at(index)
    const truth = stepped.truth(marchFirst + (index + 1) * 900_000)
    if (record?.forward !== truth.forward[0] || record?.at !== truth.localMs) t.fail(`record ${index} differs`)
  }
  const { profile } = recorded.physics
  t.equal(profile.indexFrom(local(marchFirst) + hourMs), 3)
  t.equal(profile.indexFrom(local(marchFirst) + 3 * dayMs), 192)
  t.equal(profile.at(-1), null)
  t.equal(profile.at(192), null)
  t.end()
})

await t.test('memory is bounded: the oldest freeze and load record go first', (t) => {
  const meter = makeMeter({ profileDays: 3 })
  meter.advance(marchFirst + 100 * dayMs)
  t.equal(meter.physics.daily.count, dailyFreezesMax)
  t.equal(meter.physics.daily.last(dailyFreezesMax)?.at, local(marchFirst) + (100 - dailyFreezesMax + 1) * dayMs)
  t.equal(meter.physics.daily.last(dailyFreezesMax + 1), null)
  t.equal(meter.physics.profile.count, 3 * 96)
  t.equal(meter.physics.profile.at(0)?.at, local(marchFirst) + 97 * dayMs + 900_000)
  t.equal(meter.physics.hourly.count, 254)
  t.equal(meter.physics.settlements.count, 3, 'the first of April, May and June')
  t.end()
})

await t.test('a register near its end wraps to zero', (t) => {
  const meter = makeMeter({ initialForward: registerWrap - 100 })
  const { forward } = meter.truth(marchFirst + 2 * dayMs)
  const total = forward[0] ?? 0
  t.ok(total < 20_000, `wrapped to ${total}`)
  meter.setForward(registerWrap - 1, marchFirst + 2 * dayMs)
  t.equal(meter.truth(marchFirst + 2 * dayMs).forward[0], registerWrap - 1)
  t.end()
})

await t.test('a generator counts backwards into its own register', (t) => {
  const meter = makeMeter({ load: loadShape({ kind: 'generation', seed: 5, peakWatts: 5000 }) })
  const noon = meter.truth(marchFirst + 12 * hourMs)
  t.ok(noon.watts < 0)
  const { forward, reverse } = meter.truth(marchFirst + dayMs)
  t.equal(forward[0], 123_456)
  t.ok((reverse[0] ?? 0) > 500)
  t.end()
})

await t.test('a clock gains as it drifts, is set, and never records an instant twice', (t) => {
  const clock = new MeterClock({ utcOffsetMinutes: 480, offsetMs: -500, driftPpm: 37, referenceAt: marchFirst })
  for (let n = 0; n < 2000; n++) {
    const at = marchFirst + (hash32(9, n) % (40 * dayMs))
    const shown = clock.localAt(at)
    const back = clock.trueAt(shown)
    if (back > at || clock.localAt(back) < shown || clock.localAt(back - 1) >= shown) t.fail(`${at} → ${shown} → ${back}`)
  }
  const meter = makeMeter()
  meter.advance(marchFirst + 10 * hourMs + 60_000)
  meter.setClock(local(marchFirst) + 9 * hourMs, marchFirst + 10 * hourMs + 60_000)
  meter.advance(marchFirst + 14 * hourMs)
  const { profile } = meter.physics
  const times = Array.from({ length: profile.count }, (_, index) => profile.at(index)?.at ?? 0)
  t.strictSame(
    times,
    [...new Set(times)].sort((a, b) => a - b),
  )
  const small = makeMeter()
  small.advance(marchFirst + hourMs - 60_000)
  small.setClock(local(marchFirst) + hourMs + 60_000, marchFirst + hourMs - 60_000)
  t.equal(small.physics.hourly.last(1)?.at, local(marchFirst) + hourMs, 'a step of two minutes still makes the hour')
  const large = makeMeter()
  large.advance(marchFirst + hourMs - 60_000)
  large.setClock(local(marchFirst) + 3 * hourMs, marchFirst + hourMs - 60_000)
  t.equal(large.physics.hourly.count, 0, 'a step of hours does not')
  t.end()
})

await t.test('time tables: the rate of a minute and the next switch', (t) => {
  const midnight = local(marchFirst)
  t.equal(rateAt(fourRateTable, midnight), 4)
  t.equal(rateAt(fourRateTable, midnight + 12 * hourMs), 1)
  t.equal(rateAt(fourRateTable, midnight + 23 * hourMs), 4)
  t.equal(nextSwitchAfter(fourRateTable, midnight), midnight + 7 * hourMs)
  t.equal(nextSwitchAfter(fourRateTable, midnight + 23 * hourMs), midnight + dayMs)
  t.equal(rateAt([{ minute: 60, rate: 2 }], midnight), 1)
  t.end()
})

await t.test('loads are whole, bounded and have the shape of their kind', (t) => {
  const mean = (kind: (typeof loadKinds)[number], hour: number): number => {
    const shape = loadShape({ kind, seed: 11, peakWatts: 1000 })
    let sum = 0
    for (let day = 0; day < 28; day++) {
      const watts = shape.wattsAt((20_000 + day) * 96 + hour * 4)
      if (!Number.isInteger(watts) || Math.abs(watts) > 4000) t.fail(`${kind} gives ${watts} W`)
      sum += watts
    }
    return sum / 28
  }
  t.ok(mean('residential', 19) > 3 * mean('residential', 3))
  t.ok(mean('commercial', 11) > 4 * mean('commercial', 3))
  t.equal(mean('generation', 0), -0)
  t.ok(mean('generation', 12) < -200)
  t.equal(mean('constant', 5), 1000)
  const supply = sumOfLoads(
    [loadShape({ kind: 'constant', seed: 0, peakWatts: 700 }), loadShape({ kind: 'constant', seed: 0, peakWatts: 300 })],
    40_000,
  )
  t.equal(supply.wattsAt(1), 1040)
  t.end()
})

await t.test('voltage falls with the load, three phases add up, nothing leaves its register', (t) => {
  const point = { seed: 2, phases: 3 as const, sourceDv: 2310, dropDvPerKw: 10, neighboursDropDv: 50 }
  const at = local(marchFirst)
  const idle = electricalAt(point, at, 0, 0)
  const busy = electricalAt(point, at, 9000, 3000)
  t.equal(idle.total.factor, 1000)
  t.ok((busy.phases[0]?.voltage ?? 0) < (idle.phases[0]?.voltage ?? 0) - 20)
  t.equal(
    busy.total.active,
    busy.phases.reduce((sum, phase) => sum + phase.active, 0),
  )
  t.equal(busy.total.active, 90_000)
  const huge = electricalAt({ ...point, phases: 1, sourceDv: 0 }, at, 1_000_000, 0)
  t.equal(huge.total.active, 799_999)
  t.equal(huge.total.current, 0)
  t.ok(electricalAt(point, at, -3000, 0).total.factor < 0)
  t.end()
})
