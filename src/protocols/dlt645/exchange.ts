import type { MeterAddress } from '../../model/index.js'
import type { Session, SessionInput } from '../../ports/index.js'
import { decodeFrame } from './codec.js'
import { parseReply, type Reply } from './replies.js'
import { encodeRequest, type Request } from './requests.js'
import { replyScanner } from './scanner.js'

/** One request of a session, and what to do about it. */
export interface Question {
  readonly address: MeterAddress
  readonly request: Request
  /** How often it is repeated after silence or garbled bytes; 0 for writes. */
  readonly repeats: number
  /** The meter forgets what it was asked when anything else comes in between. */
  readonly holdsBus: boolean
  readonly isWrite: boolean
}

/** How a question ended. */
export type Answer =
  | { readonly kind: 'answered'; readonly reply: Reply; readonly from: string; readonly frame: Uint8Array }
  | { readonly kind: 'no-reply' }
  | { readonly kind: 'garbled'; readonly bytes: Uint8Array }
  | { readonly kind: 'bus-down'; readonly sent: boolean }
  /** Something more urgent came in between before the request left. */
  | { readonly kind: 'yielded' }

/**
 * Asks until an answer comes or the repeats are used up, then goes on with `next`.
 *
 * Being yielded is no attempt: whoever runs the session bounds it by the job's expiry.
 */
export function ask<T>(question: Question, next: (answer: Answer) => Session<T>): Session<T> {
  const { address, request, repeats, holdsBus, isWrite } = question
  const again = (answer: Answer): Session<T> => (repeats > 0 ? ask({ ...question, repeats: repeats - 1 }, next) : next(answer))
  const reply = replyScanner(address, request)
  return {
    effect: { kind: 'exchange', to: address, bytes: encodeRequest(address, request), reply, holdsBus, isWrite },
    step: (input) => {
      const answer = answerOf(question, input)
      return answer.kind === 'no-reply' || answer.kind === 'garbled' ? again(answer) : next(answer)
    },
  }
}

/** A session that has its outcome. */
export function settled<T>(outcome: T): Session<T> {
  return {
    effect: { kind: 'settled', outcome },
    step: () => {
      throw new Error('a settled session was stepped')
    },
  }
}

/** Goes on with `next` when a session has settled. */
export function andThen<A, B>(session: Session<A>, next: (outcome: A) => Session<B>): Session<B> {
  const { effect } = session
  if (effect.kind === 'settled') return next(effect.outcome)
  return { effect, step: (input) => andThen(session.step(input), next) }
}

function answerOf(question: Question, input: SessionInput): Answer {
  switch (input.kind) {
    case 'reply':
      return readAnswer(question, input.frame)
    case 'silent':
      return { kind: 'no-reply' }
    case 'garbled':
      return input
    case 'bus-down':
      return input
    case 'yielded':
      return input
    case 'sent':
      // Only a request without an answer is just sent. Nothing is known of the meter then, as after silence.
      return { kind: 'no-reply' }
  }
}

function readAnswer({ address, request }: Question, frame: Uint8Array): Answer {
  const scan = replyScanner(address, request)(frame)
  const decoded = decodeFrame(frame)
  if (scan.kind !== 'frame' || !decoded.ok) return { kind: 'garbled', bytes: frame }
  const reply = parseReply(decoded.value)
  if (!reply.ok) return { kind: 'garbled', bytes: frame }
  return { kind: 'answered', reply: reply.value, from: decoded.value.address, frame }
}
