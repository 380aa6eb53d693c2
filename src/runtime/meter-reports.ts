import { monotonicMs } from '../model/index.js'
import type { EventFact, LinkId, Meter, MeterAddress, MonotonicMs } from '../model/index.js'
import type { Bus, Clock, MeshReport, MeterProtocol, MeterReport, ReportedItem, Runner, Session } from '../ports/index.js'
import { orderJobMs } from './order-relay.js'

export interface MeterReportsOptions {
  readonly clock: Clock
  readonly protocols: ReadonlyMap<string, MeterProtocol>
  readonly runners: ReadonlyMap<LinkId, Runner>
  readonly buses: ReadonlyMap<LinkId, Bus>
  /** The archive's meters on a link. */
  readonly metersOn: (link: LinkId) => readonly Meter[]
  /** Records an event at the link's bounded rate. @returns whether it did */
  readonly tell: (link: LinkId, event: EventFact) => boolean
  readonly onFault: (error: unknown) => void
}

type Carried = Extract<MeshReport, { kind: 'meter-event' }>
interface Heard {
  readonly bytes: Uint8Array
  readonly at: MonotonicMs
}
interface Said {
  readonly protocol: string | null
  readonly address: MeterAddress | string | null
  readonly bytes: Uint8Array
  readonly report: MeterReport | null
}

/** Longer reports are cut in the event; the trace has them whole for a while. */
const reportBytesMax = 256
const itemsCharsMax = 1_000
/** Bytes of an unfinished frame that are kept; the longest frame is shorter. */
const heardBytesMax = 4_096
/** A frame with a longer pause in it is none. */
const pauseMsMax = 1_000
/** A report that comes again within this is the same one, whose confirmation was lost. */
const repeatMsMax = 300_000
/** Reports remembered of a link; of more meters at once a repeated one may be told twice. */
const rememberedMax = 256

/** Reads what meters say unasked, on wires or carried by a module, records it, and confirms it where the protocol wants that. */
export class MeterReports {
  readonly #options: MeterReportsOptions
  readonly #heard = new Map<string, Heard>()
  readonly #told = new Map<LinkId, Map<string, MonotonicMs>>()

  constructor(options: MeterReportsOptions) {
    this.#options = options
  }

  /** Bytes that belong to no exchange, as they come. */
  heard(link: LinkId, bytes: Uint8Array): void {
    for (const protocol of this.#spoken(link)) {
      const { report: read } = protocol
      if (read === undefined) continue
      const key = `${protocol.name} ${link}`
      const { frames, rest } = wholeFrames(protocol, joined(this.#unfinished(key), bytes))
      if (rest.length === 0) this.#heard.delete(key)
      else this.#heard.set(key, { bytes: rest.slice(-heardBytesMax), at: this.#options.clock.monotonic() })
      for (const frame of frames) {
        const report = read(frame)
        // Anything else on a wire is for the trace.
        if (report.ok) this.#take(link, { protocol: protocol.name, address: null, bytes: frame, report: report.value })
      }
    }
  }

  /** What a module says that a meter reported: it names no meter, but the frame that it carries does. */
  carried(link: LinkId, { address, protocol, bytes }: Carried): void {
    const known = protocol === null ? undefined : this.#options.protocols.get(protocol)
    for (const candidate of known === undefined ? this.#spoken(link) : [known]) {
      const [frame] = wholeFrames(candidate, bytes, true).frames
      if (frame === undefined) continue
      const report = candidate.report?.(frame)
      const speaker = address ?? candidate.speakerOf?.(frame) ?? null
      return this.#take(link, { protocol: candidate.name, address: speaker, bytes, report: report?.ok ? report.value : null })
    }
    this.#take(link, { protocol, address, bytes, report: null })
  }

  #spoken(link: LinkId): readonly MeterProtocol[] {
    const names = new Set(this.#options.metersOn(link).map(({ protocol }) => protocol))
    return [...names].flatMap((name) => this.#options.protocols.get(name) ?? [])
  }

  #unfinished(key: string): Uint8Array {
    const heard = this.#heard.get(key)
    if (heard === undefined || this.#options.clock.monotonic() - heard.at > pauseMsMax) return new Uint8Array()
    return heard.bytes
  }

  /** A report is confirmed when it has been recorded: what was left out for its rate comes again. Strangers confirm nothing to us. */
  #take(link: LinkId, said: Said): void {
    const { report, bytes } = said
    const address = this.#addressOf(said, report?.from ?? said.address)
    const meter = this.#options.metersOn(link).find((known) => known.address === address)
    const frame = hexOf(bytes)
    if (!this.#isRepeated(link, frame)) {
      const detail = {
        ...{ address, protocol: said.protocol, frame: frame.slice(0, 2 * reportBytesMax), bytes: bytes.length },
        ...(report !== null && { items: itemsText(report.items) }),
      }
      const event: EventFact = { code: 'meter.reported', severity: 'info', link, detail, ...(meter && { meter: meter.id }) }
      if (!this.#options.tell(link, event)) return
      if (report !== null) this.#remember(link, frame)
    }
    if (report !== null && meter !== undefined) this.#confirm(link, meter.address, report.confirmation)
  }

  /** As the archive writes it. */
  #addressOf({ protocol }: Said, address: string | null): string | null {
    if (address === null) return null
    const checked = protocol === null ? undefined : this.#options.protocols.get(protocol)?.checkAddress(address)
    return checked?.ok === true ? checked.value : address
  }

  #isRepeated(link: LinkId, frame: string): boolean {
    const at = this.#told.get(link)?.get(frame)
    return at !== undefined && this.#options.clock.monotonic() - at <= repeatMsMax
  }

  #remember(link: LinkId, frame: string): void {
    const told = this.#told.get(link) ?? new Map<string, MonotonicMs>()
    this.#told.set(link, told)
    told.delete(frame)
    told.set(frame, this.#options.clock.monotonic())
    const [oldest] = told.keys()
    if (told.size > rememberedMax && oldest !== undefined) told.delete(oldest)
  }

  #confirm(link: LinkId, meter: MeterAddress, bytes: Uint8Array): void {
    const { runners, buses, clock, onFault } = this.#options
    const expiresAt = monotonicMs(clock.monotonic() + orderJobMs(buses.get(link)))
    const job = { meter, session: unanswered(meter, bytes), priority: 'threshold-watch', expiresAt } as const
    // One that does not leave is asked for again by the meter.
    runners.get(link)?.run(job).catch(onFault)
  }
}

/** One request that nobody answers. */
function unanswered(to: MeterAddress, bytes: Uint8Array): Session<null> {
  const settled: Session<null> = { effect: { kind: 'settled', outcome: null }, step: () => settled }
  return { effect: { kind: 'exchange', to, bytes, reply: 'none', holdsBus: false, isWrite: false }, step: () => settled }
}

/** @param isAll nothing more comes: behind a false start that waits for more a true frame may stand */
function wholeFrames(
  protocol: MeterProtocol,
  bytes: Uint8Array,
  isAll = false,
): { readonly frames: readonly Uint8Array[]; readonly rest: Uint8Array } {
  const scanner = protocol.scanner()
  const frames: Uint8Array[] = []
  let at = 0
  while (at < bytes.length) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'frame') frames.push(bytes.slice(at, at + result.length))
    if (result.kind === 'incomplete' && !isAll) break
    at += result.kind === 'frame' ? result.length : result.kind === 'noise' ? Math.max(1, result.skip) : 1
  }
  return { frames, rest: bytes.slice(at) }
}

function joined(before: Uint8Array, bytes: Uint8Array): Uint8Array {
  const all = new Uint8Array(before.length + bytes.length)
  all.set(before)
  all.set(bytes, before.length)
  return all
}

function itemsText(items: readonly ReportedItem[]): string {
  const texts = items.map(({ register, values, error }) => `${register}: ${error ?? (values.join(' ') || 'none')}`)
  return texts.join(', ').slice(0, itemsCharsMax)
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase()
