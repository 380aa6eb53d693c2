import { countText, fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { addressBytes, addressText } from './address.js'

/** Start of a frame, repeated at offset 7. */
export const startByte = 0x68
/** End of a frame. */
export const endByte = 0x16
/** Wake-up byte in front of a frame, not part of it. */
export const wakeUpByte = 0xfe
/** Wake-up bytes a master sends (facts §2). */
export const wakeUpBytes = 4
/** Bytes of a frame beside its data: start, address, start, control, length, checksum, end. */
export const frameOverheadBytes = 12
/** Most data bytes of a frame. We never send more; from a stream, more is taken for noise. */
export const dataBytesMax = 200

/** A frame without its transport coding. */
export interface Frame {
  /** 12 hexadecimal digits as displayed. */
  readonly address: string
  readonly control: number
  /** Without the bias of 33H. */
  readonly data: Uint8Array
}

export interface DecodedFrame extends Frame {
  /** Wake-up bytes in front of it. */
  readonly preamble: number
}

/**
 * The bytes of a frame as they go over the line.
 *
 * @param preamble number of wake-up bytes in front
 * @throws RangeError for an address that is none, or more than 200 data bytes
 * @source facts §2; vectors tests/vectors/dlt645-2007/frames.json
 */
export function encodeFrame(frame: Frame, preamble: number = wakeUpBytes): Uint8Array {
  const { data } = frame
  if (data.length > dataBytesMax) throw new RangeError(`a frame carries at most ${dataBytesMax} data bytes, not ${data.length}`)
  const bytes = new Uint8Array(preamble + frameOverheadBytes + data.length).fill(wakeUpByte, 0, preamble)
  const body = bytes.subarray(preamble)
  body[0] = startByte
  body.set(addressBytes(frame.address), 1)
  body[7] = startByte
  body[8] = frame.control
  body[9] = data.length
  body.set(
    data.map((byte) => byte + bias),
    10,
  )
  body[10 + data.length] = checksum(body.subarray(0, 10 + data.length))
  body[11 + data.length] = endByte
  return bytes
}

/**
 * Reads bytes that ought to be exactly one frame, with any number of wake-up bytes in front.
 *
 * The length field is believed up to 255 here: the bytes are all there, so an overlong reply cannot make anybody wait.
 *
 * @returns the frame, or what is wrong at which byte: `empty`, `no-start`, `truncated`, `no-second-start`, `bad-checksum`,
 * `no-end`, `trailing-bytes`
 */
export function decodeFrame(bytes: Uint8Array): Result<DecodedFrame, InputError> {
  const preamble = countWakeUp(bytes)
  const body = bytes.subarray(preamble)
  const fault = faultOf(body)
  if (fault !== null) {
    return fail({ code: fault.code, at: `byte ${preamble + fault.offset}`, message: fault.message })
  }
  const end = 10 + byteAt(body, 9)
  return ok({
    preamble,
    address: addressText(body.subarray(1, 7)),
    control: byteAt(body, 8),
    // A copy in any case: a Buffer's own slice would share the caller's memory.
    data: Uint8Array.from(body.subarray(10, end), (byte) => byte - bias),
  })
}

/** Set in the control byte of what a meter sends (facts §4). */
const fromMeterBit = 0x80

/** The address of the meter that sent a frame; null: a master did, or it is no frame. */
export function speakerOf(bytes: Uint8Array): string | null {
  const decoded = decodeFrame(bytes)
  return decoded.ok && (decoded.value.control & fromMeterBit) !== 0 ? decoded.value.address : null
}

/** Sum modulo 256 of bytes as they are on the wire. */
export function checksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)
}

/** How many wake-up bytes stand at the start. */
export function countWakeUp(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== wakeUpByte)
  return end < 0 ? bytes.length : end
}

/** The byte at an index that the caller has checked to be inside. */
export function byteAt(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? Number.NaN
}

/** Added to every data byte by the sender, modulo 256. */
export const bias = 0x33

interface Fault {
  readonly code: string
  readonly offset: number
  readonly message: string
}

function faultOf(body: Uint8Array): Fault | null {
  const fault = (code: string, offset: number, message: string) => ({ code, offset, message })
  const found = (index: number) => hexByte(byteAt(body, index))
  if (body.length === 0) return fault('empty', 0, 'expected a frame, found no bytes but wake-up bytes')
  if (body[0] !== startByte) return fault('no-start', 0, `expected the start byte 68, found ${found(0)}`)
  if (body.length > 7 && body[7] !== startByte) return fault('no-second-start', 7, `expected the second 68, found ${found(7)}`)
  if (body.length < 10) return fault('truncated', body.length, 'the frame ends before its length byte')
  const length = byteAt(body, 9)
  const total = frameOverheadBytes + length
  if (body.length < total) {
    return fault(
      'truncated',
      body.length,
      `the length byte says ${countText(length, 'data byte')}: ${countText(total - body.length, 'byte is', 'bytes are')} missing`,
    )
  }
  const sum = checksum(body.subarray(0, total - 2))
  if (sum !== body[total - 2]) {
    return fault('bad-checksum', total - 2, `expected the checksum ${hexByte(sum)}, found ${found(total - 2)}`)
  }
  if (body[total - 1] !== endByte) return fault('no-end', total - 1, `expected the end byte 16, found ${found(total - 1)}`)
  if (body.length > total)
    return fault('trailing-bytes', total, `${countText(body.length - total, 'byte stands', 'bytes stand')} behind the frame`)
  return null
}

const hexByte = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')
