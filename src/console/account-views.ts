import { formatDecimal } from '../model/index.js'
import type { JournalledOrder, LedgerEntry, OrderBody } from '../model/index.js'
import type { AccountView } from '../ports/index.js'
import { isVerifiedAfterRestart, type ToldOutcome } from './outcomes.js'
import type { AccountFacts, AccountRow, Detail, EntryView, OrderView } from './views.js'

/** Millionths as decimal text in the unit people use. */
export const decimal = (millionths: bigint): string => formatDecimal(millionths, -6)

export function accountRow({ account, runningBalance, guards, lastReadingAt }: AccountView): AccountRow {
  const { id, meter, unit, state, verified } = account
  return { account: id, meter, unit, state, balance: decimal(runningBalance), heldBy: guards, lastReadingAt, verified }
}

export function accountFacts(view: AccountView): AccountFacts {
  const { account } = view
  const { limits, postedTo, relay, alarmOn, protectedUntil, pricingStopped, purchaseCount, entryCount, chainHash } = account
  return {
    ...accountRow(view),
    tariff: account.tariff,
    openedAt: account.openedAt,
    posted: decimal(account.balance),
    postedTo: { at: postedTo.at, reading: decimal(postedTo.energy), source: postedTo.source },
    limits: Object.fromEntries(Object.entries(limits).map(([name, value]: [string, bigint]) => [name, decimal(value)])),
    relay: { contact: relay.contact, at: relay.at, problem: relay.problem, permitted: relay.permitted === true },
    alarmOn,
    protected: account.protected,
    protectedUntil,
    pricingStopped,
    purchaseCount,
    entryCount,
    chainHash,
  }
}

export function entryView(entry: LedgerEntry): EntryView {
  const { number, kind, key, amount, balanceAfter, at, stamp, note, pieces, hash } = entry
  const energy = pieces.length === 0 ? null : decimal(pieces.reduce((sum, piece) => sum + piece.toEnergy - piece.fromEnergy, 0n))
  return {
    number,
    kind,
    key,
    amount: decimal(amount),
    balanceAfter: decimal(balanceAfter),
    at,
    receivedAt: stamp.receivedAt,
    note,
    energy,
    estimated: pieces.some((piece) => piece.estimated),
    hash,
  }
}

/** @param told what the record says of its last stage, where one is held */
export function orderView(journalled: JournalledOrder, told: ToldOutcome | null): OrderView {
  const { id, order, stage, attempts, evidence } = journalled
  const { origin, body, notBefore, expiry } = order
  return {
    order: id,
    by: origin.by,
    origin: origin.by === 'rule' ? origin.account : origin.key,
    number: origin.number,
    kind: body.kind,
    meter: 'meter' in body ? body.meter : null,
    account: 'account' in body ? body.account : null,
    says: saysOf(body),
    stage,
    attempts,
    evidence,
    verifiedAfterRestart: isVerifiedAfterRestart(journalled, told),
    at: told?.at ?? null,
    notBefore,
    expiry,
  }
}

/** What an order says besides its kind, meter and account. */
function saysOf(body: OrderBody): Detail {
  switch (body.kind) {
    case 'open-account':
      return { unit: body.unit, tariff: body.tariff, opening: decimal(body.opening) }
    case 'credit':
      return { amount: decimal(body.amount), purchase: body.purchase }
    case 'adjust':
      return { amount: decimal(body.amount), reason: body.reason, resumePricing: body.resumePricing }
    case 'agree':
      return { entry: body.entry, chainHash: body.chainHash }
    case 'protect':
      return { on: body.on, until: body.until }
    case 'alarm':
      return { on: body.on }
    case 'read-now':
      return { registers: body.registers.join(' ') }
    case 'set-time':
      return { at: body.at }
    case 'replace-meter':
      return { newAddress: body.newAddress, initialEnergy: decimal(body.initialEnergy), witness: body.witness }
    case 'set-parameters':
      return { name: body.name, version: body.version }
    case 'replay':
      return { stream: body.stream, first: body.first, count: body.count }
    case 'close-account':
    case 'disconnect':
    case 'permit-to-close':
    case 'set-clock':
      return {}
  }
}
