import type { Scanner, ScanResult } from '../../ports/index.js'
import { byteAt } from '../wire/bytes.js'
import { addressMax } from './codec.js'
import { endsWithCrc } from './crc.js'
import { exceptionBit, functionCodes } from './functions.js'
import { frameLengths, requestLength } from './lengths.js'
import { encodeRequest, isRead, isWordRead, type Request } from './requests.js'

const incomplete: ScanResult = { kind: 'incomplete' }
/** A true frame may begin inside a false start, so one byte only is given up. */
const noise: ScanResult = { kind: 'noise', skip: 1 }

/**
 * Any whole frame, of a master or of a device: what function and byte count make it, with a right checksum. Where both a request's
 * and an answer's length are possible the shorter one with a right checksum is taken.
 */
export const anyFrameScanner: Scanner = (bytes) => {
  if (bytes.length === 0) return incomplete
  if (byteAt(bytes, 0) > addressMax) return noise
  const { whole, isOpen } = frameLengths(bytes)
  const length = whole.find((each) => endsWithCrc(bytes.subarray(0, each)))
  if (length !== undefined) return { kind: 'frame', length }
  return isOpen ? incomplete : noise
}

/** Any whole request: the device's side of a line. */
export const requestScanner: Scanner = (bytes) => {
  if (bytes.length === 0) return incomplete
  if (byteAt(bytes, 0) > addressMax) return noise
  const found = requestLength(bytes)
  if (found.kind === 'none') return noise
  if (found.kind === 'open' || bytes.length < found.length) return incomplete
  return endsWithCrc(bytes.subarray(0, found.length)) ? { kind: 'frame', length: found.length } : noise
}

/**
 * Only the answer to one request: from its device, of its function, with as many bytes as it asked for (for writes, the same
 * address and value), or a refusal of it. The length is known with the first bytes, so no silence has to be waited for.
 */
export function replyScanner(address: number, request: Request): Scanner {
  const { head, length } = expectedReply(address, request)
  const refusalHead = [address, functionCodes[request.fn] | exceptionBit]
  return (bytes) => {
    if (bytes.length === 0) return incomplete
    if (beginsWith(bytes, head)) return whole(bytes, length)
    if (beginsWith(bytes, refusalHead)) return whole(bytes, refusalLength)
    const next = bytes.indexOf(address, 1)
    return { kind: 'noise', skip: next < 0 ? bytes.length : next }
  }
}

const refusalLength = 5

/** How the answer begins, as far as the request tells, and how long it is. */
function expectedReply(address: number, request: Request): { readonly head: readonly number[]; readonly length: number } {
  const code = functionCodes[request.fn]
  if (isRead(request) || request.fn === 'read-write-registers') {
    const hasWords = request.fn === 'read-write-registers' || isWordRead(request.fn)
    const bytes = hasWords ? 2 * request.count : Math.ceil(request.count / 8)
    return { head: [address, code, bytes], length: 5 + bytes }
  }
  const echo = [...encodeRequest(address, request).subarray(0, request.fn === 'mask-write-register' ? 8 : 6)]
  return { head: echo, length: echo.length + 2 }
}

function beginsWith(bytes: Uint8Array, head: readonly number[]): boolean {
  return head.every((byte, index) => index >= bytes.length || bytes[index] === byte)
}

function whole(bytes: Uint8Array, length: number): ScanResult {
  if (bytes.length < length) return incomplete
  return endsWithCrc(bytes.subarray(0, length)) ? { kind: 'frame', length } : noise
}
