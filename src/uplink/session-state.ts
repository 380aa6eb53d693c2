import type { EventFact, MonotonicMs, Stream, StreamExtent, StreamRecord, Tombstone } from '../model/index.js'
import type { Batch, Sender, Wanted } from '../outbox/index.js'
import type { BackOffSettings } from './back-off.js'
import type { AckMessage } from './messages.js'
import type { Topics } from './topics.js'

/** What one session is told once. Times in ms, sizes in bytes. */
export interface SessionSettings {
  readonly topics: Topics
  readonly master: string
  readonly software: string
  /** How many brokers there are; they are tried in order, the first is the main one. */
  readonly brokerCount: number
  readonly backOff: BackOffSettings
  /** A connection that lived this long counts as good: the next failure starts from the first pause and the main broker. */
  readonly stableAfterMs: number
  /** After so long on a backup broker, and with nothing under way, the main one is tried again. */
  readonly returnAfterMs: number
  /** From the start of a connection to its CONNACK, and again to its SUBACK; then it is given up. */
  readonly connectMs: number
  readonly window: {
    readonly startBytes: number
    readonly maxBytes: number
    readonly minBytes: number
    /** While an order is in progress, so that its result waits behind little. */
    readonly orderBytes: number
    /** How long after an order came in. */
    readonly orderMs: number
  }
  readonly batchBytesMax: number
  readonly batchBytesMin: number
  readonly batchCountMax: number
  /** Without progress for the larger of this and 4 round trips, everything goes again from the master's mark. */
  readonly progressMinMs: number
  /** Without a PUBACK for the larger of this and 8 round trips, the connection is dead. */
  readonly stallMinMs: number
  /** Pause between greetings that no master answers: doubles from the first to the second. */
  readonly helloFirstMs: number
  readonly helloMaxMs: number
  /** A new epoch is opened at most this often; a second reason within it is an event only. */
  readonly renewPauseMs: number
}

/** What the store says of itself for a greeting. */
export interface Facts {
  readonly epoch: number
  readonly extents: readonly StreamExtent[]
  readonly tombstones: readonly Tombstone[]
  readonly counters: Readonly<Record<string, number>>
  readonly parameters: string
}

/** A message the broker has not confirmed yet; `batch` null: a greeting or a state. */
export interface Unconfirmed {
  readonly id: number
  readonly at: MonotonicMs
  readonly batch: Batch | null
}

/** An open connection. */
export interface Connection {
  readonly since: MonotonicMs
  /** The retained state was published. */
  readonly isAnnounced: boolean
  readonly receiveMax: number
  readonly packetMax: number
  /** Oldest first. */
  readonly unconfirmed: readonly Unconfirmed[]
}

export type Phase =
  | { readonly name: 'stopped' }
  | { readonly name: 'waiting'; readonly until: MonotonicMs }
  | { readonly name: 'connecting'; readonly until: MonotonicMs }
  | { readonly name: 'subscribing'; readonly connection: Connection; readonly until: MonotonicMs }
  /** The store opens a new epoch. */
  | { readonly name: 'renewing'; readonly connection: Connection }
  /** Hello is sent again and again until the master answers with its marks. */
  | { readonly name: 'greeting'; readonly connection: Connection; readonly hellos: number; readonly againAt: MonotonicMs }
  | Online
  /** The last state is on its way out. */
  | { readonly name: 'stopping'; readonly connection: Connection; readonly lastId: number; readonly until: MonotonicMs }

export interface Online {
  readonly name: 'online'
  readonly connection: Connection
  readonly sender: Sender
  /** What the store is reading for us, by the number of the question; null: nothing. */
  readonly reading: { readonly id: number; readonly wanted: Extract<Wanted, { kind: 'records' }> } | null
  /** A read that did not begin where it should: the extents are asked again before anything else is read. */
  readonly missing: { readonly stream: Stream; readonly first: number } | null
  readonly refreshing: boolean
  /** How often in a row everything went again without a mark moving. */
  readonly fruitless: number
}

/** The record at the head of the last closed connection, and how often in a row it was there. */
export interface Suspect {
  readonly stream: Stream
  readonly first: number
  readonly closes: number
}

/** One master's session. Immutable; nothing in it grows with the backlog. */
export interface Session {
  readonly phase: Phase
  /** Counts connections; answers that belong to an older one are dropped. */
  readonly generation: number
  readonly broker: number
  /** Rounds over all brokers that failed in a row. */
  readonly failures: number
  readonly facts: Facts | null
  readonly windowBytes: number
  readonly batchBytesMax: number
  readonly roundTripMs: number
  readonly suspect: Suspect | null
  /** A record that no packet can hold; it is announced as a gap. */
  readonly unsendable: { readonly stream: Stream; readonly first: number } | null
  readonly orderUntil: MonotonicMs | null
  readonly renewedAt: MonotonicMs | null
  /** Ranges asked for while no master was there. */
  readonly replays: readonly ReplayRange[]
  readonly nextId: number
  readonly lastError: string | null
  readonly changedAt: MonotonicMs
  readonly reconnects: number
}

export interface ReplayRange {
  readonly stream: Stream
  readonly first: number
  readonly count: number
}

export type Input =
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Time has passed. */
  | { readonly kind: 'wake' }
  /** The network came back: waiting is over. */
  | { readonly kind: 'link-up' }
  | { readonly kind: 'appended'; readonly ends: readonly { readonly stream: Stream; readonly hi: number }[] }
  | ({ readonly kind: 'replay' } & ReplayRange)
  | { readonly kind: 'opened'; readonly generation: number; readonly receiveMax: number; readonly packetMax: number }
  | { readonly kind: 'subscribed'; readonly generation: number }
  | { readonly kind: 'closed'; readonly generation: number; readonly code: string }
  | { readonly kind: 'confirmed'; readonly generation: number; readonly id: number; readonly error: string | null }
  | { readonly kind: 'ack'; readonly generation: number; readonly ack: AckMessage }
  | { readonly kind: 'order'; readonly generation: number }
  | { readonly kind: 'facts'; readonly generation: number; readonly facts: Facts }
  | { readonly kind: 'records'; readonly generation: number; readonly id: number; readonly records: readonly StreamRecord[] }
  | { readonly kind: 'renewed'; readonly generation: number }

export type Effect =
  | { readonly kind: 'connect'; readonly broker: number }
  /** `good` says goodbye, otherwise the socket is destroyed. */
  | { readonly kind: 'close'; readonly good: boolean }
  | { readonly kind: 'subscribe' }
  | { readonly kind: 'publish'; readonly id: number; readonly topic: string; readonly payload: string }
  /** The retained state; the shell knows the rest of its text. */
  | { readonly kind: 'publish-state'; readonly id: number; readonly online: boolean }
  | { readonly kind: 'load' }
  | {
      readonly kind: 'read'
      readonly id: number
      readonly stream: Stream
      readonly first: number
      readonly maxCount: number
      readonly maxBytes: number
    }
  | {
      readonly kind: 'acknowledge'
      readonly epoch: number
      readonly marks: readonly { readonly stream: Stream; readonly upTo: number }[]
    }
  | { readonly kind: 'renew'; readonly reason: string }
  | { readonly kind: 'event'; readonly event: EventFact }
  | { readonly kind: 'note'; readonly event: string; readonly fields: Readonly<Record<string, unknown>> }

export interface Step {
  readonly session: Session
  readonly effects: readonly Effect[]
}

/** What every step may look at: the settings, the present, and a number in [0, 1) for whoever needs one. */
export interface Context {
  readonly settings: SessionSettings
  readonly now: MonotonicMs
  readonly random: number
}

/** A session that is delivering. */
export type OnlineSession = Session & { readonly phase: Online }

/** A good default for GPRS; a LAN only needs larger windows. */
export const defaultSessionSettings = {
  backOff: { firstMs: 5_000, maxMs: 900_000 },
  stableAfterMs: 300_000,
  returnAfterMs: 3_600_000,
  connectMs: 30_000,
  window: { startBytes: 8_192, maxBytes: 16_384, minBytes: 4_096, orderBytes: 4_096, orderMs: 30_000 },
  batchBytesMax: 4_096,
  batchBytesMin: 512,
  batchCountMax: 400,
  progressMinMs: 10_000,
  stallMinMs: 60_000,
  helloFirstMs: 10_000,
  helloMaxMs: 900_000,
  renewPauseMs: 3_600_000,
} as const
