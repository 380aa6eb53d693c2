import { toLocal } from '../model/index.js'
import type { Account, BlockedCalendar, EpochMs, Guard, LocalTime } from '../model/index.js'
import type { Context, Running } from './decision.js'
import { futureMsMax } from './register.js'
import { awaitsReading, lastReading } from './running.js'
import { versionAt } from './tariff-book.js'

/** A relay that refused an order is left alone so long: meters lock after wrong passwords, often until the next day. */
export const refusedRelayRestMs = 86_400_000

/** Every reason why an account that is due to be cut may not be cut now, in order of evaluation. In doubt, never cut. */
export function guardsHolding(account: Account, running: Running, context: Context): readonly Guard[] {
  const now = context.stamp.receivedAt
  const held: Guard[] = []
  if (account.protected) held.push('supply-protection')
  if (isBlocked(context.rules.blocked, toLocal(now, context.utcOffsetMinutes))) held.push('blocked-calendar')
  if (!context.stamp.clockTrusted) held.push('clock-untrusted')
  if (isStale(account, running, context)) held.push('reading-stale')
  if (running.suspect !== null) held.push('reading-implausible')
  if (isTariffUnverified(account, running, context)) held.push('tariff-unverified')
  if (!account.verified) held.push('account-unverified')
  if (account.pricingStopped !== null) held.push('pricing-stopped')
  if (!isRelayUsable(account, running, context)) held.push('relay-unusable')
  return held
}

function isStale(account: Account, running: Running, { rules, stamp }: Context): boolean {
  const last = lastReading(account, running)
  const ageMs = stamp.receivedAt - last.at
  return awaitsReading(last) || ageMs > rules.readingStaleAfterMs || ageMs < -futureMsMax
}

function isTariffUnverified(account: Account, running: Running, context: Context): boolean {
  if (account.unit === 'energy') return false
  return running.pieces === null || versionAt(context.tariffs, account.tariff, context.stamp.receivedAt) === null
}

/**
 * A cut needs a relay known to be closed. After a cut it is known to be open, and taking back the permission to close is a trip too. A trip that
 * just failed is not repeated at once.
 */
function isRelayUsable(account: Account, running: Running, context: Context): boolean {
  const { contact } = account.relay
  if (context.stamp.receivedAt < (running.notBefore.trip ?? 0)) return false
  if (!context.metering.relay || account.relay.problem !== null) return false
  return contact === 'closed' || (contact === 'open' && account.state === 'may-close')
}

/** Whether supply must not be cut at that local time. */
export function isBlocked(blocked: BlockedCalendar, local: LocalTime & { readonly weekday: number }): boolean {
  const { year, month, day } = local
  const date = [`${year}`, `${month}`.padStart(2, '0'), `${day}`.padStart(2, '0')].join('-')
  return isNight(blocked.night, local) || blocked.weekdays.includes(local.weekday) || blocked.dates.includes(date)
}

function isNight(night: BlockedCalendar['night'], local: LocalTime): boolean {
  if (night === null) return false
  const minute = local.hour * 60 + local.minute
  const [fromOn, toOff] = [minute >= night.fromMinute, minute < night.toMinute]
  return night.fromMinute <= night.toMinute ? fromOn && toOff : fromOn || toOff
}

/** Whether a protection with an end has ended; only a trusted clock may say so. */
export const isProtectionOver = (account: Account, now: EpochMs, clockTrusted: boolean): boolean =>
  account.protected && clockTrusted && account.protectedUntil !== null && now >= account.protectedUntil
