import type { ScanResult } from '../../src/ports/index.js'
import type { MeterLanguage } from './speaker.js'

/** Bytes held back for a request that is not whole; of more the oldest are dropped. */
export const requestBytesMax = 4096

/** Takes a stream of requests apart where meters of several protocols listen: whoever finds a whole frame first has it. */
export interface RequestSplitter {
  push(bytes: Uint8Array): void
  /** The line went quiet: what has begun will not be finished, but a whole frame may stand inside it. */
  silence(): void
}

/** @param languages asked anew each time, as meters may come and go */
export function requestSplitter(
  languages: () => readonly MeterLanguage[],
  onRequest: (request: Uint8Array) => void,
): RequestSplitter {
  let held = new Uint8Array()
  const run = (): void => {
    while (held.length > 0) {
      const found = scan(held, languages())
      if (found.kind === 'incomplete') return
      const end = found.kind === 'frame' ? found.length : found.skip
      const request = held.slice(0, end)
      held = held.slice(end)
      if (found.kind === 'frame') onRequest(request)
    }
  }
  return {
    push: (bytes) => {
      held = Uint8Array.of(...held, ...bytes).slice(-requestBytesMax)
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

/** A frame of one; else somebody may still wait for more; else as many bytes as are noise to all. */
function scan(bytes: Uint8Array, languages: readonly MeterLanguage[]): ScanResult {
  let skip = bytes.length
  let mayGrow = false
  for (const { scanner } of languages) {
    const found = scanner(bytes)
    if (found.kind === 'frame') return found
    if (found.kind === 'incomplete') mayGrow = true
    else skip = Math.min(skip, found.skip)
  }
  return mayGrow ? { kind: 'incomplete' } : { kind: 'noise', skip: Math.max(1, skip) }
}
