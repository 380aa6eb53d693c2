import { ByteLengthParser } from '@serialport/parser-byte-length'
import type { Timers } from '../../src/ports/index.js'

export interface FixedLengthOptions {
  readonly lengthBytes: number
  /** A pause of so long ends whatever was begun: the next byte starts a new reply. */
  readonly silenceMs: number
  readonly timers: Timers
  readonly onReply: (reply: Uint8Array) => void
  /** A reply broke off after so many bytes. */
  readonly onBroken: (bytes: number) => void
}

export interface FixedLengthReader {
  push(bytes: Uint8Array): void
  close(): void
}

/**
 * Cuts a stream into replies of one length, as radio modules and card readers send them. The parser never finds its way back after
 * a lost byte, so each silence discards it and the next byte gets a new one.
 */
export function fixedLengthReader(options: FixedLengthOptions): FixedLengthReader {
  const { lengthBytes, silenceMs, timers, onReply, onBroken } = options
  let parser: ByteLengthParser | null = null
  let begunBytes = 0
  let cancelSilence = (): void => {}
  const reset = (): void => {
    cancelSilence()
    parser?.removeAllListeners().destroy()
    parser = null
    if (begunBytes > 0) onBroken(begunBytes)
    begunBytes = 0
  }
  return {
    push: (bytes) => {
      cancelSilence()
      parser ??= new ByteLengthParser({ length: lengthBytes }).on('data', (reply: Buffer) => onReply(Uint8Array.from(reply)))
      begunBytes = (begunBytes + bytes.length) % lengthBytes
      parser.write(Buffer.from(bytes))
      cancelSilence = timers.after(silenceMs, reset)
    },
    close: reset,
  }
}
