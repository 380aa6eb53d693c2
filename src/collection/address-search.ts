import type { MeterAddress } from '../model/index.js'
import type { AddressSearch, SearchOutcome } from '../ports/index.js'

/** How a protocol's addresses are taken apart, without asking anybody. */
export type AddressPatterns = Pick<AddressSearch, 'all' | 'parts' | 'matches'>

/** A search for meters on one bus: what is still to be asked, and what was found. */
export interface SearchState {
  /** Patterns to be asked, the next one last. */
  readonly open: readonly string[]
  /** The next one was garbled once: a second time it means several meters. */
  readonly isDoubted: boolean
  readonly asked: number
  /** Meters that stand in no archive. */
  readonly unknown: readonly MeterAddress[]
  /** Addresses to which more than one meter answers. */
  readonly shared: readonly string[]
  /** It asked as often as it may, and patterns are left. */
  readonly isGivenUp: boolean
}

export interface SearchPlan {
  readonly patterns: AddressPatterns
  /** Meters of the archive on this bus: they answer too. */
  readonly known: readonly MeterAddress[]
  /** Questions of one search; a bus that only babbles would be asked for ever. */
  readonly askedMax: number
}

/** A bus of 100 meters takes some hundreds; each level of a collision a hundred more. */
export const SEARCH_ASKED_MAX = 3_000

/**
 * Begins a search: patterns are halved (for addresses of digits: taken apart digit pair by digit pair) as long as they mean several
 * meters, and those are asked that mean at most one known meter.
 */
export function beginSearch(plan: SearchPlan): SearchState {
  const empty: SearchState = { open: [], isDoubted: false, asked: 0, unknown: [], shared: [], isGivenUp: false }
  return settleNext({ ...empty, open: [plan.patterns.all] }, plan)
}

/** The pattern to be asked next; null: the search has ended. */
export function nextPattern(state: SearchState): string | null {
  return state.isGivenUp ? null : (state.open.at(-1) ?? null)
}

/** Takes in what a question brought. A bus that was down is asked the same again. */
export function searchStep(state: SearchState, outcome: SearchOutcome, plan: SearchPlan): SearchState {
  const pattern = state.open.at(-1)
  if (pattern === undefined || outcome.kind === 'bus-down') return state
  const after: SearchState = { ...state, asked: state.asked + 1, isDoubted: false }
  const rest: SearchState = { ...after, open: state.open.slice(0, -1) }
  if (after.asked >= plan.askedMax) return { ...foundBy(rest, outcome, pattern, plan), isGivenUp: true }
  const isSeveral = outcome.kind === 'several' || (outcome.kind === 'one' && !plan.patterns.matches(pattern, outcome.address))
  if (!isSeveral) return settleNext(foundBy(rest, outcome, pattern, plan), plan)
  if (!state.isDoubted) return { ...after, isDoubted: true }
  const parts = plan.patterns.parts(pattern)
  if (parts.length === 0) return settleNext({ ...rest, shared: [...rest.shared, pattern] }, plan)
  return settleNext({ ...rest, open: [...rest.open, ...[...parts].reverse()] }, plan)
}

function foundBy(state: SearchState, outcome: SearchOutcome, pattern: string, { known, patterns }: SearchPlan): SearchState {
  if (outcome.kind !== 'one' || !patterns.matches(pattern, outcome.address)) return state
  if (known.includes(outcome.address) || state.unknown.includes(outcome.address)) return state
  return { ...state, unknown: [...state.unknown, outcome.address] }
}

/** Takes patterns apart that mean several known meters, and leaves out those that mean a known one and nobody else. */
function settleNext(state: SearchState, { patterns, known }: SearchPlan): SearchState {
  const open = [...state.open]
  for (let pattern = open.pop(); pattern !== undefined; pattern = open.pop()) {
    const own = pattern
    const matching = known.filter((address) => patterns.matches(own, address)).length
    const parts = matching === 0 ? [] : patterns.parts(pattern)
    const isKnownAlone = matching === 1 && parts.length === 0
    if (matching <= 1 && !isKnownAlone) return { ...state, open: [...open, pattern] }
    open.push(...[...parts].reverse())
  }
  return { ...state, open }
}
