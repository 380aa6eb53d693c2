import { dayMs, epochMs } from '../model/index.js'
import type { ChargePiece, EpochMs } from '../model/index.js'
import type { EstimatedSplit, Mark } from './decision.js'

/** How long a posted estimate may still be corrected by a late reading: as deep as meters keep their freezes (62 days) and some. */
export const correctionDepthDays = 65
/** Estimated splits remembered for an account; beyond it the oldest stay estimates for good. */
export const splitsMax = 64

/** Finds the estimated intervals among pieces in order: each ends where a piece ends at a reading. */
export function splitsOf(pieces: readonly ChargePiece[]): readonly EstimatedSplit[] {
  const splits: EstimatedSplit[] = []
  let open: { readonly from: Mark; readonly pieces: readonly ChargePiece[] } | null = null
  for (const piece of pieces) {
    const from: Mark = open === null ? { at: piece.from, energy: piece.fromEnergy } : open.from
    const joined: readonly ChargePiece[] = open === null ? [piece] : [...open.pieces, piece]
    open = piece.interpolated === true ? { from, pieces: joined } : null
    if (open === null && piece.estimated) splits.push({ from, to: { at: piece.to, energy: piece.toEnergy }, pieces: joined })
  }
  return splits
}

/** Adds splits and forgets those that are too old or too many. */
export function keepSplits(splits: readonly EstimatedSplit[], now: EpochMs): readonly EstimatedSplit[] {
  const oldest = epochMs(now - correctionDepthDays * dayMs)
  return splits.filter((split) => split.to.at >= oldest).slice(-splitsMax)
}
