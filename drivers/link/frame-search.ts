import type { Scanner } from '../../src/ports/index.js'

/** What bytes hold for a scanner: noise, perhaps a frame after it, and bytes that are not judged yet. */
export interface FrameSearch {
  readonly noise: Uint8Array
  readonly frame: Uint8Array | null
  readonly rest: Uint8Array
}

const none: Uint8Array = new Uint8Array(0)

/** Looks for the frame while more bytes may come. */
export function searchFrame(scanner: Scanner, bytes: Uint8Array): FrameSearch {
  let at = 0
  while (at < bytes.length) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'incomplete') break
    if (result.kind === 'frame') {
      const end = at + result.length
      return { noise: bytes.subarray(0, at), frame: bytes.slice(at, end), rest: bytes.subarray(end) }
    }
    at += Math.max(1, result.skip)
  }
  const judged = Math.min(at, bytes.length)
  return { noise: bytes.subarray(0, judged), frame: null, rest: bytes.subarray(judged) }
}

/** Nothing more will come: a beginning that was never finished is given up, and the search goes on behind its first byte. */
export function searchFrameAnywhere(scanner: Scanner, bytes: Uint8Array): FrameSearch {
  for (let at = 0; at < bytes.length; at++) {
    const found = searchFrame(scanner, bytes.subarray(at))
    at += found.noise.length
    if (found.frame !== null) return { ...found, noise: bytes.subarray(0, at) }
  }
  return { noise: bytes, frame: null, rest: none }
}
