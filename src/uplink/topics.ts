import { createHash } from 'node:crypto'
import type { Stream } from '../model/index.js'

/** Topics of one concentrator: `wk/1/{part}/{concentrator}/{up|dn}/{what}`. */
export interface Topics {
  /** Retained; also the last will. */
  readonly state: string
  readonly hello: string
  readonly batch: Readonly<Record<Stream, string>>
  readonly ack: string
  readonly order: string
}

/** The last level of each stream's topic. */
export const streamLetters: Readonly<Record<Stream, string>> = {
  event: 'e',
  ledger: 'l',
  result: 'r',
  freeze: 'b',
  status: 'd',
  curve: 'c',
}

/** @param concentrator an id of `topicIdPattern` */
export function topicsOf(concentrator: string): Topics {
  const up = `wk/1/${partOf(concentrator)}/${concentrator}/up`
  const down = `wk/1/${partOf(concentrator)}/${concentrator}/dn`
  const batch = {
    event: `${up}/${streamLetters.event}`,
    ledger: `${up}/${streamLetters.ledger}`,
    result: `${up}/${streamLetters.result}`,
    freeze: `${up}/${streamLetters.freeze}`,
    status: `${up}/${streamLetters.status}`,
    curve: `${up}/${streamLetters.curve}`,
  }
  return { state: `${up}/state`, hello: `${up}/hello`, batch, ack: `${down}/ack`, order: `${down}/o` }
}

/** The first byte of SHA-256 of the id, two hexadecimal digits: workers of a large master own ranges of it. */
export function partOf(concentrator: string): string {
  return createHash('sha256').update(concentrator).digest('hex').slice(0, 2)
}
