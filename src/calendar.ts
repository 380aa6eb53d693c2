import { RecurrenceRule, scheduleJob } from 'node-schedule'
import { epochMs, type EpochMs } from './model/index.js'
import type { Calendar, Clock, Timers } from './ports/index.js'

/** Jobs of one calendar; more are refused with a RangeError: slots and deadlines behind them live elsewhere. */
export const jobsMax = 256
/** The wall clock is compared with the monotonic one this often while there are jobs: a step is acted on within it. */
export const stepCheckMs = 20_000
/** A smaller difference is slewing, not a step. */
const stepMs = 1_000
const secondMs = 1_000
const minuteMs = 60_000
/** Instants of a job that are remembered, so that a wall clock stepped back does not fire them again. */
const firedMax = 256

/** Calls `fire` once, `delayMs` of wall time from now; returns the way to cancel it. */
type Alarm = (delayMs: number, fire: () => void) => () => void

export interface CalendarOptions {
  readonly clock: Clock
  readonly timers: Timers
  /**
   * Told when a wall clock stepped forward over more than one match: only `fired`, the latest of them, fires. What belongs
   * to the others is found by whoever knows what was due since `from`.
   */
  readonly onSkipped: (cron: string, from: EpochMs, fired: EpochMs) => void
}

/** Wall-clock jobs in real time, on node-schedule. */
export function createCalendar(options: CalendarOptions): Calendar {
  return new SteppedCalendar(options, nodeScheduleAlarm)
}

/** The same calendar on injected timers alone, for virtual time. */
export function calendarOn(options: CalendarOptions): Calendar {
  return new SteppedCalendar(options, (delayMs, fire) => options.timers.after(delayMs, fire))
}

/**
 * The first instant strictly after `after` that matches. As cron has it, a day matches by its date or by its weekday where
 * both are restricted.
 *
 * @param cron five fields (minute, hour, date, month, weekday) or six (second first): `*`, numbers, lists, ranges, steps
 * @throws RangeError when `cron` is no cron expression or never matches
 */
export function nextAfter(cron: string, utcOffsetMinutes: number, after: EpochMs): EpochMs {
  const { rules, second, minute } = parse(cron, utcOffsetMinutes)
  const base = new Date(baseFor(after, utcOffsetMinutes, second, minute))
  return epochMs(Math.min(...rules.map((rule) => rule.nextInvocationDate(base).getTime())))
}

/**
 * node-schedule walks second by second, then minute by minute from its base, which costs 10 µs a step: let it start just
 * before the next minute that can match at all.
 */
function baseFor(after: EpochMs, utcOffsetMinutes: number, second: readonly number[], minute: Segment): number {
  if (second.length !== 1 || second[0] !== 0) return Math.floor(after / secondMs) * secondMs
  let at = (Math.floor(after / minuteMs) + 1) * minuteMs
  if (minute !== null) while (!minute.includes((((at / minuteMs + utcOffsetMinutes) % 60) + 60) % 60)) at += minuteMs
  return at - secondMs
}

interface Job {
  readonly cron: string
  readonly utcOffsetMinutes: number
  readonly fire: (instant: EpochMs) => void
  readonly fired: Set<EpochMs>
  next: EpochMs
  cancel: () => void
}

/**
 * Follows the wall clock also when it steps. After a step forward over matches the latest of them fires once; after a step back
 * the matches that come again do not fire a second time. The alarm itself runs on monotonic time, so every step is found by
 * comparing the two clocks and each job is armed anew.
 */
class SteppedCalendar implements Calendar {
  readonly nextAfter = nextAfter
  readonly #options: CalendarOptions
  readonly #alarm: Alarm
  readonly #jobs = new Set<Job>()
  #difference = 0
  #stopWatching: (() => void) | null = null

  constructor(options: CalendarOptions, alarm: Alarm) {
    this.#options = options
    this.#alarm = alarm
  }

  schedule(cron: string, utcOffsetMinutes: number, fire: (instant: EpochMs) => void): () => void {
    if (this.#jobs.size >= jobsMax) throw new RangeError(`a calendar holds at most ${jobsMax} jobs`)
    const next = nextAfter(cron, utcOffsetMinutes, this.#wall())
    const job: Job = { cron, utcOffsetMinutes, fire, fired: new Set(), next, cancel: () => undefined }
    if (this.#stopWatching === null) this.#watch()
    this.#jobs.add(job)
    this.#arm(job)
    return () => {
      job.cancel()
      this.#jobs.delete(job)
      if (this.#jobs.size > 0) return
      this.#stopWatching?.()
      this.#stopWatching = null
    }
  }

  #wall(): EpochMs {
    return this.#options.clock.wall().at
  }

  #measure(): number {
    return this.#wall() - this.#options.clock.monotonic()
  }

  #watch(): void {
    this.#difference = this.#measure()
    const look = (): void => {
      this.#stopWatching = this.#options.timers.after(stepCheckMs, look)
      const difference = this.#measure()
      const stepped = Math.abs(difference - this.#difference) >= stepMs
      this.#difference = difference
      if (stepped) for (const job of [...this.#jobs]) this.#rearm(job)
    }
    this.#stopWatching = this.#options.timers.after(stepCheckMs, look)
  }

  #arm(job: Job): void {
    job.cancel()
    job.cancel = this.#alarm(Math.max(0, job.next - this.#wall()), () => this.#due(job))
  }

  /** The alarm rang, or a step brought the instant about. */
  #due(job: Job): void {
    if (!this.#jobs.has(job)) return
    const now = this.#wall()
    if (now < job.next) return this.#rearm(job)
    const from = job.next
    const instant = latestMatch(job, now)
    job.next = this.#nextUnfired(job, now)
    this.#arm(job)
    if (instant !== from) this.#options.onSkipped(job.cron, from, instant)
    if (job.fired.has(instant)) return
    remember(job, instant)
    job.fire(instant)
  }

  #rearm(job: Job): void {
    const now = this.#wall()
    if (now >= job.next) return this.#due(job)
    job.next = this.#nextUnfired(job, now)
    this.#arm(job)
  }

  #nextUnfired(job: Job, now: EpochMs): EpochMs {
    let next = nextAfter(job.cron, job.utcOffsetMinutes, now)
    while (job.fired.has(next)) next = nextAfter(job.cron, job.utcOffsetMinutes, next)
    return next
  }
}

function remember(job: Job, instant: EpochMs): void {
  job.fired.add(instant)
  for (const oldest of job.fired) {
    if (job.fired.size <= firedMax) break
    job.fired.delete(oldest)
  }
}

/** The last match at or before `now`, not before the one that is due: looked for backwards in doubling spans. */
function latestMatch(job: Job, now: EpochMs): EpochMs {
  const next = (after: number) => nextAfter(job.cron, job.utcOffsetMinutes, epochMs(Math.floor(after)))
  let latest = job.next
  for (let spanMs = 1_000; now - spanMs > job.next; spanMs *= 2) {
    const match = next(now - spanMs)
    if (match > now) continue
    latest = match
    break
  }
  for (let match = next(latest); match <= now; match = next(latest)) latest = match
  return latest
}

/** node-schedule follows `Date.now()`, our wall clock may be corrected against it: only the distance is handed over. */
const nodeScheduleAlarm: Alarm = (delayMs, fire) => {
  const job = scheduleJob(new Date(Date.now() + Math.max(1, delayMs)), fire)
  return () => job.cancel()
}

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
}

const fields: readonly Field[] = [
  { name: 'second', min: 0, max: 59 },
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'date', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12 },
  { name: 'weekday', min: 0, max: 7 },
]

interface Parsed {
  readonly rules: readonly RecurrenceRule[]
  readonly second: readonly number[]
  readonly minute: Segment
}

function parse(cron: string, utcOffsetMinutes: number): Parsed {
  const texts = cron.trim().split(/\s+/)
  if (texts.length === 5) texts.unshift('0')
  if (texts.length !== fields.length) throw new RangeError(`a cron expression has five or six fields: ${cron}`)
  const parsed = fields.map((field, index) => parseField(texts[index] ?? '', field, cron))
  const [seconds = null, minute = null, hour = null, date = null, month = null, weekday = null] = parsed
  // node-schedule takes "no seconds given" for second 0.
  const second = seconds ?? Array.from({ length: 60 }, (_, index) => index)
  const rule = (dates: Segment, days: Segment) => {
    const made = new RecurrenceRule()
    Object.assign(made, { month: copy(month?.map((number) => number - 1) ?? null), date: copy(dates), dayOfWeek: copy(days) })
    Object.assign(made, { hour: copy(hour), minute: copy(minute), second: copy(second), tz: zone(utcOffsetMinutes) })
    return made
  }
  const days = weekday?.map((day) => day % 7) ?? null
  if (date === null) return { rules: [rule(null, days)], second, minute }
  const byDate = occurs(date, month) ? [rule(date, null)] : []
  const byWeekday = days === null ? [] : [rule(null, days)]
  if (byDate.length + byWeekday.length === 0) throw new RangeError(`no such day ever comes: ${cron}`)
  return { rules: [...byDate, ...byWeekday], second, minute }
}

/** Numbers that match; null: all. */
type Segment = readonly number[] | null

const copy = (segment: Segment): number[] | null => (segment === null ? null : [...segment])

/** One field: null when it does not restrict. */
function parseField(text: string, { name, min, max }: Field, cron: string): number[] | null {
  if (text === '*') return null
  const numbers = text.split(',').flatMap((part) => {
    const match = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part)
    const [, first, last, step] = match ?? []
    const from = first === undefined ? min : Number(first)
    const to = last !== undefined ? Number(last) : first === undefined || step !== undefined ? max : from
    const by = step === undefined ? 1 : Number(step)
    if (match === null || by < 1 || from < min || to > max || from > to) {
      throw new RangeError(
        `the ${name} of a cron expression is a number, list, range or step from ${min} to ${max}, got ${text}: ${cron}`,
      )
    }
    return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by)
  })
  return [...new Set(numbers)].sort((a, b) => a - b)
}

const longestMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Whether any of the months has any of the dates: node-schedule would look for a 31 February without end. */
function occurs(dates: readonly number[], months: Segment): boolean {
  const first = dates[0] ?? 32
  return longestMonth.some((days, index) => (months === null || months.includes(index + 1)) && first <= days)
}

/** The fixed offset as node-schedule's zones are called: `UTC+08:00`. */
function zone(utcOffsetMinutes: number): string {
  const minutes = Math.abs(utcOffsetMinutes)
  const text = (number: number) => String(number).padStart(2, '0')
  return `UTC${utcOffsetMinutes < 0 ? '-' : '+'}${text(Math.floor(minutes / 60))}:${text(minutes % 60)}`
}
