import type { AbsenceReason, EpochMs, ItemId, LinkId } from '../model/index.js'
import { absenceReasons, epochMs } from '../model/index.js'

/** Days kept in memory; when more are open (the clock jumps about), the oldest is given out as it stands. */
export const STATISTICS_DAYS_MAX = 8

/** What became of values that were due. */
export interface ItemCounts {
  due: number
  /** Got by the first question. */
  first: number
  /** Got by a repeated question or from the meter's memory. */
  later: number
  missing: Partial<Record<AbsenceReason, number>>
}

/** Latency from the moment a value was to be asked for to its arrival, over values asked at the instant; milliseconds, upper bounds of buckets. */
export interface Latency {
  readonly count: number
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  readonly p99Ms: number | null
}

/** Counts with the two rates masters judge by, in millionths of what was due; null: nothing was. */
export interface Success extends Readonly<ItemCounts> {
  /** Got by the first question. */
  readonly oneShotPpm: number | null
  /** Got at all. */
  readonly periodicPpm: number | null
}

/** One item on one link or medium. */
export type ItemSuccess = { readonly item: ItemId } & Readonly<ItemCounts>

export interface DayStatistics {
  readonly day: EpochMs
  /** Only part of the day is counted: what had ended before this instant is in no count here. Absent: the whole day. */
  readonly since?: EpochMs
  readonly total: Success
  readonly links: readonly {
    readonly link: LinkId
    readonly medium: string
    readonly total: Success
    readonly latency: Latency
    readonly items: readonly ItemSuccess[]
  }[]
  /** The links of each medium together. */
  readonly media: readonly {
    readonly medium: string
    readonly total: Success
    readonly latency: Latency
    readonly items: readonly ItemSuccess[]
  }[]
}

/** Counts of due, got and missing per day, link, medium and item, and the latency of what came. */
export class Statistics {
  private readonly days = new Map<EpochMs, Day>()
  private countedFrom = -Infinity
  private taken = { to: -Infinity, at: -Infinity }
  private readonly mediumOf: (link: LinkId) => string

  constructor(mediumOf: (link: LinkId) => string = (link) => link) {
    this.mediumOf = mediumOf
  }

  /** From here on everything is counted: the process started, or the clock was set beyond what it can explain. */
  countFrom(at: EpochMs): void {
    this.countedFrom = at
  }

  due(day: EpochMs, link: LinkId, item: ItemId): void {
    let known = this.days.get(day)
    if (known === undefined) this.days.set(day, (known = { since: this.sinceOf(day), links: new Map() }))
    const { links } = known
    let linkDay = links.get(link)
    if (linkDay === undefined) links.set(link, (linkDay = newLinkDay()))
    countsOf(linkDay, item).due++
  }

  /** What comes for a day that was given out is no longer counted. @param latencyMs null where a delay says nothing about the bus */
  got(day: EpochMs, link: LinkId, item: ItemId, how: { readonly first: boolean; readonly latencyMs: number | null }): void {
    const linkDay = this.days.get(day)?.links.get(link)
    const counts = linkDay?.items.get(item)
    if (linkDay === undefined || counts === undefined) return
    if (how.first) counts.first++
    else counts.later++
    if (how.latencyMs !== null) linkDay.histogram.add(how.latencyMs)
  }

  missing(day: EpochMs, link: LinkId, item: ItemId, reason: AbsenceReason): void {
    const missing = this.days.get(day)?.links.get(link)?.items.get(item)?.missing
    if (missing !== undefined) missing[reason] = (missing[reason] ?? 0) + 1
  }

  /** The days held, oldest first. */
  view(): readonly DayStatistics[] {
    return [...this.days.keys()].sort((a, b) => a - b).map((day) => this.dayView(day))
  }

  /** Gives out a finished day at an instant and forgets it. */
  take(day: EpochMs, at: EpochMs): DayStatistics {
    const view = this.dayView(day)
    this.days.delete(day)
    this.taken = { to: Math.max(this.taken.to, day), at }
    return view
  }

  /** A day that comes again after it was given out has only what is left of it. */
  private sinceOf(day: EpochMs): EpochMs | null {
    const since = day <= this.taken.to ? this.taken.at : this.countedFrom
    return since > day ? epochMs(since) : null
  }

  private dayView(day: EpochMs): DayStatistics {
    const { since, links: known } = this.days.get(day) ?? { since: null, links: new Map<LinkId, LinkDay>() }
    const media = new Map<string, LinkDay>()
    const links = [...known].map(([link, linkDay]) => {
      const medium = this.mediumOf(link)
      const sum = media.get(medium) ?? newLinkDay()
      media.set(medium, sum)
      addTo(sum, linkDay)
      return { link, medium, ...viewOf(linkDay) }
    })
    const all = [...known.values()].flatMap(({ items }) => [...items.values()])
    return {
      day,
      ...(since !== null && { since }),
      total: successOf(all),
      links,
      media: [...media].map(([medium, sum]) => ({ medium, ...viewOf(sum) })),
    }
  }
}

interface Day {
  readonly since: EpochMs | null
  readonly links: Map<LinkId, LinkDay>
}

interface LinkDay {
  readonly items: Map<ItemId, ItemCounts>
  readonly histogram: Histogram
}

const newLinkDay = (): LinkDay => ({ items: new Map(), histogram: new Histogram() })
const noCounts = (): ItemCounts => ({ due: 0, first: 0, later: 0, missing: {} })

function countsOf({ items }: LinkDay, item: ItemId): ItemCounts {
  let counts = items.get(item)
  if (counts === undefined) items.set(item, (counts = noCounts()))
  return counts
}

function viewOf({ items, histogram }: LinkDay) {
  return {
    total: successOf([...items.values()]),
    latency: histogram.latency(),
    items: [...items].map(([item, counts]) => ({ item, ...counts, missing: { ...counts.missing } })),
  }
}

function addTo(sum: LinkDay, part: LinkDay): void {
  for (const [item, counts] of part.items) addCounts(countsOf(sum, item), counts)
  sum.histogram.merge(part.histogram)
}

function addCounts(sum: ItemCounts, part: Readonly<ItemCounts>): void {
  sum.due += part.due
  sum.first += part.first
  sum.later += part.later
  for (const reason of absenceReasons) {
    const count = part.missing[reason]
    if (count !== undefined) sum.missing[reason] = (sum.missing[reason] ?? 0) + count
  }
}

function successOf(parts: readonly Readonly<ItemCounts>[]): Success {
  const sum = noCounts()
  for (const part of parts) addCounts(sum, part)
  const ppm = (count: number): number | null => (sum.due === 0 ? null : Math.floor((count * 1_000_000) / sum.due))
  return { ...sum, oneShotPpm: ppm(sum.first), periodicPpm: ppm(sum.first + sum.later) }
}

const BUCKETS = 48
const FIRST_BOUND_MS = 10

/** Buckets whose bounds grow by √2 from 10 ms: a percentile is right within 41 %, whatever the load, in 48 numbers. */
export class Histogram {
  private readonly buckets = new Uint32Array(BUCKETS)
  private count = 0

  add(valueMs: number): void {
    const index = Math.ceil(2 * Math.log2(Math.max(valueMs, FIRST_BOUND_MS) / FIRST_BOUND_MS))
    const bucket = Math.min(index, BUCKETS - 1)
    this.buckets[bucket] = Number(this.buckets[bucket]) + 1
    this.count++
  }

  merge(other: Histogram): void {
    for (const [bucket, count] of other.buckets.entries()) this.buckets[bucket] = Number(this.buckets[bucket]) + count
    this.count += other.count
  }

  latency(): Latency {
    return { count: this.count, p50Ms: this.percentile(0.5), p95Ms: this.percentile(0.95), p99Ms: this.percentile(0.99) }
  }

  private percentile(part: number): number | null {
    let seen = 0
    const bucket = this.buckets.findIndex((size) => (seen += size) >= part * this.count && seen > 0)
    return bucket < 0 ? null : Math.round(FIRST_BOUND_MS * 2 ** (bucket / 2))
  }
}
