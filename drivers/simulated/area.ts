import { linkId, type LinkId, type Meter } from '../../src/model/index.js'
import type { Clock, Link, Timers } from '../../src/ports/index.js'
import { byteMsOf, type AreaOptions, type LinkKind } from './area-options.js'
import { planArea, type PlannedBus } from './area-plan.js'
import { SimulatedBus } from './bus.js'
import { DeviceLink } from './device-link.js'
import { SimulatedLink } from './link.js'
import { loadShape } from './load-shape.js'
import { SimulatedMeter, type MeterTruth } from './meter.js'
import { SimulatedModule } from './module/index.js'
import { SimulatedRadioModem } from './radio-modem.js'
import { hashText, seededRandom } from './random.js'
import type { RelayAction } from './relay.js'
import { SimulatedWire } from './wire.js'

/** One link of an area. */
export interface AreaBus {
  readonly link: LinkId
  readonly kind: LinkKind
  /** The meters. On RS-485 they share it; behind a module or a modem it is only where they are kept. */
  readonly wire: SimulatedWire
  /** Wire time of a byte at the concentrator's port, ms. */
  readonly byteMs: number
  /** Behind the port, where no wire with meters is: a communication module, or a radio modem. */
  readonly device: SimulatedModule | SimulatedRadioModem | null
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
    this.buses = plan.map((planned) => this.#makeBus(planned))
  }

  /** True time now, ms since 1970 (UTC). */
  now(): number {
    return this.#trueStart + Math.floor(this.#time.clock.monotonic())
  }

  /** A bus for the runtime that needs no link. @throws RangeError for a link the area has not, or that is no RS-485 */
  openBus(link: LinkId): SimulatedBus {
    const { wire, byteMs, device } = this.bus(link)
    if (device !== null) throw new RangeError(`behind link ${link} is no wire with meters: open the link for its driver`)
    return new SimulatedBus({ wire, byteMs, trueStart: this.#trueStart, ...this.#time })
  }

  /**
   * A channel for the real driver of a link.
   *
   * @param chunkBytes received bytes are handed up in pieces of at most so many
   */
  openLink(link: LinkId, chunkBytes: number): Link {
    const { wire, byteMs, device } = this.bus(link)
    const common = { chunkBytes, trueStart: this.#trueStart, ...this.#time }
    if (device === null) return new SimulatedLink({ wire, byteMs, ...common })
    const random = seededRandom(hashText(this.options.seed, link)).fork('device link')
    return new DeviceLink({ device, faults: () => wire.faults, random, ...common })
  }

  /** The module behind a link. @throws RangeError where there is none */
  module(link: LinkId): SimulatedModule {
    const { device } = this.bus(link)
    if (device instanceof SimulatedModule) return device
    throw new RangeError(`behind link ${link} is no module`)
  }

  bus(link: LinkId): AreaBus {
    const found = this.buses.find((bus) => bus.link === link)
    if (found === undefined) throw new RangeError(`the area has no link ${link}`)
    return found
  }

  #makeBus({ link, plan, seed, faults, meters }: PlannedBus): AreaBus {
    const wire = new SimulatedWire({ meters: meters.map((planned) => new SimulatedMeter(planned.options)), faults, seed })
    const baud = plan.baud ?? this.options.baud
    const device = this.#makeDevice({ plan, seed, meters }, wire, baud)
    return { link, kind: plan.kind, wire, byteMs: device?.byteMs ?? byteMsOf(baud), device }
  }

  #makeDevice(
    { plan, seed, meters }: Pick<PlannedBus, 'plan' | 'seed' | 'meters'>,
    wire: SimulatedWire,
    meterBaud: number,
  ): SimulatedModule | SimulatedRadioModem | null {
    const common = { seed, trueStart: this.#trueStart, ...this.#time }
    switch (plan.kind) {
      case 'rs485':
        return null
      case 'radio-modem':
        return new SimulatedRadioModem({ ...plan.modem, ...common, wire, meterBaud: meterBaud > 0 ? meterBaud : 9600 })
      case 'plc-hplc':
      case 'plc-narrow':
      case 'wireless': {
        const { stands = false, ...module } = plan.module ?? {}
        const archive = meters.map(({ meter }) => ({
          address: meter.address.padStart(12, '0'),
          protocol: protocolType(meter.protocol),
        }))
        const phases = new Map(meters.map(({ meter }) => [meter.address.padStart(12, '0'), phaseBits(meter.phase)]))
        const phaseBitsOf = (address: string): number => phases.get(address) ?? 1
        return new SimulatedModule({
          ...module,
          ...common,
          medium: plan.kind,
          meters: wire.meters,
          phaseBitsOf,
          ...(stands && { archive }),
        })
      }
    }
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

/** Type byte of a module's archive (facts on Q/GDW 1376.2 §2.5). */
function protocolType(protocol: string): number {
  const type = ['', 'dlt645-1997', 'dlt645-2007', 'dlt698-45'].indexOf(protocol)
  return Math.max(0, type)
}

const phaseBits = (phase: string): number =>
  (phase.includes('A') ? 1 : 0) | (phase.includes('B') ? 2 : 0) | (phase.includes('C') ? 4 : 0)
