import { isBroadcast, type Addresses } from './codec.js'
import { codeOf, type DownUnit } from './catalogue.js'
import type { Message } from './messages.js'

/** A request under way. */
export interface Sent {
  readonly unit: DownUnit
  readonly sequence: number
  readonly addresses: Addresses | null
}

/**
 * What a received frame is to a request: its answer, the confirmation or denial of it; null: nothing.
 *
 * By AFN, Fn and sequence, and by the meter where both carry one; never by PRM, which modules send wrongly. A confirmation may come
 * with the direction bit of the concentrator, as one simulator sends it; with PRM 0 such a frame is an echo of our own confirmation.
 */
export function matchAnswer(sent: Sent, received: Message): 'answer' | 'confirm' | 'deny' | null {
  if (received.info.sequence !== sent.sequence) return null
  if (received.direction === 'down' && !(received.initiates && received.afn === 0)) return null
  const { unit } = received
  if (unit.name === 'confirm' || unit.name === 'deny') return unit.name
  const { afn, fn } = codeOf(sent.unit)
  if (received.afn !== afn || received.fn !== fn) return null
  return isOfSameMeter(sent.addresses, received.addresses) ? 'answer' : null
}

function isOfSameMeter(sent: Addresses | null, received: Addresses | null): boolean {
  if (sent === null || received === null || isBroadcast(sent.destination)) return true
  return sent.destination === received.source
}
