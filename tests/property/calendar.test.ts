import fc from 'fast-check'
import t from 'tap'
import { nextAfter } from '../../src/calendar.js'
import { epochMs, toLocal } from '../../src/model/index.js'

const minuteMs = 60_000

/** A field as text, and which numbers it means. */
function field(min: number, max: number): fc.Arbitrary<{ readonly text: string; readonly has: (value: number) => boolean }> {
  const number = fc.integer({ min, max })
  return fc.oneof(
    fc.constant({ text: '*', has: () => true }),
    fc
      .uniqueArray(number, { minLength: 1, maxLength: 4 })
      .map((list) => ({ text: list.join(','), has: (value: number) => list.includes(value) })),
    fc.tuple(number, number).map(([a, b]) => {
      const [from, to] = [Math.min(a, b), Math.max(a, b)]
      return { text: `${from}-${to}`, has: (value: number) => value >= from && value <= to }
    }),
    fc.integer({ min: 1, max: 30 }).map((step) => ({ text: `*/${step}`, has: (value: number) => (value - min) % step === 0 })),
  )
}

await t.test('the next match is a match, later than asked, and none lies between', async (t) => {
  const span = { min: Date.UTC(2025, 0, 1), max: Date.UTC(2029, 0, 1) }
  const arguments_ = [
    field(0, 59),
    field(0, 23),
    field(0, 6),
    fc.integer(span),
    fc.integer({ min: -14 * 4, max: 14 * 4 }),
  ] as const
  const property = fc.property(...arguments_, (minute, hour, weekday, after, quarters) => {
    const offset = quarters * 15
    const matches = (instant: number) => {
      const local = toLocal(epochMs(instant), offset)
      return minute.has(local.minute) && hour.has(local.hour) && weekday.has(local.weekday)
    }
    const next = nextAfter(`${minute.text} ${hour.text} * * ${weekday.text}`, offset, epochMs(after))
    let expected = (Math.floor(after / minuteMs) + 1) * minuteMs
    while (!matches(expected)) expected += minuteMs
    return next === expected
  })
  const { failed, counterexample, seed, counterexamplePath } = fc.check(property, {
    numRuns: process.env['WATTKEEP_FULL'] ? 20_000 : 300,
  })
  t.notOk(failed, `seed ${seed} path ${counterexamplePath} ${JSON.stringify(counterexample)}`)
})
