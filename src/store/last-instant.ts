import type { Engine } from './engine.js'

/**
 * The latest receipt under a trusted clock among everything stored: every commit carries one, so no row of its own is needed.
 * Null: nothing trusted was ever stored.
 */
export function lastInstant(engine: Engine): number | null {
  const found = [engine.points.lastTrustedAt()]
  for (const table of ['event', 'result', 'status', 'ledger']) {
    const row = engine.sql.get<{ at: bigint | null }>(
      `SELECT max(at) AS at FROM (SELECT at, trusted FROM ${table} ORDER BY seq DESC LIMIT 1000) WHERE trusted = 1`,
    )
    found.push(row === undefined || row.at === null ? null : Number(row.at))
  }
  const known = found.filter((at) => at !== null)
  return known.length === 0 ? null : Math.max(...known)
}
