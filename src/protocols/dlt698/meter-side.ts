import { addressMatches, type ServerAddress } from './address.js'
import { encodeApdu, type Apdu, type ApduOf } from './apdu.js'
import { encodeFrame, userData, type DecodedFrame } from './codec.js'
import { nextPiece, pieceBytesMax, piecesOf } from './question.js'
import { hexOf, joinBytes } from '../wire/bytes.js'

/** How a meter stands to a request's address: silent for others, acting without an answer on a broadcast or to a group (facts §1, §3). */
export type Addressed = 'answer' | 'act-silently' | 'ignore'

/**
 * Whether a meter of address `own` acts on and answers a frame for `asked`. Digits A match only where the flags say wildcard
 * (facts §5.5).
 */
export function addressed(own: string, asked: ServerAddress): Addressed {
  switch (asked.kind) {
    case 'broadcast':
      return 'act-silently'
    case 'group':
      return 'ignore'
    case 'wildcard':
      return addressMatches(asked.digits, own) ? 'answer' : 'ignore'
    case 'single':
      return asked.digits.toUpperCase() === own.toUpperCase() ? 'answer' : 'ignore'
  }
}

/**
 * The frames that carry a meter's answer: one, or pieces, the next of which leaves when the one before was confirmed.
 *
 * @param request the frame that is answered: its client address is repeated
 * @param pieceBytes bytes of the APDU in each frame
 */
export function answerFrames(
  own: string,
  request: Pick<DecodedFrame, 'client' | 'server'>,
  answer: Apdu,
  pieceBytes: number = pieceBytesMax,
): readonly Uint8Array[] {
  const control = { from: 'server', asked: 'client', fn: userData, scrambled: false } as const
  const server: ServerAddress = { kind: 'single', logical: request.server.logical, digits: own }
  const pieces = piecesOf(encodeApdu(answer), pieceBytes)
  let number = 0
  return pieces.map((body, index) => {
    const kind = index === pieces.length - 1 ? 'last' : index === 0 ? 'first' : 'middle'
    const segment = pieces.length === 1 ? null : ({ number, kind } as const)
    number = nextPiece(number)
    return encodeFrame({ control, server, client: request.client, segment, body }, 0)
  })
}

/** A request in pieces, as a meter takes it in: what came so far, and the confirmation that is to be sent. */
export interface PieceReceived {
  /** The whole APDU; null: more is to come, or the pieces do not follow one another and all were dropped. */
  readonly apdu: Uint8Array | null
  readonly parts: readonly Uint8Array[]
  readonly confirmation: Uint8Array
}

/** @param parts of the pieces before; their numbers count from 0 */
export function receivePiece(own: string, frame: DecodedFrame, parts: readonly Uint8Array[]): PieceReceived | null {
  const { segment, body, client, server } = frame
  if (segment === null || segment.kind === 'confirmation') return null
  const before = segment.kind === 'first' ? [] : parts
  if (segment.kind !== 'first' && (before.length === 0 || segment.number !== (before.length & 0x0fff))) return null
  const all = [...before, body]
  const control = { from: 'server', asked: 'client', fn: userData, scrambled: false } as const
  const confirmation = encodeFrame(
    {
      control,
      server: { kind: 'single', logical: server.logical, digits: own },
      client,
      segment: { number: segment.number, kind: 'confirmation' },
      body: new Uint8Array(),
    },
    0,
  )
  const isWhole = segment.kind === 'last'
  return { apdu: isWhole ? joinBytes(all) : null, parts: isWhole ? [] : all, confirmation }
}

/** What a meter answers with MAC instead of plainly, when the request came with a random number (facts §3). */
export function withMac(answer: Apdu, mac: string): ApduOf<'secured-response'> {
  return {
    kind: 'secured-response',
    content: { kind: 'plain', apdu: hexOf(encodeApdu(answer)), check: { kind: 'MAC', mac } },
  }
}

/** The end of every answer of a meter that has nothing to add: no follow report, no time tag. */
export const plainTail = { follow: { kind: 'none' }, timeTag: null } as const

/**
 * A long answer as blocks, the first in answer to the request, each further one to GET next (facts §2). A record may go on in the
 * next block with the same columns.
 */
export function answerBlocks(piid: number, contents: readonly BlockContent[]): readonly ApduOf<'got-next'>[] {
  return contents.map((content, index) => ({
    kind: 'got-next',
    piid,
    isLast: index === contents.length - 1,
    block: index + 1,
    content,
    ...plainTail,
  }))
}

/** What one block holds: objects or records. */
export type BlockContent = ApduOf<'got-next'>['content']
