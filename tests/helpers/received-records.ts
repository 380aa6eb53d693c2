import type { PointBody } from '../../src/store/index.js'
import type { WholeRuntime } from './whole-runtime.js'

/** What left in the streams `freeze` and `curve`, as a master would have it: the last record of each slot. */
export class Received {
  readonly slots = new Map<string, PointBody>()
  readonly #planned: readonly string[]
  readonly #next = { freeze: 1, curve: 1 }

  /** @param planned tasks whose slots end once; others may repeat */
  constructor(planned: readonly string[]) {
    this.#planned = planned
  }

  async absorb(site: WholeRuntime): Promise<void> {
    await site.store.run('flush', {})
    for (const stream of ['freeze', 'curve'] as const) {
      for (;;) {
        const { records } = await site.store.run('read-stream', {
          stream,
          first: this.#next[stream],
          maxCount: 5000,
          maxBytes: 10_000_000,
        })
        if (records.length === 0) break
        for (const { seq, body } of records) this.#take(stream, seq, body as unknown as PointBody)
      }
    }
  }

  hasValue(task: string, meter: string, at: number): boolean {
    const body = this.slots.get(`${task} ${meter} ${at}`)
    return body !== undefined && body.values.every((value) => !('absent' in value))
  }

  #take(stream: 'freeze' | 'curve', seq: number, body: PointBody): void {
    if (seq !== this.#next[stream]) throw new Error(`record ${seq} of ${stream} came where ${this.#next[stream]} was due`)
    this.#next[stream] = seq + 1
    const key = `${body.task} ${body.meter} ${body.slotAt}`
    if (this.slots.has(key) && this.#planned.includes(body.task)) throw new Error(`two records for ${key}`)
    this.slots.set(key, body)
  }
}
