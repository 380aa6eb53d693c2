import {
  SimulatedArea,
  VirtualTime,
  type LinkPlan,
  type ModulePlan,
  type SimulatedModule,
} from '../../drivers/simulated/index.js'
import { dayMs, epochMs, linkId, type Meter } from '../../src/model/index.js'
import type { Link } from '../../src/ports/index.js'
import {
  decodeFrame,
  encodeAnswer,
  encodeDown,
  frameSplitter,
  parseMessage,
  type DownUnit,
  type Message,
  type UpMessage,
  type UpUnit,
} from '../../src/protocols/gdw1376/index.js'
import { encodeRequest } from '../../src/protocols/dlt645/index.js'
import { valueOf } from './outcome.js'
import { marchFirst } from './simulated-meter.js'

type NameOf<U> = U extends { readonly name: infer N extends string } ? N : never
export type UpName = NameOf<UpUnit>

/** A concentrator that says what a test tells it to a simulated module, and hears everything. */
export class ModuleClient {
  readonly time: VirtualTime
  readonly area: SimulatedArea
  readonly module: SimulatedModule
  readonly link: Link
  readonly meters: readonly Meter[]
  /** Everything the module said, oldest first, with its time. */
  readonly heard: { readonly at: number; readonly message: Message; readonly bytes: Uint8Array }[] = []
  /** What the module's reports and questions are answered by; null: nothing. */
  respond: (message: UpMessage) => DownUnit | null = (message) => (message.initiates && message.afn === 6 ? confirm : null)
  readonly #mode: number
  #sequence = 100

  constructor(kind: LinkPlan['kind'], plan: ModulePlan = {}, more: Partial<LinkPlan> & { readonly seed?: number } = {}) {
    const { seed = 3, ...link } = more
    this.time = new VirtualTime({ wallStart: epochMs(marchFirst) })
    const links: readonly LinkPlan[] = [{ kind, meters: 12, ...link, module: plan }]
    const options = { seed, links, startsAt: marchFirst, utcOffsetMinutes: 480, baud: 9600, historyMs: dayMs }
    this.area = new SimulatedArea(options, { clock: this.time, timers: this.time })
    this.module = this.area.module(linkId('bus1'))
    this.meters = this.area.archive
    this.#mode = kind === 'wireless' ? 10 : kind === 'plc-hplc' ? 3 : 1
    this.link = this.area.openLink(linkId('bus1'), 4096)
    const splitter = frameSplitter((bytes) => this.#take(bytes))
    this.link.onBytes((bytes) => splitter.push(bytes))
    this.link.start()
  }

  address(index: number): string {
    return this.meters[index]?.address ?? ''
  }

  /** Says something. @returns its sequence number */
  say(unit: DownUnit, to: string | null = null): number {
    const sequence = this.#sequence
    this.#sequence = (sequence + 1) & 0xff
    const addresses = to === null ? null : { source: '000000000001', relays: [], destination: to }
    this.link.write(encodeDown(unit, { mode: this.#mode, sequence, addresses }))
    return sequence
  }

  /** What comes back to something said, within some time. */
  async ask(unit: DownUnit, to: string | null = null, withinMs = 60_000): Promise<UpUnit | DownUnit | null> {
    const from = this.heard.length
    const sequence = this.say(unit, to)
    const answer = () => this.heard.slice(from).find(({ message }) => message.info.sequence === sequence && !isOfModule(message))
    await this.time.runUntil(() => answer() !== undefined, withinMs)
    return answer()?.message.unit ?? null
  }

  /** A read of a meter's energy: its bytes. */
  read(index: number): Uint8Array {
    return encodeRequest(this.address(index), { fn: 'read', di: '00010000', load: null })
  }

  /** 13F1 with such a read. */
  async monitor(index: number, withinMs = 120_000): Promise<UpUnit | DownUnit | null> {
    return await this.ask(
      { name: 'monitor', protocol: 2, delayFlag: false, subNodes: [], payload: this.read(index) },
      this.address(index),
      withinMs,
    )
  }

  /** Adds meters of the area to the archive. */
  async add(...indexes: readonly number[]): Promise<UpUnit | DownUnit | null> {
    return await this.ask({ name: 'add-nodes', nodes: indexes.map((index) => ({ address: this.address(index), protocol: 2 })) })
  }

  of<N extends UpName>(name: N): readonly Extract<UpUnit, { readonly name: N }>[] {
    return this.heard.flatMap(({ message }) => (message.direction === 'up' && isNamed(message.unit, name) ? [message.unit] : []))
  }

  async wait(ms: number): Promise<void> {
    await this.time.runFor(ms)
  }

  #take(bytes: Uint8Array): void {
    const message = valueOf(parseMessage(valueOf(decodeFrame(bytes))))
    this.heard.push({ at: this.time.monotonic(), message, bytes })
    if (message.direction !== 'up') return
    const unit = this.respond(message)
    if (unit === null) return
    const isAddressed = unit.name === 'next-frame' && 'address' in message.unit
    const to = isAddressed ? { source: '000000000001', relays: [], destination: String(message.unit.address) } : null
    this.link.write(encodeAnswer(message, unit, to))
  }
}

export const confirm: DownUnit = { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 }

const isNamed = <N extends UpName>(unit: UpUnit, name: N): unit is Extract<UpUnit, { readonly name: N }> => unit.name === name

/** Reports and questions of its own. */
const isOfModule = (message: Message): boolean => message.afn === 6 || message.afn === 0x14
