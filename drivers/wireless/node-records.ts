import type { MeterAddress, MonotonicMs } from '../../src/model/index.js'
import type { MeshNodeState } from '../../src/ports/index.js'

/** What is remembered of a node: the latest exchanges bit by bit, and since when it has been asked in vain. */
interface NodeRecord {
  asked: number
  replied: number
  lastReplyAt: MonotonicMs | null
  /** When it was asked first of all the times since its last reply. */
  vainSince: MonotonicMs | null
  vain: number
  /** The latest 16 exchanges, the youngest lowest: 1 is a reply. */
  recent: number
  /** How late it answers, beyond the way through the air; older replies count less and less. */
  lateMs: number
}

const recentMax = 16
/** Fewer exchanges say nothing. */
const judgedFrom = 4
/** A node that answers less than this share of the latest exchanges is slow. */
const goodShare = 0.5
/** A node that takes longer than this by itself is slow. @source DL/T 645-2007, 5.2: 500 ms at most, and as much again */
const lateMsMax = 1_000
const hopelessMs = 86_400_000
const hopelessTries = 10
const lateWeight = 0.25

/** Success of each node of a network that tells nothing by itself. Bounded: the node not heard of for longest is forgotten. */
export class NodeRecords {
  readonly #nodes = new Map<MeterAddress, NodeRecord>()
  readonly #nodesMax: number
  /** Exchanges that followed a failed one with the same node. */
  retries = 0

  constructor(nodesMax: number) {
    this.#nodesMax = nodesMax
  }

  /** Keeps these and no others. */
  keep(addresses: readonly MeterAddress[]): void {
    const wanted = new Set(addresses)
    for (const address of [...this.#nodes.keys()]) if (!wanted.has(address)) this.#nodes.delete(address)
    for (const address of addresses) if (!this.#nodes.has(address)) this.#put(address, fresh())
  }

  /** `lateMs`: the node's own time before its first byte; null: it did not answer. */
  count(address: MeterAddress, lateMs: number | null, now: MonotonicMs): void {
    const record = this.#nodes.get(address) ?? fresh()
    if (record.vain > 0) this.retries++
    record.asked++
    record.recent = ((record.recent << 1) | (lateMs === null ? 0 : 1)) & 0xffff
    if (lateMs === null) {
      record.vain++
      record.vainSince ??= now
    } else {
      record.lateMs = record.replied === 0 ? lateMs : record.lateMs + (lateMs - record.lateMs) * lateWeight
      record.replied++
      record.lastReplyAt = now
      record.vain = 0
      record.vainSince = null
    }
    this.#put(address, record)
  }

  states(now: MonotonicMs): readonly MeshNodeState[] {
    return [...this.#nodes].map(([address, record]) => ({
      address,
      inNetwork: record.replied > 0 && record.vain === 0 ? true : null,
      // No module passes anything on: who is heard is heard directly.
      level: record.replied > 0 ? 0 : null,
      relay: null,
      phases: [],
      quality: null,
      lastReplyAt: record.lastReplyAt,
      asked: record.asked,
      replied: record.replied,
      verdict: verdictOf(record, now),
    }))
  }

  /** The one put last stands last. */
  #put(address: MeterAddress, record: NodeRecord): void {
    this.#nodes.delete(address)
    const [oldest] = this.#nodes.keys()
    if (this.#nodes.size >= this.#nodesMax && oldest !== undefined) this.#nodes.delete(oldest)
    this.#nodes.set(address, record)
  }
}

const fresh = (): NodeRecord => ({
  asked: 0,
  replied: 0,
  lastReplyAt: null,
  vainSince: null,
  vain: 0,
  recent: 0,
  lateMs: 0,
})

/** Slow is a matter of patience; hopeless, of somebody who goes there: a day of tries brought nothing. */
function verdictOf(record: NodeRecord, now: MonotonicMs): MeshNodeState['verdict'] {
  const { asked, vain, vainSince, recent, lateMs } = record
  if (vainSince !== null && vain >= hopelessTries && now - vainSince >= hopelessMs) return 'hopeless'
  if (asked < judgedFrom) return 'unknown'
  const judged = Math.min(asked, recentMax)
  if (ones(recent) < judged * goodShare) return record.replied === 0 ? 'unknown' : 'slow'
  return lateMs > lateMsMax ? 'slow' : 'good'
}

function ones(bits: number): number {
  let count = 0
  for (let left = bits; left > 0; left >>= 1) count += left & 1
  return count
}
