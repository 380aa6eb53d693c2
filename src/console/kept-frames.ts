import type { EventRecord, MeterAddress } from '../model/index.js'
import type { TraceLine } from '../ports/index.js'
import type { ConsoleBackend } from './backend.js'
import { exchangesOf, latestWith, type AddressOf, type TracedExchange } from './exchanges.js'

/** Events whose frames are kept in memory; the oldest go first. A link's own trace holds minutes on a busy bus, this holds days. */
export const eventsKeptMax = 500
/** Exchanges kept for one event: a doubtful reading is read twice before anything is told. */
export const exchangesKeptMax = 3
/** Lines that say what became of a link, for events that concern no meter. */
const stateLinesKept = 4
/** Events looked at after one commit; of a larger burst the newest. */
const burstMax = 200

export interface KeptFrames {
  readonly link: string
  readonly lines: readonly TraceLine[]
}

type EventRow = EventRecord & { readonly seq: number }

/**
 * Keeps the raw frames behind each event at the moment it is told: from an alarm to the frame that caused it takes no luck and no
 * network. In memory: a restart forgets them; what an order's evidence holds is stored with the order.
 */
export class FrameKeeper {
  readonly #backend: ConsoleBackend
  readonly #addressOf: AddressOf
  readonly #kept = new Map<number, KeptFrames>()
  #seen: number | null = null
  #hi = 0
  #isLooking = false
  #isClosed = false

  constructor(backend: ConsoleBackend, addressOf: AddressOf) {
    this.#backend = backend
    this.#addressOf = addressOf
    backend.onAppended((ends) => {
      const end = ends.find(({ stream }) => stream === 'event')
      if (end === undefined) return
      this.#seen ??= end.hi - 1
      this.#hi = end.hi
      this.#look()
    })
  }

  /** Frames of an event: as they were kept, or as the link's trace still has them. */
  of(event: EventRow): KeptFrames | null {
    const kept = this.#kept.get(event.seq)
    if (kept !== undefined) return kept
    return event.stamp.boot === this.#backend.clock().boot ? this.#find(event, new Map()) : null
  }

  close(): void {
    this.#isClosed = true
  }

  #look(): void {
    if (this.#isLooking || this.#isClosed || this.#seen === null || this.#seen >= this.#hi) return
    this.#isLooking = true
    const count = Math.min(this.#hi - this.#seen, burstMax)
    this.#seen = this.#hi
    this.#backend.query('events', { count, before: this.#hi + 1 }).then(
      ({ events }) => {
        this.#keep(events)
        this.#isLooking = false
        this.#look()
      },
      // A store that fails tells its own supervisor; here only some frames are not kept.
      () => (this.#isLooking = false),
    )
  }

  /** Newest first, as the store gives them. */
  #keep(events: readonly EventRow[]): void {
    const traces = new Map<string, readonly TracedExchange[]>()
    for (const event of [...events].reverse()) {
      const found = this.#find(event, traces)
      if (found !== null) this.#kept.set(event.seq, found)
    }
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= eventsKeptMax) break
      this.#kept.delete(oldest)
    }
  }

  #find(event: EventRow, traces: Map<string, readonly TracedExchange[]>): KeptFrames | null {
    const meter = this.#backend.site().parameters.meters.find(({ id }) => id === event.meter)
    const link = meter?.link ?? event.link
    if (link === undefined) return null
    const trace = this.#backend.trace(link)
    if (trace === null) return null
    const before = event.stamp.monotonicMs + 1
    const lines =
      meter === undefined ? statesBefore(trace, before) : this.#exchanges(meter.address, { link, trace, before }, traces)
    return lines.length === 0 ? null : { link, lines }
  }

  #exchanges(
    address: MeterAddress,
    at: { readonly link: string; readonly trace: readonly TraceLine[]; readonly before: number },
    traces: Map<string, readonly TracedExchange[]>,
  ): readonly TraceLine[] {
    const exchanges = traces.get(at.link) ?? exchangesOf(at.trace, this.#addressOf)
    traces.set(at.link, exchanges)
    return latestWith(exchanges, address, { before: at.before, count: exchangesKeptMax }).flatMap(({ lines }) => lines)
  }
}

function statesBefore(trace: readonly TraceLine[], before: number): readonly TraceLine[] {
  return trace
    .filter(({ direction, note, at }) => direction === 'state' && note !== 'silent' && at <= before)
    .slice(-stateLinesKept)
}
