import { createHash } from 'node:crypto'
import { absenceReasons } from '../../src/model/index.js'
import type { PointBody } from '../../src/store/index.js'
import type { WholeRuntime } from './whole-runtime.js'

/** All values are there. Below it: 1 more than the place of the first absence's reason; 0: no record. */
const complete = 255

/** What left in the streams `freeze` and `curve`, a byte for each slot: how it ended, and a digest over every record. */
export class SlotTally {
  readonly #places: ReadonlyMap<string, number>
  readonly #slots = new Map<string, Map<number, Uint8Array>>()
  readonly #next = { freeze: 1, curve: 1 }
  /** By task and meter, minutes. */
  readonly #latest = new Map<string, number>()
  readonly #digest = createHash('sha256')

  /** @param meters ids of all there are */
  constructor(meters: readonly string[]) {
    this.#places = new Map(meters.map((id, place) => [id, place]))
  }

  async absorb({ store }: WholeRuntime): Promise<void> {
    await store.run('flush', {})
    for (const stream of ['freeze', 'curve'] as const) {
      for (;;) {
        const first = this.#next[stream]
        const { records } = await store.run('read-stream', { stream, first, maxCount: 5000, maxBytes: 10_000_000 })
        if (records.length === 0) break
        for (const { seq, body } of records) {
          if (seq !== this.#next[stream]) throw new Error(`record ${seq} of ${stream} came where ${this.#next[stream]} was due`)
          this.#next[stream] = seq + 1
          this.#take(body as unknown as PointBody)
        }
      }
    }
  }

  /** Whether a slot ended with all its values. */
  hasValue(task: string, meter: string, at: number): boolean {
    return this.#stateOf(task, meter, at) === complete
  }

  /** Why a slot ended without; null: with its values, or not at all. */
  absence(task: string, meter: string, at: number): string | null {
    const state = this.#stateOf(task, meter, at)
    return state === complete ? null : (absenceReasons[state - 1] ?? null)
  }

  /** Instants of a task of which anything came. */
  instants(task: string): readonly number[] {
    return [...(this.#slots.get(task)?.keys() ?? [])].sort((a, b) => a - b)
  }

  get tasks(): readonly string[] {
    return [...this.#slots.keys()].sort()
  }

  /** The latest that values of a task were there after their instant, in minutes, over the given meters. */
  lastMinute(task: string, meters: ReadonlySet<string>): number {
    let latest = 0
    for (const [key, minutes] of this.#latest)
      if (key.startsWith(`${task} `) && meters.has(key.slice(task.length + 1))) latest = Math.max(latest, minutes)
    return latest
  }

  /** Over every record so far: equal digests, equal runs. */
  digest(): string {
    return this.#digest.copy().digest('hex').slice(0, 16)
  }

  #stateOf(task: string, meter: string, at: number): number {
    return this.#slots.get(task)?.get(at)?.[this.#places.get(meter) ?? -1] ?? 0
  }

  #take(body: PointBody): void {
    this.#digest.update(JSON.stringify(body))
    const { task, meter, slotAt, values } = body
    const place = this.#places.get(meter) ?? -1
    const ofTask = this.#slots.get(task) ?? new Map<number, Uint8Array>()
    const states = ofTask.get(slotAt) ?? new Uint8Array(this.#places.size)
    const first = values.flatMap((value) => ('absent' in value ? [value.absent] : []))[0]
    const state = first === undefined ? complete : 1 + absenceReasons.indexOf(first)
    const before = states[place]
    // A later record of a slot is a better one.
    if (before === undefined || before === complete || (before > 0 && state !== complete))
      throw new Error(`a record too many for ${task} of ${meter} at ${slotAt}`)
    states[place] = state
    if (state === complete) {
      const key = `${task} ${meter}`
      this.#latest.set(key, Math.max(this.#latest.get(key) ?? 0, Math.ceil((body.stamp.receivedAt - slotAt) / 60_000)))
    }
    ofTask.set(slotAt, states)
    this.#slots.set(task, ofTask)
  }
}
