import type { SimulatedMeter } from '../meter.js'
import { hash32 } from '../random.js'
import type { ArchivedNode } from './archive.js'
import type { ModuleDesk } from './desk.js'
import type { MeshGround } from './network.js'
import type { ReportOutbox } from './reports.js'

/** Nodes told in one report. Assumption. */
const reportNodesMax = 10
/** How often a module looks whether nodes joined or left, while nodes are expected and later. Assumptions. */
const watchMs = 10_000
const watchLaterMs = 300_000
/** Power-off reports carry a maker's own bytes (facts §3, 06F5). */
const powerProtocol = 4

export interface NewcomersOptions {
  readonly desk: ModuleDesk
  readonly ground: MeshGround
  readonly outbox: ReportOutbox
  readonly meters: ReadonlyMap<string, SimulatedMeter>
}

/** Who joins, who leaves, and whom a search finds. */
export class Newcomers {
  readonly #o: NewcomersOptions
  #present = new Set<string>()
  #found: ArchivedNode[] = []
  #searches = 0

  constructor(options: NewcomersOptions) {
    this.#o = options
  }

  /** Nodes that registered in the last search. */
  get found(): readonly ArchivedNode[] {
    return this.#found
  }

  clear(): void {
    this.#present = new Set()
    this.#found = []
    this.#searches++
  }

  /** Looks for changes from now on, as long as the module has power. */
  watch(): void {
    const { desk, ground } = this.#o
    const last = ground.lastJoinAt
    const isSettled = last === null || !(last > desk.now - 2 * watchMs)
    desk.later(isSettled ? watchLaterMs : watchMs, () => {
      this.#compare()
      this.watch()
    })
  }

  /** 11F5: units that are not in the archive register one after the other. */
  search(minutes: number): void {
    const { desk, ground, meters } = this.#o
    const durationMs = Math.max(1, minutes) * 60_000
    const search = ++this.#searches
    this.#found = []
    desk.searchUntil = desk.now + durationMs
    for (const meter of meters.values()) {
      const address = meter.address.padStart(12, '0')
      if (desk.archive.find(address) !== null) continue
      const afterMs = hash32(ground.topology.place(address).seed, search) % Math.floor(durationMs * 0.8)
      desk.later(afterMs, () => {
        if (search === this.#searches && ground.hasUnit(address, desk.now)) this.#register(address, meter)
      })
    }
    desk.later(durationMs, () => {
      if (search === this.#searches) this.#endSearch()
    })
  }

  /** 11F6. */
  stopSearch(): void {
    this.#searches++
    this.#o.desk.searchUntil = null
  }

  #endSearch(): void {
    this.stopSearch()
    this.#o.outbox.send({ name: 'task-finished', finished: 2 })
  }

  #register(address: string, meter: SimulatedMeter): void {
    const { desk, outbox } = this.#o
    const protocol = protocolType(meter, desk.quirks.refuses698)
    const nodeNumber = desk.archive.size + this.#found.length + 1
    this.#found.push({ address, protocol, number: nodeNumber, addedAt: desk.now })
    if (desk.quirks.reportsFinds === '06F1')
      return outbox.send({ name: 'nodes-registered', nodes: [{ address, protocol, nodeNumber }] })
    const device = { address, protocol, nodeNumber, deviceType: 1, totalSubNodes: 0, subNodes: [] }
    outbox.send({ name: 'devices-registered', devices: [device] })
  }

  #compare(): void {
    const { desk, ground, outbox } = this.#o
    const { now, quirks } = desk
    const joined: ArchivedNode[] = []
    for (const node of desk.archive.nodes) {
      const isIn = ground.knows(node.address, now)
      if (isIn === this.#present.has(node.address)) continue
      if (isIn) {
        this.#present.add(node.address)
        joined.push(node)
      } else {
        this.#present.delete(node.address)
        if (quirks.lastGasp && desk.reportsAllowed) this.#lastGasp(node.address)
      }
    }
    if (!desk.reportsAllowed || !quirks.reportsJoins) return
    for (let at = 0; at < joined.length; at += reportNodesMax) {
      const nodes = joined
        .slice(at, at + reportNodesMax)
        .map(({ address, protocol, number }) => ({ address, protocol, nodeNumber: number }))
      outbox.send({ name: 'nodes-registered', nodes })
    }
  }

  /** Neighbours with supply pass it on; late, as the module looks from time to time. */
  #lastGasp(address: string): void {
    const payload = Uint8Array.of(...Buffer.from(address, 'hex').reverse(), 0x00)
    this.#o.outbox.send({ name: 'meter-event', deviceType: 2, protocol: powerProtocol, payload })
  }
}

/** The type byte of a meter's protocol (facts §2.5). */
function protocolType(meter: SimulatedMeter, refuses698: boolean): number {
  switch (meter.language.protocol) {
    case 'dlt645-1997':
      return 1
    case 'dlt645-2007':
      return 2
    case 'dlt698-45':
      return refuses698 ? 0 : 3
    default:
      return 0
  }
}
