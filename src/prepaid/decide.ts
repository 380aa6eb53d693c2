import type { AccountFact, Context, Decision, LedgerState } from './decision.js'
import { Draft, refuse } from './draft.js'
import { adjust, agree, close, credit, protect } from './orders.js'
import { readingCame, readingUnusable } from './readings.js'
import { orderFinished, relaySeen } from './relay.js'
import { replaceMeter } from './replacement.js'
import { repriced } from './running.js'
import { addStatement, settle } from './settle.js'

/**
 * The one way an account changes: a fact and its circumstances in, everything that follows out. Pure; what it answers is to be stored
 * in one transaction. Only orders (`credit`, `adjust`, `agree`, `protect`, `replace-meter`, `close`) can be refused.
 */
export function decide(ledger: LedgerState, fact: AccountFact, context: Context): Decision {
  const draft = new Draft(ledger, context)
  if (ledger.account.state === 'closed') return decideClosed(draft, fact)
  switch (fact.kind) {
    case 'reading':
      return readingCame(draft, fact.reading)
    case 'unusable-reading':
      return readingUnusable(draft, fact.message)
    case 'credit':
      return credit(draft, fact)
    case 'adjust':
      return adjust(draft, fact)
    case 'agree':
      return agree(draft, fact)
    case 'protect':
      return protect(draft, fact)
    case 'replace-meter':
      return replaceMeter(draft, fact)
    case 'close':
      return close(draft)
    case 'relay-seen':
      return relaySeen(draft, fact)
    case 'order-finished':
      return orderFinished(draft, fact)
    case 'time-passed':
      return settle(draft)
    case 'parameters-changed':
      draft.running = repriced(draft.account, draft.running, context)
      return settle(draft)
    case 'doubted':
      return doubt(draft, fact.reason)
  }
}

/** A closed account keeps what it has: readings and relays no longer concern it, orders are refused. */
function decideClosed(draft: Draft, fact: AccountFact): Decision {
  switch (fact.kind) {
    case 'credit':
    case 'adjust':
    case 'protect':
    case 'replace-meter':
    case 'close':
      return refuse('conflict', 'the account is closed')
    case 'agree':
      return agree(draft, fact)
    case 'order-finished':
      return orderFinished(draft, fact)
    case 'reading':
    case 'unusable-reading':
    case 'relay-seen':
    case 'time-passed':
    case 'parameters-changed':
    case 'doubted':
      return draft.accept(null)
  }
}

/** After a salvage nobody prices or cuts until the master agrees: the statement it is to agree with goes out at once. */
function doubt(draft: Draft, reason: string): Decision {
  draft.event('account.unverified', 'alarm', { reason, entry: draft.account.entryCount, chainHash: draft.account.chainHash })
  draft.set({ verified: false })
  addStatement(draft, draft.now)
  return settle(draft)
}
