import type { EpochMs, EventFact, ItemId, TaskId } from '../model/index.js'
import { epochMs, formatDecimal } from '../model/index.js'
import { Capabilities } from './capabilities.js'
import type { MeterClock } from './clock-care.js'
import { unknownMeterClock } from './clock-care.js'
import type { CumulativeReading } from './plausibility.js'
import { judgeCumulative, limitsOf } from './plausibility.js'
import type { PlannedItem, PlannedMeter } from './site-plan.js'
import type { Found } from './slots.js'

/** What the collection remembers of a device, beyond its open slots. Forgotten when the device is replaced. */
export interface MeterState {
  /** The bus holds the meter back as silent: not offered again before this. */
  heldUntil: number
  /** Why the bus did not carry the last question to it, though it carries others; null: it did. */
  hindrance: 'not-carried' | 'not-joined' | null
  /** How often in a row. */
  hinderedTimes: number
  /** The last thing heard was nothing. */
  silent: boolean
  lastReplyAt: EpochMs | null
  /** Monotonic time of the first question it did not answer; null: it answered the last one. */
  silentSince: number | null
  /** It was told as vanished. */
  isVanished: boolean
  /** Last good total of each cumulative register. */
  readonly lastGood: Map<ItemId, CumulativeReading>
  clock: MeterClock
  /** What it was found to refuse. */
  readonly capabilities: Capabilities
  /** Days whose freeze was given up, by task, oldest first: asked for when the meter answers again, kept until they have come. */
  readonly lostDays: Map<TaskId, readonly EpochMs[]>
  /** Some of them have not been asked for since the meter was silent. */
  hasLostDays: boolean
  /** When a doubtful reading was last told, so that a register beyond its limits does not fill the events. */
  doubtToldAt: number
}

export function newMeterState(): MeterState {
  return {
    heldUntil: -Infinity,
    hindrance: null,
    hinderedTimes: 0,
    silent: false,
    lastReplyAt: null,
    silentSince: null,
    isVanished: false,
    lastGood: new Map(),
    clock: unknownMeterClock,
    capabilities: new Capabilities(),
    lostDays: new Map(),
    hasLostDays: false,
    doubtToldAt: -Infinity,
  }
}

/** What is kept of a device over a restart: the rest is learnt again soon. */
export interface MeterNote {
  /** What it refuses, each with the time at which that was learnt. */
  readonly refuses: Readonly<Record<string, number>>
  readonly isVanished: boolean
  /** Days whose freeze is still to be asked for, by task. */
  readonly lostDays: ReadonlyMap<TaskId, readonly EpochMs[]>
}

/** @returns null when there is nothing to be kept */
export function meterNote({ capabilities, isVanished, lostDays }: MeterState): MeterNote | null {
  const refuses = capabilities.learnt()
  const isEmpty = !isVanished && lostDays.size === 0 && Object.keys(refuses).length === 0
  return isEmpty ? null : { refuses, isVanished, lostDays: new Map(lostDays) }
}

/** Takes over what an earlier run kept. */
export function rememberNote(state: MeterState, { refuses, isVanished, lostDays }: MeterNote): void {
  state.capabilities.remember(refuses)
  for (const [task, days] of lostDays) state.lostDays.set(task, days)
  state.hasLostDays = lostDays.size > 0
  state.isVanished = isVanished
  state.silent = isVanished
}

/** Frozen values carry the meter's own time, which may be this far from ours before it counts as wrong. */
const MEMORY_SLACK_MS = 900_000
/** Between two readings of one register that are to confirm each other. */
const CONFIRM_SLACK_MS = 900_000
const DOUBT_EVENT_GAP_MS = 3_600_000

/** What to do with a reading of a cumulative register: use it, or read once more; `event`: tell that it was doubtful. */
export interface Judgement {
  readonly use: boolean
  /** The total to compare the second reading with. */
  readonly suspect: number | null
  readonly event: EventFact | null
}

const unquestioned: Judgement = { use: true, suspect: null, event: null }

/**
 * Weighs a reading of a cumulative register against the last good one. The first that does not fit is held back; when a
 * second one confirms it, it is the register's true content and is used: what it means is for those who price it.
 */
export function judgeReading(
  state: MeterState,
  target: PlannedMeter,
  reading: { readonly item: PlannedItem; readonly found: Found; readonly suspect: number | null; readonly monotonic: number },
): Judgement {
  const { item, found } = reading
  if (!item.cumulative || !('ints' in found.value)) return unquestioned
  const { ints, exponent } = found.value
  const int = ints[0] ?? null
  if (int === null) return unquestioned
  const { meter, profile } = target
  const last = state.lastGood.get(item.item) ?? null
  const next = { int, exponent, at: found.measuredAt }
  const slackMs = found.source === 'live' ? 0 : MEMORY_SLACK_MS
  const plausible = judgeCumulative(last, next, limitsOf(meter, profile, exponent, slackMs)) === 'plausible'
  const before = reading.suspect === null ? null : { ...next, int: reading.suspect }
  const confirmed =
    before !== null && judgeCumulative(before, next, limitsOf(meter, profile, exponent, CONFIRM_SLACK_MS)) === 'plausible'
  const use = plausible || confirmed
  if (use && (last === null || !plausible || next.at >= last.at)) state.lastGood.set(item.item, next)
  if (plausible || last === null) return unquestioned
  const isTold = !confirmed && reading.monotonic - state.doubtToldAt < DOUBT_EVENT_GAP_MS
  if (isTold) return { use, suspect: int, event: null }
  state.doubtToldAt = reading.monotonic
  const detail = {
    item: item.item,
    value: formatDecimal(int, exponent),
    lastGood: formatDecimal(last.int, last.exponent),
    lastGoodAt: new Date(last.at).toISOString(),
    source: found.source,
    confirmed,
  }
  return {
    use,
    suspect: int,
    event: { code: 'reading.implausible', severity: 'warning', meter: meter.id, link: meter.link, detail },
  }
}

/** The wall clock was stepped: what was measured before keeps its distance to now. */
export function shiftLastGood(state: MeterState, stepMs: number): void {
  for (const [item, reading] of state.lastGood) state.lastGood.set(item, { ...reading, at: epochMs(reading.at + stepMs) })
}
