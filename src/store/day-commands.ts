import { dayMs } from '../model/index.js'
import type { Stamp } from '../model/index.js'
import type { StoreCommands } from '../ports/index.js'
import { proveChain } from './account-check.js'
import { markSetting } from './chain-marks.js'
import type { Desk } from './desk.js'
import { epochOf, openEpoch } from './epoch.js'
import { Facts } from './facts.js'

type In<K extends keyof StoreCommands> = StoreCommands[K]['in']
type Out<K extends keyof StoreCommands> = StoreCommands[K]['out']

/** Accounts whose chain is proven between two looks at what else there is to do. */
const ACCOUNTS_PER_STEP = 50

/**
 * Ends a day: proves the chains, packs the log, evicts. In steps, because all of it together takes seconds on a small box and an order
 * must not wait for it; other commands may run between two steps.
 */
export function* closeDay(desk: Desk, { stamp }: In<'close-day'>): Generator<void, Out<'close-day'>> {
  const facts = new Facts(stamp)
  let proven = 0
  for (const { account } of desk.inForce().all()) {
    if (!account.verified) continue
    const head = proveChain(desk, account.id)
    if (head.ok) facts.settings.set(...markSetting(account.id, head.value))
    proven += 1
    if (proven % ACCOUNTS_PER_STEP === 0) yield
  }
  desk.engine.commit(facts, { withMarks: true })
  const packedPoints = yield* desk.engine.packing()
  yield
  forgetOrders(desk, stamp)
  const evicted = desk.engine.evict(stamp, { byAge: true, overBytes: desk.engine.space.overBytes() })
  return { packedPoints, evicted }
}

/** A master's marks count when they are of this epoch and not beyond what was numbered. */
export function acknowledge(desk: Desk, { master, epoch, marks, stamp }: In<'acknowledge'>): boolean {
  if (epoch !== epochOf(desk.engine.sql)) return false
  const moves = marks.map(({ stream, upTo }) => {
    if (upTo > desk.engine.extents.hi(stream)) return false
    return desk.engine.cursors.move({ master, stream, upTo, at: stamp.receivedAt })
  })
  return moves.includes(true)
}

/** The database is older than the master's copy: a new epoch, and every account waits for its master's word. */
export function startEpoch(desk: Desk, { reason, stamp }: In<'new-epoch'>): Out<'new-epoch'> {
  desk.commit(new Facts(stamp))
  const epoch = openEpoch(desk.engine, { reason, stamp })
  if (desk.ledgers === null) return { epoch }
  const { ledgers } = desk
  desk.rounds(stamp, (round) => {
    for (const state of ledgers.all()) round.decide(state, { kind: 'doubted', reason })
  })
  return { epoch }
}

/** Finished orders leave the journal with the results that told of them; numbers and idempotency keys stay. */
function forgetOrders(desk: Desk, stamp: Stamp): void {
  const rule = desk.engine.retention.find((each) => each.stream === 'result')
  if (rule === undefined || !stamp.clockTrusted) return
  const count = desk.journal.forget(stamp.receivedAt - rule.keepDays * dayMs)
  if (count === 0) return
  const facts = new Facts(stamp)
  facts.events.push({ code: 'store.evicted', severity: 'info', detail: { table: 'journal', reason: 'retention', count } })
  desk.commit(facts)
}
