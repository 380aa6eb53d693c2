import t from 'tap'
import {
  epochMs,
  itemId,
  linkId,
  meterAddress,
  meterId,
  taskId,
  type ItemValue,
  type Meter,
  type Point,
  type Profile,
} from '../../../src/model/index.js'
import { billingReading, meteringOf, type RegisterReading } from '../../../src/prepaid/index.js'
import { assess, place, type Known } from '../../../src/prepaid/register.js'
import { at, kwh, plainMetering, stampAt } from '../../helpers/prepaid-case.js'

const profile: Profile = {
  name: 'p',
  protocol: 'x',
  items: new Map(),
  registerWrapKwh: 1_000_000,
  maxPowerKw: 10,
  billingItem: itemId('energy'),
  relay: true,
}
const meter: Meter = {
  id: meterId('M1'),
  address: meterAddress('1'),
  protocol: 'x',
  link: linkId('L'),
  profile: 'p',
  ct: 30,
  pt: 2,
  role: 'customer',
  phase: 'A',
  box: '',
}
const when = at('2026-03-02 09:00')
const pointWith = (...values: ItemValue[]): Point => ({
  meter: meter.id,
  task: taskId('t'),
  stream: 'curve',
  slotAt: when,
  measuredAt: when,
  source: 'call',
  stamp: stampAt(when),
  values,
})
const energy = (ints: readonly (number | null)[], exponent = -2, unit: 'kWh' | 'V' = 'kWh'): ItemValue => ({
  item: itemId('energy'),
  ints,
  exponent,
  unit,
})
const kindOf = (...values: ItemValue[]) => billingReading(pointWith(...values), meter, profile).kind

await t.test('a month’s freeze was priced with the daily one, and is not priced again', async (t) => {
  const monthly: Point = { ...pointWith(energy([12345])), source: 'monthly-freeze', stream: 'freeze' }
  t.same(billingReading(monthly, meter, profile), { kind: 'none' })
  for (const [source, as] of [
    ['monthly-freeze', 'daily-freeze'],
    ['daily-freeze', 'daily-freeze'],
    ['load-record', 'load-record'],
    ['live', 'live'],
  ] as const) {
    const result = billingReading(pointWith({ ...energy([12345]), own: { source, measuredAt: when } }), meter, profile)
    t.match(result, { kind: 'reading', reading: { source: as } })
  }
})

await t.test('a point gives primary energy, whatever its exponent', async (t) => {
  t.same(meteringOf(meter, profile), { ratio: 60n, capacity: kwh('60000000'), maxPowerKw: 10, relay: true })
  const result = billingReading(pointWith(energy([12345, 1])), meter, profile)
  t.same(result, {
    kind: 'reading',
    reading: { raw: kwh('7407'), at: when, source: 'live', isFreeze: false, receivedAt: when, trusted: true },
  })
  const scaled = billingReading(pointWith(energy([5], 3)), meter, profile)
  t.equal(scaled.kind === 'reading' && scaled.reading.raw, kwh('300000'))
})

await t.test('an item that came another way keeps its own source and instant', async (t) => {
  const own = { source: 'load-record' as const, measuredAt: at('2026-03-02 08:45') }
  const value: ItemValue = { item: itemId('energy'), ints: [100], exponent: -2, unit: 'kWh', own }
  const point: Point = { ...pointWith(value), stream: 'freeze' }
  const result = billingReading(point, meter, profile)
  t.match(result, { kind: 'reading', reading: { source: 'load-record', at: own.measuredAt, isFreeze: true } })
})

await t.test('lesson 19: a failed read never becomes 0', async (t) => {
  t.equal(kindOf(), 'none')
  t.equal(kindOf({ item: itemId('voltage'), ints: [2200], exponent: -1, unit: 'V' }), 'none')
  t.equal(kindOf({ item: itemId('energy'), absent: 'no-reply' }), 'none')
  t.equal(kindOf(energy([null])), 'none')
  t.equal(kindOf(energy([])), 'none')
})

await t.test('lesson 19: what is no energy of this register is refused with a reason', async (t) => {
  t.equal(kindOf({ item: itemId('energy'), words: ['0010'] }), 'unusable')
  t.equal(kindOf(energy([1], -1, 'V')), 'unusable')
  t.equal(kindOf(energy([-1])), 'unusable')
  t.equal(kindOf(energy([0.5])), 'unusable')
  t.equal(kindOf(energy([1], -7)), 'unusable')
  t.equal(kindOf(energy([1], 4)), 'unusable')
  t.equal(kindOf(energy([100_000_000])), 'unusable')
})

const rules = { metering: plainMetering, wrapWindowPpm: 10_000 }
const known = (raw: string, time: string, change: Partial<Known> = {}): Known => ({
  register: { lastRaw: kwh(raw), lastAt: at(time), offset: kwh('0') },
  suspect: null,
  source: 'live',
  ...change,
})
const reading = (raw: string, time: string, source: RegisterReading['source'] = 'live'): RegisterReading => ({
  raw: kwh(raw),
  at: at(time),
  source,
  isFreeze: false,
  receivedAt: at(time),
  trusted: true,
})

await t.test('a rise within what the connection carries is accepted', async (t) => {
  t.match(assess(reading('120', '2026-03-02 10:00'), known('100', '2026-03-02 09:00'), rules), {
    kind: 'accepted',
    wrapped: false,
  })
  t.equal(assess(reading('120.03', '2026-03-02 10:00'), known('100', '2026-03-02 09:00'), rules).kind, 'suspect')
})

await t.test('a register wraps only near full scale and only plausibly', async (t) => {
  const near = known('999998', '2026-03-02 09:00')
  t.match(assess(reading('3', '2026-03-02 10:00'), near, rules), {
    kind: 'accepted',
    wrapped: true,
    register: { offset: kwh('1000000') },
  })
  t.match(assess(reading('30', '2026-03-02 10:00'), near, rules), { kind: 'suspect', suspect: { why: 'decreased' } })
  t.match(assess(reading('3', '2026-03-02 10:00'), known('980000', '2026-03-02 09:00'), rules), { kind: 'suspect' })
})

await t.test('lesson 19: 0, all ones and swapped words are suspect, and a second such reading confirms them', async (t) => {
  const before = known('123.45', '2026-03-02 09:00')
  for (const raw of ['0', '655.35', '450123']) {
    const first = assess(reading(raw, '2026-03-02 09:15'), before, rules)
    t.equal(first.kind, 'suspect', raw)
    if (first.kind !== 'suspect') continue
    const after = { ...before, suspect: first.suspect }
    t.equal(assess(reading(raw, '2026-03-02 09:16'), after, rules).kind, 'confirmed', raw)
    t.equal(assess(reading('123.50', '2026-03-02 09:16'), after, rules).kind, 'accepted', raw)
  }
  const suspect = { raw: kwh('50'), at: at('2026-03-02 09:15'), why: 'decreased' as const }
  const kindAfter = (raw: string, time: string) => assess(reading(raw, time), { ...before, suspect }, rules).kind
  t.equal(kindAfter('40', '2026-03-02 09:16'), 'suspect', 'lower again: another suspect')
  t.equal(kindAfter('60', '2026-03-02 09:16'), 'suspect', 'not reached from the first in a minute')
  t.equal(kindAfter('50', '2026-03-02 09:15'), 'suspect', 'the same instant proves nothing')
})

await t.test('the meter’s own time may differ a little from ours', async (t) => {
  const frozen = known('100', '2026-03-02 00:00', { source: 'daily-freeze' })
  t.equal(assess(reading('99.9', '2026-03-02 00:00:07'), frozen, rules).kind, 'skewed')
  t.equal(assess(reading('95', '2026-03-02 00:00:07'), frozen, rules).kind, 'suspect')
  t.equal(assess(reading('99.9', '2026-03-02 00:00:07'), known('100', '2026-03-02 00:00'), rules).kind, 'suspect')
})

await t.test('a late reading stands between its neighbours, over a wrap too', async (t) => {
  const device = { offset: kwh('1000000'), metering: plainMetering }
  const gap = { from: { at: epochMs(0), energy: kwh('999990') }, to: { at: epochMs(1), energy: kwh('1000010') } }
  const placeAt = (raw: string, source: RegisterReading['source'] = 'daily-freeze') =>
    place(reading(raw, '2026-03-02 09:00', source), gap, device)
  t.same(placeAt('5'), { kind: 'fits', energy: kwh('1000005') })
  t.same(placeAt('999995'), { kind: 'fits', energy: kwh('999995') })
  t.equal(placeAt('999989.5').kind, 'skewed')
  t.equal(placeAt('10.5').kind, 'skewed')
  t.equal(placeAt('10.5', 'live').kind, 'contradicts')
  t.equal(placeAt('500').kind, 'contradicts')
})
