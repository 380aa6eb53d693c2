import { hash32, hashText } from '../random.js'
import type { MediumFigures } from './figures.js'

/** Where a node stands in the network. */
export interface NodePlace {
  readonly address: string
  /** Hops from the concentrator: 1 is heard directly. */
  readonly depth: number
  /** A number of its own, from which all that is chance about it follows. */
  readonly seed: number
  readonly isWeak: boolean
}

/** Between two changes of a node's parent lie so many hours; a weak node's come six times as often. Assumption. */
const parentHoursMin = 6
const parentHoursSpread = 42
const hourMs = 3_600_000
/** Hops of one path at most, whatever the percentages say. */
const depthMax = 15

/**
 * Who hangs on whom in a mesh. Depths follow from the seed; parents and qualities from seed and time, without state, so that the
 * network may be asked at any time.
 */
export class Topology {
  readonly #seed: number
  readonly #figures: MediumFigures
  readonly #weakPpm: number
  readonly #places = new Map<string, NodePlace>()
  /** Nodes by depth: `[1]` those heard directly. */
  readonly #byDepth: NodePlace[][] = []

  constructor(options: {
    readonly seed: number
    readonly figures: MediumFigures
    readonly addresses: readonly string[]
    readonly weakNodesPpm: number
  }) {
    this.#seed = options.seed
    this.#figures = options.figures
    this.#weakPpm = options.weakNodesPpm
    const order = [...options.addresses].sort((a, b) => hashText(options.seed, a) - hashText(options.seed, b) || (a < b ? -1 : 1))
    for (const [index, address] of order.entries()) this.#add(address, depthAt(options.figures, index / order.length))
  }

  /** The place of a node; one that is new to the area finds a place among the others. */
  place(address: string): NodePlace {
    const known = this.#places.get(address)
    if (known !== undefined) return known
    const deepest = Math.max(1, this.#byDepth.length - 1)
    const depth = depthAt(this.#figures, (hashText(this.#seed, address) % 100) / 100)
    return this.#add(address, Math.min(depth, deepest + 1))
  }

  /** The node through which another is reached at a true time; null: it is heard directly. */
  parent(place: NodePlace, trueMs: number): NodePlace | null {
    const above = this.#byDepth[place.depth - 1] ?? []
    if (place.depth === 1 || above.length === 0) return null
    const hours = (parentHoursMin + (place.seed % parentHoursSpread)) / (place.isWeak ? 6 : 1)
    const epoch = Math.floor((trueMs + (place.seed % hourMs)) / (hours * hourMs))
    return above[hash32(place.seed, epoch, 1) % above.length] ?? null
  }

  /** 1 … 15, 15 the best; changes with the parent and by the hour. */
  quality(place: NodePlace, trueMs: number): number {
    const wave = hash32(place.seed, Math.floor(trueMs / hourMs), 2) % 3
    return Math.max(1, 15 - place.depth - (place.seed % 4) - wave - (place.isWeak ? 5 : 0))
  }

  get depth(): number {
    return Math.max(1, this.#byDepth.length - 1)
  }

  #add(address: string, depth: number): NodePlace {
    const seed = hashText(this.#seed, `node ${address}`)
    const place = { address, depth, seed, isWeak: hash32(seed, 3) % 1_000_000 < this.#weakPpm }
    this.#places.set(address, place)
    const row = (this.#byDepth[depth] ??= [])
    row.push(place)
    return place
  }
}

/** Hops of the node that stands at a fraction (0 … 1) of all. */
function depthAt(figures: MediumFigures, fraction: number): number {
  let sum = 0
  for (const [index, percent] of figures.depthPercents.entries()) {
    sum += percent / 100
    if (fraction < sum) return Math.min(index + 1, depthMax)
  }
  return Math.min(figures.depthPercents.length, depthMax)
}
