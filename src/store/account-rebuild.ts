import { energyMwh } from '../model/index.js'
import type { Account, BillingReading, EpochMs, LedgerEntry, OrderBody } from '../model/index.js'

/**
 * Makes an account anew whose row was lost: what it is from the order that opened it, where it stands from its ledger. It is not
 * verified. If anything was charged before, nothing is known of how the register stands to the account's axis, so pricing stands
 * still until the master's adjustment sets it going; otherwise the next reading is the start.
 */
export function rebuildAccount(
  opened: Extract<OrderBody, { kind: 'open-account' }>,
  ledger: { readonly entries: readonly LedgerEntry[]; readonly openedAt: EpochMs },
  now: EpochMs,
): Account | null {
  const last = ledger.entries.at(-1)
  if (last === undefined) return null
  const charged = lastPosted(ledger.entries)
  const postedTo = charged ?? { at: ledger.openedAt, energy: energyMwh(0n), source: 'awaited' as const }
  return {
    id: opened.account,
    meter: opened.meter,
    mode: 'ledger',
    unit: opened.unit,
    tariff: opened.tariff,
    limits: opened.limits,
    state: ledger.entries.some((entry) => entry.kind === 'close') ? 'closed' : 'normal',
    openedAt: ledger.openedAt,
    balance: last.balanceAfter,
    entryCount: last.number,
    chainHash: last.hash,
    purchaseCount: last.purchaseCount,
    postedTo,
    energyCarry: last.energyCarry,
    taxCarry: last.taxCarry,
    register: { lastRaw: postedTo.energy, lastAt: postedTo.at, offset: energyMwh(0n) },
    pricingStopped: charged === null ? null : { reason: 'the account was rebuilt from its ledger', at: now },
    verified: false,
    protected: false,
    protectedUntil: null,
    relay: { contact: 'unknown', at: null, problem: null },
    alarmOn: false,
    heldBy: [],
  }
}

/** The end of the last interval that was charged. */
function lastPosted(entries: readonly LedgerEntry[]): BillingReading | null {
  const pieces = entries.filter((entry) => entry.kind === 'charge').flatMap((entry) => entry.pieces)
  const last = pieces.at(-1)
  return last === undefined ? null : { at: last.to, energy: last.toEnergy, source: 'estimate' }
}
