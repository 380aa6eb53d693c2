import type { MeterAddress, MonotonicMs } from '../../src/model/index.js'
import type {
  Bus,
  BusCapabilities,
  Clock,
  ExchangeOutcome,
  ExchangeRequest,
  Link,
  Timers,
  TraceLine,
} from '../../src/ports/index.js'
import { stepBus } from './bus-machine.js'
import { wakeAt, type BusEffect, type BusInput, type BusState } from './bus-state.js'
import { rs485Settings, type Rs485Settings } from './settings.js'
import { TraceRing } from '../link/index.js'

export interface Rs485Options {
  readonly link: Link
  readonly clock: Clock
  readonly timers: Timers
  readonly settings?: Partial<Rs485Settings>
}

/** Makes a half-duplex bus of a link and starts the link. */
export function createRs485Bus(options: Rs485Options): Bus {
  const bus = new Rs485Bus(options)
  options.link.start()
  return bus
}

/** Carries out what the machine decides: owns the link, one timer and the trace. */
class Rs485Bus implements Bus {
  readonly capabilities: BusCapabilities
  readonly #link: Link
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #settings: Rs485Settings
  readonly #trace: TraceRing
  readonly #inputs: BusInput[] = []
  #isStepping = false
  #state: BusState
  #settle: ((outcome: ExchangeOutcome) => void) | null = null
  #timerAt: MonotonicMs | null = null
  #cancelTimer: () => void = () => {}
  readonly #onUnsolicited: ((from: MeterAddress | null, bytes: Uint8Array) => void)[] = []
  readonly #onState: ((up: boolean, code: string) => void)[] = []

  constructor(options: Rs485Options) {
    this.#link = options.link
    this.capabilities = { concurrency: 1, broadcast: true, routing: false, byteMs: options.link.byteMs }
    this.#clock = options.clock
    this.#timers = options.timers
    this.#settings = rs485Settings(options.link.byteMs, options.settings)
    this.#trace = new TraceRing(this.#settings.trace)
    const quietFrom = options.clock.monotonic()
    this.#state = options.link.isOpen() ? { name: 'idle', quietFrom } : { name: 'down', code: 'not-open', quietFrom }
    options.link.onBytes((bytes) => this.#input({ kind: 'bytes', bytes }))
    options.link.onState((open, code) => this.#input({ kind: 'link', open, code }))
  }

  exchange(request: ExchangeRequest, deadline: MonotonicMs): Promise<ExchangeOutcome> {
    if (this.#settle !== null) return Promise.resolve({ kind: 'bus-down', code: 'busy', sent: false })
    return new Promise((resolve) => {
      this.#settle = resolve
      this.#input({ kind: 'exchange', request, deadline })
    })
  }

  onUnsolicited(handler: (from: MeterAddress | null, bytes: Uint8Array) => void): void {
    this.#onUnsolicited.push(handler)
  }

  readonly isUp = (): boolean => this.#state.name !== 'down'

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

  /** Inputs that arise while an effect is carried out wait until the step is done. */
  #input(input: BusInput): void {
    this.#inputs.push(input)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const wasUp = this.isUp()
      const { state, effects } = stepBus(this.#state, next, this.#clock.monotonic(), this.#settings)
      this.#state = state
      for (const effect of effects) this.#carryOut(effect)
      if (next.kind === 'link' && this.isUp() !== wasUp) for (const tell of this.#onState) tell(next.open, next.code)
    }
    this.#isStepping = false
    this.#armTimer()
  }

  #carryOut(effect: BusEffect): void {
    switch (effect.kind) {
      case 'write': {
        const written = this.#link.write(effect.bytes)
        // Before whatever the link said meanwhile: a refused request was not sent, whatever became of the link.
        if (!written.ok) this.#inputs.unshift({ kind: 'write-failed', code: written.code })
        return
      }
      case 'settle': {
        const settle = this.#settle
        this.#settle = null
        settle?.(effect.outcome)
        return
      }
      case 'unsolicited':
        for (const tell of this.#onUnsolicited) tell(null, effect.bytes)
        return
      case 'trace':
        this.#trace.add({ at: this.#clock.monotonic(), direction: effect.direction, bytes: effect.bytes, note: effect.note })
        return
    }
  }

  /** One timer; it is set anew only when it must fire earlier, and looks again when it fires too early. */
  #armTimer(): void {
    const due = wakeAt(this.#state, this.#settings.interByteMs)
    if (due === null || (this.#timerAt !== null && this.#timerAt <= due)) return
    this.#cancelTimer()
    this.#timerAt = due
    const delayMs = Math.max(0, due - this.#clock.monotonic())
    // A timer of 19.8 ms would fire after 19 and once more a millisecond later; what is left of it is the tolerance's business.
    const rounded = this.#state.name === 'keeping-quiet' ? Math.round(delayMs) : delayMs
    this.#cancelTimer = this.#timers.after(rounded, () => {
      this.#timerAt = null
      this.#input({ kind: 'timer' })
    })
  }
}
