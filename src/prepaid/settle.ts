import { micro, startOfLocalDay } from '../model/index.js'
import type { AccountLimits, AccountState, EpochMs, Guard, Micro, RelayCommand } from '../model/index.js'
import type { Accepted } from './decision.js'
import { inUnits, type Draft } from './draft.js'
import { guardsHolding, isProtectionOver, refusedRelayRestMs } from './guards.js'
import { watchOf } from './watch.js'

/** A day whose freeze never came is stated from the readings there are, this long after midnight. */
export const statementLatestMs = 21_600_000
/** After a relay command that did not succeed the same one is not tried again before. */
export const retryRelayMs = 600_000

/** What follows from the account as it is now: transitions, guards, relay wishes, statement, watch. Ends every accepted decision. */
export function settle(draft: Draft, repeated = false): Accepted {
  endProtection(draft)
  endRefusal(draft)
  let hasMoved = true
  while (hasMoved) hasMoved = move(draft)
  if (draft.account.state !== 'closed') {
    stateOverdueDay(draft)
    wantAlarm(draft)
    wantPermit(draft)
  }
  return draft.accept(watchOf(draft, draft.balance, draft.context), repeated)
}

/** The state a balance alone stands for. */
export function levelOf(balance: Micro, limits: AccountLimits): AccountState {
  if (balance <= 0n) return 'overdrawn'
  if (balance <= limits.alarm2) return 'alarm2'
  return balance <= limits.alarm1 ? 'alarm1' : 'normal'
}

/** Records a change of state with everything that led to it; charges are posted up to the last reading first. */
export function transition(draft: Draft, to: AccountState, cause: string): void {
  draft.postAll()
  const { account, lastReading } = draft
  const { limits } = account
  draft.event('account.transition', to === 'normal' || to === 'closed' ? 'info' : 'warning', {
    from: account.state,
    to,
    cause,
    balance: inUnits(draft.balance),
    reading: inUnits(lastReading.energy),
    readingAt: lastReading.at,
    alarm1: inUnits(limits.alarm1),
    alarm2: inUnits(limits.alarm2),
    overdraft: inUnits(limits.overdraft),
    closePermitted: inUnits(limits.closePermitted),
    entry: account.entryCount,
  })
  draft.set({ state: to })
}

/** One transition, if one is due. */
function move(draft: Draft): boolean {
  const { account } = draft
  const { relay, limits } = account
  switch (account.state) {
    case 'normal':
    case 'alarm1':
    case 'alarm2':
    case 'overdrawn':
      return moveByBalance(draft)
    case 'disconnecting':
      if (relay.contact === 'open') return enter(draft, 'disconnected', 'relay-open')
      if (mayBeSupplied(draft)) return permit(draft)
      if (relay.contact === 'unknown' || draft.running.pending.includes('trip')) return false
      return enter(draft, levelOf(draft.balance, limits), 'trip-did-not-act')
    case 'disconnected':
      if (relay.contact === 'closed') return enter(draft, levelOf(draft.balance, limits), 'relay-closed')
      return mayBeSupplied(draft) ? permit(draft) : false
    case 'may-close':
      if (relay.contact === 'closed' && !draft.running.pending.includes('trip')) return closeAgain(draft)
      return cutIfDue(draft)
    case 'closed':
      return false
  }
}

function moveByBalance(draft: Draft): boolean {
  const level = levelOf(draft.balance, draft.account.limits)
  return level === draft.account.state ? cutIfDue(draft) : enter(draft, level, 'balance')
}

function enter(draft: Draft, to: AccountState, cause: string): true {
  transition(draft, to, cause)
  return true
}

/** Supply may come back: the balance is above what closing asks for, or the master protects this supply. */
const mayBeSupplied = ({ account, balance }: Draft): boolean => account.protected || balance > account.limits.closePermitted

function permit(draft: Draft): true {
  const { account } = draft
  draft.withdraw('trip')
  transition(draft, 'may-close', account.protected ? 'supply-protection' : 'balance')
  draft.set({ relay: { ...account.relay, permitted: false } })
  draft.setRunning({ notBefore: {} })
  return true
}

function closeAgain(draft: Draft): true {
  draft.withdraw('permit-to-close')
  transition(draft, levelOf(draft.balance, draft.account.limits), 'relay-closed')
  return true
}

/** Cuts when the balance is used up and no guard holds; which guards hold is recorded whenever it changes. */
function cutIfDue(draft: Draft): boolean {
  const isDue = draft.balance <= -draft.account.limits.overdraft
  const held = isDue ? guardsHolding(draft.account, draft.running, draft.context) : []
  recordGuards(draft, held)
  if (!isDue || held.length > 0) return false
  transition(draft, 'disconnecting', 'balance-used-up')
  draft.set({ relay: { ...draft.account.relay, permitted: false } })
  draft.setRunning({ openSince: null })
  draft.want('trip')
  return true
}

function recordGuards(draft: Draft, held: readonly Guard[]): void {
  const { account, lastReading, now } = draft
  if (held.join() === account.heldBy.join()) return
  draft.set({ heldBy: held })
  draft.event('account.cut-held', 'info', {
    guards: held.join(',') || 'none',
    before: account.heldBy.join(',') || 'none',
    balance: inUnits(draft.balance),
    readingAt: lastReading.at,
    readingAgeMs: now - lastReading.at,
    relay: account.relay.contact,
    relayProblem: account.relay.problem,
  })
}

function endProtection(draft: Draft): void {
  if (!isProtectionOver(draft.account, draft.now, draft.context.stamp.clockTrusted)) return
  draft.event('account.protection', 'info', { on: false, cause: 'time-over', until: draft.account.protectedUntil })
  draft.set({ protected: false, protectedUntil: null })
}

/** A refusal is forgotten after a rest; a missing security chip is not. */
function endRefusal(draft: Draft): void {
  const { relay } = draft.account
  if (relay.problem !== 'refused' || draft.now < (relay.at ?? 0) + refusedRelayRestMs) return
  draft.set({ relay: { ...relay, problem: null } })
}

/** The meter's own alarm (2A/2B) is on from alarm 1 until the cut, and off in `normal`. */
function wantAlarm(draft: Draft): void {
  const { account, running } = draft
  const isWanted = alarmFor[account.state]
  if (isWanted === null || isWanted === account.alarmOn) return
  if (running.pending.includes('alarm-on') || running.pending.includes('alarm-off')) return
  wantPaced(draft, isWanted ? 'alarm-on' : 'alarm-off')
}

const alarmFor: Readonly<Record<AccountState, boolean | null>> = {
  normal: false,
  alarm1: true,
  alarm2: true,
  overdrawn: true,
  disconnecting: null,
  disconnected: null,
  'may-close': null,
  closed: null,
}

function wantPermit(draft: Draft): void {
  const { state, relay } = draft.account
  if (state === 'may-close' && relay.permitted !== true) wantPaced(draft, 'permit-to-close')
}

/** Wants a relay command unless this relay takes none, or the command failed a moment ago. */
export function wantPaced(draft: Draft, command: RelayCommand): void {
  const { account, running, context, now } = draft
  if (!context.metering.relay || account.relay.problem !== null || now < (running.notBefore[command] ?? 0)) return
  draft.want(command)
}

function stateOverdueDay(draft: Draft): void {
  const midnight = startOfLocalDay(draft.now, draft.context.utcOffsetMinutes)
  if (!draft.context.stamp.clockTrusted || draft.now < midnight + statementLatestMs) return
  if (midnight <= lastStated(draft)) return
  draft.postAll()
  addStatement(draft, midnight)
}

/** The statement of the day that ends at a local midnight, unless that day or a later one has been stated. */
export function stateDay(draft: Draft, at: EpochMs): void {
  if (at > lastStated(draft)) addStatement(draft, at)
}

const lastStated = ({ account, running }: Draft): EpochMs => running.statement?.at ?? account.openedAt

export function addStatement(draft: Draft, at: EpochMs): void {
  const { account, running } = draft
  const opening = running.statement?.closing ?? micro(0n)
  const statement = {
    account: account.id,
    at,
    opening,
    ...running.tally,
    closing: account.balance,
    reading: account.postedTo.energy,
    purchaseCount: account.purchaseCount,
    lastEntry: account.entryCount,
    chainHash: account.chainHash,
  }
  draft.statements.push(statement)
  draft.setRunning({ statement, tally: { credits: micro(0n), charges: micro(0n), corrections: micro(0n) } })
}
