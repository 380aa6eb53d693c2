import type { EventFact, LinkId } from '../model/index.js'
import type { Log, MeshReport, Timers } from '../ports/index.js'

export interface NetworkEventsOptions {
  readonly timers: Timers
  readonly log: Log
  readonly record: (event: EventFact) => void
}

/** Events that one link's network may record in an hour; of the others the number is told when the hour is over. */
export const networkEventsPerHour = 200
const hourMs = 3_600_000

interface Hour {
  told: number
  leftOut: number
}

/** Records what networks report as events, at a bounded rate. Nodes that come and go are in the network's own view, not here. */
export class NetworkEvents {
  readonly #options: NetworkEventsOptions
  readonly #hours = new Map<LinkId, Hour>()
  readonly #cancels = new Map<LinkId, () => void>()

  constructor(options: NetworkEventsOptions) {
    this.#options = options
  }

  report(link: LinkId, report: MeshReport): void {
    const event = this.#eventOf(link, report)
    if (event !== null) this.tell(link, event)
  }

  /** @returns whether it was recorded; if not, it is counted */
  tell(link: LinkId, event: EventFact): boolean {
    const hour = this.#hourOf(link)
    if (hour.told >= networkEventsPerHour) {
      hour.leftOut += 1
      return false
    }
    hour.told += 1
    this.#options.log.info('network', { link, code: event.code, ...event.detail })
    this.#options.record(event)
    return true
  }

  stop(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  #hourOf(link: LinkId): Hour {
    const known = this.#hours.get(link)
    if (known !== undefined) return known
    const hour: Hour = { told: 0, leftOut: 0 }
    this.#hours.set(link, hour)
    this.#cancels.set(
      link,
      this.#options.timers.after(hourMs, () => this.#endHour(link, hour)),
    )
    return hour
  }

  #endHour(link: LinkId, { leftOut }: Hour): void {
    this.#hours.delete(link)
    this.#cancels.delete(link)
    if (leftOut === 0) return
    this.#options.record({ code: 'network.events-left-out', severity: 'warning', link, detail: { events: leftOut } })
  }

  #eventOf(link: LinkId, report: MeshReport): EventFact | null {
    const fact = (code: string, severity: EventFact['severity'], detail: EventFact['detail'] = {}): EventFact => {
      return { code, severity, link, detail }
    }
    switch (report.kind) {
      case 'module-started': {
        const { vendor, chip, version, medium, led, mainNode } = report.module
        const detail = { vendor, chip, version, medium, led, mainNode }
        return report.replaced
          ? fact('network.module-replaced', 'warning', detail)
          : fact('network.module-started', 'info', detail)
      }
      case 'module-lost':
        return fact('network.module-lost', 'alarm', { reason: report.code })
      case 'archive-aligned': {
        const { added, removed, lost } = report
        return fact('network.archive-aligned', lost ? 'warning' : 'info', { added, removed, archiveLost: lost })
      }
      case 'module-refused': {
        const { code, message } = report.error
        return fact('network.module-refused', 'warning', { what: report.what, error: code, message })
      }
      // Discovery tells it, once.
      case 'unknown-node':
      case 'node-joined':
      case 'node-left':
      // What meters report is decoded first: see MeterReports.
      case 'meter-event':
        return null
    }
  }
}
