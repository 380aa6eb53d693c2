import { StoreHandler } from '../../src/store/handler.js'
import { openStore } from '../../src/store/open-store.js'
import type { OpenedStore, StoreOptions } from '../../src/store/open-store.js'
import { Master, Seeded, SiteTime, curvePoint, dayStart, siteOf, slotMs } from './store-site.js'

/** A store opened on a file, with the handler that an adapter would have. */
export interface HandledStore {
  readonly opened: OpenedStore
  readonly handler: StoreHandler
  readonly time: SiteTime
  readonly master: Master
}

/** Opens a store and gives it its parameters. Commits are not forced to the disk: only what survives a process is tested here. */
export function openHandled(path: string, options: Partial<StoreOptions> & { readonly meters?: number } = {}): HandledStore {
  const { meters = 3, ...rest } = options
  const time = new SiteTime()
  const opened = openStore({ path, now: dayStart, random: new Seeded(1), synchronous: 'OFF', reserveBytes: 65_536, ...rest })
  const handler = new StoreHandler(opened)
  handler.run('configure', { parameters: siteOf(meters), stamp: time.stamp() })
  return { opened, handler, time, master: new Master() }
}

/** One round of all meters; each brings four values. */
export function readRound(store: HandledStore, meters: number, slot: number): void {
  for (let meter = 1; meter <= meters; meter += 1) {
    store.time.at = dayStart + slot * slotMs + 900 * meter
    store.time.monotonicMs += 900
    const point = curvePoint(`m${meter}`, dayStart + slot * slotMs, store.time.stamp(), 10_000 + slot * 7 + meter)
    store.handler.run('apply-points', { points: [point], stamp: store.time.stamp() })
  }
}

export function eventCodes(store: HandledStore): readonly string[] {
  return store.handler.run('events', { count: 100 }).events.map((event) => event.code)
}
