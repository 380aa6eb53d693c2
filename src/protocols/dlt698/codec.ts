import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { addressLength, readServer, serverBytes, type ServerAddress } from './address.js'
import { byteAt, hexNumber, joinBytes } from '../wire/bytes.js'
import { nth } from './bytes.js'
import { crc16 } from './crc.js'

/** Start of a frame. */
export const startByte = 0x68
/** End of a frame. */
export const endByte = 0x16
/** Wake-up byte in front of a frame, not part of it. */
export const wakeUpByte = 0xfe
/** Wake-up bytes a client sends: meters of 2026 are read with four (facts §1). */
export const wakeUpBytes = 4
/** Longest frame there can be: the length field has 14 bits and leaves out the two delimiters. */
export const frameBytesMax = 0x3fff + 2

/** Function of the link layer, bits 2 to 0 of C: link management (login, heartbeat) or user data. */
export const linkManagement = 1
export const userData = 3

/** The control byte C, taken apart (facts §1). */
export interface Control {
  /** Who sent the frame: bit 7. */
  readonly from: 'client' | 'server'
  /** Who began the dialogue, bit 6: the client asks and is answered, or the server reports and is confirmed. */
  readonly asked: 'client' | 'server'
  /** 1 link management, 3 user data; the others have no meaning in the sources. */
  readonly fn: number
  /** Each byte behind the header bears 33H more (own knowledge: no capture). */
  readonly scrambled: boolean
}

/** Place of a piece in a longer APDU, or the confirmation of one (facts §1, segmenting). */
export const segmentKinds = ['first', 'last', 'confirmation', 'middle'] as const
export interface Segment {
  /** 0 to 4095, counting on. */
  readonly number: number
  readonly kind: (typeof segmentKinds)[number]
}

/** A link frame without its transport coding. */
export interface Frame {
  readonly control: Control
  readonly server: ServerAddress
  /** Client address CA; the answer repeats it. */
  readonly client: number
  /** null: the body is a whole APDU. */
  readonly segment: Segment | null
  /** The APDU, or a piece of it, scrambling undone. */
  readonly body: Uint8Array
}

export interface DecodedFrame extends Frame {
  /** C as it came. */
  readonly controlByte: number
  /** The length field's 14 bits: bytes between the two delimiters. */
  readonly length: number
  /** Wake-up bytes in front. */
  readonly preamble: number
}

/**
 * The bytes of a frame as they go over the line.
 *
 * @param preamble number of wake-up bytes in front
 * @throws RangeError for an address that is none, or a body too long for the length field
 * @source facts §1; vectors tests/vectors/dlt698-45/frames.json
 */
export function encodeFrame(frame: Frame, preamble: number = wakeUpBytes): Uint8Array {
  const { control, segment, body } = frame
  const plain = segment === null ? body : joinBytes([segmentWord(segment), body])
  const shown = control.scrambled ? plain.map((byte) => byte + bias) : plain
  const server = serverBytes(frame.server)
  const length = 2 + 1 + server.length + 1 + 2 + shown.length + 2
  if (length + 2 > frameBytesMax) throw new RangeError(`a frame has at most ${frameBytesMax} bytes, not ${length + 2}`)
  const head = Uint8Array.of(length & 0xff, length >> 8, controlByte(control, segment !== null), ...server, frame.client)
  const checked = joinBytes([head, lowFirst(crc16(head)), shown])
  return joinBytes([new Uint8Array(preamble).fill(wakeUpByte), [startByte], checked, lowFirst(crc16(checked)), [endByte]])
}

/**
 * Reads bytes that ought to be exactly one frame, with any number of wake-up bytes in front.
 *
 * @returns the frame, or what is wrong at which byte: `empty`, `no-start`, `truncated`, `bad-length`, `bad-hcs`, `bad-fcs`, `no-end`,
 * `trailing-bytes`, `bad-segment`
 */
export function decodeFrame(bytes: Uint8Array): Result<DecodedFrame, InputError> {
  const preamble = countWakeUp(bytes)
  const frame = bytes.subarray(preamble)
  const fault = faultOf(frame)
  if (fault !== null) return fail({ code: fault.code, at: `byte ${preamble + fault.offset}`, message: fault.message })
  const header = headerOf(frame)
  const total = header.length + 2
  // A copy in any case: a Buffer's own slice would share the caller's memory.
  const shown = new Uint8Array(frame.subarray(header.bodyAt, total - 3))
  const content = (header.control & scrambledBit) === 0 ? shown : shown.map((byte) => byte - bias)
  const isPiece = (header.control & segmentBit) !== 0
  return ok({
    control: readControl(header.control),
    controlByte: header.control,
    server: header.server,
    client: header.client,
    length: header.length,
    preamble,
    segment: isPiece ? readSegment(content) : null,
    body: isPiece ? content.slice(segmentWordBytes) : content,
  })
}

/** What the start of a frame says; to be asked only when all `headerBytes` are there. */
export interface Header {
  readonly length: number
  readonly control: number
  readonly server: ServerAddress
  readonly client: number
  /** Where the body begins. */
  readonly bodyAt: number
}

/** Bytes from 68 to the end of HCS, once the flags of SA have come; before, as many as are needed for those. */
export function headerBytes(frame: Uint8Array): number {
  return frame.length <= flagsAt ? flagsAt + 1 : flagsAt + 1 + addressLength(byteAt(frame, flagsAt)) + 1 + 2
}

/** Reads the header of a frame that begins with 68 and holds `headerBytes`. */
export function headerOf(frame: Uint8Array): Header {
  const flags = byteAt(frame, flagsAt)
  const clientAt = flagsAt + 1 + addressLength(flags)
  return {
    // D14 (unit 1 kB) and D15 are reserved in practice; a tolerant parser masks both (facts §1).
    length: (byteAt(frame, 1) | (byteAt(frame, 2) << 8)) & 0x3fff,
    control: byteAt(frame, 3),
    server: readServer(flags, frame.subarray(flagsAt + 1, clientAt)),
    client: byteAt(frame, clientAt),
    bodyAt: clientAt + 3,
  }
}

/** Whether the check sequence at the end of `bytes`, low byte first, is that of the bytes before it. */
export function endsWithCrc(bytes: Uint8Array): boolean {
  const crc = crc16(bytes.subarray(0, -2))
  return byteAt(bytes, bytes.length - 2) === (crc & 0xff) && byteAt(bytes, bytes.length - 1) === crc >> 8
}

/** The parts of C. */
export function readControl(byte: number): Control {
  return {
    from: byte & serverBit ? 'server' : 'client',
    asked: byte & clientAskedBit ? 'client' : 'server',
    fn: byte & 0x07,
    scrambled: (byte & scrambledBit) !== 0,
  }
}

/** How many wake-up bytes stand at the start. */
export function countWakeUp(bytes: Uint8Array): number {
  const end = bytes.findIndex((byte) => byte !== wakeUpByte)
  return end < 0 ? bytes.length : end
}

/** Added to every byte of a scrambled body, modulo 256. */
const bias = 0x33
const serverBit = 0x80
const clientAskedBit = 0x40
const segmentBit = 0x20
const scrambledBit = 0x08
const flagsAt = 4
const segmentWordBytes = 2

const controlByte = ({ from, asked, fn, scrambled }: Control, isPiece: boolean): number =>
  (from === 'server' ? serverBit : 0) |
  (asked === 'client' ? clientAskedBit : 0) |
  (isPiece ? segmentBit : 0) |
  (scrambled ? scrambledBit : 0) |
  (fn & 0x07)

const lowFirst = (value: number): Uint8Array => Uint8Array.of(value & 0xff, value >> 8)

/** D11 to D0 the number, D15 and D14 the kind (facts §1). */
const segmentWord = ({ number, kind }: Segment): Uint8Array => lowFirst((number & 0x0fff) | (segmentKinds.indexOf(kind) << 14))

function readSegment(content: Uint8Array): Segment {
  const word = byteAt(content, 0) | (byteAt(content, 1) << 8)
  return { number: word & 0x0fff, kind: nth(segmentKinds, (word >> 14) & 3) }
}

interface Fault {
  readonly code: string
  readonly offset: number
  readonly message: string
}

function faultOf(frame: Uint8Array): Fault | null {
  const fault = (code: string, offset: number, message: string) => ({ code, offset, message })
  const found = (index: number) => hexNumber(byteAt(frame, index), 2)
  if (frame.length === 0) return fault('empty', 0, 'expected a frame, found no bytes but wake-up bytes')
  if (frame[0] !== startByte) return fault('no-start', 0, `expected the start byte 68, found ${found(0)}`)
  const headerEnd = headerBytes(frame)
  if (frame.length < headerEnd) return fault('truncated', frame.length, 'the frame ends within its header')
  const { length, control } = headerOf(frame)
  if (!endsWithCrc(frame.subarray(1, headerEnd))) return fault('bad-hcs', headerEnd - 2, 'the check of the header (HCS) is wrong')
  const total = length + 2
  const least = headerEnd + 3
  if (total < least) return fault('bad-length', 1, `the length field says ${length} bytes, less than the header and tail alone`)
  if (frame.length < total) {
    return fault('truncated', frame.length, `the length field says ${length}: ${total - frame.length} bytes are missing`)
  }
  if (!endsWithCrc(frame.subarray(1, total - 1))) return fault('bad-fcs', total - 3, 'the check of the frame (FCS) is wrong')
  if (frame[total - 1] !== endByte) return fault('no-end', total - 1, `expected the end byte 16, found ${found(total - 1)}`)
  if (frame.length > total) return fault('trailing-bytes', total, `${frame.length - total} bytes stand behind the frame`)
  if ((control & segmentBit) !== 0 && total < least + segmentWordBytes) {
    return fault('bad-segment', headerEnd, 'a piece of an APDU begins with a word of two bytes, which is missing')
  }
  return null
}
