import { isRefusedAtOnce, refuseRelayOrder, startRelayOrder, stepRelayOrder } from '../control/relay-order.js'
import type { RelayInput, RelayOrder, RelayStep } from '../control/relay-order.js'
import type { RelayTarget } from '../control/relay-target.js'
import { monotonicMs, toLocal } from '../model/index.js'
import type { JournalledOrder, Meter, MeterId, SiteParameters } from '../model/index.js'
import type {
  Bus,
  Clock,
  Effects,
  JobResult,
  MeterProtocol,
  ReadError,
  RelayOutcome,
  RelayState,
  Runner,
  Session,
  Store,
  WriteCredentials,
} from '../ports/index.js'
import type { StampSource } from './stamps.js'

/** Longest wait of an order's request or read for its bus, wherever exchanges are short. */
const orderJobMsMin = 20_000
const readBackRepeats = 1

/** Looks up what a relay order of a meter is signed with; the secrets stay out of logs, traces and the journal. */
export interface Credentials {
  /** @returns null when none are kept for that meter */
  relayOf(meter: MeterId): WriteCredentials | null
}

/** A meter with all it takes to reach it. */
export interface Reachable {
  readonly meter: Meter
  readonly protocol: MeterProtocol
  readonly runner: Runner
  readonly bus: Bus | undefined
}

export interface RelaySite {
  readonly store: Store
  readonly credentials: Credentials
  readonly parameters: () => SiteParameters
  readonly reach: (meter: MeterId) => Reachable | null
  readonly clock: Clock
  readonly stamps: StampSource
  /** Meters that refused a plain order for want of their security chip. */
  readonly needChip: Set<MeterId>
  readonly onEffects: (effects: Effects) => void
  /** A relay was read: what waits for that meter may look again. */
  readonly onRelayRead: (meter: MeterId) => void
}

type Finish = Extract<RelayStep, { kind: 'finish' }>

/** One relay order being carried out. `waitMs` says how long until its next action. */
export class RelayJob {
  readonly id: number
  readonly meter: MeterId
  readonly #site: RelaySite
  readonly #journalled: JournalledOrder
  #order: RelayOrder

  constructor(journalled: JournalledOrder, target: RelayTarget, site: RelaySite) {
    this.id = journalled.id
    this.meter = target.meter
    this.#site = site
    this.#journalled = journalled
    this.#order = startRelayOrder(journalled, target.command, site.clock.wall().at)
    const mustNotSend = isRefusedAtOnce(journalled.order.origin, site.needChip.has(target.meter))
    if (mustNotSend && this.#order.step.kind === 'commit') {
      this.#order = refuseRelayOrder(this.#order, 'needs-security-chip', true)
    }
  }

  get waitMs(): number {
    const { step } = this.#order
    return step.kind === 'read' || step.kind === 'wait' ? step.afterMs : 0
  }

  /** It never left and will be tried again: what was ordered later must not overtake it. */
  get isFirst(): boolean {
    return this.#order.step.kind === 'wait'
  }

  /** Its meter could not be read back the last time: it waits for the meter rather than for the relay. */
  get isBlind(): boolean {
    return this.#order.unreadable > 0
  }

  /** Does what is due. @returns false when the order is over */
  async advance(): Promise<boolean> {
    const { step } = this.#order
    switch (step.kind) {
      case 'drop':
        return false
      case 'finish':
        await this.#finish(step)
        return false
      case 'commit':
        return this.#commit(step.again)
      case 'send':
        return this.#take({ kind: 'sent', outcome: await this.#send() })
      case 'wait':
        return this.#take({ kind: 'waited' })
      case 'read':
        return this.#take({ kind: 'read', state: await readRelay(this.meter, this.#site) })
      case 'tell-unknown':
        await this.#tell('unknown', step.evidence)
        return this.#take({ kind: 'told' })
    }
  }

  #take(input: RelayInput): true {
    this.#order = stepRelayOrder(this.#order, input, this.#site.clock.wall().at)
    return true
  }

  /** What keeps a request from being made at all is found before the journal says that one left. */
  async #commit(again?: true): Promise<true> {
    const obstacle = this.#obstacle()
    if (obstacle !== null) {
      this.#order = refuseRelayOrder(this.#order, obstacle, false)
      return true
    }
    const sending = { id: this.id, ...(again && { again }), stamp: this.#site.stamps.now() }
    const { withdrawn } = await this.#site.store.run('order-sending', sending)
    return this.#take({ kind: withdrawn === true ? 'withdrawn' : 'committed' })
  }

  #obstacle(): string | null {
    const target = this.#site.reach(this.meter)
    if (target === null) return 'unknown-meter'
    if (target.protocol.relay === undefined) return 'no-relay'
    return this.#site.credentials.relayOf(this.meter) === null ? 'no-credentials' : null
  }

  async #send(): Promise<RelayOutcome> {
    const target = this.#site.reach(this.meter)
    const credentials = this.#site.credentials.relayOf(this.meter)
    const relay = target?.protocol.relay
    // The archive may have changed since the commit; nothing has left.
    if (target === null || relay === undefined || credentials === null) return { kind: 'not-sent' }
    const expiry = toLocal(this.#journalled.order.expiry, this.#site.parameters().utcOffsetMinutes)
    const session = relay.order({ address: target.meter.address, command: this.#order.command, credentials, expiry })
    const { clock } = this.#site
    // Not beyond the order's own time.
    const leftMs = this.#journalled.order.expiry - clock.wall().at
    const result = await runRelayJob(target, session, { clock, waitMs: Math.min(orderJobMs(target.bus), leftMs) })
    if (result.kind === 'settled') return result.outcome
    return result.kind === 'expired' && result.sent ? { kind: 'unknown', reason: 'no-reply' } : { kind: 'not-sent' }
  }

  async #finish(step: Finish): Promise<void> {
    if (step.needsSecurityChip) this.#site.needChip.add(this.meter)
    if (step.stage === 'done') this.#site.needChip.delete(this.meter)
    await this.#tell(step.stage, step.evidence, step)
  }

  async #tell(stage: 'unknown' | Finish['stage'], evidence: JournalledOrder['evidence'], end?: Finish): Promise<void> {
    const { effects } = await this.#site.store.run('order-outcome', {
      id: this.id,
      stage,
      evidence,
      attempts: this.#order.attempts,
      ...(end === undefined || end.relay === null ? {} : { relay: end.relay }),
      ...(end?.needsSecurityChip === true ? { needsSecurityChip: true } : {}),
      stamp: this.#site.stamps.now(),
    })
    this.#site.onEffects(effects)
  }
}

/** Reads a relay's state at the priority of relay orders; whoever waits for that meter is told. */
export async function readRelay(meter: MeterId, site: RelaySite): Promise<RelayState> {
  const target = site.reach(meter)
  const relay = target?.protocol.relay
  if (target === null || relay === undefined) return unreadable('unsupported', 'the meter has no relay that can be read')
  const session = relay.state(target.meter.address, readBackRepeats)
  const waitMs = orderJobMs(target.bus, 1 + readBackRepeats)
  const result = await runRelayJob(target, session, { clock: site.clock, waitMs })
  if (result.kind !== 'settled') return unreadable('no-reply', `the bus did not ask it: ${result.kind}`)
  if (result.outcome.kind === 'known') site.onRelayRead(meter)
  return result.outcome
}

/** How long a job of an order may take: the exchange in flight before it, and so many of its own, as long as its bus may need for each. */
export function orderJobMs(bus: Bus | undefined, exchanges = 1): number {
  return Math.max(orderJobMsMin, (1 + exchanges) * (bus?.capabilities.exchangeMsMax ?? 0))
}

interface Patience {
  readonly clock: Clock
  readonly waitMs: number
}

function runRelayJob<T>(target: Reachable, session: Session<T>, { clock, waitMs }: Patience): Promise<JobResult<T>> {
  const expiresAt = monotonicMs(clock.monotonic() + waitMs)
  return target.runner.run({ meter: target.meter.address, session, priority: 'relay', expiresAt })
}

const unreadable = (code: ReadError['code'], message: string): RelayState => ({
  kind: 'unreadable',
  error: { code, retry: 'later', errors: [], message, frame: null },
})
