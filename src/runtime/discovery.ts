import type { EpochMs, EventFact, LinkId, MeterAddress, SiteParameters } from '../model/index.js'
import { dayMs, epochMs, startOfLocalDay } from '../model/index.js'
import type { Bus, Clock, MeshReport, MeterProtocol, Runner, Store, Timers } from '../ports/index.js'
import { BusSearch, type SearchFindings } from './bus-search.js'
import type { KeptNote } from './meter-notes.js'

/** A meter that stands in no archive. It is told and listed, and neither read nor billed before it is adopted. */
export interface UnknownMeter {
  readonly link: LinkId
  readonly address: MeterAddress
  /** Null: its module did not say. */
  readonly protocol: string | null
  readonly firstSeenAt: EpochMs
  readonly lastSeenAt: EpochMs
}

export interface DiscoveryOptions {
  readonly clock: Clock
  readonly timers: Timers
  readonly store: Pick<Store, 'run'>
  readonly runners: ReadonlyMap<LinkId, Runner>
  readonly buses: ReadonlyMap<LinkId, Bus>
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly parameters: () => SiteParameters
  /** From the beginning of one search to the next; null: nobody is looked for, but what modules report is told. */
  readonly everyMs: number | null
  /** Of a bus's time, what a search may take. */
  readonly share: number
  readonly tell: (event: EventFact) => void
  readonly keep: (note: KeptNote) => void
  readonly onFault: (error: unknown) => void
}

type Stranger = Pick<UnknownMeter, 'link' | 'address' | 'protocol'>

/** Unknown meters remembered; of a neighbour's whole area the first ones say enough. */
export const UNKNOWN_MAX = 128
const noteName = 'unknown'
/** How long a module looks for nodes that it does not have. Meanwhile it reads nothing. */
const NETWORK_SEARCH_MINUTES = 30
/** No search of a network from this long before midnight until so long after it: freezes are fetched then, and what failed once more. */
const NIGHT_BEFORE_MS = 45 * 60_000
const NIGHT_AFTER_MS = 6 * 3_600_000

/** Looks for meters that stand in no archive: on wires by wildcard addresses, behind modules by their registration. */
export class Discovery {
  readonly #options: DiscoveryOptions
  readonly #unknown = new Map<string, UnknownMeter>()
  readonly #searches: BusSearch[] = []
  #cancels: (() => void)[] = []
  /** What modules reported before it was recalled what is known; null: it has been. */
  #early: Stranger[] | null = []

  /** Listens to the modules from now on: they say some things once. */
  constructor(options: DiscoveryOptions) {
    this.#options = options
    for (const [link, bus] of options.buses) bus.network?.onReport((report) => this.#hear(link, report))
  }

  /** Recalls what was found before, and begins to look. */
  async start(): Promise<void> {
    const { store, buses, runners } = this.#options
    const { notes } = await store.run('notes', { prefix: noteName })
    for (const meter of parseUnknown(notes.find(({ name }) => name === noteName)?.body)) this.#unknown.set(keyOf(meter), meter)
    this.#note(this.#early ?? [])
    this.#early = null
    for (const [link, bus] of buses) {
      const runner = runners.get(link)
      if (this.#options.everyMs === null || runner === undefined) continue
      if (bus.network === undefined) this.#search(runner, this.#options.everyMs)
      // A plain radio has nobody who could look.
      else if (bus.capabilities.routing) this.#searchNetwork(bus.network, this.#options.everyMs)
    }
  }

  /** Those that are still unknown, by link and address. */
  view(): readonly UnknownMeter[] {
    this.#adopt()
    return [...this.#unknown.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  close(): void {
    for (const cancel of this.#cancels.splice(0)) cancel()
    for (const search of this.#searches.splice(0)) search.close()
  }

  #search(runner: Runner, everyMs: number): void {
    const { clock, timers, protocols, parameters, share, onFault } = this.#options
    const search = new BusSearch({
      ...{ clock, timers, runner, protocols, parameters, everyMs, share, onFault },
      onEnd: (findings) => this.#found(findings),
    })
    this.#searches.push(search)
    search.start()
  }

  #searchNetwork(network: NonNullable<Bus['network']>, everyMs: number, inMs = everyMs): void {
    const cancel = this.#options.timers.after(inMs, () => {
      this.#cancels = this.#cancels.filter((known) => known !== cancel)
      const waitMs = this.#nightMs()
      if (waitMs === 0) network.search(NETWORK_SEARCH_MINUTES)
      this.#searchNetwork(network, everyMs, waitMs === 0 ? everyMs : waitMs)
    })
    this.#cancels.push(cancel)
  }

  /** What is left of the night's freezes; 0: it is day. */
  #nightMs(): number {
    const { clock, parameters } = this.#options
    const now = clock.wall().at
    const sinceMs = now - startOfLocalDay(now, parameters().utcOffsetMinutes)
    if (sinceMs < NIGHT_AFTER_MS) return NIGHT_AFTER_MS - sinceMs
    return sinceMs < dayMs - NIGHT_BEFORE_MS ? 0 : dayMs - sinceMs + NIGHT_AFTER_MS
  }

  #hear(link: LinkId, report: MeshReport): void {
    if (report.kind !== 'unknown-node') return
    const { address, protocol } = report
    const stranger = { link, address, protocol }
    if (this.#early === null) this.#note([stranger])
    else if (this.#early.length < UNKNOWN_MAX) this.#early.push(stranger)
  }

  #found({ link, protocol, unknown, shared, isWhole }: SearchFindings): void {
    for (const address of shared)
      this.#options.tell({ code: 'meter.address-shared', severity: 'warning', link, detail: { address, protocol } })
    this.#note(unknown.map((address) => ({ link, address, protocol })))
    if (!isWhole) return
    const gone = [...this.#unknown.values()].filter(
      (meter) => meter.link === link && meter.protocol === protocol && !unknown.includes(meter.address),
    )
    for (const { address } of gone) {
      this.#unknown.delete(keyOf({ link, address }))
      this.#options.tell({ code: 'meter.unknown-gone', severity: 'info', link, detail: { address, protocol } })
    }
    if (gone.length > 0) this.#keep()
  }

  #note(seen: readonly Stranger[]): void {
    const at = epochMs(Math.round(this.#options.clock.wall().at))
    let isNew = false
    for (const meter of seen) {
      const known = this.#unknown.get(keyOf(meter))
      if (this.#isAdopted(meter) || (known === undefined && this.#unknown.size >= UNKNOWN_MAX)) continue
      this.#unknown.set(keyOf(meter), { ...meter, firstSeenAt: known?.firstSeenAt ?? at, lastSeenAt: at })
      if (known !== undefined) continue
      isNew = true
      const detail = { address: meter.address, protocol: meter.protocol }
      this.#options.tell({ code: 'meter.unknown', severity: 'warning', link: meter.link, detail })
    }
    if (isNew) this.#keep()
  }

  /** Those that the archive has got meanwhile are unknown no more. */
  #adopt(): void {
    const adopted = [...this.#unknown.values()].filter((meter) => this.#isAdopted(meter))
    for (const meter of adopted) this.#unknown.delete(keyOf(meter))
    if (adopted.length > 0) this.#keep()
  }

  #isAdopted({ link, address }: Pick<UnknownMeter, 'link' | 'address'>): boolean {
    return this.#options.parameters().meters.some((meter) => meter.link === link && meter.address === address)
  }

  #keep(): void {
    const meters = [...this.#unknown.values()]
    this.#options.keep({ name: noteName, body: meters.length === 0 ? null : { meters } })
  }
}

const keyOf = ({ link, address }: Pick<UnknownMeter, 'link' | 'address'>): string => `${link} ${address}`

/** Another release may have written it: what does not fit is found again. */
function parseUnknown(body: unknown): readonly UnknownMeter[] {
  const { meters } = (body ?? {}) as { readonly meters?: unknown }
  if (!Array.isArray(meters)) return []
  return meters.flatMap((meter: unknown) => {
    const { link, address, protocol, firstSeenAt, lastSeenAt } = (meter ?? {}) as Partial<UnknownMeter>
    const fits = typeof link === 'string' && typeof address === 'string' && typeof firstSeenAt === 'number'
    return fits ? [{ link, address, protocol: protocol ?? null, firstSeenAt, lastSeenAt: lastSeenAt ?? firstSeenAt }] : []
  })
}
