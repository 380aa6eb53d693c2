import type { InputError } from '../../model/index.js'
import type { Result } from '../../model/index.js'
import type { Scanner, Session } from '../../ports/index.js'
import { unanswered, type Unanswered } from '../wire/unanswered.js'
import { parseApdu } from './apdu.js'
import { joinBytes } from '../wire/bytes.js'
import { nth } from './bytes.js'
import { decodeFrame, type DecodedFrame } from './codec.js'
import {
  answerScanner,
  answerTo,
  clientFrame,
  confirmationScanner,
  nextPiece,
  pieceScanner,
  requestPieces,
  type Question,
} from './question.js'
import { openEnvelope, type Opened } from './security.js'

/** Pieces of one answer; a longer chain is given up as garbled. With 1024 bytes each this is far above any known answer. */
export const piecesMax = 64

/** How a question ended. */
export type Answer = Answered | Unanswered
export interface Answered {
  readonly kind: 'answered'
  /** The answer out of its envelope, or what is wrong with it. */
  readonly opened: Result<Opened, InputError>
  /** The address in the answer: the real one, where a wildcard was asked. */
  readonly from: string
  /** The frame, the last one of several. */
  readonly frame: Uint8Array
}

/**
 * Asks until an answer comes or the repeats are used up, then goes on with `next`. A long request leaves in pieces and a long
 * answer is collected from pieces, each confirmed (facts §1); when the chain breaks, all of it is one failed try.
 *
 * Being yielded is no attempt: whoever runs the session bounds it by the job's expiry.
 */
export function ask<T>(question: Question, next: (answer: Answer) => Session<T>): Session<T> {
  return sendPiece({ question, pieces: requestPieces(question), next }, 0)
}

interface Dialogue<T> {
  readonly question: Question
  readonly pieces: readonly Uint8Array[]
  readonly next: (answer: Answer) => Session<T>
}

/** Sends one piece of the request: each but the last is answered by its confirmation, the last by the answer. */
function sendPiece<T>(dialogue: Dialogue<T>, index: number): Session<T> {
  const { question, pieces } = dialogue
  const { address, holdsBus } = question
  const isLast = index === pieces.length - 1
  const kind = isLast ? 'last' : index === 0 ? 'first' : 'middle'
  const segment = pieces.length === 1 ? null : ({ number: index, kind } as const)
  const bytes = clientFrame(address, segment, nth(pieces, index))
  const reply = isLast ? answerScanner(question) : confirmationScanner(address, index)
  return exchange(dialogue, { bytes, reply, holdsBus: holdsBus || index > 0, hasLeft: false }, (frame) => {
    if (!isLast) return sendPiece(dialogue, index + 1)
    return frame.segment === null ? finish(dialogue, frame.body, frame) : askPiece(dialogue, [frame.body], frame.segment.number)
  })
}

/** Confirms a piece of the answer, and waits for the next one. */
function askPiece<T>(dialogue: Dialogue<T>, parts: readonly Uint8Array[], number: number): Session<T> {
  const { address } = dialogue.question
  const awaited = nextPiece(number)
  const effect = { bytes: confirmation(address, number), reply: pieceScanner(address, awaited), holdsBus: true, hasLeft: true }
  return exchange(dialogue, effect, (frame) => {
    const all = [...parts, frame.body]
    if (frame.segment?.kind === 'last') return confirmLast(dialogue, { number: awaited, apdu: joinBytes(all), frame })
    return all.length < piecesMax ? askPiece(dialogue, all, awaited) : fail(dialogue, { kind: 'garbled', bytes: frame.bytes })
  })
}

interface LastPiece {
  readonly number: number
  /** All pieces together. */
  readonly apdu: Uint8Array
  readonly frame: ReceivedFrame
}

/** The last piece is confirmed too, though nothing answers that. */
function confirmLast<T>(dialogue: Dialogue<T>, { number, apdu, frame }: LastPiece): Session<T> {
  const { address, isWrite } = dialogue.question
  return {
    effect: {
      kind: 'exchange',
      to: address,
      bytes: confirmation(address, number),
      reply: 'none',
      holdsBus: true,
      isWrite,
    },
    // Whether the confirmation left or not, the answer is here.
    step: () => {
      // An answer in pieces is known as a whole only now.
      const isAnswer = answerTo(dialogue.question.request)(apdu)
      return isAnswer ? finish(dialogue, apdu, frame) : fail(dialogue, { kind: 'garbled', bytes: frame.bytes })
    },
  }
}

const confirmation = (address: string, number: number): Uint8Array =>
  clientFrame(address, { number, kind: 'confirmation' }, new Uint8Array())

type ReceivedFrame = DecodedFrame & { readonly bytes: Uint8Array }

interface Sent {
  readonly bytes: Uint8Array
  readonly reply: Scanner
  readonly holdsBus: boolean
  /** The request itself left before, so a link that is away now does not mean that the meter never had it. */
  readonly hasLeft: boolean
}

/** One exchange of a dialogue; what does not answer it ends the try. */
function exchange<T>(
  dialogue: Dialogue<T>,
  { bytes, reply, holdsBus, hasLeft }: Sent,
  heard: (frame: ReceivedFrame) => Session<T>,
): Session<T> {
  const { address, isWrite } = dialogue.question
  return {
    effect: { kind: 'exchange', to: address, bytes, traced: bytes, reply, holdsBus, isWrite },
    step: (input) => {
      if (input.kind !== 'reply') return fail(dialogue, unanswered(input, hasLeft))
      // Looked at once more, whoever handed it over: what does not answer the question is not believed.
      const decoded = decodeFrame(input.frame)
      const isWanted = decoded.ok && reply(input.frame).kind === 'frame'
      return isWanted ? heard({ ...decoded.value, bytes: input.frame }) : fail(dialogue, { kind: 'garbled', bytes: input.frame })
    },
  }
}

function finish<T>({ next }: Dialogue<T>, apdu: Uint8Array, frame: ReceivedFrame): Session<T> {
  const parsed = parseApdu(apdu)
  const opened = parsed.ok ? openEnvelope(parsed.value) : parsed
  return next({ kind: 'answered', opened, from: frame.server.digits, frame: frame.bytes })
}

function fail<T>({ question, pieces, next }: Dialogue<T>, answer: Unanswered): Session<T> {
  const mayRepeat = question.repeats > 0 && (answer.kind === 'no-reply' || answer.kind === 'garbled')
  return mayRepeat ? sendPiece({ question: { ...question, repeats: question.repeats - 1 }, pieces, next }, 0) : next(answer)
}
