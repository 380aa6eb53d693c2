import { energyMwh, startOfLocalDay } from '../model/index.js'
import type { BillingReading, ChargePiece, EpochMs } from '../model/index.js'
import { byVersion, chargeLine, pricingOf } from './charges.js'
import { numeratorOf, pricePair } from './charging.js'
import type { Accepted, EstimatedSplit, RegisterReading, Suspect } from './decision.js'
import { inUnits, type Draft } from './draft.js'
import { place } from './register.js'
import { watchOpenRelay } from './relay.js'
import { takeReading, type Taken } from './running.js'
import { settle, stateDay } from './settle.js'
import { splitsOf } from './splits.js'

/** A reading of the billing register came: price it, doubt it, or correct an estimate by it. */
export function readingCame(draft: Draft, reading: RegisterReading): Accepted {
  const { account } = draft
  const before = draft.running.suspect
  const { running, taken } = takeReading(account, draft.running, reading, draft.context)
  draft.running = running
  act(draft, reading, { taken, before })
  if (reading.isFreeze && reading.trusted && isUsable(taken)) endDay(draft, reading.at, taken)
  return settle(draft)
}

/** The register answered with something that is no energy: told once, never priced. */
export function readingUnusable(draft: Draft, message: string): Accepted {
  tellUnusable(draft, message, {})
  return settle(draft)
}

const isUsable = (taken: Taken): boolean => taken.kind !== 'suspect' && taken.kind !== 'confirmed' && taken.kind !== 'contradicts'

function act(draft: Draft, reading: RegisterReading, by: { readonly taken: Taken; readonly before: Suspect | null }): void {
  const { taken } = by
  switch (taken.kind) {
    case 'started':
      return start(draft, reading, taken.reading)
    case 'appended':
      return appended(draft, taken, by.before)
    case 'inserted':
    case 'unused':
      return
    case 'late':
      return correct(draft, reading)
    case 'suspect':
      if (by.before === null) tellSuspect(draft, taken.suspect)
      return
    case 'confirmed':
      return stopPricing(draft, taken.suspect)
    case 'contradicts':
      return tellUnusable(draft, taken.message, { reading: inUnits(reading.raw), readingAt: reading.at })
  }
}

function start(draft: Draft, reading: RegisterReading, first: BillingReading): void {
  const register = { lastRaw: reading.raw, lastAt: reading.at, offset: energyMwh(first.energy - reading.raw) }
  draft.set({ postedTo: first, register })
  draft.setRunning({ readings: [], pieces: [], register, suspect: null, told: null })
  draft.event('account.first-reading', 'info', { reading: inUnits(reading.raw), readingAt: reading.at })
}

function appended(draft: Draft, taken: Extract<Taken, { kind: 'appended' }>, before: Suspect | null): void {
  draft.setRunning({ told: null })
  const detail = { reading: inUnits(taken.reading.energy), readingAt: taken.reading.at }
  if (before !== null) {
    draft.event('account.reading-cleared', 'info', { ...detail, suspect: inUnits(before.raw), suspectAt: before.at })
  }
  if (taken.wrapped) draft.event('account.register-wrapped', 'info', detail)
  watchOpenRelay(draft)
}

function tellSuspect(draft: Draft, suspect: Suspect): void {
  draft.event('account.reading-suspect', 'warning', suspectDetail(draft, suspect))
}

/** The register left its course and a second reading says so too: only the master knows what is right now. */
function stopPricing(draft: Draft, suspect: Suspect): void {
  draft.postAll()
  const reason = suspect.why === 'decreased' ? 'register-decreased' : 'register-jumped'
  draft.event('account.pricing-stopped', 'alarm', { reason, ...suspectDetail(draft, suspect) })
  draft.set({ pricingStopped: { reason, at: draft.now } })
  draft.setRunning({ suspect: null, seen: { raw: suspect.raw, at: suspect.at } })
}

function suspectDetail(draft: Draft, suspect: Suspect): Record<string, string | number> {
  const { register } = draft.running
  return {
    why: suspect.why,
    reading: inUnits(suspect.raw),
    readingAt: suspect.at,
    lastReading: inUnits(register.lastRaw),
    lastReadingAt: register.lastAt,
  }
}

function tellUnusable(draft: Draft, message: string, detail: Record<string, string | number>): void {
  if (draft.running.told === message) return
  draft.setRunning({ told: message })
  draft.event('account.reading-unusable', 'warning', { message, ...detail })
}

/** The freeze ends the account's day: post up to it, then state. */
function endDay(draft: Draft, at: EpochMs, taken: Taken): void {
  if (taken.kind === 'appended' || taken.kind === 'inserted') draft.post(taken.reading)
  stateDay(draft, startOfLocalDay(at, draft.context.utcOffsetMinutes))
}

/** A posted interval never reopens: what a late boundary reading changes in an estimated split becomes a correction entry. */
function correct(draft: Draft, reading: RegisterReading): void {
  const { running, account, context } = draft
  const split = running.splits.find((candidate) => candidate.from.at < reading.at && reading.at < candidate.to.at)
  if (split === undefined || !account.verified) return
  const placed = place(reading, split, { offset: running.register.offset, metering: context.metering })
  if (placed.kind === 'contradicts') return tellUnusable(draft, placed.message, { readingAt: reading.at })
  if (placed.kind === 'skewed') return
  const middle = { at: reading.at, energy: placed.energy }
  const [before, after] = [
    pricePair(split.from, middle, pricingOf(account, context)),
    pricePair(middle, split.to, pricingOf(account, context)),
  ]
  if (before === null || after === null) return
  postCorrection(draft, split, [...before, ...after])
}

function postCorrection(draft: Draft, split: EstimatedSplit, pieces: readonly ChargePiece[]): void {
  const isSame = differences(split.pieces, pieces).every((difference) => difference.numerator === 0n)
  if (isSame) return
  for (const difference of differences(split.pieces, pieces)) {
    const { account, context } = draft
    const line = chargeLine(difference, { ...account, account, book: context.tariffs })
    draft.chargeEntries(line, 'correction', split.to.at)
  }
  const others = draft.running.splits.filter((candidate) => candidate !== split)
  draft.setRunning({ splits: [...others, ...splitsOf(pieces)] })
}

/** What each version's part of an interval costs more (or less) under new pieces. */
function differences(
  old: readonly ChargePiece[],
  pieces: readonly ChargePiece[],
): readonly { readonly pieces: readonly ChargePiece[]; readonly numerator: bigint }[] {
  return byVersion(pieces).map((group) => {
    const replaced = old.filter((piece) => piece.tariffVersion === group[0]?.tariffVersion)
    return { pieces: group, numerator: numeratorOf(group) - numeratorOf(replaced) }
  })
}
