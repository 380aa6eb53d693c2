import type { RateSwitch } from '../../src/model/index.js'
import { addressed, encodeReply, hasWildcard, parseRequest, type Frame, type Reply } from '../../src/protocols/dlt645/index.js'
import type { FeederPoint } from './electrical.js'
import type { LoadShape } from './load-shape.js'
import { MeterClock } from './meter-clock.js'
import type { MeterQuirks } from './meter-quirks.js'
import { MeterServices } from './meter-services.js'
import type { MeterView } from './meter-view.js'
import { initialParameters } from './parameter-registers.js'
import { Physics } from './physics.js'
import { seededRandom, type SeededRandom } from './random.js'
import { SupplyRelay } from './relay.js'

export interface MeterOptions {
  /** 12 digits as displayed. */
  readonly address: string
  readonly seed: number
  /** True time (ms since 1970, UTC) from which the meter runs. */
  readonly installedAt: number
  readonly utcOffsetMinutes: number
  readonly load: LoadShape
  readonly point: FeederPoint
  /** Rates beside the total; 1: the total alone. */
  readonly rates: number
  readonly table: readonly RateSwitch[]
  /** Forward total at the start, hundredths of a kWh. */
  readonly initialForward: number
  readonly clockOffsetMs: number
  readonly clockDriftPpm: number
  readonly profileIntervalMinutes: number
  readonly profileDays: number
  /** Level and password as a master's credentials give them: `02` + `123456`. */
  readonly password: string
  readonly quirks: MeterQuirks
}

/** An answer on its way: its bytes, and the time from the end of the request to its first byte. */
export interface MeterAnswer {
  readonly bytes: Uint8Array
  readonly delayMs: number
}

/** What a meter's displays would show: truth for a test to compare with. */
export interface MeterTruth {
  readonly forward: readonly number[]
  readonly reverse: readonly number[]
  readonly watts: number
  readonly localMs: number
}

/**
 * A DL/T 645-2007 meter: physics, clock, relay and the meter's half of the protocol. It lives on true time, which is handed in
 * with every call and never runs backwards; a step of the concentrator's clock does not reach it.
 */
export class SimulatedMeter {
  readonly address: string
  readonly options: MeterOptions
  readonly physics: Physics
  readonly relay: SupplyRelay
  readonly clock: MeterClock
  /** Requests that reached this meter and were meant for it alone. */
  requests = 0
  readonly #parameters: Map<number, Uint8Array>
  readonly #services: MeterServices
  readonly #random: SeededRandom
  #dead = false

  constructor(options: MeterOptions) {
    this.options = options
    this.address = options.address
    this.clock = new MeterClock({
      utcOffsetMinutes: options.utcOffsetMinutes,
      offsetMs: options.clockOffsetMs,
      driftPpm: options.clockDriftPpm,
      referenceAt: options.installedAt,
    })
    this.physics = new Physics({ ...options, clock: this.clock })
    this.relay = new SupplyRelay(options.quirks.tripDelayMinutes)
    this.#parameters = initialParameters({ intervalMinutes: options.profileIntervalMinutes, rates: options.rates })
    this.#services = new MeterServices({
      physics: this.physics,
      relay: this.relay,
      clock: this.clock,
      parameters: this.#parameters,
      password: options.password,
      quirks: options.quirks,
      moved: () => this.#followRelay(),
    })
    this.#random = seededRandom(options.seed).fork('reply-delay')
  }

  /** Whether it hears and says nothing at all. */
  isDead(trueMs: number): boolean {
    return this.#dead || this.options.quirks.deadSpans.some(({ fromMs, toMs }) => trueMs >= fromMs && trueMs < toMs)
  }

  setDead(dead: boolean): void {
    this.#dead = dead
  }

  /**
   * Takes in a whole frame from the bus.
   *
   * @returns the answer; null when the meter stays silent (facts §11): not meant, broadcast, unknown or malformed, dead
   */
  receive(frame: Frame, trueMs: number): MeterAnswer | null {
    const standing = addressed(this.address, frame.address)
    if (standing === 'ignore' || this.isDead(trueMs)) return null
    this.advance(trueMs)
    const parsed = parseRequest(frame)
    if (!parsed.ok) {
      const refusal = standing === 'answer' ? this.#services.refuseMalformed(frame, parsed.error.code) : null
      return refusal === null ? null : this.#answer(refusal)
    }
    const request = parsed.value
    if (standing === 'answer' && hasWildcard(frame.address) && request.fn !== 'read' && request.fn !== 'read-address') return null
    this.requests++
    const reply = this.#services.serve(request, this.#view(), standing === 'act-silently')
    return reply === null || standing === 'act-silently' ? null : this.#answer(reply)
  }

  /** An unsolicited frame of a meter with a radio module: 91H with a vendor's register (facts §10.3). */
  heartbeat(): Uint8Array {
    return encodeReply(this.address, { kind: 'reply', fn: 'read', di: '80808080', data: new Uint8Array(), more: false })
  }

  /** Brings registers, freezes and a delayed relay to a true time. */
  advance(trueMs: number): void {
    for (let due = this.relay.dueAt; due !== null && due <= trueMs; due = this.relay.dueAt) {
      this.physics.advance(due)
      this.relay.actDue()
      this.#followRelay()
    }
    this.physics.advance(trueMs)
  }

  /** The customer presses the button. @returns whether supply came back */
  press(trueMs: number): boolean {
    this.advance(trueMs)
    const closed = this.relay.press(trueMs)
    this.#followRelay()
    return closed
  }

  /** Sets the forward total, hundredths of a kWh. */
  setForward(total: number, trueMs: number): void {
    this.advance(trueMs)
    this.physics.setForward(total)
  }

  /** Another load from now on; null: its own again. */
  setLoad(load: LoadShape | null, trueMs: number): void {
    this.advance(trueMs)
    this.physics.setLoad(load ?? this.options.load)
  }

  /** Sets the display, as by hand: any step. */
  setClock(localMs: number, trueMs: number): void {
    this.advance(trueMs)
    this.physics.setClock(localMs)
  }

  truth(trueMs: number): MeterTruth {
    this.advance(trueMs)
    const { forward, reverse, watts } = this.physics
    return { forward: [...forward], reverse: [...reverse], watts, localMs: this.clock.localAt(trueMs) }
  }

  #view(): MeterView {
    return {
      address: this.address,
      physics: this.physics,
      relay: this.relay,
      point: this.options.point,
      localMs: this.clock.localAt(this.physics.at),
      parameters: this.#parameters,
      emptyRecords: this.options.quirks.emptyRecords,
    }
  }

  /** A welded contact lets the energy through whatever it shows. */
  #followRelay(): void {
    this.physics.setSupplied(this.relay.contact === 'closed' || this.options.quirks.weldedRelay)
  }

  #answer(reply: Reply): MeterAnswer {
    const { preamble, replyDelayMs } = this.options.quirks
    const span = replyDelayMs.max - replyDelayMs.min
    const delayMs = replyDelayMs.min + (span > 0 ? this.#random.below(span + 1) : 0)
    return { bytes: encodeReply(this.address, reply, preamble), delayMs }
  }
}
