import { dayMs, epochMs, startOfLocalDay, type EpochMs, type LinkId } from '../../src/model/index.js'
import { planSite } from '../../src/collection/index.js'
import { SimulatedModule, type AreaBus } from '../../drivers/simulated/index.js'
import { deadIn, largeAreaOptions, largeAreaTasks, type LargeAreaScale } from './large-area.js'
import { mediumBounds, type MediumBound } from './medium-bound.js'
import { SlotTally } from './slot-tally.js'
import { figuresOf } from '../../drivers/simulated/module/figures.js'
import { WholeRuntime } from './whole-runtime.js'

const minuteMs = 60_000
const freezeTask = 'daily-freeze'
const missingToldMax = 20
const eventsMax = 100_000

/** What one link came to. */
export interface LinkFigures {
  readonly link: LinkId
  readonly kind: string
  /** Meters that answer, and that never do. */
  readonly answering: number
  readonly dead: number
  /** The most freezes that the medium itself can bring by 00:30 of one night. */
  readonly bound: number
  /** When the medium itself could have brought the last one, minutes after midnight. */
  readonly boundMinute: number
  /** Freezes of answering meters, over all nights; there by 00:30 and by 06:00, and by 00:30 of the worst night. */
  readonly due: number
  readonly byHalfPast: number
  readonly worstNight: number
  readonly bySix: number
  /** The first of those that were not: night, meter, protocol. */
  readonly missing: readonly string[]
  /** When the last freeze of an answering meter was there, minutes after midnight, the worst night. */
  readonly lastMinute: number
  /** Slots of answering and of dead meters that ended without a value, by task and reason. */
  readonly absences: Readonly<Record<string, number>>
  readonly deadAbsences: Readonly<Record<string, number>>
  /** After the first day: shares of the bus's time, in millionths. `probes`: as its runner counts them; `dead`: what the far end really spent on dead meters. */
  readonly busyPpm: number
  readonly probesPpm: number
  readonly deadPpm: number
}

/** What a large area came to. */
export interface LargeAreaFigures {
  readonly links: readonly LinkFigures[]
  readonly slots: number
  readonly values: number
  readonly unexplained: number
  readonly warnings: Readonly<Record<string, number>>
  /** Events by code. */
  readonly events: Readonly<Record<string, number>>
  readonly digest: string
}

/** What the process took; the only figures that differ between two runs of one seed. */
export interface ProcessFigures {
  readonly cpuSeconds: number
  readonly peakMegabytes: number
}

/** The whole runtime over the area, from one afternoon to another. */
export async function runLargeArea(seed: number, scale: LargeAreaScale): Promise<LargeAreaFigures> {
  const area = largeAreaOptions(seed, scale)
  const bounds = mediumBounds(area)
  const run = new LargeAreaRun(area, seed, scale.days)
  try {
    return await run.take(bounds)
  } finally {
    run.site.remove()
  }
}

interface Spent {
  readonly busyMs: number
  readonly probeMs: number
  readonly deadMs: number
}

class LargeAreaRun {
  readonly site: WholeRuntime
  readonly #days: number
  readonly #tally: SlotTally
  readonly #dead: ReadonlySet<string>
  readonly #nights: readonly EpochMs[]
  /** By link: freezes of answering meters of each night. */
  readonly #byHalfPast = new Map<LinkId, number[]>()
  readonly #bySix = new Map<LinkId, number[]>()
  readonly #missing = new Map<LinkId, string[]>()

  constructor(area: ReturnType<typeof largeAreaOptions>, seed: number, days: number) {
    this.site = new WholeRuntime({ area, seed, tasksOf: largeAreaTasks })
    this.#days = days
    this.#tally = new SlotTally(this.site.area.archive.map(({ id }) => id))
    this.#dead = deadIn(this.site.area)
    this.#nights = Array.from({ length: days }, (_, day) =>
      startOfLocalDay(epochMs(area.startsAt + (day + 1) * dayMs), area.utcOffsetMinutes),
    )
  }

  async take(bounds: readonly MediumBound[]): Promise<LargeAreaFigures> {
    const { site } = this
    const startsAt = site.time.wall().at
    await site.start()
    let dayOne = new Map<LinkId, Spent>()
    for (const [index, midnight] of this.#nights.entries()) {
      await this.#countAt(midnight, 30, this.#byHalfPast)
      await this.#countAt(midnight, 360, this.#bySix)
      this.#noteMissing(midnight, index + 1)
      if (index > 0) continue
      await site.time.runUntilWall(epochMs(startsAt + dayMs))
      dayOne = this.#spent()
    }
    await site.time.runUntilWall(epochMs(startsAt + this.#days * dayMs))
    const spent = this.#spent()
    await this.#tally.absorb(site)
    const links = site.area.buses.map((bus, index) => {
      const bound = bounds[index] ?? { freezes: 0, allByMinute: 0 }
      return { ...this.#linkFigures(bus, bound), ...this.#shares(bus, dayOne.get(bus.link), spent.get(bus.link)) }
    })
    const counts = this.#countSlots()
    const { events } = await site.store.run('events', { count: eventsMax })
    await site.stop()
    const warnings = countBy(site.warnings.map(({ event }) => event))
    return { links, ...counts, warnings, events: countBy(events.map(({ code }) => code)), digest: this.#tally.digest() }
  }

  async #countAt(midnight: EpochMs, minute: number, into: Map<LinkId, number[]>): Promise<void> {
    await this.site.time.runUntilWall(epochMs(midnight + minute * minuteMs))
    await this.#tally.absorb(this.site)
    for (const { link } of this.site.area.buses) {
      const there = this.#answering(link).filter(({ id }) => this.#tally.hasValue(freezeTask, id, midnight)).length
      into.set(link, [...(into.get(link) ?? []), there])
    }
  }

  #noteMissing(midnight: EpochMs, night: number): void {
    for (const { link } of this.site.area.buses) {
      const absent = this.#answering(link).filter(({ id }) => !this.#tally.hasValue(freezeTask, id, midnight))
      const told = absent.map(({ id, protocol }) => `night ${night}: ${id} ${protocol}`)
      this.#missing.set(link, [...(this.#missing.get(link) ?? []), ...told].slice(0, missingToldMax))
    }
  }

  #answering(link: LinkId) {
    return this.site.area.archive.filter((meter) => meter.link === link && !this.#dead.has(meter.id))
  }

  #linkFigures(
    { link, kind }: AreaBus,
    { freezes: bound, allByMinute: boundMinute }: Pick<MediumBound, 'freezes' | 'allByMinute'>,
  ) {
    const halfPast = this.#byHalfPast.get(link) ?? []
    const answering = this.#answering(link).length
    const meters = this.site.area.archive.filter((meter) => meter.link === link)
    const absences = (isDead: boolean) =>
      countBy(meters.flatMap(({ id }) => (this.#dead.has(id) === isDead ? this.#absences(id) : [])))
    return {
      ...{ link, kind, answering, dead: meters.length - answering, bound, boundMinute },
      due: answering * this.#nights.length,
      byHalfPast: sum(halfPast),
      worstNight: Math.min(...halfPast),
      bySix: sum(this.#bySix.get(link) ?? []),
      missing: this.#missing.get(link) ?? [],
      lastMinute: this.#tally.lastMinute(freezeTask, new Set(this.#answering(link).map(({ id }) => id))),
      absences: absences(false),
      deadAbsences: absences(true),
    }
  }

  #absences(meter: string): readonly string[] {
    return this.#tally.tasks.flatMap((task) =>
      this.#instants(task).flatMap((at) => {
        const reason = this.#tally.absence(task, meter, at)
        return reason === null ? [] : [`${task} ${reason}`]
      }),
    )
  }

  /** Instants whose slots must have ended: between the first midnight and the last. */
  #instants(task: string): readonly number[] {
    const [first = epochMs(0)] = this.#nights
    const last = this.#nights.at(-1) ?? epochMs(0)
    return this.#tally.instants(task).filter((at) => at >= first && at < last)
  }

  #countSlots(): Pick<LargeAreaFigures, 'slots' | 'values' | 'unexplained'> {
    const plan = planSite(this.site.daemon.parameters)
    let slots = 0
    let values = 0
    let unexplained = 0
    for (const { task, meters } of plan.tasks) {
      const instants = this.#instants(task.id)
      if (instants.length !== firingsADay(task.id) * (this.#nights.length - 1)) unexplained += meters.length
      for (const { target } of meters) {
        for (const at of instants) {
          const { id } = target.meter
          if (this.#tally.hasValue(task.id, id, at)) values++
          else if (this.#tally.absence(task.id, id, at) === null) unexplained++
          slots++
        }
      }
    }
    return { slots, values, unexplained }
  }

  #spent(): Map<LinkId, Spent> {
    return new Map(
      this.site.area.buses.map(({ link, device }) => {
        const { busyMs = 0, probeMs = 0 } = this.site.daemon.runners.get(link)?.snapshot() ?? {}
        return [link, { busyMs, probeMs, deadMs: this.#deadMs(link, device, probeMs) }]
      }),
    )
  }

  /** Of a network: how long dead nodes held a place in it, over its places. Of a wire: what its runner says. */
  #deadMs(link: LinkId, device: AreaBus['device'], probeMs: number): number {
    if (!(device instanceof SimulatedModule)) return probeMs
    const dead = this.site.area.archive.filter((meter) => meter.link === link && this.#dead.has(meter.id))
    return sum(dead.map(({ address }) => device.heldMs(address.padStart(12, '0')))) / figuresOf[device.medium].servedAtOnce
  }

  #shares({ link }: AreaBus, from: Spent | undefined, to: Spent | undefined) {
    const tookMs = (this.#days - 1) * dayMs
    const ppm = (what: keyof Spent) => {
      if (from === undefined || to === undefined) throw new Error(`link ${link} was not looked at`)
      return Math.round(((to[what] - from[what]) / tookMs) * 1_000_000)
    }
    return { busyPpm: ppm('busyMs'), probesPpm: ppm('probeMs'), deadPpm: ppm('deadMs') }
  }
}

/** How often the tasks of `largeAreaTasks` fall due. */
function firingsADay(task: string): number {
  const firings: Readonly<Record<string, number>> = { [freezeTask]: 1, curve: 24, status: 12, 'status-slow': 3, clock: 1 }
  return firings[task] ?? 0
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
