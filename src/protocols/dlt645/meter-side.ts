import { addressMatches, broadcastAddress } from './address.js'
import { dataBytesMax } from './codec.js'
import type { Reply } from './replies.js'

/** How a meter stands to a request's address: silent for others, acting without an answer on a broadcast (facts §3, §11). */
export type Addressed = 'answer' | 'act-silently' | 'ignore'

/** Whether a meter of address `own` acts on and answers a frame for `asked`. */
export function addressed(own: string, asked: string): Addressed {
  if (asked === broadcastAddress) return 'act-silently'
  return addressMatches(asked, own) ? 'answer' : 'ignore'
}

/** Data bytes of the first answer (without register) and of each follow-up answer (without register and number). */
export const partBytesMax = dataBytesMax - 5

/**
 * The answers that carry one register's data: one 91H, or B1H and follow-up frames 92H/B2H for long data (facts §6.2).
 *
 * @param partBytes data bytes per answer, at most `partBytesMax`; a meter may cut finer
 * @returns the answer to 11H first, then the answer to each 12H in order; SEQ runs 1 … 255, 1 …
 */
export function answersFor(di: string, data: Uint8Array, partBytes: number = partBytesMax): readonly Reply[] {
  const first: Reply = { kind: 'reply', fn: 'read', di, data: data.slice(0, partBytes), more: data.length > partBytes }
  const answers: Reply[] = [first]
  for (let at = partBytes; at < data.length; at += partBytes) {
    const part = data.slice(at, at + partBytes)
    const seq = ((answers.length - 1) % 255) + 1
    answers.push({ kind: 'reply', fn: 'read-more', di, data: part, seq, more: at + partBytes < data.length })
  }
  return answers
}
