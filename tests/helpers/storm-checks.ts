import { isDeepStrictEqual } from 'node:util'
import type { RelayAction } from '../../drivers/simulated/index.js'
import type { Archive } from '../../scripts/master-station/archive.js'
import { accounts as masterAccounts } from '../../scripts/master-station/report.js'
import { nextAfter } from '../../src/calendar.js'
import { relayTargetOf } from '../../src/control/relay-target.js'
import { accountId, epochMs, formatDecimal, formatLocal, streams } from '../../src/model/index.js'
import type { EpochMs, JournalledOrder, LedgerEntry, Stream, StreamRecord } from '../../src/model/index.js'
import type { Store } from '../../src/ports/index.js'
import { orderEntryKey, verifyChain } from '../../src/prepaid/index.js'
import { settingsChecks } from '../../src/registry.js'
import { createStamps } from '../../src/runtime/stamps.js'
import { loadSettings } from '../../src/settings/index.js'
import { openInProcessStore, type PointBody } from '../../src/store/index.js'
import { siteConcentrator } from './e2e-site.js'
import type { Payment } from './storm-clerk.js'
import { Seeded } from './store-site.js'
import { realClock, realTimers } from './uplink-bench.js'

/** Problems told of one check at most; more of the same say nothing new. */
const toldMax = 60
const utcOffsetMinutes = 480

/** What the daemon's own database holds, read from a copy after its process ended. */
export interface Held {
  readonly epoch: number
  readonly moneySafe: boolean
  readonly hi: Readonly<Record<Stream, number>>
  readonly records: Readonly<Record<Stream, readonly StreamRecord[]>>
  readonly orders: readonly JournalledOrder[]
  readonly ledgers: ReadonlyMap<string, readonly LedgerEntry[]>
  /** Accounts whose balance, once the store is in force again, is not the sum of its entries. */
  readonly unequal: readonly string[]
}

/** Reads everything through the store's own commands; its configuration then checks balances and chains as every start does. */
export async function readHeld(path: string, config: string, accounts: readonly string[]): Promise<Held> {
  const now = epochMs(Date.now())
  const store = openInProcessStore({ path, now, random: new Seeded(1) }, realTimers)
  const { epoch, extents } = await store.run('extents', {})
  const hi = byStream((stream) => extents.find((extent) => extent.stream === stream)?.hi ?? 0)
  const records: Record<string, readonly StreamRecord[]> = {}
  for (const stream of streams) records[stream] = await readAll(store, stream, hi[stream])
  const orders = await readOrders(store)
  const ledgers = new Map<string, readonly LedgerEntry[]>()
  for (const account of accounts) ledgers.set(account, await readEntries(store, account))
  const settings = loadSettings(config, settingsChecks)
  if (!settings.ok) throw new Error(JSON.stringify(settings.error))
  const stamp = createStamps(realClock).now()
  const { moneySafe } = await store.run('configure', { parameters: settings.value.parameters, stamp })
  const unequal: string[] = []
  for (const { account } of (await store.run('accounts', {})).accounts) {
    const sum = (await readEntries(store, account.id)).reduce((total, entry) => total + entry.amount, 0n)
    if (sum !== account.balance) unequal.push(`${account.id}: balance ${account.balance}, entries ${sum}`)
  }
  await store.close()
  return { epoch, moneySafe, hi, records: byStream((stream) => records[stream] ?? []), orders, ledgers, unequal }
}

async function readEntries(store: Store, account: string): Promise<readonly LedgerEntry[]> {
  return (await store.run('entries', { account: accountId(account), first: 1, count: 1_000_000 })).entries
}

async function readAll(store: Store, stream: Stream, hi: number): Promise<readonly StreamRecord[]> {
  const all: StreamRecord[] = []
  while (all.length < hi) {
    const { records } = await store.run('read-stream', { stream, first: all.length + 1, maxCount: 2_000, maxBytes: 10_000_000 })
    if (records.length === 0) break
    all.push(...records)
  }
  return all
}

async function readOrders(store: Store): Promise<readonly JournalledOrder[]> {
  const orders: JournalledOrder[] = []
  for (let id = 1; ; id++) {
    const { order } = await store.run('order', { id })
    if (order === null) return orders
    orders.push(order)
  }
}

/** Every record of every stream once at the master, contiguous from 1, and word for word what the daemon holds. */
export function deliveryProblems(archive: Archive, held: Held): readonly string[] {
  const problems: string[] = []
  const epochs = archive.all<{ epoch: number }>('SELECT DISTINCT epoch FROM record WHERE concentrator = ?', [siteConcentrator])
  if (!isDeepStrictEqual(epochs, [{ epoch: held.epoch }])) problems.push(`epochs ${JSON.stringify(epochs)}, not ${held.epoch}`)
  for (const stream of streams) {
    const rows = archive.all<{ seq: number; body: string }>(
      'SELECT seq, body FROM record WHERE concentrator = ? AND stream = ? ORDER BY seq',
      [siteConcentrator, stream],
    )
    const own = held.records[stream]
    if (rows.length !== held.hi[stream]) problems.push(`${stream}: the master has ${rows.length} of ${held.hi[stream]}`)
    if (own.length !== held.hi[stream]) problems.push(`${stream}: the daemon holds ${own.length} of ${held.hi[stream]}`)
    rows.forEach(({ seq, body }, index) => {
      if (seq !== index + 1) problems.push(`${stream}: ${seq} stands where ${index + 1} belongs`)
      const record = own[index]
      if (record === undefined || record.seq !== seq || !isDeepStrictEqual(JSON.parse(body), plain(record.body))) {
        problems.push(`${stream} ${seq} differs: master ${body}, daemon ${JSON.stringify(record?.body)}`)
      }
    })
  }
  for (const gap of archive.all('SELECT * FROM gap')) problems.push(`a gap: ${JSON.stringify(gap)}`)
  for (const alarm of archive.all('SELECT * FROM alarm')) problems.push(`an alarm: ${JSON.stringify(alarm)}`)
  return problems.slice(0, toldMax)
}

/** Chains verify, balance = Σ entries = the master's copy, and intervals that were charged meet without gap or overlap. */
export function ledgerProblems(archive: Archive, held: Held, accounts: readonly string[]): readonly string[] {
  const problems: string[] = [...held.unequal]
  if (!held.moneySafe) problems.push('the store does not call its money safe')
  const copies = new Map(masterAccounts(archive).map((row) => [row['account'], row]))
  for (const account of accounts) {
    const own = held.ledgers.get(account)
    const copy = copies.get(account)
    if (own === undefined || copy === undefined) {
      problems.push(`${account} is missing`)
      continue
    }
    const sum = formatDecimal(
      own.reduce((total, entry) => total + entry.amount, 0n),
      -6,
    )
    const chain = verifyChain(own)
    if (!chain.ok) problems.push(`${account}: ${chain.error.code} at ${chain.error.at}`)
    else if (copy['hash'] !== chain.value.hash) problems.push(`${account}: the master's chain ends in another hash`)
    if (copy['chain'] !== 'ok') problems.push(`${account}: the master's chain: ${copy['chain']}`)
    if (copy['balance'] !== sum) problems.push(`${account}: the master's balance ${copy['balance']}, ours ${sum}`)
    problems.push(...intervalProblems(account, own))
  }
  return problems.slice(0, toldMax)
}

function intervalProblems(account: string, entries: readonly LedgerEntry[]): readonly string[] {
  const pieces = entries.filter(({ kind }) => kind === 'charge').flatMap((entry) => entry.pieces)
  return pieces.flatMap((piece, index) => {
    const before = pieces[index - 1]
    if (before === undefined) return []
    // A span without consumption costs nothing and has no piece.
    const meets = before.to <= piece.from && before.toEnergy === piece.fromEnergy
    return meets ? [] : [`${account}: charged up to ${before.to}/${before.toEnergy}, then from ${piece.from}/${piece.fromEnergy}`]
  })
}

/** Each payment that was made stands in the ledger once; none that was refused does. */
export function paymentProblems(
  held: Held,
  payments: readonly Payment[],
  wrong: readonly { idempotencyKey: string }[],
): readonly string[] {
  const credits = new Map<string, LedgerEntry[]>()
  for (const entries of held.ledgers.values()) {
    for (const entry of entries) if (entry.kind === 'credit') credits.set(entry.key, [...(credits.get(entry.key) ?? []), entry])
  }
  const problems = payments.flatMap(({ body }) => {
    const posted = credits.get(orderEntryKey(body.idempotencyKey)) ?? []
    credits.delete(orderEntryKey(body.idempotencyKey))
    const [entry] = posted
    const isRight = posted.length === 1 && entry?.amount === body.amount && entry.account === accountId(body.account)
    return isRight ? [] : [`${body.idempotencyKey}: ${posted.length} entries, ${entry?.amount} of ${body.amount}`]
  })
  for (const { idempotencyKey } of wrong) {
    if (credits.has(orderEntryKey(idempotencyKey))) problems.push(`${idempotencyKey} was credited although a purchase is missing`)
  }
  for (const key of credits.keys()) problems.push(`nobody paid ${key}`)
  return problems.slice(0, toldMax)
}

/** What one relay did on orders of one kind and expiry, against what the journal says left for it. */
interface RelayTally {
  readonly name: string
  readonly meter: string
  orders: number
  attempts: number
  accepted: number
  refused: number
}

/**
 * No order was carried out twice, and none that the journal does not know: orders of one meter and command differ in their expiry,
 * which the meter's log keeps.
 */
export function relayProblems(held: Held, actionsOf: ReadonlyMap<string, readonly RelayAction[]>): readonly string[] {
  const tallies = new Map<string, RelayTally>()
  const tallyOf = (meter: string, command: string, expiry: string | null): RelayTally => {
    const name = `${meter} ${command} ${expiry}`
    const tally = tallies.get(name) ?? { name, meter, orders: 0, attempts: 0, accepted: 0, refused: 0 }
    tallies.set(name, tally)
    return tally
  }
  for (const { order, attempts } of held.orders) {
    const target = relayTargetOf(order.body)
    if (target === null) continue
    const tally = tallyOf(target.meter, target.command, formatLocal(order.expiry, utcOffsetMinutes))
    tally.orders += 1
    tally.attempts += attempts
  }
  for (const [meter, actions] of actionsOf) {
    for (const action of actions) {
      if (action.cause !== 'order') continue
      const tally = tallyOf(meter, action.command, action.expiry)
      if (action.accepted) tally.accepted += 1
      else tally.refused += 1
    }
  }
  const problems = [...tallies.values()].flatMap((tally) => {
    const { name, meter, orders, attempts, accepted, refused } = tally
    const told = () => lifeOf(meter, held, actionsOf.get(meter) ?? [])
    if (orders === 0) return [`nobody ordered ${name}`, ...told()]
    if (accepted > orders) return [`carried out ${accepted} times: ${name}`, ...told()]
    if (accepted + refused > attempts) return [`the journal knows ${attempts} attempts: ${name}`, ...told()]
    return []
  })
  return problems.slice(0, toldMax)
}

/** What happened to one relay and what the journal says of it: the way to the cause. */
function lifeOf(meter: string, held: Held, actions: readonly RelayAction[]): readonly string[] {
  const ordered = held.orders.flatMap((row) => {
    const target = relayTargetOf(row.order.body)
    if (target?.meter !== meter) return []
    const { id, stage, attempts, evidence, order } = row
    const line = `${target.command} ${formatLocal(order.expiry, utcOffsetMinutes)} by ${order.origin.by}`
    return [`  order ${id}: ${line}, ${stage} after ${attempts} attempts: ${JSON.stringify(evidence)}`]
  })
  const done = actions.map((action) => {
    const { at, cause, command, accepted, refusal, expiry, contactAfter } = action
    const time = formatLocal(epochMs(at), utcOffsetMinutes).slice(11)
    return `  ${time}.${String(at % 1000).padStart(3, '0')} ${cause} ${command} ${expiry ?? ''} ${accepted ? 'accepted' : refusal}: ${contactAfter}`
  })
  return [...ordered, ...done]
}

/** Every order came to an end that the journal holds. */
export function openProblems(held: Held): readonly string[] {
  const open = held.orders.filter(({ stage }) => stage === 'journalled' || stage === 'sending' || stage === 'unknown')
  return open.map(
    ({ id, stage, order, evidence }) => `order ${id} (${order.body.kind}) is still ${stage}: ${JSON.stringify(evidence)}`,
  )
}

/** Every slot of a task ended as exactly one record, whatever was killed meanwhile. */
export function slotProblems(
  held: Held,
  task: { readonly id: string; readonly stream: 'curve' | 'freeze'; readonly cron: string },
  span: { readonly from: EpochMs; readonly to: EpochMs; readonly meters: readonly string[] },
): readonly string[] {
  const seen = new Map<string, number>()
  for (const { body } of held.records[task.stream]) {
    const point = body as unknown as PointBody
    if (point.task !== task.id) continue
    const slot = `${point.meter} ${point.slotAt}`
    seen.set(slot, (seen.get(slot) ?? 0) + 1)
  }
  const problems = [...seen].flatMap(([slot, count]) => (count === 1 ? [] : [`${count} records of ${task.id} ${slot}`]))
  if (task.stream === 'freeze') return problems.slice(0, toldMax)
  for (
    let at = nextAfter(task.cron, utcOffsetMinutes, span.from);
    at < span.to;
    at = nextAfter(task.cron, utcOffsetMinutes, at)
  ) {
    for (const meter of span.meters) if (!seen.has(`${meter} ${at}`)) problems.push(`no record of ${task.id} ${meter} ${at}`)
  }
  return problems.slice(0, toldMax)
}

function byStream<T>(of: (stream: Stream) => T): Record<Stream, T> {
  const [event, ledger, result, freeze, status, curve] = streams.map(of)
  return { event, ledger, result, freeze, status, curve } as Record<Stream, T>
}

/** As JSON has it: no keys without a value. */
const plain = (body: unknown): unknown => JSON.parse(JSON.stringify(body))
