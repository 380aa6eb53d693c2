import { overloadEvent, overloads, plannedRegisterMs, type Collection, type SitePlan } from '../collection/index.js'
import type { EpochMs, EventFact, LinkId } from '../model/index.js'
import type { Bus } from '../ports/index.js'

export interface CapacityWatchOptions {
  readonly buses: ReadonlyMap<LinkId, Bus>
  readonly collection: Collection
  readonly nextAfter: (cron: string, after: EpochMs) => EpochMs
  readonly tell: (event: EventFact) => void
}

/** Warns when tasks ask more of a bus than it can carry: by its speed at first, by what reads really took later. */
export class CapacityWatch {
  readonly #options: CapacityWatchOptions
  /** Told, until it is so no more. */
  #told: ReadonlySet<string> = new Set()

  constructor(options: CapacityWatchOptions) {
    this.#options = options
  }

  /** @param from the calendars are looked at from here on */
  look(plan: SitePlan, from: EpochMs): void {
    const { collection, nextAfter, tell } = this.#options
    const found = overloads(plan, { nextAfter, from, registerMs: (link) => collection.registerMs(link) ?? this.#planned(link) })
    const before = this.#told
    this.#told = new Set(found.map(({ link, task }) => `${link} ${task}`))
    for (const overload of found) if (!before.has(`${overload.link} ${overload.task}`)) tell(overloadEvent(overload))
  }

  #planned(link: LinkId): number | null {
    const { byteMs = 0 } = this.#options.buses.get(link)?.capabilities ?? {}
    return byteMs > 0 ? plannedRegisterMs(byteMs) : null
  }
}
