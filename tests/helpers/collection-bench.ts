import { calendarOn } from '../../src/calendar.js'
import { SimulatedArea } from '../../drivers/simulated/area.js'
import type { AreaOptions } from '../../drivers/simulated/area-options.js'
import { seededRandom } from '../../drivers/simulated/random.js'
import { VirtualTime } from '../../drivers/simulated/virtual-time.js'
import { epochMs, type LinkId, type SiteParameters } from '../../src/model/index.js'
import type { Effects, Log, Runner } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { createBusRunner, exchangeMsMax } from '../../src/runtime/bus-runner.js'
import { Collector, type CollectorOptions } from '../../src/runtime/collector.js'
import { PointStore } from './point-store.js'
import { testProfile, testSite } from './collection-site.js'

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** A simulated area, its buses and a collector on them, in virtual time. */
export class CollectionBench {
  readonly time: VirtualTime
  readonly area: SimulatedArea
  readonly store = new PointStore()
  readonly effects: Effects[] = []
  readonly faults: Error[] = []
  readonly meterClocks: { meter: string; offsetMs: number }[] = []
  parameters: SiteParameters
  collector: Collector
  runners: ReadonlyMap<LinkId, Runner>
  readonly #changes: Partial<CollectorOptions>

  constructor(area: AreaOptions, site: Partial<SiteParameters> = {}, changes: Partial<CollectorOptions> = {}) {
    this.time = new VirtualTime({ wallStart: epochMs(area.startsAt) })
    this.area = new SimulatedArea({ ...area, profileOf: () => 'test' }, { clock: this.time, timers: this.time })
    this.parameters = testSite(this.area.archive, { utcOffsetMinutes: area.utcOffsetMinutes, profiles: [testProfile()], ...site })
    this.#changes = changes
    this.runners = this.#openRunners()
    this.collector = this.#newCollector()
  }

  /** The process dies and starts again: what was not stored is gone. */
  async restart(downMs: number): Promise<void> {
    await this.collector.close()
    const closed = Promise.all([...this.runners.values()].map((runner) => runner.close()))
    await this.time.runFor(Math.max(downMs, exchangeMsMax))
    await closed
    this.runners = this.#openRunners()
    this.collector = this.#newCollector()
    await this.collector.start()
  }

  #openRunners(): ReadonlyMap<LinkId, Runner> {
    const { time } = this
    return new Map(
      this.area.buses.map(({ link }, index) => {
        const bus = this.area.openBus(link)
        const random = seededRandom(index + 1)
        return [link, createBusRunner({ link, bus, clock: time, timers: time, random, quietMs: 20 })]
      }),
    )
  }

  #newCollector(): Collector {
    const { time, store } = this
    return new Collector({
      clock: time,
      timers: time,
      calendar: calendarOn({ clock: time, timers: time, onSkipped: () => {} }),
      store,
      log: silentLog,
      runners: this.runners,
      protocols: new Map([[dlt645.name, dlt645]]),
      parameters: this.parameters,
      onEffects: (effects) => this.effects.push(effects),
      onMeterClock: (meter, offsetMs) => this.meterClocks.push({ meter, offsetMs }),
      onFault: (error) => this.faults.push(error),
      ...this.#changes,
    })
  }
}

/** Counts points of a task by how they ended, for one look at a run. */
export function endings(store: PointStore, task: string): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const point of store.points.filter((one) => one.task === task)) {
    for (const value of point.values) {
      const how = 'absent' in value ? `absent ${value.absent}` : (value.own?.source ?? point.source)
      counts[`${value.item} ${how}`] = (counts[`${value.item} ${how}`] ?? 0) + 1
    }
  }
  return counts
}

/** Records of a slot that has its values already. A later record is right only where it brings what an earlier one lacked. */
export function doubled(store: PointStore): readonly string[] {
  const lacking = new Map<string, readonly string[]>()
  return store.points.flatMap(({ meter, task, slotAt, values }) => {
    const key = `${meter} ${task} ${slotAt}`
    const before = lacking.get(key)
    const absent = values.filter((value) => 'absent' in value).map(({ item }) => item as string)
    const brings = before?.some((item) => !absent.includes(item)) ?? true
    lacking.set(key, before === undefined ? absent : before.filter((item) => absent.includes(item)))
    return brings ? [] : [key]
  })
}
