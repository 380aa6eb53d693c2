import { toLocal, type MeterAddress, type MonotonicMs } from '../../src/model/index.js'
import type {
  Bus,
  BusCapabilities,
  Clock,
  ExchangeOutcome,
  ExchangeRequest,
  Link,
  MeshNetwork,
  MeshReport,
  Timers,
  TraceLine,
} from '../../src/ports/index.js'
import { TraceRing } from '../link/index.js'
import type { ModuleEffect, ModuleInput } from './effects.js'
import type { ModuleKind } from './kind.js'
import { ModuleMachine } from './module-machine.js'
import { defaultModuleSettings, type ModuleChoice, type ModuleSettings } from './settings.js'

export interface ModuleOptions {
  readonly link: Link
  readonly clock: Clock
  readonly timers: Timers
  readonly kind: ModuleKind
  readonly choice: ModuleChoice
  /** The site's zone, for the time that modules ask; absent: they are not told. */
  readonly utcOffsetMinutes?: number
  readonly settings?: Partial<ModuleSettings>
}

/** A bus with the network of a local module behind it. */
export interface ModuleBus extends Bus {
  readonly network: Required<MeshNetwork>
}

/** Makes a bus of a link to a local module, and starts the link. It is up when the module is started and its archive in line. */
export function createModuleBus(options: ModuleOptions): ModuleBus {
  const bus = new LocalModuleBus(options)
  options.link.start()
  return bus
}

/** Carries out what the machine decides: owns the link, one timer, the trace and the promises. */
class LocalModuleBus implements ModuleBus {
  readonly network: Required<MeshNetwork>
  readonly #link: Link
  readonly #reopenLink: (code: string) => void
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #machine: ModuleMachine
  readonly #trace: TraceRing
  readonly #inputs: ModuleInput[] = []
  readonly #exchanges = new Map<number, (outcome: ExchangeOutcome) => void>()
  readonly #delays = new Map<number, (delayMs: number | null) => void>()
  readonly #onUnsolicited: ((from: MeterAddress | null, bytes: Uint8Array) => void)[] = []
  readonly #onState: ((up: boolean, code: string) => void)[] = []
  readonly #onReport: ((report: MeshReport) => void)[] = []
  #isStepping = false
  #lastId = 0
  #timerAt: MonotonicMs | null = null
  #cancelTimer: () => void = () => {}

  constructor({ link, clock, timers, kind, choice, utcOffsetMinutes, settings }: ModuleOptions) {
    const chosen: ModuleSettings = { ...defaultModuleSettings, ...settings }
    this.#link = link
    // A read may take a module a minute and a half, and one that leads says nothing for as long as it likes.
    this.#reopenLink = link.supervise?.().reopen ?? (() => {})
    this.#clock = clock
    this.#timers = timers
    this.#trace = new TraceRing(chosen.trace)
    const localTime = () => {
      const { at, trusted } = clock.wall()
      return trusted && utcOffsetMinutes !== undefined ? toLocal(at, utcOffsetMinutes) : null
    }
    this.#machine = new ModuleMachine({ kind, choice, settings: chosen, localTime, byteMs: link.byteMs, now: clock.monotonic() })
    this.network = this.#makeNetwork()
    link.onBytes((bytes) => this.#input({ kind: 'bytes', bytes }))
    link.onState((open, code) => this.#input({ kind: 'link', open, code }))
    if (link.isOpen()) this.#input({ kind: 'link', open: true, code: 'open' })
  }

  get capabilities(): BusCapabilities {
    return this.#machine.capabilities
  }

  exchange(request: ExchangeRequest, deadline: MonotonicMs): Promise<ExchangeOutcome> {
    if (this.#exchanges.size >= this.capabilities.concurrency)
      return Promise.resolve({ kind: 'bus-down', code: 'busy', sent: false })
    return new Promise((resolve) => {
      const id = ++this.#lastId
      this.#exchanges.set(id, resolve)
      this.#input({ kind: 'exchange', id, request, deadline })
    })
  }

  onUnsolicited(handler: (from: MeterAddress | null, bytes: Uint8Array) => void): void {
    this.#onUnsolicited.push(handler)
  }

  readonly isUp = (): boolean => this.#machine.isUp

  onState(handler: (up: boolean, code: string) => void): void {
    this.#onState.push(handler)
  }

  trace(): readonly TraceLine[] {
    return this.#trace.lines()
  }

  async close(): Promise<void> {
    await this.#link.close()
    this.#input({ kind: 'link', open: false, code: 'closed' })
    this.#cancelTimer()
    this.#timerAt = null
  }

  #makeNetwork(): Required<MeshNetwork> {
    return {
      setNodes: (nodes) => this.#input({ kind: 'nodes', nodes }),
      snapshot: () => this.#machine.snapshot(this.#clock.monotonic()),
      onReport: (handler) => void this.#onReport.push(handler),
      search: (minutes) => this.#input({ kind: 'search', minutes }),
      recall: (meter) => this.#input({ kind: 'recall', meter }),
      broadcastDelayMs: (bytes) =>
        new Promise((resolve) => {
          const id = ++this.#lastId
          this.#delays.set(id, resolve)
          this.#input({ kind: 'delay', id, bytes })
        }),
    }
  }

  /** Inputs that arise while an effect is carried out wait until the step is done. */
  #input(input: ModuleInput): void {
    this.#inputs.push(input)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      for (const effect of this.#machine.step(next, this.#clock.monotonic())) this.#carryOut(effect)
    }
    this.#isStepping = false
    this.#armTimer()
  }

  #carryOut(effect: ModuleEffect): void {
    switch (effect.kind) {
      case 'write': {
        const written = this.#link.write(effect.bytes)
        // Before whatever the link said meanwhile: a refused request was not sent, whatever became of the link.
        if (!written.ok) this.#inputs.unshift({ kind: 'write-failed', exchange: effect.exchange, code: written.code })
        return
      }
      case 'reopen':
        return this.#reopenLink(effect.code)
      case 'settle': {
        const settle = this.#exchanges.get(effect.id)
        this.#exchanges.delete(effect.id)
        settle?.(effect.outcome)
        return
      }
      case 'delay': {
        const settle = this.#delays.get(effect.id)
        this.#delays.delete(effect.id)
        settle?.(effect.delayMs)
        return
      }
      case 'report':
        for (const tell of this.#onReport) tell(effect.report)
        return
      case 'state':
        for (const tell of this.#onState) tell(effect.up, effect.code)
        return
      case 'unsolicited':
        for (const tell of this.#onUnsolicited) tell(effect.from, effect.bytes)
        return
      case 'trace':
        this.#trace.add({ at: this.#clock.monotonic(), direction: effect.direction, bytes: effect.bytes, note: effect.note })
        return
    }
  }

  /** One timer; it is set anew only when it must fire earlier, and looks again when it fires too early. */
  #armTimer(): void {
    const due = this.#machine.wakeAt()
    if (due === null || (this.#timerAt !== null && this.#timerAt <= due)) return
    this.#cancelTimer()
    this.#timerAt = due
    this.#cancelTimer = this.#timers.after(Math.max(0, due - this.#clock.monotonic()), () => {
      this.#timerAt = null
      this.#input({ kind: 'timer' })
    })
  }
}
