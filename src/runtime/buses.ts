import type { EventFact, LinkId, Meter } from '../model/index.js'
import type { Bus, Clock, Log, MeterProtocol, Random, Runner, Timers } from '../ports/index.js'
import { defaultSchedulingPolicy, meshSchedulingPolicy, type SchedulingPolicy } from '../scheduling/index.js'
import type { LinkSettings } from '../settings/index.js'
import { BusEvents } from './bus-events.js'
import { createBusRunner } from './bus-runner.js'
import { MeterReports } from './meter-reports.js'
import { NetworkEvents } from './network-events.js'

export interface BusesOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly log: Log
  /** Opens a link's bus by its driver; the bus keeps itself open from then on. */
  readonly openBus: (link: LinkSettings) => Bus
  readonly record: (event: EventFact) => void
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly onFault: (error: unknown) => void
}

/** A module that starts anew is back within this, so what waits for it does not fail before. */
const meshDownGraceMs = 60_000

/** All buses of the site, each with its runner; networks behind modules are told whose meters are theirs, and what they tell is recorded. */
export class Buses {
  readonly runners = new Map<LinkId, Runner>()
  readonly all = new Map<LinkId, Bus>()
  readonly #options: BusesOptions
  readonly #busEvents: BusEvents
  readonly #networkEvents: NetworkEvents
  readonly #meterReports: MeterReports
  #meters: readonly Meter[] = []
  #isStopped = false

  constructor(options: BusesOptions) {
    this.#options = options
    const { clock, timers, log, record, protocols, onFault } = options
    this.#busEvents = new BusEvents({ timers, log, record })
    this.#networkEvents = new NetworkEvents({ timers, log, record })
    this.#meterReports = new MeterReports({
      ...{ clock, protocols, runners: this.runners, buses: this.all, onFault },
      tell: (link, event) => this.#networkEvents.tell(link, event),
      metersOn: (link) => this.#meters.filter((meter) => meter.link === link),
    })
  }

  open(links: readonly LinkSettings[]): void {
    for (const link of links) this.#open(link)
  }

  /** The archive in force: the modules' lists are brought in line with it. */
  setMeters(meters: readonly Meter[]): void {
    this.#meters = meters
    for (const [link, { network }] of this.all) {
      const nodes = meters.filter((meter) => meter.link === link)
      network?.setNodes(nodes.map(({ address, protocol }) => ({ address, protocol })))
    }
  }

  /** Nothing is told from now on; exchanges under way end. */
  async stopRunning(): Promise<void> {
    this.#isStopped = true
    this.#busEvents.stop()
    this.#networkEvents.stop()
    await Promise.all([...this.runners.values()].map((runner) => runner.close()))
  }

  async close(): Promise<void> {
    await Promise.all([...this.all.values()].map((bus) => bus.close()))
  }

  #open(link: LinkSettings): void {
    const { clock, timers, random, openBus } = this.#options
    const bus = openBus(link)
    this.all.set(link.id, bus)
    const isMesh = bus.network !== undefined
    const policy = isMesh ? meshSchedulingPolicy : wirePolicy(link)
    const grace = isMesh ? { downGraceMs: meshDownGraceMs } : {}
    const { quietGapMs: quietMs } = link
    this.runners.set(link.id, createBusRunner({ link: link.id, bus, clock, timers, random, quietMs, policy, ...grace }))
    bus.onState((up, code) => {
      if (!this.#isStopped) this.#busEvents.changed(link.id, up, code)
    })
    bus.network?.onReport((report) => {
      if (this.#isStopped) return
      this.#networkEvents.report(link.id, report)
      if (report.kind === 'meter-event') this.#meterReports.carried(link.id, report)
    })
    bus.onUnsolicited((_from, bytes) => {
      if (!this.#isStopped) this.#meterReports.heard(link.id, bytes)
    })
  }
}

function wirePolicy(link: LinkSettings): SchedulingPolicy {
  const { firstByte } = defaultSchedulingPolicy
  return { ...defaultSchedulingPolicy, firstByte: { ...firstByte, ceilingMs: link.firstByteMs } }
}
