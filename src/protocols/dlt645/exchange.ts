import type { MeterAddress } from '../../model/index.js'
import type { Session, SessionInput } from '../../ports/index.js'
import { unanswered, type Unanswered } from '../wire/unanswered.js'
import { decodeFrame } from './codec.js'
import { parseReply, type Reply } from './replies.js'
import { encodeRequest, type Request } from './requests.js'
import { replyScanner } from './scanner.js'

/** Services that sessions ask for an answer. */
export type AskedFunction = 'read' | 'read-more' | 'read-address' | 'relay'

/** One request of a session, and what to do about it. */
export interface Question<F extends AskedFunction> {
  readonly address: MeterAddress
  readonly request: Request & { readonly fn: F }
  /** How often it is repeated after silence or garbled bytes; 0 for writes. */
  readonly repeats: number
  /** The meter forgets what it was asked when anything else comes in between. */
  readonly holdsBus: boolean
  readonly isWrite: boolean
  /** The request as a trace may show it: with its credentials blanked. Absent: a read, of which all may be shown. */
  readonly traced?: Uint8Array
}

/** The meter's normal answer to a service, or its refusal. */
export type ReplyTo<F extends AskedFunction> =
  (Reply & { readonly kind: 'reply'; readonly fn: F }) | (Reply & { readonly kind: 'refusal' })

/** How a question ended. */
export type Answer<F extends AskedFunction> = Answered<F> | Unanswered
export interface Answered<F extends AskedFunction> {
  readonly kind: 'answered'
  readonly reply: ReplyTo<F>
  /** The address in the answer: the real one, where a wildcard was asked. */
  readonly from: string
  readonly frame: Uint8Array
}

/**
 * Asks until an answer comes or the repeats are used up, then goes on with `next`.
 *
 * Being yielded is no attempt: whoever runs the session bounds it by the job's expiry.
 */
export function ask<F extends AskedFunction, T>(question: Question<F>, next: (answer: Answer<F>) => Session<T>): Session<T> {
  const { address, request, repeats, holdsBus, isWrite, traced } = question
  const reply = replyScanner(address, request)
  const shown = traced === undefined ? {} : { traced }
  return {
    effect: { kind: 'exchange', to: address, bytes: encodeRequest(address, request), ...shown, reply, holdsBus, isWrite },
    step: (input) => {
      const answer = answerOf(question, input)
      const mayRepeat = repeats > 0 && (answer.kind === 'no-reply' || answer.kind === 'garbled')
      return mayRepeat ? ask({ ...question, repeats: repeats - 1 }, next) : next(answer)
    },
  }
}

function answerOf<F extends AskedFunction>(question: Question<F>, input: SessionInput): Answer<F> {
  return input.kind === 'reply' ? readAnswer(question, input.frame) : unanswered(input)
}

/** Looks at a frame once more, whoever handed it over: what does not answer the question is not believed. */
function readAnswer<F extends AskedFunction>({ address, request }: Question<F>, frame: Uint8Array): Answer<F> {
  const decoded = decodeFrame(frame)
  if (!decoded.ok || replyScanner(address, request)(frame).kind !== 'frame') return { kind: 'garbled', bytes: frame }
  const reply = parseReply(decoded.value)
  if (!reply.ok || !isReplyTo(reply.value, request.fn)) return { kind: 'garbled', bytes: frame }
  return { kind: 'answered', reply: reply.value, from: decoded.value.address, frame }
}

function isReplyTo<F extends AskedFunction>(reply: Reply, fn: F): reply is ReplyTo<F> {
  return reply.fn === fn
}
