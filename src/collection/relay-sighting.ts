import type { ItemId, RegisterValue } from '../model/index.js'
import { itemId } from '../model/index.js'

/**
 * The items under which profiles name the status word that holds the relay, and its place among their values: alone, or the
 * third of all seven (DL/T 645-2007: word 3, 04000503 or 040005FF).
 */
const relayWords: ReadonlyMap<ItemId, number> = new Map([
  [itemId('status-3'), 0],
  [itemId('status'), 2],
])

/** What a status word read in passing says of a meter's relay. */
export interface RelaySighting {
  readonly contact: 'closed' | 'open'
  readonly alarm: boolean
  readonly protected: boolean
}

/** @returns null when the item does not hold the relay's status word, or no bits came */
export function relaySighting(item: ItemId, values: readonly RegisterValue[]): RelaySighting | null {
  const place = relayWords.get(item)
  const word = place === undefined ? undefined : values[place]
  if (word?.kind !== 'bits') return null
  // Bits are set and none has a name: whoever read the word does not know what they mean, so nothing is said of the relay.
  if (word.names.length === 0 && /[^0]/.test(word.hex)) return null
  const has = (name: string): boolean => word.names.includes(name)
  return { contact: has('relay-open') ? 'open' : 'closed', alarm: has('pre-trip-alarm'), protected: has('power-protection') }
}
