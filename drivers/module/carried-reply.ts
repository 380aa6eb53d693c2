import type { Scanner } from '../../src/ports/index.js'

/** The meter's frame within the bytes that a module carried; null: it is not in them. */
export function carriedReply(
  scanner: Scanner,
  bytes: Uint8Array,
): { readonly frame: Uint8Array; readonly noiseBytes: number } | null {
  for (let at = 0; at < bytes.length;) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'frame') return { frame: bytes.slice(at, at + result.length), noiseBytes: bytes.length - result.length }
    // Nothing more comes: behind a false start that waits for more a true frame may stand.
    at += result.kind === 'noise' ? Math.max(1, result.skip) : 1
  }
  return null
}
