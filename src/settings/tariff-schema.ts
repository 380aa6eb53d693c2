import { z } from 'zod'
import { countText, epochMs, type EpochMs, type RateSwitch, type Season, type TariffVersion } from '../model/index.js'
import {
  checked,
  dateText,
  decimalText,
  idText,
  list,
  monthDay,
  oneOf,
  section,
  text,
  timeOfDay,
  weekdayList,
  whole,
} from './scalars.js'

export const tariffVersionsMax = 256
/** @source DL/T 645-2007, 04000204: at most 63 rates; 04000203: at most 14 switches a day; 04000205: at most 254 holidays */
export const ratesMax = 63
export const switchesMax = 14
export const seasonsMax = 14
export const holidaysMax = 254

const price = decimalText(-6, 'a price of a kWh')
/** 10⁴ parts of a percent are millionths of the charge. */
const taxPercent = decimalText(-4, 'a tax in percent')

const daySchema = list(
  section({ at: timeOfDay, rate: whole(1, ratesMax, 'the number of a rate') }),
  switchesMax,
  'switches',
).transform((switches, context): readonly RateSwitch[] => {
  const day = switches.map(({ at, rate }) => ({ minute: at, rate }))
  const rises = day.every(({ minute }, index) => index === 0 || minute > (day[index - 1]?.minute ?? 0))
  if (day[0]?.minute === 0 && rises) return day
  context.addIssue({ code: 'custom', message: 'expected switches in rising order, the first at "00:00"' })
  return z.NEVER
})

const seasonSchema = section({ from: monthDay, workday: daySchema, restday: daySchema.optional() }).transform(
  ({ from, workday, restday }): Season => ({ from, workday, restday: restday ?? workday }),
)

/** `2026-05-01` or `2026-05-01 08:00` in the site's time; not an instant yet. */
const localInstant = text(/^\d{4}-\d\d-\d\d( ([01]\d|2[0-3]):[0-5]\d)?$/, 'a local date or time such as "2026-05-01 00:00"')
  .refine((value) => dateText.safeParse(value.slice(0, 10)).success, { error: 'expected a date that exists' })
  .transform((value) => Date.parse(`${value.slice(0, 10)}T${value.slice(11) || '00:00'}:00Z`))

const tariffShape = section({
  tariff: idText,
  version: whole(1, 1_000_000, 'a version number'),
  effectiveFrom: localInstant,
  basis: oneOf(['total-register', 'rate-registers']).default('total-register'),
  prices: list(price, ratesMax, 'prices, the first for rate 1').min(1, { error: 'expected at least one price' }),
  seasons: list(seasonSchema, seasonsMax, 'seasons').min(1, { error: 'expected at least one season' }),
  restWeekdays: weekdayList.default([]),
  holidays: list(dateText, holidaysMax, 'dates').default([]),
  steps: z.null({ error: 'step prices are not supported yet: expected null' }).default(null),
  taxPercent: taxPercent.prefault('0'),
  minimumMonthlyCharge: decimalText(-6, 'an amount')
    .refine((amount) => amount === 0n, { error: 'a minimum charge is not supported yet: expected "0"' })
    .prefault('0'),
})

/** One version of a tariff; its instants are still on the site's own clock. */
export const tariffSchema = checked(tariffShape, ({ seasons, prices }) => {
  const days = seasons.map(({ from }) => from.month * 100 + from.day)
  const rises = days.every((day, index) => index === 0 || day > (days[index - 1] ?? 0))
  const highest = seasons.map(({ workday, restday }) => Math.max(...[...workday, ...restday].map(({ rate }) => rate)))
  return [
    ...(rises ? [] : [{ path: ['seasons'], message: 'expected seasons in the order of their first days' }]),
    ...highest.flatMap((rate, index) => {
      const message = `uses rate ${rate}, but there ${prices.length === 1 ? 'is' : 'are'} only ${countText(prices.length, 'price')}`
      return rate > prices.length ? [{ path: ['seasons', index], message }] : []
    }),
  ]
})

/** Puts a version on the site's clock. */
export function tariffVersion(parsed: z.output<typeof tariffSchema>, utcOffsetMinutes: number): TariffVersion {
  const { taxPercent: taxPpm, effectiveFrom, ...rest } = parsed
  return { ...rest, taxPpm, utcOffsetMinutes, effectiveFrom: localToEpoch(effectiveFrom, utcOffsetMinutes) }
}

function localToEpoch(localMs: number, utcOffsetMinutes: number): EpochMs {
  return epochMs(localMs - utcOffsetMinutes * 60_000)
}
