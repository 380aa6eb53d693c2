import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { calendarOn, jobsMax, nextAfter, stepCheckMs } from '../../../src/calendar.js'
import { epochMs, type EpochMs } from '../../../src/model/index.js'

const at = (text: string) => epochMs(Date.parse(text))
const iso = (instant: EpochMs) => new Date(instant).toISOString().slice(0, 19)
const hourMs = 3_600_000

function bench(start: string) {
  const time = new VirtualTime({ wallStart: at(start) })
  const fired: string[] = []
  const skipped: string[] = []
  const onSkipped = (cron: string, from: EpochMs, latest: EpochMs) => skipped.push(`${cron} ${iso(from)} ${iso(latest)}`)
  const calendar = calendarOn({ clock: time, timers: time, onSkipped })
  return { time, calendar, fired, skipped, fire: (instant: EpochMs) => void fired.push(iso(instant)) }
}

await t.test('the next match in the site’s own time', async (t) => {
  const cases: [string, number, string, string][] = [
    ['*/15 * * * *', 480, '2026-01-01T00:00:00.500Z', '2026-01-01T00:15:00'],
    ['*/15 * * * *', 480, '2026-01-01T00:15:00Z', '2026-01-01T00:30:00'],
    ['0 0 * * *', 480, '2026-01-01T15:59:59Z', '2026-01-01T16:00:00'],
    ['0 0 1 * *', 480, '2026-01-31T16:00:00Z', '2026-02-28T16:00:00'],
    ['0 0 29 2 *', 480, '2026-01-01T00:00:00Z', '2028-02-28T16:00:00'],
    ['* * * * * *', -330, '2026-01-01T00:00:00.999Z', '2026-01-01T00:00:01'],
    ['30 */2 1-5,20 * * 0,7', 345, '2026-01-01T00:00:00Z', '2026-01-03T19:15:30'],
    ['5-59/20 23 * 12 *', 0, '2026-01-01T00:00:00Z', '2026-12-01T23:05:00'],
    ['0 12 13 * 5', 0, '2026-01-01T00:00:00Z', '2026-01-02T12:00:00'],
    ['0 12 13 * 5', 0, '2026-01-09T13:00:00Z', '2026-01-13T12:00:00'],
    ['0 12 31 2 5', 0, '2026-01-01T00:00:00Z', '2026-02-06T12:00:00'],
  ]
  for (const [cron, offset, after, expected] of cases)
    t.equal(iso(nextAfter(cron, offset, at(after))), expected, `${cron} ${offset} ${after}`)
})

await t.test('what is no cron expression, or never matches, is refused', async (t) => {
  const bad = [
    '',
    '* * * *',
    '* * * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    'a * * * *',
    '*/0 * * * *',
  ]
  for (const cron of [...bad, '5-1 * * * *', '1,, * * * *', '0 0 31 2 *', '0 0 30 2 *', '0 0 31 4,6 *']) {
    t.throws(() => nextAfter(cron, 480, at('2026-01-01T00:00:00Z')), RangeError, cron)
  }
})

await t.test('each match fires once, with its instant, until it is cancelled', async (t) => {
  const { time, calendar, fired, skipped, fire } = bench('2026-01-01T00:00:01Z')
  const cancel = calendar.schedule('*/15 * * * *', 480, fire)
  const other = calendar.schedule('30 * * * *', 480, () => fired.push('other'))
  await time.runFor(hourMs)
  t.same(
    fired,
    ['2026-01-01T00:15:00', 'other', '2026-01-01T00:30:00', '2026-01-01T00:45:00', '2026-01-01T01:00:00'].sort(order(fired)),
  )
  cancel()
  cancel()
  await time.runFor(hourMs)
  t.equal(fired.length, 6)
  other()
  t.equal(time.pending, 0, 'a calendar without jobs sets no timers')
  t.same(skipped, [])
})

await t.test('lesson 25: boot in 1970, the clock set forward by decades: one match, not a flood', async (t) => {
  const { time, calendar, fired, skipped, fire } = bench('1970-01-01T00:00:01Z')
  calendar.schedule('*/15 * * * *', 480, fire)
  await time.runFor(60_000)
  time.setWall(at('2026-03-01T10:07:00Z'))
  await time.runFor(stepCheckMs)
  t.same(fired, ['2026-03-01T10:00:00'], 'the latest match fires')
  t.same(skipped, ['*/15 * * * * 1970-01-01T00:15:00 2026-03-01T10:00:00'], 'and it is said what was passed over')
  await time.runFor(hourMs)
  t.equal(fired.length, 5)
  t.equal(fired.at(-1), '2026-03-01T11:00:00')
})

await t.test('lesson 25: a step of two years forward and back again leaves a calendar that goes on', async (t) => {
  const { time, calendar, fired, fire } = bench('2026-03-01T10:01:00Z')
  calendar.schedule('0 * * * *', 0, fire)
  await time.runFor(2 * hourMs)
  time.stepWall(2 * 365 * 24 * hourMs)
  await time.runFor(hourMs)
  time.stepWall(-2 * 365 * 24 * hourMs)
  await time.runFor(2 * hourMs)
  t.same(fired.slice(0, 2), ['2026-03-01T11:00:00', '2026-03-01T12:00:00'])
  t.same(fired.filter((instant) => instant.startsWith('2028')).length, 2, 'the false present is served as any other')
  t.same(fired.slice(-2), ['2026-03-01T14:00:00', '2026-03-01T15:00:00'])
})

await t.test('lesson 25: an hour back fires nothing a second time and loses nothing that follows', async (t) => {
  const { time, calendar, fired, skipped, fire } = bench('2026-03-01T10:01:00Z')
  calendar.schedule('*/15 * * * *', 0, fire)
  await time.runFor(hourMs)
  t.equal(fired.length, 4)
  time.stepWall(-hourMs)
  await time.runFor(2 * hourMs)
  t.equal(fired.length, 8)
  t.equal(new Set(fired).size, fired.length)
  t.equal(fired.at(-1), '2026-03-01T12:00:00')
  t.same(skipped, [])
})

await t.test('a small step forward fires late by at most the time between two looks, a slewed clock does no harm', async (t) => {
  const { time, calendar, fired, fire } = bench('2026-03-01T10:01:00Z')
  calendar.schedule('*/15 * * * *', 0, fire)
  time.stepWall(600_000 - 60_000)
  await time.runFor(5 * 60_000)
  t.same(fired, ['2026-03-01T10:15:00'])
  for (let step = 0; step < 60; step++) {
    time.stepWall(step % 2 === 0 ? 400 : -400)
    await time.runFor(60_000)
  }
  t.same(fired.slice(1), ['2026-03-01T10:30:00', '2026-03-01T10:45:00', '2026-03-01T11:00:00', '2026-03-01T11:15:00'])
})

await t.test('a calendar has its limit, and refuses bad expressions before it takes them', async (t) => {
  const { time, calendar, fire } = bench('2026-01-01T00:00:00Z')
  t.throws(() => calendar.schedule('x', 0, fire), RangeError)
  t.equal(time.pending, 0)
  for (let job = 0; job < jobsMax; job++) calendar.schedule('0 0 * * *', 0, fire)
  t.throws(() => calendar.schedule('0 0 * * *', 0, fire), RangeError)
  t.equal(calendar.nextAfter('0 0 * * *', 0, at('2026-01-01T00:00:00Z')), at('2026-01-02T00:00:00Z'))
})

/** Two jobs of one instant fire in any order: compare them in the order they came. */
function order(fired: readonly string[]) {
  return (a: string, b: string) => fired.indexOf(a) - fired.indexOf(b)
}
