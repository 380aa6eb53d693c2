import { energyMwh, micro } from '../model/index.js'
import type { AccountUnit, ChargePiece, EnergyMwh, EpochMs, Micro } from '../model/index.js'
import type { Mark } from './decision.js'
import { rateAt, switchPoints, type TariffBook } from './tariff-book.js'

/** A millionth: prices are 10⁻⁶ units for 10⁶ mWh, so mWh × price counts 10⁻¹² units and a carry stays below this. */
export const carryModulus = 1_000_000n

/** What an account is charged by: its unit, and for money its tariff. */
export interface Pricing {
  readonly unit: AccountUnit
  readonly tariff: string
  readonly book: TariffBook
}

/**
 * Prices the energy between two readings: split at every switch of rate between them, pro rata by time and marked estimated, since no
 * reading stands at the switch. The pieces' energies sum exactly to the difference of the readings.
 *
 * @param from earlier reading; `to` is later and not below it
 * @returns null when no verified tariff version is in force somewhere in the interval
 */
export function pricePair(from: Mark, to: Mark, pricing: Pricing): readonly ChargePiece[] | null {
  if (pricing.unit === 'energy') return [energyPiece(from, to)]
  const bounds = [from.at, ...switchPoints(pricing.book, pricing.tariff, from.at, to.at)]
  const isEstimated = bounds.length > 1
  const pieces: ChargePiece[] = []
  let energy = from.energy
  for (const [index, begin] of bounds.entries()) {
    const rate = rateAt(pricing.book, pricing.tariff, begin)
    if (rate === null) return null
    const end = bounds[index + 1] ?? to.at
    const endEnergy = interpolate(from, to, end)
    pieces.push({
      from: begin,
      to: end,
      fromEnergy: energy,
      toEnergy: endEnergy,
      tariffVersion: rate.version.version,
      rate: rate.rate,
      priceMicroPerKwh: rate.price,
      estimated: isEstimated,
      ...(end === to.at ? {} : { interpolated: true }),
    })
    energy = endEnergy
  }
  return pieces
}

/** Purchased energy is charged as itself: one unit a unit, no tariff, no rate. */
const energyPiece = (from: Mark, to: Mark): ChargePiece => ({
  from: from.at,
  to: to.at,
  fromEnergy: from.energy,
  toEnergy: to.energy,
  tariffVersion: 0,
  rate: 0,
  priceMicroPerKwh: carryModulus,
  estimated: false,
})

/** Energy at an instant between two readings, by time, rounded down: the sum of the parts stays the whole. */
function interpolate(from: Mark, to: Mark, at: EpochMs): EnergyMwh {
  const part = ((to.energy - from.energy) * BigInt(at - from.at)) / BigInt(to.at - from.at)
  return energyMwh(from.energy + part)
}

/**
 * Adds the pieces of the next pair of readings. Exact pieces of one rate that touch become one, so how often a meter was read leaves no
 * trace in the ledger; estimated ones stay apart, for they may yet be corrected.
 */
export function joinPieces(before: readonly ChargePiece[], next: readonly ChargePiece[]): readonly ChargePiece[] {
  const [last, first] = [before[before.length - 1], next[0]]
  if (last === undefined || first === undefined || !isJoinable(last, first)) return [...before, ...next]
  return [...before.slice(0, -1), { ...last, to: first.to, toEnergy: first.toEnergy }, ...next.slice(1)]
}

const isJoinable = (a: ChargePiece, b: ChargePiece): boolean =>
  !a.estimated &&
  !b.estimated &&
  a.tariffVersion === b.tariffVersion &&
  a.rate === b.rate &&
  a.priceMicroPerKwh === b.priceMicroPerKwh

/** Prices a row of readings, the first of which is where the last charge ended; null: some of it has no verified tariff. */
export function priceReadings(readings: readonly Mark[], pricing: Pricing): readonly ChargePiece[] | null {
  let pieces: readonly ChargePiece[] = []
  let from: Mark | null = null
  for (const to of readings) {
    const pair = from === null ? [] : pricePair(from, to, pricing)
    if (pair === null) return null
    pieces = joinPieces(pieces, pair)
    from = to
  }
  return pieces
}

/** Σ mWh × price of the pieces, in 10⁻¹² units. */
export const numeratorOf = (pieces: readonly ChargePiece[]): bigint =>
  pieces.reduce((sum, piece) => sum + (piece.toEnergy - piece.fromEnergy) * piece.priceMicroPerKwh, 0n)

/** The one rounding: whole millionths, downwards; the rest is carried and is always in 0 … 10⁶ − 1. */
export function floorWithCarry(numerator: bigint, carry: bigint): { readonly amount: Micro; readonly carry: bigint } {
  const total = numerator + carry
  const rest = ((total % carryModulus) + carryModulus) % carryModulus
  return { amount: micro((total - rest) / carryModulus), carry: rest }
}
