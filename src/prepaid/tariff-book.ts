import { dayMs, epochMs, minuteMs, startOfLocalDay, toLocal } from '../model/index.js'
import type { EpochMs, PriceMicroPerKwh, RateSwitch, Season, TariffVersion } from '../model/index.js'
import { checkTariff } from './tariff.js'

/** All versions of all tariffs, by tariff and in order of their beginning; made once for each parameter set. */
export type TariffBook = ReadonlyMap<string, readonly BookedVersion[]>

export interface BookedVersion {
  readonly version: TariffVersion
  /** False: it did not validate and prices nothing. */
  readonly verified: boolean
}

/** The rate that applies at an instant. */
export interface RateInForce {
  readonly version: TariffVersion
  readonly rate: number
  readonly price: PriceMicroPerKwh
}

export function tariffBook(versions: readonly TariffVersion[]): TariffBook {
  const book = new Map<string, BookedVersion[]>()
  for (const version of [...versions].sort((a, b) => a.effectiveFrom - b.effectiveFrom)) {
    const booked = book.get(version.tariff) ?? []
    booked.push({ version, verified: checkTariff(version).length === 0 })
    book.set(version.tariff, booked)
  }
  return book
}

/** @returns null when no verified version is in force at that instant: nothing can be priced then */
export function rateAt(book: TariffBook, tariff: string, at: EpochMs): RateInForce | null {
  const version = versionAt(book, tariff, at)
  if (version === null) return null
  const switches = dayTable(version, at)
  const sinceMidnight = at - startOfLocalDay(at, version.utcOffsetMinutes)
  // A verified version's day begins with a switch at minute 0 and names only rates that have a price.
  const { rate } = lastOf(switches.filter((point) => point.minute * minuteMs <= sinceMidnight))
  return { version, rate, price: lastOf(version.prices.slice(0, rate)) }
}

/** The verified version in force at an instant. */
export function versionAt(book: TariffBook, tariff: string, at: EpochMs): TariffVersion | null {
  const begun = (book.get(tariff) ?? []).filter((booked) => booked.version.effectiveFrom <= at)
  const last = begun[begun.length - 1]
  return last !== undefined && last.verified ? last.version : null
}

/**
 * The next instant strictly after `after` at which the rate may differ: a switch point of the day, the local midnight, or another
 * version's beginning. Between it and the instant before nothing changes.
 *
 * @returns null when no verified version is in force and none begins later
 */
export function nextSwitchAfter(book: TariffBook, tariff: string, after: EpochMs): EpochMs | null {
  const later = (book.get(tariff) ?? []).find((booked) => booked.version.effectiveFrom > after)
  const version = versionAt(book, tariff, after)
  if (version === null) return later?.version.effectiveFrom ?? null
  const midnight = startOfLocalDay(after, version.utcOffsetMinutes)
  const inDay = dayTable(version, after).find((point) => midnight + point.minute * minuteMs > after)
  const next = inDay === undefined ? midnight + dayMs : midnight + inDay.minute * minuteMs
  return epochMs(later === undefined ? next : Math.min(next, later.version.effectiveFrom))
}

/** Instants strictly between `from` and `to` at which rate, price or version really change, in order. */
export function switchPoints(book: TariffBook, tariff: string, from: EpochMs, to: EpochMs): readonly EpochMs[] {
  const points: EpochMs[] = []
  let before = rateAt(book, tariff, from)
  for (let at = nextSwitchAfter(book, tariff, from); at !== null && at < to; at = nextSwitchAfter(book, tariff, at)) {
    const rate = rateAt(book, tariff, at)
    if (!isSameRate(before, rate)) points.push(at)
    before = rate
  }
  return points
}

const isSameRate = (a: RateInForce | null, b: RateInForce | null): boolean => a?.version === b?.version && a?.rate === b?.rate

function dayTable(version: TariffVersion, at: EpochMs): readonly RateSwitch[] {
  const local = toLocal(at, version.utcOffsetMinutes)
  const date = `${local.year}-${twoDigits(local.month)}-${twoDigits(local.day)}`
  const isRest = version.restWeekdays.includes(local.weekday) || version.holidays.includes(date)
  const season = seasonOf(version, local.month * 100 + local.day)
  return isRest ? season.restday : season.workday
}

/** The last season that began this year; before the first one it is still last year's last. */
function seasonOf(version: TariffVersion, monthAndDay: number): Season {
  const begun = version.seasons.filter((season) => season.from.month * 100 + season.from.day <= monthAndDay)
  return lastOf(begun.length > 0 ? begun : version.seasons)
}

/** The last of a list that is not empty. */
const lastOf = <T>(list: readonly T[]): T => list.reduce((_before, next) => next)

const twoDigits = (value: number): string => value.toString().padStart(2, '0')
