import { splitFrames, type FrameSplitter } from '../wire/frame-splitter.js'
import type { Scanner, ScanResult } from '../../ports/index.js'
import { byteAt } from '../wire/bytes.js'
import {
  countWakeUp,
  decodeFrame,
  endByte,
  endsWithCrc,
  headerBytes,
  headerOf,
  startByte,
  wakeUpByte,
  type DecodedFrame,
  type Header,
} from './codec.js'

/** Wake-up bytes that are taken with a frame; of a longer run the first ones are noise. */
export const wakeUpBytesMax = 16

/** Which frames a scanner wants: judged by the header as soon as its check is right, and by the whole. */
export interface Wanted {
  readonly header: (header: Header) => boolean
  readonly frame: (frame: DecodedFrame) => boolean
}

/** Any whole frame, of a client or of a server, with the wake-up bytes in front of it. */
export const anyFrameScanner: Scanner = scannerFor({ header: () => true, frame: () => true })

/**
 * Only the frames that are wanted; all others are noise.
 *
 * A false start gives up one byte: 68, then a header whose check (HCS) is wrong. Where that is right the length is believed: a frame
 * whose own check (FCS) is wrong but whose end byte stands in its place is skipped as a whole (facts §5.15). Where no end byte stands
 * there, bytes were lost, and a true frame may begin inside.
 */
export function scannerFor(wanted: Wanted): Scanner {
  return (bytes) => scan(bytes, wanted)
}

function scan(bytes: Uint8Array, wanted: Wanted): ScanResult {
  const preamble = countWakeUp(bytes)
  if (preamble > wakeUpBytesMax) return { kind: 'noise', skip: preamble - wakeUpBytesMax }
  const frame = bytes.subarray(preamble)
  if (frame.length === 0) return { kind: 'incomplete' }
  if (frame[0] !== startByte) return { kind: 'noise', skip: preamble + noiseLength(frame) }
  const falseStart: ScanResult = { kind: 'noise', skip: preamble + 1 }
  const headerEnd = headerBytes(frame)
  if (frame.length < headerEnd) return { kind: 'incomplete' }
  if (!endsWithCrc(frame.subarray(1, headerEnd))) return falseStart
  const header = headerOf(frame)
  const total = header.length + 2
  if (total < headerEnd + 3 || !wanted.header(header)) return falseStart
  if (frame.length < total) return { kind: 'incomplete' }
  if (byteAt(frame, total - 1) !== endByte) return falseStart
  const decoded = decodeFrame(frame.subarray(0, total))
  if (!decoded.ok || !wanted.frame(decoded.value)) return { kind: 'noise', skip: preamble + total }
  return { kind: 'frame', length: preamble + total }
}

/** Bytes up to the next one that could begin a frame or its wake-up bytes. */
function noiseLength(frame: Uint8Array): number {
  const next = frame.findIndex((byte) => byte === startByte || byte === wakeUpByte)
  return next < 0 ? frame.length : next
}

/** Takes any stream of bytes apart into frames, wake-up bytes in front: see `splitFrames`. */
export function frameSplitter(onFrame: (frame: Uint8Array) => void): FrameSplitter {
  return splitFrames(anyFrameScanner, onFrame)
}
