/** What whoever sent a command may do after 00F2 (facts §3, 00H). */
export type DenialAction =
  | 'retry-later'
  | 'do-not-retry'
  /** A fault of ours or noise on the line. */
  | 'retry-once'
  /** This module does not know it: never ask again. */
  | 'mark-unsupported'
  | 'resynchronise-archive'
  | 'meter-fault'
  | 'back-off'
  /** The node is not in the network yet. */
  | 'wait-for-joining'
  | 'shrink-window'
  /** Fewer meter frames in one message. */
  | 'split'
  /** That meter is being read: put the request back into its queue. */
  | 'queue-per-meter'

export interface Denial {
  readonly code: number
  readonly meaning: string
  readonly action: DenialAction
}

/** The meaning of the error code of 00F2. A code that is not in the list: `unknown`, to be tried later like a timeout. */
export function denialOf(code: number): Denial {
  const [meaning, action] = denials.get(code) ?? (['unknown', 'retry-later'] as const)
  return { code, meaning, action }
}

const denials: ReadonlyMap<number, readonly [meaning: string, action: DenialAction]> = new Map([
  [0, ['timeout', 'retry-later']],
  [1, ['invalid-data-unit', 'do-not-retry']],
  [2, ['length-error', 'retry-once']],
  [3, ['checksum-error', 'retry-once']],
  [4, ['no-such-function', 'mark-unsupported']],
  [5, ['format-error', 'retry-once']],
  [6, ['meter-duplicate', 'resynchronise-archive']],
  [7, ['meter-not-in-archive', 'resynchronise-archive']],
  [8, ['meter-does-not-answer', 'meter-fault']],
  [9, ['main-node-busy', 'back-off']],
  [10, ['command-not-supported', 'mark-unsupported']],
  [11, ['node-does-not-answer', 'retry-later']],
  [12, ['node-not-in-network', 'wait-for-joining']],
  [109, ['above-concurrency-limit', 'shrink-window']],
  [110, ['too-many-meter-frames', 'split']],
  [111, ['meter-is-being-read', 'queue-per-meter']],
])
