import type { EventFact, LinkId } from '../model/index.js'
import type { Log, Timers } from '../ports/index.js'

export interface BusEventsOptions {
  readonly timers: Timers
  readonly log: Log
  readonly record: (event: EventFact) => void
}

/** A link tells its changes at once, but no more often than this many in a row … */
export const changesTold = 4
/** … then once in so many ms where it stands and how many changes were left out: a flapping port must not fill a disk. */
export const changesEveryMs = 60_000

interface LinkNews {
  allowed: number
  leftOut: number
  last: { readonly up: boolean; readonly code: string }
}

/** Tells the changes of buses as events and log lines, at a bounded rate; where a bus stands at last is always told. */
export class BusEvents {
  readonly #options: BusEventsOptions
  readonly #news = new Map<LinkId, LinkNews>()
  readonly #cancels = new Map<LinkId, () => void>()

  constructor(options: BusEventsOptions) {
    this.#options = options
  }

  changed(link: LinkId, up: boolean, code: string): void {
    const news = this.#news.get(link) ?? { allowed: changesTold, leftOut: 0, last: { up, code } }
    this.#news.set(link, news)
    news.last = { up, code }
    if (!this.#cancels.has(link))
      this.#cancels.set(
        link,
        this.#options.timers.after(changesEveryMs, () => this.#settle(link, news)),
      )
    if (news.allowed === 0) {
      news.leftOut += 1
      return
    }
    news.allowed -= 1
    this.#tell(link, news)
  }

  stop(): void {
    for (const cancel of this.#cancels.values()) cancel()
    this.#cancels.clear()
  }

  #settle(link: LinkId, news: LinkNews): void {
    this.#cancels.delete(link)
    if (news.leftOut === 0) {
      this.#news.delete(link)
      return
    }
    this.#tell(link, news)
    news.leftOut = 0
    news.allowed = 0
    this.#cancels.set(
      link,
      this.#options.timers.after(changesEveryMs, () => this.#settle(link, news)),
    )
  }

  #tell(link: LinkId, { last: { up, code }, leftOut }: LinkNews): void {
    this.#options.log.info('bus-state', { link, up, code, ...(leftOut === 0 ? {} : { leftOut }) })
    const detail = { reason: code, ...(leftOut === 0 ? {} : { changesLeftOut: leftOut }) }
    this.#options.record({ code: up ? 'bus.up' : 'bus.down', severity: up ? 'info' : 'warning', link, detail })
  }
}
