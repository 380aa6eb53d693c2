import type { RelayOutcome, SearchOutcome, SessionInput } from '../../ports/index.js'

/** Why a question has no answer. */
export type Unanswered =
  | { readonly kind: 'no-reply' }
  | { readonly kind: 'garbled'; readonly bytes: Uint8Array }
  | { readonly kind: 'bus-down'; readonly sent: boolean }
  /** Something more urgent came in between before the request left, or within the pieces of a dialogue. */
  | { readonly kind: 'yielded' }

/**
 * What came of a question when no frame did.
 *
 * @param hasLeft the request itself left before, so a link that is away now does not mean that the meter never had it
 */
export function unanswered(input: Exclude<SessionInput, { readonly kind: 'reply' }>, hasLeft = false): Unanswered {
  switch (input.kind) {
    case 'silent':
    case 'sent':
      // Only a request without an answer is just sent. Nothing is known of the meter then, as after silence.
      return { kind: 'no-reply' }
    case 'bus-down':
      return { kind: 'bus-down', sent: input.sent || hasLeft }
    case 'garbled':
    case 'yielded':
      return input
  }
}

/** What is known of a relay order that was not answered: it may have been carried out unless it never left. */
export function unansweredOrder(answer: Unanswered): RelayOutcome {
  switch (answer.kind) {
    case 'garbled':
    case 'no-reply':
      return { kind: 'unknown', reason: answer.kind }
    case 'bus-down':
      return answer.sent ? { kind: 'unknown', reason: 'bus-down' } : { kind: 'not-sent' }
    case 'yielded':
      // Nothing that interrupts an order is foreseen; what cannot be explained is verified, never taken for "not sent".
      return { kind: 'unknown', reason: 'no-reply' }
  }
}

/** What a pattern of addresses brought when no whole answer came. */
export function unansweredSearch(answer: Exclude<Unanswered, { readonly kind: 'yielded' }>): SearchOutcome {
  switch (answer.kind) {
    case 'garbled':
      return { kind: 'several' }
    case 'no-reply':
      return { kind: 'none' }
    case 'bus-down':
      return { kind: 'bus-down' }
  }
}
