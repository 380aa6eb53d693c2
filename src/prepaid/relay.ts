import type { RelayCommand } from '../model/index.js'
import type { Accepted, OrderFinishedFact } from './decision.js'
import { inUnits, type Draft } from './draft.js'
import { retryRelayMs, settle } from './settle.js'

/** A register behind an open relay that rises by this much (secondary, 0.01 kWh) shows that the relay is not open. */
export const leakMwh = 10_000n

interface SeenRelay {
  readonly contact: 'closed' | 'open'
  readonly alarm: boolean
}

/** The relay's state was read: it may be what a transition waits for, or news of its own (the button was pressed). */
export function relaySeen(draft: Draft, seen: SeenRelay & { readonly tripUnderWay?: boolean }): Accepted {
  noteRelay(draft, seen, seen.tripUnderWay ?? false)
  return settle(draft)
}

/** An order to this meter's relay ended, whoever gave it. `unknown` is no end: the order is still being verified. */
export function orderFinished(draft: Draft, fact: OrderFinishedFact): Accepted {
  const { command, stage, relay } = fact
  if (stage !== 'unknown' && fact.byRule) finishPending(draft, command)
  if (relay !== null) noteRelay(draft, relay, command === 'trip' || (fact.tripUnderWay ?? false))
  if (command === 'trip') noteTrip(draft, fact)
  noteProblem(draft, fact)
  if (stage === 'done') noteDone(draft, command)
  if (stage === 'refused' || stage === 'failed' || stage === 'expired') {
    draft.setRunning({ notBefore: { ...draft.running.notBefore, [command]: draft.now + retryRelayMs } })
  }
  return settle(draft)
}

function noteRelay(draft: Draft, seen: SeenRelay, tripUnderWay: boolean): void {
  const { account, now } = draft
  const { mayBeTripped = false, ...relay } = account.relay
  const isNews = relay.contact !== seen.contact || account.alarmOn !== seen.alarm
  draft.setRunning({ relayReadAt: now })
  if (seen.contact === 'open' && relay.contact !== 'open') tellOpened(draft, tripUnderWay || mayBeTripped)
  if (isNews) draft.set({ relay: { ...relay, contact: seen.contact, at: now }, alarmOn: seen.alarm })
}

/** An opening that somebody ordered is told by the order's result; one that nobody ordered is a surprise. */
function tellOpened(draft: Draft, isOrdered: boolean): void {
  const { account } = draft
  draft.setRunning({ openSince: null })
  if (isOrdered || account.state === 'disconnecting' || account.state === 'disconnected' || account.state === 'may-close') return
  draft.event('account.relay-open', 'warning', { state: account.state, before: account.relay.contact })
}

/** A trip that may have acted and was not seen to leaves the relay in question, until it is read. */
function noteTrip(draft: Draft, { stage, relay }: OrderFinishedFact): void {
  const isProven = relay !== null && (relay.contact === 'open' || stage !== 'done')
  const isIdle = stage === 'refused' || stage === 'expired'
  if (isProven || isIdle) return
  draft.set({ relay: { ...draft.account.relay, contact: 'unknown', at: draft.now, mayBeTripped: true } })
}

function noteProblem(draft: Draft, fact: OrderFinishedFact): void {
  const { relay } = draft.account
  const problem = problemAfter(fact)
  if (problem === undefined || problem === relay.problem) return
  draft.set({ relay: { ...relay, problem, at: draft.now } })
  draft.event('account.relay-problem', problem === null ? 'info' : 'alarm', {
    problem: problem ?? 'none',
    before: relay.problem ?? 'none',
    command: fact.command,
  })
}

function problemAfter(fact: OrderFinishedFact): 'needs-security-chip' | 'refused' | null | undefined {
  if (fact.needsSecurityChip) return 'needs-security-chip'
  if (fact.stage === 'refused') return 'refused'
  return fact.stage === 'done' ? null : undefined
}

function noteDone(draft: Draft, command: RelayCommand): void {
  const { account } = draft
  switch (command) {
    case 'permit-to-close':
      if (account.state === 'may-close') draft.set({ relay: { ...account.relay, permitted: true } })
      return
    case 'alarm-on':
    case 'alarm-off':
      draft.set({ alarmOn: command === 'alarm-on' })
      return
    case 'trip':
    case 'protect-on':
    case 'protect-off':
      return
  }
}

function finishPending(draft: Draft, command: RelayCommand): void {
  const index = draft.running.pending.indexOf(command)
  draft.setRunning({ pending: draft.running.pending.filter((_command, place) => place !== index) })
}

/** Energy that flows through an open relay: told once, and the relay is in question again. */
export function watchOpenRelay(draft: Draft): void {
  const { account, running, lastReading } = draft
  const { contact, at } = account.relay
  if (contact !== 'open' || at === null || lastReading.at < at) return
  if (running.openSince === null) return draft.setRunning({ openSince: { energy: lastReading.energy } })
  const leaked = lastReading.energy - running.openSince.energy
  if (leaked < leakMwh * draft.context.metering.ratio) return
  draft.event('account.energy-through-open-relay', 'alarm', {
    energy: inUnits(leaked),
    reading: inUnits(lastReading.energy),
    readingAt: lastReading.at,
    state: account.state,
  })
  draft.setRunning({ openSince: null })
  draft.set({ relay: { ...account.relay, contact: 'unknown', at: draft.now } })
}
