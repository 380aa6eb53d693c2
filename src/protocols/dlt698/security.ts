import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { encodeApdu, parseApdu, type Apdu, type ApduOf } from './apdu.js'
import { bytesOf, hexOf } from '../wire/bytes.js'

/** What the security layer of a frame carried, all blocks opaque: nothing here is checked or deciphered. */
export type Envelope = ApduOf<'secured-request'> | ApduOf<'secured-response'>

/** A unit that is no envelope. */
export type PlainApdu = Exclude<Apdu, Envelope>

/** What a frame says, taken out of its envelope where that is plain text. */
export interface Opened {
  /** What stands inside; null: enciphered, or refused by the security layer. */
  readonly apdu: PlainApdu | null
  readonly envelope: Envelope | null
}

/**
 * Takes an application data unit out of the security layer (facts §5.11).
 *
 * @returns the inner unit, or why it is none; an envelope inside an envelope is refused
 */
export function openEnvelope(apdu: Apdu): Result<Opened, InputError> {
  if (apdu.kind !== 'secured-request' && apdu.kind !== 'secured-response') return ok({ apdu, envelope: null })
  if (apdu.content.kind !== 'plain') return ok({ apdu: null, envelope: apdu })
  const inner = parseApdu(bytesOf(apdu.content.apdu))
  if (!inner.ok) return fail({ ...inner.error, at: `inner ${inner.error.at}` })
  if (inner.value.kind === 'secured-request' || inner.value.kind === 'secured-response') {
    return fail({ code: 'nested-security', at: 'inner apdu byte 0', message: 'the security layer stands inside itself' })
  }
  return ok({ apdu: inner.value, envelope: apdu })
}

/**
 * A request as meters want it that answer only with a MAC: plain text and a random number (facts §3).
 *
 * The number only makes each MAC differ. This concentrator has no keys to check a MAC with, so it sends the same number always.
 */
export function withRandomNumber(apdu: Apdu, rn: string = plainRandomNumber): ApduOf<'secured-request'> {
  return { kind: 'secured-request', content: { kind: 'plain', apdu: hexOf(encodeApdu(apdu)) }, check: { kind: 'RN', rn } }
}

const plainRandomNumber = '0123456789ABCDEF0123456789ABCDEF'
