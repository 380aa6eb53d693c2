import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { byteAt, hexByte, joinBytes } from '../wire/bytes.js'
import { cursorOver, type Fault } from './cursor.js'
import { downInfo, infoBytes, upInfo, type DownInfo, type UpInfo } from './info.js'
import { address, times, u16 } from './layouts.js'
import { frameBytesMax, frameBytesMin } from './limits.js'

/** Start of a frame. */
export const startByte = 0x68
/** End of a frame. */
export const endByte = 0x16
/** May stand in front of a frame, not part of it. */
export const preambleByte = 0xfe
/** Largest function number its two bytes can carry. */
export const fnMax = 2048
/** Every node; AA in each byte is accepted as well (facts §2.4). */
export const broadcastAddress = '999999999999'

/** To the module: own main-node address, relays, meter. From it: meter, no relays, main node. 12 hexadecimal digits each. */
export interface Addresses {
  readonly source: string
  readonly relays: readonly string[]
  readonly destination: string
}

interface Parts<D, I> {
  /** `down`: to the module (DIR 0). One simulator sends its confirmations as `down` too. */
  readonly direction: D
  /** PRM: the sender opens an exchange. Modules are seen to send it wrongly: never decide by it (facts §2.1). */
  readonly initiates: boolean
  /** 1, 2 narrowband; 3 HPLC; 4 dual; 7 private; 10 micro-power wireless; 20 Ethernet: learnt from the module's first frame. */
  readonly mode: number
  readonly info: I
  readonly addresses: Addresses | null
  readonly afn: number
  readonly fn: number
  /** The data unit. */
  readonly data: Uint8Array
}

export type DownFrame = Parts<'down', DownInfo>
export type UpFrame = Parts<'up', UpInfo>
export type Frame = DownFrame | UpFrame

/** A received frame: also how many FE stood in front, and at which byte, counted from the first FE, its data unit begins. */
export type DecodedFrame = Frame & { readonly preamble: number; readonly dataAt: number }

/**
 * The bytes of a frame.
 *
 * @throws RangeError for parts that no frame can carry, or flags of the information field that do not agree with the addresses
 * @source facts §2; vectors tests/vectors/gdw1376-2/frames.json
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const { initiates, mode, afn, data } = frame
  checkAddresses(frame)
  if (!Number.isInteger(mode) || mode < 0 || mode > 63) throw new RangeError(`${mode} is no communication mode`)
  const control = (frame.direction === 'up' ? 0x80 : 0) | (initiates ? 0x40 : 0) | mode
  const info = frame.direction === 'up' ? upInfo.write(frame.info) : downInfo.write(frame.info)
  const body = joinBytes([[control], info, addressField(frame.addresses), [afn], fnBytes(frame.fn), data])
  const length = body.length + 5
  if (length > frameBytesMax) throw new RangeError(`a frame has at most ${frameBytesMax} bytes, not ${length}`)
  return joinBytes([[startByte], u16.write(length), body, [checksum(body), endByte]])
}

/**
 * Reads bytes that ought to be exactly one frame, with any number of FE in front.
 *
 * The length is believed up to FFFF here: the bytes are all there, so it cannot make anybody wait.
 *
 * @returns the frame, or what is wrong at which byte: `empty`, `no-start`, `truncated`, `bad-length`, `bad-checksum`, `no-end`,
 * `trailing-bytes`, `bad-fn`
 */
export function decodeFrame(bytes: Uint8Array): Result<DecodedFrame, InputError> {
  const preamble = countPreamble(bytes)
  const body = bytes.subarray(preamble)
  const fault = envelopeFault(body) ?? headFault(body)
  if (fault !== null) return fail({ code: fault.code, at: `byte ${preamble + fault.offset}`, message: fault.message })
  const afnAt = unitOffset(body)
  const common = {
    preamble,
    dataAt: preamble + afnAt + 3,
    initiates: (byteAt(body, 3) & 0x40) !== 0,
    mode: byteAt(body, 3) & 0x3f,
    addresses: addressesOf(body, afnAt),
    afn: byteAt(body, afnAt),
    fn: fnOf(byteAt(body, afnAt + 1), byteAt(body, afnAt + 2)),
    data: Uint8Array.from(body.subarray(afnAt + 3, -2)),
  }
  const info = cursorOver(body.subarray(infoAt, infoAt + infoBytes))
  return ok(
    isUp(body)
      ? { direction: 'up', info: upInfo.read(info), ...common }
      : { direction: 'down', info: downInfo.read(info), ...common },
  )
}

/** Sum modulo 256 of the bytes from C to the last data byte. */
export function checksum(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0)
}

/** How many FE stand at the start. */
export function countPreamble(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== preambleByte)
  return end < 0 ? bytes.length : end
}

/** Whether an address means every node. */
export function isBroadcast(text: string): boolean {
  return text === broadcastAddress || text.toUpperCase() === 'AAAAAAAAAAAA'
}

const infoAt = 4
const addressAt = infoAt + infoBytes

const isUp = (body: Uint8Array) => (byteAt(body, 3) & 0x80) !== 0

/** Where AFN stands: behind the addresses, if the module flag says there are any; only down does the relay level add some. */
function unitOffset(body: Uint8Array): number {
  const flags = byteAt(body, infoAt)
  if ((flags & 0x04) === 0) return addressAt
  return addressAt + 6 * (2 + (isUp(body) ? 0 : flags >> 4))
}

function addressesOf(body: Uint8Array, end: number): Addresses | null {
  if (end === addressAt) return null
  const field = cursorOver(body.subarray(addressAt, end))
  const source = address.read(field)
  const relays = times((end - addressAt) / 6 - 2, address).read(field)
  return { source, relays, destination: address.read(field) }
}

function addressField(addresses: Addresses | null): Uint8Array {
  if (addresses === null) return new Uint8Array()
  return joinBytes([addresses.source, ...addresses.relays, addresses.destination].map((text) => address.write(text)))
}

function checkAddresses({ direction, info, addresses }: Frame): void {
  if (info.moduleFlag !== (addresses !== null)) throw new RangeError('the module flag says whether there is an address field')
  if (addresses === null) return
  const { relays } = addresses
  if (direction === 'up' && relays.length > 0) throw new RangeError('a frame from the module carries no relay addresses')
  if (direction === 'down' && relays.length !== info.relayLevel) throw new RangeError('the relay level is the number of relays')
}

/** Fn as DT1, DT2: exactly one bit of DT1 is set (facts §2). */
function fnBytes(fn: number): Uint8Array {
  if (!Number.isInteger(fn) || fn < 1 || fn > fnMax) throw new RangeError(`F${fn} is no function number`)
  return Uint8Array.of(1 << ((fn - 1) % 8), Math.floor((fn - 1) / 8))
}

function fnOf(dt1: number, dt2: number): number {
  return 8 * dt2 + 32 - Math.clz32(dt1)
}

function envelopeFault(body: Uint8Array): Fault | null {
  const fault = (code: string, offset: number, message: string) => ({ code, offset, message })
  if (body.length === 0) return fault('empty', 0, 'expected a frame, found no bytes but FE')
  if (body[0] !== startByte) return fault('no-start', 0, `expected the start byte 68, found ${hexByte(byteAt(body, 0))}`)
  if (body.length < 3) return fault('truncated', body.length, 'the frame ends before its length')
  const length = byteAt(body, 1) + 256 * byteAt(body, 2)
  if (length < frameBytesMin)
    return fault('bad-length', 1, `the length says ${length} bytes; a frame has at least ${frameBytesMin}`)
  if (body.length < length) {
    return fault('truncated', body.length, `the length says ${length} bytes: ${length - body.length} are missing`)
  }
  const sum = checksum(body.subarray(3, length - 2))
  const found = byteAt(body, length - 2)
  if (sum !== found) return fault('bad-checksum', length - 2, `expected the checksum ${hexByte(sum)}, found ${hexByte(found)}`)
  const end = byteAt(body, length - 1)
  if (end !== endByte) return fault('no-end', length - 1, `expected the end byte 16, found ${hexByte(end)}`)
  if (body.length > length) return fault('trailing-bytes', length, `${body.length - length} bytes stand behind the frame`)
  return null
}

/** Of a frame that is whole. */
function headFault(body: Uint8Array): Fault | null {
  const afnAt = unitOffset(body)
  if (body.length < afnAt + 5) {
    return {
      code: 'bad-length',
      offset: 1,
      message: `the address field and AFN need ${afnAt + 5} bytes; the length says ${body.length}`,
    }
  }
  const dt1 = byteAt(body, afnAt + 1)
  if (dt1 === 0 || (dt1 & (dt1 - 1)) !== 0) {
    return { code: 'bad-fn', offset: afnAt + 1, message: `expected exactly one bit of DT1, found ${hexByte(dt1)}` }
  }
  return null
}
