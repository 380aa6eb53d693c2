import type { MeterAddress, MonotonicMs } from '../model/index.js'
import type { MeshNetwork } from './mesh.js'

/**
 * Says what the bytes received so far are. Made by a protocol for one request, so it takes only the reply to that
 * request for a frame; an echo, a late reply or another meter's frame is noise. Pure: same bytes, same answer.
 */
export type Scanner = (bytes: Uint8Array) => ScanResult
export type ScanResult =
  | { readonly kind: 'incomplete' }
  /** Give up the first `skip` bytes (at least 1) and look again. */
  | { readonly kind: 'noise'; readonly skip: number }
  /** A whole frame stands at the start. */
  | { readonly kind: 'frame'; readonly length: number }

export interface ExchangeRequest {
  readonly to: MeterAddress | 'all'
  readonly bytes: Uint8Array
  /** Reads of the same meter that may travel with it, fewer than `framesAtOnce`; the medium takes as many as it can. */
  readonly along?: readonly { readonly bytes: Uint8Array; readonly reply: Scanner }[]
  /** What the trace shows in place of `bytes`, where those carry credentials; absent: they carry none. */
  readonly traced?: Uint8Array
  /** It may change something at the meter: no medium sends it twice. What carries credentials is taken for one in any case. */
  readonly isWrite?: boolean
  /** `none`: a broadcast; the bus keeps quiet afterwards and nothing is awaited. */
  readonly reply: Scanner | 'none'
  /** Silence kept on the wire before the request leaves. */
  readonly quietMs: number
  /** From the end of the request to the first byte of the reply. A medium with a pace of its own keeps its own deadlines. */
  readonly firstByteMs: number
  /** Somebody waits for it: a medium that lines requests up takes it first. */
  readonly isUrgent?: boolean
}

/**
 * Why a medium that works did not carry an exchange to its meter, while it carries others. `not-carried`: its module refuses the
 * meter, or what it is asked; `not-joined`: the meter is not in its network; `later`: there was no place for it now.
 */
export type Hindrance = 'not-carried' | 'not-joined' | 'later'

export type ExchangeOutcome =
  | {
      readonly kind: 'reply'
      readonly frame: Uint8Array
      readonly firstByteMs: number
      readonly totalMs: number
      readonly noiseBytes: number
      /** Replies to what travelled along, in its order; null: none came. */
      readonly along?: readonly (Uint8Array | null)[]
    }
  | { readonly kind: 'sent' }
  /** No byte of the meter arrived in time. */
  | { readonly kind: 'silent' }
  /** Bytes arrived but never the frame; what came is kept for the trace. */
  | { readonly kind: 'garbled'; readonly bytes: Uint8Array }
  /**
   * The request never left, or the link went away under it; `sent` says whether it may have reached the meter. With a `hindrance` it
   * says nothing of the bus: others are carried.
   */
  | { readonly kind: 'bus-down'; readonly code: string; readonly sent: boolean; readonly hindrance?: Hindrance }

/** What a medium can do; a module's are learned when it starts, so they may change. */
export interface BusCapabilities {
  /** Exchanges under way at a time, never two with one meter; a broadcast is under way alone. */
  readonly concurrency: number
  /** The longest reply of a meter that it carries, bytes; absent: any. */
  readonly replyBytesMax?: number
  /** Frames that one exchange may carry to one meter; absent: one. */
  readonly framesAtOnce?: number
  readonly broadcast: boolean
  readonly routing: boolean
  /** How long one exchange may take at most, ms; absent: the runner's own limit for wires. */
  readonly exchangeMsMax?: number
  /** Wire time of one byte, ms; absent or 0: the medium has no such pace. */
  readonly byteMs?: number
  /** What the site calls the medium, for statistics: `rs485`, `hplc`; absent: the name of its driver. */
  readonly medium?: string
}

/** A medium: carries one request to one meter (or to all) and brings its reply. */
export interface Bus {
  readonly capabilities: BusCapabilities
  /** The network behind a local module; absent where meters hang on the wire itself. */
  readonly network?: MeshNetwork
  /**
   * Never rejects: what can go wrong on a wire is an outcome. Settles by `deadline` at the latest. More exchanges at a time than
   * `capabilities.concurrency` are refused with `bus-down`, code `busy`, not sent.
   */
  exchange(request: ExchangeRequest, deadline: MonotonicMs): Promise<ExchangeOutcome>
  /** Bytes that belong to no exchange. Every handler given is told, here and in `onState`. */
  onUnsolicited(handler: (from: MeterAddress | null, bytes: Uint8Array) => void): void
  /** Whether requests can leave now; `onState` tells each change. */
  readonly isUp: () => boolean
  onState(handler: (up: boolean, code: string) => void): void
  /** The latest raw bytes, oldest first, bounded. */
  trace(): readonly TraceLine[]
  close(): Promise<void>
}

export interface TraceLine {
  readonly at: MonotonicMs
  readonly direction: 'out' | 'in' | 'noise' | 'echo' | 'state'
  readonly bytes: Uint8Array
  readonly note: string
}

/** Outgoing control lines of a serial port: `true` is asserted, which is a low pin on most TTL adapters. */
export interface ModemLines {
  readonly dtr: boolean
  readonly rts: boolean
}

/** Bytes in and out of one physical channel. Never queues: a write to a link that is not open is refused. */
export interface Link {
  readonly isOpen: () => boolean
  /** Wire time of one byte, ms; 0 where the link has no pace of its own (TCP). */
  readonly byteMs: number
  write(bytes: Uint8Array): { readonly ok: true } | { readonly ok: false; readonly code: string }
  /** Never rejects; `no-lines` where the channel has none (TCP, a terminal). A port that is opened anew has both asserted. */
  setLines?(lines: ModemLines): Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }>
  onBytes(handler: (bytes: Uint8Array) => void): void
  onState(handler: (open: boolean, code: string) => void): void
  /**
   * Whoever uses the link looks by itself whether anybody is there: silence alone is not taken for a loss any more. `reopen` drops
   * the channel and opens it anew, where that may help (a connection; not a wire).
   */
  supervise?(): { readonly reopen: (code: string) => void }
  /** Opens and keeps reopening with back-off until closed. */
  start(): void
  close(): Promise<void>
}
