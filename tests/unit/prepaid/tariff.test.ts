import t from 'tap'
import { checkTariff, checkTariffChange, nextSwitchAfter, rateAt, tariffBook } from '../../../src/prepaid/index.js'
import { switchPoints } from '../../../src/prepaid/tariff-book.js'
import type { TariffVersion } from '../../../src/model/index.js'
import { at, plainTariff } from '../../helpers/prepaid-case.js'

const season = plainTariff.seasons[0]
if (season === undefined) throw new Error('the plain tariff has a season')
const codesOf = (change: Partial<TariffVersion>) =>
  checkTariff({ ...plainTariff, ...change }).map((problem) => `${problem.at} ${problem.code}`)

await t.test('a good version has no problems', async (t) => {
  t.same(checkTariff(plainTariff), [])
  t.same(checkTariff({ ...plainTariff, steps: { period: 'year', bounds: [] }, holidays: ['2024-02-29'] }), [])
})

await t.test('every problem is named with its place', async (t) => {
  t.same(codesOf({ tariff: '' }), ['tariff missing'])
  t.same(codesOf({ version: 0 }), ['version out-of-range'])
  t.same(codesOf({ utcOffsetMinutes: 900 }), ['utcOffsetMinutes out-of-range'])
  t.same(codesOf({ taxPpm: -1n }), ['taxPpm out-of-range'])
  t.same(codesOf({ taxPpm: 1_000_001n }), ['taxPpm out-of-range'])
  t.same(codesOf({ prices: [600_000n, -1n] }), ['prices[1] out-of-range'])
  t.same(codesOf({ prices: Array<bigint>(64).fill(1n) }), ['prices out-of-range'])
  t.same(codesOf({ seasons: [] }), ['seasons out-of-range'])
  t.same(codesOf({ seasons: Array<typeof season>(15).fill(season) }), ['seasons out-of-range'])
  t.same(codesOf({ seasons: [season, season] }), ['seasons[1].from order'])
  t.same(codesOf({ seasons: [{ ...season, from: { month: 2, day: 30 } }] }), ['seasons[0].from bad-date'])
  t.same(codesOf({ seasons: [{ ...season, restday: [] }] }), ['seasons[0].restday out-of-range'])
  t.same(codesOf({ seasons: [{ ...season, restday: Array(15).fill({ minute: 0, rate: 1 }) }] }), [
    'seasons[0].restday out-of-range',
  ])
  t.same(codesOf({ seasons: [{ ...season, restday: [{ minute: 1, rate: 1 }] }] }), ['seasons[0].restday[0].minute order'])
  t.same(
    codesOf({
      seasons: [
        {
          ...season,
          workday: [
            { minute: 0, rate: 3 },
            { minute: 0, rate: 1 },
            { minute: 1440, rate: 0 },
          ],
        },
      ],
    }),
    [
      'seasons[0].workday[0].rate out-of-range',
      'seasons[0].workday[1].minute order',
      'seasons[0].workday[2].minute order',
      'seasons[0].workday[2].rate out-of-range',
    ],
  )
  t.same(codesOf({ restWeekdays: [7] }), ['restWeekdays[0] out-of-range'])
  t.same(codesOf({ holidays: ['2026-02-29', 'soon', '2026-13-01'] }), [
    'holidays[0] bad-date',
    'holidays[1] bad-date',
    'holidays[2] bad-date',
  ])
})

await t.test('what the type allows and settlement does not price is refused by name', async (t) => {
  const steps = { period: 'month' as const, bounds: [{ aboveKwh: 230n, surcharge: 50_000n }] }
  t.same(codesOf({ steps }), ['steps unsupported'])
  t.same(codesOf({ basis: 'rate-registers' }), ['basis unsupported'])
  t.same(codesOf({ minimumMonthlyCharge: 1n }), ['minimumMonthlyCharge unsupported'])
})

await t.test('a version in force neither changes nor vanishes', async (t) => {
  const now = at('2026-03-01 00:00')
  const next: TariffVersion = { ...plainTariff, version: 2, effectiveFrom: at('2026-06-01 00:00') }
  t.same(checkTariffChange([plainTariff, next], [{ ...plainTariff }], now), [])
  const codes = (set: readonly TariffVersion[]) => checkTariffChange([plainTariff], set, now).map((problem) => problem.code)
  t.same(codes([next]), ['in-force'])
  t.same(codes([{ ...plainTariff, prices: [1n, 2n] }]), ['in-force'])
  t.same(codes([plainTariff, { ...next, effectiveFrom: plainTariff.effectiveFrom }]), ['doubled'])
  const { version, tariff, ...rest } = plainTariff
  t.same(codes([{ ...rest, tariff, version }]), [], 'the order of keys says nothing')
})

await t.test('rates follow season, kind of day, minute and version', async (t) => {
  const summer = { from: { month: 7, day: 1 }, workday: [{ minute: 0, rate: 1 }], restday: [{ minute: 0, rate: 1 }] }
  const late = { ...season, from: { month: 3, day: 15 } }
  const first: TariffVersion = { ...plainTariff, seasons: [late, summer], holidays: ['2026-04-06'] }
  const second: TariffVersion = {
    ...plainTariff,
    version: 2,
    effectiveFrom: at('2026-08-01 12:00'),
    prices: [900_000n, 100_000n],
  }
  const book = tariffBook([second, first])
  const rate = (when: string) => rateAt(book, 'home', at(when))?.rate
  t.equal(rate('2026-03-01 03:00'), 1, 'before the first season of the year the last one holds')
  t.equal(rate('2026-03-16 07:59:59'), 2)
  t.equal(rate('2026-03-16 08:00'), 1)
  t.equal(rate('2026-03-16 22:00'), 2)
  t.equal(rate('2026-03-15 12:00'), 2, 'a Sunday')
  t.equal(rate('2026-04-06 12:00'), 2, 'a holiday')
  t.equal(rate('2026-07-01 00:00'), 1)
  t.equal(rateAt(book, 'home', at('2026-08-01 12:00'))?.price, 100_000n)
  t.equal(rateAt(book, 'home', at('2025-12-31 23:59')), null)
  t.equal(rateAt(book, 'shop', at('2026-03-16 08:00')), null)
})

await t.test('switches are found up to the next version and through days without any', async (t) => {
  const second: TariffVersion = { ...plainTariff, version: 2, effectiveFrom: at('2026-03-02 12:00') }
  const book = tariffBook([plainTariff, second])
  const next = (when: string) => nextSwitchAfter(book, 'home', at(when))
  t.equal(next('2025-06-01 00:00'), plainTariff.effectiveFrom)
  t.equal(next('2026-03-02 07:00'), at('2026-03-02 08:00'))
  t.equal(next('2026-03-02 08:00'), second.effectiveFrom)
  t.equal(next('2026-03-02 23:00'), at('2026-03-03 00:00'))
  t.equal(nextSwitchAfter(book, 'shop', at('2026-03-02 07:00')), null)
  t.same(switchPoints(book, 'home', at('2026-02-27 21:00'), at('2026-03-02 12:00')), [
    at('2026-02-27 22:00'),
    at('2026-03-02 08:00'),
  ])
  t.same(switchPoints(book, 'home', at('2026-03-02 11:00'), at('2026-03-02 13:00')), [second.effectiveFrom])
  t.same(switchPoints(book, 'home', at('2025-12-31 23:00'), at('2026-01-01 01:00')), [plainTariff.effectiveFrom])
})

await t.test('a version that does not validate prices nothing', async (t) => {
  const bad: TariffVersion = { ...plainTariff, version: 2, effectiveFrom: at('2026-03-02 12:00'), minimumMonthlyCharge: 5n }
  const book = tariffBook([plainTariff, bad])
  t.not(rateAt(book, 'home', at('2026-03-02 11:59')), null)
  t.equal(rateAt(book, 'home', at('2026-03-02 12:00')), null)
  t.equal(nextSwitchAfter(book, 'home', at('2026-03-02 12:00')), null)
})
