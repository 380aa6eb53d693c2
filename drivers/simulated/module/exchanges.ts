import type { DownMessage, DownUnit, UpUnit } from '../../../src/protocols/gdw1376/index.js'
import { languageOf } from '../languages.js'
import type { ArchivedNode } from './archive.js'
import type { Carried, Carrier } from './carrier.js'
import { denial } from './denials.js'
import type { ModuleDesk } from './desk.js'
import { concurrentBytesMax, forwardBytesMax, framesPerReadMax } from './figures.js'
import type { MeshGround } from './network.js'
import type { Questions } from './reports.js'

interface Waiting {
  readonly message: DownMessage
  readonly node: ArchivedNode
  readonly frames: readonly Uint8Array[]
  readonly finish: (carried: Carried) => void
}

/** Reads that the concentrator leads: 13F1 and 02F1, one at a time, and F1F1, several. */
export class Exchanges {
  readonly #desk: ModuleDesk
  readonly #carrier: Carrier
  readonly #ground: MeshGround
  readonly #questions: Questions
  /** The meter that 13F1 is asking; null: none. */
  #forwarding: string | null = null
  /** Meters of concurrent reads, those that wait for their turn included. */
  #reading = new Set<string>()
  #served = 0
  #waiting: Waiting[] = []

  constructor(
    desk: ModuleDesk,
    parts: { readonly carrier: Carrier; readonly ground: MeshGround; readonly questions: Questions },
  ) {
    this.#desk = desk
    this.#carrier = parts.carrier
    this.#ground = parts.ground
    this.#questions = parts.questions
  }

  /** Whether the network is in use: the module's own reading waits then. */
  get isBusy(): boolean {
    return this.#forwarding !== null || this.#reading.size > 0 || this.#desk.now < this.#desk.broadcastUntil
  }

  clear(): void {
    this.#forwarding = null
    this.#reading = new Set()
    this.#served = 0
    this.#waiting = []
  }

  /** 13F1, 13F2, 02F1. @param ledBusy whether the module's own reading is asking a meter */
  forward(message: DownMessage & { readonly unit: Forwarded }, ledBusy: boolean): void {
    const desk = this.#desk
    const { unit } = message
    // A radio module drops a second one without a word (facts §5).
    if (this.#forwarding !== null && desk.medium === 'wireless') return desk.count('dropped')
    if (this.#forwarding !== null || ledBusy || desk.routing === 'running' || this.#isShut) return desk.deny(message, denial.busy)
    const node = this.#nodeFor(message, unit.payload)
    if (node === null) return
    this.#forwarding = node.address
    const delayFlag = 'delayFlag' in unit && unit.delayFlag
    if (delayFlag) return this.#correct(message, node, unit.payload)
    this.#carryOne(message, node, unit.payload)
  }

  /** F1F1. */
  concurrent(message: DownMessage & { readonly unit: Concurrent }): void {
    const desk = this.#desk
    const { unit } = message
    if (!desk.quirks.concurrent || desk.medium !== 'plc-hplc') return desk.deny(message, denial.noSuchFunction)
    if (desk.routing === 'running' || this.#isShut) return desk.deny(message, denial.busy)
    if (unit.payload.length > concurrentBytesMax) return desk.deny(message, denial.badUnit)
    const node = this.#nodeFor(message, unit.payload)
    if (node === null) return
    if (this.#reading.has(node.address)) return desk.deny(message, denial.meterBusy)
    if (this.#reading.size >= desk.figures.windowMax) return desk.deny(message, denial.aboveWindow)
    const frames = framesIn(unit.payload, unit.protocol)
    if (frames.length > framesPerReadMax) return desk.deny(message, denial.tooManyFrames)
    this.#reading.add(node.address)
    this.#waiting.push({ message, node, frames, finish: (carried) => this.#finishConcurrent(message, node, carried) })
    this.#serve()
  }

  /** During a search or a broadcast nothing is read (facts §4.5), and a module may be busy for reasons of its own. */
  get #isShut(): boolean {
    const { now, broadcastUntil, searchUntil, random, faults } = this.#desk
    return now < broadcastUntil || (searchUntil !== null && now < searchUntil) || random.chance(faults.deniedPpm)
  }

  #nodeFor(message: DownMessage, payload: Uint8Array): ArchivedNode | null {
    const desk = this.#desk
    const refuse = (code: number): null => {
      desk.deny(message, code)
      return null
    }
    const address = message.addresses?.destination
    const node = address === undefined ? null : desk.archive.find(address)
    if (node === null) return refuse(denial.notInArchive)
    if (payload.length === 0) return refuse(denial.badUnit)
    const { unit } = message
    if (desk.quirks.checksProtocol && 'protocol' in unit && unit.protocol !== node.protocol) return refuse(denial.badUnit)
    if (desk.quirks.absentBy === 'denial' && !this.#ground.knows(node.address, desk.now)) return refuse(denial.notInNetwork)
    return node
  }

  /** The frame's contents depend on the time it takes: the concentrator is asked for the corrected one (14F3). */
  #correct(message: DownMessage & { readonly unit: Forwarded }, node: ArchivedNode, payload: Uint8Array): void {
    const delaySeconds = Math.ceil((this.#desk.figures.baseMs + this.#desk.figures.hopMs) / 1000)
    const question: UpUnit = { name: 'correct-frame', address: node.address, delaySeconds, payload }
    this.#questions.ask(question, null, (answer) => {
      const corrected = answer?.name === 'correct-frame' ? answer.payload : payload
      if (corrected.length > 0) return this.#carryOne(message, node, corrected)
      this.#forwarding = null
      this.#desk.deny(message, denial.badUnit)
    })
  }

  #carryOne(message: DownMessage & { readonly unit: Forwarded }, node: ArchivedNode, payload: Uint8Array): void {
    this.#desk.count('read')
    this.#carrier.carry(node.address, [payload], (carried) => {
      this.#forwarding = null
      const { unit } = message
      if (carried.kind === 'failed' || carried.payload.length > forwardBytesMax) {
        return this.#fail(message, carried, () => forwardedAnswer(unit, 0, noBytes))
      }
      const answer = forwardedAnswer(unit, Math.round(carried.uplinkMs / 1000), carried.payload)
      this.#desk.answer(message, answer, { commandQuality: carried.quality, replyQuality: carried.quality })
    })
  }

  #serve(): void {
    while (this.#served < this.#desk.figures.servedAtOnce) {
      const next = this.#waiting.shift()
      if (next === undefined) return
      this.#served++
      this.#desk.count('read')
      this.#carrier.carry(next.node.address, next.frames, next.finish)
    }
  }

  #finishConcurrent(message: DownMessage & { readonly unit: Concurrent }, node: ArchivedNode, carried: Carried): void {
    this.#served--
    this.#reading.delete(node.address)
    const answer = (payload: Uint8Array): UpUnit => ({ name: 'concurrent-read', protocol: message.unit.protocol, payload })
    if (carried.kind === 'failed') this.#fail(message, carried, () => answer(noBytes))
    else this.#desk.answer(message, answer(carried.payload), { commandQuality: carried.quality, replyQuality: carried.quality })
    this.#serve()
  }

  #fail(message: DownMessage, carried: Carried, empty: () => UpUnit): void {
    const desk = this.#desk
    desk.count('read failed')
    const isMeter = carried.kind === 'failed' && carried.why === 'meter-silent'
    switch (desk.quirks.failsBy) {
      case 'silence':
        return
      case 'denial':
        return desk.deny(message, isMeter ? denial.meterSilent : denial.nodeSilent)
      case 'empty':
        return desk.answer(message, empty())
    }
  }
}

export type Forwarded = Extract<DownUnit, { readonly name: 'forward' | 'monitor' | 'monitor-long' }>
export type Concurrent = Extract<DownUnit, { readonly name: 'concurrent-read' }>

const noBytes = new Uint8Array(0)

function forwardedAnswer(unit: Forwarded, uplinkSeconds: number, payload: Uint8Array): UpUnit {
  const { name, protocol } = unit
  return name === 'forward' ? { name, protocol, payload } : { name, uplinkSeconds, protocol, payload }
}

const scanners = [
  null,
  languageOf('dlt645-1997').scanner,
  languageOf('dlt645-2007').scanner,
  languageOf('dlt698-45').scanner,
] as const

/** The meter frames in a payload; bytes that are none, and those of type 0, go as they are. */
export function framesIn(payload: Uint8Array, protocol: number): readonly Uint8Array[] {
  const scanner = scanners[protocol] ?? null
  const frames: Uint8Array[] = []
  for (let at = 0; scanner !== null && at < payload.length;) {
    const found = scanner(payload.subarray(at))
    if (found.kind === 'incomplete') break
    const length = found.kind === 'frame' ? found.length : found.skip
    if (found.kind === 'frame') frames.push(payload.slice(at, at + length))
    at += length
  }
  return frames.length > 0 ? frames : [payload]
}
