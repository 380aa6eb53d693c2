import { monotonicMs, type InputError, type MeterAddress, type MonotonicMs, type Result } from '../../src/model/index.js'
import type { ExchangeOutcome, ExchangeRequest, MeshReport, ModemLines, TraceLine } from '../../src/ports/index.js'
import { freshBudget, type AirBudget } from './air-budget.js'
import type { AirPace } from './air-time.js'
import type { RadioParameters } from './radio-parameters.js'
import type { RadioSettings } from './radio-settings.js'

/** One request under way. */
export interface Asked {
  readonly request: ExchangeRequest
  readonly deadline: MonotonicMs
  readonly sentAt: MonotonicMs
  /** When the last packet has gone through the air, by arithmetic. */
  readonly airEnd: MonotonicMs
  /** When the meter has heard the last byte. */
  readonly heardAt: MonotonicMs
  /** The request itself is not through the air before: bytes that come belong to something else. */
  readonly noReplyBefore: MonotonicMs
  readonly firstByteBy: MonotonicMs
  /** What came and was no part of the reply. */
  readonly noise: Uint8Array
  /** Bytes that came too early; they are not looked at. */
  readonly earlyBytes: number
}

/** Since when nobody has been talking, as far as we hear. */
export interface Quiet {
  readonly from: MonotonicMs
  readonly heardAt: MonotonicMs
  /** Bytes heard without a pause, unasked. */
  readonly burstBytes: number
}

/** On the way to the modem's parameters and back. */
export type ConfigurationStep =
  | { readonly name: 'entering' }
  | { readonly name: 'settling'; readonly until: MonotonicMs }
  | { readonly name: 'asking'; readonly attempt: number; readonly until: MonotonicMs }
  /** Six bytes came; only the silence after them says that there were no more. */
  | {
      readonly name: 'confirming'
      readonly attempt: number
      readonly until: MonotonicMs
      readonly answer: Result<RadioParameters, InputError>
    }
  | { readonly name: 'leaving' }
  | { readonly name: 'settling-back'; readonly until: MonotonicMs }

export type LineState =
  | { readonly name: 'down'; readonly code: string }
  | { readonly name: 'configuring'; readonly step: ConfigurationStep }
  | { readonly name: 'idle'; readonly quiet: Quiet }
  | {
      readonly name: 'waiting'
      readonly quiet: Quiet
      readonly request: ExchangeRequest
      readonly deadline: MonotonicMs
      readonly since: MonotonicMs
      readonly until: MonotonicMs
    }
  | { readonly name: 'broadcasting'; readonly asked: Asked }
  | { readonly name: 'awaiting-reply'; readonly asked: Asked }
  | {
      readonly name: 'receiving'
      readonly asked: Asked
      readonly bytes: Uint8Array
      readonly firstByteAt: MonotonicMs
      readonly lastByteAt: MonotonicMs
    }

/** What is known of the modem's own settings. */
export type ParameterCheck =
  | { readonly kind: 'not-read' }
  | { readonly kind: 'unreadable'; readonly error: InputError }
  | { readonly kind: 'read'; readonly parameters: RadioParameters; readonly differences: readonly InputError[] }

export interface AirTotals {
  readonly sentMs: number
  readonly heardMs: number
  readonly packetsSent: number
  readonly packetsHeard: number
  readonly refused: number
}

export interface RadioState {
  readonly line: LineState
  readonly check: ParameterCheck
  /** As the modem told, or as configured. */
  readonly pace: AirPace
  readonly budget: AirBudget
  readonly totals: AirTotals
}

export type RadioInput =
  | { readonly kind: 'exchange'; readonly request: ExchangeRequest; readonly deadline: MonotonicMs }
  /** Hands back what waits for air time or quiet. */
  | { readonly kind: 'recall'; readonly meter: MeterAddress }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'timer' }
  | { readonly kind: 'write-failed'; readonly code: string }
  | { readonly kind: 'link'; readonly open: boolean; readonly code: string }
  | { readonly kind: 'lines-set'; readonly ok: boolean; readonly code: string }
  /** Six bytes in configuration mode, or fewer and then silence. */
  | { readonly kind: 'answer'; readonly bytes: Uint8Array }
  | { readonly kind: 'answer-broken'; readonly bytes: number }

export type RadioEffect =
  | { readonly kind: 'write'; readonly bytes: Uint8Array }
  | { readonly kind: 'set-lines'; readonly lines: ModemLines }
  | { readonly kind: 'settle'; readonly request: ExchangeRequest; readonly outcome: ExchangeOutcome }
  | { readonly kind: 'unsolicited'; readonly bytes: Uint8Array }
  | { readonly kind: 'report'; readonly report: MeshReport }
  | {
      readonly kind: 'trace'
      readonly direction: TraceLine['direction']
      readonly bytes: Uint8Array
      readonly note: string
    }

export interface RadioStep {
  readonly state: RadioState
  readonly effects: readonly RadioEffect[]
}

/** What the machine needs besides its state. */
export interface RadioWorld {
  readonly settings: RadioSettings
  /** Of our own modem's wire, ms a byte; 0 where it is not known. */
  readonly byteMs: number
  readonly now: MonotonicMs
}

export function startedState(settings: RadioSettings, code: string): RadioState {
  return {
    line: { name: 'down', code },
    check: { kind: 'not-read' },
    pace: settings.pace,
    budget: freshBudget,
    totals: { sentMs: 0, heardMs: 0, packetsSent: 0, packetsHeard: 0, refused: 0 },
  }
}

/** When time itself must be told to the machine, or null. */
export function wakeAt(line: LineState, packetGapMs: number): MonotonicMs | null {
  switch (line.name) {
    case 'down':
    case 'idle':
      return null
    case 'configuring':
      return 'until' in line.step ? line.step.until : null
    case 'waiting':
      return earlier(line.until, line.deadline)
    case 'broadcasting':
      return earlier(line.asked.airEnd, line.asked.deadline)
    case 'awaiting-reply':
      return earlier(line.asked.firstByteBy, line.asked.deadline)
    case 'receiving':
      return earlier(monotonicMs(line.lastByteAt + packetGapMs), line.asked.deadline)
  }
}

export const earlier = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a < b ? a : b)
export const later = (a: MonotonicMs, b: MonotonicMs): MonotonicMs => (a > b ? a : b)
export const after = (from: MonotonicMs, ms: number): MonotonicMs => monotonicMs(from + ms)
export const quietSince = (from: MonotonicMs): Quiet => ({ from, heardAt: from, burstBytes: 0 })
