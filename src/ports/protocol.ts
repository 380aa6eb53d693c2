import type { InputError, LocalTime, MeterAddress, RegisterValue, RelayCommand, Result, Retry } from '../model/index.js'
import type { Scanner } from './bus.js'

/** A request that may travel with the one before it. */
export interface AheadRead {
  readonly bytes: Uint8Array
  readonly reply: Scanner | 'none'
}

/** What a session wants next: one exchange, or it is finished. */
export type Effect<T> =
  | {
      readonly kind: 'exchange'
      readonly to: MeterAddress | 'all'
      readonly bytes: Uint8Array
      /** What traces may show in place of `bytes`: credentials blanked, or `bytes` itself. A write without it is not shown at all. */
      readonly traced?: Uint8Array
      readonly reply: Scanner | 'none'
      /** The meter forgets the dialogue when anybody else is asked in between (follow-up frames). */
      readonly holdsBus: boolean
      /** A write: never repeated by anyone. */
      readonly isWrite: boolean
      /** What it says is true now alone: it may not wait on a medium that lines requests up. */
      readonly isTimed?: boolean
      /**
       * Reads of the same meter that the session asks for next, whatever comes of this one, and whose answers need no dialogue. A medium that
       * carries several frames to a meter at a time may take them along.
       */
      readonly ahead?: () => readonly AheadRead[]
    }
  | { readonly kind: 'settled'; readonly outcome: T }

export type SessionInput =
  | { readonly kind: 'reply'; readonly frame: Uint8Array }
  | { readonly kind: 'sent' }
  | { readonly kind: 'silent' }
  | { readonly kind: 'garbled'; readonly bytes: Uint8Array }
  | { readonly kind: 'bus-down'; readonly sent: boolean }
  /** A chain that held the bus was interrupted by something more urgent: start the chain again. */
  | { readonly kind: 'yielded' }

/** A step machine without I/O: its present effect, and the machine that follows an input. Pure: stepping never changes `this`. */
export interface Session<T> {
  readonly effect: Effect<T>
  step(input: SessionInput): Session<T>
}

export interface RegisterRequest {
  /** In the protocol's own notation: for DL/T 645-2007, eight hexadecimal digits, high byte first. */
  readonly register: string
  /** Load record: records from this local time on, at most `count`. */
  readonly from?: LocalTime
  readonly count?: number
}

export interface ReadPlan {
  readonly address: MeterAddress
  readonly registers: readonly RegisterRequest[]
  /** How often one read is repeated after silence or garbled bytes, beyond the first try. */
  readonly repeats: number
  /** The longest reply that the way to the meter carries, bytes; absent: as long as the protocol has them. */
  readonly replyBytesMax?: number | undefined
}

export type ReadErrorCode = 'no-reply' | 'garbled' | 'refused' | 'invalid' | 'bus-down' | 'unsupported'
export interface ReadError {
  readonly code: ReadErrorCode
  readonly retry: Retry
  /** For `refused`: the names of the error bits. */
  readonly errors: readonly string[]
  readonly message: string
  /** The reply that caused it, when there is one, hexadecimal. */
  readonly frame: string | null
}

export type ReadOutcome =
  | {
      readonly register: string
      readonly ok: true
      readonly values: readonly RegisterValue[]
      readonly records: readonly LoadRecord[]
    }
  | { readonly register: string; readonly ok: false; readonly error: ReadError }

/** One record of a meter's load profile. */
export interface LoadRecord {
  readonly at: LocalTime
  readonly values: readonly RegisterValue[]
}

/** The credentials a relay order or a write carries; they stay out of logs, traces and errors. */
export interface WriteCredentials {
  /** Level and three password bytes in logical order, hexadecimal: `02` + `123456`. */
  readonly password: string
  /** Four bytes, hexadecimal. */
  readonly operator: string
}

export interface RelayRequest {
  readonly address: MeterAddress
  readonly command: RelayCommand
  readonly credentials: WriteCredentials
  /** In the meter's own local time; after it the meter refuses. */
  readonly expiry: LocalTime
}

export type RelayOutcome =
  /** The meter took the order; whether the relay moved is another question. */
  | { readonly kind: 'accepted'; readonly frame: string; readonly detail: readonly string[] }
  | { readonly kind: 'refused'; readonly errors: readonly string[]; readonly needsSecurityChip: boolean; readonly frame: string }
  /** Sent, but no usable answer: it may or may not have acted. */
  | { readonly kind: 'unknown'; readonly reason: 'no-reply' | 'garbled' | 'bus-down' }
  /** It certainly did not leave. */
  | { readonly kind: 'not-sent' }

export type RelayState =
  | {
      readonly kind: 'known'
      readonly contact: 'closed' | 'open'
      readonly command: 'close' | 'trip'
      readonly alarm: boolean
      readonly protected: boolean
      readonly word: string
    }
  | { readonly kind: 'unreadable'; readonly error: ReadError }

/** Addresses with wildcards: a pattern means all meters whose address it matches. */
export interface AddressSearch {
  /** The pattern that every meter matches. */
  readonly all: string
  /** Patterns that together match what this one does, none of them twice; empty: it names one address. */
  readonly parts: (pattern: string) => readonly string[]
  readonly matches: (pattern: string, address: MeterAddress) => boolean
  /** Asks all meters of a pattern at once. */
  readonly ask: (pattern: string) => Session<SearchOutcome>
}

export type SearchOutcome =
  | { readonly kind: 'one'; readonly address: MeterAddress }
  | { readonly kind: 'none' }
  /** Bytes came, but no whole answer: several meters spoke at once. */
  | { readonly kind: 'several' }
  | { readonly kind: 'bus-down' }

/** One thing that a meter reports. */
export interface ReportedItem {
  /** In the protocol's notation; a column of a record is `record:column`. */
  readonly register: string
  /** As people read them, units behind. */
  readonly values: readonly string[]
  /** Why there are none, by the protocol's name for it. */
  readonly error?: string
}

/** What a meter said unasked. */
export interface MeterReport {
  /** The meter's address as displayed. */
  readonly from: string
  readonly items: readonly ReportedItem[]
  /** To be sent back; the meter repeats the report until it comes. */
  readonly confirmation: Uint8Array
}

/** One meter protocol, without I/O: turns plans into request bytes and reply bytes into outcomes. */
export interface MeterProtocol {
  readonly name: string
  readonly read: (plan: ReadPlan) => Session<readonly ReadOutcome[]>
  /** Validates a register's notation before it is asked. */
  readonly checkRegister: (register: string) => Result<string, InputError>
  readonly checkAddress: (address: string) => Result<MeterAddress, InputError>
  readonly relay?: {
    readonly order: (request: RelayRequest) => Session<RelayOutcome>
    readonly state: (address: MeterAddress, repeats: number) => Session<RelayState>
  }
  readonly clock?: {
    readonly read: (address: MeterAddress, repeats: number) => Session<Result<LocalTime, ReadError>>
    /** To one meter or to all; no answer exists. */
    readonly broadcast: (time: LocalTime, to: MeterAddress | 'all') => Session<'sent' | 'not-sent'>
  }
  /** Looks for meters whose addresses nobody knows; absent: the protocol has no addresses that mean several meters. */
  readonly search?: AddressSearch
  /** Asks the single connected meter for its address. */
  readonly find?: (repeats: number) => Session<Result<MeterAddress, ReadError>>
  /** Reads a whole frame that came unasked; absent: meters report nothing. @returns code `no-report` when it is a frame of another kind */
  readonly report?: (frame: Uint8Array) => Result<MeterReport, InputError>
  /** The displayed address of the meter that sent a whole frame; null: no meter did. */
  readonly speakerOf?: (frame: Uint8Array) => string | null
  /** Any whole frame of this protocol, for decoding captures and unsolicited bytes. */
  readonly scanner: () => Scanner
}
