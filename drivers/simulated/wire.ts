import { decodeFrame, hasWildcard, broadcastAddress, type Frame } from '../../src/protocols/dlt645/index.js'
import { babble, isWithin, rollFaults, spoiled, type BusFaults, type ExchangeFaults } from './fault-plan.js'
import type { SimulatedMeter } from './meter.js'
import { hashText, seededRandom, type SeededRandom } from './random.js'

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
  /** Frames that came to the meters whole, and transmissions that went back. */
  heard = 0
  answered = 0
  readonly #meters = new Map<string, SimulatedMeter>()
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
  }

  /** Takes a meter off the wire; the meter goes on measuring. @returns null when there is none */
  disconnect(address: string): SimulatedMeter | null {
    const meter = this.#meters.get(address)
    this.#meters.delete(address)
    return meter ?? null
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
    const decoded = faults.requestLost ? null : decodeFrame(request)
    if (decoded !== null && decoded.ok) {
      this.heard++
      for (const meter of this.#askedBy(decoded.value)) this.#answer(meter, decoded.value, { trueMs, faults, back })
    }
    if (faults.noise.length > 0) back.push({ delayMs: 5, bytes: faults.noise })
    if (isWithin(this.faults.babblingSpans, trueMs)) back.push({ delayMs: 0, bytes: babble(this.#random) })
    return back
  }

  /** The first unsolicited frame after a true time; null: no meter here sends any. */
  nextHeartbeat(afterMs: number): { readonly atMs: number; readonly bytes: Uint8Array } | null {
    let first: { atMs: number; meter: SimulatedMeter } | null = null
    for (const meter of this.#meters.values()) {
      const everyMs = meter.options.quirks.heartbeatEveryMs
      if (everyMs === null) continue
      const phase = hashText(meter.options.seed, 'heartbeat') % everyMs
      const atMs = Math.floor((afterMs - phase) / everyMs) * everyMs + everyMs + phase
      if (!meter.isDead(atMs) && (first === null || atMs < first.atMs)) first = { atMs, meter }
    }
    return first === null ? null : { atMs: first.atMs, bytes: first.meter.heartbeat() }
  }

  #askedBy(frame: Frame): Iterable<SimulatedMeter> {
    if (frame.address === broadcastAddress || hasWildcard(frame.address)) return this.#meters.values()
    const meter = this.#meters.get(frame.address)
    return meter === undefined ? [] : [meter]
  }

  #answer(meter: SimulatedMeter, frame: Frame, on: { trueMs: number; faults: ExchangeFaults; back: Transmission[] }): void {
    const answer = meter.receive(frame, on.trueMs)
    if (answer === null || on.faults.replyLost) return
    const bytes = spoiled(answer.bytes, on.faults)
    if (bytes.length === 0) return
    this.answered++
    const delayMs = answer.delayMs + on.faults.delayMs
    on.back.push({ delayMs, bytes })
    if (on.faults.duplicate) on.back.push({ delayMs: delayMs + 30, bytes: bytes.slice() })
  }
}
