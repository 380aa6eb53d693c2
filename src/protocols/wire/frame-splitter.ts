import type { Scanner } from '../../ports/index.js'

/** Bytes in, whole frames out. */
export interface FrameSplitter {
  push(bytes: Uint8Array): void
  /** The line went quiet: what has begun will not be finished, but a whole frame may stand inside it. */
  silence(): void
}

/**
 * Takes any stream of bytes apart into frames, for captures and for the far side of a wire. It holds what its scanner calls
 * incomplete.
 *
 * @param scanner any whole frame of a protocol
 * @param onFrame called with each whole frame, with what may stand in front of it
 */
export function splitFrames(scanner: Scanner, onFrame: (frame: Uint8Array) => void): FrameSplitter {
  let held = new Uint8Array()
  const run = (): void => {
    let at = 0
    while (at < held.length) {
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
