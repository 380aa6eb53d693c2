import { broadcastRefusal, clockSetRefusal, defaultClockRules, type MeterClock } from '../collection/index.js'
import { formatDecimal, fromLocal, monotonicMs } from '../model/index.js'
import type { JournalledOrder, LinkId, MeterId, MonotonicMs, OrderBody, RegisterValue } from '../model/index.js'
import type { Bus, ExchangeTime, ReadOutcome, Runner } from '../ports/index.js'
import { ClockTeller } from './clock-teller.js'
import { callRegisters } from './live-call.js'
import { protocolsOn } from './meter-clocks.js'
import { orderJobMs, type Reachable, type RelaySite } from './order-relay.js'

/** Characters of one register's values in an outcome; longer text is cut. */
export const evidenceCharsMax = 400
const clockReadRepeats = 2
/** A clock that was set stands within this afterwards. */
const setClockToleranceMs = 10_000

type Evidence = JournalledOrder['evidence']

/** How an order that is no relay order ended. */
export interface TaskEnd {
  readonly stage: 'done' | 'refused' | 'expired' | 'failed'
  readonly evidence: Evidence
}

export interface TaskSite extends RelaySite {
  readonly protocols: Parameters<typeof callRegisters>[1]['protocols']
  readonly runners: () => ReadonlyMap<LinkId, Runner>
  readonly buses: () => ReadonlyMap<LinkId, Bus>
  readonly clocks: {
    readonly of: (meter: MeterId) => MeterClock
    readonly noteSet: (meter: MeterId) => void
  }
  /** Believes a signed time; gives what it changed. */
  readonly setTime: (at: number) => Evidence
  /** Sends a range of a stream again. */
  readonly replay: (body: Extract<OrderBody, { kind: 'replay' }>) => Promise<Evidence>
}

/** Carries out an order that is no relay order. @returns null when the order is none of these: the store ended it itself */
export async function carryOutTask(order: JournalledOrder, isResumed: boolean, site: TaskSite): Promise<TaskEnd | null> {
  const { body, expiry } = order.order
  if (order.stage === 'journalled' && site.clock.wall().at >= expiry) return { stage: 'expired', evidence: {} }
  switch (body.kind) {
    case 'read-now':
      return readNow(body, site)
    case 'set-clock':
      return body.meter === 'all' ? setAllClocks(order, site) : setClock(order, body.meter, site)
    case 'set-time':
      // The instant was true when it was sent; after a restart it is past.
      return isResumed ? { stage: 'expired', evidence: {} } : { stage: 'done', evidence: site.setTime(body.at) }
    case 'replay':
      return { stage: 'done', evidence: await site.replay(body) }
    case 'open-account':
    case 'close-account':
    case 'credit':
    case 'adjust':
    case 'agree':
    case 'disconnect':
    case 'permit-to-close':
    case 'protect':
    case 'alarm':
    case 'replace-meter':
    case 'set-parameters':
      return null
  }
}

async function readNow(body: Extract<OrderBody, { kind: 'read-now' }>, site: TaskSite): Promise<TaskEnd> {
  const timeoutMs = orderJobMs(site.reach(body.meter)?.bus, 2)
  const call = { meter: body.meter, registers: body.registers, timeoutMs }
  const { protocols, clock } = site
  const result = await callRegisters(call, { parameters: site.parameters(), protocols, runners: site.runners(), clock })
  if (!result.ok) return { stage: 'failed', evidence: { code: result.error.code, message: result.error.message } }
  const evidence = Object.fromEntries(result.value.map((outcome) => [outcome.register, outcomeText(outcome)]))
  return { stage: result.value.some((outcome) => outcome.ok) ? 'done' : 'failed', evidence }
}

function outcomeText(outcome: ReadOutcome): string {
  const text = outcome.ok ? outcome.values.map(valueText).join(', ') : `error ${outcome.error.code}: ${outcome.error.message}`
  return text.slice(0, evidenceCharsMax)
}

function valueText(value: RegisterValue): string {
  switch (value.kind) {
    case 'number':
      return value.int === null ? 'not available' : `${formatDecimal(value.int, value.exponent)} ${value.unit}`.trim()
    case 'text':
      return value.text ?? 'not available'
    case 'bits':
      return `${value.hex} ${value.names.join(' ')}`.trim()
  }
}

/** Within the field's rules only; a set that may have left is judged by the clock, not sent again. */
async function setClock(order: JournalledOrder, meter: MeterId, site: TaskSite): Promise<TaskEnd> {
  const target = site.reach(meter)
  const protocol = target?.protocol.clock
  if (target === null || protocol === undefined) return { stage: 'refused', evidence: { reason: 'no-clock' } }
  const before = await seeClock(target, site)
  if (typeof before === 'string') return { stage: 'failed', evidence: { reason: before } }
  const { driftMs } = before
  if (order.stage !== 'journalled') return judgeSet(driftMs, { driftMs, note: 'judged after a restart' })
  const now = site.clock.wall()
  const offset = site.parameters().utcOffsetMinutes
  const known: MeterClock = { ...site.clocks.of(meter), driftMs, reported: true }
  const refusal = clockSetRefusal(known, now, offset, defaultClockRules)
  if (refusal !== null) return { stage: 'refused', evidence: { reason: refusal, driftMs } }
  await site.store.run('order-sending', { id: order.id, stamp: site.stamps.now() })
  const session = tellerOf(site).toOne(protocol, target.meter, before.delayMs)
  const job = { meter: target.meter.address, session, priority: 'live-call', expiresAt: until(target.bus, site) } as const
  const sent = await target.runner.run(job)
  if (sent.kind !== 'settled' || sent.outcome !== 'sent') return { stage: 'failed', evidence: { reason: 'not-sent', driftMs } }
  site.clocks.noteSet(meter)
  const after = await seeClock(target, site)
  if (typeof after === 'string') return { stage: 'failed', evidence: { reason: `sent, not verified: ${after}`, driftMs } }
  return judgeSet(after.driftMs, { driftMs, driftAfterMs: after.driftMs })
}

function judgeSet(driftMs: number, evidence: Evidence): TaskEnd {
  const isSet = Math.abs(driftMs) <= setClockToleranceMs
  return isSet ? { stage: 'done', evidence } : { stage: 'failed', evidence: { ...evidence, reason: 'the meter did not take it' } }
}

interface SeenClock {
  /** The meter's clock less ours at the time it was read. */
  readonly driftMs: number
  /** Half of the exchange. */
  readonly delayMs: number
}

/** A meter's clock, by a read; or why it could not be read. */
async function seeClock({ meter, protocol, runner, bus }: Reachable, site: TaskSite): Promise<SeenClock | string> {
  const session = protocol.clock?.read(meter.address, clockReadRepeats)
  if (session === undefined) return 'no-clock'
  let tookMs = 0
  const onExchange = (spent: ExchangeTime): void => void (tookMs = spent.tookMs)
  const expiresAt = until(bus, site, 1 + clockReadRepeats)
  const result = await runner.run({ meter: meter.address, session, priority: 'live-call', expiresAt, onExchange })
  if (result.kind !== 'settled') return result.kind
  if (!result.outcome.ok) return result.outcome.error.code
  const delayMs = Math.round(tookMs / 2)
  const at = site.clock.wall().at - delayMs
  return { driftMs: fromLocal(result.outcome.value, site.parameters().utcOffsetMinutes) - at, delayMs }
}

/** One broadcast on each link: nobody answers, so the clocks are judged by the next clock task. */
async function setAllClocks(order: JournalledOrder, site: TaskSite): Promise<TaskEnd> {
  if (order.stage !== 'journalled')
    return { stage: 'failed', evidence: { reason: 'interrupted by a restart; some links may have been sent it' } }
  const offset = site.parameters().utcOffsetMinutes
  const refusal = broadcastRefusal(site.clock.wall(), offset, defaultClockRules)
  if (refusal !== null) return { stage: 'refused', evidence: { reason: refusal } }
  await site.store.run('order-sending', { id: order.id, stamp: site.stamps.now() })
  const sent = await Promise.all([...site.runners().values()].map((runner) => broadcastClock(runner, site)))
  const links = sent.filter((isSent) => isSent).length
  return { stage: links > 0 ? 'done' : 'failed', evidence: { links, notSent: sent.length - links } }
}

async function broadcastClock(runner: Runner, site: TaskSite): Promise<boolean> {
  const teller = tellerOf(site)
  const bus = site.buses().get(runner.link)
  let isSent = false
  for (const { protocol, meters } of protocolsOn(runner.link, site.parameters().meters)) {
    const care = site.protocols.get(protocol)?.clock
    if (care === undefined) continue
    const how = { priority: 'live-call', expiresAt: until(bus, site) } as const
    isSent = (await teller.toAll(runner, { care, meters }, how)) || isSent
  }
  return isSent
}

function tellerOf(site: TaskSite): ClockTeller {
  const { of: clockOf, noteSet } = site.clocks
  return new ClockTeller({ ...site, rules: defaultClockRules, clockOf, noteSet })
}

/** When a job is given up: what its bus has in flight may take its time. */
function until(bus: Bus | undefined, { clock }: TaskSite, exchanges = 1): MonotonicMs {
  return monotonicMs(clock.monotonic() + orderJobMs(bus, exchanges))
}
