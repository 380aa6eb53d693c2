import { hasWildcard } from '../dlt645/address.js'
import { dataBytesMax } from '../dlt645/codec.js'
import { addressed } from '../dlt645/meter-side.js'
import { encodeReply, type Reply } from './replies.js'
import { registerLength, type Request } from './requests.js'

export { addressed, type Addressed } from '../dlt645/meter-side.js'

/** Data bytes of an answer, without the register. */
export const partBytesMax = dataBytesMax - registerLength

/** The answers that carry one register's data: one 81H, or A1H and follow-up answers A2H … 82H, which bear no number. */
export function answersFor(di: string, data: Uint8Array, partBytes: number = partBytesMax): readonly Reply[] {
  const answers: Reply[] = []
  for (let at = 0; at === 0 || at < data.length; at += partBytes) {
    const part = data.slice(at, at + partBytes)
    const fn = at === 0 ? 'read' : 'read-more'
    answers.push({ kind: 'reply', fn, di, data: part, more: at + partBytes < data.length })
  }
  return answers
}

/** A meter's quirk: what it puts into the address field when it was asked by a wildcard. */
export type WildcardAnswer = 'own-address' | 'echo'

/**
 * The bytes a meter of address `own` puts on the line for an answer; null: it stays silent (not meant, broadcast, or a wildcard
 * request that is no read, which would reach every meter of the line).
 */
export function answerFrame(
  own: string,
  asked: { readonly address: string; readonly request: Request },
  reply: Reply,
  wildcard: WildcardAnswer = 'own-address',
): Uint8Array | null {
  const { address, request } = asked
  if (addressed(own, address) !== 'answer') return null
  if (address === own || !hasWildcard(address)) return encodeReply(own, reply)
  if (request.fn !== 'read' && request.fn !== 'write-address') return null
  return encodeReply(wildcard === 'echo' ? address : own, reply)
}
