import type { LinkId, Meter, MeterAddress } from '../model/index.js'
import type { Bus, Clock } from '../ports/index.js'

/** A snapshot of a network of a thousand nodes is not made for each of them. */
const KEPT_MS = 60_000

/** Which meters have joined the network of their link, as its module tells. */
export class JoinedNodes {
  readonly #buses: ReadonlyMap<LinkId, Bus>
  readonly #clock: Clock
  readonly #outside = new Map<LinkId, { readonly at: number; readonly nodes: ReadonlySet<MeterAddress> }>()

  constructor(buses: ReadonlyMap<LinkId, Bus>, clock: Clock) {
    this.#buses = buses
    this.#clock = clock
  }

  /** False only when the module says that it has not; on a wire every meter has. */
  has({ link, address }: Meter): boolean {
    const network = this.#buses.get(link)?.network
    if (network === undefined) return true
    const now = this.#clock.monotonic()
    let known = this.#outside.get(link)
    if (known === undefined || now - known.at > KEPT_MS) {
      const nodes = network.snapshot().nodes.filter(({ inNetwork }) => inNetwork === false)
      known = { at: now, nodes: new Set(nodes.map((node) => node.address)) }
      this.#outside.set(link, known)
    }
    return !known.nodes.has(address)
  }
}
