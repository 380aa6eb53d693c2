import { micro } from '../model/index.js'
import type { Account, ChargePiece, Micro } from '../model/index.js'
import { floorWithCarry, numeratorOf, type Pricing } from './charging.js'
import type { Context } from './decision.js'
import type { TariffBook } from './tariff-book.js'

/** An entry of more pieces is cut in two. */
export const entryPiecesMax = 100

/** One charge with its tax: what becomes a `charge` and a `tax` entry. Amounts are what is taken, so positive for consumption. */
export interface ChargeLine {
  readonly pieces: readonly ChargePiece[]
  readonly charge: Micro
  readonly tax: Micro
  readonly isTaxed: boolean
  /** Carries after this line. */
  readonly energyCarry: bigint
  readonly taxCarry: bigint
}

/** How an account prices energy. */
export const pricingOf = (account: Account, context: Context): Pricing => ({
  unit: account.unit,
  tariff: account.tariff,
  book: context.tariffs,
})

/**
 * Charges pieces in order, a line for each tariff version. The carries go in as the account has them, so any grouping of the same
 * pieces takes the same sum.
 */
export function chargeLines(pieces: readonly ChargePiece[], account: Account, book: TariffBook): readonly ChargeLine[] {
  let carries = { energyCarry: account.energyCarry, taxCarry: account.taxCarry }
  return byVersion(pieces).map((group) => {
    const line = chargeLine({ pieces: group, numerator: numeratorOf(group) }, { ...carries, account, book })
    carries = line
    return line
  })
}

interface Before {
  readonly account: Account
  readonly book: TariffBook
  readonly energyCarry: bigint
  readonly taxCarry: bigint
}

/** Charges one numerator (10⁻¹² units) under the version of its pieces. */
export function chargeLine(
  what: { readonly pieces: readonly ChargePiece[]; readonly numerator: bigint },
  before: Before,
): ChargeLine {
  const charge = floorWithCarry(what.numerator, before.energyCarry)
  const taxPpm = taxOf(what.pieces, before)
  const tax = floorWithCarry(charge.amount * taxPpm, before.taxCarry)
  return {
    pieces: what.pieces,
    charge: charge.amount,
    tax: tax.amount,
    isTaxed: taxPpm > 0n,
    energyCarry: charge.carry,
    taxCarry: tax.carry,
  }
}

/** Purchased energy carries no tax: its pieces name version 0, which no tariff has. */
function taxOf(pieces: readonly ChargePiece[], { account, book }: Before): bigint {
  const version = pieces[0]?.tariffVersion
  const booked = book.get(account.tariff)?.find((candidate) => candidate.version.version === version)
  return account.unit === 'money' && booked !== undefined ? booked.version.taxPpm : 0n
}

/** Neighbouring pieces of one version, at most `entryPiecesMax` together. */
export function byVersion(pieces: readonly ChargePiece[]): readonly (readonly ChargePiece[])[] {
  const groups: ChargePiece[][] = []
  let group: ChargePiece[] = []
  for (const piece of pieces) {
    if (group.length === 0 || group.length >= entryPiecesMax || group[0]?.tariffVersion !== piece.tariffVersion) {
      group = []
      groups.push(group)
    }
    group.push(piece)
  }
  return groups
}

/** What the lines take together. */
export const totalOf = (lines: readonly ChargeLine[]): Micro =>
  micro(lines.reduce((sum, line) => sum + line.charge + line.tax, 0n))
