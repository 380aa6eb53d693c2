import type { AbsenceReason, EpochMs, ReadingSource, RegisterValue, ValuePart } from '../model/index.js'
import { dayMs, epochMs, fromLocal, startOfLocalDay } from '../model/index.js'
import type { Hindrance, LoadRecord, ReadError, ReadOutcome } from '../ports/index.js'
import type { Ability, RefusalRule } from './capabilities.js'
import { abilityOf, blockAbility, refusalRules } from './capabilities.js'
import { parseMeterTime, settlesAt } from './meter-time.js'
import type { Now } from './now.js'
import type { AskedFreeze, AskedItem, Asks, LiveAsks, MemoryAsks, WantedFreeze, WantedRecords } from './planner.js'
import type { PlannedItem } from './site-plan.js'
import type { Channel, Found, FreezeSearch, Slot, SlotOwner } from './slots.js'
import { channelOf, isFreezeKind, putDoubt } from './slots.js'
import { absenceOf, itemFrom } from './values.js'

/** What answers are weighed by, and where good ones go. */
export interface SettleContext {
  readonly now: Now
  readonly utcOffsetMinutes: number
  /** What `bus-down` means: the meter's own trouble with a bus that is there; null: that it is not. */
  readonly hindrance: Hindrance | null
  /** Takes a value for the slot, or holds it back as suspect. */
  readonly take: (slot: Slot, asked: Asked, found: Found, channel: Channel) => void
  /** The meter showed that it can do something, or that it cannot; `errors`: the names of its error bits. */
  readonly learn: (slot: Slot, lesson: Lesson) => void
}

/** What an answer teaches about a meter. */
export type Lesson =
  | { readonly said: 'answered'; readonly ability: Ability }
  | { readonly said: 'refused'; readonly ability: Ability; readonly rule: RefusalRule; readonly errors: readonly string[] }

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
  /** The bus is there, and did not carry what was asked to this meter. */
  readonly hindrance: Hindrance | null
  /** Something new was learnt, so asking again at once makes sense when more is wanted. */
  readonly progress: boolean
}

/**
 * Answers to a live read: a value counts for the moment it came. One item's failure leaves the others alone. A block that is refused
 * or too short is not asked again, its items are.
 */
export function settleLive(
  { slot, items }: LiveAsks,
  outcomes: readonly ReadOutcome[],
  context: SettleContext & { readonly agoMs: number },
): Finding {
  const came = { channel: 'live', source: 'live', measuredAt: context.now.wall } as const
  const broken = brokenBlocks(slot, items, outcomes, context)
  const isLate = context.now.monotonic - context.agoMs > slot.liveUntil
  for (const asked of items) {
    const answer = answerAt(outcomes, asked.position)
    const { part } = asked
    // It waited too long on its bus: what the meter kept of the instant is truer.
    if (isLate && channelOf(slot, asked.index, context.now, context.utcOffsetMinutes) !== null) {
      putDoubt(slot, asked.index, { reason: 'no-time' })
      continue
    }
    if (part !== undefined && broken.has(part.register)) putDoubt(slot, asked.index, { reason: 'refused' })
    else if (part !== undefined && !answer.ok) putDoubt(slot, asked.index, { reason: reasonOf(answer.error, context) })
    else if (!answer.ok) putFailure(slot, asked, answer.error, 'live', context)
    else putReading(slot, asked, part === undefined ? answer.values : partOf(answer.values, part), came, context)
  }
  return { ...heard(outcomes, context), progress: broken.size > 0 }
}

/** Blocks that the meter refuses, or that hold less than the profile says: it is not asked for them again. */
function brokenBlocks(
  slot: Slot,
  items: readonly AskedItem[],
  outcomes: readonly ReadOutcome[],
  context: SettleContext,
): ReadonlySet<string> {
  const blocks = new Map<string, readonly string[] | null>()
  for (const { part, position } of items) {
    if (part === undefined || (blocks.get(part.register) ?? null) !== null) continue
    const answer = answerAt(outcomes, position)
    if (answer.ok) blocks.set(part.register, partOf(answer.values, part).length < part.count ? ['too-short'] : null)
    else if (answer.error.retry === 'never') blocks.set(part.register, answer.error.errors)
  }
  for (const [register, errors] of blocks) {
    const ability = blockAbility(register)
    if (errors === null) context.learn(slot, { said: 'answered', ability })
    else context.learn(slot, { said: 'refused', ability, rule: refusalRules.block, errors })
  }
  return new Set([...blocks].flatMap(([register, errors]) => (errors === null ? [] : [register])))
}

const partOf = (values: readonly RegisterValue[], { from, count }: ValuePart): readonly RegisterValue[] =>
  values.slice(from, from + count)

/** A meter's clock may be off by so much and still be taken for right. */
const midnightSlackMs = 300_000

/**
 * Answers about freezes: a value belongs to the slot only when its own time is the slot's midnight, and when the meter cannot have
 * frozen anew between the two answers.
 */
export function settleFreeze(
  { wanted, plannedAt }: MemoryAsks & { readonly kind: 'freeze' },
  outcomes: readonly ReadOutcome[],
  context: SettleContext,
): Finding {
  let progress = false
  const lastMidnight = startOfLocalDay(epochMs(context.now.wall + midnightSlackMs), context.utcOffsetMinutes)
  const hasTurned = lastMidnight + midnightSlackMs > plannedAt
  for (const freeze of wanted) {
    if (hasTurned && lastMidnight > freeze.slot.at) {
      for (const { index } of freeze.items) putDoubt(freeze.slot, index, { reason: 'no-time' })
      continue
    }
    for (const asked of freeze.items) {
      const { channel, nth, index } = asked
      const time = answerAt(outcomes, asked.timePosition)
      const value = answerAt(outcomes, asked.position)
      if (channel === 'freeze' && nth === 1 && isEmpty(time)) putEmpty(freeze.slot, asked, time, context)
      else if (!time.ok) putFailure(freeze.slot, asked, time.error, channel, context)
      else if (!value.ok) putFailure(freeze.slot, asked, value.error, channel, context)
      else if (channel === 'freeze') progress = settleDaily(freeze, asked, { time, value }, context) || progress
      else if (settlesAt(time.values[0], freeze.slot.at, context.utcOffsetMinutes)) {
        const came = { channel, source: 'monthly-freeze', measuredAt: freeze.slot.at } as const
        putReading(freeze.slot, asked, value.values, came, context)
        progress = true
      } else {
        putDoubt(freeze.slot, index, { reason: 'not-kept', exhausted: channel })
        progress = true
      }
    }
  }
  return { ...heard(outcomes, context), progress }
}

/** @returns whether something new was learnt */
function settleDaily(
  freeze: WantedFreeze,
  asked: AskedFreeze,
  said: { readonly time: Answered; readonly value: Answered },
  context: SettleContext,
): boolean {
  const { slot } = freeze
  const frozenAt = parseMeterTime(said.time.values[0], context.utcOffsetMinutes)
  const came = { channel: 'freeze', source: 'daily-freeze', measuredAt: slot.at } as const
  if (frozenAt === slot.at) {
    putReading(slot, asked, said.value.values, came, context)
    return true
  }
  return searchOn(freeze, asked, frozenAt === null ? null : (frozenAt - slot.at) / dayMs)
}

/** The meter has never frozen anything: it does not know how, or is new. */
function putEmpty(slot: Slot, asked: AskedFreeze, time: Answer, context: SettleContext): void {
  putDoubt(slot, asked.index, { reason: 'not-kept', exhausted: 'freeze' })
  learnRefusal(slot, asked, { channel: 'freeze', errors: time.ok ? ['never-frozen'] : time.error.errors }, context)
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
        if (!answer.ok) putFailure(slot, asked, answer.error, 'record', context)
        else {
          putRecord(slot, asked, values, newest, context)
          learnRecords(slot, asked, records.size === 0, context)
        }
      }
      progress ||= newest >= slot.at
    }
  }
  return { ...heard(outcomes, context), progress }
}

/** A meter that has no record at all since an instant that is long past keeps none. */
function learnRecords(slot: Slot, asked: Asked, isEmpty: boolean, context: SettleContext): void {
  const isLongPast = context.now.wall - slot.at > 4 * slot.owner.recordSpacingMs
  if (!isEmpty) learnAnswer(slot, asked, 'record', context)
  else if (isLongPast) learnRefusal(slot, asked, { channel: 'record', errors: ['no-records'] }, context)
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
function searchOn(freeze: WantedFreeze, { index, nth }: AskedFreeze, newerByDays: number | null): boolean {
  const { slot, shift } = freeze
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
  const source = isFreezeKind(slot.owner.plan.task.kind) ? 'daily-freeze' : 'load-record'
  const came = { channel: 'record', source, measuredAt: slot.at } as const
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
  if (came.channel !== 'record') learnAnswer(slot, asked, came.channel, context)
  if ('absent' in reading) putDoubt(slot, asked.index, { reason: reading.absent, exhausted: came.channel })
  else context.take(slot, asked, { value: reading, source: came.source, measuredAt: came.measuredAt }, came.channel)
}

/** A live value serves as the freeze of a meter that has none while the window lasts. */
function isEmpty(time: Answer): boolean {
  return time.ok ? time.values[0]?.kind === 'text' && time.values[0].text === null : isNoData(time.error)
}

function isNoData(error: ReadError): boolean {
  return error.code === 'refused' && error.errors.includes('no-such-data')
}

function reasonOf({ code }: ReadError, { hindrance }: SettleContext): AbsenceReason {
  if (code !== 'bus-down' || hindrance === null) return absenceOf(code)
  return hindrance === 'later' ? 'no-time' : hindrance
}

/** A refusal is the meter's last word on that way of asking, unless it says "later" itself. */
function putFailure(slot: Slot, asked: Asked, error: ReadError, channel: Channel, context: SettleContext): void {
  const isEmptyMemory = channel !== 'live' && isNoData(error)
  const reason = isEmptyMemory ? 'not-kept' : reasonOf(error, context)
  const isFinal = error.retry === 'never' && !(isEmptyMemory && channel !== 'month')
  putDoubt(slot, asked.index, isFinal ? { reason, exhausted: channel } : { reason })
  if (error.code === 'refused' && error.retry === 'never') learnRefusal(slot, asked, { channel, errors: error.errors }, context)
}

function learnRefusal(
  slot: Slot,
  { item }: Asked,
  { channel, errors }: { readonly channel: Channel; readonly errors: readonly string[] },
  context: SettleContext,
): void {
  const ability = abilityOf(item.source, channel, slot.owner.plan.task.kind)
  context.learn(slot, { said: 'refused', ability, rule: refusalRules[channel], errors })
}

function learnAnswer(slot: Slot, { item }: Asked, channel: Channel, context: SettleContext): void {
  context.learn(slot, { said: 'answered', ability: abilityOf(item.source, channel, slot.owner.plan.task.kind) })
}

type Answered = { readonly ok: true; readonly values: readonly RegisterValue[]; readonly records: readonly LoadRecord[] }
type Answer = Answered | { readonly ok: false; readonly error: ReadError }

/** A protocol that says nothing of a register has not read it. */
function answerAt(outcomes: readonly ReadOutcome[], position: number): Answer {
  return outcomes[position] ?? { ok: false, error: unanswered }
}
const unanswered: ReadError = { code: 'no-reply', retry: 'later', errors: [], message: 'not read', frame: null }

function heard(
  outcomes: readonly ReadOutcome[],
  { hindrance }: SettleContext,
): Pick<Finding, 'answered' | 'busDown' | 'hindrance'> {
  const isDown = outcomes.some((outcome) => !outcome.ok && outcome.error.code === 'bus-down')
  return {
    answered: outcomes.some((outcome) => outcome.ok || outcome.error.code === 'refused' || outcome.error.code === 'invalid'),
    busDown: isDown && hindrance === null,
    hindrance: isDown ? hindrance : null,
  }
}

/** @returns the newest of the times; −∞ when there are none */
function learnSpacing(owner: SlotOwner, times: EpochMs[]): number {
  const [first, second] = times.sort((a, b) => a - b)
  if (isFreezeKind(owner.plan.task.kind)) return times.at(-1) ?? -Infinity
  if (first !== undefined && second !== undefined) owner.recordSpacingMs = second - first
  return times.at(-1) ?? -Infinity
}
