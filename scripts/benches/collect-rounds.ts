import { dayMs, epochMs, type Point } from '../../src/model/index.js'
import type { CollectMedium, CollectWork } from './collect-works.js'
import { accounts, type Account, type CpuSeconds } from './cpu-accounts.js'
import { VirtualSite } from './virtual-site.js'

export const minuteMs = 60_000
export const quarterMs = 15 * minuteMs
export const utcOffsetMinutes = 480
/** 2026-03-02 08:00 local. */
const startsAt = Date.UTC(2026, 2, 2, 0)

/** What came of one work on one medium. */
export interface Measured {
  readonly values: number
  readonly missing: number
  readonly elapsedMs: number
  readonly rounds: number
  readonly portBytes: number
  readonly cpu: CpuSeconds
}

const tasksOf: Readonly<Record<CollectWork['kind'], string>> = {
  freeze: "{ id: work, kind: daily-freeze, cron: '0 0 * * *', items: [energy], spreadSeconds: 0 }",
  curve: "{ id: work, kind: curve, cron: '*/15 * * * *', items: [energy, power, voltage, current], liveWindowMinutes: 14 }",
  'back-fill': "{ id: work, kind: curve, cron: '*/15 * * * *', items: [energy, power, voltage, current], liveWindowMinutes: 4 }",
}

/** A site with one work to do, and what came of it round by round: from when all of it is due until the last value is there. */
export class Rounds {
  readonly site: VirtualSite
  values = 0
  readonly #medium: CollectMedium
  #missing = 0
  #elapsedMs = 0
  #rounds = 0
  #portBytes = 0
  #cpu: Record<Account, number> = { runtime: 0, store: 0, 'far end': 0 }
  /** The present round: instants of its slots, points that are still to come, and whether it counts. */
  #from = 0
  #to = 0
  #open = 0
  #counts = false
  #dueAt = 0
  #lastAt = 0
  #wireBefore = 0

  constructor(medium: CollectMedium, work: CollectWork) {
    this.#medium = medium
    const protocols = work.protocol === 'dlt645-2007' ? {} : { [work.protocol]: 1_000_000 }
    const { kind, baud, meters } = medium
    const plan = {
      kind,
      meters,
      protocols,
      ...(kind === 'rs485' || kind === 'radio-modem' ? { baud } : { module: { stands: true } }),
    }
    this.site = new VirtualSite({
      area: {
        ...{ seed: 1, startsAt, utcOffsetMinutes, baud, historyMs: 3 * dayMs },
        links: [plan],
        shares: { threePhase: 1_000_000 },
      },
      tasks: `tasks:\n  - ${tasksOf[work.kind]}\n`,
      onPoint: (point) => this.#take(point),
    })
  }

  /** One round of a work whose slots are those of the day or quarter that holds `dueAt`. */
  async run(dueAt: number, limitMs: number, counts: boolean): Promise<void> {
    const { site } = this
    await site.time.runUntilWall(epochMs(dueAt - 1))
    const from = Math.floor(dueAt / quarterMs) * quarterMs
    this.expect(from, from + 1, counts)
    await site.time.runUntilWall(epochMs(dueAt))
    await this.finish(limitMs)
  }

  /** From now on values of these slots are waited for. */
  expect(from: number, to: number, counts: boolean): void {
    this.#from = from
    this.#to = to
    this.#counts = counts
    this.#open = this.#medium.meters * Math.max(1, Math.round((to - from) / quarterMs))
  }

  /** What is expected is due now. */
  async finish(limitMs: number): Promise<void> {
    const { site } = this
    this.#dueAt = site.time.monotonic()
    this.#lastAt = this.#dueAt
    this.#wireBefore = site.wire.in + site.wire.out
    site.cpu.take()
    await site.time.runUntil(() => this.#open <= 0, limitMs)
    const cpu = site.cpu.take()
    if (!this.#counts) return
    this.#rounds++
    this.#elapsedMs += this.#lastAt - this.#dueAt
    this.#portBytes += site.wire.in + site.wire.out - this.#wireBefore
    for (const account of accounts) this.#cpu[account] += cpu[account]
  }

  measured(): Measured {
    return {
      ...{ values: this.values, missing: this.#missing, elapsedMs: this.#elapsedMs },
      ...{ rounds: this.#rounds, portBytes: this.#portBytes, cpu: this.#cpu },
    }
  }

  #take({ slotAt, values }: Point): void {
    if (slotAt < this.#from || slotAt >= this.#to) return
    this.#open--
    this.#lastAt = this.site.time.monotonic()
    if (!this.#counts) return
    for (const value of values) {
      if ('ints' in value) this.values += value.ints.length
      else this.#missing++
    }
  }
}
