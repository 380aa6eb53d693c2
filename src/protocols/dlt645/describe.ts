import { formatDecimal } from '../../model/index.js'
import type { InputError, RegisterValue } from '../../model/index.js'
import { bytesOf } from '../wire/bytes.js'
import { decodeFrame, type DecodedFrame } from './codec.js'
import { isOf1997, parseControl } from './controls.js'
import { bitNames, executionBits, refusalNames } from './errors.js'
import { minuteText, timeText } from './local-times.js'
import { decodeRegister, rawValues } from './register-data.js'
import { findRegister } from './register-table.js'
import { parseReply, type Reply } from './replies.js'
import { parseRequest, type FreezeMoment, type Request } from './requests.js'
import { speedOfFlag } from './speeds.js'

/** A value as people read it: decimal text, or a date, a word, a text; null: the meter says "not available". */
export interface DescribedValue {
  readonly value: string | null
  /** null: the value has none. */
  readonly unit: string | null
  /** Of a status or execution word: the names of its set bits. Only `explainFrame` gives them. */
  readonly bits?: readonly string[]
}

/** A frame whose shape is right: what it says, and in `error` what a meter refused (`ok`) or why its content cannot be shown. */
export interface DescribedFrame {
  readonly ok: boolean
  readonly protocol: 'dlt645-2007' | 'dlt645-1997'
  readonly direction: 'request' | 'reply'
  readonly address: string
  /** Two hexadecimal digits. */
  readonly control: string
  /** The length byte. */
  readonly length: number
  /** Wake-up bytes in front. */
  readonly preamble: number
  readonly di: string | null
  /** The number of a follow-up frame. */
  readonly seq?: number
  /** What a request says beside a value: a relay's command and expiry, how many load records from when on. */
  readonly detail?: Readonly<Record<string, string>>
  readonly values: readonly DescribedValue[]
  /** `bits`: the names of the error bits of a refusal. */
  readonly error?: InputError & { readonly bits?: readonly string[] }
}

/** What is no frame: a stable code, the byte or character, and what was expected there. */
export interface UndescribedFrame {
  readonly ok: false
  readonly protocol: 'dlt645-2007'
  readonly error: InputError
}

/**
 * Says what one frame is and means, for people and scripts.
 *
 * Spaces and lower case are allowed in hexadecimal text. Values are shown exactly as the register holds them. A part of a longer
 * answer (B1, 92, B2) is shown as hexadecimal text unless it holds whole elements from the start. Passwords are never shown.
 *
 * @returns `ok: false` with `error.code`: `not-hex`, the codes of `decodeFrame`, `unsupported-protocol` for the 1997 edition,
 * `unknown-control`, `bad-length`, `bad-digit`, `bad-record`, `bad-command`; a meter's refusal is `ok: true` with `error.code` `refused`
 */
export function describeFrame(frame: string | Uint8Array): DescribedFrame | UndescribedFrame {
  return describeBy(frame, describeValue)
}

/** Like `describeFrame`, with the names of the set bits beside each status word. */
export function explainFrame(frame: string | Uint8Array): DescribedFrame | UndescribedFrame {
  return describeBy(frame, explainValue)
}

type Wording = (value: RegisterValue) => DescribedValue

function describeBy(frame: string | Uint8Array, wording: Wording): DescribedFrame | UndescribedFrame {
  const bytes = typeof frame === 'string' ? parseHex(frame) : frame
  if (!(bytes instanceof Uint8Array)) return { ok: false, protocol: 'dlt645-2007', error: bytes }
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { ok: false, protocol: 'dlt645-2007', error: decoded.error }
  const { control } = decoded.value
  const parsed = parseControl(control)
  if (parsed === null) return unknownControl(decoded.value)
  const content = parsed.kind === 'request' ? contentOfRequest(decoded.value) : contentOfReply(decoded.value)
  return described(decoded.value, content, wording)
}

interface Content {
  readonly di?: string
  readonly seq?: number
  readonly detail?: Readonly<Record<string, string>>
  readonly values?: readonly RegisterValue[]
  readonly error?: InputError & { readonly bits?: readonly string[] }
  /** The meter's own refusal, not a fault of the frame. */
  readonly isRefusal?: boolean
}

function contentOfRequest(frame: DecodedFrame): Content {
  const request = parseRequest(frame)
  return request.ok ? requestContent(request.value) : { error: request.error }
}

function contentOfReply(frame: DecodedFrame): Content {
  const reply = parseReply(frame)
  return reply.ok ? replyContent(reply.value) : { error: reply.error }
}

function described(frame: DecodedFrame, content: Content, wording: Wording): DescribedFrame {
  const { error, seq, detail } = content
  return {
    ok: error === undefined || content.isRefusal === true,
    protocol: 'dlt645-2007',
    ...header(frame),
    di: content.di ?? null,
    ...(seq === undefined ? {} : { seq }),
    ...(detail === undefined ? {} : { detail }),
    values: (content.values ?? []).map(wording),
    ...(error === undefined ? {} : { error }),
  }
}

function header(frame: DecodedFrame) {
  return {
    direction: frame.control < 0x80 ? 'request' : 'reply',
    address: frame.address,
    control: frame.control.toString(16).toUpperCase().padStart(2, '0'),
    length: frame.data.length,
    preamble: frame.preamble,
  } as const
}

function unknownControl(frame: DecodedFrame): DescribedFrame {
  const { control } = header(frame)
  const is1997 = isOf1997(frame.control)
  const error = is1997
    ? {
        code: 'unsupported-protocol',
        message: `control code ${control} is of the 1997 edition, which this decoder does not read`,
      }
    : { code: 'unknown-control', message: `control code ${control} is none of this protocol` }
  return {
    ok: false,
    protocol: is1997 ? 'dlt645-1997' : 'dlt645-2007',
    ...header(frame),
    di: null,
    values: [],
    error: { ...error, at: `byte ${frame.preamble + 8}` },
  }
}

function requestContent(request: Request): Content {
  switch (request.fn) {
    case 'security':
      return { di: request.di, values: rawValues(request.payload) }
    case 'time-sync':
      return { values: [text(timeText(request.time))] }
    case 'read':
      return { di: request.di, ...loadSpanDetail(request) }
    case 'read-more':
      return { di: request.di, seq: request.seq }
    case 'read-address':
    case 'change-password':
    case 'clear-demand':
    case 'clear-meter':
      return {}
    case 'write':
      return writeContent(request)
    case 'write-address':
      return { values: [text(request.address)] }
    case 'freeze':
      return { values: [text(momentText(request.moment))] }
    case 'change-speed':
      return { values: [text(speedText(request.flag))] }
    case 'clear-events':
      return { di: request.di }
    case 'relay':
      return { detail: relayDetail(request) }
    case 'output':
      return { values: [text(String(request.signal))] }
    case 'file-transfer':
      return { values: rawValues(request.data) }
  }
}

function replyContent(reply: Reply): Content {
  if (reply.kind === 'refusal') {
    const bits = refusalNames(reply)
    return {
      error: { code: 'refused', at: 'data', message: `the meter refused: ${bits.join(', ') || 'no reason'}`, bits },
      isRefusal: true,
    }
  }
  switch (reply.fn) {
    case 'security':
      return { di: reply.di, values: rawValues(reply.payload) }
    case 'read':
      return readContent(reply)
    case 'read-more':
      return { di: reply.di, seq: reply.seq, values: rawValues(reply.data) }
    case 'read-address':
      return { values: [text(reply.address)] }
    case 'time-sync':
    case 'write':
    case 'write-address':
    case 'freeze':
    case 'clear-demand':
    case 'clear-meter':
    case 'clear-events':
    case 'file-transfer':
      return { values: rawValues(reply.data) }
    case 'change-speed':
      return { values: [text(speedText(reply.flag))] }
    case 'change-password':
      return {}
    case 'relay':
      return { values: reply.word === null ? [] : [executionWord(reply.word)] }
    case 'output':
      return { values: [text(String(reply.signal))] }
  }
}

function readContent({ di, data, more }: Reply & { kind: 'reply'; fn: 'read' }): Content {
  const values = decodeRegister(di, data)
  if (!more) return values.ok ? { di, values: values.value } : { di, error: values.error }
  const layout = findRegister(di)?.layout.kind
  // The first part of a longer answer begins at the first element, so whole elements, and load records with their own checksums, are known.
  const isKnown = values.ok && (layout === 'list' || layout === 'load')
  return { di, values: isKnown ? values.value : rawValues(data) }
}

/** Passwords from 98 on say that the value is enciphered or carries a MAC; passwords as values are never shown. */
function writeContent({ di, credentials, data }: Request & { fn: 'write' }): Content {
  if (di.startsWith('04000C')) return { di }
  if (credentials.password >= '98') return { di, values: rawValues(data) }
  const values = decodeRegister(di, data)
  return values.ok ? { di, values: values.value } : { di, error: values.error }
}

function loadSpanDetail({ load }: Request & { fn: 'read' }): Content {
  if (load === null) return {}
  const count = String(load.count)
  return { detail: load.from === null ? { count } : { count, from: minuteText(load.from) } }
}

function relayDetail({ order }: Request & { fn: 'relay' }): Readonly<Record<string, string>> {
  if ('enciphered' in order) return { command: 'enciphered' }
  const { command, expiry } = order
  return { command, expiry: typeof expiry === 'object' ? timeText(expiry) : expiry }
}

/** `MM-DD hh:mm` with `**` for "any". */
function momentText({ month, day, hour, minute }: FreezeMoment): string {
  const part = (value: number | null) => (value === null ? '**' : String(value).padStart(2, '0'))
  return `${part(month)}-${part(day)} ${part(hour)}:${part(minute)}`
}

/** The speed, or the flag itself when it is none. */
function speedText(flag: number): string {
  return String(speedOfFlag(flag) ?? `flag ${flag.toString(16).toUpperCase().padStart(2, '0')}`)
}

/** A value as `wattkeep frame` shows it. */
export function describeValue(value: RegisterValue): DescribedValue {
  const unit = value.unit === '' ? null : value.unit
  switch (value.kind) {
    case 'number':
      return { value: value.int === null ? null : formatDecimal(value.int, value.exponent), unit }
    case 'text':
      return { value: value.text, unit }
    case 'bits':
      return { value: value.hex, unit }
  }
}

function explainValue(value: RegisterValue): DescribedValue {
  const shown = describeValue(value)
  return value.kind === 'bits' ? { ...shown, bits: value.names } : shown
}

/** What a relay says it did (facts §6.8). */
function executionWord(word: number): RegisterValue {
  const hex = word.toString(16).toUpperCase().padStart(4, '0')
  return { kind: 'bits', hex, names: bitNames(word, executionBits), unit: '' }
}

/** Bytes of hexadecimal text as people paste it, with spaces; or what is none, at which character. */
export function parseHex(frame: string): Uint8Array | InputError {
  const digits = frame.replace(/\s/g, '')
  const wrong = frame.search(/[^0-9a-fA-F\s]/)
  if (wrong >= 0)
    return {
      code: 'not-hex',
      at: `character ${wrong}`,
      message: `expected a hexadecimal digit, found ${JSON.stringify(frame[wrong])}`,
    }
  if (digits.length % 2 === 1)
    return { code: 'not-hex', at: `character ${frame.length}`, message: 'the last byte has only one digit' }
  return bytesOf(digits)
}

const text = (value: string): RegisterValue => ({ kind: 'text', text: value, unit: '' })
