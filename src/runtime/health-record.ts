import type { Runner, StoreHealth } from '../ports/index.js'

/** The record of the `status` stream in which the box tells how it is. */
export function healthBody(
  own: { readonly parameterHash: string; readonly moneySafe: boolean },
  health: StoreHealth,
  runners: readonly Runner[],
): Readonly<Record<string, unknown>> {
  const buses = runners.map((runner) => {
    const { silentMeters, ...counts } = runner.snapshot()
    const { busyMs, probeMs } = counts
    return { ...counts, busyMs: Math.round(busyMs), probeMs: Math.round(probeMs), silentMeters: silentMeters.length }
  })
  return { kind: 'health', ...own, store: { ...health, path: undefined }, buses }
}
