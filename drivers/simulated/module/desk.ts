import type { LocalTime } from '../../../src/model/index.js'
import type { Clock, Timers } from '../../../src/ports/index.js'
import {
  encodeDown,
  encodeReply,
  encodeUp,
  entryOf,
  type Addresses,
  type DownMessage,
  type UpEnvelope,
  type UpUnit,
} from '../../../src/protocols/gdw1376/index.js'
import { isWithin } from '../fault-plan.js'
import type { SeededRandom } from '../random.js'
import { NodeArchive } from './archive.js'
import { commandMs, type MediumFigures, type ModuleMedium } from './figures.js'
import { noModuleQuirks, type ModuleFaults, type ModuleQuirks } from './quirks.js'

export interface DeskOptions {
  readonly medium: ModuleMedium
  readonly figures: MediumFigures
  readonly mainNode: string
  readonly quirks: Partial<ModuleQuirks>
  readonly faults: ModuleFaults
  readonly random: SeededRandom
  readonly clock: Clock
  readonly timers: Timers
  readonly trueStart: number
  readonly speak: (bytes: Uint8Array) => void
}

/** Shorter waits are not worth being kept for cancelling. */
const longMs = 2_000

/** What the module does by itself: nothing, its own reading, or that with a pause. */
export type Routing = 'idle' | 'running' | 'paused'

/** Counts since the start, by name: what came, what was answered, which denials, which reports. */
export type ModuleCounts = Readonly<Record<string, number>>

/** A module's memory and its mouth: what all parts of it share. */
export class ModuleDesk {
  readonly medium: ModuleMedium
  readonly figures: MediumFigures
  readonly archive = new NodeArchive()
  readonly random: SeededRandom
  quirks: ModuleQuirks
  faults: ModuleFaults
  mainNode: string
  routing: Routing = 'idle'
  /** 11F4: reading, or learning. */
  isReading = true
  reportsAllowed = false
  /** True time at which a search ends; null: none is under way. */
  searchUntil: number | null = null
  /** True time until which a broadcast is under way. */
  broadcastUntil = 0
  monitorTimeoutS: number
  networkScale: number
  radioGroup = 0
  radioPower = 0
  readonly #o: DeskOptions
  readonly #counts = new Map<string, number>()
  #sequence = 0
  /** Changes when the supply goes: what was under way is forgotten. */
  #life = 0
  /** Ways to cancel what waits for long. */
  readonly #waiting = new Set<() => void>()

  constructor(options: DeskOptions) {
    this.#o = options
    this.medium = options.medium
    this.figures = options.figures
    this.random = options.random
    this.mainNode = options.mainNode
    this.quirks = { ...noModuleQuirks, ...options.quirks }
    this.faults = options.faults
    this.monitorTimeoutS = options.figures.slaveTimeoutS
    this.networkScale = options.figures.nodesMax
  }

  get now(): number {
    return this.#o.trueStart + Math.floor(this.#o.clock.monotonic())
  }

  get nodesMax(): number {
    return this.medium === 'wireless' ? this.networkScale : (this.quirks.nodesMax ?? this.figures.nodesMax)
  }

  get counts(): ModuleCounts {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  get isHung(): boolean {
    return isWithin(this.faults.hungSpans, this.now)
  }

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  /** Calls back unless the supply goes meanwhile. */
  later(delayMs: number, fire: () => void): void {
    const life = this.#life
    this.#after(delayMs, () => {
      if (life === this.#life) fire()
    })
  }

  /** At a true time; never, where it has passed or is infinite. */
  at(trueMs: number, fire: () => void): void {
    const delayMs = trueMs - this.now
    if (delayMs >= 0 && Number.isFinite(delayMs)) this.#after(delayMs, fire)
  }

  /** The supply is gone. */
  forget(): void {
    this.#life++
    this.routing = 'idle'
    this.reportsAllowed = false
    this.searchUntil = null
    this.broadcastUntil = 0
  }

  /** Nothing happens any more: what waits for long would keep a process alive. */
  end(): void {
    this.forget()
    for (const cancel of this.#waiting) cancel()
    this.#waiting.clear()
  }

  #after(delayMs: number, fire: () => void): void {
    const { timers } = this.#o
    if (delayMs < longMs) return void timers.after(Math.max(0, delayMs), fire)
    const cancel = timers.after(delayMs, () => {
      this.#waiting.delete(cancel)
      fire()
    })
    this.#waiting.add(cancel)
  }

  /** Answers a request with data of its own function. */
  answer(request: DownMessage, unit: UpUnit, info: UpEnvelope['info'] = {}): void {
    const { quirks } = this
    const carries = request.addresses !== null && entryOf(unit)?.address !== 'none' && !quirks.omitsAddresses
    const plain = carries ? request : { ...request, addresses: null }
    this.#say(unit.name, encodeReply(plain, unit, info))
  }

  confirm(request: DownMessage, waitSeconds = 0): void {
    const { confirmationBytes, confirmationStatus, confirmsAsConcentrator } = this.quirks
    const digits = (confirmationStatus === 'ones' ? 'FF' : '00').repeat(Math.max(0, confirmationBytes - 2))
    const unit = { name: 'confirm', commandStatus: digits, waitSeconds: confirmationBytes === 0 ? null : waitSeconds } as const
    if (!confirmsAsConcentrator) return this.answer(request, unit)
    const { mode, info } = request
    this.#say('confirm', encodeDown(unit, { mode, sequence: info.sequence, initiates: true }))
  }

  deny(request: DownMessage, errorCode: number): void {
    this.count(`deny ${errorCode}`)
    this.answer(request, { name: 'deny', errorCode })
  }

  /** Begins an exchange of the module's own. @returns its sequence number */
  begin(unit: UpUnit, addresses: Addresses | null = null, initiates = true): number {
    const sequence = this.#sequence
    this.#sequence = (sequence + 1) & 0xff
    this.repeat(unit, sequence, addresses, initiates)
    return sequence
  }

  repeat(unit: UpUnit, sequence: number, addresses: Addresses | null = null, initiates = true): void {
    this.#say(unit.name, encodeUp(unit, { mode: this.figures.mode, sequence, addresses, initiates }))
  }

  /** True time as the site's clocks show it, if the module was ever told: modules ask for it. */
  localTime: LocalTime | null = null

  #say(name: string, bytes: Uint8Array): void {
    const { faults, random } = this
    this.count(`said ${name}`)
    const isMute = random.chance(faults.mutePpm)
    const isTwice = random.chance(faults.twicePpm)
    const lateMs = random.chance(faults.latePpm) ? random.below(faults.lateMsMax + 1) : 0
    if (isMute) return this.count('mute')
    const speak = (): void => {
      if (!this.isHung) this.#o.speak(bytes)
    }
    this.later(commandMs + lateMs, speak)
    if (isTwice) this.later(commandMs + lateMs + 200, speak)
  }
}
