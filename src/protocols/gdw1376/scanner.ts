import { splitFrames, type FrameSplitter } from '../wire/frame-splitter.js'
import type { Scanner } from '../../ports/index.js'
import { byteAt } from '../wire/bytes.js'
import { checksum, countPreamble, endByte, preambleByte, startByte } from './codec.js'
import { frameBytesMax, frameBytesMin, preambleBytesMax } from './limits.js'

/**
 * Any whole frame, either way, with the FE in front of it.
 *
 * On a false start (length impossible, checksum wrong, 16 missing) only the 68 is given up, never the claimed length: a true frame
 * may begin inside (facts §1). What stands inside a whole frame is for `decodeFrame` to judge.
 *
 * @param bytesMax longest frame to wait for: what the module told in 03F10 (FFFF was seen), at most what the protocol allows
 */
export function frameScanner(bytesMax: number = frameBytesMax): Scanner {
  const longest = Math.min(bytesMax, frameBytesMax)
  return (bytes) => {
    const preamble = countPreamble(bytes)
    if (preamble > preambleBytesMax) return { kind: 'noise', skip: preamble - preambleBytesMax }
    const body = bytes.subarray(preamble)
    if (body.length === 0) return { kind: 'incomplete' }
    if (body[0] !== startByte) return { kind: 'noise', skip: preamble + noiseLength(body) }
    if (body.length < 3) return { kind: 'incomplete' }
    const length = byteAt(body, 1) + 256 * byteAt(body, 2)
    const noise = { kind: 'noise', skip: preamble + 1 } as const
    if (length < frameBytesMin || length > longest) return noise
    if (body.length < length) return { kind: 'incomplete' }
    const isWhole = checksum(body.subarray(3, length - 2)) === body[length - 2] && body[length - 1] === endByte
    return isWhole ? { kind: 'frame', length: preamble + length } : noise
  }
}

/** Takes any stream of bytes apart into frames, FE in front, holding one frame's bytes at most: see `splitFrames`. */
export function frameSplitter(onFrame: (frame: Uint8Array) => void, bytesMax: number = frameBytesMax): FrameSplitter {
  return splitFrames(frameScanner(bytesMax), onFrame)
}

/** Bytes up to the next one that could begin a frame or its preamble. */
function noiseLength(body: Uint8Array): number {
  const next = body.findIndex((byte) => byte === startByte || byte === preambleByte)
  return next < 0 ? body.length : next
}
