import { anyFrameScanner as scan645 } from '../protocols/dlt645/index.js'
import { anyFrameScanner as scan698 } from '../protocols/dlt698/index.js'
import { describe, explain, type FrameDecoder, type FrameDescription } from './commands/frame.js'

/** How the frames of a payload are told: as data, or for people. */
export type Telling = 'describe' | 'explain'

/** Payloads that are no meter frames: power events and rejected nodes, as their makers like. */
const opaqueTypes = [4, 5]

/**
 * The meter frames that a module's frame carries, each as a decoder shows it. The type that the module's frame gives says who is asked
 * first, no more: modules say 1 of 2007 frames and 0 of anything.
 *
 * @param protocolType 0 transparent, 1 DL/T 645-1997, 2 DL/T 645-2007, 3 DL/T 698.45
 * @param bytes one frame or several in a row, FE in front of each; bytes that are not whole frames from end to end give one complaint with
 * the bytes in `hex`, of the most plausible protocol
 * @returns none: the bytes need not be meter frames
 */
export function carriedFrames(
  protocolType: number,
  bytes: Uint8Array,
  { decoders, how }: { readonly decoders: readonly FrameDecoder[]; readonly how: Telling },
): readonly FrameDescription[] {
  if (opaqueTypes.includes(protocolType)) return []
  const asked = { decoders: inOrder(protocolType, decoders), protocol: null }
  const tell = (frame: Uint8Array) =>
    how === 'describe' ? describe(frame, asked) : (explain(frame, asked)[0] ?? describe(frame, asked))
  const frames = wholeFrames(bytes)
  if (frames !== null) return frames.map(tell)
  const whole = tell(bytes)
  if (whole.ok) return [whole]
  const isMeterFrame = protocolType >= 1 && protocolType <= 3
  return isMeterFrame ? [{ ...whole, hex: Buffer.from(bytes).toString('hex').toUpperCase() }] : []
}

const meterProtocols: readonly (readonly [type: number, protocols: readonly string[]])[] = [
  [1, ['dlt645-1997', 'dlt645-2007', 'dlt698-45']],
  [2, ['dlt645-2007', 'dlt645-1997', 'dlt698-45']],
  [3, ['dlt698-45', 'dlt645-2007', 'dlt645-1997']],
]
const anyMeterProtocol = ['dlt645-2007', 'dlt645-1997', 'dlt698-45', 'modbus-rtu']

function inOrder(protocolType: number, decoders: readonly FrameDecoder[]): readonly FrameDecoder[] {
  const names = meterProtocols.find(([type]) => type === protocolType)?.[1] ?? anyMeterProtocol
  return names.flatMap((name) => decoders.filter(({ protocol }) => protocol === name))
}

const wakeUpByte = 0xfe

/** Frames that stand one behind another with nothing but wake-up bytes between them; null: the bytes are anything else. */
function wholeFrames(bytes: Uint8Array): readonly Uint8Array[] | null {
  const frames: Uint8Array[] = []
  let rest = bytes
  while (rest.length > 0) {
    const length = frameLength(rest)
    if (length === null && rest[0] !== wakeUpByte) return null
    if (length !== null) frames.push(rest.subarray(0, length))
    else if (!rest.some((byte) => byte !== wakeUpByte)) return null
    rest = rest.subarray(length ?? 1)
  }
  return frames.length === 0 ? null : frames
}

/** Frames of both editions of DL/T 645 are cut alike. */
function frameLength(bytes: Uint8Array): number | null {
  for (const scan of [scan645, scan698]) {
    const found = scan(bytes)
    if (found.kind === 'frame') return found.length
  }
  return null
}
