import { babble, isWithin, rollFaults, spoiled, type BusFaults, type ExchangeFaults } from './fault-plan.js'
import type { SimulatedMeter } from './meter.js'
import { hashText, seededRandom, type SeededRandom } from './random.js'
import { several, type MeterLanguage } from './speaker.js'

/** Bytes that somebody puts on the wire; `delayMs` counts from the end of the request to their first bit. */
export interface Transmission {
  readonly delayMs: number
  readonly bytes: Uint8Array
}

export interface WireOptions {
  readonly meters: readonly SimulatedMeter[]
  readonly faults: BusFaults
  readonly seed: number
}

/** Meters on one pair of wires, and what goes wrong there. It keeps no time: whoever drives it says when. */
export class SimulatedWire {
  faults: BusFaults
  /** Requests that came to the meters, and transmissions that went back. */
  heard = 0
  answered = 0
  readonly #meters = new Map<string, SimulatedMeter>()
  /** With the number of meters of each. */
  readonly #languages = new Map<MeterLanguage, number>()
  readonly #random: SeededRandom

  constructor(options: WireOptions) {
    this.faults = options.faults
    this.#random = seededRandom(options.seed).fork('wire')
    for (const meter of options.meters) this.connect(meter)
  }

  get meters(): ReadonlyMap<string, SimulatedMeter> {
    return this.#meters
  }

  /** Hangs a meter on the wire. @throws RangeError when the address is taken */
  connect(meter: SimulatedMeter): void {
    if (this.#meters.has(meter.address)) throw new RangeError(`meter ${meter.address} is on the wire already`)
    this.#meters.set(meter.address, meter)
    this.#languages.set(meter.language, (this.#languages.get(meter.language) ?? 0) + 1)
  }

  /** Takes a meter off the wire; the meter goes on measuring. @returns null when there is none */
  disconnect(address: string): SimulatedMeter | null {
    const meter = this.#meters.get(address)
    if (meter === undefined) return null
    this.#meters.delete(address)
    const left = (this.#languages.get(meter.language) ?? 1) - 1
    if (left > 0) this.#languages.set(meter.language, left)
    else this.#languages.delete(meter.language)
    return meter
  }

  /** Protocols spoken on the wire. */
  get languages(): readonly MeterLanguage[] {
    return [...this.#languages.keys()]
  }

  isUnplugged(trueMs: number): boolean {
    return isWithin(this.faults.unpluggedSpans, trueMs)
  }

  /**
   * A request has arrived whole at a true time (ms).
   *
   * @returns everything that comes back, in no order: replies, noise; nothing when all stay silent
   */
  hear(request: Uint8Array, trueMs: number): readonly Transmission[] {
    const faults = rollFaults(this.faults, this.#random)
    const back: Transmission[] = []
    const asked = faults.requestLost ? [] : this.#askedBy(request)
    for (const meter of asked) this.#answer(meter, request, { trueMs, faults, back })
    if (faults.noise.length > 0) back.push({ delayMs: 5, bytes: faults.noise })
    if (isWithin(this.faults.babblingSpans, trueMs)) back.push({ delayMs: 0, bytes: babble(this.#random) })
    return back
  }

  /** The first unsolicited frame after a true time; null: no meter here sends any. */
  nextHeartbeat(afterMs: number): { readonly atMs: number; readonly bytes: Uint8Array } | null {
    let first: { readonly atMs: number; readonly bytes: Uint8Array } | null = null
    for (const meter of this.#meters.values()) {
      const everyMs = meter.options.quirks.heartbeatEveryMs
      if (everyMs === null) continue
      const phase = hashText(meter.options.seed, 'heartbeat') % everyMs
      const atMs = Math.floor((afterMs - phase) / everyMs) * everyMs + everyMs + phase
      if (meter.isDead(atMs) || (first !== null && atMs >= first.atMs)) continue
      const bytes = meter.unasked()
      if (bytes !== null) first = { atMs, bytes }
    }
    return first
  }

  /** Meters of different protocols may share a wire: each takes what looks like its own for a request. */
  #askedBy(request: Uint8Array): readonly SimulatedMeter[] {
    const asked: SimulatedMeter[] = []
    let isHeard = false
    for (const language of this.#languages.keys()) {
      const to = language.addressee(request)
      isHeard ||= to !== null
      const meter = to === null ? undefined : this.#meters.get(to)
      if (to === several) asked.push(...[...this.#meters.values()].filter((each) => each.language === language))
      else if (meter?.language === language) asked.push(meter)
    }
    if (isHeard) this.heard++
    return asked
  }

  #answer(
    meter: SimulatedMeter,
    request: Uint8Array,
    on: { trueMs: number; faults: ExchangeFaults; back: Transmission[] },
  ): void {
    const answer = meter.hear(request, on.trueMs)
    if (answer === null || on.faults.replyLost) return
    const bytes = spoiled(answer.bytes, on.faults)
    if (bytes.length === 0) return
    this.answered++
    const delayMs = answer.delayMs + on.faults.delayMs
    on.back.push({ delayMs, bytes })
    if (on.faults.duplicate) on.back.push({ delayMs: delayMs + 30, bytes: bytes.slice() })
  }
}
