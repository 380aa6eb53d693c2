import type { Scanner } from '../../src/ports/index.js'
import { searchFrameAnywhere, type FrameSearch } from '../link/index.js'
import { packetBytes } from './air-time.js'

/**
 * Nothing more will come: looks for the frame at every byte, and then once more with each packet taken out that came twice. The frame's
 * own length and checksum say whether that was right.
 */
export function searchPackets(scanner: Scanner, bytes: Uint8Array): FrameSearch {
  const found = searchFrameAnywhere(scanner, bytes)
  if (found.frame !== null) return found
  for (let at = 0; at + packetBytes < bytes.length; at++) {
    const twin = twinLength(bytes, at)
    if (twin === 0) continue
    const kept = joinedBytes(bytes.subarray(0, at), bytes.subarray(at + twin))
    const mended = searchFrameAnywhere(scanner, kept)
    if (mended.frame !== null) return mended
    // Every start within the same pair of twins would take out the same bytes.
    at += twin - 1
  }
  return found
}

/** Bytes of a full packet that stands at `at` and right behind it once more, or 0. */
function twinLength(bytes: Uint8Array, at: number): number {
  if (at + 2 * packetBytes > bytes.length) return 0
  for (let i = at; i < at + packetBytes; i++) if (bytes[i] !== bytes[i + packetBytes]) return 0
  return packetBytes
}

/** One piece of bytes after the other. */
export function joinedBytes(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}
