import type { TraceLimits } from '../link/index.js'

/** How a bus keeps time and what it holds at most. */
export interface Rs485Settings {
  /** Wire time of one byte, ms; 0 where it is not known. */
  readonly byteMs: number
  /** A longer gap within a reply means that the frame is broken. */
  readonly interByteMs: number
  /** Quiet kept after a broadcast on top of one more frame's time: meters act on it before they listen again. */
  readonly broadcastQuietMs: number
  /**
   * Timers count whole milliseconds, so the quiet before a request may end so much early or late. It is not shorter on the wire: the
   * host hears the last byte and sends the next one later than the wire does.
   */
  readonly quietToleranceMs: number
  /** Takes leading bytes that equal the request for its echo. Off for protocols whose replies repeat the request. */
  readonly cancelsEcho: boolean
  /** Bytes of one reply, noise included; more is garbled at once, so a chattering device cannot hold the bus. */
  readonly replyBytesMax: number
  readonly trace: TraceLimits
}

/** The longest gap between two bytes of a frame. @source DL/T 645-2007, 5.2: Tb ≤ 500 ms */
const gapMsMax = 500
/** @source DL/T 645-2007, 5.2: a meter takes up to 500 ms (Td) before it turns to the next request */
const turnMsMax = 500

/** Settings for a wire of `byteMs` a byte: a gap is measured from the end of one byte to the end of the next. */
export function rs485Settings(byteMs: number, overrides: Partial<Rs485Settings> = {}): Rs485Settings {
  return {
    byteMs,
    interByteMs: gapMsMax + byteMs,
    broadcastQuietMs: turnMsMax,
    quietToleranceMs: 0.5,
    cancelsEcho: true,
    replyBytesMax: 2048,
    trace: { linesMax: 512, bytesMax: 65_536 },
    ...overrides,
  }
}
