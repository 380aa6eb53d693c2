import { linkId, type LinkId, type Meter } from '../../src/model/index.js'
import type { Clock, Timers } from '../../src/ports/index.js'
import { byteMsOf, planArea, type AreaOptions } from './area-plan.js'
import { SimulatedBus } from './bus.js'
import { SimulatedLink } from './link.js'
import { loadShape } from './load-shape.js'
import { SimulatedMeter, type MeterTruth } from './meter.js'
import { hashText } from './random.js'
import type { RelayAction } from './relay.js'
import { SimulatedWire } from './wire.js'

/** One bus of an area. */
export interface AreaBus {
  readonly link: LinkId
  readonly wire: SimulatedWire
  readonly byteMs: number
}

/** Where an area's true time comes from: monotonic time, which no step of the wall clock moves. */
export interface AreaTime {
  readonly clock: Clock
  readonly timers: Timers
}

/** Everything behind a concentrator's ports, its archive, and the hands that reach into it. */
export class SimulatedArea {
  readonly options: AreaOptions
  readonly buses: readonly AreaBus[]
  readonly archive: readonly Meter[]
  readonly #time: AreaTime
  /** True time at monotonic 0. */
  readonly #trueStart: number
  /** Address of the device that hangs in the place of an archive's meter. */
  readonly #addressOf = new Map<string, string>()
  readonly #removed: SimulatedMeter[] = []

  constructor(options: AreaOptions, time: AreaTime) {
    this.options = options
    this.#time = time
    this.#trueStart = options.startsAt - Math.floor(time.clock.monotonic())
    const plan = planArea(options)
    this.archive = plan.flatMap(({ meters }) => meters.map(({ meter }) => meter))
    for (const meter of this.archive) this.#addressOf.set(meter.id, meter.address)
    this.buses = plan.map(({ link, seed, faults, meters }) => {
      const wire = new SimulatedWire({ meters: meters.map((planned) => new SimulatedMeter(planned.options)), faults, seed })
      return { link, wire, byteMs: byteMsOf(options.baud) }
    })
  }

  /** True time now, ms since 1970 (UTC). */
  now(): number {
    return this.#trueStart + Math.floor(this.#time.clock.monotonic())
  }

  /** A bus for the runtime that needs no link. @throws RangeError for a link the area has not */
  openBus(link: LinkId): SimulatedBus {
    const { wire, byteMs } = this.bus(link)
    return new SimulatedBus({ wire, byteMs, trueStart: this.#trueStart, ...this.#time })
  }

  /** A channel for the real bus driver. */
  openLink(link: LinkId, chunkBytes: number): SimulatedLink {
    const { wire, byteMs } = this.bus(link)
    return new SimulatedLink({ wire, byteMs, chunkBytes, trueStart: this.#trueStart, ...this.#time })
  }

  bus(link: LinkId): AreaBus {
    const found = this.buses.find((bus) => bus.link === link)
    if (found === undefined) throw new RangeError(`the area has no link ${link}`)
    return found
  }

  /** All meters that hang on a wire now. */
  get meters(): readonly SimulatedMeter[] {
    return this.buses.flatMap(({ wire }) => [...wire.meters.values()])
  }

  /**
   * A meter by its address, or by its id in the archive.
   *
   * @throws RangeError when no such meter is on a wire
   */
  meter(name: string): SimulatedMeter {
    const address = this.#addressOf.get(name) ?? name
    for (const { wire } of this.buses) {
      const meter = wire.meters.get(address)
      if (meter !== undefined) return meter
    }
    throw new RangeError(`no meter ${address} is on a wire`)
  }

  /** What a meter measures at this moment. */
  truth(name: string): MeterTruth {
    return this.meter(name).truth(this.now())
  }

  /** The customer presses the button. @returns whether supply came back */
  press(name: string): boolean {
    return this.meter(name).press(this.now())
  }

  /** A steady load from now on; null: the meter's own load again. */
  setWatts(name: string, watts: number | null): void {
    const load = watts === null ? null : loadShape({ kind: 'constant', seed: 0, peakWatts: watts })
    this.meter(name).setLoad(load, this.now())
  }

  /**
   * Hangs a new meter in the place of an old one.
   *
   * @param initialForward forward total of the new one, hundredths of a kWh
   * @returns the old one, which stands still from now on
   */
  replace(name: string, newAddress: string, initialForward: number): SimulatedMeter {
    const old = this.meter(name)
    const bus = this.buses.find(({ wire }) => wire.meters.has(old.address)) ?? this.bus(linkId(''))
    const now = this.now()
    old.advance(now)
    const { options } = old
    const seed = hashText(options.seed, newAddress)
    bus.wire.connect(new SimulatedMeter({ ...options, address: newAddress, initialForward, installedAt: now, seed }))
    bus.wire.disconnect(old.address)
    this.#removed.push(old)
    for (const [id, address] of this.#addressOf) if (address === old.address) this.#addressOf.set(id, newAddress)
    return old
  }

  /** Everything that happened to the relays of all meters there ever were, each oldest first. */
  relayLog(): readonly { readonly address: string; readonly actions: readonly RelayAction[] }[] {
    return [...this.#removed, ...this.meters].map(({ address, relay }) => ({ address, actions: relay.actions }))
  }

  /** Everything that happened to one relay, oldest first; of a removed meter as well. */
  relayActions(name: string): readonly RelayAction[] {
    const address = this.#addressOf.get(name) ?? name
    const found = this.relayLog().find((line) => line.address === address)
    if (found === undefined) throw new RangeError(`the area never had a meter ${name}`)
    return found.actions
  }
}
