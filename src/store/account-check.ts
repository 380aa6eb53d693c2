import { accountId, epochMs, micro } from '../model/index.js'
import type { Account, AccountId, LedgerEntry, MeterId, Point, Stamp } from '../model/index.js'
import { billingReading, rebuildLedger, verifyChain } from '../prepaid/index.js'
import type { LedgerState, RegisterReading } from '../prepaid/index.js'
import { rebuildAccount } from './account-rebuild.js'
import { readMark } from './chain-marks.js'
import type { Engine } from './engine.js'
import type { Journal } from './journal.js'
import type { LedgerTable } from './ledger-table.js'
import type { Ledgers } from './ledgers.js'
import { commandOf } from './round.js'
import { fromTaggedJson, textCrc } from './tagged-json.js'

/** Entries this far back may still be corrected by a late reading; 65 days. */
const CORRECTION_DEPTH_MS = 65 * 86_400_000
/** An account has at most so many entries checked or rebuilt at once; the next slice follows. */
const SLICE = 1000
/** Orders of an account that are looked through for the one that opened it. */
const JOURNAL_ROWS_MAX = 100_000
/** A stored point's slot may lie this far from when its billing register was measured. */
const SLOT_SLACK_MS = 2 * 86_400_000

export interface LoadedAccounts {
  readonly states: readonly LedgerState[]
  /** Accounts whose row, sum or chain does not hold, and what is wrong. */
  readonly doubts: ReadonlyMap<AccountId, string>
  /** Accounts whose row cannot be read at all. */
  readonly unreadable: readonly string[]
}

export interface AccountParts {
  readonly engine: Engine
  readonly journal: Journal
  readonly table: LedgerTable
  readonly ledgers: Ledgers
}

/** Reads every account, proves its balance and chain, and derives its running state from the points stored after its last entry. */
export function loadAccounts(parts: AccountParts, stamp: Stamp): LoadedAccounts {
  const doubts = new Map<AccountId, string>()
  const unreadable: string[] = []
  const accounts: Account[] = []
  const sums = parts.table.sums()
  for (const row of accountRows(parts.engine, sums.keys())) {
    const read = readAccount(parts, row, { sum: sums.get(accountId(row.id)), stamp })
    if (read === null) {
      unreadable.push(row.id)
      continue
    }
    accounts.push(read.account)
    if (read.doubt !== null) doubts.set(read.account.id, read.doubt)
  }
  const logged = readingsOfLog(parts)
  const states = accounts.map((account) => rebuild(parts, account, { logged, stamp }))
  return { states, doubts, unreadable }
}

/** Proves the part of an account's chain after its mark. @returns the head reached, or what does not hold */
export function proveChain(parts: Pick<AccountParts, 'engine' | 'table'>, account: AccountId) {
  let head = readMark(parts.engine.sql, account) ?? undefined
  for (;;) {
    const slice = [...parts.table.entries(account, (head?.number ?? 0) + 1, SLICE)]
    const checked = verifyChain(slice, head)
    if (!checked.ok || slice.length < SLICE) return checked
    head = checked.value
  }
}

interface AccountRow {
  readonly id: string
  readonly crc: bigint
  readonly body: string
}

/** The stored rows, and an empty one for each account that only its ledger still knows. */
function accountRows(engine: Engine, inLedger: Iterable<AccountId>): readonly AccountRow[] {
  const rows = engine.sql.all<AccountRow>('SELECT id, crc, body FROM account')
  const known = new Set(rows.map((row) => row.id))
  const lost = [...inLedger].filter((id) => !known.has(id))
  return [...rows, ...lost.map((id) => ({ id, crc: 0n, body: '' }))]
}

function readAccount(
  parts: AccountParts,
  row: AccountRow,
  by: { readonly sum: { readonly total: bigint } | undefined; readonly stamp: Stamp },
): { readonly account: Account; readonly doubt: string | null } | null {
  const account = accountOf(row.body)
  if (account === null || account.id !== row.id) {
    const rebuilt = fromLedger(parts, accountId(row.id), by.stamp)
    return rebuilt === null ? null : { account: rebuilt, doubt: 'its row was lost; it was rebuilt from its ledger' }
  }
  const isSound = textCrc(row.body) === Number(row.crc)
  const doubt = isSound ? problemOf(parts, account, by.sum) : 'the account’s row is damaged'
  return { account: doubt === null ? account : atHead(parts.table, account), doubt }
}

function fromLedger(parts: AccountParts, id: AccountId, stamp: Stamp): Account | null {
  const orders = parts.journal.ofAccount(id, JOURNAL_ROWS_MAX)
  const opening = orders.findLast(({ order, stage }) => order.body.kind === 'open-account' && stage === 'done')?.order.body
  if (opening === undefined || opening.kind !== 'open-account') return null
  const entries = [...parts.table.entriesBackwards(id)].reverse()
  return rebuildAccount(opening, { entries, openedAt: entries[0]?.at ?? stamp.receivedAt }, stamp.receivedAt)
}

function accountOf(body: string): Account | null {
  try {
    const account = fromTaggedJson(body) as Account
    return { ...account, id: accountId(account.id), balance: micro(account.balance) }
  } catch {
    // Reported as unreadable by the caller.
    return null
  }
}

function problemOf(parts: AccountParts, account: Account, sum: { readonly total: bigint } | undefined): string | null {
  const mark = readMark(parts.engine.sql, account.id)
  const total = sum?.total ?? 0n
  // After a salvage the master agreed to a head although entries before it are gone: then only the part after the mark adds up.
  if (total !== account.balance && mark === null) return `the balance is ${account.balance}, the entries add up to ${total}`
  try {
    const proven = proveChain(parts, account.id)
    if (!proven.ok) return `${proven.error.at}: ${proven.error.message}`
    const { number, hash, balance } = proven.value
    const isHead = number === account.entryCount && hash === account.chainHash && balance === account.balance
    return isHead ? null : `the account stands at entry ${account.entryCount}, its ledger at ${number}`
  } catch (error) {
    return `an entry cannot be read: ${String(error)}`
  }
}

/** Continues at the ledger's last entry, so that numbers stay unique; the account is doubted all the same. */
function atHead(table: LedgerTable, account: Account): Account {
  const last = table.lastEntry(account.id)
  if (last === null || last.number < account.entryCount) return account
  return { ...account, balance: last.balanceAfter, entryCount: last.number, chainHash: last.hash }
}

function rebuild(
  parts: AccountParts,
  account: Account,
  from: { readonly logged: ReadonlyMap<MeterId, readonly RegisterReading[]>; readonly stamp: Stamp },
): LedgerState {
  const { table, journal, ledgers, engine } = parts
  const statement = table.lastStatement(account.id)
  const since = epochMs(Math.max(0, from.stamp.receivedAt - CORRECTION_DEPTH_MS))
  const entries = tailOf(table, account, { lastStated: statement?.lastEntry ?? 0, since })
  const packed: RegisterReading[] = []
  for (const point of engine.points.packedOf(account.meter, account.postedTo.at - SLOT_SLACK_MS)) {
    const reading = readingOf(ledgers, point)
    if (reading !== null) packed.push(reading)
  }
  const all = [...packed, ...(from.logged.get(account.meter) ?? [])]
  const readings = all.filter((reading) => reading.at > account.postedTo.at)
  const pending = journal.openOf(account.id).flatMap(({ order }) => {
    const command = order.order.origin.by === 'rule' && order.evidence['withdrawn'] !== true ? commandOf(order.order.body) : null
    return command === null ? [] : [command]
  })
  const context = ledgers.contextOf(account.meter, from.stamp)
  return rebuildLedger({ account, statement, entries, readings, pending }, context)
}

function tailOf(
  table: LedgerTable,
  account: Account,
  bounds: { readonly lastStated: number; readonly since: number },
): readonly LedgerEntry[] {
  const tail: LedgerEntry[] = []
  for (const entry of table.entriesBackwards(account.id)) {
    if (entry.number <= bounds.lastStated && entry.stamp.receivedAt < bounds.since) break
    tail.push(entry)
  }
  return tail.reverse()
}

/** One pass over the log for all accounts: their readings by meter, in order of arrival. */
function readingsOfLog(parts: AccountParts): ReadonlyMap<MeterId, readonly RegisterReading[]> {
  const found = new Map<MeterId, RegisterReading[]>()
  for (const point of parts.engine.points.logged()) {
    const reading = readingOf(parts.ledgers, point)
    if (reading === null) continue
    const own = found.get(point.meter)
    if (own === undefined) found.set(point.meter, [reading])
    else own.push(reading)
  }
  for (const [meter, own] of found) for (const reading of own) parts.ledgers.seen(meter, reading)
  return found
}

function readingOf(ledgers: Ledgers, point: Point): RegisterReading | null {
  const known = ledgers.meter(point.meter)
  if (known === null) return null
  const result = billingReading(point, known.meter, known.profile)
  return result.kind === 'reading' ? result.reading : null
}
