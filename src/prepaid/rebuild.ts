import type { Account, ChargePiece, LedgerEntry, RelayCommand, Stamp, Statement } from '../model/index.js'
import type { AccountView } from '../ports/index.js'
import type { Context, LedgerState, RegisterReading, Running } from './decision.js'
import { addToTally, runningBalance } from './draft.js'
import { runningOf } from './opening.js'
import { lastReading, takeReading } from './running.js'
import { keepSplits, splitsOf } from './splits.js'

/** What the store still knows of an account after a start. */
export interface RebuildInput {
  readonly account: Account
  /** The last statement stored; null: none yet. */
  readonly statement: Statement | null
  /** In order: the entries after that statement and those of the last `correctionDepthDays`. */
  readonly entries: readonly LedgerEntry[]
  /** Billing readings of stored points measured after `account.postedTo.at`, in order of arrival. */
  readonly readings: readonly RegisterReading[]
  /** Commands of rule orders that are not finished. */
  readonly pending: readonly RelayCommand[]
}

/**
 * Makes the derived half of an account anew: what it was before the restart, as far as points were stored. Posts nothing and tells
 * nobody; the next fact does.
 */
export function rebuildLedger(input: RebuildInput, context: Context): LedgerState {
  const { account, entries, statement } = input
  const start: Running = {
    ...runningOf(account),
    pending: input.pending,
    statement,
    tally: entries.filter((entry) => entry.number > (statement?.lastEntry ?? 0)).reduce(addToTally, runningOf(account).tally),
    splits: keepSplits(splitsOfEntries(entries), context.stamp.receivedAt),
  }
  const running = input.readings.reduce((before, reading) => {
    const stamp: Stamp = { ...context.stamp, receivedAt: reading.receivedAt, clockTrusted: reading.trusted }
    return takeAgain(account, before, reading, { ...context, stamp })
  }, start)
  return { account, running: account.pricingStopped === null ? running : { ...running, suspect: null } }
}

/** What came before pricing stopped was taken as always; the reading that stopped it is the first one seen since. */
function takeAgain(account: Account, running: Running, reading: RegisterReading, context: Context): Running {
  const stopped = account.pricingStopped
  const isAsNow = stopped === null || reading.receivedAt > stopped.at || running.seen !== null
  if (isAsNow) return takeReading(account, running, reading, context).running
  const { running: after, taken } = takeReading({ ...account, pricingStopped: null }, running, reading, context)
  if (taken.kind !== 'confirmed') return after
  const { raw, at } = taken.suspect
  return { ...after, seen: { raw, at } }
}

/** Charges give their estimated splits; a correction replaces the split it covers; a new device ends them all. */
function splitsOfEntries(entries: readonly LedgerEntry[]): Running['splits'] {
  let splits: Running['splits'] = []
  let open: readonly ChargePiece[] = []
  for (const entry of entries) {
    const first = entry.pieces[0]
    if (entry.kind === 'replacement') splits = []
    if (first === undefined) continue
    if (entry.kind === 'correction') splits = splits.filter((split) => split.from.at !== first.from)
    // An entry that holds as many pieces as fit may end inside a split; the next one goes on with it.
    const pieces = [...open, ...entry.pieces]
    const last = pieces.findLastIndex((piece) => piece.interpolated !== true)
    splits = [...splits, ...splitsOf(pieces.slice(0, last + 1))]
    open = pieces.slice(last + 1)
  }
  return splits
}

/** The account as console and master see it. */
export function viewAccount(ledger: LedgerState, context: Context): AccountView {
  const { account, running } = ledger
  return {
    account,
    runningBalance: runningBalance(account, running, context),
    lastReadingAt: lastReading(account, running).at,
    guards: account.heldBy,
  }
}
