import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { byteMsOf, createLink, type SerialSpec } from '../../drivers/link/index.js'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import { linkId, meterAddress, type MeterAddress } from '../../src/model/index.js'
import type { Clock, ReadOutcome, Runner } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { startWires, type WireStats } from '../wire-process.js'

/** From a request's end to the reply's start. */
export const meterDelayMs = 20
/** Meters on each bus. */
export const metersPerBus = 30
const requestBytes = 4 + 16
const replyBytes = 4 + 20

export interface PacedOptions {
  readonly baud: number
  readonly buses: number
  readonly quietMs: number
  /** Meters of each bus that never answer. */
  readonly silent: number
  /** Told of each reading. */
  readonly onReading?: (bus: number, address: MeterAddress, outcome: ReadOutcome) => void
}

/** Buses of the real driver on paced terminals, and meters behind them, each in a process of its own. */
export interface PacedBuses {
  readonly clock: Clock
  readonly runners: readonly Runner[]
  /** What one exchange takes at least, the quiet gap included. */
  readonly idealMs: number
  /** Polls every meter without pause until stopped. */
  poll(): void
  /** Waits until every silent meter is known to be silent. */
  allSilentKnown(): Promise<void>
  /** Live exchanges of each bus since the start, and when the latest of them ended. */
  progress(): readonly { readonly replies: number; readonly at: number }[]
  takeStats(): Promise<readonly WireStats[]>
  close(): Promise<void>
}

export async function startPacedBuses(options: PacedOptions): Promise<PacedBuses> {
  const { baud, buses, quietMs, silent } = options
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-bench-'))
  const meters = spawn(process.execPath, [fileURLToPath(new URL('./meter-server.js', import.meta.url)), String(buses)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ports = parsePorts(await once(createInterface({ input: meters.stdout }), 'line'))
  const paths = ports.map((_, i) => join(folder, `bus-${i + 1}`))
  const wires = await startWires({
    wires: ports.map((port, i) => ({ link: paths[i] ?? '', connect: `127.0.0.1:${port}` })),
    baud,
    replyDelayMs: meterDelayMs,
  })
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const specs = paths.map((path): SerialSpec => {
    return { kind: 'serial', path, baud, parity: 'even', dataBits: 8, stopBits: 1, lock: true }
  })
  const world = { clock, timers: systemTimers, random: systemRandom }
  const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
  const opened = specs.map((spec) =>
    createRs485Bus({ link: createLink(spec, { ...world, log: quiet }), clock, timers: systemTimers }),
  )
  const runners = opened.map((bus, i) => createBusRunner({ ...world, link: linkId(`bus-${i + 1}`), bus, quietMs }))
  const pollers = runners.map(
    (runner, bus) => new Poller(runner, clock, (address, outcome) => options.onReading?.(bus, address, outcome)),
  )
  return {
    clock,
    runners,
    idealMs:
      (requestBytes + replyBytes) * byteMsOf(specs[0] ?? { kind: 'tcp', host: '', port: 0, baud, keepAliveMs: 0, staleMs: 0 }) +
      meterDelayMs +
      quietMs,
    poll: () => {
      for (const poller of pollers) poller.start(silent)
    },
    allSilentKnown: async () => {
      while (runners.some((runner) => runner.snapshot().silentMeters.length < silent)) await pause(50)
    },
    progress: () => pollers.map(({ replies, at }) => ({ replies, at })),
    takeStats: () => wires.takeStats(),
    close: async () => {
      for (const poller of pollers) poller.stop()
      await Promise.all(runners.map((runner) => runner.close()))
      await Promise.all(opened.map((bus) => bus.close()))
      await wires.stop()
      meters.kill()
      rmSync(folder, { recursive: true })
    },
  }
}

/** Keeps one read of every meter of a bus in its queue. */
class Poller {
  replies = 0
  at = 0
  readonly #runner: Runner
  readonly #clock: Clock
  readonly #onReading: (address: MeterAddress, outcome: ReadOutcome) => void
  #isOn = false

  constructor(runner: Runner, clock: Clock, onReading: (address: MeterAddress, outcome: ReadOutcome) => void) {
    this.#runner = runner
    this.#clock = clock
    this.#onReading = onReading
  }

  start(silent: number): void {
    this.#isOn = true
    for (let i = 0; i < metersPerBus; i++) {
      // A poller never rejects: failures are outcomes.
      void this.#poll(meterAddress(`${i < silent ? '99' : '00'}${String(i).padStart(10, '0')}`))
    }
  }

  stop(): void {
    this.#isOn = false
  }

  async #poll(address: MeterAddress): Promise<void> {
    while (this.#isOn) {
      const session = dlt645.read({ address, registers: [{ register: '00010000' }], repeats: 0 })
      const result = await this.#runner.run({ meter: address, session, priority: 'curve', expiresAt: null })
      if (result.kind === 'held') await pause((result.nextProbe ?? 0) - this.#clock.monotonic())
      const [outcome] = result.kind === 'settled' ? result.outcome : []
      if (outcome === undefined) continue
      if (outcome.ok) {
        this.replies++
        this.at = this.#clock.monotonic()
      }
      this.#onReading(address, outcome)
    }
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))

function parsePorts([line]: readonly unknown[]): readonly number[] {
  const ports: unknown = JSON.parse(String(line))
  if (!Array.isArray(ports)) throw new Error('the meters did not tell their ports')
  return ports.map(Number)
}
