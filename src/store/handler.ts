import { FaultError, epochMs } from '../model/index.js'
import type { Stamp } from '../model/index.js'
import type { StoreCommandName, StoreCommands, StoreHealth } from '../ports/index.js'
import { viewAccount } from '../prepaid/index.js'
import { acknowledge, closeDay, startEpoch } from './day-commands.js'
import { Desk, NotConfiguredError } from './desk.js'
import { DiskFullError } from './engine.js'
import type { Ends } from './engine.js'
import { epochOf } from './epoch.js'
import { readTombstones } from './eviction.js'
import { Facts } from './facts.js'
import { schemaVersionOf, synchronousOf } from './open.js'
import type { OpenedStore } from './open-store.js'
import { keepNote, notesOf } from './notes.js'
import { finishOrder, startOrder, takeOrder } from './order-commands.js'
import { refusedEvent } from './orders.js'
import { closedSlots, events, eventsOfAccount, gaps, pointsOf } from './queries.js'
import { applyPoints } from './reading-command.js'
import { stampBody } from './records.js'
import { sqliteCode } from './sql.js'
import { configure } from './start-command.js'
import { readStream } from './stream-reader.js'

type In<K extends StoreCommandName> = StoreCommands[K]['in']
type Out<K extends StoreCommandName> = StoreCommands[K]['out']
type Handlers = { readonly [K in StoreCommandName]: (input: In<K>) => Out<K> }

const nothing: Record<never, never> = {}

/**
 * Carries out store commands, one at a time and to the end: load, decide, commit. The same object serves the worker thread and the
 * in-process adapter, so a simulation sees exactly what the box does. It reads no clock: the time is in each command's stamp.
 */
export class StoreHandler {
  readonly #desk: Desk
  #failed: Error | null = null

  constructor(opened: OpenedStore) {
    this.#desk = new Desk(opened)
  }

  /** Tells the new end of each stream that a commit appended to. */
  onAppended(handler: (ends: Ends) => void): void {
    this.#desk.engine.onAppended(handler)
  }

  /**
   * @throws DiskFullError when a command that is not a reading found no room; the store goes on
   * @throws FaultError for anything that ends the store's usefulness; every later command fails with it too
   */
  run<K extends StoreCommandName>(name: K, input: In<K>): Out<K> {
    return this.#guarded(() => this.#handlers[name](this.#stamped(input)))
  }

  /**
   * The end of a day, in steps between which other commands may run.
   *
   * @throws as `run` does, from any step
   */
  *closeDay(input: In<'close-day'>): Generator<void, Out<'close-day'>> {
    const steps = closeDay(this.#desk, this.#stamped(input))
    for (;;) {
      const step = this.#guarded(() => steps.next())
      if (step.done === true) return step.value
      yield
    }
  }

  /** The error after which every command fails; null: none. */
  get failed(): Error | null {
    return this.#failed
  }

  /** Commits what is open and closes the file. */
  close(): void {
    const { engine, lastStamp, opened } = this.#desk
    try {
      if (this.#failed === null) engine.commit(new Facts(lastStamp), { withMarks: true })
    } catch (error) {
      // What a full disk takes from the open group is read from the meters again.
      if (!(error instanceof DiskFullError)) throw error
    } finally {
      opened.sql.close()
    }
  }

  readonly #handlers: Handlers = {
    configure: (input) => configure(this.#desk, input),
    'apply-points': (input) => applyPoints(this.#desk, input),
    flush: () => {
      this.#desk.engine.commit(new Facts(this.#desk.lastStamp))
      return nothing
    },
    'evaluate-accounts': ({ stamp }) => ({
      effects: this.#desk.rounds(stamp, (round) => {
        for (const state of this.#desk.inForce().all()) round.decide(state, { kind: 'time-passed' })
      }),
    }),
    'journal-order': (input) => takeOrder(this.#desk, input),
    'refuse-order': ({ code, message, origin, stamp }) => {
      const facts = new Facts(stamp)
      this.#desk.limit.add(facts, refusedEvent(code, message, origin))
      this.#desk.commit(facts)
      return nothing
    },
    'order-sending': (input) => startOrder(this.#desk, input),
    'order-outcome': (input) => finishOrder(this.#desk, input),
    'relay-seen': ({ meter, contact, alarm, stamp }) => ({
      effects: this.#desk.rounds(stamp, (round) => {
        const state = round.ofMeter(meter)
        const tripUnderWay = contact === 'open' && round.tripUnderWay(meter)
        if (state !== null) round.decide(state, { kind: 'relay-seen', contact, alarm, tripUnderWay })
      }),
    }),
    'record-event': ({ event, stamp }) => {
      const facts = new Facts(stamp)
      facts.events.push(event)
      this.#desk.commit(facts)
      return nothing
    },
    'record-status': ({ body, stamp }) => {
      const facts = new Facts(stamp)
      facts.statuses.push(body)
      this.#desk.commit(facts)
      return nothing
    },
    'close-day': (input) => finished(closeDay(this.#desk, input)),
    acknowledge: (input) => ({ moved: acknowledge(this.#desk, input) }),
    'new-epoch': (input) => startEpoch(this.#desk, input),
    'last-instant': () => {
      const { lastInstant } = this.#desk
      return { at: lastInstant === null ? null : epochMs(lastInstant) }
    },

    extents: () => ({
      epoch: epochOf(this.#desk.engine.sql),
      extents: this.#desk.engine.extents.all(),
      tombstones: readTombstones(this.#desk.engine.sql),
      counters: this.#desk.journal.keyCounters(),
    }),
    cursors: ({ master }) => ({ cursors: this.#desk.engine.cursors.of(master) }),
    'read-stream': (input) => ({ records: readStream(this.#desk.engine, input) }),
    accounts: () => ({
      accounts: this.#desk
        .inForce()
        .all()
        .map((state) => viewAccount(state, this.#desk.inForce().contextOf(state.account.meter, this.#desk.lastStamp))),
    }),
    entries: ({ account, first, count }) => ({ entries: [...this.#desk.table.entries(account, first, count)] }),
    why: ({ account, count }) => ({
      lines: eventsOfAccount(this.#desk.engine.sql, account, count),
      orders: this.#desk.journal.ofAccount(account, count),
    }),
    events: (input) => events(this.#desk.engine.sql, input),
    'open-orders': () => ({ orders: this.#desk.journal.open().map((row) => row.order) }),
    order: ({ id }) => ({ order: this.#desk.journal.find(id)?.order ?? null }),
    'closed-slots': (input) => closedSlots(this.#desk.engine, input),
    gaps: (input) => gaps(this.#desk.engine, input),
    points: (input) => pointsOf(this.#desk.engine, input),
    'stored-parameters': () => {
      const { sets } = this.#desk.parameterSets.inForce()
      return { sets, addresses: this.#desk.parameterSets.addresses() }
    },
    'keep-note': (input) => {
      keepNote(this.#desk, input)
      return nothing
    },
    notes: ({ prefix }) => notesOf(this.#desk.engine.sql, prefix),
    health: () => ({ health: this.#health() }),
  }

  #guarded<T>(act: () => T): T {
    if (this.#failed !== null) throw this.#failed
    try {
      return act()
    } catch (error) {
      if (error instanceof DiskFullError || error instanceof NotConfiguredError) throw error
      const fatal = sqliteCode(error) !== null ? new FaultError('store-damaged', String(error), { cause: error }) : error
      if (fatal instanceof FaultError) this.#failed = fatal
      throw fatal
    }
  }

  /** Monotonic stamps are kept to the millisecond everywhere, so that hashes and packed records stay the same. */
  #stamped<T extends object>(input: T): T {
    if (!('stamp' in input)) return input
    this.#desk.lastStamp = stampBody(input.stamp as Stamp)
    return { ...input, stamp: this.#desk.lastStamp }
  }

  #health(): StoreHealth {
    const { engine, opened } = this.#desk
    return {
      path: opened.path,
      synchronous: synchronousOf(engine.sql) === 'FULL' ? 'FULL' : 'other',
      schemaVersion: schemaVersionOf(engine.sql),
      fileBytes: engine.space.fileBytes,
      usedBytes: engine.space.usedBytes,
      pendingValues: engine.groupValues,
      refusedValues: engine.refusedValues,
      state: opened.state,
      moneySafe: this.#desk.isMoneySafe(),
    }
  }
}

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}
