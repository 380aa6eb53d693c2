import type { EpochMs, JournalledOrder, OrderOrigin, RelayCommand } from '../model/index.js'
import type { RelayOutcome, RelayState } from '../ports/index.js'

/** How often a request may leave for one order; each but the first follows a verification that the one before had not acted. */
export const attemptsMax = 3
/** Waits before the first reads of status word 3; relays take from a fraction of a second to some seconds. */
export const pollDelaysMs: readonly number[] = [300, 700, 1000, 2000, 3000, 5000, 5000, 5000, 8000, 10_000]
/** Reads that must show nothing before an order counts as not acted: more when the meter said that it took the order. */
export const idleReadsMax = { unanswered: 2, accepted: 5 } as const
/** A status word that cannot be read is asked for this often, ever more slowly; then the order fails as unverifiable. */
export const unreadableReadsMax = 300
/** The slowest pace of reading a silent meter back. */
export const unreadableDelayMsMax = 300_000
/** Waits before a request that certainly never left is tried again, ever longer; without end, for the order's own time ends it. */
export const unsentDelayMs = { first: 1000, max: 8000 } as const
/** A read-back that fails this often in a row is told to the store as `unknown`; the order goes on. */
export const unreadableBeforeUnknown = 3

type Evidence = JournalledOrder['evidence']

/** What was read back, as the store wants it. */
export interface SeenRelay {
  readonly contact: 'closed' | 'open'
  readonly alarm: boolean
  readonly protected: boolean
}

/** What the shell is to do next; it answers with the input of the same name. */
export type RelayStep =
  /**
   * Commit stage `sending` before the request leaves: answer `committed` or `withdrawn`. `again`: the request counted last never left,
   * so this one is the same attempt.
   */
  | { readonly kind: 'commit'; readonly again?: true }
  /** Send the order once: answer `sent`. */
  | { readonly kind: 'send' }
  /** Nothing left. Let a while pass, in which no later order of the meter may leave before this one: answer `waited`. */
  | { readonly kind: 'wait'; readonly afterMs: number }
  /** Read status word 3 after a while: answer `read`. */
  | { readonly kind: 'read'; readonly afterMs: number }
  /** Commit that the outcome is unknown, then answer `told`. */
  | { readonly kind: 'tell-unknown'; readonly evidence: Evidence }
  /** Commit the end. */
  | {
      readonly kind: 'finish'
      readonly stage: 'done' | 'refused' | 'expired' | 'failed'
      readonly evidence: Evidence
      readonly relay: SeenRelay | null
      readonly needsSecurityChip: boolean
    }
  /** The store ended the order itself: nothing to do or tell. */
  | { readonly kind: 'drop' }

export type RelayInput =
  | { readonly kind: 'committed' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'sent'; readonly outcome: RelayOutcome }
  | { readonly kind: 'waited' }
  | { readonly kind: 'read'; readonly state: RelayState }
  | { readonly kind: 'told' }

/** One relay order on its way. `step` is what to do now. */
export interface RelayOrder {
  readonly command: RelayCommand
  readonly expiry: EpochMs
  /** Requests that left or may have left. */
  readonly attempts: number
  /** The journal says `sending` or more, so only we can end it. */
  readonly isStarted: boolean
  /** Tries in a row of the present attempt that never left. */
  readonly unsent: number
  /** Whether the meter said that it took the present attempt. */
  readonly isAccepted: boolean
  /** The store has heard that the outcome is unknown. */
  readonly isTold: boolean
  /** Reads since the last request; those in a row that failed; those that showed nothing. */
  readonly reads: number
  readonly unreadable: number
  readonly idle: number
  readonly evidence: Evidence
  readonly seen: SeenRelay | null
  readonly step: RelayStep
}

/**
 * Takes up an order of the journal. One that had not left is sent, unless its time is over; one that may have left is verified first,
 * never sent again blindly.
 */
export function startRelayOrder(journalled: JournalledOrder, command: RelayCommand, now: EpochMs): RelayOrder {
  const { stage, attempts, evidence, order } = journalled
  const start: RelayOrder = {
    command,
    expiry: order.expiry,
    attempts,
    isStarted: stage !== 'journalled',
    unsent: 0,
    isAccepted: false,
    isTold: stage === 'unknown',
    reads: 0,
    unreadable: 0,
    idle: 0,
    evidence,
    seen: null,
    step: { kind: 'drop' },
  }
  switch (stage) {
    case 'journalled':
      return sendOrExpire(start, now)
    case 'sending':
    case 'unknown':
      return { ...start, step: { kind: 'read', afterMs: 0 } }
    case 'done':
    case 'refused':
    case 'expired':
    case 'failed':
      return start
  }
}

/** A rule's order to a relay that is known to want enciphered orders is refused at once; master and console may try again. */
export const isRefusedAtOnce = (origin: OrderOrigin, needsSecurityChip: boolean): boolean =>
  origin.by === 'rule' && needsSecurityChip

/** Ends an order without asking the meter: `isRefusedAtOnce`, or the meter cannot be reached by this build. */
export function refuseRelayOrder(order: RelayOrder, reason: string, needsSecurityChip: boolean): RelayOrder {
  return finish({ ...order, evidence: { ...order.evidence, reason } }, 'refused', needsSecurityChip)
}

/**
 * The life of a relay order, one answer at a time.
 *
 * @param now wall time, for the order's expiry
 */
export function stepRelayOrder(order: RelayOrder, input: RelayInput, now: EpochMs): RelayOrder {
  switch (input.kind) {
    case 'committed':
      return {
        ...order,
        attempts: order.attempts + 1,
        isStarted: true,
        isAccepted: false,
        reads: 0,
        unreadable: 0,
        idle: 0,
        step: { kind: 'send' },
      }
    case 'withdrawn':
      return withdrawn(order)
    case 'sent':
      return input.outcome.kind === 'not-sent' ? unsent(order) : sent({ ...order, unsent: 0 }, input.outcome)
    case 'waited':
      return sendOrExpire(order, now)
    case 'read':
      return read(order, input.state, now)
    case 'told':
      return readAgain({ ...order, isTold: true })
  }
}

function sendOrExpire(order: RelayOrder, now: EpochMs): RelayOrder {
  if (now >= order.expiry) return finish(order, 'expired')
  if (order.attempts >= attemptsMax) return finish(noted(order, { reason: 'did-not-act' }), 'failed')
  return { ...order, step: order.unsent > 0 ? { kind: 'commit', again: true } : { kind: 'commit' } }
}

/** Taken back before its first request the store has ended it already; later it ends here: what left is proven not to have acted. */
function withdrawn(order: RelayOrder): RelayOrder {
  if (!order.isStarted) return { ...order, step: { kind: 'drop' } }
  return finish(noted(order, { withdrawn: true }), 'expired')
}

/** It made no attempt: what left before is proven not to have acted, so there is nothing to verify. */
function unsent(order: RelayOrder): RelayOrder {
  const afterMs = Math.min(unsentDelayMs.max, unsentDelayMs.first * 2 ** Math.min(order.unsent, 10))
  return {
    ...noted(order, { answer: 'not-sent' }),
    attempts: order.attempts - 1,
    unsent: order.unsent + 1,
    step: { kind: 'wait', afterMs },
  }
}

/** 9C only says that the meter took the order; every other answer than a refusal leaves open whether it acted. */
function sent(order: RelayOrder, outcome: Exclude<RelayOutcome, { readonly kind: 'not-sent' }>): RelayOrder {
  switch (outcome.kind) {
    case 'accepted': {
      const detail = { answer: 'accepted', frame: outcome.frame, detail: outcome.detail.join(',') }
      return readAgain({ ...noted(order, detail), isAccepted: true })
    }
    case 'refused': {
      const detail = { answer: 'refused', frame: outcome.frame, errors: outcome.errors.join(',') }
      return finish(noted(order, detail), 'refused', outcome.needsSecurityChip)
    }
    case 'unknown':
      return tellUnknown(noted(order, { answer: outcome.reason }))
  }
}

function read(order: RelayOrder, state: RelayState, now: EpochMs): RelayOrder {
  if (state.kind === 'unreadable') return notRead(order, state.error.code)
  const { contact, command, alarm, word } = state
  const seen = { contact, alarm, protected: state.protected }
  const known: RelayOrder = { ...noted(order, { word, contact, command }), seen, reads: order.reads + 1, unreadable: 0 }
  switch (effectOf(order.command, state)) {
    case 'done':
      return finish(known, 'done')
    case 'delayed':
      return known.reads < pollDelaysMs.length ? readAgain(known) : finish(noted(known, { note: 'delayed by the meter' }), 'done')
    case 'nothing':
      return showedNothing({ ...known, idle: order.idle + 1 }, now)
  }
}

function showedNothing(order: RelayOrder, now: EpochMs): RelayOrder {
  const idleMax = order.isAccepted ? idleReadsMax.accepted : idleReadsMax.unanswered
  if (order.idle < idleMax) return readAgain(order)
  // Alarm and protection have bits only in later status words: an order that was accepted and shows nowhere has been carried out.
  const isShown = order.command === 'trip' || order.command === 'permit-to-close'
  if (order.isAccepted && !isShown) return finish(noted(order, { note: 'accepted, not shown in the status word' }), 'done')
  return sendOrExpire(order, now)
}

/** What status word 3 says an order has come to. */
function effectOf(command: RelayCommand, state: Extract<RelayState, { kind: 'known' }>): 'done' | 'delayed' | 'nothing' {
  switch (command) {
    case 'trip':
      if (state.contact === 'open') return 'done'
      return state.command === 'trip' ? 'delayed' : 'nothing'
    case 'permit-to-close':
      return state.command === 'close' ? 'done' : 'nothing'
    case 'alarm-on':
    case 'alarm-off':
      return state.alarm === (command === 'alarm-on') ? 'done' : 'nothing'
    case 'protect-on':
    case 'protect-off':
      return state.protected === (command === 'protect-on') ? 'done' : 'nothing'
  }
}

/** Only what may have left is read back, so nothing is over before its outcome is known. */
function notRead(order: RelayOrder, code: string): RelayOrder {
  const next = { ...noted(order, { readBack: code }), unreadable: order.unreadable + 1 }
  if (next.unreadable >= unreadableReadsMax) return finish(noted({ ...next, seen: null }, { reason: 'unverifiable' }), 'failed')
  const isNews = !next.isTold && next.unreadable === unreadableBeforeUnknown
  return isNews ? tellUnknown(next) : readAgain(next)
}

function tellUnknown(order: RelayOrder): RelayOrder {
  return { ...order, step: { kind: 'tell-unknown', evidence: order.evidence } }
}

function readAgain(order: RelayOrder): RelayOrder {
  const unreadableMs = order.unreadable === 0 ? 0 : Math.min(unreadableDelayMsMax, 1000 * 2 ** Math.min(order.unreadable, 10))
  const pollMs = pollDelaysMs[order.reads] ?? pollDelaysMs.reduce((_before, last) => last)
  return { ...order, step: { kind: 'read', afterMs: Math.max(unreadableMs, pollMs) } }
}

function finish(
  order: RelayOrder,
  stage: Extract<RelayStep, { kind: 'finish' }>['stage'],
  needsSecurityChip = false,
): RelayOrder {
  const { evidence, seen } = order
  return { ...order, step: { kind: 'finish', stage, evidence, relay: seen, needsSecurityChip } }
}

const noted = (order: RelayOrder, evidence: Evidence): RelayOrder => ({ ...order, evidence: { ...order.evidence, ...evidence } })
