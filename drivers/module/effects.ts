import type { LocalTime, MeterAddress, MonotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, MeshNode, MeshReport, TraceLine } from '../../src/ports/index.js'

/** What happens to the machine. `id`s are the shell's: what is settled names them again. */
export type ModuleInput =
  | { readonly kind: 'exchange'; readonly id: number; readonly request: ExchangeRequest; readonly deadline: MonotonicMs }
  | { readonly kind: 'delay'; readonly id: number; readonly bytes: Uint8Array }
  | { readonly kind: 'nodes'; readonly nodes: readonly MeshNode[] }
  | { readonly kind: 'search'; readonly minutes: number }
  /** Hands back what waits for the module to ask for its meter. */
  | { readonly kind: 'recall'; readonly meter: MeterAddress }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'timer' }
  /** The link refused a frame; `exchange`: whose it was. */
  | { readonly kind: 'write-failed'; readonly exchange: number | null; readonly code: string }
  | { readonly kind: 'link'; readonly open: boolean; readonly code: string }

/** What the machine wants done, in this order. */
export type ModuleEffect =
  | { readonly kind: 'write'; readonly bytes: Uint8Array; readonly exchange: number | null }
  /** Nobody answers at the other end: the connection is made anew. */
  | { readonly kind: 'reopen'; readonly code: string }
  | { readonly kind: 'settle'; readonly id: number; readonly outcome: ExchangeOutcome }
  /** How long a broadcast takes; null: the module does not tell. */
  | { readonly kind: 'delay'; readonly id: number; readonly delayMs: number | null }
  | { readonly kind: 'report'; readonly report: MeshReport }
  | { readonly kind: 'state'; readonly up: boolean; readonly code: string }
  | { readonly kind: 'unsolicited'; readonly from: MeterAddress | null; readonly bytes: Uint8Array }
  | { readonly kind: 'trace'; readonly direction: TraceLine['direction']; readonly bytes: Uint8Array; readonly note: string }

export type Emit = (effect: ModuleEffect) => void

/** The site's local time now; null: not trusted. */
export type LocalClock = () => LocalTime | null

export const earliest = (...times: readonly (MonotonicMs | null)[]): MonotonicMs | null =>
  times.reduce((first, time) => (time !== null && (first === null || time < first) ? time : first), null)
