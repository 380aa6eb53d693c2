import type { Span } from '../meter-quirks.js'
import type { SimulatedMeter } from '../meter.js'
import { hash32 } from '../random.js'
import type { ArchivedNode, NodeArchive } from './archive.js'
import type { MediumFigures } from './figures.js'
import type { ModuleFaults } from './quirks.js'
import type { NodePlace, Topology } from './topology.js'

export interface NetworkOptions {
  readonly figures: MediumFigures
  readonly faults: () => ModuleFaults
  readonly topology: Topology
  readonly archive: NodeArchive
  /** The meter of an address as the module has it; null: nobody is there. */
  readonly meterAt: (address: string) => SimulatedMeter | null
}

/** Nodes in the network at a time. */
export interface Members {
  readonly at: number
  readonly version: number
  readonly nodes: readonly ArchivedNode[]
  readonly proxies: ReadonlySet<string>
}

/** A list of many pages is worked out once for so long. */
const membersKeptMs = 5_000

/** Who is in a module's network, and who can be reached. True times throughout, ms. */
export class MeshGround {
  readonly topology: Topology
  readonly #o: NetworkOptions
  /** When each node of the archive has joined or will. */
  readonly #joinsAt = new Map<string, number>()
  #members: Members | null = null

  constructor(options: NetworkOptions) {
    this.#o = options
    this.topology = options.topology
  }

  /** The network is built from nothing: everybody in the archive joins anew. */
  begin(now: number): void {
    this.#members = null
    this.#joinsAt.clear()
    for (const { address } of this.#o.archive.nodes) this.#joinsAt.set(address, this.#joinTime(address, now))
  }

  /** The archive changed: nodes that are new join after a while, counted from the last change. */
  archiveChanged(now: number): void {
    this.networkFrom(now + this.#o.figures.settleMs, now)
  }

  /** Networking begins at a time: whoever has not joined yet joins from there on. */
  networkFrom(from: number, now: number): void {
    for (const { address } of this.#o.archive.nodes) {
      if ((this.#joinsAt.get(address) ?? Number.POSITIVE_INFINITY) > now)
        this.#joinsAt.set(address, this.#joinTime(address, from))
    }
    for (const address of this.#joinsAt.keys()) if (this.#o.archive.find(address) === null) this.#joinsAt.delete(address)
  }

  /** Whether the module counts a node as one of its network: it joined, and has not been missed since. */
  knows(address: string, now: number): boolean {
    const { missedMs, rejoinMs } = this.#o.figures
    if (!this.#hasJoined(address, now)) return false
    return !this.#o
      .faults()
      .awaySpans(address)
      .some(({ fromMs, toMs }) => now >= fromMs + missedMs && now < toMs + rejoinMs)
  }

  /** Whether a frame for it arrives. */
  reaches(address: string, now: number): boolean {
    const { rejoinMs } = this.#o.figures
    if (!this.#hasJoined(address, now)) return false
    return !this.#o
      .faults()
      .awaySpans(address)
      .some(({ fromMs, toMs }) => now >= fromMs && now < toMs + rejoinMs)
  }

  /** Nodes in the network, and which of them are on the way of others; as it was a few seconds ago at most, for lists in many pages. */
  members(now: number): Members {
    const { archive } = this.#o
    const old = this.#members
    if (old !== null && old.version === archive.version && now - old.at < membersKeptMs) return old
    const nodes = [...archive.nodes].filter(({ address }) => this.knows(address, now))
    const proxies = new Set<string>()
    for (const { address } of nodes) {
      const above = this.topology.parent(this.topology.place(address), now)
      if (above !== null) proxies.add(above.address)
    }
    this.#members = { at: now, version: archive.version, nodes, proxies }
    return this.#members
  }

  /** Whether a unit with supply is at an address: one that a search finds. */
  hasUnit(address: string, now: number): boolean {
    const meter = this.#o.meterAt(address)
    if (meter === null || isWithinAny(this.#o.faults().awaySpans(address), now)) return false
    return !meter.isDead(now) || hash32(this.topology.place(address).seed, 5) % 1_000_000 < this.#o.faults().liveUnitsPpm
  }

  /** The last time at which a node that waits now will join; null: nobody waits. */
  get lastJoinAt(): number | null {
    return this.#joinsAt.size === 0 ? null : Math.max(...this.#joinsAt.values())
  }

  /** The path from a node up to the concentrator, itself first. */
  path(place: NodePlace, now: number): readonly NodePlace[] {
    const path = [place]
    for (let above = this.topology.parent(place, now); above !== null; above = this.topology.parent(above, now)) path.push(above)
    return path
  }

  #hasJoined(address: string, now: number): boolean {
    return (this.#joinsAt.get(address) ?? Number.POSITIVE_INFINITY) <= now && this.#isThere(address, now)
  }

  /** A unit without supply joined before, and is missed later. */
  #isThere(address: string, now: number): boolean {
    return (
      this.hasUnit(address, now) || (this.#o.meterAt(address) !== null && isWithinAny(this.#o.faults().awaySpans(address), now))
    )
  }

  #joinTime(address: string, from: number): number {
    const { formMs, levelMs, spreadMs } = this.#o.figures
    const place = this.topology.place(address)
    return from + formMs + (place.depth - 1) * levelMs + (place.seed % spreadMs)
  }
}

const isWithinAny = (spans: readonly Span[], now: number): boolean =>
  spans.some(({ fromMs, toMs }) => now >= fromMs && now < toMs)
