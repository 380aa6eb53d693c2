import { epochMs } from '../model/index.js'
import type { AccountId, AuthorisedOrder, JournalledOrder, MeterId, OrderBody, RelayCommand, Stamp } from '../model/index.js'
import type { Effects, WatchHint } from '../ports/index.js'
import { decide } from '../prepaid/index.js'
import type { Accepted, AccountFact, Decision, LedgerState } from '../prepaid/index.js'
import { Facts } from './facts.js'
import type { JournalRow } from './facts.js'
import type { Journal } from './journal.js'
import type { Ledgers } from './ledgers.js'
import { meterOf } from './records.js'

/**
 * One command's decisions, folded one by one: each sees what the one before left, and nothing of it is in force before `facts`
 * have been committed.
 */
export class Round {
  readonly facts: Facts
  readonly #ledgers: Ledgers
  readonly #journal: Journal
  readonly #states = new Map<AccountId, LedgerState>()
  readonly #watch = new Map<MeterId, WatchHint>()
  readonly #ruled: number[] = []

  constructor(ledgers: Ledgers, journal: Journal, stamp: Stamp) {
    this.facts = new Facts(stamp)
    this.#ledgers = ledgers
    this.#journal = journal
  }

  state(id: AccountId): LedgerState | null {
    return this.#states.get(id) ?? this.#ledgers.get(id)
  }

  ofMeter(meter: MeterId): LedgerState | null {
    const found = this.#ledgers.ofMeter(meter)
    return found === null ? null : this.state(found.account.id)
  }

  /** Whether an order to trip a meter's relay has left, or may have, and its end is not known yet: whoever gave it. */
  tripUnderWay(meter: MeterId): boolean {
    return this.#journal.open().some(({ order: { stage, order } }) => {
      const mayHaveLeft = stage === 'sending' || stage === 'unknown'
      return mayHaveLeft && commandOf(order.body) === 'trip' && meterOf(order.body) === meter
    })
  }

  /** Lets the rules decide about one account and keeps what they accepted. */
  decide(state: LedgerState, fact: AccountFact): Decision {
    const decision = decide(state, fact, this.#ledgers.contextOf(state.account.meter, this.facts.stamp))
    if (decision.accepted) this.accept(decision)
    else this.facts.events.push(...decision.events)
    return decision
  }

  accept(decision: Accepted): void {
    const { account } = decision.ledger
    this.#states.set(account.id, decision.ledger)
    if (decision.watch !== null) this.#watch.set(decision.watch.meter, decision.watch)
    if (!decision.durable) return
    this.facts.accounts.set(account.id, account)
    this.facts.entries.push(...decision.entries)
    this.facts.statements.push(...decision.statements)
    this.facts.events.push(...decision.events)
    for (const command of decision.wanted) this.#want(account.id, account.meter, command)
    for (const command of decision.withdrawn) this.#withdraw(account.id, command)
  }

  /** Journals a row; a stage that master and console should hear of becomes a result as well. */
  journal(row: JournalRow, options: { readonly tell: boolean } = { tell: true }): void {
    this.facts.orders.set(row.order.id, row)
    if (options.tell) this.facts.results.push(row)
    if (row.order.stage === 'sending') this.#supersede(row.order)
  }

  /** The row as this round left it. */
  row(id: number): JournalRow | null {
    return this.facts.orders.get(id) ?? this.#journal.find(id)
  }

  get nextOrderId(): number {
    return Math.max(this.#journal.nextId, ...[...this.facts.orders.keys()].map((id) => id + 1))
  }

  /** Puts in force what was decided; to be called after the commit, or at once when there is nothing to commit. */
  settle(): Effects {
    this.#ledgers.replace(this.#states.values())
    this.#journal.committed(this.facts.orders.values(), this.facts.counters)
    return this.effects()
  }

  /** Puts only the accounts' states in force: what the rules wanted could not be journalled and is wanted again later. */
  settleStates(): Effects {
    this.#ledgers.replace(this.#states.values())
    return { orders: [], watch: [...this.#watch.values()] }
  }

  effects(): Effects {
    const orders = this.#ruled.flatMap((id) => {
      const row = this.facts.orders.get(id)
      return row?.order.stage === 'journalled' ? [row.order] : []
    })
    return { orders, watch: [...this.#watch.values()] }
  }

  #want(account: AccountId, meter: MeterId, command: RelayCommand): void {
    const origin = originKeyOfRule(account)
    const number = (this.facts.counters.get(origin) ?? this.#journal.lastNumber(origin)) + 1
    this.facts.counters.set(origin, number)
    const id = this.nextOrderId
    const order: AuthorisedOrder = {
      origin: { by: 'rule', account, number },
      role: 'master',
      body: bodyOf(command, meter),
      notBefore: this.facts.stamp.receivedAt,
      expiry: epochMs(this.facts.stamp.receivedAt + this.#ledgers.parameters.rules.relayExpiryMs),
    }
    this.journal({ order: { id, order, stage: 'journalled', attempts: 0, evidence: {} }, account, envelope: '' }, { tell: false })
    this.#ruled.push(id)
  }

  /**
   * An order leaves: what left before it to the same relay and is not proven must never be sent again, it would undo the later
   * word. It is stopped before its next attempt.
   */
  #supersede(by: JournalledOrder): void {
    const relay = relayOf(by.order.body)
    if (relay === null) return
    for (const row of this.#journal.open()) {
      const { order } = row
      if (order.id === by.id || order.stage === 'journalled' || relayOf(order.order.body) !== relay) continue
      const evidence = { ...order.evidence, withdrawn: true, supersededBy: by.id }
      this.facts.orders.set(order.id, { ...row, order: { ...order, evidence } })
    }
  }

  /** Takes back a rule's order: one not yet begun ends here, one further on is stopped before its next attempt. */
  #withdraw(account: AccountId, command: RelayCommand): void {
    const inRound = [...this.facts.orders.values()].filter((row) => row.account === account)
    const before = this.#journal.openOf(account).filter((row) => !this.facts.orders.has(row.order.id))
    for (const row of [...before, ...inRound]) {
      const { order } = row
      const isOurs = order.order.origin.by === 'rule' && commandOf(order.order.body) === command
      if (!isOurs || order.evidence['withdrawn'] === true) continue
      if (order.stage !== 'journalled' && order.stage !== 'sending' && order.stage !== 'unknown') continue
      const evidence = { ...order.evidence, withdrawn: true }
      const stage = order.stage === 'journalled' ? 'expired' : order.stage
      this.journal({ ...row, order: { ...order, stage, evidence } }, { tell: stage === 'expired' })
      if (stage === 'expired') this.#tellExpired(account, command)
    }
  }

  /** The account waits for the end of its orders, also of one that never began. */
  #tellExpired(account: AccountId, command: RelayCommand): void {
    const state = this.state(account)
    const fact = {
      kind: 'order-finished',
      command,
      byRule: true,
      stage: 'expired',
      relay: null,
      needsSecurityChip: false,
    } as const
    if (state !== null) this.decide(state, fact)
  }
}

/** Rules number their orders for each account. */
export function originKeyOfRule(account: AccountId): string {
  return `rule:${account}`
}

/** What an order acts on: one of a meter's three switches. Null: something else. */
function relayOf(body: OrderBody): string | null {
  switch (commandOf(body)) {
    case 'trip':
    case 'permit-to-close':
      return `supply ${meterOf(body)}`
    case 'alarm-on':
    case 'alarm-off':
      return `alarm ${meterOf(body)}`
    case 'protect-on':
    case 'protect-off':
      return `protection ${meterOf(body)}`
    case null:
      return null
  }
}

/** What an order tells a relay; null: it is about something else. */
export function commandOf(body: OrderBody): RelayCommand | null {
  switch (body.kind) {
    case 'disconnect':
      return 'trip'
    case 'permit-to-close':
      return 'permit-to-close'
    case 'alarm':
      return body.on ? 'alarm-on' : 'alarm-off'
    case 'protect':
      return body.on ? 'protect-on' : 'protect-off'
    case 'open-account':
    case 'close-account':
    case 'credit':
    case 'adjust':
    case 'agree':
    case 'read-now':
    case 'set-clock':
    case 'set-time':
    case 'replace-meter':
    case 'set-parameters':
    case 'replay':
      return null
  }
}

function bodyOf(command: RelayCommand, meter: MeterId): OrderBody {
  switch (command) {
    case 'trip':
      return { kind: 'disconnect', meter }
    case 'permit-to-close':
      return { kind: 'permit-to-close', meter }
    case 'alarm-on':
    case 'alarm-off':
      return { kind: 'alarm', meter, on: command === 'alarm-on' }
    case 'protect-on':
    case 'protect-off':
      return { kind: 'protect', meter, on: command === 'protect-on', until: null }
  }
}
