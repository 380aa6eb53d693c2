import { streams } from '../model/index.js'
import type { EpochMs, Stamp } from '../model/index.js'
import type { Random } from '../ports/index.js'
import type { Engine } from './engine.js'
import { addTombstone } from './eviction.js'
import { Facts, writeBatch } from './facts.js'
import type { Sql } from './sql.js'

/** Wall clocks before this were never set: 2023-11-14. An epoch made under such a clock is drawn from the numbers below. */
const CLOCK_UNSET_BEFORE_S = 1_700_000_000
const DRAWN_EPOCHS = 1_000_000_000

/** The epoch under which numbers are given. */
export function epochOf(sql: Sql): number {
  return Number(sql.get<{ value: string }>("SELECT value FROM setting WHERE name = 'epoch'")?.value ?? '0')
}

/** Writes the epoch. To be called inside a transaction, or before the store is used. */
export function writeEpoch(sql: Sql, epoch: number): void {
  sql.run("INSERT OR REPLACE INTO setting (name, value) VALUES ('epoch', ?)", String(epoch))
}

/** The creation second; under a clock that was never set, a number that no two stores are likely to share. */
export function newEpoch(now: EpochMs, random: Random, before = 0): number {
  const second = Math.floor(now / 1000)
  const fresh = second >= CLOCK_UNSET_BEFORE_S ? second : 1 + Math.floor(random.next() * DRAWN_EPOCHS)
  return Math.max(fresh, before + 1)
}

/**
 * Starts a new epoch on a living store: numbers go on, and what every master acknowledged under the old epoch is announced as
 * gone, so that only the rest is sent again.
 *
 * @returns the new epoch
 */
export function openEpoch(engine: Engine, input: { readonly reason: string; readonly stamp: Stamp }): number {
  const { sql, extents } = engine
  const epoch = Math.max(Math.floor(input.stamp.receivedAt / 1000), epochOf(sql) + 1)
  const acknowledged = engine.cursors.acknowledged()
  const cuts = streams.map((stream) => ({ stream, lo: Math.max(extents.lo(stream), acknowledged[stream] + 1) }))
  const facts = new Facts(input.stamp)
  facts.events.push({ code: 'store.new-epoch', severity: 'alarm', detail: { epoch, reason: input.reason } })
  const ends = sql.transaction(() => {
    writeEpoch(sql, epoch)
    for (const { stream, lo } of cuts) {
      const first = extents.lo(stream)
      if (lo === first) continue
      addTombstone(sql, { stream, first, count: lo - first, reason: 'salvage', at: input.stamp.receivedAt })
      extents.persist(stream, lo, extents.hi(stream))
    }
    return writeBatch(engine, { facts, points: [], cursors: [] })
  })
  for (const { stream, lo } of cuts) extents.moved(stream, lo)
  extents.appended(ends)
  return epoch
}
