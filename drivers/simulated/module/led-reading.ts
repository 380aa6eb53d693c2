import type { ArchivedNode } from './archive.js'
import type { Carrier } from './carrier.js'
import type { ModuleDesk } from './desk.js'
import type { Exchanges } from './exchanges.js'
import type { MeshGround } from './network.js'
import type { Questions, ReportOutbox } from './reports.js'

/** A node that did not answer is asked for again so often in one run; then it counts as done. */
const missesMax = 3
/** Between two meters, while the network is in use by others, and between looks at nodes that joined late. Assumptions. */
const pauseMs = 100
const busyMs = 500
const lookAgainMs = 30_000

export interface LedParts {
  readonly carrier: Carrier
  readonly ground: MeshGround
  readonly questions: Questions
  readonly outbox: ReportOutbox
  readonly exchanges: Exchanges
  readonly phaseOf: (address: string) => number
}

/** Reading that the module leads (facts §4.3): it asks for the frame of one node after the other until nothing is left for any. */
export class LedReading {
  readonly #desk: ModuleDesk
  readonly #parts: LedParts
  /** Nodes for which nothing is left in this run. */
  #done = new Set<string>()
  #misses = new Map<string, number>()
  #read = new Set<string>()
  #cursor = 0
  #isAsking = false
  #hasFinished = false
  /** True time of the next step; null: none is due. */
  #stepAt: number | null = null

  constructor(desk: ModuleDesk, parts: LedParts) {
    this.#desk = desk
    this.#parts = parts
  }

  /** Nodes read in this run. */
  get readNodes(): number {
    return this.#read.size
  }

  isRead(address: string): boolean {
    return this.#read.has(address)
  }

  /** Whether a meter is being asked. */
  get isAsking(): boolean {
    return this.#isAsking
  }

  /** 12F1: from the beginning. */
  restart(): void {
    this.clear()
    this.resume()
  }

  resume(): void {
    this.#desk.routing = 'running'
    this.#arm(pauseMs)
  }

  pause(): void {
    this.#desk.routing = 'paused'
  }

  clear(): void {
    this.#done = new Set()
    this.#misses = new Map()
    this.#read = new Set()
    this.#cursor = 0
    this.#hasFinished = false
  }

  /** The supply went: the timers are gone, too. */
  forget(): void {
    this.clear()
    this.#isAsking = false
    this.#stepAt = null
  }

  /** One step is due at a time; one that is wanted earlier takes the place of a later one. */
  #arm(delayMs: number): void {
    const at = this.#desk.now + delayMs
    if (this.#stepAt !== null && this.#stepAt <= at) return
    this.#stepAt = at
    this.#desk.later(delayMs, () => {
      if (this.#stepAt !== at) return
      this.#stepAt = null
      this.#step()
    })
  }

  #step(): void {
    const desk = this.#desk
    if (desk.routing !== 'running' || this.#isAsking) return
    if (this.#parts.exchanges.isBusy || desk.searchUntil !== null) return this.#arm(busyMs)
    const node = this.#next()
    if (node === null) return this.#finish()
    this.#hasFinished = false
    this.#isAsking = true
    this.#question(node)
  }

  /** The next node in the network for which something may be left. */
  #next(): ArchivedNode | null {
    const { archive, now } = this.#desk
    const nodes = [...archive.nodes]
    for (let tried = 0; tried < nodes.length; tried++) {
      const node = nodes[(this.#cursor + tried) % nodes.length]
      if (node === undefined || this.#done.has(node.address) || !this.#parts.ground.knows(node.address, now)) continue
      this.#cursor = (this.#cursor + tried + 1) % nodes.length
      return node
    }
    return null
  }

  #finish(): void {
    const wasFinished = this.#hasFinished
    this.#hasFinished = true
    if (!wasFinished && this.#done.size > 0) this.#parts.outbox.send({ name: 'task-finished', finished: 1 })
    this.#arm(lookAgainMs)
  }

  #question(node: ArchivedNode): void {
    const { questions, phaseOf } = this.#parts
    const { address, number } = node
    questions.ask({ name: 'next-frame', phase: phaseOf(address), address, nodeNumber: number }, null, (answer) => {
      if (answer?.name !== 'next-frame') return this.#missed(address)
      if (answer.readFlag !== 2 || answer.payload.length === 0) {
        this.#done.add(address)
        return this.#onward()
      }
      if (answer.delayFlag === true) return this.#correct(node, answer.payload)
      this.#carry(node, answer.payload)
    })
  }

  #correct(node: ArchivedNode, payload: Uint8Array): void {
    const delaySeconds = Math.ceil(this.#desk.figures.baseMs / 1000)
    this.#parts.questions.ask({ name: 'correct-frame', address: node.address, delaySeconds, payload }, null, (answer) => {
      if (answer?.name !== 'correct-frame' || answer.payload.length === 0) return this.#missed(node.address)
      this.#carry(node, answer.payload)
    })
  }

  #carry(node: ArchivedNode, payload: Uint8Array): void {
    const { carrier, outbox } = this.#parts
    this.#desk.count('read')
    carrier.carry(node.address, [payload], (carried) => {
      if (carried.kind === 'failed' || carried.payload.length > 255) {
        this.#desk.count('read failed')
        return this.#missed(node.address)
      }
      this.#misses.delete(node.address)
      this.#read.add(node.address)
      const { number: nodeNumber, protocol } = node
      const uplinkSeconds = Math.round(carried.uplinkMs / 1000)
      outbox.send({ name: 'read-report', nodeNumber, protocol, uplinkSeconds, payload: carried.payload }, () => this.#onward())
    })
  }

  #missed(address: string): void {
    const misses = (this.#misses.get(address) ?? 0) + 1
    this.#misses.set(address, misses)
    if (misses >= missesMax) this.#done.add(address)
    this.#onward()
  }

  #onward(): void {
    this.#isAsking = false
    this.#arm(pauseMs)
  }
}
