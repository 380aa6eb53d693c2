import { epochMs, streams } from '../../src/model/index.js'
import type { EventFact, MasterId, Stream, StreamRecord, Tombstone } from '../../src/model/index.js'
import type { Store, StoreCommandName, StoreCommands } from '../../src/ports/index.js'

type Body = Readonly<Record<string, unknown>>
type Handlers = { readonly [K in StoreCommandName]?: (input: StoreCommands[K]['in']) => StoreCommands[K]['out'] }

/**
 * The part of a store that an uplink uses, in memory: streams, extents, marks, epochs, tombstones and events. It keeps to the same
 * contract as the real one (`tests/contract/stream-store.test.ts`); every other command is refused.
 */
export class RecordStore implements Store {
  epoch = 1
  readonly events: EventFact[] = []
  readonly refusals: { code: string; message: string; origin: string }[] = []
  readonly counters: Record<string, number> = {}
  readonly marks = new Map<MasterId, Map<Stream, number>>()
  /** Every range that was read, for tests of how often the file is touched. */
  reads = 0
  readonly #records = new Map<Stream, { lo: number; bodies: Body[] }>(streams.map((stream) => [stream, { lo: 1, bodies: [] }]))
  readonly #tombstones: Tombstone[] = []
  readonly #listeners: ((ends: readonly { stream: Stream; hi: number }[]) => void)[] = []
  /** Set to make the next commands fail. */
  fault: Error | null = null

  append(stream: Stream, ...bodies: readonly Body[]): void {
    this.#of(stream).bodies.push(...bodies)
    const hi = this.#hi(stream)
    for (const listener of this.#listeners) listener([{ stream, hi }])
  }

  /** Evicts everything up to and including `upTo`. */
  evict(stream: Stream, upTo: number, reason: Tombstone['reason'] = 'retention'): void {
    const kept = this.#of(stream)
    const count = upTo - kept.lo + 1
    this.#tombstones.push({ stream, first: kept.lo, count, reason, at: epochMs(0) })
    kept.bodies.splice(0, count)
    kept.lo = upTo + 1
  }

  run<K extends StoreCommandName>(command: K, input: StoreCommands[K]['in']): Promise<StoreCommands[K]['out']> {
    if (this.fault !== null) return Promise.reject(this.fault)
    const handler = this.#handlers[command] as ((input: StoreCommands[K]['in']) => StoreCommands[K]['out']) | undefined
    if (handler === undefined) return Promise.reject(new Error(`this store knows no ${command}`))
    return Promise.resolve().then(() => handler(input))
  }

  onAppended(handler: (ends: readonly { stream: Stream; hi: number }[]) => void): void {
    this.#listeners.push(handler)
  }

  onFault(): void {
    // It has no faults but those that `fault` names.
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  readonly #handlers: Handlers = {
    extents: () => ({
      epoch: this.epoch,
      extents: streams.map((stream) => ({ stream, lo: this.#of(stream).lo, hi: this.#hi(stream) })),
      tombstones: [...this.#tombstones],
      counters: { ...this.counters },
    }),
    cursors: ({ master }) => ({
      cursors: [...(this.marks.get(master) ?? [])].map(([stream, upTo]) => ({ stream, upTo })),
    }),
    'read-stream': (input) => ({ records: this.#read(input) }),
    acknowledge: ({ master, epoch, marks }) => {
      if (epoch !== this.epoch) return { moved: false }
      const own = this.marks.get(master) ?? new Map<Stream, number>()
      this.marks.set(master, own)
      let moved = false
      for (const { stream, upTo } of marks) {
        if (upTo <= (own.get(stream) ?? 0) || upTo > this.#hi(stream)) continue
        own.set(stream, upTo)
        moved = true
      }
      return { moved }
    },
    'new-epoch': () => {
      this.epoch += 1
      for (const stream of streams) {
        const mark = Math.min(...[...this.marks.values()].map((own) => own.get(stream) ?? 0))
        if (this.marks.size > 0 && mark >= this.#of(stream).lo) this.evict(stream, mark, 'salvage')
      }
      this.marks.clear()
      return { epoch: this.epoch }
    },
    'record-event': ({ event }) => {
      this.events.push(event)
      this.append('event', { ...event })
      return {}
    },
    'record-status': ({ body }) => {
      this.append('status', body)
      return {}
    },
    'refuse-order': ({ code, message, origin }) => {
      this.refusals.push({ code, message, origin })
      this.append('event', { code: 'order.refused', severity: 'warning', detail: { reason: code, message, origin } })
      return {}
    },
  }

  #read(input: StoreCommands['read-stream']['in']): readonly StreamRecord[] {
    this.reads += 1
    const { lo, bodies } = this.#of(input.stream)
    const start = Math.max(0, input.first - lo)
    const records: StreamRecord[] = []
    let bytes = 0
    for (const body of bodies.slice(start, start + input.maxCount)) {
      bytes += Buffer.byteLength(JSON.stringify(body)) + 1
      if (records.length > 0 && bytes > input.maxBytes) break
      records.push({ seq: lo + start + records.length, body })
    }
    return records
  }

  #hi(stream: Stream): number {
    const { lo, bodies } = this.#of(stream)
    return lo + bodies.length - 1
  }

  #of(stream: Stream): { lo: number; bodies: Body[] } {
    const kept = this.#records.get(stream)
    if (kept === undefined) throw new Error(`no stream ${stream}`)
    return kept
  }
}
