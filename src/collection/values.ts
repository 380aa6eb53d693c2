import type { AbsenceReason, ItemId, ItemValue, RegisterValue } from '../model/index.js'
import { formatDecimal } from '../model/index.js'
import type { ReadErrorCode } from '../ports/index.js'

/** What one item came to: a value, or the reason why there is none. Never both, never a number in place of a failure. */
export type ItemReading =
  Exclude<ItemValue, { readonly absent: AbsenceReason }> | { readonly item: ItemId; readonly absent: AbsenceReason }

/**
 * Makes an item's value of a register's values.
 *
 * @returns `not-available` when the meter filled everything with FF, `invalid` when nothing came at all
 */
export function itemFrom(item: ItemId, values: readonly RegisterValue[]): ItemReading {
  const [first] = values
  if (first === undefined) return { item, absent: 'invalid' }
  if (first.kind === 'number') {
    const ints: (number | null)[] = []
    for (const value of values) {
      if (value.kind !== 'number' || value.exponent !== first.exponent || value.unit !== first.unit)
        return wordsFrom(item, values)
      ints.push(value.int)
    }
    if (ints.every((int) => int === null)) return { item, absent: 'not-available' }
    return { item, ints, exponent: first.exponent, unit: first.unit }
  }
  return wordsFrom(item, values)
}

/** Why a failed read has no value. */
export function absenceOf(code: ReadErrorCode): AbsenceReason {
  return code
}

/** Of two reasons for one absence the one that says more; these three only stand where nothing else is known. */
export function tellingReason(known: AbsenceReason | null, next: AbsenceReason): AbsenceReason {
  return known !== null && (next === 'no-time' || next === 'not-running' || next === 'withdrawn') ? known : next
}

function wordsFrom(item: ItemId, values: readonly RegisterValue[]): ItemReading {
  const words: string[] = []
  let present = false
  for (const value of values) {
    const word = wordOf(value)
    present ||= word !== null
    words.push(word ?? '')
  }
  return present ? { item, words } : { item, absent: 'not-available' }
}

function wordOf(value: RegisterValue): string | null {
  switch (value.kind) {
    case 'number':
      return value.int === null ? null : formatDecimal(value.int, value.exponent)
    case 'text':
      return value.text
    case 'bits':
      return value.hex
  }
}
