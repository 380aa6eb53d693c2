import type { CollectionOutput, DayStatistics, RelaySighting } from '../collection/index.js'
import type { EventFact, MeterId, Point } from '../model/index.js'
import { formatLocal } from '../model/index.js'
import type { Effects, Log, Store } from '../ports/index.js'
import type { KeptNote } from './meter-notes.js'
import type { StampSource } from './stamps.js'

/** Points of one store command. */
export const pointsPerCommandMax = 400
/** Points that wait for the store; beyond this nothing is read and no slot ends until it has caught up. */
export const pointsWaitingMax = 20_000
/** Beyond this points of slots that had to give way are dropped and counted; the next start derives their slots anew. */
export const pointsHeldMax = 2 * pointsWaitingMax
/** Events that wait for the store; further ones are logged and counted, and lost as records. */
export const eventsWaitingMax = 1_000

export interface CollectedOptions {
  readonly store: Store
  readonly stamps: StampSource
  readonly log: Log
  readonly utcOffsetMinutes: number
  readonly onEffects: (effects: Effects) => void
  /** The store has caught up after it was full. */
  readonly onRoom: () => void
  /** The store failed a command: nothing more is kept until the process is started again. */
  readonly onFault: (error: Error) => void
}

/** Hands what was collected to the store, one command at a time and in order, and what follows from it back. */
export class Collected {
  readonly counts = { points: 0, refusedPoints: 0, lostPoints: 0, lostEvents: 0 }
  private readonly options: CollectedOptions
  private points: Point[] = []
  private events: EventFact[] = []
  private readonly relays = new Map<MeterId, RelaySighting>()
  private days: DayStatistics[] = []
  /** By name: only the latest counts. */
  private readonly notes = new Map<string, unknown>()
  private writing: Promise<void> | null = null

  constructor(options: CollectedOptions) {
    this.options = options
  }

  get isFull(): boolean {
    return this.points.length >= pointsWaitingMax
  }

  get waiting(): number {
    return this.points.length
  }

  add(output: Pick<CollectionOutput, 'points' | 'events' | 'relays' | 'days'>): void {
    this.keep(output.points)
    for (const { meter, ...relay } of output.relays) this.relays.set(meter, relay)
    this.days.push(...output.days)
    for (const event of output.events) this.tell(event)
    if (this.hasWork) this.write()
  }

  /** Has the store keep a note; of one name the latest. */
  keepNotes(notes: readonly KeptNote[]): void {
    for (const { name, body } of notes) this.notes.set(name, body)
    if (this.hasWork) this.write()
  }

  /** Settles when everything added so far stands in the store. */
  async written(): Promise<void> {
    while (this.writing !== null) await this.writing
  }

  private get hasWork(): boolean {
    return this.points.length + this.events.length + this.relays.size + this.days.length + this.notes.size > 0
  }

  private keep(points: readonly Point[]): void {
    const room = Math.max(0, pointsHeldMax - this.points.length)
    for (const point of points.slice(0, room)) this.points.push(point)
    if (points.length <= room) return
    this.counts.lostPoints += points.length - room
    this.options.log.error('points-lost', { points: points.length - room })
  }

  private tell(event: EventFact): void {
    if (this.events.length < eventsWaitingMax) this.events.push(event)
    else {
      this.counts.lostEvents++
      this.options.log.warn('event-lost', { code: event.code, meter: event.meter })
    }
  }

  private write(): void {
    if (this.writing !== null) return
    this.writing = this.writeAll().then(
      () => {
        this.writing = null
      },
      (error: unknown) => {
        this.writing = null
        this.options.onFault(error instanceof Error ? error : new Error(String(error)))
      },
    )
  }

  private async writeAll(): Promise<void> {
    const { store, stamps } = this.options
    while (this.hasWork) {
      if (this.points.length > 0) await this.writePoints(this.points.splice(0, pointsPerCommandMax))
      const relays = [...this.relays]
      this.relays.clear()
      for (const [meter, relay] of relays) {
        this.effect((await store.run('relay-seen', { meter, ...relay, stamp: stamps.now() })).effects)
      }
      for (const event of this.events.splice(0)) await store.run('record-event', { event, stamp: stamps.now() })
      const notes = [...this.notes]
      this.notes.clear()
      for (const [name, body] of notes) await store.run('keep-note', { name, body, stamp: stamps.now() })
      if (this.points.length > 0) continue
      for (const day of this.days.splice(0)) await this.closeDay(day)
    }
  }

  private async writePoints(points: Point[]): Promise<void> {
    const wasFull = this.points.length + points.length >= pointsWaitingMax
    const { accepted, effects } = await this.options.store.run('apply-points', { points, stamp: this.options.stamps.now() })
    if (accepted) this.counts.points += points.length
    else this.counts.refusedPoints += points.length
    this.effect(effects)
    if (wasFull && !this.isFull) this.options.onRoom()
  }

  private async closeDay(statistics: DayStatistics): Promise<void> {
    const { store, stamps, utcOffsetMinutes } = this.options
    const body = { kind: 'collection', ...statistics, day: formatLocal(statistics.day, utcOffsetMinutes).slice(0, 10) }
    await store.run('record-status', { body, stamp: stamps.now() })
    await store.run('close-day', { day: statistics.day, stamp: stamps.now() })
  }

  private effect(effects: Effects): void {
    if (effects.orders.length + effects.watch.length > 0) this.options.onEffects(effects)
  }
}
