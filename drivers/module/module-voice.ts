import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { MeshReport } from '../../src/ports/index.js'
import type { UpMessage } from '../../src/protocols/gdw1376/index.js'
import type { LedReading } from './led-reading.js'
import { reportedAddress } from './node-book.js'
import { protocolOf, wireAddress } from './protocol-types.js'
import { recentReportsMax, strangersMax } from './settings.js'
import type { Workplace } from './workplace.js'

const reportAfn = 0x06
const questionAfn = 0x14
/** Error codes we give. @source facts §3, 00H */
const noSuchFunction = 4
const busy = 9

/** What the module says by itself: reports, each confirmed with its own number and told once, and questions. */
export class ModuleVoice {
  readonly #place: Workplace
  readonly #led: LedReading
  readonly #mayRead: () => boolean
  #recent: { readonly key: string; readonly until: MonotonicMs }[] = []
  readonly #strangers = new Set<string>()

  constructor(place: Workplace, led: LedReading, mayRead: () => boolean) {
    this.#place = place
    this.#led = led
    this.#mayRead = mayRead
  }

  /** Whether a frame is a report or a question. */
  isFor({ afn }: { readonly afn: number }): boolean {
    return afn === reportAfn || afn === questionAfn
  }

  hear(message: UpMessage): void {
    if (message.afn === questionAfn) return this.#question(message)
    this.#place.wire.answer(message, confirmation, this.#place.now)
    if (this.#isNew(message)) this.#reported(message)
    else this.#place.note(`a report came again: ${message.unit.name} ${message.info.sequence}`)
  }

  #question(message: UpMessage): void {
    const { unit } = message
    const { wire, now } = this.#place
    if (unit.name === 'next-frame') {
      this.#led.answer({ frame: message, address: unit.address, nodeNumber: unit.nodeNumber }, this.#mayRead())
    } else if (unit.name === 'correct-frame') {
      this.#led.correct({ frame: message, address: unit.address }, unit.payload)
    } else if (unit.name === 'clock') {
      const time = this.#place.localTime()
      // A wrong time would be spread to the whole network.
      wire.answer(message, time === null ? { name: 'deny', errorCode: busy } : { name: 'clock', time }, now)
    } else {
      wire.answer(message, { name: 'deny', errorCode: noSuchFunction }, now)
    }
  }

  #reported(message: UpMessage): void {
    const { unit } = message
    if (unit.name === 'nodes-registered') {
      for (const { address, protocol } of unit.nodes) this.#registered(address, protocol)
    } else if (unit.name === 'devices-registered') {
      for (const { address, protocol, subNodes } of unit.devices) {
        // A collector with meters behind it is no meter; the meters are.
        if (subNodes.length === 0) this.#registered(address, protocol)
        for (const meter of subNodes) this.#registered(meter.address, meter.protocol)
      }
    } else if (unit.name === 'read-report') {
      this.#readReport(message, unit.nodeNumber, unit.payload)
    } else if (unit.name === 'task-finished') {
      this.#finished(unit.finished)
    } else if (unit.name === 'meter-event') {
      const protocol = protocolOf(unit.protocol)
      this.#tell({ kind: 'meter-event', address: this.#meterOf(message), protocol, bytes: unit.payload })
    } else {
      this.#place.note(`a report that is not known: F${message.fn}`)
    }
  }

  #registered(address: string, type: number): void {
    const wire = wireAddress(address) ?? address
    const node = this.#place.nodes.find(wire)
    if (node !== null) {
      if (node.inNetwork !== true) this.#tell({ kind: 'node-joined', address: node.address })
      this.#place.nodes.noteInNetwork(node, true)
      return
    }
    if (wire === this.#place.wire.mainNode || this.#strangers.has(wire)) return
    if (this.#strangers.size < strangersMax) this.#strangers.add(wire)
    this.#tell({ kind: 'unknown-node', address: reportedAddress(null, wire), protocol: protocolOf(type) })
  }

  #readReport(message: UpMessage, nodeNumber: number, payload: Uint8Array): void {
    const { taken, node } = this.#led.hear(nodeNumber, payload)
    if (node !== null) this.#place.nodes.noteSignal(node, message.info)
    if (taken) return
    this.#place.note(`the answer of a read that nobody waits for, node number ${nodeNumber}`)
    if (payload.length > 0) this.#place.emit({ kind: 'unsolicited', from: node?.address ?? null, bytes: payload })
  }

  /** @source facts §3, 06F3 */
  #finished(what: number): void {
    if (what === 2) this.#place.searchEnded = true
    if (what === 1 && this.#place.routing !== 'paused') this.#led.roundEnded()
  }

  #meterOf({ addresses }: UpMessage) {
    return addresses === null ? null : reportedAddress(this.#place.nodes.find(addresses.source), addresses.source)
  }

  #tell(report: MeshReport): void {
    this.#place.report(report)
  }

  /** A module that missed our confirmation repeats its report with the same number. */
  #isNew({ fn, info, data }: UpMessage): boolean {
    const { now, settings } = this.#place
    const key = `${fn} ${info.sequence} ${data.join(',')}`
    this.#recent = this.#recent.filter(({ until }) => until > now).slice(-recentReportsMax)
    if (this.#recent.some((other) => other.key === key)) return false
    this.#recent.push({ key, until: monotonicMs(now + settings.duplicateMs) })
    return true
  }
}

const confirmation = { name: 'confirm', commandStatus: 'FFFFFFFF', waitSeconds: 0 } as const
