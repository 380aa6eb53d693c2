import type { InputError } from '../../model/index.js'

/** What a decoder says of one frame: `ok`, `protocol`, and for a bad frame `error` with `code`, `at`, `message`. */
export type FrameDescription = Readonly<Record<string, unknown>> & { readonly ok: boolean }

/** One protocol that can show any frame of its own. */
export interface FrameDecoder {
  readonly protocol: string
  /** @param frame bytes, or hexadecimal text as a person typed it */
  readonly describe: (frame: string | Uint8Array) => FrameDescription
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
 * `wattkeep frame`: prints one line for each frame, blank lines of the input left out.
 *
 * @returns the exit status: 0, or 2 when any frame is bad
 */
export async function showFrames(options: FrameOptions): Promise<0 | 2> {
  let status: 0 | 2 = 0
  const show = (hex: string): void => {
    const description = describe(hex, options)
    if (!description.ok) status = 2
    options.print(options.json ? JSON.stringify(description) : frameText(description))
  }
  if (options.hex !== '-') show(options.hex)
  else for await (const line of options.lines) if (line.trim() !== '') show(line.trim())
  return status
}

/** What a frame says, by the protocol that was asked for or the first that knows it. */
export function describe(hex: string, { decoders, protocol }: Pick<FrameOptions, 'decoders' | 'protocol'>): FrameDescription {
  const asked = protocol === null ? decoders : decoders.filter((decoder) => decoder.protocol === protocol)
  if (asked.length === 0) {
    const known = decoders.map((decoder) => decoder.protocol).join(', ')
    return refusal({
      code: 'unknown-protocol',
      at: '--protocol',
      message: `expected one of ${known}, got ${JSON.stringify(protocol)}`,
    })
  }
  const descriptions = asked.map((decoder) => decoder.describe(hex))
  return (
    descriptions.find((description) => description.ok) ??
    descriptions[0] ??
    refusal({ code: 'no-decoder', at: 'frame', message: 'no protocol is known' })
  )
}

const refusal = (error: InputError): FrameDescription => ({ ok: false, error })

/** `dlt645-2007 reply from 000000000161, 91, DI 00010000: 0.26 kWh` */
export function frameText(description: FrameDescription): string {
  const { protocol, direction, address, control, di, values, error } = description
  if (!description.ok) {
    const { code, at, message } = asRecord(error)
    return `bad frame: ${text(code)} at ${text(at)}: ${text(message)}`
  }
  const head = [
    `${text(protocol)} ${text(direction)}`,
    text(address),
    text(control),
    di === undefined || di === null ? '' : `DI ${text(di)}`,
  ]
  const shown = Array.isArray(values) ? values.map((value: unknown) => valueText(asRecord(value))).join(', ') : ''
  const refused = error === undefined || error === null ? '' : `: ${text(asRecord(error)['message'])}`
  return `${head.filter((part) => part !== '').join(' ')}${shown === '' ? '' : `: ${shown}`}${refused}`
}

const valueText = ({ value, unit }: Readonly<Record<string, unknown>>): string =>
  `${value === null ? 'not available' : text(value)}${unit === null || unit === undefined || unit === '' ? '' : ` ${text(unit)}`}`

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '')
