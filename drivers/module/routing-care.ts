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

  constructor(parts: RoutingParts) {
    this.#parts = parts
    this.#urgentAt = parts.place.now
  }

  /** The module was started: its reading begins from the first node. */
  begin(): void {
    this.#hasBegun = false
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
    const due = this.#resumeAt()
    if (due === null || place.now < due || this.#parts.forwarder.underWay > 0) return null
    // Anew after a round, after silence, and for the first time; otherwise it goes on where it stood.
    const isNew = place.routing !== 'paused' || !this.#hasBegun
    led.lastAskedAt = place.now
    return { name: 'resume', run: () => this.#resume(isNew) }
  }

  get due(): MonotonicMs | null {
    const { place, led } = this.#parts
    if (place.way !== 'module-led') return null
    const drainedAt = monotonicMs(place.pausedAt + place.settings.pauseMs)
    const draining = place.routing === 'paused' && led.underWay > 0 && drainedAt > place.now ? drainedAt : null
    const resumeAt = this.#wantsPause() ? null : this.#resumeAt()
    return earliest(draining, resumeAt !== null && resumeAt > place.now ? resumeAt : null)
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

  *#pause(): Procedure {
    if (!(yield* pauseRouting(this.#parts.place))) this.#parts.place.lose('module-silent')
  }

  *#resume(isNew: boolean): Procedure {
    const { place, led } = this.#parts
    const unit = { name: isNew ? 'restart-routing' : 'resume-routing' } as const
    const result = yield* ask(unit)
    if (result.kind === 'silent') return place.lose('module-silent')
    if (result.kind === 'denied') place.refused(unit.name, result.denial)
    place.routing = 'running'
    led.lastAskedAt = place.now
    this.#hasBegun = true
  }
}
