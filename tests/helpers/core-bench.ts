import { nextAfter } from '../../src/calendar.js'
import type { ClosedSlot, CollectionOptions, CollectionSettings, DayStatistics, Now, Work } from '../../src/collection/index.js'
import { Collection, defaultClockRules, defaultCollectionSettings, planSite } from '../../src/collection/index.js'
import {
  epochMs,
  formatLocal,
  linkId,
  meterAddress,
  meterId,
  monotonicMs,
  toLocal,
  type EpochMs,
  type EventFact,
  type Meter,
  type MeterId,
  type Point,
  type RegisterValue,
  type SiteParameters,
} from '../../src/model/index.js'
import type { JobResult, ReadError, ReadErrorCode, ReadOutcome } from '../../src/ports/index.js'
import { testSite } from './collection-site.js'

export const utcOffsetMinutes = 480

/** An instant by its local time, `2026-03-01 00:15`. */
export function local(text: string): EpochMs {
  return epochMs(Date.parse(`${text.replace(' ', 'T')}:00Z`) - utcOffsetMinutes * 60_000)
}

export function testMeter(name: string, changes: Partial<Meter> = {}): Meter {
  return {
    id: meterId(name),
    address: meterAddress(name.padStart(12, '0')),
    protocol: 'dlt645-2007',
    link: linkId('bus-1'),
    profile: 'test',
    ct: 1,
    pt: 1,
    role: 'customer',
    phase: 'A',
    box: 'box-1',
    ...changes,
  }
}

export const number = (int: number | null, exponent = -2, unit: 'kWh' | 'kW' = 'kWh'): RegisterValue => ({
  kind: 'number',
  int,
  exponent,
  unit,
})
export const text = (value: string | null): RegisterValue => ({ kind: 'text', text: value, unit: '' })

export function good(register: string, values: readonly RegisterValue[]): ReadOutcome {
  return { register, ok: true, values, records: [] }
}

export function bad(register: string, code: ReadErrorCode, changes: Partial<ReadError> = {}): ReadOutcome {
  return { register, ok: false, error: { code, retry: 'later', errors: [], message: code, frame: null, ...changes } }
}

export type Answer = (work: Work, now: Now) => JobResult<readonly ReadOutcome[]>

/** The collection alone on a clock moved by hand; an answer function stands for the buses. */
export class CoreBench {
  readonly collection: Collection
  readonly works: Work[] = []
  readonly points: Point[] = []
  readonly events: EventFact[] = []
  readonly days: DayStatistics[] = []
  readonly clocks: { meter: MeterId; driftMs: number }[] = []
  readonly relays: { meter: MeterId; contact: 'closed' | 'open' }[] = []
  readonly relayReads: MeterId[] = []
  readonly learnt: MeterId[] = []
  steppedBack = 0
  /** Slots that were looked at because their instants had passed. */
  looked = 0
  answer: Answer = (work, now) => ({ kind: 'settled', outcome: answerAll(work, now) })
  /** How long a job is on the bus. */
  jobMs = 500
  /** A medium that lines requests up may answer so long after a job's time. */
  overstayMs = 0
  /** What it is told to have taken of it. */
  busMs = 0
  site: SiteParameters
  now: Now
  /** Calendars fire as the wall clock passes their instants; a step forward skips, as a real one does. */
  private readonly fired = new Map<string, EpochMs>()
  private readonly next = new Map<string, { after: EpochMs; at: EpochMs }>()
  private flying: { endsAt: number; work: Work }[] = []

  constructor(
    start: EpochMs,
    site: Partial<SiteParameters> = {},
    settings: Partial<CollectionSettings> = {},
    options: Partial<CollectionOptions> = {},
  ) {
    this.site = testSite([testMeter('1')], { utcOffsetMinutes, ...site })
    this.now = { monotonic: monotonicMs(1_000), wall: start, trusted: true, boot: 'boot-1' }
    this.collection = new Collection({
      settings: { ...defaultCollectionSettings, ...settings },
      clockRules: defaultClockRules,
      utcOffsetMinutes,
      nextAfter: (cron, after) => nextAfter(cron, utcOffsetMinutes, after),
      nextBoundary: (tariff, after) => (tariff === 'flat' ? null : nextAfter('0 8,22 * * *', utcOffsetMinutes, after)),
      ...options,
    })
    this.configure(this.site)
  }

  configure(site: SiteParameters): void {
    this.site = site
    for (const { id } of site.tasks) if (!this.fired.has(id)) this.fired.set(id, this.now.wall)
    this.collection.configure(planSite(site), this.now)
    this.turn()
  }

  /** Lets time pass, firing calendars, ending jobs and waking the collection when it asks for it. */
  run(durationMs: number): void {
    const until = this.now.monotonic + durationMs
    for (;;) {
      const wakes = this.collection.wakeAt(this.now) ?? Infinity
      const fires = Math.min(...this.site.tasks.map((task) => this.nextFire(task.id, task.cron) - this.now.wall))
      const ends = Math.min(...this.flying.map((job) => job.endsAt))
      const at = Math.min(Math.max(wakes, this.now.monotonic), this.now.monotonic + fires, ends)
      if (at > until) break
      this.pass(at - this.now.monotonic)
      this.happen()
    }
    this.pass(until - this.now.monotonic)
  }

  runUntil(at: EpochMs): void {
    this.run(at - this.now.wall)
  }

  /** The wall clock alone is set. */
  step(byMs: number): void {
    this.now = { ...this.now, wall: epochMs(this.now.wall + byMs) }
    for (const { id } of this.site.tasks) {
      if ((this.fired.get(id) ?? 0) > this.now.wall) this.fired.set(id, this.now.wall)
    }
    this.happen()
  }

  /** Points of a task, as text: `03-01 00:15 live energy=100 power=no-reply`. */
  told(task: string): readonly string[] {
    return this.points.filter((point) => point.task === task).map(tell)
  }

  turn(): void {
    this.collection.tick(this.now)
    for (const link of new Set(this.site.meters.map((meter) => meter.link))) {
      for (let work = this.collection.next(link, this.now); work !== null; work = this.collection.next(link, this.now)) {
        this.works.push(work)
        this.flying.push({
          endsAt: Math.min(this.now.monotonic + this.jobMs, Math.max(work.expiresAt, this.now.monotonic) + this.overstayMs),
          work,
        })
      }
    }
    const output = this.collection.take()
    this.points.push(...output.points)
    this.events.push(...output.events)
    this.days.push(...output.days)
    this.clocks.push(...output.clocks)
    this.relays.push(...output.relays)
    this.relayReads.push(...output.relayReads)
    this.learnt.push(...output.learnt)
    if (output.steppedBack) this.steppedBack++
  }

  /** A start: what is owed since `last` is opened, less what ended. */
  restore(last: EpochMs, closed: readonly ClosedSlot[] = []): void {
    this.collection.owe({ began: last, last, until: this.now.wall, missed: 'not-running' }, this.now)
    this.workOff(closed)
    this.turn()
  }

  private workOff(closed: readonly ClosedSlot[]): void {
    for (let owed = this.collection.owed; owed !== null; owed = this.collection.owed) {
      for (const looked of this.collection.restore(owed.to, closed, () => this.now)) this.looked += looked
    }
  }

  private pass(ms: number): void {
    this.now = { ...this.now, monotonic: monotonicMs(this.now.monotonic + ms), wall: epochMs(Math.round(this.now.wall + ms)) }
  }

  private happen(): void {
    for (const { id, cron } of this.site.tasks) {
      let due: EpochMs | null = null
      for (let next = this.nextFire(id, cron); next <= this.now.wall; next = this.nextFire(id, cron)) {
        due = next
        this.fired.set(id, next)
        if (this.now.wall - next > 3_600_000) this.fired.set(id, epochMs(this.now.wall - 3_600_000))
      }
      if (due !== null) this.collection.fire(id, due, this.now)
    }
    this.workOff([])
    const ended = this.flying.filter((job) => job.endsAt <= this.now.monotonic)
    this.flying = this.flying.filter((job) => job.endsAt > this.now.monotonic)
    for (const { work } of ended)
      this.collection.settle(work, this.answer(work, this.now), this.now, { busMs: this.busMs, tookMs: this.busMs })
    this.turn()
  }

  private nextFire(id: string, cron: string): EpochMs {
    const after = this.fired.get(id) ?? this.now.wall
    const known = this.next.get(id)
    if (known?.after === after) return known.at
    const at = nextAfter(cron, utcOffsetMinutes, after)
    this.next.set(id, { after, at })
    return at
  }
}

/** A meter in order: energy grows by 1 kWh an hour since 2026, freezes and load records are kept, the clock is right. */
export function answerAll(work: Work, now: Now): readonly ReadOutcome[] {
  return work.plan.registers.map((request) => answerOne(request, now))
}

export function energyAt(at: number): number {
  return Math.floor((at - Date.UTC(2026, 0, 1)) / 36_000)
}

export function answerOne({ register, from, count = 1 }: Work['plan']['registers'][number], now: Now): ReadOutcome {
  const midnight = (back: number) => {
    const { year, month, day } = toLocal(now.wall, utcOffsetMinutes)
    return epochMs(Date.UTC(year, month - 1, day - back + 1) - utcOffsetMinutes * 60_000)
  }
  if (register.startsWith('050600'))
    return good(register, [text(formatLocal(midnight(nth(register)), utcOffsetMinutes).slice(0, 16))])
  if (register.startsWith('050601')) return good(register, [number(energyAt(midnight(nth(register))))])
  if (register === '02030000') return good(register, [number(12_345, -4, 'kW')])
  if (register === '0400010C') return good(register, [text(formatLocal(now.wall, utcOffsetMinutes)), number(0, 0)])
  if (register === '04000503') return good(register, [{ kind: 'bits', hex: '0000', names: [], unit: '' }])
  if (from !== undefined) {
    const first = Date.UTC(from.year, from.month - 1, from.day, from.hour, from.minute) - utcOffsetMinutes * 60_000
    const records = Array.from({ length: count }, (_, index) => epochMs(first + index * 900_000))
      .filter((at) => at <= now.wall)
      .map((at) => ({
        at: toLocal(at, utcOffsetMinutes),
        values: [register === '06040001' ? number(energyAt(at)) : number(7, -4, 'kW')],
      }))
    return { register, ok: true, values: [], records }
  }
  return good(register, [number(energyAt(now.wall)), number(1)])
}

const nth = (register: string): number => Number.parseInt(register.slice(-2), 16)

function tell(point: Point): string {
  const values = point.values.map((value) => {
    if ('absent' in value) return `${value.item}=${value.absent}`
    const own = value.own === undefined ? '' : `@${value.own.source}`
    return 'ints' in value ? `${value.item}=${value.ints[0] ?? 'null'}${own}` : `${value.item}=${value.words.join(' ')}${own}`
  })
  return `${formatLocal(point.slotAt, utcOffsetMinutes).slice(5, 16)} ${point.source} ${values.join(' ')}`
}
