import type { MeterAddress } from '../../model/index.js'
import type { Scanner } from '../../ports/index.js'
import { addressMatches, serverOf } from './address.js'
import { encodeApdu, parseApdu, type ApduKind, type ApduOf } from './apdu.js'
import { encodeFrame, readControl, userData, type DecodedFrame, type Segment } from './codec.js'
import { byteAt } from '../wire/bytes.js'
import { crc16 } from './crc.js'
import { scannerFor } from './scanner.js'
import { openEnvelope, type PlainApdu } from './security.js'

/** Our own address CA in every request. */
export const clientAddress = 0x10

/** Bytes of an APDU that one frame carries; a longer request is cut into pieces. Meters take frames of 1024 bytes unless told otherwise. */
export const pieceBytesMax = 960

/** Requests that sessions ask an answer to. */
export type AskedKind = 'get-one' | 'get-list' | 'get-record' | 'get-next' | 'set-one' | 'act-one' | 'secured-request'

/** One request of a session, and what to do about it. */
export interface Question {
  readonly address: MeterAddress
  readonly request: ApduOf<AskedKind>
  /** How often it is repeated after silence or garbled bytes; 0 for writes. */
  readonly repeats: number
  /** The meter forgets what it was asked when anything else comes in between. */
  readonly holdsBus: boolean
  readonly isWrite: boolean
}

/** The number of a request in its PIID: from its content, so that a late answer to another request rarely has it too. */
export function piidOf(content: string): number {
  return crc16(new TextEncoder().encode(content)) & 0x3f
}

/** The pieces of a request, in order; one for all but the longest. */
export function piecesOf(apdu: Uint8Array, pieceBytes: number = pieceBytesMax): readonly Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0; at === 0 || at < apdu.length; at += pieceBytes) pieces.push(apdu.slice(at, at + pieceBytes))
  return pieces
}

/** A frame to a meter. */
export function clientFrame(address: string, segment: Segment | null, body: Uint8Array): Uint8Array {
  const control = { from: 'client', asked: 'client', fn: userData, scrambled: false } as const
  return encodeFrame({ control, server: serverOf(address), client: clientAddress, segment, body })
}

/** A request as it leaves: pieces of its bytes. */
export function requestPieces({ request }: Question): readonly Uint8Array[] {
  return piecesOf(encodeApdu(request))
}

/**
 * Only frames that answer a question: from the meter that was asked, to us, of a whole APDU that answers it, or of the first piece
 * of one. Echoes, other meters' frames, late answers, reports and confirmations of pieces are noise.
 */
export function answerScanner(question: Question): Scanner {
  const isAnswer = answerTo(question.request)
  const tags = answerTags(question.request)
  return meterScanner(question.address, ({ segment, body }) => {
    if (segment === null) return isAnswer(body)
    return segment.kind === 'first' && body[0] !== undefined && tags.includes(body[0])
  })
}

/** Only the next piece of an answer. */
export function pieceScanner(address: string, number: number): Scanner {
  return meterScanner(
    address,
    ({ segment }) => segment?.number === number && (segment.kind === 'middle' || segment.kind === 'last'),
  )
}

/** Only the confirmation of a piece that was sent. */
export function confirmationScanner(address: string, number: number): Scanner {
  return meterScanner(address, ({ segment }) => segment?.number === number && segment.kind === 'confirmation')
}

/** Whether an APDU may answer a request: by service, choice, number and object. What else is in it is looked at later. */
export function answerTo(request: ApduOf<AskedKind>): (apdu: Uint8Array) => boolean {
  const inner = innerRequest(request)
  const tags = answerTags(request)
  return (bytes) => {
    const tag = bytes[0]
    if (tag === undefined || !tags.includes(tag)) return false
    const parsed = parseApdu(bytes)
    // What cannot be read but comes from the right place in the right form is an answer too, a bad one.
    if (!parsed.ok) return true
    const opened = openEnvelope(parsed.value)
    if (!opened.ok || opened.value.apdu === null || inner === null) return true
    return fits(inner, opened.value.apdu)
  }
}

/** The number after a piece's. */
export function nextPiece(number: number): number {
  return (number + 1) & 0x0fff
}

function meterScanner(address: string, isWanted: (frame: DecodedFrame) => boolean): Scanner {
  return scannerFor({
    header: ({ control, server, client }) => {
      const { from, fn } = readControl(control)
      return from === 'server' && fn === userData && client === clientAddress && addressMatches(address, server.digits)
    },
    frame: isWanted,
  })
}

/** The request inside the envelope; null: it is enciphered. */
function innerRequest(request: ApduOf<AskedKind>): PlainApdu | null {
  const opened = openEnvelope(request)
  return opened.ok ? opened.value.apdu : null
}

const securedTag = 0x90
const errorTag = 0xee

/** First bytes of APDUs that may answer: of the service, of the security layer, of an error. */
function answerTags(request: ApduOf<AskedKind>): readonly number[] {
  const inner = innerRequest(request)
  const own = inner === null ? [0x85, 0x86, 0x87] : [byteAt(encodeApdu(inner), 0) | 0x80]
  return [...own, securedTag, errorTag]
}

/** Kinds of answers by kind of request; every GET may be answered in blocks. What else a key system may wrap is known by its service. */
const answerKinds: Readonly<Partial<Record<ApduKind, readonly ApduKind[]>>> = {
  'get-one': ['got-one', 'got-next'],
  'get-list': ['got-list', 'got-next'],
  'get-record': ['got-record', 'got-next'],
  'get-next': ['got-next'],
  'set-one': ['set-one-done'],
  'act-one': ['act-one-done'],
}

function fits(request: PlainApdu, answer: PlainApdu): boolean {
  // What could not be understood may be answered without its number.
  if (answer.kind === 'error-response') return true
  if ((request.piid & 0x3f) !== (answer.piid & 0x3f)) return false
  if (answerKinds[request.kind]?.includes(answer.kind) === false) return false
  const asked = objectOf(request)
  const answered = objectOf(answer)
  return asked === null || answered === null || asked === answered
}

/** The one object that a request or answer is about. */
function objectOf(apdu: PlainApdu): string | null {
  if ('oad' in apdu) return apdu.oad
  if ('omd' in apdu) return apdu.omd
  return 'record' in apdu ? apdu.record.oad : null
}
