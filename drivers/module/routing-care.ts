import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { Conductor } from './conductor.js'
import { earliest } from './effects.js'
import type { ExchangeBook } from './exchange-book.js'
import type { Forwarder } from './forwarder.js'
import type { LedReading } from './led-reading.js'
import { ask, type Procedure } from './procedure.js'
import { pauseRouting } from './start-up.js'
import type { Workplace } from './workplace.js'

export interface RoutingParts {
  readonly place: Workplace
  readonly book: ExchangeBook
  readonly forwarder: Forwarder
  readonly led: LedReading
  readonly conductor: Conductor
}

/** Starts, pauses and resumes the reading that the module leads: it runs unless something urgent, or an exclusive task, wants the line. */
export class RoutingCare {
  readonly #parts: RoutingParts
  /** A round was begun: it is resumed rather than begun anew. */
  #hasBegun = false
  #urgentAt: MonotonicMs
  /** When it was told to begin, the first and the latest time, and how often, as long as it has not asked for any meter. */
  #begun: { readonly first: MonotonicMs; readonly last: MonotonicMs; readonly times: number } | null = null

  constructor(parts: RoutingParts) {
    this.#parts = parts
    this.#urgentAt = parts.place.now
  }

  /** The module was started: its reading begins from the first node. */
  begin(): void {
    this.#hasBegun = false
    this.#begun = null
    this.#urgentAt = monotonicMs(this.#parts.place.now - this.#parts.place.settings.resumeMs)
  }

  /** The module reads nothing by itself, or has had its time to end what it read. */
  get isQuiet(): boolean {
    const { place, led } = this.#parts
    if (place.way !== 'module-led') return true
    if (place.routing !== 'paused') return false
    return led.underWay === 0 || place.now >= place.pausedAt + place.settings.pauseMs
  }

  /** What the module should be told now. */
  wants(): { readonly name: 'pause' | 'resume'; readonly run: () => Procedure } | null {
    const { place, led } = this.#parts
    if (place.way !== 'module-led') return null
    if (this.#wantsPause()) {
      this.#urgentAt = place.now
      return place.routing === 'paused' ? null : { name: 'pause', run: () => this.#pause() }
    }
    const giveUpAt = this.#giveUpAt()
    if (giveUpAt !== null && place.now >= giveUpAt)
      return { name: 'pause', run: () => this.#giveUp('it never asked for a meter') }
    const due = this.#resumeAt()
    if (due === null || place.now < due || this.#parts.forwarder.underWay > 0) return null
    // Anew after a round, after silence, and for the first time; otherwise it goes on where it stood.
    const isNew = place.routing !== 'paused' || !this.#hasBegun || !led.hasLed
    led.lastAskedAt = place.now
    return { name: 'resume', run: () => this.#resume(isNew) }
  }

  get due(): MonotonicMs | null {
    const { place, led } = this.#parts
    if (place.way !== 'module-led') return null
    const drainedAt = monotonicMs(place.pausedAt + place.settings.pauseMs)
    const draining = place.routing === 'paused' && led.underWay > 0 && drainedAt > place.now ? drainedAt : null
    const resumeAt = this.#wantsPause() ? null : this.#resumeAt()
    const later = (at: MonotonicMs | null): MonotonicMs | null => (at !== null && at > place.now ? at : null)
    return earliest(draining, later(resumeAt), this.#wantsPause() ? null : later(this.#giveUpAt()))
  }

  #wantsPause(): boolean {
    const { book, forwarder, conductor } = this.#parts
    return book.hasUrgent || forwarder.underWay > 0 || conductor.holdsReads
  }

  #resumeAt(): MonotonicMs | null {
    const { place, led, book } = this.#parts
    const { settings } = place
    switch (place.routing) {
      case 'unknown':
      case 'paused':
        return monotonicMs(Math.max(this.#urgentAt + settings.resumeMs, place.reservedUntil, place.quietUntil))
      case 'finished':
        return book.waiting.length === 0 ? null : monotonicMs(led.finishedAt + settings.roundMs)
      case 'running':
        return book.waiting.length === 0 ? null : monotonicMs(led.lastAskedAt + settings.ledSilenceMs)
    }
  }

  /** Started twice, waited for long enough, and it has not asked for a single meter. A site that wants it to lead is only told. */
  #giveUpAt(): MonotonicMs | null {
    const { place, led, book } = this.#parts
    const { ledGiveUpMs, ledLastChanceMs } = place.settings
    if (led.hasLed || place.neverAsks || this.#begun === null || this.#begun.times < 2 || book.waiting.length === 0) return null
    return monotonicMs(Math.max(this.#begun.first + ledGiveUpMs, this.#begun.last + ledLastChanceMs))
  }

  /** It is read by forwarding until it starts anew. */
  *#giveUp(why: string): Procedure {
    const { place } = this.#parts
    if (!(yield* pauseRouting(place))) return place.lose('module-silent')
    place.neverAsks = true
    place.decideWay()
    const then = place.way === 'module-led' ? 'its meters are not read' : 'its meters are read one by one until it starts anew'
    place.complain('module-led', 'never-asks', `the module says that it leads reading, but ${why}: ${then}`)
  }

  *#pause(): Procedure {
    if (!(yield* pauseRouting(this.#parts.place))) this.#parts.place.lose('module-silent')
  }

  *#resume(isNew: boolean): Procedure {
    const { place, led } = this.#parts
    const unit = { name: isNew ? 'restart-routing' : 'resume-routing' } as const
    const result = yield* ask(unit)
    if (result.kind === 'silent') return place.lose('module-silent')
    if (result.kind === 'denied') {
      place.refused(unit.name, result.denial)
      const isForGood = result.denial.action === 'mark-unsupported'
      if (isForGood && isNew && !led.hasLed && !place.neverAsks) return yield* this.#giveUp('it cannot begin')
    }
    if (isNew && !led.hasLed) {
      this.#begun = { first: this.#begun?.first ?? place.now, last: place.now, times: (this.#begun?.times ?? 0) + 1 }
    }
    place.routing = 'running'
    led.lastAskedAt = place.now
    this.#hasBegun = true
  }
}
