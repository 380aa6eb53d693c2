import { energyMwh, epochMs, micro } from '../model/index.js'
import type { Account, AccountLimits, BillingReading } from '../model/index.js'
import type { Context, Decision, OpenFact, RegisterReading, Running } from './decision.js'
import { Draft, refuse } from './draft.js'
import { genesisHash } from './ledger.js'
import { settle } from './settle.js'
import { versionAt } from './tariff-book.js'

/**
 * Opens an account at a meter. The axis of its energy begins at the meter's last trusted reading; without one the first reading to
 * come is the start and nothing before it is charged. The store refuses an id that was ever used and a meter that has an open account.
 */
export function openAccount(fact: OpenFact, context: Context): Decision {
  const { tariff, unit } = fact
  if (unit === 'money' && versionAt(context.tariffs, tariff, context.stamp.receivedAt) === null) {
    return refuse('invalid', `tariff ${tariff} has no verified version in force`)
  }
  const wrong = checkLimits(fact.limits)
  if (wrong !== null) return refuse('invalid', wrong)
  const account = newAccount(fact, context)
  const draft = new Draft({ account, running: runningOf(account) }, context)
  draft.event('account.opened', 'info', { meter: fact.meter, unit, tariff, reading: account.postedTo.source })
  const { now } = draft
  draft.addEntry({ kind: 'open', key: null, amount: fact.opening, at: now, pieces: [], note: `${unit} ${tariff} ${fact.meter}` })
  return settle(draft)
}

/** What of the limits cannot work together; null: nothing. */
export function checkLimits(limits: AccountLimits): string | null {
  if (limits.alarm1 < limits.alarm2) return 'alarm1 is not below alarm2'
  if (limits.alarm2 < 0n) return 'alarm2 is 0 or more'
  if (limits.overdraft < 0n) return 'overdraft is 0 or more'
  if (limits.closePermitted < -limits.overdraft) return 'closePermitted is not below the end of the overdraft'
  if (limits.hoarding < 0n || limits.largestCredit < 0n) return 'hoarding and largestCredit are 0 (no limit) or more'
  return null
}

function newAccount(fact: OpenFact, context: Context): Account {
  const openedAt = context.stamp.receivedAt
  const start = startOf(fact.reading, openedAt)
  return {
    id: fact.account,
    meter: fact.meter,
    mode: 'ledger',
    unit: fact.unit,
    tariff: fact.tariff,
    limits: fact.limits,
    state: 'normal',
    openedAt,
    balance: micro(0n),
    entryCount: 0,
    chainHash: genesisHash,
    purchaseCount: 0,
    postedTo: start,
    energyCarry: 0n,
    taxCarry: 0n,
    register: { lastRaw: start.energy, lastAt: start.at, offset: energyMwh(0n) },
    pricingStopped: null,
    verified: true,
    protected: false,
    protectedUntil: null,
    relay: { contact: 'unknown', at: null, problem: null },
    alarmOn: false,
    heldBy: [],
  }
}

function startOf(reading: RegisterReading | null, openedAt: Account['openedAt']): BillingReading {
  const isUsable = reading !== null && reading.trusted && reading.at <= openedAt
  if (!isUsable) return { at: openedAt, energy: energyMwh(0n), source: 'awaited' }
  return { at: reading.at, energy: reading.raw, source: 'opening' }
}

/** What is derived of an account about which nothing is known beyond its row. */
export const runningOf = (account: Account): Running => ({
  readings: [],
  pieces: [],
  register: account.register,
  suspect: null,
  seen: null,
  power: { milliwatts: null, from: null },
  splits: [],
  pending: [],
  notBefore: {},
  relayReadAt: epochMs(0),
  openSince: null,
  told: null,
  statement: null,
  tally: { credits: micro(0n), charges: micro(0n), corrections: micro(0n) },
})
