import type { Clock, Timers } from '../../../src/ports/index.js'
import {
  decodeFrame,
  entryOf,
  frameSplitter,
  parseMessage,
  type DownMessage,
  type FrameSplitter,
} from '../../../src/protocols/gdw1376/index.js'
import type { FarDevice } from '../far-device.js'
import type { SimulatedMeter } from '../meter.js'
import { hashText, seededRandom } from '../random.js'
import { answerTo } from './answers.js'
import { Carrier } from './carrier.js'
import { ModuleDesk, type ModuleCounts } from './desk.js'
import { denial } from './denials.js'
import { Exchanges } from './exchanges.js'
import { bootMs, figuresOf, type MediumFigures, type ModuleMedium } from './figures.js'
import { LedReading } from './led-reading.js'
import { MeshGround } from './network.js'
import { Newcomers } from './newcomers.js'
import { obeyOrder, type OrderParts } from './orders.js'
import { noModuleFaults, type ModuleEvent, type ModuleFaults, type ModuleQuirks } from './quirks.js'
import { Questions, ReportOutbox } from './reports.js'
import { Topology } from './topology.js'

export interface ModuleOptions {
  readonly medium: ModuleMedium
  readonly seed: number
  /** Meters behind the module by their addresses; the map is looked at anew each time, so that meters may come and go. */
  readonly meters: ReadonlyMap<string, SimulatedMeter>
  readonly clock: Clock
  readonly timers: Timers
  /** True time at monotonic 0, ms. */
  readonly trueStart: number
  /** 12 digits. */
  readonly mainNode?: string
  readonly quirks?: Partial<ModuleQuirks>
  readonly faults?: Partial<ModuleFaults>
  readonly figures?: Partial<MediumFigures>
  /** What the module was told long ago, with a network that stands since. */
  readonly archive?: readonly { readonly address: string; readonly protocol: number }[]
  /** 1, 2, 4 for the phases A, B, C; default by chance. */
  readonly phaseBitsOf?: (address: string) => number
}

/** Without a new byte for so long, the frame that had begun is given up. */
const silenceMs = 500
const dayMs = 86_400_000

/**
 * A local communication module of Q/GDW 1376.2 with its network and the meters behind it: a carrier's CCO or a radio's centre node. It
 * keeps true time, which no step of the concentrator's clock moves.
 */
export class SimulatedModule implements FarDevice {
  readonly medium: ModuleMedium
  readonly byteMs = 11_000 / 9600
  readonly #o: ModuleOptions
  readonly #desk: ModuleDesk
  readonly #ground: MeshGround
  readonly #outbox: ReportOutbox
  readonly #questions: Questions
  readonly #exchanges: Exchanges
  readonly #led: LedReading
  readonly #carrier: Carrier
  readonly #newcomers: Newcomers
  readonly #orders: OrderParts
  readonly #known: Parameters<typeof answerTo>[0]
  #splitter: FrameSplitter
  #heardAt = 0
  #isReady = false
  #hasPower = false
  #speak: (bytes: Uint8Array) => void = () => undefined

  constructor(options: ModuleOptions) {
    this.#o = options
    this.medium = options.medium
    const figures = { ...figuresOf[options.medium], ...options.figures }
    const faults: ModuleFaults = { ...noModuleFaults, ...options.faults }
    const { clock, timers, trueStart, medium } = options
    const random = seededRandom(options.seed).fork('module')
    const mainNode = options.mainNode ?? String(hashText(options.seed, 'main node') % 1_000_000_000_000).padStart(12, '0')
    const desk = new ModuleDesk({
      ...{ medium, figures, mainNode, faults, random, clock, timers, trueStart },
      quirks: options.quirks ?? {},
      speak: (bytes) => this.#speak(bytes),
    })
    const meterAt = (address: string): SimulatedMeter | null =>
      options.meters.get(address) ?? options.meters.get(String(Number(address))) ?? null
    const addresses = [...options.meters.keys()].map((address) => address.padStart(12, '0'))
    const topology = new Topology({ seed: options.seed, figures, addresses, weakNodesPpm: faults.weakNodesPpm })
    const ground = new MeshGround({ figures, faults: () => desk.faults, topology, archive: desk.archive, meterAt })
    const later = (delayMs: number, fire: () => void): void => desk.later(delayMs, fire)
    const carrier = new Carrier({
      figures,
      faults: () => desk.faults,
      ground,
      random: random.fork('carrier'),
      meterAt,
      trueNow: () => desk.now,
      later,
    })
    this.#desk = desk
    this.#ground = ground
    this.#carrier = carrier
    this.#outbox = new ReportOutbox(desk)
    this.#questions = new Questions(desk)
    this.#exchanges = new Exchanges(desk, { carrier, ground, questions: this.#questions })
    const phaseBitsOf =
      options.phaseBitsOf ??
      ((address: string) => (meterAt(address)?.options.point.phases === 3 ? 7 : 1 << (topology.place(address).seed % 3)))
    this.#led = new LedReading(desk, {
      ...{ carrier, ground, questions: this.#questions, outbox: this.#outbox, exchanges: this.#exchanges },
      phaseOf: (address) => phaseNumber(phaseBitsOf(address)),
    })
    this.#newcomers = new Newcomers({ desk, ground, outbox: this.#outbox, meters: options.meters })
    this.#orders = {
      ...{ desk, ground, carrier, exchanges: this.#exchanges, led: this.#led },
      restart: () => this.restart(),
      search: (minutes) => this.#newcomers.search(minutes),
      stopSearch: () => this.#newcomers.stopSearch(),
    }
    this.#known = {
      desk,
      ground,
      phaseBitsOf,
      found: () => this.#newcomers.found,
      readNodes: () => this.#led.readNodes,
      isRead: (address) => this.#led.isRead(address),
    }
    this.#splitter = frameSplitter((frame) => this.#take(frame))
    for (const { address, protocol } of options.archive ?? []) desk.archive.add(address, protocol, 0)
    for (const event of faults.events) desk.at(event.atMs, () => this.#happen(event))
  }

  /** What came, was answered, denied, reported, by name. */
  get counts(): ModuleCounts {
    return this.#desk.counts
  }

  /** How long exchanges with a node, by its 12 digits, have held their place in the network, ms. */
  heldMs(address: string): number {
    return this.#carrier.heldMs.get(address) ?? 0
  }

  get archiveSize(): number {
    return this.#desk.archive.size
  }

  get mainNode(): string {
    return this.#desk.mainNode
  }

  get faults(): ModuleFaults {
    return this.#desk.faults
  }
  /** Another plan from now on; what was planned for a time goes on. */
  set faults(faults: ModuleFaults) {
    this.#desk.faults = faults
  }

  /** Whether a node is in the network now; hops to it; the address of its parent, null: heard directly. */
  node(address: string): { readonly inNetwork: boolean; readonly hops: number; readonly parent: string | null } {
    const { now } = this.#desk
    const path = this.#ground.path(this.#ground.topology.place(address), now)
    return { inNetwork: this.#ground.knows(address, now), hops: path.length, parent: path[1]?.address ?? null }
  }

  hear(bytes: Uint8Array): void {
    if (!this.#isReady || this.#desk.isHung) return
    const { now } = this.#desk
    if (now - this.#heardAt > silenceMs) this.#splitter.silence()
    this.#heardAt = now
    this.#splitter.push(bytes)
  }

  onSpeak(handler: (bytes: Uint8Array) => void): void {
    this.#speak = handler
  }

  /** The slot gets its supply, which happens once: a link that opens again does not restart the module. */
  powerOn(): void {
    if (this.#hasPower) return
    this.#hasPower = true
    this.#boot(this.#desk.archive.size > 0 && this.#o.archive !== undefined)
  }

  powerOff(): void {
    this.#isReady = false
    this.#desk.end()
  }

  /** The supply blinks, or 01F1. */
  restart(): void {
    if (!this.#hasPower) return
    this.#desk.count('restart')
    this.#boot(false)
  }

  loseArchive(): void {
    this.#desk.archive.clear()
    this.#ground.begin(this.#desk.now)
  }

  /** Another module is put into the slot. */
  replace(by: Partial<ModuleQuirks>): void {
    this.#desk.quirks = { ...this.#desk.quirks, ...by }
    this.#desk.mainNode = '000000000000'
    this.loseArchive()
    this.restart()
  }

  /** A meter reports something by itself: its frame goes up as 06F5. */
  tellEvent(address: string, protocol: number, bytes: Uint8Array): void {
    if (this.#isReady && this.#desk.reportsAllowed && this.#ground.knows(address, this.#desk.now)) {
      this.#outbox.send({ name: 'meter-event', deviceType: 1, protocol, payload: bytes })
    }
  }

  #boot(hasStood: boolean): void {
    const desk = this.#desk
    this.#isReady = false
    desk.forget()
    this.#outbox.clear()
    this.#questions.clear()
    this.#exchanges.clear()
    this.#led.forget()
    this.#newcomers.clear()
    this.#splitter = frameSplitter((frame) => this.#take(frame))
    desk.later(bootMs, () => {
      this.#isReady = true
      // A network that stood before needs no forming.
      this.#ground.begin(hasStood ? desk.now - dayMs : desk.now)
      this.#newcomers.watch()
      this.#reportStart()
      if (desk.quirks.asksClock) this.#askClock(60_000)
    })
  }

  #reportStart(): void {
    const desk = this.#desk
    if (!desk.quirks.reportsStart) return
    const unit = answerTo(this.#known, { name: 'run-mode' })
    if (unit !== null && typeof unit !== 'number') desk.begin(unit, null, !desk.quirks.startsWithoutPrm)
  }

  #askClock(delayMs: number): void {
    this.#desk.later(delayMs, () => {
      this.#questions.ask({ name: 'clock' }, null, (answer) => {
        if (answer?.name === 'clock') this.#desk.localTime = answer.time
      })
      this.#askClock(dayMs)
    })
  }

  #take(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    // A frame from a module, as an echo of our own, is none for a module (facts §1).
    if (!frame.ok || frame.value.direction === 'up') return
    const parsed = parseMessage(frame.value)
    if (parsed.ok) return parsed.value.direction === 'down' ? this.#serve(parsed.value) : undefined
    this.#desk.count('malformed')
    this.#desk.deny(
      { ...frame.value, unit: { name: 'unknown', afn: frame.value.afn, fn: frame.value.fn, data: frame.value.data } },
      denial.badUnit,
    )
  }

  #serve(message: DownMessage): void {
    const { unit, info } = message
    this.#desk.count(`heard ${unit.name}`)
    if (unit.name === 'confirm' || unit.name === 'deny') return this.#outbox.confirmed(info.sequence)
    if (unit.name === 'forward' || unit.name === 'monitor' || unit.name === 'monitor-long') {
      return this.#exchanges.forward({ ...message, unit }, this.#led.isAsking)
    }
    if (unit.name === 'concurrent-read') return this.#exchanges.concurrent({ ...message, unit })
    if (entryOf(unit)?.afn === questionsAfn) return void this.#questions.answered(info.sequence, unit)
    this.#serveLocal(message)
  }

  #serveLocal(message: DownMessage): void {
    const desk = this.#desk
    const { unit } = message
    if (unit.name === 'broadcast-delay') {
      const delaySeconds = Math.ceil(this.#orders.carrier.broadcastMs / 1000)
      return desk.answer(message, { ...unit, delaySeconds })
    }
    if (unit.name === 'file-segment') return desk.answer(message, { name: 'file-segment', segmentNumber: unit.segmentNumber })
    if (obeyOrder(this.#orders, message)) return
    const answer = answerTo(this.#known, unit)
    if (answer === null) return desk.deny(message, unit.name === 'unknown' ? denial.noSuchFunction : denial.notSupported)
    if (typeof answer === 'number') return desk.deny(message, answer)
    desk.answer(message, answer)
  }

  #happen({ what }: ModuleEvent): void {
    switch (what.kind) {
      case 'restart':
        return this.restart()
      case 'lose-archive':
        return this.loseArchive()
      case 'replace':
        return this.replace(what.by)
      case 'event':
        return this.tellEvent(what.address, what.protocol, what.bytes)
    }
  }
}

/** What a module asks, and the concentrator answers. */
const questionsAfn = 0x14

/** 1–3 for A–C, 0: not known, or all three. */
const phaseNumber = (bits: number): number => (bits === 1 ? 1 : bits === 2 ? 2 : bits === 4 ? 3 : 0)
