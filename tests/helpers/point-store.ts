import {
  epochMs,
  type Account,
  type EpochMs,
  type EventFact,
  type MeterId,
  type Point,
  type Stamp,
} from '../../src/model/index.js'
import type { Effects, Store, StoreCommandName, StoreCommands } from '../../src/ports/index.js'

type Handlers = { readonly [K in StoreCommandName]?: (input: StoreCommands[K]['in']) => StoreCommands[K]['out'] }

/** The part of a store that the collection uses, in memory. What it keeps survives a "restart" that makes a new collector on it. */
export class PointStore implements Store {
  readonly points: Point[] = []
  readonly events: (EventFact & { readonly stamp: Stamp })[] = []
  readonly statuses: Readonly<Record<string, unknown>>[] = []
  readonly closedDays: EpochMs[] = []
  readonly notes = new Map<string, unknown>()
  readonly relays: { meter: MeterId; contact: 'closed' | 'open'; alarm: boolean; protected: boolean }[] = []
  accounts: Account[] = []
  /** What settling a point asks for. */
  effectsOf: (points: readonly Point[]) => Effects = () => ({ orders: [], watch: [] })
  lastInstant: EpochMs | null = null
  accepts = true
  /** Above 1: the first events were evicted. */
  firstEvent = 1
  fault: Error | null = null
  commands = 0

  /** Nothing settles until the returned function is called. */
  hang(): () => void {
    let release: () => void = () => {}
    this.#gate = new Promise((resolve) => (release = resolve))
    return release
  }

  run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    this.commands++
    if (this.fault !== null) return Promise.reject(this.fault)
    const handler = this.#handlers[command] as ((input: StoreCommands[K]['in']) => StoreCommands[K]['out']) | undefined
    if (handler === undefined) return Promise.reject(new Error(`this store knows no ${command}`))
    return this.#gate.then(() => handler(input))
  }

  onAppended(): void {
    // Nobody listens to this store.
  }

  onFault(): void {
    // It has no faults but the one that `fault` names.
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #gate: Promise<void> = Promise.resolve()
  readonly #handlers: Handlers = {
    'last-instant': () => ({ at: this.lastInstant }),
    'apply-points': ({ points, stamp }) => {
      if (!this.accepts) return { accepted: false, effects: { orders: [], watch: [] } }
      this.points.push(...points)
      this.#persisted(stamp)
      return { accepted: true, effects: this.effectsOf(points) }
    },
    'relay-seen': ({ meter, contact, alarm, protected: isProtected }) => {
      this.relays.push({ meter, contact, alarm, protected: isProtected })
      return { effects: { orders: [], watch: [] } }
    },
    'record-event': ({ event, stamp }) => {
      this.events.push({ ...event, stamp })
      this.#persisted(stamp)
      return {}
    },
    'record-status': ({ body }) => {
      this.statuses.push(body)
      return {}
    },
    'keep-note': ({ name, body }) => {
      if (body === null) this.notes.delete(name)
      else this.notes.set(name, body)
      return {}
    },
    notes: ({ prefix }) => ({
      notes: [...this.notes].filter(([name]) => name.startsWith(prefix)).map(([name, body]) => ({ name, body })),
    }),
    'close-day': ({ day }) => {
      this.closedDays.push(day)
      return { packedPoints: 0, evicted: [] }
    },
    'closed-slots': ({ from, to }) => ({
      slots: this.points
        .filter((point) => point.slotAt >= from && point.slotAt <= to)
        .map(({ meter, task, slotAt }) => ({ meter, task, slotAt })),
    }),
    extents: () => ({
      epoch: 1,
      extents: [{ stream: 'event', lo: this.firstEvent, hi: this.events.length }],
      tombstones: [],
      counters: {},
    }),
    events: ({ count, before = Infinity }) => ({
      events: this.events
        .map((event, index) => ({ ...event, seq: index + 1 }))
        .filter(({ seq }) => seq < before)
        .slice(-count)
        .reverse(),
    }),
    accounts: () => ({
      accounts: this.accounts.map((account) => ({ account, runningBalance: 0n, lastReadingAt: epochMs(0), guards: [] })),
    }),
  }

  #persisted(stamp: Stamp): void {
    if (this.lastInstant === null || stamp.receivedAt > this.lastInstant) this.lastInstant = stamp.receivedAt
  }
}
