import { epochMs } from '../model/index.js'
import type { Account, AccountLimits, Micro } from '../model/index.js'
import type { WatchHint } from '../ports/index.js'
import { carryModulus } from './charging.js'
import type { Context, Running } from './decision.js'
import { lastReading } from './running.js'
import { nextSwitchAfter, rateAt } from './tariff-book.js'

/** A meter is not read for its balance more often than this. */
export const watchFloorMs = 30_000
/** A relay whose state is awaited is not read more often than this. */
export const relayFloorMs = 60_000
/** Accounts farther from any threshold than this are left to the routine reading. */
export const watchCeilingMs = 3_600_000
/** Nobody is taken to stand still: at least this part (percent) of what the connection can carry may be switched on at any time. */
export const leastPowerPercent = 10n

/**
 * When an account's meter ought to be read at the latest: at half the time its balance needs to the next threshold, at the price now
 * (or after the next switch, if that is higher) and the recent power.
 *
 * @returns null when the routine reading is soon enough, or nothing depends on the balance (supply is cut, the account is closed)
 */
export function watchOf(
  ledger: { readonly account: Account; readonly running: Running },
  balance: Micro,
  context: Context,
): WatchHint | null {
  const { account } = ledger
  const now = context.stamp.receivedAt
  const last = lastReading(account, ledger.running)
  const energyInMs = account.state === 'closed' ? null : delayMs(ledger, balance, context)
  const energyBy = energyInMs === null ? [] : [last.at + Math.max(energyInMs, watchFloorMs)]
  const needsRelay = wantsRelayRead(account, context)
  const relayBy = needsRelay ? [Math.max(account.relay.at ?? 0, ledger.running.relayReadAt) + relayFloorMs] : []
  const due = [...energyBy, ...relayBy]
  if (due.length === 0) return null
  // A clock that stepped back leaves readings in the future; nobody waits for those.
  const soonest = Math.min(...due, now + watchCeilingMs)
  return { meter: account.meter, readBy: epochMs(Math.max(now, soonest)), ...(needsRelay ? { relay: true } : {}) }
}

/** A relay whose state is in question decides what happens next: a cut is due or under way, or a customer may be closing it. */
function wantsRelayRead(account: Account, context: Context): boolean {
  if (!context.metering.relay) return false
  switch (account.state) {
    case 'overdrawn':
    case 'disconnecting':
    case 'disconnected':
      return account.relay.contact === 'unknown'
    case 'may-close':
      return account.relay.contact !== 'closed'
    case 'normal':
    case 'alarm1':
    case 'alarm2':
    case 'closed':
      return false
  }
}

/** From the last reading on; null: no need. */
function delayMs(ledger: { account: Account; running: Running }, balance: Micro, context: Context): number | null {
  const { account, running } = ledger
  if (running.suspect !== null) return 0
  const isPriced = account.verified && account.pricingStopped === null
  const isSupplied = account.state !== 'disconnected' && account.state !== 'may-close'
  if (!isPriced || !isSupplied) return null
  const threshold = nextThreshold(balance, account.limits)
  // Below the last threshold a cut is due: whatever holds it, a fresh reading must not be what is missing.
  if (threshold === null) return Math.min(watchCeilingMs, Math.floor(context.rules.readingStaleAfterMs / 2))
  const toThresholdMs = timeTo(balance - threshold, account, { running, context })
  return toThresholdMs / 2 > watchCeilingMs ? null : Math.floor(toThresholdMs / 2)
}

function nextThreshold(balance: Micro, limits: AccountLimits): bigint | null {
  const below = [limits.alarm1, limits.alarm2, 0n, -limits.overdraft].filter((threshold) => threshold < balance)
  return below.reduce<bigint | null>((highest, next) => (highest === null || next > highest ? next : highest), null)
}

function timeTo(amount: bigint, account: Account, by: { readonly running: Running; readonly context: Context }): number {
  const { running, context } = by
  const price = priceAhead(account, context)
  const least = (BigInt(Math.ceil(context.metering.maxPowerKw * 1000)) * 1000n * leastPowerPercent) / 100n
  const recent = running.power.milliwatts ?? 0n
  const milliwatts = recent > least ? recent : least
  // amount × 10⁶ ÷ price is energy in mWh; 3,600,000 ms in an hour.
  const perHour = price * milliwatts
  return perHour === 0n ? Number.POSITIVE_INFINITY : Number((amount * carryModulus * 3_600_000n) / perHour)
}

/** The higher of the price now and the one after the next switch, with tax. */
function priceAhead(account: Account, context: Context): bigint {
  if (account.unit === 'energy') return carryModulus
  const now = context.stamp.receivedAt
  const next = nextSwitchAfter(context.tariffs, account.tariff, now)
  const prices = [now, ...(next === null ? [] : [next])].map((at) => {
    const rate = rateAt(context.tariffs, account.tariff, at)
    return rate === null ? 0n : rate.price + (rate.price * rate.version.taxPpm) / 1_000_000n
  })
  return prices.reduce((highest, price) => (price > highest ? price : highest))
}
