import type { Scanner } from '../../ports/index.js'
import { addressMatches, addressText } from '../dlt645/address.js'
import { byteAt } from '../dlt645/codec.js'
import { repeatsRegister, scanFrame } from '../dlt645/scanner.js'
import { functionCodes } from './controls.js'
import { registerBytes, type Request } from './requests.js'

/** Data bytes of a refusal at most; a false start that claims more is given up at once. */
const refusalBytesMax = 1

/** A request for the data of a register. */
export type ReadRequest = Request & { readonly fn: 'read' | 'read-more' }

/**
 * Only the answer to one read: from a meter, of the asked address (AA bytes match anything, also a wildcard that the meter echoes),
 * function and register. There is no number in follow-up frames, so a late one cannot be told from a timely one.
 */
export function replyScanner(address: string, request: ReadRequest): Scanner {
  const fn = functionCodes[request.fn]
  const di = registerBytes(request.di)
  return (bytes) =>
    scanFrame(bytes, (body) => {
      if (body.length >= 7 && !addressMatches(address, addressText(body.subarray(1, 7)))) return false
      if (body.length < 9) return true
      const control = byteAt(body, 8)
      if (control === (fn | 0xc0)) return body.length < 10 || byteAt(body, 9) <= refusalBytesMax
      if (control !== (fn | 0x80) && control !== (fn | 0xa0)) return false
      return body.length < 10 || repeatsRegister(body, di)
    })
}
