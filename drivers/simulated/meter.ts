import type { RateSwitch } from '../../src/model/index.js'
import type { ModbusMap } from '../../src/protocols/modbus/index.js'
import type { FeederPoint } from './electrical.js'
import { languageOf, usualProtocol } from './languages.js'
import type { LoadShape } from './load-shape.js'
import { MeterClock } from './meter-clock.js'
import type { MeterQuirks } from './meter-quirks.js'
import { Physics } from './physics.js'
import { seededRandom, type SeededRandom } from './random.js'
import { SupplyRelay } from './relay.js'
import type { MeterBody, MeterLanguage, MeterSpeaker } from './speaker.js'

/** What a meter is made of. */
export interface MeterOptions {
  /** As its protocol has it: 12 digits as displayed. */
  readonly address: string
  /** By the name that settings use; default DL/T 645-2007. */
  readonly protocol?: string
  /** The registers of a Modbus device, whose address is 1 to 247. */
  readonly modbusMap?: ModbusMap
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
 * A meter: physics, clock and relay, and the meter's half of one protocol. It lives on true time, which is handed in with every
 * call and never runs backwards; a step of the concentrator's clock does not reach it.
 */
export class SimulatedMeter implements MeterBody {
  readonly address: string
  readonly options: MeterOptions
  readonly language: MeterLanguage
  readonly physics: Physics
  readonly relay: SupplyRelay
  readonly clock: MeterClock
  /** Requests that reached this meter and that it understood. */
  requests = 0
  readonly #speaker: MeterSpeaker
  readonly #random: SeededRandom
  #dead = false

  /** @throws RangeError for a protocol that is not simulated */
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
    this.language = languageOf(options.protocol ?? usualProtocol)
    this.#speaker = this.language.speaker(this)
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
   * Takes in a whole frame from its line, or what a meter takes for one.
   *
   * @returns the answer; null when the meter stays silent: not meant, broadcast, unknown or malformed, dead
   */
  hear(frame: Uint8Array, trueMs: number): MeterAnswer | null {
    if (this.isDead(trueMs)) return null
    const heard = this.#speaker.hear(frame, trueMs)
    if (heard.kind === 'ignored') return null
    this.requests++
    return heard.kind === 'answered' ? { bytes: heard.bytes, delayMs: this.#replyDelayMs() } : null
  }

  /** A frame that comes by itself, such as a heartbeat; null: its protocol has none. */
  unasked(): Uint8Array | null {
    return this.#speaker.unasked()
  }

  /** Brings registers, freezes and a delayed relay to a true time. */
  advance(trueMs: number): void {
    for (let due = this.relay.dueAt; due !== null && due <= trueMs; due = this.relay.dueAt) {
      this.physics.advance(due)
      this.relay.actDue()
      this.moved()
    }
    this.physics.advance(trueMs)
  }

  /** The customer presses the button. @returns whether supply came back */
  press(trueMs: number): boolean {
    this.advance(trueMs)
    const closed = this.relay.press(trueMs)
    this.moved()
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

  /** A welded contact lets the energy through whatever it shows. */
  moved(): void {
    this.physics.setSupplied(this.relay.contact === 'closed' || this.options.quirks.weldedRelay)
  }

  #replyDelayMs(): number {
    const { replyDelayMs } = this.options.quirks
    const span = replyDelayMs.max - replyDelayMs.min
    return replyDelayMs.min + (span > 0 ? this.#random.below(span + 1) : 0)
  }
}
