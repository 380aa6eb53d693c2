import type { InputError } from '../../model/index.js'
import { bitsOf } from './bytes.js'
import { broadcastAddress, decodeFrame, type Frame } from './codec.js'
import { exceptionBit, exceptionName, functionOf, type FunctionName } from './functions.js'
import { parseReply, type Reply } from './replies.js'
import { isRead, parseRequest, type Request } from './requests.js'

/** A word as unsigned decimal digits, or a bit as 0 or 1: without a register map nothing more is known of it. */
export interface DescribedValue {
  readonly value: string
  readonly unit: null
}

/** A frame whose shape is right: what it says, and in `error` what a device refused (`ok`) or why its content cannot be shown. */
export interface DescribedFrame {
  readonly ok: boolean
  readonly protocol: 'modbus-rtu'
  readonly direction: 'request' | 'reply'
  /** Decimal digits; `0`: a broadcast. */
  readonly address: string
  /** Function code, two hexadecimal digits. */
  readonly control: string
  /** Data bytes: the frame without address, function and checksum. */
  readonly length: number
  /** What a frame says beside values: the function, which addresses. */
  readonly detail?: Readonly<Record<string, string>>
  readonly values: readonly DescribedValue[]
  /** `bits`: the name of an exception. */
  readonly error?: InputError & { readonly bits?: readonly string[] }
}

/** What is no frame: a stable code, the byte or character, and what was expected there. */
export interface UndescribedFrame {
  readonly ok: false
  readonly protocol: 'modbus-rtu'
  readonly error: InputError
}

/**
 * Says what one frame is and means, for people and scripts.
 *
 * Nothing in a frame says who sent it. It is a reply when only a reply has its length and counts, else a request: the answers to
 * 05, 06 and 16H are their requests once more and are shown as requests, unless `direction` says otherwise.
 *
 * @returns `ok: false` with `error.code`: `not-hex`, the codes of `decodeFrame`, those of `parseRequest` or `parseReply`; a device's
 * refusal is `ok: true` with `error.code` `refused`
 */
export function describeFrame(
  frame: string | Uint8Array,
  direction: 'request' | 'reply' | null = null,
): DescribedFrame | UndescribedFrame {
  const bytes = typeof frame === 'string' ? parseHex(frame) : frame
  if (!(bytes instanceof Uint8Array)) return { ok: false, protocol: 'modbus-rtu', error: bytes }
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { ok: false, protocol: 'modbus-rtu', error: decoded.error }
  return describeAs(decoded.value, direction)
}

function describeAs(frame: Frame, direction: 'request' | 'reply' | null): DescribedFrame {
  const request = parseRequest(frame)
  const reply = parseReply(frame)
  const isRequest = direction === null ? request.ok || !isReply(frame, reply.ok) : direction === 'request'
  if (isRequest) return described(frame, 'request', request.ok ? requestContent(frame, request.value) : { error: request.error })
  return described(frame, 'reply', reply.ok ? replyContent(frame, reply.value) : { error: reply.error })
}

/** Exceptions come from devices alone, and a broadcast from masters alone. */
function isReply({ address, control }: Frame, isWellFormed: boolean): boolean {
  return address !== broadcastAddress && (control >= exceptionBit || isWellFormed)
}

interface Content {
  readonly detail?: Readonly<Record<string, string>>
  readonly values?: readonly (number | boolean)[]
  readonly error?: InputError & { readonly bits?: readonly string[] }
  /** The device's own refusal, not a fault of the frame. */
  readonly isRefusal?: boolean
}

function described(frame: Frame, direction: 'request' | 'reply', content: Content): DescribedFrame {
  const { detail, values = [], error, isRefusal = false } = content
  const fn = functionOf(frame.control)
  const details = fn === null ? null : { function: fn, ...detail }
  return {
    ok: error === undefined || isRefusal,
    protocol: 'modbus-rtu',
    direction,
    address: String(frame.address),
    control: frame.control.toString(16).toUpperCase().padStart(2, '0'),
    length: frame.data.length,
    ...(details === null ? {} : { detail: details }),
    values: values.map((value) => ({ value: String(Number(value)), unit: null })),
    ...(error === undefined ? {} : { error }),
  }
}

function requestContent({ address }: Frame, request: Request): Content {
  if (address === broadcastAddress && (isRead(request) || request.fn === 'read-write-registers')) {
    return { error: { code: 'bad-address', at: 'byte 0', message: 'nobody answers a broadcast, so it cannot ask for anything' } }
  }
  const start = String(request.start)
  switch (request.fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
      return { detail: { start, count: String(request.count) } }
    case 'write-coil':
      return { detail: { start }, values: [request.bit] }
    case 'write-register':
      return { detail: { start }, values: [request.word] }
    case 'write-coils':
      return { detail: { start, count: String(request.bits.length) }, values: request.bits }
    case 'write-registers':
      return { detail: { start, count: String(request.words.length) }, values: request.words }
    case 'mask-write-register':
      return { detail: { start, and: hexWord(request.andMask), or: hexWord(request.orMask) } }
    case 'read-write-registers': {
      const { count, writeStart, words } = request
      return { detail: { start, count: String(count), writeStart: String(writeStart) }, values: words }
    }
  }
}

function replyContent({ address }: Frame, reply: Reply): Content {
  if (address === broadcastAddress) {
    return { error: { code: 'bad-address', at: 'byte 0', message: 'nobody answers with the broadcast address' } }
  }
  if ('exception' in reply) return refusalContent(reply)
  switch (reply.fn) {
    case 'read-coils':
    case 'read-inputs':
      return { values: bitsOf(reply.bytes, 8 * reply.bytes.length) }
    case 'read-holding-registers':
    case 'read-input-registers':
    case 'read-write-registers':
      return { values: reply.words }
    case 'write-coil':
      return { detail: { start: String(reply.start) }, values: [reply.word !== 0] }
    case 'write-register':
      return { detail: { start: String(reply.start) }, values: [reply.word] }
    case 'write-coils':
    case 'write-registers':
      return { detail: { start: String(reply.start), count: String(reply.count) } }
    case 'mask-write-register':
      return { detail: { start: String(reply.start), and: hexWord(reply.andMask), or: hexWord(reply.orMask) } }
  }
}

function refusalContent({ exception }: { readonly fn: FunctionName; readonly exception: number }): Content {
  const name = exceptionName(exception)
  return { error: { code: 'refused', at: 'data', message: `the device refused: ${name}`, bits: [name] }, isRefusal: true }
}

const hexWord = (word: number) => word.toString(16).toUpperCase().padStart(4, '0')

function parseHex(frame: string): Uint8Array | InputError {
  const digits = frame.replace(/\s/g, '')
  const wrong = frame.search(/[^0-9a-fA-F\s]/)
  if (wrong >= 0) {
    const message = `expected a hexadecimal digit, found ${JSON.stringify(frame[wrong])}`
    return { code: 'not-hex', at: `character ${wrong}`, message }
  }
  if (digits.length % 2 === 1) {
    return { code: 'not-hex', at: `character ${frame.length}`, message: 'the last byte has only one digit' }
  }
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(2 * index, 2 * index + 2), 16))
}
