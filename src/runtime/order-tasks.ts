import { broadcastRefusal, clockSetRefusal, defaultClockRules, type MeterClock } from '../collection/index.js'
import { formatDecimal, fromLocal, monotonicMs, toLocal } from '../model/index.js'
import type { JournalledOrder, LinkId, MeterId, OrderBody, RegisterValue } from '../model/index.js'
import type { ReadOutcome, Runner } from '../ports/index.js'
import { callRegisters } from './live-call.js'
import type { Reachable, RelaySite } from './order-relay.js'

/** Characters of one register's values in an outcome; longer text is cut. */
export const evidenceCharsMax = 400
const clockJobMsMax = 20_000
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
  const call = { meter: body.meter, registers: body.registers }
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
  const before = await driftOf(target, site)
  if (typeof before === 'string') return { stage: 'failed', evidence: { reason: before } }
  if (order.stage !== 'journalled') return judgeSet(before, { driftMs: before, note: 'judged after a restart' })
  const now = site.clock.wall()
  const offset = site.parameters().utcOffsetMinutes
  const known: MeterClock = { ...site.clocks.of(meter), driftMs: before, reported: true }
  const refusal = clockSetRefusal(known, now, offset, defaultClockRules)
  if (refusal !== null) return { stage: 'refused', evidence: { reason: refusal, driftMs: before } }
  await site.store.run('order-sending', { id: order.id, stamp: site.stamps.now() })
  const session = protocol.broadcast(toLocal(site.clock.wall().at, offset), target.meter.address)
  const expiresAt = monotonicMs(site.clock.monotonic() + clockJobMsMax)
  const sent = await target.runner.run({ meter: target.meter.address, session, priority: 'live-call', expiresAt })
  if (sent.kind !== 'settled' || sent.outcome !== 'sent')
    return { stage: 'failed', evidence: { reason: 'not-sent', driftMs: before } }
  site.clocks.noteSet(meter)
  const after = await driftOf(target, site)
  if (typeof after === 'string') return { stage: 'failed', evidence: { reason: `sent, not verified: ${after}`, driftMs: before } }
  return judgeSet(after, { driftMs: before, driftAfterMs: after })
}

function judgeSet(driftMs: number, evidence: Evidence): TaskEnd {
  const isSet = Math.abs(driftMs) <= setClockToleranceMs
  return isSet ? { stage: 'done', evidence } : { stage: 'failed', evidence: { ...evidence, reason: 'the meter did not take it' } }
}

/** The meter's clock less ours, by a read; or why it could not be read. */
async function driftOf(target: Reachable, site: TaskSite): Promise<number | string> {
  const session = target.protocol.clock?.read(target.meter.address, 2)
  if (session === undefined) return 'no-clock'
  const expiresAt = monotonicMs(site.clock.monotonic() + clockJobMsMax)
  const result = await target.runner.run({ meter: target.meter.address, session, priority: 'live-call', expiresAt })
  if (result.kind !== 'settled') return result.kind
  if (!result.outcome.ok) return result.outcome.error.code
  return fromLocal(result.outcome.value, site.parameters().utcOffsetMinutes) - site.clock.wall().at
}

/** One broadcast on each link: nobody answers, so the clocks are judged by the next clock task. */
async function setAllClocks(order: JournalledOrder, site: TaskSite): Promise<TaskEnd> {
  if (order.stage !== 'journalled')
    return { stage: 'failed', evidence: { reason: 'interrupted by a restart; some links may have been sent it' } }
  const offset = site.parameters().utcOffsetMinutes
  const refusal = broadcastRefusal(site.clock.wall(), offset, defaultClockRules)
  if (refusal !== null) return { stage: 'refused', evidence: { reason: refusal } }
  await site.store.run('order-sending', { id: order.id, stamp: site.stamps.now() })
  const sent = await Promise.all([...site.runners()].map(([link, runner]) => broadcastClock(link, runner, site)))
  const links = sent.filter((isSent) => isSent).length
  return { stage: links > 0 ? 'done' : 'failed', evidence: { links, notSent: sent.length - links } }
}

async function broadcastClock(link: LinkId, runner: Runner, site: TaskSite): Promise<boolean> {
  const { meters, utcOffsetMinutes } = site.parameters()
  const names = new Set(meters.filter((meter) => meter.link === link).map((meter) => meter.protocol))
  let isSent = false
  for (const name of names) {
    const session = site.protocols.get(name)?.clock?.broadcast(toLocal(site.clock.wall().at, utcOffsetMinutes), 'all')
    if (session === undefined) continue
    const expiresAt = monotonicMs(site.clock.monotonic() + clockJobMsMax)
    const result = await runner.run({ meter: 'all', session, priority: 'live-call', expiresAt })
    isSent = isSent || (result.kind === 'settled' && result.outcome === 'sent')
  }
  return isSent
}
