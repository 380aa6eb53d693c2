import { micro } from '../model/index.js'
import type { AccountId, JournalledOrder, OrderBody, OrderStage, ParameterName } from '../model/index.js'
import type { Effects, OrderRefusal, StoreCommands } from '../ports/index.js'
import { genesisHash, openAccount, orderEntryKey } from '../prepaid/index.js'
import type { Decision } from '../prepaid/index.js'
import type { EventLimit } from './event-limit.js'
import type { JournalRow } from './facts.js'
import { originKey } from './facts.js'
import type { Journal } from './journal.js'
import type { LedgerTable } from './ledger-table.js'
import type { Ledgers } from './ledgers.js'
import type { ParameterSets } from './parameter-sets.js'
import { meterOf } from './records.js'
import type { Round } from './round.js'
import { commandOf } from './round.js'

type JournalInput = StoreCommands['journal-order']['in']
type JournalOutput = StoreCommands['journal-order']['out']
type Evidence = JournalledOrder['evidence']

export interface OrderParts {
  readonly journal: Journal
  readonly ledgers: Ledgers
  readonly table: LedgerTable
  readonly parameters: ParameterSets
  readonly limit: EventLimit
}

/** What an order came to in the transaction that journals it. */
type Verdict =
  | {
      readonly ok: true
      readonly stage: 'done' | 'journalled'
      readonly evidence: Evidence
      readonly sets: readonly ParameterName[]
    }
  | { readonly ok: false; readonly code: OrderRefusal; readonly message: string }

/**
 * Journals an order in `round`. A refused one is journalled too, as refused: its number is used up and the master finds the
 * reason in the `result` stream.
 *
 * @returns what to answer once the round is committed; `commit: false`: nothing was written
 */
export function journalOrder(
  parts: OrderParts,
  round: Round,
  input: JournalInput,
): { readonly commit: boolean; readonly answer: (effects: Effects) => JournalOutput } {
  const { order } = input
  const origin = originKey({ id: 0, order, stage: 'journalled', attempts: 0, evidence: {} })
  const last = parts.journal.lastNumber(origin)
  if (order.origin.number <= last) {
    const same = parts.journal.findNumber(origin, order.origin.number)?.envelope === input.envelope
    const message = `number ${order.origin.number} is not above the last journalled one, ${last}${same ? '; this very order is journalled' : ''}`
    parts.limit.add(round.facts, refusedEvent('replayed', message, origin))
    return { commit: !round.facts.isEmpty, answer: () => ({ accepted: false, code: 'replayed', message }) }
  }
  const id = round.nextOrderId
  const account = accountOf(round, order.body)
  const draft: JournalRow = {
    order: { id, order, stage: 'journalled', attempts: 0, evidence: {} },
    account,
    envelope: input.envelope,
  }
  round.journal(draft, { tell: false })
  round.facts.counters.set(origin, order.origin.number)
  const verdict = judge(parts, round, order.body)
  const stage: OrderStage = verdict.ok ? verdict.stage : 'refused'
  const evidence: Evidence = verdict.ok ? verdict.evidence : { code: verdict.code, message: verdict.message }
  const row: JournalRow = { ...draft, order: { ...draft.order, stage, evidence } }
  round.journal(row)
  if (!verdict.ok) {
    parts.limit.add(round.facts, refusedEvent(verdict.code, verdict.message, origin, account))
    return { commit: true, answer: () => ({ accepted: false, code: verdict.code, message: verdict.message }) }
  }
  return { commit: true, answer: (effects) => ({ accepted: true, order: row.order, effects, parameters: verdict.sets }) }
}

export function refusedEvent(code: OrderRefusal, message: string, origin: string, account?: AccountId | null) {
  return {
    code: 'order.refused',
    severity: 'warning' as const,
    ...(account === undefined || account === null ? {} : { account }),
    detail: { reason: code, message, origin },
  }
}

function accountOf(round: Round, body: OrderBody): AccountId | null {
  if ('account' in body) return body.account
  const meter = meterOf(body)
  return meter === null ? null : (round.ofMeter(meter)?.account.id ?? null)
}

function judge(parts: OrderParts, round: Round, body: OrderBody): Verdict {
  switch (body.kind) {
    case 'open-account':
      return open(parts, round, body)
    case 'close-account':
      return ruled(round, body.account, (state) => round.decide(state, { kind: 'close' }))
    case 'credit':
    case 'adjust':
      return post(parts, round, body)
    case 'agree':
      return ruled(round, body.account, (state) => {
        const ownHash = body.entry === 0 ? genesisHash : parts.table.hashOf(body.account, body.entry)
        return round.decide(state, { kind: 'agree', entry: body.entry, chainHash: body.chainHash, ownHash })
      })
    case 'replace-meter':
      return replaceMeter(parts, round, body)
    case 'set-parameters':
      return setParameters(parts, round, body)
    case 'disconnect':
    case 'permit-to-close':
    case 'alarm':
    case 'protect':
    case 'read-now':
      return forMeter(parts, round, body)
    case 'set-clock':
      return body.meter === 'all' || parts.ledgers.meter(body.meter) !== null ? carriedOut : unknownMeter(body.meter)
    case 'set-time':
    case 'replay':
      return carriedOut
  }
}

/** Accepted; the executor does it and reports. */
const carriedOut: Verdict = { ok: true, stage: 'journalled', evidence: {}, sets: [] }

function refuse(code: OrderRefusal, message: string): Verdict {
  return { ok: false, code, message }
}

function unknownMeter(meter: string): Verdict {
  return refuse('unknown-target', `the archive has no meter ${meter}`)
}

function settled(round: Round, account: AccountId, decision: Decision): Verdict {
  if (!decision.accepted) return refuse(decision.code, decision.message)
  const after = round.state(account)?.account
  const evidence: Evidence = {
    entry: after?.entryCount ?? 0,
    chainHash: after?.chainHash ?? genesisHash,
    ...(decision.repeated ? { repeated: true } : {}),
  }
  return { ok: true, stage: 'done', evidence, sets: [] }
}

type State = NonNullable<ReturnType<Round['state']>>

function ruled(round: Round, account: AccountId, act: (state: State) => Decision): Verdict {
  const state = round.state(account)
  if (state === null) return refuse('unknown-target', `there is no account ${account}`)
  return settled(round, account, act(state))
}

function open(parts: OrderParts, round: Round, body: Extract<OrderBody, { kind: 'open-account' }>): Verdict {
  if (parts.table.lastEntry(body.account) !== null && round.state(body.account) === null) {
    return refuse('conflict', `account ${body.account} has a ledger, but its row is unreadable`)
  }
  if (round.state(body.account) !== null) return refuse('conflict', `account ${body.account} exists already`)
  if (parts.ledgers.meter(body.meter) === null) return unknownMeter(body.meter)
  const taken = round.ofMeter(body.meter)
  if (taken !== null) return refuse('conflict', `meter ${body.meter} has account ${taken.account.id}`)
  const reading = parts.ledgers.lastReading(body.meter)
  const { account, meter, unit, tariff, limits, opening } = body
  const context = parts.ledgers.contextOf(body.meter, round.facts.stamp)
  const decision = openAccount({ account, meter, unit, tariff, limits, opening, reading }, context)
  if (decision.accepted) round.accept(decision)
  else round.facts.events.push(...decision.events)
  return settled(round, account, decision)
}

function post(parts: OrderParts, round: Round, body: Extract<OrderBody, { kind: 'credit' | 'adjust' }>): Verdict {
  return ruled(round, body.account, (state) => {
    const key = orderEntryKey(body.idempotencyKey)
    const posted = parts.table.byKey(key)
    const amount = micro(body.amount)
    if (body.kind === 'credit') return round.decide(state, { kind: 'credit', amount, purchase: body.purchase, key, posted })
    const { reason, resumePricing } = body
    return round.decide(state, { kind: 'adjust', amount, reason, resumePricing, key, posted })
  })
}

function replaceMeter(parts: OrderParts, round: Round, body: Extract<OrderBody, { kind: 'replace-meter' }>): Verdict {
  if (parts.ledgers.meter(body.meter) === null) return unknownMeter(body.meter)
  const { finalEnergy, initialEnergy, at, witness, newAddress } = body
  const state = round.ofMeter(body.meter)
  const account = state?.account.id
  if (state !== null && account !== undefined) {
    const fact = { kind: 'replace-meter' as const, finalEnergy, initialEnergy, at, witness, newAddress }
    const verdict = settled(round, account, round.decide(state, fact))
    if (!verdict.ok) return verdict
  }
  round.facts.addresses.set(body.meter, newAddress)
  return { ok: true, stage: 'done', evidence: { newAddress }, sets: [] }
}

function setParameters(parts: OrderParts, round: Round, body: Extract<OrderBody, { kind: 'set-parameters' }>): Verdict {
  const inForce = parts.parameters.versionOf(body.name)
  if (body.version <= inForce)
    return refuse('conflict', `version ${inForce} of ${body.name} is in force, ${body.version} is not above it`)
  round.facts.parameterSets.push({ name: body.name, version: body.version, body: body.body })
  return { ok: true, stage: 'done', evidence: { version: body.version }, sets: [body.name] }
}

function forMeter(
  parts: OrderParts,
  round: Round,
  body: Extract<OrderBody, { kind: 'disconnect' | 'permit-to-close' | 'alarm' | 'protect' | 'read-now' }>,
): Verdict {
  const known = parts.ledgers.meter(body.meter)
  if (known === null) return unknownMeter(body.meter)
  if (commandOf(body) !== null && !known.profile.relay) return refuse('invalid', `meter ${body.meter} has no relay`)
  const state = round.ofMeter(body.meter)
  if (state === null) return carriedOut
  if (body.kind === 'disconnect' && state.account.protected) {
    return refuse('conflict', `supply of ${body.meter} is protected: nothing may cut it`)
  }
  if (body.kind !== 'protect') return carriedOut
  const decision = round.decide(state, { kind: 'protect', on: body.on, until: body.until })
  return decision.accepted ? carriedOut : refuse(decision.code, decision.message)
}
