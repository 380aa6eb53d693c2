import { FaultError, epochMs } from '../model/index.js'
import type { Stamp } from '../model/index.js'
import type { Effects } from '../ports/index.js'
import { Engine } from './engine.js'
import { EventLimit } from './event-limit.js'
import type { Facts } from './facts.js'
import { Journal } from './journal.js'
import { lastInstant } from './last-instant.js'
import { LedgerTable } from './ledger-table.js'
import type { Ledgers } from './ledgers.js'
import type { OpenedStore } from './open-store.js'
import { ParameterSets } from './parameter-sets.js'
import { Round } from './round.js'

/** A command about accounts or orders came before `configure`. */
export class NotConfiguredError extends FaultError {
  constructor() {
    super('store-not-configured', 'the store was given no parameters yet')
  }
}

/** What the commands of one store work with. */
export class Desk {
  readonly opened: OpenedStore
  readonly engine: Engine
  readonly journal: Journal
  readonly table: LedgerTable
  readonly parameterSets: ParameterSets
  readonly limit = new EventLimit()
  /** Null before the first `configure`. */
  ledgers: Ledgers | null = null
  /** Accounts that nothing is left of but a name. */
  unreadable = 0
  /** The latest persisted instant under a trusted clock; null: none. */
  lastInstant: number | null
  /** Of the latest command that had one: the time of work that nobody stamped. */
  lastStamp: Stamp = { receivedAt: epochMs(0), clockTrusted: false, boot: '', monotonicMs: 0 }

  constructor(opened: OpenedStore) {
    this.opened = opened
    this.engine = new Engine(opened.sql, opened.path, opened.limits)
    this.journal = new Journal(opened.sql)
    this.table = new LedgerTable(opened.sql)
    this.parameterSets = new ParameterSets(opened.sql)
    this.lastInstant = lastInstant(this.engine)
  }

  /** @throws NotConfiguredError */
  inForce(): Ledgers {
    if (this.ledgers === null) throw new NotConfiguredError()
    return this.ledgers
  }

  round(stamp: Stamp): Round {
    return new Round(this.inForce(), this.journal, stamp)
  }

  /** Decides, commits if there is anything to, and puts in force what was decided. */
  rounds(stamp: Stamp, act: (round: Round) => void): Effects {
    const round = this.round(stamp)
    act(round)
    if (!round.facts.isEmpty) this.commit(round.facts)
    return round.settle()
  }

  commit(facts: Facts): void {
    this.engine.commit(facts)
    if (facts.stamp.clockTrusted) this.lastInstant = Math.max(this.lastInstant ?? 0, facts.stamp.receivedAt)
  }

  /** Whether every account's chain and balance hold and its master has no doubt open. */
  isMoneySafe(): boolean {
    const states = this.ledgers?.all() ?? []
    return this.ledgers !== null && this.unreadable === 0 && states.every(({ account }) => account.verified)
  }
}

export const noEffects: Effects = { orders: [], watch: [] }
