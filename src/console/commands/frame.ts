import type { InputError } from '../../model/index.js'
import { readHex } from './frame-hex.js'
import { frameText } from './frame-text.js'

/** What a decoder says of one frame: `ok`, `protocol`, and for a bad frame `error` with `code`, `at`, `message`. */
export type FrameDescription = Readonly<Record<string, unknown>> & { readonly ok: boolean }

/** One protocol that can show any frame of its own. */
export interface FrameDecoder {
  readonly protocol: string
  /** The frame as data for scripts. */
  readonly describe: (frame: Uint8Array) => FrameDescription
  /** The same for people: a value may have `bits`, the names of a status word's set bits. Absent: there is no more to say. */
  readonly explain?: (frame: Uint8Array) => FrameDescription
  /** What is no frame but a piece of the protocol that stands alone in documents; only tried when the protocol is asked for by name. */
  readonly describeBare?: (bytes: Uint8Array) => FrameDescription
  /** Its frames have no start mark, so any bytes get as far as its checksum: what it complains of says least. */
  readonly isUnmarked?: boolean
  /** Whether a frame has marks that hardly any other bytes have: then what it complains of is believed before what others do. */
  readonly isMarked?: (frame: Uint8Array) => boolean
}

export interface FrameOptions {
  /** The frame in hexadecimal, or `-` for one frame a line from `lines`. */
  readonly hex: string
  readonly lines: AsyncIterable<string>
  /** Null: every protocol is tried and the first that knows the frame shows it. */
  readonly protocol: string | null
  readonly json: boolean
  readonly decoders: readonly FrameDecoder[]
  readonly print: (line: string) => void
}

/**
 * `wattkeep frame`: prints one line of JSON, or some lines of text, for each frame. Blank lines of the input are left out; an input
 * without any frame prints nothing and is no error.
 *
 * @returns the exit status: 0, or 2 when any frame is bad
 */
export async function showFrames(options: FrameOptions): Promise<0 | 2> {
  let status: 0 | 2 = 0
  const show = (hex: string, place: string): void => {
    const { isOk, lines } = shown(hex, options)
    if (!isOk) status = 2
    for (const [index, line] of lines.entries()) options.print(index === 0 && !isOk && !options.json ? `${place}${line}` : line)
  }
  if (options.hex !== '-') show(options.hex, '')
  else {
    let number = 0
    for await (const line of options.lines) {
      number++
      if (line.trim() !== '') show(line, `line ${number}: `)
    }
  }
  return status
}

function shown(hex: string, { json, ...options }: FrameOptions): { readonly isOk: boolean; readonly lines: readonly string[] } {
  const bytes = readHex(hex)
  const judged = bytes.ok ? judge(bytes.value, json ? 'describe' : 'explain', options) : [refusal(bytes.error)]
  return { isOk: judged[0]?.ok === true, lines: json ? [JSON.stringify(judged[0])] : frameText(judged) }
}

type Asked = Pick<FrameOptions, 'decoders' | 'protocol'>

/**
 * What a frame says as data, by the protocol that was asked for or the first that knows it; else the most plausible complaint, or
 * `unknown-frame` with `protocol` null where none finds anything of its own in it.
 */
export function describe(frame: Uint8Array, asked: Asked): FrameDescription {
  return judge(frame, 'describe', asked)[0] ?? nobody
}

/**
 * What a frame says to people, by the protocol that was asked for or the first that knows it.
 *
 * @returns one description; of a frame that is bad what each protocol says of it, the most plausible first
 */
export function explain(frame: Uint8Array, asked: Asked): readonly FrameDescription[] {
  return judge(frame, 'explain', asked)
}

function judge(frame: Uint8Array, how: 'describe' | 'explain', { decoders, protocol }: Asked): readonly FrameDescription[] {
  const complaints: Complaint[] = []
  for (const decoder of decoders.filter((each) => protocol === null || each.protocol === protocol)) {
    const description = (decoder[how] ?? decoder.describe)(frame)
    if (description.ok) return [description]
    complaints.push({ decoder, description, progress: progressOf(description, frame, decoder) })
    const bare = protocol === null ? undefined : decoder.describeBare?.(frame)
    if (bare?.ok === true) return [bare]
  }
  if (complaints.length === 0) return [nobody]
  if (protocol === null && complaints.every((complaint) => isForeign(complaint, frame))) return [unknownFrame(complaints, frame)]
  return complaints.sort((a, b) => b.progress - a.progress).map(({ description }) => description)
}

interface Complaint {
  readonly decoder: FrameDecoder
  readonly description: FrameDescription
  readonly progress: number
}

/** Whether a protocol finds nothing of its own in a frame: no start mark, or, where it has none, not even the right checksum. */
function isForeign({ decoder, description, progress }: Complaint, { length }: Uint8Array): boolean {
  return decoder.isUnmarked === true ? progress <= length : errorOf(description).code === 'no-start'
}

/** Bytes of no protocol: what the one without marks misses is told, but no more than that is known of them. */
function unknownFrame(complaints: readonly Complaint[], frame: Uint8Array): FrameDescription {
  const misses = complaints
    .filter(({ decoder }) => decoder.isUnmarked === true)
    .map(({ decoder, description }) => {
      const { code = '', at = '', message = '' } = errorOf(description)
      return `; ${decoder.protocol}: ${code} at ${at}: ${message}`
    })
  const bare = complaints
    .filter(({ decoder }) => decoder.describeBare?.(frame).ok === true)
    .map(({ decoder }) => `; --protocol ${decoder.protocol} reads them as a unit without its frame`)
  const message = `no protocol knows these bytes${[...bare, ...misses].join('')}`
  return { ok: false, protocol: null, error: { code: 'unknown-frame', at: 'byte 0', message } }
}

const errorOf = ({ error }: FrameDescription): Partial<InputError> => (typeof error === 'object' && error !== null ? error : {})

const refusal = (error: InputError): FrameDescription => ({ ok: false, error })
const nobody = refusal({ code: 'no-decoder', at: 'frame', message: 'no protocol is known' })

const checksumCodes = /checksum|crc|fcs|hcs|cs$/
/** The frame is whole, but its control code is another protocol's. */
const foreignCodes = ['unknown-control', 'unsupported-protocol']
/** A checksum this near the end is the whole frame's: its length field fitted. */
const tailBytes = 4

/**
 * How far a protocol got in a frame before it complained. One that read it whole and only dislikes what it says got furthest; then those
 * whose marks it bears; then one whose frame would end where the bytes end, were it not for the checksum; then by the place.
 */
function progressOf(description: FrameDescription, frame: Uint8Array, decoder: FrameDecoder): number {
  const { length } = frame
  const { code = '', at = '' } = errorOf(description)
  const isSum = checksumCodes.test(code)
  const isWhole = !isSum && ['address', 'control', 'afn', 'apdu'].some((name) => typeof description[name] === 'string')
  if (isWhole) return 2 * length + (foreignCodes.includes(code) ? 4 : 5)
  if (decoder.isUnmarked === true) return 0.5
  const place = Number(/^byte (\d+)$/.exec(at)?.[1] ?? 0)
  const marked = decoder.isMarked?.(frame) === true ? length + 2 : 0
  const isWholeSum = isSum && !code.includes('hcs') && place >= length - tailBytes
  return marked + (isWholeSum ? length + 1 : place)
}
