import type { ModuleChoice, ModuleSettings } from '../../drivers/module/index.js'
import { SimulatedArea, VirtualTime, type AreaOptions, type LinkPlan } from '../../drivers/simulated/index.js'
import type { SimulatedModule } from '../../drivers/simulated/index.js'
import { dayMs, epochMs, linkId, monotonicMs, type Meter } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, MeshReport } from '../../src/ports/index.js'
import { broadcastAddress, encodeRequest, replyScanner } from '../../src/protocols/dlt645/index.js'
import { openAreaBus, type AreaBusUnderTest } from './area-buses.js'
import { marchFirst } from './simulated-meter.js'

/** A link of an area with the real driver on it, in virtual time. */
export interface MeshBench {
  readonly time: VirtualTime
  readonly area: SimulatedArea
  readonly module: SimulatedModule
  readonly bus: AreaBusUnderTest
  readonly meters: readonly Meter[]
  readonly reports: MeshReport[]
  /** Lets time pass until the bus is up. */
  up(limitMs?: number): Promise<boolean>
  run<T>(work: Promise<T>, limitMs?: number): Promise<T>
  ask(request: ExchangeRequest, withinMs?: number): Promise<ExchangeOutcome>
}

export interface MeshBenchOptions {
  readonly link: Partial<LinkPlan> & Pick<LinkPlan, 'kind'>
  readonly area?: Partial<AreaOptions>
  readonly choice?: Partial<ModuleChoice>
  readonly settings?: Partial<ModuleSettings>
  /** Nodes the module must know; default: all meters. */
  readonly nodes?: readonly number[]
}

/** An area of one link with a module, and the driver for it. */
export function meshBench({ link: plan, area: more, choice, settings, nodes }: MeshBenchOptions): MeshBench {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const area = new SimulatedArea(
    {
      ...{ seed: 5, startsAt: marchFirst, utcOffsetMinutes: 480, baud: 9600, historyMs: dayMs },
      ...more,
      links: [{ meters: 30, ...plan }],
    },
    { clock: time, timers: time },
  )
  const name = linkId('bus1')
  const open = { area, time, setsNodes: false, ...(choice && { choice }), ...(settings && { settings }) }
  const bus = openAreaBus(name, open)
  if (bus.network === undefined) throw new Error('a module has a network')
  const meters = area.archive
  const reports: MeshReport[] = []
  bus.network.onReport((report) => reports.push(report))
  const wanted = nodes === undefined ? meters : meters.filter((_, index) => nodes.includes(index))
  bus.network.setNodes(wanted.map(({ address, protocol }) => ({ address, protocol })))
  const run = async <T>(work: Promise<T>, limitMs = 600_000): Promise<T> => {
    let isSettled = false
    const settled = work.finally(() => (isSettled = true))
    await time.runUntil(() => isSettled, limitMs)
    return await settled
  }
  return {
    ...{ time, area, bus, meters, reports, run },
    module: area.module(name),
    up: (limitMs = 900_000) => time.runUntil(() => bus.isUp(), limitMs),
    ask: (request, withinMs = 120_000) => run(bus.exchange(request, monotonicMs(time.monotonic() + withinMs))),
  }
}

/** A read of a DL/T 645-2007 meter's forward energy. */
export function energyRead({ address }: Pick<Meter, 'address'>): ExchangeRequest {
  const read = { fn: 'read', di: '00010000', load: null } as const
  return { to: address, bytes: encodeRequest(address, read), reply: replyScanner(address, read), quietMs: 20, firstByteMs: 600 }
}

/** The time of 2026-03-01, a morning, for all. */
export function timeBroadcast(): ExchangeRequest {
  const bytes = encodeRequest(broadcastAddress, {
    fn: 'time-sync',
    time: { year: 2026, month: 3, day: 1, hour: 6, minute: 0, second: 0 },
  })
  return { to: 'all', bytes, reply: 'none', quietMs: 20, firstByteMs: 0 }
}
