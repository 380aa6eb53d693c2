import type { LinkId, Meter } from '../../src/model/index.js'
import type { Clock, Timers } from '../../src/ports/index.js'
import { byteMsOf, planArea, type AreaOptions, type PlannedMeter } from './area-plan.js'
import { SimulatedBus } from './bus.js'
import { SimulatedLink } from './link.js'
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
  readonly #places = new Map<string, { readonly bus: AreaBus; planned: PlannedMeter }>()
  readonly #removed: SimulatedMeter[] = []

  constructor(options: AreaOptions, time: AreaTime) {
    this.options = options
    this.#time = time
    this.#trueStart = options.startsAt - Math.floor(time.clock.monotonic())
    const plan = planArea(options)
    this.archive = plan.flatMap(({ meters }) => meters.map(({ meter }) => meter))
    this.buses = plan.map(({ link, seed, faults, meters }) => {
      const wire = new SimulatedWire({ meters: meters.map((planned) => new SimulatedMeter(planned.options)), faults, seed })
      const bus = { link, wire, byteMs: byteMsOf(options.baud) }
      for (const planned of meters) this.#places.set(planned.options.address, { bus, planned })
      return bus
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

  /** @throws RangeError when no meter on a wire has the address */
  meter(address: string): SimulatedMeter {
    for (const { wire } of this.buses) {
      const meter = wire.meters.get(address)
      if (meter !== undefined) return meter
    }
    throw new RangeError(`no meter ${address} is on a wire`)
  }

  /** What a meter measures at this moment. */
  truth(address: string): MeterTruth {
    return this.meter(address).truth(this.now())
  }

  /** The customer presses the button. @returns whether supply came back */
  press(address: string): boolean {
    return this.meter(address).press(this.now())
  }

  /**
   * Hangs a new meter in the place of an old one.
   *
   * @param initialForward forward total of the new one, hundredths of a kWh
   * @returns the old one, which stands still from now on
   */
  replace(oldAddress: string, newAddress: string, initialForward: number): SimulatedMeter {
    const place = this.#places.get(oldAddress)
    const old = this.meter(oldAddress)
    if (place === undefined) throw new RangeError(`no meter ${oldAddress} is on a wire`)
    const now = this.now()
    old.advance(now)
    const options = { ...place.planned.options, address: newAddress, initialForward, installedAt: now }
    const fresh = new SimulatedMeter({ ...options, seed: hashText(options.seed, newAddress) })
    place.bus.wire.connect(fresh)
    place.bus.wire.disconnect(oldAddress)
    this.#removed.push(old)
    this.#places.delete(oldAddress)
    this.#places.set(newAddress, { bus: place.bus, planned: { ...place.planned, options } })
    return old
  }

  /** Everything that happened to a relay, oldest first; of a removed meter as well. */
  relayActions(address: string): readonly RelayAction[] {
    const meter = [...this.meters, ...this.#removed].find((candidate) => candidate.address === address)
    if (meter === undefined) throw new RangeError(`the area never had a meter ${address}`)
    return meter.relay.actions
  }
}
