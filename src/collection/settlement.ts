import type { EpochMs, ReadingSource, RegisterValue } from '../model/index.js'
import { dayMs, fromLocal } from '../model/index.js'
import type { LoadRecord, ReadError, ReadOutcome } from '../ports/index.js'
import { parseMeterTime } from './meter-time.js'
import type { Now } from './now.js'
import type { AskedItem, Asks, WantedFreeze, WantedRecords } from './planner.js'
import type { PlannedItem } from './site-plan.js'
import type { Channel, Found, FreezeSearch, Slot, SlotOwner } from './slots.js'
import { putDoubt } from './slots.js'
import { absenceOf, itemFrom } from './values.js'

/** What answers are weighed by, and where good ones go. */
export interface SettleContext {
  readonly now: Now
  readonly utcOffsetMinutes: number
  /** Takes a value for the slot, or holds it back as suspect. */
  readonly take: (slot: Slot, asked: Asked, found: Found) => void
}

/** An item of a slot's plan and its place there. */
export interface Asked {
  readonly index: number
  readonly item: PlannedItem
}

/** What the answers say of the way they came. */
export interface Finding {
  /** The meter said something. */
  readonly answered: boolean
  readonly busDown: boolean
  /** Something new was learnt, so asking again at once makes sense when more is wanted. */
  readonly progress: boolean
}

/** Answers to a live read: a value counts for the moment it came. One item's failure leaves the others alone. */
export function settleLive(
  slot: Slot,
  items: readonly AskedItem[],
  outcomes: readonly ReadOutcome[],
  context: SettleContext,
): Finding {
  const came = { channel: 'live', source: 'live', measuredAt: context.now.wall } as const
  for (const asked of items) {
    const answer = answerAt(outcomes, asked.position)
    if (answer.ok) putReading(slot, asked, answer.values, came, context)
    else putFailure(slot, asked.index, answer.error, 'live')
  }
  return { ...heard(outcomes), progress: false }
}

/** Answers about daily freezes: a value belongs to the slot only when its own time is the slot's midnight. */
export function settleFreeze(wanted: readonly WantedFreeze[], outcomes: readonly ReadOutcome[], context: SettleContext): Finding {
  let progress = false
  for (const freeze of wanted) {
    const { slot, nth, items } = freeze
    for (const asked of items) {
      const time = answerAt(outcomes, asked.timePosition)
      const value = answerAt(outcomes, asked.position)
      if (nth === 1 && isEmpty(time)) putDoubt(slot, asked.index, { reason: 'not-kept', exhausted: 'freeze' })
      else if (!time.ok) putFailure(slot, asked.index, time.error, 'freeze')
      else if (!value.ok) putFailure(slot, asked.index, value.error, 'freeze')
      else {
        const frozenAt = parseMeterTime(time.values[0], context.utcOffsetMinutes)
        const came = { channel: 'freeze', source: 'daily-freeze', measuredAt: slot.at } as const
        if (frozenAt === slot.at) putReading(slot, asked, value.values, came, context)
        const missedBy = frozenAt === null ? null : (frozenAt - slot.at) / dayMs
        progress = frozenAt === slot.at || searchOn(freeze, asked.index, missedBy) || progress
      }
    }
  }
  return { ...heard(outcomes), progress }
}

/** Answers of the load profile: records are matched to slots by their own time. */
export function settleRecords(
  owner: SlotOwner,
  wanted: readonly WantedRecords[],
  outcomes: readonly ReadOutcome[],
  context: SettleContext,
): Finding {
  let progress = false
  for (const { position, slots, items } of wanted) {
    const answer = answerAt(outcomes, position)
    const records = new Map(
      (answer.ok ? answer.records : []).map((record) => [fromLocal(record.at, context.utcOffsetMinutes), record]),
    )
    const newest = learnSpacing(owner, [...records.keys()])
    for (const slot of slots) {
      for (const asked of items) {
        const values = records.get(slot.at)?.values.slice(asked.from, asked.from + asked.count)
        if (!answer.ok) putFailure(slot, asked.index, answer.error, 'record')
        else putRecord(slot, asked, values, newest, context)
      }
      progress ||= newest >= slot.at
    }
  }
  return { ...heard(outcomes), progress }
}

/** All items of a job that was given up before it was answered. */
export function failAll(asks: Asks, reason: 'no-reply' | 'no-time'): void {
  switch (asks.kind) {
    case 'live':
      for (const { index } of asks.items) putDoubt(asks.slot, index, { reason })
      return
    case 'freeze':
      for (const { slot, items } of asks.wanted) for (const { index } of items) putDoubt(slot, index, { reason })
      return
    case 'record':
      for (const { slots, items } of asks.wanted)
        for (const slot of slots) for (const { index } of items) putDoubt(slot, index, { reason })
      return
  }
}

/**
 * Notes that the freeze looked at was not the wanted one, and where to look next.
 *
 * @param newerByDays how much newer than wanted the freeze found is; null: that place is empty
 * @returns false when the wanted day is not there (yet): its neighbours lie side by side, or the meter's last freeze is older
 */
function searchOn(freeze: WantedFreeze, index: number, newerByDays: number | null): boolean {
  const { slot, shift, nth } = freeze
  const known: FreezeSearch = slot.search ?? { shift, tooFew: -Infinity, tooMany: Infinity }
  const isNewer = newerByDays !== null && newerByDays > 0
  const tooFew = isNewer ? Math.max(shift, known.tooFew) : known.tooFew
  const tooMany = isNewer ? known.tooMany : Math.min(shift, known.tooMany)
  if (nth === 1 && !isNewer) {
    putDoubt(slot, index, { reason: 'not-kept' })
    return false
  }
  if (tooMany - tooFew <= 1) {
    putDoubt(slot, index, { reason: 'not-kept', exhausted: 'freeze' })
    return true
  }
  const guess = shift + Math.round(newerByDays ?? -1)
  slot.search = { shift: Math.min(Math.max(guess, tooFew + 1), tooMany - 1), tooFew, tooMany }
  return true
}

function putRecord(
  slot: Slot,
  asked: Asked,
  values: readonly RegisterValue[] | undefined,
  newest: number,
  context: SettleContext,
): void {
  const came = { channel: 'record', source: 'load-record', measuredAt: slot.at } as const
  if (values !== undefined && values.length > 0) putReading(slot, asked, values, came, context)
  else if (values !== undefined || newest > slot.at) putDoubt(slot, asked.index, { reason: 'not-kept', exhausted: 'record' })
  else putDoubt(slot, asked.index, { reason: 'not-kept' })
}

interface Came {
  readonly channel: Channel
  readonly source: ReadingSource
  readonly measuredAt: EpochMs
}

function putReading(slot: Slot, asked: Asked, values: readonly RegisterValue[], came: Came, context: SettleContext): void {
  const reading = itemFrom(asked.item.item, values)
  if ('absent' in reading) putDoubt(slot, asked.index, { reason: reading.absent, exhausted: came.channel })
  else context.take(slot, asked, { value: reading, source: came.source, measuredAt: came.measuredAt })
}

/** The meter has never frozen anything: it does not know how, or is new. A live value serves as its freeze while the window lasts. */
function isEmpty(time: Answer): boolean {
  return time.ok ? time.values[0]?.kind === 'text' && time.values[0].text === null : isNoData(time.error)
}

function isNoData(error: ReadError): boolean {
  return error.code === 'refused' && error.errors.includes('no-such-data')
}

/** A refusal is the meter's last word on that way of asking, unless it says "later" itself. */
function putFailure(slot: Slot, index: number, error: ReadError, channel: Channel): void {
  const isEmptyMemory = channel !== 'live' && isNoData(error)
  const reason = isEmptyMemory ? 'not-kept' : absenceOf(error.code)
  putDoubt(slot, index, error.retry === 'never' && !isEmptyMemory ? { reason, exhausted: channel } : { reason })
}

type Answer =
  | { readonly ok: true; readonly values: readonly RegisterValue[]; readonly records: readonly LoadRecord[] }
  | { readonly ok: false; readonly error: ReadError }

/** A protocol that says nothing of a register has not read it. */
function answerAt(outcomes: readonly ReadOutcome[], position: number): Answer {
  return outcomes[position] ?? { ok: false, error: unanswered }
}
const unanswered: ReadError = { code: 'no-reply', retry: 'later', errors: [], message: 'not read', frame: null }

function heard(outcomes: readonly ReadOutcome[]): { readonly answered: boolean; readonly busDown: boolean } {
  return {
    answered: outcomes.some((outcome) => outcome.ok || outcome.error.code === 'refused' || outcome.error.code === 'invalid'),
    busDown: outcomes.some((outcome) => !outcome.ok && outcome.error.code === 'bus-down'),
  }
}

/** @returns the newest of the times; −∞ when there are none */
function learnSpacing(owner: SlotOwner, times: EpochMs[]): number {
  const [first, second] = times.sort((a, b) => a - b)
  if (first !== undefined && second !== undefined) owner.recordSpacingMs = second - first
  return times.at(-1) ?? -Infinity
}
