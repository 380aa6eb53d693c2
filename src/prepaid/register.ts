import { energyMwh } from '../model/index.js'
import type { Account, BillingReading, EnergyMwh, EpochMs, ItemValue, Meter, Point, Profile } from '../model/index.js'
import { meteringOf, type Mark, type Metering, type RegisterReading, type Suspect } from './decision.js'

/** A value of a meter's own memory carries the meter's own time, which the field's rules keep within this of true time. */
export const meterClockSkewMsMax = 600_000
/** Room for the register's last digit when a rise is judged: two steps of 0.01 kWh, secondary. */
export const riseToleranceMwh = 20_000n
/** A rise is plausible up to this many times what the connection can carry. */
export const powerFactor = 2n
/** Readings from further ahead than this are no readings of the present. */
export const futureMsMax = 300_000

export type BillingReadingResult =
  | { readonly kind: 'reading'; readonly reading: RegisterReading }
  /** The point has no value of the billing register: an absence stays an absence, it never becomes energy. */
  | { readonly kind: 'none' }
  /** A value came that is no energy of this register; hand it on as the fact `unusable-reading`. */
  | { readonly kind: 'unusable'; readonly message: string }

/**
 * Takes the billing register out of a point: total energy, kWh × 10^exponent, times CT and PT, in mWh.
 *
 * @param profile the meter's profile; its `billingItem` is what is charged
 */
export function billingReading(point: Point, meter: Meter, profile: Profile): BillingReadingResult {
  // The daily freeze of that day was priced already.
  if (point.source === 'monthly-freeze') return { kind: 'none' }
  const value = point.values.find((candidate) => candidate.item === profile.billingItem)
  if (value === undefined || 'absent' in value) return { kind: 'none' }
  if ('words' in value) return unusable('words where an energy belongs')
  const int = value.ints[0]
  if (int === undefined || int === null) return { kind: 'none' }
  return fromInteger(int, value, { point, metering: meteringOf(meter, profile) })
}

function fromInteger(
  int: number,
  value: Extract<ItemValue, { ints: unknown }>,
  from: { readonly point: Point; readonly metering: Metering },
): BillingReadingResult {
  const { point, metering } = from
  if (value.unit !== 'kWh') return unusable(`unit ${value.unit} where kWh belongs`)
  if (!Number.isSafeInteger(int) || int < 0) return unusable(`${int} is no reading of an energy register`)
  if (value.exponent < -6 || value.exponent > 3) return unusable(`exponent ${value.exponent} where -6 to 3 belongs`)
  const raw = energyMwh(BigInt(int) * 10n ** BigInt(value.exponent + 6) * metering.ratio)
  if (raw >= metering.capacity) return unusable(`${int} is beyond the register's capacity`)
  const source = sourceOf(value.own?.source ?? point.source)
  const { receivedAt, clockTrusted } = point.stamp
  return {
    kind: 'reading',
    reading: {
      raw,
      at: value.own?.measuredAt ?? point.measuredAt,
      source,
      isFreeze: point.stream === 'freeze',
      receivedAt,
      trusted: clockTrusted,
    },
  }
}

function sourceOf(source: Point['source']): RegisterReading['source'] {
  switch (source) {
    case 'daily-freeze':
    case 'monthly-freeze':
      return 'daily-freeze'
    case 'load-record':
      return source
    case 'live':
    case 'call':
      return 'live'
  }
}

const unusable = (message: string): BillingReadingResult => ({ kind: 'unusable', message })

/** What the newest reading of a register is, compared with the last accepted one. */
export type Assessment =
  | { readonly kind: 'accepted'; readonly register: Account['register']; readonly wrapped: boolean }
  /** Slightly below a value that carries the meter's own time: the two clocks differ, neither register nor reading is at fault. */
  | { readonly kind: 'skewed' }
  /** Not to be priced; a second reading decides. */
  | { readonly kind: 'suspect'; readonly suspect: Suspect }
  /** A second reading agrees with the suspect one: the register itself has left its course. */
  | { readonly kind: 'confirmed'; readonly suspect: Suspect }

export interface Known {
  readonly register: Account['register']
  readonly suspect: Suspect | null
  /** Where the last accepted reading came from. */
  readonly source: BillingReading['source']
}

/** Judges a reading that is later than all accepted ones. */
export function assess(reading: RegisterReading, known: Known, rules: AssessmentRules): Assessment {
  const { register } = known
  const skewMs = isOtherTime(reading.source) || isOtherTime(known.source) ? meterClockSkewMsMax : 0
  const span = { fromAt: register.lastAt, toAt: reading.at, skewMs }
  const delta = reading.raw - register.lastRaw
  if (delta >= 0n && delta <= riseMax(span, rules.metering)) return accept(reading, register.offset, false)
  if (delta < 0n && isWrap(reading, register, { span, rules })) {
    return accept(reading, energyMwh(register.offset + rules.metering.capacity), true)
  }
  if (delta < 0n && -delta <= powerTimes(skewMs, rules.metering)) return { kind: 'skewed' }
  const suspect: Suspect = { raw: reading.raw, at: reading.at, why: delta < 0n ? 'decreased' : 'jumped' }
  return agrees(known.suspect, suspect, rules.metering) ? { kind: 'confirmed', suspect } : { kind: 'suspect', suspect }
}

/** Its instant comes from the meter's clock or a witness's watch. */
const isOtherTime = (source: BillingReading['source']): boolean =>
  source === 'daily-freeze' || source === 'load-record' || source === 'replacement'

export interface AssessmentRules {
  readonly metering: Metering
  /** A register that stands within this part (millionths) below its capacity may wrap. */
  readonly wrapWindowPpm: number
}

const accept = (reading: RegisterReading, offset: EnergyMwh, wrapped: boolean): Assessment => ({
  kind: 'accepted',
  register: { lastRaw: reading.raw, lastAt: reading.at, offset },
  wrapped,
})

interface Span {
  readonly fromAt: EpochMs
  readonly toAt: EpochMs
  readonly skewMs: number
}

/** The most energy the connection can have carried in a span, mWh. */
const riseMax = (span: Span, metering: Metering): bigint =>
  powerTimes(span.toAt - span.fromAt + span.skewMs, metering) * powerFactor + riseToleranceMwh * metering.ratio

/** Full power for so long: 1 kW for 1 ms is 10⁶/3,600,000 mWh. */
const powerTimes = (ms: number, metering: Metering): bigint =>
  (BigInt(Math.ceil(metering.maxPowerKw * 1000)) * BigInt(ms)) / 3600n

function isWrap(reading: RegisterReading, register: Account['register'], by: { span: Span; rules: AssessmentRules }): boolean {
  const { metering, wrapWindowPpm } = by.rules
  const window = (metering.capacity * BigInt(wrapWindowPpm)) / 1_000_000n
  const delta = reading.raw - register.lastRaw + metering.capacity
  return register.lastRaw >= metering.capacity - window && delta <= riseMax(by.span, metering)
}

/** The second reading continues plausibly from the first suspect one. */
function agrees(first: Suspect | null, second: Suspect, metering: Metering): boolean {
  if (first === null || second.at <= first.at || second.raw < first.raw) return false
  return second.raw - first.raw <= riseMax({ fromAt: first.at, toAt: second.at, skewMs: 0 }, metering)
}

export type Placed =
  | { readonly kind: 'fits'; readonly energy: EnergyMwh }
  | { readonly kind: 'skewed' }
  | { readonly kind: 'contradicts'; readonly message: string }

/**
 * Puts a late reading on the account's axis between two known readings. The register may have wrapped since, so one capacity less is
 * tried too.
 */
export function place(
  reading: RegisterReading,
  gap: { readonly from: Mark; readonly to: Mark },
  device: { readonly offset: EnergyMwh; readonly metering: Metering },
): Placed {
  const { from, to } = gap
  const energies = [reading.raw + device.offset, reading.raw + device.offset - device.metering.capacity]
  const fitting = energies.find((energy) => energy >= from.energy && energy <= to.energy)
  if (fitting !== undefined) return { kind: 'fits', energy: energyMwh(fitting) }
  const slack = reading.source === 'live' ? 0n : powerTimes(meterClockSkewMsMax, device.metering)
  const isNear = energies.some((energy) => energy >= from.energy - slack && energy <= to.energy + slack)
  return isNear ? { kind: 'skewed' } : { kind: 'contradicts', message: 'not between the readings before and after it' }
}
