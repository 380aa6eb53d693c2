import { monotonicMs, type MonotonicMs } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, TraceLine } from '../../src/ports/index.js'

/** One request under way. */
export interface Asked {
  readonly request: ExchangeRequest
  readonly deadline: MonotonicMs
  readonly sentAt: MonotonicMs
  /** When the last bit of the request has left, by arithmetic. */
  readonly wireEnd: MonotonicMs
  readonly firstByteBy: MonotonicMs
  /** Leading bytes may still be the request's own echo. */
  readonly mayEcho: boolean
  /** What came and was no part of the reply. */
  readonly noise: Uint8Array
}

/** `quietFrom`: since when nobody has been talking on the wire. */
export type BusState =
  | { readonly name: 'down'; readonly code: string; readonly quietFrom: MonotonicMs }
  | { readonly name: 'idle'; readonly quietFrom: MonotonicMs }
  | {
      readonly name: 'keeping-quiet'
      readonly quietFrom: MonotonicMs
      readonly request: ExchangeRequest
      readonly deadline: MonotonicMs
    }
  | { readonly name: 'broadcasting'; readonly asked: Asked }
  | { readonly name: 'awaiting-reply'; readonly asked: Asked; readonly quietFrom: MonotonicMs }
  | {
      readonly name: 'receiving'
      readonly asked: Asked
      readonly bytes: Uint8Array
      readonly firstByteAt: MonotonicMs
      readonly lastByteAt: MonotonicMs
    }

export type BusInput =
  | { readonly kind: 'exchange'; readonly request: ExchangeRequest; readonly deadline: MonotonicMs }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'timer' }
  | { readonly kind: 'write-failed'; readonly code: string }
  | { readonly kind: 'link'; readonly open: boolean; readonly code: string }

export type BusEffect =
  | { readonly kind: 'write'; readonly bytes: Uint8Array }
  | { readonly kind: 'settle'; readonly outcome: ExchangeOutcome }
  | { readonly kind: 'unsolicited'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'trace'
      readonly direction: TraceLine['direction']
      readonly bytes: Uint8Array
      readonly note: string
    }

export interface BusStep {
  readonly state: BusState
  readonly effects: readonly BusEffect[]
}

/** When time itself must be told to the bus, or null. */
export function wakeAt(state: BusState, interByteMs: number): MonotonicMs | null {
  switch (state.name) {
    case 'down':
    case 'idle':
      return null
    case 'keeping-quiet':
      return earlier(monotonicMs(state.quietFrom + state.request.quietMs), state.deadline)
    case 'broadcasting':
      return earlier(state.asked.wireEnd, state.asked.deadline)
    case 'awaiting-reply':
      return earlier(state.asked.firstByteBy, state.asked.deadline)
    case 'receiving':
      return earlier(monotonicMs(state.lastByteAt + interByteMs), state.asked.deadline)
  }
}

export const earlier = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a < b ? a : b)
export const later = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a > b ? a : b)

export function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
