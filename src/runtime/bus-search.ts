import { beginSearch, nextPattern, SEARCH_ASKED_MAX, searchStep, type SearchPlan, type SearchState } from '../collection/index.js'
import type { LinkId, MeterAddress, SiteParameters } from '../model/index.js'
import type { AddressSearch, Clock, ExchangeTime, MeterProtocol, Runner, SearchOutcome, Timers } from '../ports/index.js'

/** What a search of one bus by one protocol came to. */
export interface SearchFindings {
  readonly link: LinkId
  readonly protocol: string
  readonly unknown: readonly MeterAddress[]
  readonly shared: readonly string[]
  /** Every address was asked for: who was not found is not there. */
  readonly isWhole: boolean
}

export interface BusSearchOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly runner: Runner
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly parameters: () => SiteParameters
  readonly everyMs: number
  readonly share: number
  readonly onEnd: (findings: SearchFindings) => void
  readonly onFault: (error: unknown) => void
}

interface Searching {
  readonly protocol: string
  readonly search: AddressSearch
  readonly plan: SearchPlan
  readonly state: SearchState
  readonly rest: readonly string[]
}

/** The first search begins this long after a start: a start has better things to do. */
const FIRST_MS_MAX = 3_600_000
/** A bus that is down or has no room is asked again after this. */
const AGAIN_MS = 60_000

/** Searches one wire again and again, one question at a time, each paid for by a pause. */
export class BusSearch {
  readonly #options: BusSearchOptions
  #cancel: () => void = () => {}
  #isClosed = false

  constructor(options: BusSearchOptions) {
    this.#options = options
  }

  start(): void {
    this.#later(Math.min(FIRST_MS_MAX, this.#options.everyMs), () => this.#begin())
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
  }

  #begin(): void {
    const { clock, everyMs } = this.#options
    const startedAt = clock.monotonic()
    const rest = (): void => this.#later(Math.max(AGAIN_MS, everyMs - (clock.monotonic() - startedAt)), () => this.#begin())
    this.#nextProtocol(this.#protocols(), rest)
  }

  /** Those that meters of this bus speak; on a bus without meters all that can search. */
  #protocols(): readonly string[] {
    const { protocols, parameters, runner } = this.#options
    const able = [...protocols.values()].filter(({ search }) => search !== undefined).map(({ name }) => name)
    const spoken = new Set(parameters().meters.flatMap(({ link, protocol }) => (link === runner.link ? [protocol] : [])))
    return spoken.size === 0 ? able : able.filter((name) => spoken.has(name))
  }

  #nextProtocol([protocol, ...rest]: readonly string[], whenDone: () => void): void {
    const search = protocol === undefined ? undefined : this.#options.protocols.get(protocol)?.search
    if (protocol === undefined || search === undefined) return whenDone()
    const { parameters, runner } = this.#options
    const own = parameters().meters.filter((meter) => meter.link === runner.link && meter.protocol === protocol)
    const plan = { patterns: search, known: own.map(({ address }) => address), askedMax: SEARCH_ASKED_MAX }
    this.#ask({ protocol, search, plan, state: beginSearch(plan), rest }, whenDone)
  }

  #ask(searching: Searching, whenDone: () => void): void {
    const { runner, onFault } = this.#options
    const pattern = nextPattern(searching.state)
    if (pattern === null) return this.#end(searching, whenDone)
    let busMs = 0
    const onExchange = (spent: ExchangeTime): void => void (busMs += spent.busMs)
    // To all: a pattern that nobody answers to is no silent meter.
    const job = {
      meter: 'all',
      session: searching.search.ask(pattern),
      priority: 'discovery',
      expiresAt: null,
      onExchange,
    } as const
    runner.run(job).then((result) => {
      const outcome: SearchOutcome = result.kind === 'settled' ? result.outcome : { kind: 'bus-down' }
      const state = searchStep(searching.state, outcome, searching.plan)
      const pauseMs = outcome.kind === 'bus-down' ? AGAIN_MS : busMs / this.#options.share - busMs
      this.#later(pauseMs, () => this.#ask({ ...searching, state }, whenDone))
    }, onFault)
  }

  #end({ protocol, state, rest }: Searching, whenDone: () => void): void {
    const { runner, onEnd } = this.#options
    const { unknown, shared, isGivenUp } = state
    onEnd({ link: runner.link, protocol, unknown, shared, isWhole: !isGivenUp })
    this.#nextProtocol(rest, whenDone)
  }

  #later(delayMs: number, then: () => void): void {
    if (!this.#isClosed) this.#cancel = this.#options.timers.after(delayMs, then)
  }
}
