import t from 'tap'
import { epochMs, itemId, linkId, monotonicMs, type EpochMs, type RegisterValue } from '../../../src/model/index.js'
import {
  broadcastRefusal,
  clockSetRefusal,
  defaultClockRules,
  defaultCollectionSettings,
  driftPerDayMs,
  noteClockSet,
  observeClock,
  parseMeterTime,
  unknownMeterClock,
  type MeterClock,
} from '../../../src/collection/index.js'
import { BusQueue, JOBS_IN_FLIGHT_MAX, type Unit } from '../../../src/collection/bus-queue.js'
import { Coverage } from '../../../src/collection/coverage.js'
import { TimeHeap } from '../../../src/collection/heap.js'
import { judgeCumulative } from '../../../src/collection/plausibility.js'
import { Histogram, Statistics } from '../../../src/collection/statistics.js'
import { absenceOf, itemFrom, tellingReason } from '../../../src/collection/values.js'
import { local, number, text } from '../../helpers/core-bench.js'

const minuteMs = 60_000
const dayMs = 86_400_000

await t.test('a heap gives entries in order of time, then of arrival', async (t) => {
  const heap = new TimeHeap<string>()
  t.equal(heap.nextAt, null)
  t.equal(heap.popUntil(99), null)
  for (const [at, name] of [
    [5, 'e'],
    [1, 'a'],
    [3, 'c'],
    [1, 'b'],
    [4, 'd'],
    [9, 'f'],
    [5, 'e2'],
  ] as const)
    heap.push(at, name)
  t.equal(heap.nextAt, 1)
  t.equal(heap.popUntil(0), null)
  const out: string[] = []
  for (let one = heap.popUntil(8); one !== null; one = heap.popUntil(8)) out.push(one)
  t.same(out, ['a', 'b', 'c', 'd', 'e', 'e2'])
  t.equal(heap.size, 1)
})

await t.test('coverage knows what was handled, across holes, and forgets the oldest', async (t) => {
  const coverage = new Coverage()
  const at = (value: number): EpochMs => epochMs(value)
  t.equal(coverage.lastBefore(at(5)), null)
  coverage.add(at(10), at(20))
  coverage.add(at(40), at(50))
  t.ok(coverage.has(at(20)))
  t.notOk(coverage.has(at(30)))
  t.equal(coverage.lastBefore(at(45)), 45)
  t.equal(coverage.lastBefore(at(30)), 20)
  t.equal(coverage.lastBefore(at(10)), null)
  t.equal(coverage.lastBefore(at(90)), 50)
  coverage.add(at(15), at(45))
  t.ok(coverage.has(at(30)))
  coverage.add(at(5), at(60))
  t.equal(coverage.lastBefore(at(70)), 60)
  for (let span = 0; span < 8; span++) coverage.add(at(1000 + span * 10), at(1001 + span * 10))
  t.notOk(coverage.has(at(30)))
  t.ok(coverage.has(at(1000)))
})

await t.test('values of a register become one value of an item, or a typed absence', async (t) => {
  const item = itemId('x')
  t.same(itemFrom(item, []), { item, absent: 'invalid' })
  t.same(itemFrom(item, [number(null), number(null)]), { item, absent: 'not-available' })
  t.same(itemFrom(item, [number(2305, -1), number(null, -1)]), { item, ints: [2305, null], exponent: -1, unit: 'kWh' })
  t.same(itemFrom(item, [number(12345, -4, 'kW'), text('2026-03-01 10:00')]), { item, words: ['1.2345', '2026-03-01 10:00'] })
  t.same(itemFrom(item, [number(1, -2), number(1, -3)]), { item, words: ['0.01', '0.001'] })
  t.same(itemFrom(item, [number(1, -2, 'kWh'), number(1, -2, 'kW'), number(null)]), { item, words: ['0.01', '0.01', ''] })
  t.same(itemFrom(item, [text(null)]), { item, absent: 'not-available' })
  const word: RegisterValue = { kind: 'bits', hex: '0010', names: ['relay-open'], unit: '' }
  t.same(itemFrom(item, [word]), { item, words: ['0010'] })
  t.equal(absenceOf('unsupported'), 'unsupported')
  t.equal(absenceOf('garbled'), 'garbled')
  t.equal(tellingReason(null, 'no-time'), 'no-time')
  t.equal(tellingReason('no-reply', 'no-time'), 'no-reply')
  t.equal(tellingReason('no-reply', 'not-running'), 'no-reply')
  t.equal(tellingReason('no-reply', 'garbled'), 'garbled')
  t.equal(tellingReason('no-reply', 'withdrawn'), 'no-reply')
})

await t.test('lesson 19: a cumulative register neither falls nor leaps, but wraps near its full scale', async (t) => {
  const limits = { maxUnitsPerHour: 6_000, wrapUnits: 100_000_000, slackMs: 0 }
  const judge = (from: number, to: number, elapsedMs: number, slackMs = 0) =>
    judgeCumulative(
      { int: from, exponent: -2, at: epochMs(0) },
      { int: to, exponent: -2, at: epochMs(elapsedMs) },
      { ...limits, slackMs },
    )
  t.equal(judgeCumulative(null, { int: 5, exponent: -2, at: epochMs(0) }, limits), 'plausible')
  t.equal(judge(1000, 1100, 60 * minuteMs), 'plausible')
  t.equal(judge(1000, 1000, 60 * minuteMs), 'plausible')
  t.equal(judge(1000, 999, 60 * minuteMs), 'suspect')
  t.equal(judge(1000, 0, 60 * minuteMs), 'suspect')
  t.equal(judge(1000, 7003, 60 * minuteMs), 'suspect')
  t.equal(judge(99_999_990, 50, 60 * minuteMs), 'plausible')
  t.equal(judge(50_000_000, 50, 60 * minuteMs), 'suspect')
  t.equal(judge(1000, 950, -60 * minuteMs), 'plausible', 'an older reading is lower')
  t.equal(judge(1000, 999, minuteMs, 15 * minuteMs), 'plausible', 'within what the meter’s clock may be off')
  t.equal(
    judgeCumulative({ int: 1000, exponent: -2, at: epochMs(0) }, { int: 1000, exponent: -3, at: epochMs(1) }, limits),
    'suspect',
  )
})

await t.test('a meter’s date is read or is none', async (t) => {
  t.equal(parseMeterTime(text('2026-03-01 10:15'), 480), local('2026-03-01 10:15'))
  t.equal(parseMeterTime(text('2026-03-01T10:15:30'), 480), local('2026-03-01 10:15') + 30_000)
  for (const odd of [
    text(null),
    text('10:15:00'),
    text('2026-13-01 10:15'),
    text('2026-00-01 10:15'),
    text('2026-03-32 10:15'),
    text('2026-03-00 10:15'),
  ])
    t.equal(parseMeterTime(odd, 480), null)
  for (const odd of [text('2026-03-01 24:15'), text('2026-03-01 10:60'), text('2026-03-01 10:15:60'), number(5), undefined])
    t.equal(parseMeterTime(odd, 480), null)
})

await t.test('statistics count by day, link and item, and only days that are open', async (t) => {
  const statistics = new Statistics()
  const [day, link, item] = [epochMs(0), linkId('a'), itemId('energy')]
  statistics.got(day, link, item, { first: true, latencyMs: 1 })
  statistics.missing(day, link, item, 'no-reply')
  t.same(statistics.view(), [])
  for (let count = 0; count < 5; count++) statistics.due(day, link, item)
  statistics.due(epochMs(-dayMs), linkId('b'), item)
  statistics.due(day, linkId('b'), item)
  statistics.got(day, link, item, { first: true, latencyMs: 100 })
  statistics.got(day, link, item, { first: false, latencyMs: null })
  statistics.missing(day, link, item, 'no-reply')
  statistics.missing(day, link, item, 'no-reply')
  statistics.missing(day, link, itemId('other'), 'no-reply')
  statistics.got(day, link, itemId('other'), { first: true, latencyMs: 1 })
  const [before, view] = statistics.view()
  t.equal(before?.day, -dayMs)
  t.same(view?.links[0]?.items, [{ item, due: 5, first: 1, later: 1, missing: { 'no-reply': 2 } }])
  t.equal(view?.links[0]?.latency.count, 1)
  t.equal(view?.since, undefined)
  t.same(statistics.take(day, epochMs(dayMs)).links.length, 2)
  t.same(statistics.take(day, epochMs(dayMs)).links, [])
})

await t.test('a day of which only a part is counted says since when', async (t) => {
  const statistics = new Statistics()
  const sinceOf = (day: number) => {
    statistics.due(epochMs(day), linkId('a'), itemId('energy'))
    return statistics.view().find((view) => view.day === day)?.since
  }
  statistics.countFrom(epochMs(dayMs + 1_000))
  t.equal(sinceOf(0), dayMs + 1_000, 'it ended before the start')
  t.equal(sinceOf(dayMs), dayMs + 1_000, 'the start lies in it')
  t.equal(sinceOf(2 * dayMs), undefined, 'a whole day')
  t.equal(statistics.take(epochMs(2 * dayMs), epochMs(3 * dayMs + 7)).since, undefined)
  t.equal(sinceOf(2 * dayMs), 3 * dayMs + 7, 'what is left of a day that was given out')
  t.equal(sinceOf(3 * dayMs), undefined)
  statistics.countFrom(epochMs(9 * dayMs + 1))
  t.equal(statistics.take(epochMs(3 * dayMs), epochMs(9 * dayMs)).since, undefined, 'what was whole stays whole')
  t.equal(sinceOf(9 * dayMs), 9 * dayMs + 1)
})

await t.test('success is summed up for each medium and for all, rounded down', async (t) => {
  const statistics = new Statistics((link) => (link === 'c' ? 'plc' : 'rs485'))
  const day = epochMs(0)
  for (const [link, item, got] of [
    ['a', 'energy', 'first'],
    ['b', 'energy', 'first'],
    ['b', 'power', 'later'],
    ['c', 'energy', 'missing'],
    ['c', 'energy', 'first'],
    ['c', 'power', 'missing'],
  ] as const) {
    statistics.due(day, linkId(link), itemId(item))
    if (got === 'missing') statistics.missing(day, linkId(link), itemId(item), 'no-reply')
    else statistics.got(day, linkId(link), itemId(item), { first: got === 'first', latencyMs: link === 'c' ? 9_000 : 100 })
  }
  statistics.missing(day, linkId('a'), itemId('energy'), 'garbled')
  const [view] = statistics.view()
  t.match(view?.total, {
    due: 6,
    first: 3,
    later: 1,
    missing: { 'no-reply': 2, garbled: 1 },
    oneShotPpm: 500_000,
    periodicPpm: 666_666,
  })
  t.match(
    view?.links.map(({ link, medium, total }) => [link, medium, total.due, total.periodicPpm]),
    [
      ['a', 'rs485', 1, 1_000_000],
      ['b', 'rs485', 2, 1_000_000],
      ['c', 'plc', 3, 333_333],
    ],
  )
  const [wires, plc] = view?.media ?? []
  t.match(wires, { medium: 'rs485', total: { due: 3, oneShotPpm: 666_666 }, latency: { count: 3 } })
  t.same(
    wires?.items.map(({ item, due }) => [item, due]),
    [
      ['energy', 2],
      ['power', 1],
    ],
  )
  t.ok(Number(plc?.latency.p50Ms) >= 9_000)
  t.match(statistics.take(epochMs(dayMs), day).total, { due: 0, oneShotPpm: null, periodicPpm: null })
})

await t.test('latency percentiles are right within their bucket', async (t) => {
  const histogram = new Histogram()
  t.same(histogram.latency(), { count: 0, p50Ms: null, p95Ms: null, p99Ms: null })
  for (let ms = 1; ms <= 1000; ms++) histogram.add(ms)
  histogram.add(1e12)
  const { count, p50Ms, p95Ms, p99Ms } = histogram.latency()
  t.equal(count, 1001)
  t.ok(p50Ms !== null && p50Ms >= 500 && p50Ms < 710)
  t.ok(p95Ms !== null && p95Ms >= 950 && p95Ms < 1345)
  t.ok(p99Ms !== null && p99Ms >= 990)
})

await t.test('a meter’s clock is set by air only as the field’s rules allow', async (t) => {
  const at = local('2026-03-01 10:30')
  const rules = defaultClockRules
  const seen = (driftMs: number, when = at, clock = unknownMeterClock) =>
    observeClock(clock, { meter: epochMs(when + driftMs), at: when }, rules)
  const refusal = (clock: MeterClock, when = at, trusted = true) => clockSetRefusal(clock, { at: when, trusted }, 480, rules)
  const off = seen(120_000).clock
  t.equal(seen(120_000).finding, 'over-limit')
  t.equal(seen(120_000, at, off).finding, 'none', 'told once')
  t.equal(refusal(off), null)
  t.equal(refusal(seen(-120_000).clock), null)
  t.equal(refusal(off, at, false), 'our-clock-untrusted')
  t.equal(refusal(unknownMeterClock), 'drift-unknown')
  t.equal(refusal(seen(59_000).clock), 'within-limit')
  t.equal(refusal(seen(400_000).clock), 'beyond-limit')
  t.equal(refusal(seen(1_000_000).clock), 'beyond-limit')
  t.equal(refusal({ ...off, reported: false }), 'not-reported')
  for (const near of ['10:03', '10:56', '23:58', '00:04']) t.equal(refusal(off, local(`2026-03-01 ${near}`)), 'near-full-hour')
  const set = noteClockSet(off, epochMs(at - 3_600_000))
  t.equal(set.driftMs, null)
  t.equal(refusal(seen(120_000, at, set).clock), 'set-today')
  t.equal(refusal(seen(120_000, epochMs(at + 2 * dayMs), set).clock, epochMs(at + 2 * dayMs)), null)
  const twice = noteClockSet(set, epochMs(at - 60_000))
  t.equal(seen(310_000, at, twice).finding, 'faulty')
  t.equal(seen(310_000, epochMs(at + 40 * dayMs), twice).finding, 'over-limit')
  t.equal(seen(10_000, at, off).clock.reported, false)
  t.equal(broadcastRefusal({ at, trusted: true }, 480, rules), null)
  t.equal(broadcastRefusal({ at, trusted: false }, 480, rules), 'our-clock-untrusted')
  t.equal(broadcastRefusal({ at: local('2026-03-01 10:01'), trusted: true }, 480, rules), 'near-full-hour')
})

await t.test('the drift of a clock is its trend over days', async (t) => {
  const day = (index: number) => epochMs(local('2026-03-01 10:30') + index * dayMs)
  let clock = unknownMeterClock
  t.equal(driftPerDayMs(clock), null)
  for (let index = 0; index < 30; index++) {
    for (const offset of [0, 3_600_000]) {
      const at = epochMs(day(index) + offset)
      clock = observeClock(clock, { meter: epochMs(at + index * 500), at }, defaultClockRules).clock
    }
    if (index === 0) t.equal(driftPerDayMs(clock), null)
  }
  t.equal(driftPerDayMs(clock), 500)
  t.equal(clock.samples.length, 16)
})

await t.test('a bus queue gives the most urgent work first and only so much of a class at a time', async (t) => {
  const bus = new BusQueue()
  const unit = (): Unit => ({ kind: 'memory', owner: {} as never })
  t.equal(bus.nextAt(0), null)
  for (let count = 0; count < 1500; count++) bus.push(unit(), 'curve', 10)
  bus.push(unit(), 'freeze', 20)
  bus.push(unit(), 'threshold-watch', 20)
  t.equal(bus.nextAt(0), 10)
  t.equal(bus.pop(5), null)
  t.equal(bus.pop(10)?.work, 'curve')
  t.equal(bus.pop(20)?.work, 'threshold-watch')
  t.equal(bus.pop(20)?.work, 'freeze')
  t.equal(bus.size, 1499)
  for (let count = 0; count < JOBS_IN_FLIGHT_MAX.curve; count++) bus.started('curve')
  t.equal(bus.pop(20), null)
  bus.ended('curve')
  for (let count = 0; count < 1499; count++) t.equal(bus.pop(20)?.work ?? t.fail('too few'), 'curve')
  t.equal(bus.pop(20), null)
  bus.push(unit(), 'curve', 30)
  bus.pauseUntil(100)
  t.equal(bus.nextAt(50), 100)
  t.equal(bus.pop(50), null)
  t.equal(bus.pop(100)?.work, 'curve')
  bus.pauseUntil(200)
  t.equal(bus.nextAt(150), null)
  t.ok(bus.isDown(monotonicMs(150)))
  t.equal(defaultCollectionSettings.repeats, 2)
})
