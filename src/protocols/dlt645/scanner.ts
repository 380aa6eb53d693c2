import { splitFrames, type FrameSplitter } from '../wire/frame-splitter.js'
import type { Scanner, ScanResult } from '../../ports/index.js'
import { addressMatches, addressText } from './address.js'
import { bias, byteAt, checksum, countWakeUp, dataBytesMax, endByte, frameOverheadBytes, startByte, wakeUpByte } from './codec.js'
import { functionCodes } from './controls.js'
import { registerBytes, type Request } from './requests.js'

/** Wake-up bytes that are taken with a frame; of a longer run the first ones are noise. */
export const wakeUpBytesMax = 16

/** Data bytes of an error word, and of an address: a false start that claims more is given up at once. */
const refusalBytesMax = 2
const addressLength = 6

/**
 * Any whole frame, of a master or of a meter, with the wake-up bytes in front of it.
 *
 * On a false start (second 68 wrong, length over 200, checksum wrong, 16 missing) only the 68 is given up, never the claimed
 * length: a true frame may begin inside (facts §2).
 */
export const anyFrameScanner: Scanner = (bytes) => scanFrame(bytes, () => true)

/**
 * Only the answer to one request: from a meter, of the asked address (AA bytes match anything), function, register and
 * follow-up number. Echoes (D7 = 0), other meters' frames, late answers and unsolicited ones are noise.
 */
export function replyScanner(address: string, request: Request): Scanner {
  const fn = functionCodes[request.fn]
  const di = 'di' in request && answersWithRegister(request) ? registerBytes(request.di) : null
  return (bytes) =>
    scanFrame(bytes, (body) => {
      if (body.length >= 7 && !addressMatches(address, addressText(body.subarray(1, 7)))) return false
      if (body.length < 9) return true
      const control = byteAt(body, 8)
      if (control === (fn | 0xc0)) return body.length < 10 || byteAt(body, 9) <= refusalBytesMax
      const mayHaveMore = request.fn === 'read' || request.fn === 'read-more'
      if (control !== (fn | 0x80) && !(mayHaveMore && control === (fn | 0xa0))) return false
      if (body.length < 10) return true
      if (request.fn === 'read-address') return byteAt(body, 9) === addressLength
      if (di === null) return true
      return repeatsRegister(body, di) && (request.fn !== 'read-more' || endsWithSeq(body, request.seq))
    })
}

/** Takes any stream of bytes apart into frames, wake-up bytes in front: see `splitFrames`. */
export function frameSplitter(onFrame: (frame: Uint8Array) => void): FrameSplitter {
  return splitFrames(anyFrameScanner, onFrame)
}

/** Whether the normal answer to a request repeats its register (a write's, a password's and an event clear's do not). */
function answersWithRegister(request: Request): boolean {
  return request.fn === 'read' || request.fn === 'read-more' || request.fn === 'security'
}

/**
 * Looks at the start of the bytes; `isWanted` says of a frame so far, without wake-up bytes, whether it can still be the wanted one.
 * It is asked again with every byte more, so a wrong start never makes anybody wait for the length it claims.
 */
export function scanFrame(bytes: Uint8Array, isWanted: (body: Uint8Array) => boolean): ScanResult {
  const preamble = countWakeUp(bytes)
  if (preamble > wakeUpBytesMax) return { kind: 'noise', skip: preamble - wakeUpBytesMax }
  const body = bytes.subarray(preamble)
  const start = body[0]
  if (start === undefined) return { kind: 'incomplete' }
  if (start !== startByte) return { kind: 'noise', skip: preamble + noiseLength(body) }
  const noise: ScanResult = { kind: 'noise', skip: preamble + 1 }
  if (body.length > 7 && body[7] !== startByte) return noise
  if (body.length > 9 && byteAt(body, 9) > dataBytesMax) return noise
  const total = body.length > 9 ? frameOverheadBytes + byteAt(body, 9) : Number.POSITIVE_INFINITY
  const frame = body.subarray(0, Math.min(total, body.length))
  if (!isWanted(frame)) return noise
  if (frame.length < total) return { kind: 'incomplete' }
  if (checksum(frame.subarray(0, total - 2)) !== frame[total - 2] || frame[total - 1] !== endByte) return noise
  return { kind: 'frame', length: preamble + total }
}

/** Bytes up to the next one that could begin a frame or its wake-up bytes. */
function noiseLength(body: Uint8Array): number {
  const next = body.findIndex((byte) => byte === startByte || byte === wakeUpByte)
  return next < 0 ? body.length : next
}

/** Whether the data of a frame so far, without wake-up bytes, begin with a register's identifier as it goes over the line. */
export function repeatsRegister(body: Uint8Array, di: Uint8Array): boolean {
  if (byteAt(body, 9) < di.length) return false
  return di.every((byte, index) => body.length <= 10 + index || ((byteAt(body, 10 + index) - bias) & 0xff) === byte)
}

/** The follow-up number is the last data byte (facts §6.2); until it has come, nothing speaks against the frame. */
function endsWithSeq(body: Uint8Array, seq: number): boolean {
  const length = byteAt(body, 9)
  if (length < 5) return false
  return body.length < 10 + length || ((byteAt(body, 9 + length) - bias) & 0xff) === seq
}
