import { describeFrame, dlt645, explainFrame } from '../protocols/dlt645/index.js'
import type { FrameDecoder } from './commands/frame.js'

/** How frames of a capture are shown, in the order in which protocols are tried. */
export const frameDecoders: readonly FrameDecoder[] = [
  {
    protocol: dlt645.name,
    describe: (frame) => ({ ...describeFrame(frame) }),
    explain: (frame) => ({ ...explainFrame(frame) }),
  },
]

/** Whose frame it is, by whichever protocol knows it; null: none. */
export function addressOf(frame: Uint8Array): string | null {
  for (const { describe } of frameDecoders) {
    const { address } = describe(frame)
    if (typeof address === 'string') return address
  }
  return null
}
