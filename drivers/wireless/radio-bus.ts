import type { MeterAddress, MonotonicMs } from '../../src/model/index.js'
import type {
  Bus,
  BusCapabilities,
  Clock,
  ExchangeOutcome,
  ExchangeRequest,
  Link,
  MeshNetwork,
  MeshNode,
  MeshReport,
  MeshSnapshot,
  Timers,
  TraceLine,
} from '../../src/ports/index.js'
import { fixedLengthReader, TraceRing, type FixedLengthReader } from '../link/index.js'
import { spentMs } from './air-budget.js'
import { airMs, firstPacketMs, packetBytes, requestMs } from './air-time.js'
import { NodeRecords } from './node-records.js'
import { answerSilenceMs, moduleOf, problemsOf } from './radio-configuration.js'
import { packetGapMs, stepRadio } from './radio-machine.js'
import { parametersLengthBytes } from './radio-parameters.js'
import type { RadioSettings } from './radio-settings.js'
import { startedState, wakeAt, type RadioEffect, type RadioInput, type RadioState, type RadioWorld } from './radio-state.js'

export interface RadioModemOptions {
  readonly link: Link
  readonly clock: Clock
  readonly timers: Timers
  readonly settings: RadioSettings
}

/** A transparent modem with what is known of the nodes behind it. */
export interface RadioModemBus extends Bus {
  readonly network: Required<MeshNetwork>
}

/** Makes a bus of a transparent radio modem and starts its link. */
export function createRadioModemBus(options: RadioModemOptions): RadioModemBus {
  const bus = new TransparentModemBus(options)
  options.link.start()
  return bus
}

/** What an exchange may carry at most: a frame of the longest kind each way. */
const longFrameBytes = 300
/** A meter's own time, at the most that anybody gives it. */
const meterMsMax = 1_500

/** Carries out what the machine decides: owns the link, one timer, the reader of six bytes, the nodes' records and the trace. */
class TransparentModemBus implements RadioModemBus, Required<MeshNetwork> {
  readonly network = this
  readonly #link: Link
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #settings: RadioSettings
  readonly #trace: TraceRing
  readonly #nodes: NodeRecords
  readonly #reader: FixedLengthReader
  readonly #inputs: RadioInput[] = []
  #isStepping = false
  #state: RadioState
  #settle: ((outcome: ExchangeOutcome) => void) | null = null
  #timerAt: MonotonicMs | null = null
  #cancelTimer: () => void = () => {}
  readonly #onUnsolicited: ((from: MeterAddress | null, bytes: Uint8Array) => void)[] = []
  readonly #onState: ((up: boolean, code: string) => void)[] = []
  readonly #onReport: ((report: MeshReport) => void)[] = []

  constructor({ link, clock, timers, settings }: RadioModemOptions) {
    this.#link = link
    this.#clock = clock
    this.#timers = timers
    this.#settings = settings
    this.#trace = new TraceRing(settings.trace)
    this.#nodes = new NodeRecords(settings.nodesMax)
    this.#state = startedState(settings, 'not-open')
    this.#reader = fixedLengthReader({
      lengthBytes: parametersLengthBytes,
      silenceMs: answerSilenceMs,
      timers,
      onReply: (bytes) => this.#input({ kind: 'answer', bytes }),
      onBroken: (bytes) => this.#input({ kind: 'answer-broken', bytes }),
    })
    link.onBytes((bytes) => this.#hear(bytes))
    link.onState((open, code) => this.#input({ kind: 'link', open, code }))
    if (link.isOpen()) this.#input({ kind: 'link', open: true, code: 'open' })
  }

  /** The longest exchange depends on the air rate, which the modem may tell to be another than the settings say. */
  get capabilities(): BusCapabilities {
    const { byteMs } = this.#link
    const wires = { byteMs, farByteMs: this.#settings.farByteMs }
    const { pace } = this.#state
    const replyMs = longFrameBytes * byteMs + (longFrameBytes / packetBytes + 1) * firstPacketMs(packetBytes, wires, pace)
    const thereAndBackMs = requestMs(longFrameBytes, wires, pace) + replyMs + packetGapMs(this.#state, this.#world())
    return {
      concurrency: 1,
      broadcast: true,
      routing: false,
      exchangeMsMax: Math.ceil(thereAndBackMs + meterMsMax + this.#settings.airWaitMsMax + this.#settings.broadcastQuietMs),
    }
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

  readonly isUp = (): boolean => {
    const { name } = this.#state.line
    return name !== 'down' && name !== 'configuring'
  }

  onState(handler: (up: boolean, code: string) => void): void {
    this.#onState.push(handler)
  }

  trace(): readonly TraceLine[] {
    return this.#trace.lines()
  }

  async close(): Promise<void> {
    await this.#link.close()
    this.#input({ kind: 'link', open: false, code: 'closed' })
    this.#reader.close()
    this.#cancelTimer()
    this.#timerAt = null
  }

  /** There is no list in a transparent modem; these are the nodes whose success is told. */
  setNodes(nodes: readonly MeshNode[]): void {
    this.#nodes.keep(nodes.map(({ address }) => address))
  }

  snapshot(): MeshSnapshot {
    const now = this.#clock.monotonic()
    const { line, check, totals, budget } = this.#state
    const { air } = this.#settings
    const hourSpentMs = spentMs(budget, now)
    const problems = problemsOf(check).map(({ message }) => message)
    if (hourSpentMs + airMs(1, this.#state.pace) > air.hourMs - air.urgentMs)
      problems.push('the share of the air that an hour has is spent, but for urgent requests')
    return {
      stage: line.name === 'down' ? 'down' : line.name === 'configuring' ? 'starting' : 'ready',
      trouble: line.name === 'down' ? line.code : problems.join('; '),
      module: check.kind === 'read' ? moduleOf(check.parameters) : null,
      nodes: this.#nodes.states(now),
      moduleRestarts: 0,
      air: {
        sentMs: totals.sentMs,
        heardMs: totals.heardMs,
        packetsSent: totals.packetsSent,
        packetsHeard: totals.packetsHeard,
        retries: this.#nodes.retries,
        refused: totals.refused,
        hourSpentMs,
        hourMs: air.hourMs,
      },
    }
  }

  onReport(handler: (report: MeshReport) => void): void {
    this.#onReport.push(handler)
  }

  /** Nobody answers a call to all; who does not know an address cannot find it here. */
  search(): void {
    const error = { code: 'unsupported', at: 'search', message: 'a transparent radio modem cannot look for meters' }
    this.#tell({ kind: 'module-refused', what: 'search', error })
  }

  /** The way to the meters, by arithmetic. */
  broadcastDelayMs(bytes: Uint8Array): Promise<number | null> {
    const wires = { byteMs: this.#link.byteMs, farByteMs: this.#settings.farByteMs }
    return Promise.resolve(this.isUp() ? requestMs(bytes.length, wires, this.#state.pace) : null)
  }

  recall(meter: MeterAddress): void {
    this.#input({ kind: 'recall', meter })
  }

  #hear(bytes: Uint8Array): void {
    const { line } = this.#state
    if (line.name === 'configuring') this.#reader.push(bytes)
    this.#input({ kind: 'bytes', bytes })
  }

  /** Inputs that arise while an effect is carried out wait until the step is done. */
  #input(input: RadioInput): void {
    this.#inputs.push(input)
    if (this.#isStepping) return
    this.#isStepping = true
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) {
      const wasUp = this.isUp()
      const { state, effects } = stepRadio(this.#state, next, this.#world())
      this.#state = state
      for (const effect of effects) this.#carryOut(effect)
      const { line } = this.#state
      if (this.isUp() !== wasUp) for (const tell of this.#onState) tell(!wasUp, line.name === 'down' ? line.code : 'open')
    }
    this.#isStepping = false
    this.#armTimer()
  }

  #carryOut(effect: RadioEffect): void {
    switch (effect.kind) {
      case 'write': {
        const written = this.#link.write(effect.bytes)
        // Before whatever the link said meanwhile: a refused request was not sent, whatever became of the link.
        if (!written.ok) this.#inputs.unshift({ kind: 'write-failed', code: written.code })
        return
      }
      case 'set-lines':
        this.#setLines(effect.lines)
        return
      case 'settle':
        this.#settled(effect.request, effect.outcome)
        return
      case 'unsolicited':
        for (const tell of this.#onUnsolicited) tell(null, effect.bytes)
        return
      case 'report':
        this.#tell(effect.report)
        return
      case 'trace':
        this.#trace.add({ at: this.#clock.monotonic(), direction: effect.direction, bytes: effect.bytes, note: effect.note })
        return
    }
  }

  #setLines(lines: Parameters<NonNullable<Link['setLines']>>[0]): void {
    if (this.#link.setLines === undefined) return void this.#inputs.push({ kind: 'lines-set', ok: false, code: 'no-lines' })
    this.#link.setLines(lines).then(
      (set) => this.#input({ kind: 'lines-set', ok: set.ok, code: set.ok ? '' : set.code }),
      // A link never rejects; if one does, its lines are as good as none.
      () => this.#input({ kind: 'lines-set', ok: false, code: 'no-lines' }),
    )
  }

  #settled(request: ExchangeRequest, outcome: ExchangeOutcome): void {
    const now = this.#clock.monotonic()
    if (request.to !== 'all') {
      if (outcome.kind === 'reply') this.#nodes.count(request.to, outcome.firstByteMs, now)
      if (outcome.kind === 'silent' || outcome.kind === 'garbled') this.#nodes.count(request.to, null, now)
    }
    const settle = this.#settle
    this.#settle = null
    settle?.(outcome)
  }

  #tell(report: MeshReport): void {
    for (const tell of this.#onReport) tell(report)
  }

  #world(): RadioWorld {
    return { settings: this.#settings, byteMs: this.#link.byteMs, now: this.#clock.monotonic() }
  }

  /** One timer; it is set anew only when it must fire earlier, and looks again when it fires too early. */
  #armTimer(): void {
    const due = wakeAt(this.#state.line, packetGapMs(this.#state, this.#world()))
    if (due === null || (this.#timerAt !== null && this.#timerAt <= due)) return
    this.#cancelTimer()
    this.#timerAt = due
    this.#cancelTimer = this.#timers.after(Math.max(0, due - this.#clock.monotonic()), () => {
      this.#timerAt = null
      this.#input({ kind: 'timer' })
    })
  }
}
