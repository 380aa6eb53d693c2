import type { Store } from '../../src/ports/index.js'
import { streams } from '../../src/model/index.js'
import type { Stream, StreamRecord } from '../../src/model/index.js'
import { ledgerHeads, takeSnapshot } from './workload.js'
import type { Snapshot, Workload } from './workload.js'

/** The undisturbed run: what was in the store after each acknowledged command, and every record at the end. */
export interface Truth {
  readonly snapshots: readonly string[]
  readonly records: ReadonlyMap<Stream, readonly string[]>
}

export type Verdict =
  | { readonly kind: 'good'; readonly at: number }
  /** Something that was acknowledged is gone. */
  | { readonly kind: 'lost'; readonly what: string }
  /** What is there is not what was written: half, doubled, changed, or not to be opened. */
  | { readonly kind: 'wrong'; readonly what: string }

/** Compares a store after a power cut with the truth, before anything else happens to it; then starts work on it. */
export async function judge(store: Store, truth: Truth, acknowledged: number, workload: Workload): Promise<Verdict> {
  const { health } = await store.run('health', {})
  if (health.state !== 'opened') return { kind: 'wrong', what: `the store was ${health.state}` }
  const changed = await changedRecord(store, truth)
  if (changed !== null) return { kind: 'wrong', what: changed }
  const found = JSON.stringify(await takeSnapshot(store, await ledgerHeads(store)))
  const at = truth.snapshots.lastIndexOf(found)
  if (at < 0) return { kind: 'wrong', what: `no command left the store like this: ${found}` }
  if (at < acknowledged) return { kind: 'lost', what: difference(found, truth.snapshots[acknowledged] ?? '{}') }
  const broken = await brokenAccount(store, workload)
  return broken === null ? { kind: 'good', at } : { kind: 'wrong', what: broken }
}

/** Every record of every stream as text, in order. */
export async function allRecords(store: Store, stream: Stream): Promise<readonly string[]> {
  const found: string[] = []
  for (;;) {
    const { records } = await store.run('read-stream', { stream, first: found.length + 1, maxCount: 2000, maxBytes: 2 ** 30 })
    if (records.length === 0) return found
    found.push(...records.map((record: StreamRecord) => JSON.stringify(record)))
  }
}

async function changedRecord(store: Store, truth: Truth): Promise<string | null> {
  for (const stream of streams) {
    const original = truth.records.get(stream) ?? []
    const found = await allRecords(store, stream)
    const bad = found.findIndex((record, index) => record !== original[index])
    if (bad >= 0) return `${stream} ${bad + 1} is ${found[bad]} and was ${original[bad]}`
  }
  return null
}

async function brokenAccount(store: Store, { load }: Workload): Promise<string | null> {
  const { moneySafe } = await store.run('configure', { parameters: load.parameters, stamp: load.stamp() })
  if (!moneySafe) return 'chains or sums do not hold'
  const { accounts } = await store.run('accounts', {})
  for (const { account } of accounts) {
    const { entries } = await store.run('entries', { account: account.id, first: 1, count: 1_000_000 })
    const sum = entries.reduce((total, entry) => total + entry.amount, 0n)
    if (sum !== account.balance) return `${account.id} has ${account.balance}, its entries add up to ${sum}`
  }
  return null
}

function difference(found: string, promised: string): string {
  const [has, should] = [JSON.parse(found) as Snapshot, JSON.parse(promised) as Snapshot]
  const gone = Object.entries(should.streams).flatMap(([stream, hi]) => {
    const lost = hi - (has.streams[stream] ?? 0)
    return lost > 0 ? [`${lost} of ${stream}`] : []
  })
  return gone.length === 0 ? 'a word about an order' : gone.join(', ')
}
