import { energyMwh, micro } from '../model/index.js'
import type { BillingReading, ChargePiece, EnergyMwh } from '../model/index.js'
import { pricingOf } from './charges.js'
import { joinPieces, pricePair } from './charging.js'
import type { Decision, ReplaceFact } from './decision.js'
import { inUnits, noteCharsMax, refuse, type Draft } from './draft.js'
import { awaitsReading, repriced } from './running.js'
import { levelOf, settle, transition } from './settle.js'

/**
 * The device changed: the old one is charged up to its final reading (or an estimate marked so), the new one begins at its initial
 * reading, and the account's axis goes on. While pricing stands still the final reading is noted only.
 */
export function replaceMeter(draft: Draft, fact: ReplaceFact): Decision {
  const { account, context } = draft
  const initial = energyMwh(fact.initialEnergy * context.metering.ratio)
  if (!account.verified) return refuse('conflict', 'the account is not verified: agree with its statement first')
  if (fact.at <= account.postedTo.at || fact.at > draft.now) {
    return refuse('conflict', 'the replacement lies between the last posted reading and now')
  }
  if (initial < 0n || initial >= context.metering.capacity) return refuse('invalid', 'the initial reading is beyond the register')
  dropReadingsFrom(draft, fact.at)
  const end = endOfDevice(draft, fact)
  if (end.energy < draft.lastReading.energy) return refuse('invalid', 'the final reading is below the last one of the old meter')
  if (!chargeDevice(draft, end)) return refuse('conflict', 'no verified tariff prices the energy since the last charge')
  draft.addEntry({ kind: 'replacement', key: null, amount: micro(0n), at: fact.at, pieces: [], note: noteOf(fact, end) })
  startAt(draft, { ...end, source: 'replacement' }, initial)
  forgetDevice(draft)
  return settle(draft)
}

/** Pricing goes on from a reading on, with the register standing at `raw` there; what lies before is settled. */
export function startAt(draft: Draft, from: BillingReading, raw: EnergyMwh): void {
  const register = { lastRaw: raw, lastAt: from.at, offset: energyMwh(from.energy - raw) }
  draft.set({ postedTo: from, register })
  const power = { milliwatts: null, from: null }
  draft.setRunning({ readings: [], pieces: [], register, suspect: null, seen: null, power, told: null })
}

/** What was read at or after the replacement came from the new device, or from nobody. */
function dropReadingsFrom(draft: Draft, at: BillingReading['at']): void {
  const readings = draft.running.readings.filter((reading) => reading.at < at)
  draft.running = repriced(draft.account, { ...draft.running, readings }, draft.context)
}

/** Where the old device ended on the account's axis. */
function endOfDevice(draft: Draft, { finalEnergy, at }: ReplaceFact): BillingReading {
  const { running, lastReading, context } = draft
  const { ratio, capacity } = context.metering
  if (isUnpriced(draft)) return { at, energy: lastReading.energy, source: 'replacement' }
  if (finalEnergy === null) {
    const milliwatts = running.power.milliwatts ?? 0n
    const energy = lastReading.energy + (milliwatts * BigInt(at - lastReading.at)) / 3_600_000n
    return { at, energy: energyMwh(energy), source: 'estimate' }
  }
  const { lastRaw, offset } = running.register
  const window = (capacity * BigInt(context.rules.wrapWindowPpm)) / 1_000_000n
  const hasWrapped = finalEnergy * ratio < lastRaw && lastRaw >= capacity - window
  const energy = finalEnergy * ratio + offset + (hasWrapped ? capacity : 0n)
  return { at, energy: energyMwh(energy), source: 'replacement' }
}

/** The device was never read (again), or its register left its course: there is nothing to price up to its end. */
const isUnpriced = ({ account, lastReading }: Draft): boolean => account.pricingStopped !== null || awaitsReading(lastReading)

function chargeDevice(draft: Draft, end: BillingReading): boolean {
  const { account, running, lastReading, context } = draft
  const pair = isUnpriced(draft) ? [] : pricePair(lastReading, end, pricingOf(account, context))
  if (pair === null || running.pieces === null) return false
  if (pair.length > 0) {
    const isEstimate = end.source === 'estimate'
    const marked = isEstimate ? pair.map((piece): ChargePiece => ({ ...piece, estimated: true })) : pair
    draft.setRunning({ readings: [...running.readings, end], pieces: joinPieces(running.pieces, marked) })
  }
  // What was good before a register left its course is owed all the same.
  draft.postAll()
  return true
}

function noteOf(fact: ReplaceFact, end: BillingReading): string {
  const final = fact.finalEnergy === null ? 'final reading missing, estimated' : `final ${inUnits(fact.finalEnergy)}`
  const text = `${final}; axis ${inUnits(end.energy)}; initial ${inUnits(fact.initialEnergy)}; address ${fact.newAddress}; ${fact.witness}`
  return text.slice(0, noteCharsMax)
}

/** The new device's relay and alarm are unknown; what was asked of the old one's is taken back. */
function forgetDevice(draft: Draft): void {
  for (const command of draft.running.pending) draft.withdraw(command)
  draft.set({ pricingStopped: null, alarmOn: false, relay: { contact: 'unknown', at: null, problem: null } })
  draft.setRunning({ notBefore: {}, openSince: null, splits: [] })
  const { state, limits } = draft.account
  if (state === 'disconnecting' || state === 'disconnected' || state === 'may-close') {
    transition(draft, levelOf(draft.balance, limits), 'meter-replaced')
  }
}
