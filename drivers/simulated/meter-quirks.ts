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
  /** Plain relay orders, and with DL/T 698.45 all plain writes, are refused; the enciphered form is not simulated. */
  readonly needsSecurityChip: boolean
  /** DL/T 698.45: reads want a random number and are answered with a MAC; only address and clock are read plainly. */
  readonly needsRandomNumber: boolean
  /** DL/T 698.45: a list of objects is refused by an error, or not answered at all. */
  readonly lists: 'answered' | 'refused' | 'ignored'
  /** DL/T 698.45: longer answers come in blocks that are fetched by GET next, instead of in pieces. */
  readonly answersInBlocks: boolean
  /** DL/T 645-1997: answers a wildcard with the wildcard in place of its own address. */
  readonly echoesWildcard: boolean
  readonly emptyRecords: 'refused' | 'zeros'
  /** An unsolicited 91H this often; null: never. */
  readonly heartbeatEveryMs: number | null
  readonly tripDelayMinutes: number
  /** Energy flows although the contact shows open. */
  readonly weldedRelay: boolean
  /** DL/T 645: data bytes of one answer; more goes into follow-up frames. */
  readonly partBytes: number
  /** DL/T 698.45: bytes of the APDU in one frame; more goes into pieces or blocks. */
  readonly pieceBytes: number
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
  needsRandomNumber: false,
  lists: 'answered',
  answersInBlocks: false,
  echoesWildcard: false,
  emptyRecords: 'refused',
  heartbeatEveryMs: null,
  tripDelayMinutes: 0,
  weldedRelay: false,
  partBytes: 195,
  pieceBytes: 960,
  deadSpans: [],
}
