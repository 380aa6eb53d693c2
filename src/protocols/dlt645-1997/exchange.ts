import type { MeterAddress } from '../../model/index.js'
import type { Session, SessionInput } from '../../ports/index.js'
import { wildcardAddress } from '../dlt645/address.js'
import { decodeFrame } from '../dlt645/codec.js'
import { unanswered, type Unanswered } from '../wire/unanswered.js'
import { parseReply, type ReadReply, type Refusal, type Reply } from './replies.js'
import { encodeRequest } from './requests.js'
import { replyScanner, type ReadRequest } from './scanner.js'

/** One request of a session, and what to do about it. */
export interface Question {
  readonly address: MeterAddress
  readonly request: ReadRequest
  /** How often it is repeated after silence or garbled bytes. */
  readonly repeats: number
  /** The meter forgets what it was asked when anything else comes in between. */
  readonly holdsBus: boolean
}

/** How a question ended. */
export type Answer =
  | {
      readonly kind: 'answered'
      readonly reply: ReadReply | Refusal
      readonly from: string
      /** The meter put the wildcard of the request where its own address belongs: which meter it was, the frame does not say. */
      readonly isEcho: boolean
      readonly frame: Uint8Array
    }
  | Unanswered

/** Asks until an answer comes or the repeats are used up, then goes on with `next`. Being yielded is no attempt. */
export function ask<T>(question: Question, next: (answer: Answer) => Session<T>): Session<T> {
  const { address, request, repeats, holdsBus } = question
  const reply = replyScanner(address, request)
  return {
    effect: { kind: 'exchange', to: address, bytes: encodeRequest(address, request), reply, holdsBus, isWrite: false },
    step: (input) => {
      const answer = answerOf(question, input)
      const mayRepeat = repeats > 0 && (answer.kind === 'no-reply' || answer.kind === 'garbled')
      return mayRepeat ? ask({ ...question, repeats: repeats - 1 }, next) : next(answer)
    },
  }
}

function answerOf(question: Question, input: SessionInput): Answer {
  return input.kind === 'reply' ? readAnswer(question, input.frame) : unanswered(input)
}

/** Looks at a frame once more, whoever handed it over: what does not answer the question is not believed. */
function readAnswer({ address, request }: Question, frame: Uint8Array): Answer {
  const decoded = replyScanner(address, request)(frame).kind === 'frame' ? decodeFrame(frame) : null
  const reply = decoded?.ok === true ? parseReply(decoded.value) : null
  if (decoded?.ok !== true || reply?.ok !== true || !isAboutRead(reply.value)) return { kind: 'garbled', bytes: frame }
  const from = decoded.value.address
  return { kind: 'answered', reply: reply.value, from, isEcho: from === wildcardAddress, frame }
}

const isAboutRead = (reply: Reply): reply is ReadReply | Refusal => reply.kind === 'refusal' || 'di' in reply
