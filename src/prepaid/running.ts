import { energyMwh } from '../model/index.js'
import type { Account, BillingReading, EnergyMwh } from '../model/index.js'
import { pricingOf } from './charges.js'
import { joinPieces, pricePair, priceReadings } from './charging.js'
import type { Context, Mark, RegisterReading, Running } from './decision.js'
import { assess, futureMsMax, place, type Assessment } from './register.js'

/** Accepted readings kept between two postings; beyond it the oldest go and the split there becomes an estimate. */
export const readingsMax = 500
/** Recent power is an average over at least this, so that the register's last digit does not make it. */
export const powerSpanMs = 300_000

/** What became of a reading. */
export type Taken =
  /** The first reading of an account that waited for it: a new one, or one whose pricing was resumed. */
  | { readonly kind: 'started'; readonly reading: BillingReading }
  /** The newest one: it moved the running balance. */
  | { readonly kind: 'appended'; readonly reading: BillingReading; readonly wrapped: boolean }
  /** Between two others that are not posted yet: the price of their interval may have moved. */
  | { readonly kind: 'inserted'; readonly reading: BillingReading }
  /** Before the last posting; it may fall into an estimated split. */
  | { readonly kind: 'late' }
  /** Data, but nothing for the account: already known, of an untrusted clock, skewed, or of an account whose pricing stands. */
  | { readonly kind: 'unused' }
  | Extract<Assessment, { kind: 'suspect' | 'confirmed' }>
  /** It cannot be true beside the readings around it. */
  | { readonly kind: 'contradicts'; readonly message: string }

export interface AfterReading {
  readonly running: Running
  readonly taken: Taken
}

/** Fits one reading of the register into what is known. Posts nothing and tells nobody: `settle` does. */
export function takeReading(account: Account, running: Running, reading: RegisterReading, context: Context): AfterReading {
  if (!reading.trusted) return { running, taken: { kind: 'unused' } }
  if (reading.at > reading.receivedAt + futureMsMax) {
    return { running, taken: { kind: 'contradicts', message: 'measured in the future' } }
  }
  if (account.postedTo.source === 'awaited') return takeFirst(account, running, reading)
  if (account.pricingStopped !== null) return { running: seeWhileStopped(running, reading), taken: { kind: 'unused' } }
  if (reading.at <= account.postedTo.at) return { running, taken: { kind: 'late' } }
  let from: BillingReading = account.postedTo
  for (const [index, to] of running.readings.entries()) {
    if (to.at >= reading.at) return insert(account, running, { reading, gap: { index, from, to }, context })
    from = to
  }
  return append(account, running, { reading, last: from, context })
}

/** The newest accepted reading, posted or not. */
export const lastReading = (account: Account, running: Running): BillingReading =>
  running.readings[running.readings.length - 1] ?? account.postedTo

/** The account's own start stands where a reading of the meter is yet to come. */
export const awaitsReading = ({ source }: BillingReading): boolean => source === 'awaited' || source === 'estimate'

function takeFirst(account: Account, running: Running, reading: RegisterReading): AfterReading {
  if (reading.at < account.openedAt) return { running, taken: { kind: 'unused' } }
  return { running, taken: { kind: 'started', reading: { at: reading.at, energy: reading.raw, source: 'opening' } } }
}

/**
 * Pricing was resumed by the master, who settled what came before. A register that was wrong twice may have been wrong when it was
 * last seen, so nothing is charged up to the first plausible reading.
 */
function restart(account: Account, running: Running, reading: RegisterReading): AfterReading {
  const { energy } = account.postedTo
  return { running, taken: { kind: 'started', reading: { at: reading.at, energy, source: 'opening' } } }
}

function seeWhileStopped(running: Running, reading: RegisterReading): Running {
  if (running.seen !== null && reading.at <= running.seen.at) return running
  return { ...running, seen: { raw: reading.raw, at: reading.at } }
}

interface Newest {
  readonly reading: RegisterReading
  readonly last: BillingReading
  readonly context: Context
}

function append(account: Account, running: Running, newest: Newest): AfterReading {
  const { reading, last, context } = newest
  const known = { register: running.register, suspect: running.suspect, source: last.source }
  const { metering, rules } = context
  const assessment = assess(reading, known, { metering, wrapWindowPpm: rules.wrapWindowPpm })
  switch (assessment.kind) {
    case 'skewed':
      return { running, taken: { kind: 'unused' } }
    case 'suspect':
    case 'confirmed':
      return { running: { ...running, suspect: assessment.suspect }, taken: assessment }
    case 'accepted': {
      const { register, wrapped } = assessment
      if (account.postedTo.source === 'estimate') return restart(account, running, reading)
      const accepted = onAxis(reading, energyMwh(register.lastRaw + register.offset))
      const next = appendAccepted(account, { ...running, register, suspect: null }, { accepted, last, context })
      return { running: next, taken: { kind: 'appended', reading: accepted, wrapped } }
    }
  }
}

const onAxis = (reading: RegisterReading, energy: EnergyMwh): BillingReading => ({
  at: reading.at,
  energy,
  source: reading.source,
})

function appendAccepted(
  account: Account,
  running: Running,
  newest: { readonly accepted: BillingReading; readonly last: BillingReading; readonly context: Context },
): Running {
  const { accepted, last, context } = newest
  const pair = running.pieces === null ? null : pricePair(last, accepted, pricingOf(account, context))
  const grown: Running = {
    ...running,
    readings: [...running.readings, accepted],
    pieces: pair === null || running.pieces === null ? null : joinPieces(running.pieces, pair),
    power: nextPower(running.power, last, accepted),
  }
  return bounded(account, withoutInterior(account, grown), context)
}

function nextPower(power: Running['power'], last: Mark, accepted: Mark): Running['power'] {
  const from = power.from ?? last
  const spanMs = accepted.at - from.at
  if (spanMs < powerSpanMs) return { milliwatts: power.milliwatts, from }
  return { milliwatts: ((accepted.energy - from.energy) * 3_600_000n) / BigInt(spanMs), from: accepted }
}

/** A reading in the middle of one rate period changes no price: only the first and the last of a period are kept. */
function withoutInterior(account: Account, running: Running): Running {
  const { readings, pieces } = running
  const before = readings[readings.length - 3] ?? account.postedTo
  const piece = pieces?.[pieces.length - 1]
  if (readings.length < 2 || piece === undefined || piece.estimated || piece.from > before.at) return running
  return { ...running, readings: readings.filter((_reading, index) => index !== readings.length - 2) }
}

function bounded(account: Account, running: Running, context: Context): Running {
  if (running.readings.length <= readingsMax) return running
  return repriced(account, { ...running, readings: running.readings.slice(1) }, context)
}

/** Prices all readings after the last posting anew: one was put between others, or the tariffs changed. */
export const repriced = (account: Account, running: Running, context: Context): Running => ({
  ...running,
  pieces: priceReadings([account.postedTo, ...running.readings], pricingOf(account, context)),
})

interface Gap {
  readonly index: number
  readonly from: Mark
  readonly to: Mark
}

/** A reading that came late, between the last posting and the newest reading. */
function insert(
  account: Account,
  running: Running,
  late: { reading: RegisterReading; gap: Gap; context: Context },
): AfterReading {
  const { reading, gap, context } = late
  if (reading.at === gap.to.at) return { running, taken: { kind: 'unused' } }
  const placed = place(reading, gap, { offset: running.register.offset, metering: context.metering })
  if (placed.kind !== 'fits') return { running, taken: placed.kind === 'skewed' ? { kind: 'unused' } : placed }
  const accepted = onAxis(reading, placed.energy)
  const readings = [...running.readings.slice(0, gap.index), accepted, ...running.readings.slice(gap.index)]
  return { running: repriced(account, { ...running, readings }, context), taken: { kind: 'inserted', reading: accepted } }
}
