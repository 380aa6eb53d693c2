import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { byteAt } from '../wire/bytes.js'
import { crc16, endsWithCrc } from './crc.js'
import { frameLengths } from './lengths.js'

/** Most bytes of a frame, and fewest: address, function, checksum. */
export const frameBytesMax = 256
export const frameBytesMin = 4

/** The address that every device hears and none answers. */
export const broadcastAddress = 0
/** Addresses of devices are 1 to this; those above are reserved. */
export const addressMax = 247

/** A frame without its checksum. */
export interface Frame {
  /** 0 (broadcast) to 247. */
  readonly address: number
  /** Function code, with the exception bit. */
  readonly control: number
  readonly data: Uint8Array
}

/**
 * The bytes of a frame as they go over the line.
 *
 * @throws RangeError for an address above 247 or more than 252 data bytes
 */
export function encodeFrame({ address, control, data }: Frame): Uint8Array {
  const bytes = new Uint8Array(frameBytesMin + data.length)
  if (bytes.length > frameBytesMax) throw new RangeError(`a frame carries at most ${frameBytesMax - frameBytesMin} data bytes`)
  if (!isAddress(address)) throw new RangeError(`${address} is no address from 0 to ${addressMax}`)
  bytes.set([address, control])
  bytes.set(data, 2)
  const crc = crc16(bytes.subarray(0, -2))
  bytes.set([crc & 0xff, crc >> 8], bytes.length - 2)
  return bytes
}

/**
 * Reads bytes that ought to be exactly one frame.
 *
 * @returns the frame, or what is wrong: `empty`, `truncated`, `too-long`, `bad-checksum`, `trailing-bytes` (a whole frame stands at
 * the start), `bad-address`
 */
export function decodeFrame(bytes: Uint8Array): Result<Frame, InputError> {
  if (bytes.length === 0) return wrong('empty', 0, 'expected a frame, found no bytes')
  if (bytes.length < frameBytesMin) return wrong('truncated', bytes.length, `a frame has at least ${frameBytesMin} bytes`)
  if (bytes.length > frameBytesMax) return wrong('too-long', frameBytesMax, `a frame has at most ${frameBytesMax} bytes`)
  const { whole, isOpen } = frameLengths(bytes)
  const isRight = endsWithCrc(bytes)
  if (!isRight || !whole.includes(bytes.length)) {
    // Also where the checksum is right: it stays so when zeros follow a frame.
    const shorter = whole.find((length) => endsWithCrc(bytes.subarray(0, length)) && length < bytes.length)
    if (shorter !== undefined) return wrong('trailing-bytes', shorter, `${bytes.length - shorter} bytes stand behind the frame`)
  }
  if (!isRight) return faultOf(bytes, isOpen && !whole.includes(bytes.length))
  const address = byteAt(bytes, 0)
  if (!isAddress(address)) return wrong('bad-address', 0, `expected an address from 0 to ${addressMax}, found ${address}`)
  return ok({ address, control: byteAt(bytes, 1), data: bytes.slice(2, -2) })
}

/** Whether a number is an address of a device or the broadcast address. */
export function isAddress(address: number): boolean {
  return Number.isInteger(address) && address >= broadcastAddress && address <= addressMax
}

/** The checksum does not fit: perhaps because bytes are missing. */
function faultOf(bytes: Uint8Array, isShort: boolean): Result<Frame, InputError> {
  if (isShort) return wrong('truncated', bytes.length, 'the frame ends before its function and byte count say')
  const end = bytes.length - 2
  const crc = crc16(bytes.subarray(0, end))
  const expected = `${hexByte(crc & 0xff)} ${hexByte(crc >> 8)}`
  const found = `${hexByte(byteAt(bytes, end))} ${hexByte(byteAt(bytes, end + 1))}`
  return wrong('bad-checksum', end, `expected the checksum ${expected}, found ${found}`)
}

const hexByte = (byte: number) => byte.toString(16).toUpperCase().padStart(2, '0')

const wrong = (code: string, byte: number, message: string) => fail({ code, at: `byte ${byte}`, message })
