/** A time from `fromMs` (true time) up to, not including, `toMs`; `Infinity` for ever. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

/** Ways in which meters of the field differ. */
export interface MeterQuirks {
  /** FE bytes in front of each answer. */
  readonly preamble: number
  /** From the end of a request to the first byte of the answer; the standard allows 20 … 500. */
  readonly replyDelayMs: { readonly min: number; readonly max: number }
  /** Keeps no freezes, or no load records: both are refused. */
  readonly noFreezes: boolean
  readonly noProfile: boolean
  /** One AA behind each block. */
  readonly trailingAa: boolean
  /** Refused relay orders get one byte of ERR (2007) or an error word (2013). */
  readonly relayRefusal: 'err' | 'word'
  /** Accepted relay orders are answered with an execution word. */
  readonly executionWord: boolean
  /** Plain relay orders are refused; the enciphered form is not simulated. */
  readonly needsSecurityChip: boolean
  readonly emptyRecords: 'refused' | 'zeros'
  /** An unsolicited 91H this often; null: never. */
  readonly heartbeatEveryMs: number | null
  readonly tripDelayMinutes: number
  /** Energy flows although the contact shows open. */
  readonly weldedRelay: boolean
  /** Data bytes of one answer; more goes into follow-up frames. */
  readonly partBytes: number
  readonly deadSpans: readonly Span[]
}

/** A meter by the book. */
export const noQuirks: MeterQuirks = {
  preamble: 4,
  replyDelayMs: { min: 20, max: 60 },
  noFreezes: false,
  noProfile: false,
  trailingAa: false,
  relayRefusal: 'err',
  executionWord: false,
  needsSecurityChip: false,
  emptyRecords: 'refused',
  heartbeatEveryMs: null,
  tripDelayMinutes: 0,
  weldedRelay: false,
  partBytes: 195,
  deadSpans: [],
}
