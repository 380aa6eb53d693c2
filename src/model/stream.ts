import type { EpochMs } from './units.js'

/** The append-only streams, in the order they leave. Each record gets its number in the transaction that stores the fact. */
export const streams = ['event', 'ledger', 'result', 'freeze', 'status', 'curve'] as const
export type Stream = (typeof streams)[number]

/** A record as it leaves: a number, unique in its stream and epoch, and a body ready for JSON. */
export interface StreamRecord {
  readonly seq: number
  readonly body: Readonly<Record<string, unknown>>
}

/** What a stream holds: `lo` is the first number still held, `hi` the last one given; an empty stream has `hi` = `lo` − 1. */
export interface StreamExtent {
  readonly stream: Stream
  readonly lo: number
  readonly hi: number
}

/** Numbers that were evicted before a master had them; the master's mark may pass them. */
export interface Tombstone {
  readonly stream: Stream
  readonly first: number
  readonly count: number
  readonly reason: 'retention' | 'disk-full' | 'salvage'
  readonly at: EpochMs
}
