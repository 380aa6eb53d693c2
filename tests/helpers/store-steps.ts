import type { Test } from 'tap'
import type { Stream } from '../../src/model/index.js'
import type { Store, StoreCommands } from '../../src/ports/index.js'
import { Master, SiteTime, curvePoint, dayStart, siteOf, slotMs } from './store-site.js'

/** Opens the store under test on a file; each call after a `close` opens what is there. */
export type OpenStore = (path: string) => Promise<Store>

export interface Bench {
  readonly open: OpenStore
  readonly path: () => string
}

export type Check = (t: Test, bench: Bench) => Promise<void>
export type Checks = readonly (readonly [string, Check])[]

/** A fresh store with its parameters: three meters. */
export async function opened({ open, path }: Bench) {
  const at = path()
  const store = await open(at)
  const time = new SiteTime()
  await store.run('configure', { parameters: siteOf(3), stamp: time.stamp() })
  return { store, time, master: new Master(), path: at }
}

export function event(code: string) {
  return { code, severity: 'info' as const, detail: { n: 1 } }
}

/** Applies the point of one slot; without `energy` it grows by 0.1 kWh a slot from 100 kWh. */
export async function apply(store: Store, time: SiteTime, meter: string, slot: number, energy?: number | null) {
  time.at = dayStart + slot * slotMs + 1500
  time.monotonicMs += 1000
  const point = curvePoint(meter, dayStart + slot * slotMs, time.stamp(), energy === undefined ? 10_000 + slot * 10 : energy)
  return store.run('apply-points', { points: [point], stamp: time.stamp() })
}

export async function fillDay(store: Store, time: SiteTime, meters: number, slots: number): Promise<void> {
  for (let slot = 0; slot < slots; slot += 1) {
    for (let meter = 1; meter <= meters; meter += 1)
      await apply(store, time, `m${meter}`, slot, slot % 9 === 8 ? null : 10_000 + slot * 10)
  }
}

export async function order(store: Store, time: SiteTime, input: Omit<StoreCommands['journal-order']['in'], 'stamp'>) {
  return store.run('journal-order', { ...input, stamp: time.stamp() })
}

/** Every record of a stream as JSON text, read in small batches. */
export async function readAll(store: Store, stream: Stream): Promise<readonly string[]> {
  const all: string[] = []
  for (;;) {
    const { records } = await store.run('read-stream', { stream, first: all.length + 1, maxCount: 37, maxBytes: 8000 })
    if (records.length === 0) return all
    for (const record of records) all.push(JSON.stringify(record))
  }
}
