import { formatLocal, type EpochMs } from '../../model/index.js'
import { wrapped } from '../columns.js'
import type { EventFrames, EventsView, FrameLine, TraceView } from '../views.js'
import { describe, explain, type FrameDecoder, type FrameDescription } from './frame.js'
import { frameText } from './frame-text.js'
import { detailText } from './why-events.js'

/** A trace line with what its frame says; null: no frame, or none of a known protocol. */
export type DecodedLine = FrameLine & { readonly decoded: FrameDescription | null }

/** Adds to each line what its bytes say, where they are a frame. */
export function decodeLines(lines: readonly FrameLine[], decoders: readonly FrameDecoder[]): readonly DecodedLine[] {
  return lines.map((line) => {
    const frame = frameOf(line)
    return { ...line, decoded: frame === null ? null : describe(frame, { decoders, protocol: null }) }
  })
}

/** `wattkeep trace LINK`: raw bytes with their times, below each frame what it says. */
export function traceText(
  lines: readonly FrameLine[],
  utcOffsetMinutes: number,
  decoders: readonly FrameDecoder[],
): readonly string[] {
  return lines.flatMap((line) => {
    const head = `${clockText(line.at, utcOffsetMinutes)}  ${line.direction.padEnd(5)}  `
    const bytes = [line.hex, line.note === '' ? '' : `(${line.note})`].filter((part) => part !== '').join(' ')
    return [...wrapped(head, bytes), ...saidLines(frameOf(line), ' '.repeat(head.length), decoders)]
  })
}

/** Of a frame that no protocol knows, one line: the most plausible complaint. */
function saidLines(frame: Uint8Array | null, head: string, decoders: readonly FrameDecoder[]): readonly string[] {
  if (frame === null) return []
  const judged = explain(frame, { decoders, protocol: null }).slice(0, 1)
  return frameText(judged).flatMap((line) => {
    const said = line.trimStart()
    return wrapped(head + ' '.repeat(line.length - said.length), said)
  })
}

/** Noise and states are no frames. */
function frameOf({ hex, direction }: FrameLine): Uint8Array | null {
  return hex === '' || direction === 'noise' || direction === 'state' ? null : Buffer.from(hex, 'hex')
}

export function traceHead({ link, up }: TraceView): string {
  return `link ${link} is ${up ? 'up' : 'DOWN'}`
}

/** `13:20:05.123` */
function clockText(at: EpochMs, utcOffsetMinutes: number): string {
  const ms = String(((at % 1000) + 1000) % 1000).padStart(3, '0')
  return `${formatLocal(at, utcOffsetMinutes).slice(11)}.${ms}`
}

/** `wattkeep events`: newest last, as a terminal scrolls. */
export function eventsText({ events, utcOffsetMinutes }: EventsView): readonly string[] {
  if (events.length === 0) return ['no events']
  return [...events].reverse().flatMap(({ seq, stamp, severity, code, meter, account, link, detail }) => {
    const subject = [meter, account, meter === undefined ? link : undefined].filter((part) => part !== undefined).join(' ')
    const untrusted = stamp.clockTrusted ? '' : ' (clock not trusted)'
    const head = `${String(seq).padStart(6)}  ${formatLocal(stamp.receivedAt, utcOffsetMinutes).slice(5)}  ${severityText[severity]}  `
    const said = detailText(detail, utcOffsetMinutes)
    return [...wrapped(head, `${code} ${subject}${untrusted}`.trimEnd()), ...(said === '' ? [] : wrapped(' '.repeat(11), said))]
  })
}

const severityText = { info: 'info ', warning: 'warn ', alarm: 'ALARM' } as const

/** `wattkeep events --show SEQ`: one event with all it says, and the raw frames that led to it. */
export function eventText(view: EventFrames, decoders: readonly FrameDecoder[]): readonly string[] {
  const { event, frames, link, note, utcOffsetMinutes } = view
  return [
    ...eventsText({ events: [event], utcOffsetMinutes }),
    frames.length === 0 ? `no frames: ${note}` : `frames on link ${link ?? ''} before it:`,
    ...traceText(frames, utcOffsetMinutes, decoders),
  ]
}
