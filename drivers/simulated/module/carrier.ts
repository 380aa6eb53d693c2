import type { SimulatedMeter } from '../meter.js'
import type { SeededRandom } from '../random.js'
import type { MediumFigures } from './figures.js'
import type { MeshGround } from './network.js'
import type { ModuleFaults } from './quirks.js'

/** How one exchange with a node ended. */
export type Carried =
  | {
      readonly kind: 'answered'
      readonly payload: Uint8Array
      /** How long the answer was under way. */
      readonly uplinkMs: number
      readonly hops: number
      readonly quality: number
    }
  /** The meter said nothing although its unit asked it, or nothing came back through the network. */
  | { readonly kind: 'failed'; readonly why: 'meter-silent' | 'no-answer' }

export interface CarrierOptions {
  readonly figures: MediumFigures
  readonly faults: () => ModuleFaults
  readonly ground: MeshGround
  readonly random: SeededRandom
  readonly meterAt: (address: string) => SimulatedMeter | null
  readonly trueNow: () => number
  /** Calls back, unless the module has lost its supply meanwhile. */
  readonly later: (delayMs: number, fire: () => void) => void
}

/** A unit waits so long for its meter's first byte. */
const meterWaitMs = 1_500
/** Tries of one path by the network itself, either way; assumption. */
const triesMax = 4

/**
 * Carries frames through the network: time for each hop, loss on each hop, and the network's own tries. A meter hears a request at
 * most once: what is tried again is the path, and a unit that has an answer keeps it.
 */
export class Carrier {
  readonly #o: CarrierOptions
  readonly #heldMs = new Map<string, number>()

  constructor(options: CarrierOptions) {
    this.#o = options
  }

  /** How long exchanges with each node have held their place in the network, ms: a bus's true bill, whatever its driver counts. */
  get heldMs(): ReadonlyMap<string, number> {
    return this.#heldMs
  }

  /** One request, or several frames for one meter, and what it says to them. */
  carry(address: string, frames: readonly Uint8Array[], carried: (carried: Carried) => void): void {
    const { figures, ground, random, trueNow, later } = this.#o
    const now = trueNow()
    const done = (end: Carried): void => {
      this.#heldMs.set(address, (this.#heldMs.get(address) ?? 0) + trueNow() - now)
      carried(end)
    }
    const faults = this.#o.faults()
    const place = ground.topology.place(address)
    const path = ground.path(place, now)
    const hops = path.length
    const travelMs = figures.baseMs + figures.hopMs * (hops - 1) + random.below(figures.jitterMs + 1)
    const successPpm = path.reduce(
      (ppm, node) => (ppm * (1_000_000 - Math.min(900_000, faults.hopLossPpm * (node.isWeak ? 3 : 1)))) / 1_000_000,
      1_000_000,
    )
    const isLost = random.chance(faults.lostReadsPpm)
    const isLostBack = isLost && random.chance(500_000)
    const down = isLost && !isLostBack ? null : this.#tries(successPpm)
    const give = (): void => done({ kind: 'failed', why: 'no-answer' })
    if (down === null || !ground.reaches(address, now)) return later(figures.giveUpMs, give)
    later(0.45 * travelMs * down, () => {
      const said = this.#ask(address, frames)
      if (said === null) return later(meterWaitMs + 0.55 * travelMs, () => done({ kind: 'failed', why: 'meter-silent' }))
      const up = isLostBack ? null : this.#tries(successPpm)
      if (up === null) return later(figures.giveUpMs, give)
      const uplinkMs = 0.55 * travelMs * up
      const quality = ground.topology.quality(place, now)
      later(said.delayMs + uplinkMs, () => done({ kind: 'answered', payload: said.payload, uplinkMs, hops, quality }))
    })
  }

  /** A frame for all meters: they hear it at the end of the time it takes. */
  broadcast(payload: Uint8Array, addresses: Iterable<string>, done: () => void): void {
    const { ground, random, trueNow, later } = this.#o
    later(this.broadcastMs, () => {
      const now = trueNow()
      const { hopLossPpm } = this.#o.faults()
      for (const address of addresses) {
        if (ground.reaches(address, now) && !random.chance(hopLossPpm)) this.#o.meterAt(address)?.hear(payload, now)
      }
      done()
    })
  }

  get broadcastMs(): number {
    return this.#o.figures.broadcastLevelMs * (this.#o.ground.topology.depth + 1)
  }

  /** How many tries a path takes; null: it was given up. */
  #tries(successPpm: number): number | null {
    for (let tried = 1; tried <= triesMax; tried++) if (successPpm >= 1_000_000 || this.#o.random.chance(successPpm)) return tried
    return null
  }

  /** The unit hands the frames to its meter, one after the other. */
  #ask(address: string, frames: readonly Uint8Array[]): { readonly payload: Uint8Array; readonly delayMs: number } | null {
    const now = this.#o.trueNow()
    const meter = this.#o.meterAt(address)
    let delayMs = 0
    const parts: Uint8Array[] = []
    for (const frame of frames) {
      const answer = meter?.hear(frame, now) ?? null
      if (answer === null) continue
      parts.push(answer.bytes)
      delayMs += answer.delayMs
    }
    if (parts.length === 0) return null
    return {
      payload: parts.length === 1 && parts[0] !== undefined ? parts[0] : Uint8Array.from(parts.flatMap((part) => [...part])),
      delayMs,
    }
  }
}
