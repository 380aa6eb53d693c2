import type { EpochMs, TariffVersion } from '../model/index.js'
import { dayMs } from '../model/index.js'
import { nextSwitchAfter, rateAt, tariffBook } from '../prepaid/tariff-book.js'

/** A tariff that never changes its rate is looked through this far ahead. */
const lookAheadMs = 370 * dayMs

/** The first instant strictly after `after` at which the rate or version of a tariff really changes; null: none within a year. */
export function nextRateChange(versions: readonly TariffVersion[], tariff: string, after: EpochMs): EpochMs | null {
  const book = tariffBook(versions)
  const before = rateAt(book, tariff, after)
  for (let at = nextSwitchAfter(book, tariff, after); at !== null; at = nextSwitchAfter(book, tariff, at)) {
    if (at - after > lookAheadMs) return null
    const rate = rateAt(book, tariff, at)
    if (rate?.version !== before?.version || rate?.rate !== before?.rate) return at
  }
  return null
}
