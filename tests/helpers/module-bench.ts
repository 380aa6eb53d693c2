import {
  createModuleBus,
  type ModuleBus,
  type ModuleChoice,
  type ModuleKind,
  type ModuleSettings,
} from '../../drivers/module/index.js'
import { createPlcBus } from '../../drivers/plc/index.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { epochMs, monotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, MeshNode, MeshReport } from '../../src/ports/index.js'
import { FakeLink } from './fake-link.js'
import { ScriptedModule, type ScriptedOptions } from './scripted-module.js'
import { replyOf, replyScanner, requestOf, testAddress } from './test-protocol.js'

/** 9600 baud, eight bits, even parity. */
const byteMs = 11 / 9.6

export interface ModuleBench {
  readonly time: VirtualTime
  readonly link: FakeLink
  readonly module: ScriptedModule
  readonly bus: ModuleBus
  readonly reports: MeshReport[]
  readonly states: string[]
  /** Wanted nodes: meters of the test protocol by their numbers. */
  readonly setMeters: (meters: readonly number[], protocol?: string) => void
  /** Lets time pass until the bus is up. */
  readonly up: (limitMs?: number) => Promise<boolean>
  readonly run: <T>(work: Promise<T>, limitMs?: number) => Promise<T>
  readonly ask: (request: ExchangeRequest, withinMs?: number) => Promise<ExchangeOutcome>
  readonly now: () => number
}

export interface BenchOptions {
  readonly module?: ScriptedOptions
  readonly choice?: Partial<ModuleChoice>
  readonly settings?: Partial<ModuleSettings>
  readonly meters?: readonly number[]
  /** Absent: a carrier module. */
  readonly kind?: ModuleKind
  /** The module is there but says nothing yet. */
  readonly isOff?: boolean
}

/** A module bus in virtual time with a scripted module behind it; meters answer the test protocol unless told otherwise. */
export function moduleBench({ module: scripted, choice, settings, meters, kind, isOff = false }: BenchOptions = {}): ModuleBench {
  const time = new VirtualTime({ wallStart: epochMs(Date.UTC(2026, 4, 1)) })
  const link = new FakeLink(time, byteMs)
  const module = new ScriptedModule(link, time, scripted)
  module.isOn = !isOff
  module.meter = (_, frame) => replyOf(frame[1] ?? 0, frame[2] ?? 0, 42)
  const options = {
    link,
    clock: time,
    timers: time,
    utcOffsetMinutes: 480,
    choice: { reading: 'auto' as const, window: null, mainNode: null, reports: true, ...choice },
    ...(settings === undefined ? {} : { settings }),
  }
  const bus = kind === undefined ? createPlcBus(options) : createModuleBus({ ...options, kind })
  const reports: MeshReport[] = []
  const states: string[] = []
  bus.network.onReport((report) => reports.push(report))
  bus.onState((up, code) => states.push(`${up ? 'up' : 'down'} ${code}`))
  const setMeters: ModuleBench['setMeters'] = (numbers, protocol = 'dlt645-2007') =>
    bus.network.setNodes(nodesOf(numbers, protocol))
  if (meters !== undefined) setMeters(meters)
  const run: ModuleBench['run'] = async (work, limitMs = 3_600_000) => {
    let isSettled = false
    const settled = work.finally(() => (isSettled = true))
    await time.runUntil(() => isSettled, limitMs)
    return await settled
  }
  return {
    time,
    link,
    module,
    bus,
    reports,
    states,
    setMeters,
    up: (limitMs = 600_000) => time.runUntil(() => bus.isUp(), limitMs),
    run,
    ask: (request, withinMs = 120_000) => run(bus.exchange(request, monotonicMs(time.monotonic() + withinMs))),
    now: () => time.monotonic(),
  }
}

export const nodesOf = (numbers: readonly number[], protocol = 'dlt645-2007'): readonly MeshNode[] =>
  numbers.map((number) => ({ address: testAddress(number), protocol }))

/** The address as the module has it. */
export const wireOf = (meter: number): string => String(meter).padStart(12, '0')

/** Reads one register of a test meter. */
export const readOf = (meter: number, register = 1, overrides: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  to: testAddress(meter),
  bytes: requestOf(meter, register),
  reply: replyScanner(meter, register),
  quietMs: 0,
  firstByteMs: 500,
  ...overrides,
})

export const broadcastOf = (bytes: Uint8Array = Uint8Array.of(0x3f, 0, 1, 0x0d)): ExchangeRequest => ({
  to: 'all',
  bytes,
  reply: 'none',
  quietMs: 0,
  firstByteMs: 500,
})
