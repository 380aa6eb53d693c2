import { micro } from '../model/index.js'
import type { LedgerEntry, Micro } from '../model/index.js'
import type { AdjustFact, AgreeFact, CreditFact, Decision } from './decision.js'
import { inUnits, noteCharsMax, refuse, type Draft } from './draft.js'
import { startAt } from './replacement.js'
import { addStatement, settle, transition } from './settle.js'

/** Puts money (or energy) on an account: once for a key, exactly the next purchase, within the limits. Debt is paid first by itself. */
export function credit(draft: Draft, fact: CreditFact): Decision {
  const { account } = draft
  if (fact.posted !== null) return repeat(draft, fact.posted, { entry: 'credit', ...fact })
  if (fact.amount <= 0n) return refuse('invalid', 'a credit is more than 0')
  if (!account.verified) return refuse('conflict', 'the account is not verified: agree with its statement first')
  if (fact.purchase !== account.purchaseCount + 1) {
    return refuse('out-of-sequence', `the next purchase is ${account.purchaseCount + 1}, not ${fact.purchase}`)
  }
  const { largestCredit, hoarding } = account.limits
  if (largestCredit > 0n && fact.amount > largestCredit) {
    return refuse('limit', `the largest single credit is ${inUnits(largestCredit)}`)
  }
  if (hoarding > 0n && draft.balance + fact.amount > hoarding) {
    return refuse('limit', `the balance ${inUnits(draft.balance)} may not rise above ${inUnits(hoarding)}`)
  }
  draft.postAll()
  draft.set({ purchaseCount: fact.purchase })
  const { amount, key } = fact
  draft.addEntry({ kind: 'credit', key, amount, at: draft.now, pieces: [], note: `purchase ${fact.purchase}` })
  return settle(draft)
}

/** The same order under another number changes nothing; another content under the same key is refused. */
function repeat(
  draft: Draft,
  posted: LedgerEntry,
  order: { readonly entry: 'credit' | 'adjustment'; readonly amount: Micro; readonly purchase?: number },
): Decision {
  const isSame =
    posted.account === draft.account.id &&
    posted.kind === order.entry &&
    posted.amount === order.amount &&
    (order.purchase === undefined || posted.purchaseCount === order.purchase)
  if (!isSame) return refuse('conflict', `the key is that of entry ${posted.account}/${posted.number}`)
  return settle(draft, true)
}

/** The master's signed correction; the only way to settle a difference. May set stopped pricing going again. */
export function adjust(draft: Draft, fact: AdjustFact): Decision {
  if (fact.posted !== null) return repeat(draft, fact.posted, { entry: 'adjustment', amount: fact.amount })
  const { account, running } = draft
  if (!account.verified && !fact.resumePricing) {
    return refuse('conflict', 'the account is not verified: agree with its statement, or adjust with pricing resumed')
  }
  const isStopped = account.pricingStopped !== null
  if (fact.resumePricing && isStopped && running.seen === null) {
    return refuse('conflict', 'the meter has not been read since pricing stopped: read it first')
  }
  if (fact.resumePricing && isStopped && running.pieces === null) {
    return refuse('conflict', 'no verified tariff prices the energy up to where pricing stopped')
  }
  if (fact.resumePricing) draft.set({ verified: true })
  draft.postAll()
  const note = fact.reason.slice(0, noteCharsMax)
  draft.addEntry({ kind: 'adjustment', key: fact.key, amount: fact.amount, at: draft.now, pieces: [], note })
  if (fact.resumePricing) resume(draft)
  return settle(draft)
}

function resume(draft: Draft): void {
  const { account, running } = draft
  draft.event('account.pricing-resumed', 'info', {
    wasVerified: draft.before.account.verified,
    stopped: account.pricingStopped?.reason ?? 'none',
  })
  draft.set({ pricingStopped: null })
  if (account.pricingStopped === null || running.seen === null) return
  const { raw, at } = running.seen
  startAt(draft, { at, energy: draft.lastReading.energy, source: 'estimate' }, raw)
}

/** The master agrees with an entry's hash, and so with all before it. At the head it verifies a doubted account. */
export function agree(draft: Draft, fact: AgreeFact): Decision {
  const { account } = draft
  if (fact.ownHash !== fact.chainHash) {
    draft.event('account.diverged', 'alarm', { entry: fact.entry, ownHash: fact.ownHash ?? 'none', masterHash: fact.chainHash })
    return refuse('conflict', `entry ${fact.entry} has another hash here`, draft.events)
  }
  if (!account.verified && fact.entry === account.entryCount) {
    draft.event('account.verified', 'info', { entry: fact.entry })
    draft.set({ verified: true })
  }
  return settle(draft)
}

/** Supply protection: blocks every cut, and gives supply back to whom it was taken from. */
export function protect(draft: Draft, fact: { readonly on: boolean; readonly until: LedgerEntry['at'] | null }): Decision {
  draft.event('account.protection', 'info', { on: fact.on, cause: 'order', until: fact.until })
  draft.set({ protected: fact.on, protectedUntil: fact.on ? fact.until : null })
  return settle(draft)
}

/** Posts what is known, pays the rest out (or claims it) in the last entry, and ends the account. */
export function close(draft: Draft): Decision {
  if (!draft.account.verified) return refuse('conflict', 'the account is not verified: agree with its statement first')
  if (draft.running.pieces === null) return refuse('conflict', 'no verified tariff prices the energy since the last charge')
  draft.withdraw('trip')
  transition(draft, 'closed', 'order')
  const { account } = draft
  const note = `closing balance ${inUnits(account.balance)}`
  draft.addEntry({ kind: 'close', key: null, amount: micro(-account.balance), at: draft.now, pieces: [], note })
  draft.set({ heldBy: [] })
  if (account.alarmOn && draft.context.metering.relay && account.relay.problem === null) draft.want('alarm-off')
  addStatement(draft, draft.now)
  return settle(draft)
}
