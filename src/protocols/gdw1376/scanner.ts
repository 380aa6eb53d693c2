import type { Scanner } from '../../ports/index.js'
import { byteAt } from './bytes.js'
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

/** Takes a stream of bytes apart into frames. */
export interface FrameSplitter {
  push(bytes: Uint8Array): void
  /** The line went quiet: what has begun will not be finished, but a whole frame may stand inside it. */
  silence(): void
}

/**
 * A splitter for one stream; it holds at most one frame's bytes.
 *
 * @param onFrame called with each whole frame, FE in front
 */
export function frameSplitter(onFrame: (frame: Uint8Array) => void, bytesMax: number = frameBytesMax): FrameSplitter {
  const scanner = frameScanner(bytesMax)
  let held = new Uint8Array()
  const run = (): void => {
    let at = 0
    for (;;) {
      const result = scanner(held.subarray(at))
      if (result.kind === 'incomplete') break
      const end = at + (result.kind === 'frame' ? result.length : result.skip)
      if (result.kind === 'frame') onFrame(held.slice(at, end))
      at = end
    }
    held = held.slice(at)
  }
  return {
    push: (bytes) => {
      const joined = new Uint8Array(held.length + bytes.length)
      joined.set(held)
      joined.set(bytes, held.length)
      held = joined
      run()
    },
    silence: () => {
      while (held.length > 0) {
        held = held.slice(1)
        run()
      }
    },
  }
}

/** Bytes up to the next one that could begin a frame or its preamble. */
function noiseLength(body: Uint8Array): number {
  const next = body.findIndex((byte) => byte === startByte || byte === preambleByte)
  return next < 0 ? body.length : next
}
