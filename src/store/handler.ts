import { FaultError, epochMs } from '../model/index.js'
import type { AccountId, MasterId, Stamp } from '../model/index.js'
import type { Effects, StoreCommandName, StoreCommands, StoreHealth } from '../ports/index.js'
import { billingReading, viewAccount } from '../prepaid/index.js'
import { loadAccounts, proveChain } from './account-check.js'
import { markSetting } from './chain-marks.js'
import { DiskFullError, Engine } from './engine.js'
import type { Ends } from './engine.js'
import { epochOf, openEpoch } from './epoch.js'
import { EventLimit } from './event-limit.js'
import { readTombstones } from './eviction.js'
import { Facts } from './facts.js'
import { Journal, isOpenStage } from './journal.js'
import { lastInstant } from './last-instant.js'
import { LedgerTable } from './ledger-table.js'
import { Ledgers } from './ledgers.js'
import { schemaVersionOf, synchronousOf } from './open.js'
import type { OpenedStore } from './open-store.js'
import { journalOrder, refusedEvent } from './orders.js'
import { ParameterSets } from './parameter-sets.js'
import { closedSlots, events, eventsOfAccount, gaps, pointsOf } from './queries.js'
import { stampBody } from './records.js'
import { Round, commandOf } from './round.js'
import { sqliteCode } from './sql.js'
import { readStream } from './stream-reader.js'

type In<K extends StoreCommandName> = StoreCommands[K]['in']
type Out<K extends StoreCommandName> = StoreCommands[K]['out']
type Handlers = { readonly [K in StoreCommandName]: (input: In<K>) => Out<K> }

const noEffects: Effects = { orders: [], watch: [] }
const nothing: Record<never, never> = {}

/** A command about accounts or orders came before `configure`. */
class NotConfiguredError extends FaultError {
  constructor() {
    super('store-not-configured', 'the store was given no parameters yet')
  }
}

/**
 * Carries out store commands, one at a time and to the end: load, decide, commit. The same object serves the worker thread and the
 * in-process adapter, so a simulation sees exactly what the box does. It reads no clock: the time is in each command's stamp.
 */
export class StoreHandler {
  readonly #opened: OpenedStore
  readonly #engine: Engine
  readonly #journal: Journal
  readonly #table: LedgerTable
  readonly #parameterSets: ParameterSets
  readonly #limit = new EventLimit()
  #ledgers: Ledgers | null = null
  #unreadable = 0
  #lastInstant: number | null
  /** Of the latest command that had one: the time of work that nobody stamped. */
  #lastStamp: Stamp = { receivedAt: epochMs(0), clockTrusted: false, boot: '', monotonicMs: 0 }
  #failed: Error | null = null

  constructor(opened: OpenedStore) {
    this.#opened = opened
    this.#engine = new Engine(opened.sql, opened.path, opened.limits)
    this.#journal = new Journal(opened.sql)
    this.#table = new LedgerTable(opened.sql)
    this.#parameterSets = new ParameterSets(opened.sql)
    this.#lastInstant = lastInstant(this.#engine)
  }

  /** Tells the new end of each stream that a commit appended to. */
  onAppended(handler: (ends: Ends) => void): void {
    this.#engine.onAppended(handler)
  }

  /**
   * @throws DiskFullError when a command that is not a reading found no room; the store goes on
   * @throws FaultError for anything that ends the store's usefulness; every later command fails with it too
   */
  run<K extends StoreCommandName>(name: K, input: In<K>): Out<K> {
    if (this.#failed !== null) throw this.#failed
    try {
      return this.#handlers[name](this.#stamped(input))
    } catch (error) {
      if (error instanceof DiskFullError || error instanceof NotConfiguredError) throw error
      const fatal = sqliteCode(error) !== null ? new FaultError('store-damaged', String(error), { cause: error }) : error
      if (fatal instanceof FaultError) this.#failed = fatal
      throw fatal
    }
  }

  /** The error after which every command fails; null: none. */
  get failed(): Error | null {
    return this.#failed
  }

  /** Commits what is open and closes the file. */
  close(): void {
    try {
      if (this.#failed === null) this.#engine.commit(new Facts(this.#lastStamp), { withMarks: true })
    } catch (error) {
      // What a full disk takes from the open group is read from the meters again.
      if (!(error instanceof DiskFullError)) throw error
    } finally {
      this.#opened.sql.close()
    }
  }

  readonly #handlers: Handlers = {
    configure: (input) => this.#configure(input),
    'apply-points': (input) => this.#applyPoints(input),
    flush: () => {
      this.#engine.commit(new Facts(this.#lastStamp))
      return nothing
    },
    'evaluate-accounts': ({ stamp }) => ({
      effects: this.#rounds(stamp, (round) => {
        for (const state of this.#inForce().all()) round.decide(state, { kind: 'time-passed' })
      }),
    }),
    'journal-order': (input) => this.#journalOrder(input),
    'refuse-order': ({ code, message, origin, stamp }) => {
      const facts = new Facts(stamp)
      this.#limit.add(facts, refusedEvent(code, message, origin))
      this.#commit(facts)
      return nothing
    },
    'order-sending': (input) => this.#orderSending(input),
    'order-outcome': (input) => this.#orderOutcome(input),
    'relay-seen': ({ meter, contact, alarm, stamp }) => ({
      effects: this.#rounds(stamp, (round) => {
        const state = round.ofMeter(meter)
        if (state !== null) round.decide(state, { kind: 'relay-seen', contact, alarm })
      }),
    }),
    'record-event': ({ event, stamp }) => {
      const facts = new Facts(stamp)
      facts.events.push(event)
      this.#commit(facts)
      return nothing
    },
    'record-status': ({ body, stamp }) => {
      const facts = new Facts(stamp)
      facts.statuses.push(body)
      this.#commit(facts)
      return nothing
    },
    'close-day': (input) => this.#closeDay(input),
    acknowledge: (input) => ({ moved: this.#acknowledge(input) }),
    'new-epoch': ({ reason, stamp }) => this.#newEpoch(reason, stamp),
    'last-instant': () => ({ at: this.#lastInstant === null ? null : epochMs(this.#lastInstant) }),

    extents: () => ({
      epoch: epochOf(this.#engine.sql),
      extents: this.#engine.extents.all(),
      tombstones: readTombstones(this.#engine.sql),
      counters: this.#journal.keyCounters(),
    }),
    cursors: ({ master }) => ({ cursors: this.#engine.cursors.of(master) }),
    'read-stream': (input) => ({ records: readStream(this.#engine, input) }),
    accounts: () => ({
      accounts: this.#inForce()
        .all()
        .map((state) => viewAccount(state, this.#inForce().contextOf(state.account.meter, this.#lastStamp))),
    }),
    entries: ({ account, first, count }) => ({ entries: [...this.#table.entries(account, first, count)] }),
    why: ({ account, count }) => ({
      lines: eventsOfAccount(this.#engine.sql, account, count),
      orders: this.#journal.ofAccount(account, count),
    }),
    events: (input) => events(this.#engine.sql, input),
    'open-orders': () => ({ orders: this.#journal.open().map((row) => row.order) }),
    order: ({ id }) => ({ order: this.#journal.find(id)?.order ?? null }),
    'closed-slots': (input) => closedSlots(this.#engine, input),
    gaps: (input) => gaps(this.#engine, input),
    points: (input) => pointsOf(this.#engine, input),
    'stored-parameters': () => {
      const { sets } = this.#parameterSets.inForce()
      return { sets, addresses: this.#parameterSets.addresses() }
    },
    health: () => ({ health: this.#health() }),
  }

  #configure({ parameters, stamp }: In<'configure'>): Out<'configure'> {
    const isFirst = this.#ledgers === null
    const ledgers = new Ledgers(parameters, this.#ledgers ?? undefined)
    const doubts = new Map<AccountId, string>()
    const facts = new Facts(stamp)
    if (isFirst) {
      const loaded = loadAccounts({ engine: this.#engine, journal: this.#journal, table: this.#table, ledgers }, stamp)
      ledgers.replace(loaded.states)
      for (const [account, doubt] of loaded.doubts) doubts.set(account, doubt)
      this.#unreadable = loaded.unreadable.length
      this.#tellStart(facts, loaded.unreadable)
    }
    this.#ledgers = ledgers
    this.#engine.retention = parameters.retention
    const round = new Round(ledgers, this.#journal, stamp)
    round.facts.events.push(...facts.events)
    const effects = this.#settledAnyway(round, () => {
      const salvaged = isFirst ? this.#opened.doubt : null
      if (salvaged !== null) round.facts.settings.set('doubt', null)
      for (const state of ledgers.all()) {
        const reason = salvaged ?? doubts.get(state.account.id)
        if (reason !== undefined) round.decide(state, { kind: 'doubted', reason })
        round.decide(round.state(state.account.id) ?? state, { kind: 'parameters-changed' })
      }
    })
    return { moneySafe: this.#moneySafe(), effects }
  }

  /** What was found at the start is told once, with the first stamp there is. */
  #tellStart(facts: Facts, unreadable: readonly string[]): void {
    facts.events.push(...this.#opened.events)
    for (const account of unreadable) {
      facts.events.push({ code: 'account.unreadable', severity: 'alarm', detail: { account } })
    }
    for (const order of this.#journal.damaged) {
      facts.events.push({ code: 'order.unreadable', severity: 'alarm', detail: { order } })
    }
    for (const { name, version, fallback } of this.#parameterSets.inForce().bad) {
      facts.events.push({ code: 'parameters.damaged', severity: 'alarm', detail: { name, version, fallback } })
    }
  }

  #applyPoints({ points, stamp }: In<'apply-points'>): Out<'apply-points'> {
    const ledgers = this.#inForce()
    const accepted = this.#engine.stage(points, stamp)
    const round = new Round(ledgers, this.#journal, stamp)
    for (const point of points) {
      const known = ledgers.meter(point.meter)
      const result = known === null ? null : billingReading(point, known.meter, known.profile)
      if (result === null || result.kind === 'none') continue
      if (result.kind === 'reading') ledgers.seen(point.meter, result.reading)
      const state = round.ofMeter(point.meter)
      if (state === null) continue
      if (result.kind === 'reading') round.decide(state, { kind: 'reading', reading: result.reading })
      else round.decide(state, { kind: 'unusable-reading', message: result.message })
    }
    try {
      if (!round.facts.isEmpty || this.#engine.isGroupFull) this.#commit(round.facts)
    } catch (error) {
      if (error instanceof DiskFullError) return { accepted: false, effects: noEffects }
      throw error
    }
    return { accepted, effects: round.settle() }
  }

  #journalOrder(input: In<'journal-order'>): Out<'journal-order'> {
    const doubted = this.#inForce()
      .all()
      .filter(({ account }) => !account.verified)
    const round = new Round(this.#inForce(), this.#journal, input.stamp)
    const parts = {
      ...{ journal: this.#journal, ledgers: this.#inForce(), table: this.#table },
      ...{ parameters: this.#parameterSets, limit: this.#limit },
    }
    const { commit, answer } = journalOrder(parts, round, input)
    try {
      if (commit) this.#commit(round.facts)
    } catch (error) {
      if (!(error instanceof DiskFullError)) throw error
      return { accepted: false, code: 'disk-full', message: error.message }
    }
    const effects = commit ? round.settle() : noEffects
    const { order } = input
    for (const { account } of doubted) this.#markAgreed(account.id, input.stamp)
    if (order.body.kind === 'replace-meter') this.#inForce().forget(order.body.meter)
    return answer(effects)
  }

  /** A doubted account that is verified now: from its head on the chain is proven again, even if entries before it were lost. */
  #markAgreed(account: AccountId, stamp: Stamp): void {
    const state = this.#inForce().get(account)?.account
    if (state === undefined || !state.verified) return
    const facts = new Facts(stamp)
    facts.settings.set(...markSetting(account, { number: state.entryCount, hash: state.chainHash, balance: state.balance }))
    this.#commit(facts)
  }

  #orderSending({ id, stamp }: In<'order-sending'>): Out<'order-sending'> {
    const row = this.#openRow(id)
    if (row === null || row.order.evidence['withdrawn'] === true) return { withdrawn: true }
    const round = new Round(this.#inForce(), this.#journal, stamp)
    const order = { ...row.order, stage: 'sending' as const, attempts: row.order.attempts + 1 }
    round.journal({ ...row, order }, { tell: false })
    this.#commit(round.facts)
    round.settle()
    return {}
  }

  #orderOutcome(input: In<'order-outcome'>): Out<'order-outcome'> {
    const row = this.#openRow(input.id)
    if (row === null) return { effects: noEffects }
    const { stage, relay, stamp } = input
    const needsSecurityChip = input.needsSecurityChip ?? false
    const effects = this.#rounds(stamp, (round) => {
      const evidence = { ...row.order.evidence, ...input.evidence, ...(needsSecurityChip ? { needsSecurityChip } : {}) }
      round.journal({ ...row, order: { ...row.order, stage, evidence } })
      const { body, origin } = row.order.order
      const command = commandOf(body)
      const state = 'meter' in body && body.meter !== 'all' ? round.ofMeter(body.meter) : null
      if (command === null || state === null) return
      const byRule = origin.by === 'rule'
      round.decide(state, { kind: 'order-finished', command, byRule, stage, relay: relay ?? null, needsSecurityChip })
    })
    return { effects }
  }

  #closeDay({ stamp }: In<'close-day'>): Out<'close-day'> {
    const facts = new Facts(stamp)
    for (const { account } of this.#inForce().all()) {
      if (!account.verified) continue
      const proven = proveChain({ engine: this.#engine, table: this.#table }, account.id)
      if (proven.ok) facts.settings.set(...markSetting(account.id, proven.value))
    }
    this.#engine.commit(facts, { withMarks: true })
    const packedPoints = this.#engine.pack()
    return { packedPoints, evicted: this.#engine.evict(stamp, { byAge: true, overBytes: this.#engine.space.overBytes() }) }
  }

  #acknowledge({ master, epoch, marks, stamp }: In<'acknowledge'>): boolean {
    if (epoch !== epochOf(this.#engine.sql)) return false
    const moves = marks.map(({ stream, upTo }) => {
      if (upTo > this.#engine.extents.hi(stream)) return false
      return this.#engine.cursors.move({ master: master satisfies MasterId, stream, upTo, at: stamp.receivedAt })
    })
    return moves.includes(true)
  }

  #newEpoch(reason: string, stamp: Stamp): Out<'new-epoch'> {
    this.#commit(new Facts(stamp))
    const epoch = openEpoch(this.#engine, { reason, stamp })
    this.#rounds(stamp, (round) => {
      for (const state of this.#ledgers?.all() ?? []) round.decide(state, { kind: 'doubted', reason })
    })
    return { epoch }
  }

  /** At the start a full disk must neither stop the box nor make it forget which accounts are in doubt. */
  #settledAnyway(round: Round, act: () => void): Effects {
    act()
    try {
      if (!round.facts.isEmpty) this.#commit(round.facts)
      return round.settle()
    } catch (error) {
      if (!(error instanceof DiskFullError)) throw error
      return round.settleStates()
    }
  }

  #rounds(stamp: Stamp, act: (round: Round) => void): Effects {
    const round = new Round(this.#inForce(), this.#journal, stamp)
    act(round)
    if (!round.facts.isEmpty) this.#commit(round.facts)
    return round.settle()
  }

  #commit(facts: Facts): void {
    this.#engine.commit(facts)
    if (facts.stamp.clockTrusted) this.#lastInstant = Math.max(this.#lastInstant ?? 0, facts.stamp.receivedAt)
  }

  #openRow(id: number) {
    const row = this.#journal.find(id)
    if (row === null) throw new RangeError(`there is no order ${id} in the journal`)
    return isOpenStage(row.order.stage) ? row : null
  }

  #inForce(): Ledgers {
    if (this.#ledgers === null) throw new NotConfiguredError()
    return this.#ledgers
  }

  /** Monotonic stamps are kept to the millisecond everywhere, so that hashes and packed records stay the same. */
  #stamped<T extends object>(input: T): T {
    if (!('stamp' in input)) return input
    this.#lastStamp = stampBody(input.stamp as Stamp)
    return { ...input, stamp: this.#lastStamp }
  }

  #moneySafe(): boolean {
    const states = this.#ledgers?.all() ?? []
    return this.#ledgers !== null && this.#unreadable === 0 && states.every(({ account }) => account.verified)
  }

  #health(): StoreHealth {
    return {
      path: this.#opened.path,
      synchronous: synchronousOf(this.#engine.sql) === 'FULL' ? 'FULL' : 'other',
      schemaVersion: schemaVersionOf(this.#engine.sql),
      fileBytes: this.#engine.space.fileBytes,
      usedBytes: this.#engine.space.usedBytes,
      pendingValues: this.#engine.groupValues,
      refusedValues: this.#engine.refusedValues,
      state: this.#opened.state,
      moneySafe: this.#moneySafe(),
    }
  }
}
