import type { MeterAddress } from '../model/index.js'
import type { TraceLine } from '../ports/index.js'

/** Says whose frame it is; null: none of a known protocol, or nobody's in particular. */
export type AddressOf = (frame: Uint8Array) => string | null

/** A request with all that came until the next one. */
export interface TracedExchange {
  readonly startedAt: number
  /** The meters whose frames stand in it: one, on a bus where nobody talks unasked. */
  readonly addresses: ReadonlySet<string>
  readonly lines: readonly TraceLine[]
}

/** Cuts a link's trace at its requests. What came before the first one that is still held makes up no exchange. */
export function exchangesOf(trace: readonly TraceLine[], addressOf: AddressOf): readonly TracedExchange[] {
  const exchanges: { startedAt: number; addresses: Set<string>; lines: TraceLine[] }[] = []
  for (const line of trace) {
    if (line.direction === 'out') exchanges.push({ startedAt: line.at, addresses: new Set(), lines: [] })
    const last = exchanges.at(-1)
    if (last === undefined) continue
    last.lines.push(line)
    const address = line.bytes.length === 0 ? null : addressOf(line.bytes)
    if (address !== null) last.addresses.add(address)
  }
  return exchanges
}

/** The latest exchanges with a meter that began before an instant, oldest first. */
export function latestWith(
  exchanges: readonly TracedExchange[],
  meter: MeterAddress,
  options: { readonly before: number; readonly count: number },
): readonly TracedExchange[] {
  return exchanges.filter(({ startedAt, addresses }) => startedAt <= options.before && addresses.has(meter)).slice(-options.count)
}
