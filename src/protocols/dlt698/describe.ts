import type { InputError } from '../../model/index.js'
import { apduName, parseApdu, type Apdu } from './apdu.js'
import { bytesOf, hexNumber, hexOf } from '../wire/bytes.js'
import { decodeFrame, type DecodedFrame, type Segment } from './codec.js'
import { darName, errorName } from './dar.js'
import { followItems, itemsOf, refusalOf, type DescribedItem } from './described-items.js'
import { detailOf } from './described-detail.js'
import { openEnvelope, type Envelope, type Opened, type PlainApdu } from './security.js'

export type { DescribedItem, DescribedValue } from './described-items.js'

const protocol = 'dlt698-45'

/** What a unit says. */
interface DescribedContent {
  /** Service and choice: `GET-Response NormalList`, behind `SECURITY-Response plaintext: ` where it came in that; `fragment` for a piece. */
  readonly apdu: string
  /** PIID, or PIID-ACD of an answer. */
  readonly piid?: number
  readonly items: readonly DescribedItem[]
  /** What an answer reports beside what was asked. */
  readonly follow?: readonly DescribedItem[]
  /** The security layer's opaque blocks. */
  readonly security?: Readonly<Record<string, string>>
  /** What a unit says beside objects: a row selector, a heartbeat, conformance. */
  readonly detail?: Readonly<Record<string, string>>
  /** `bits`: the access result of a refusal by name. */
  readonly error?: InputError & { readonly bits?: readonly string[] }
}

/** A frame whose shape is right: what it says, and in `error` what a meter refused (`ok`) or why its content cannot be shown. */
export interface DescribedFrame extends DescribedContent {
  readonly ok: boolean
  readonly protocol: typeof protocol
  /** A report is whatever a meter sends unasked: events, a login, a heartbeat. */
  readonly direction: 'request' | 'reply' | 'report'
  readonly address: string
  /** single, wildcard, group or broadcast. */
  readonly addressKind: string
  /** Client address CA. */
  readonly client: number
  /** Two hexadecimal digits. */
  readonly control: string
  /** Bytes between the delimiters. */
  readonly length: number
  /** Wake-up bytes in front. */
  readonly preamble: number
  /** A piece of a longer unit. */
  readonly fragment?: { readonly number: number; readonly type: string; readonly payload: string }
}

/** What is no frame: a stable code, the byte or character, and what was expected there. */
export interface UndescribedFrame {
  readonly ok: false
  readonly protocol: typeof protocol
  readonly error: InputError
}

/**
 * Says what one frame is and means, for people and scripts.
 *
 * Spaces and lower case are allowed in hexadecimal text. Values are shown as the object holds them, scaled where the table knows how.
 * Passwords are never shown.
 *
 * @returns `ok: false` with `error.code`: `not-hex`, the codes of `decodeFrame` and `parseApdu`, `nested-security`; a meter's refusal
 * is `ok: true` with `error.code` `refused`
 */
export function describeFrame(frame: string | Uint8Array): DescribedFrame | UndescribedFrame {
  const bytes = typeof frame === 'string' ? parseHex(frame) : frame
  if (!(bytes instanceof Uint8Array)) return { ok: false, protocol, error: bytes }
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { ok: false, protocol, error: decoded.error }
  const { segment } = decoded.value
  return segment === null ? describeWhole(decoded.value) : describePiece(decoded.value, segment)
}

/** An application data unit without its frame, as documents and other layers hand it on: nobody's address, no control code. */
export interface DescribedUnit extends DescribedContent {
  readonly ok: boolean
  readonly protocol: typeof protocol
  readonly layer: 'apdu'
  readonly direction: DescribedFrame['direction']
  readonly address: null
  readonly control: null
  /** Bytes of the unit. */
  readonly length: number
}

/** Says what a unit is and means; the errors are those of `parseApdu` and `openEnvelope`. */
export function describeUnit(unit: Uint8Array): DescribedUnit | UndescribedFrame {
  const parsed = parseApdu(unit)
  if (!parsed.ok) return { ok: false, protocol, error: parsed.error }
  const bare = { protocol, layer: 'apdu', address: null, control: null, length: unit.length } as const
  const described = describeOpened(parsed.value)
  return { ...bare, direction: unitDirection(described.shown, true), ...described.content }
}

function describePiece(frame: DecodedFrame, { number, kind }: Segment): DescribedFrame {
  return {
    ok: true,
    ...header(frame, null),
    apdu: 'fragment',
    items: [],
    fragment: { number, type: kind, payload: hexOf(frame.body) },
  }
}

function describeWhole(frame: DecodedFrame): DescribedFrame {
  const parsed = parseApdu(frame.body)
  if (!parsed.ok) return { ...header(frame, null), ok: false, apdu: 'unknown', items: [], error: parsed.error }
  const { shown, content } = describeOpened(parsed.value)
  return { ...header(frame, shown), ...content }
}

/** What a unit says once its envelope is open; `shown`: whose kind tells the direction, that within where it can be read. */
function describeOpened(outer: Apdu): { readonly shown: Apdu; readonly content: DescribedContent & { readonly ok: boolean } } {
  const opened = openEnvelope(outer)
  if (!opened.ok) return { shown: outer, content: { ok: false, apdu: apduName(outer.kind), items: [], error: opened.error } }
  const { apdu, envelope } = opened.value
  const wrapped = envelope === null ? '' : `${apduName(envelope.kind)} ${formName(envelope)}`
  const security = envelope === null ? {} : { security: securityBlocks(envelope) }
  if (apdu === null) {
    const error = envelopeRefusal(opened.value)
    const refusal = error === null ? {} : { error }
    return { shown: outer, content: { ok: true, apdu: wrapped, items: [], ...security, ...refusal } }
  }
  const name = wrapped === '' ? apduName(apdu.kind) : `${wrapped}: ${apduName(apdu.kind)}`
  return { shown: apdu, content: { ok: true, apdu: name, ...contentOf(apdu), ...security } }
}

function contentOf(apdu: PlainApdu): Omit<DescribedContent, 'apdu' | 'security'> {
  const items = itemsOf(apdu)
  const follow = followItems(apdu)
  const detail = detailOf(apdu)
  const error = apdu.kind === 'error-response' ? refused(errorName(apdu.error)) : refusalOf(apdu, items)
  return {
    piid: apdu.piid,
    items,
    ...(follow.length === 0 ? {} : { follow }),
    ...(Object.keys(detail).length === 0 ? {} : { detail }),
    ...(error === null ? {} : { error }),
  }
}

function header(frame: DecodedFrame, apdu: Apdu | null) {
  const { server, client, length, preamble } = frame
  return {
    protocol,
    direction: directionOf(frame, apdu),
    address: server.digits,
    addressKind: server.kind,
    client,
    control: hexNumber(frame.controlByte, 2),
    length,
    preamble,
  } as const
}

/** By the unit's own kind, which is known better than who sent it (one vector has a meter's answer under the client's C). */
function directionOf({ control }: DecodedFrame, apdu: Apdu | null): DescribedFrame['direction'] {
  if (apdu === null) {
    if (control.from === 'client') return 'request'
    return control.asked === 'client' ? 'reply' : 'report'
  }
  return unitDirection(apdu, control.from === 'server')
}

function unitDirection(apdu: Apdu, isOfServer: boolean): DescribedFrame['direction'] {
  if (apdu.kind === 'release-notification' || apdu.kind.startsWith('report-')) return 'report'
  if (apdu.kind === 'link-request') return isOfServer ? 'report' : 'request'
  return isRequest(apdu) ? 'request' : 'reply'
}

const isRequest = ({ kind }: Apdu): boolean =>
  /-request$|^(?:get|set|act)-(?:one|list|record|record-list|next|then-get)$/.test(kind)

const formName = ({ content: { kind } }: Envelope): string =>
  kind === 'plain' ? 'plaintext' : kind === 'cipher' ? 'ciphertext' : 'refused'

function securityBlocks(envelope: Envelope): Readonly<Record<string, string>> {
  const check = envelope.kind === 'secured-request' ? envelope.check : envelope.content.check
  const cipher = envelope.content.kind === 'cipher' ? { cipher: envelope.content.cipher } : {}
  const form = { form: formName(envelope), ...cipher }
  switch (check?.kind) {
    case 'RN':
      return { ...form, auth: 'RN', rn: check.rn }
    case 'RN_MAC':
      return { ...form, auth: 'RN_MAC', rn: check.rn, mac: check.mac }
    case 'MAC':
      return { ...form, auth: 'MAC', mac: check.mac }
    case 'SID':
      return { ...form, auth: 'SID', sid: check.id, more: check.more }
    case 'SID_MAC':
      return { ...form, auth: 'SID_MAC', sid: check.sid.id, more: check.sid.more, mac: check.mac }
    case undefined:
      return form
  }
}

/** The security layer's own refusal, `90 02 DAR`. */
function envelopeRefusal({ envelope }: Opened) {
  return envelope?.content.kind === 'refused' ? refused(darName(envelope.content.dar)) : null
}

const refused = (name: string) => ({ code: 'refused', at: 'apdu', message: `the meter refused: ${name}`, bits: [name] })

function parseHex(frame: string): Uint8Array | InputError {
  const digits = frame.replace(/\s/g, '')
  const wrong = frame.search(/[^0-9a-fA-F\s]/)
  if (wrong >= 0)
    return {
      code: 'not-hex',
      at: `character ${wrong}`,
      message: `expected a hexadecimal digit, found ${JSON.stringify(frame[wrong])}`,
    }
  if (digits.length % 2 === 1)
    return { code: 'not-hex', at: `character ${frame.length}`, message: 'the last byte has only one digit' }
  return bytesOf(digits)
}
