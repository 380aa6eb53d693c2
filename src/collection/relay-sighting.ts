import type { ItemId, RegisterValue } from '../model/index.js'
import { itemId } from '../model/index.js'

/** The item under which every profile names the status word that holds the relay (DL/T 645-2007: word 3, 04000503). */
export const relayStatusItem: ItemId = itemId('status-3')

/** What a status word read in passing says of a meter's relay. */
export interface RelaySighting {
  readonly contact: 'closed' | 'open'
  readonly alarm: boolean
  readonly protected: boolean
}

/** @returns null when the item is not the relay's status word, or no bits came */
export function relaySighting(item: ItemId, values: readonly RegisterValue[]): RelaySighting | null {
  const [word] = values
  if (item !== relayStatusItem || word?.kind !== 'bits') return null
  const has = (name: string): boolean => word.names.includes(name)
  return { contact: has('relay-open') ? 'open' : 'closed', alarm: has('pre-trip-alarm'), protected: has('power-protection') }
}
