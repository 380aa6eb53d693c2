import { bitBytes } from './bytes.js'
import { broadcastAddress, decodeFrame, encodeFrame, type Frame } from './codec.js'
import { exceptionBit, type BitRead, type WordRead } from './functions.js'
import { encodeReply, type Reply } from './replies.js'
import { coilOn, parseRequest, type Request } from './requests.js'

/** What stands in a device's four tables at an address; null: there is nothing. */
export interface DeviceMemory {
  readonly coil: (address: number) => boolean | null
  readonly input: (address: number) => boolean | null
  readonly holding: (address: number) => number | null
  readonly inputRegister: (address: number) => number | null
}

/** A change the device is to make to its coils or holding registers. */
export type DeviceWrite =
  | { readonly table: 'coil'; readonly address: number; readonly bit: boolean }
  | { readonly table: 'holding'; readonly address: number; readonly word: number }

/** What a device does about a frame: its answer, and what it writes. */
export interface DeviceTurn {
  /** Null: it stays silent. */
  readonly reply: Uint8Array | null
  readonly writes: readonly DeviceWrite[]
}

const silentTurn: DeviceTurn = { reply: null, writes: [] }

/**
 * A device's answer to a frame: silent for other devices, for what is no request and for broadcasts, whose writes it does; a refusal
 * by exception for what it cannot do. It writes all of a request or, refusing, nothing.
 */
export function serveFrame(own: number, bytes: Uint8Array, memory: DeviceMemory): DeviceTurn {
  const frame = decodeFrame(bytes)
  if (!frame.ok || (frame.value.address !== own && frame.value.address !== broadcastAddress)) return silentTurn
  const turn = serve(own, frame.value, memory)
  return frame.value.address === broadcastAddress ? { reply: null, writes: turn.writes } : turn
}

const illegalFunction = 0x01
const illegalAddress = 0x02
const illegalValue = 0x03

function serve(own: number, frame: Frame, memory: DeviceMemory): DeviceTurn {
  const { control } = frame
  const refuse = (exception: number): DeviceTurn => ({
    reply: encodeFrame({ address: own, control: control | exceptionBit, data: Uint8Array.of(exception) }),
    writes: [],
  })
  const request = parseRequest(frame)
  if (!request.ok) {
    // Another device's refusal, or a length that fits no request: nothing was asked.
    if (control >= exceptionBit || request.error.code === 'bad-length') return silentTurn
    if (request.error.code === 'unknown-function') return refuse(illegalFunction)
    return refuse(request.error.code === 'bad-range' ? illegalAddress : illegalValue)
  }
  const writes = writesOf(request.value, memory)
  const reply = writes === null ? null : replyTo(request.value, afterWrites(memory, writes))
  return writes === null || reply === null ? refuse(illegalAddress) : { reply: encodeReply(own, reply), writes }
}

/** What a request changes; null: an address is not there. */
function writesOf(request: Request, memory: DeviceMemory): readonly DeviceWrite[] | null {
  switch (request.fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
      return []
    case 'write-coil':
      return coilWrites(request.start, [request.bit], memory)
    case 'write-coils':
      return coilWrites(request.start, request.bits, memory)
    case 'write-register':
      return wordWrites(request.start, [request.word], memory)
    case 'write-registers':
      return wordWrites(request.start, request.words, memory)
    case 'mask-write-register': {
      const { start, andMask, orMask } = request
      const old = memory.holding(start) ?? 0
      return wordWrites(start, [(old & andMask) | (orMask & ~andMask & 0xffff)], memory)
    }
    case 'read-write-registers':
      return wordWrites(request.writeStart, request.words, memory)
  }
}

function coilWrites(start: number, bits: readonly boolean[], memory: DeviceMemory): readonly DeviceWrite[] | null {
  const writes = bits.map((bit, index): DeviceWrite => ({ table: 'coil', address: start + index, bit }))
  return writes.some(({ address }) => memory.coil(address) === null) ? null : writes
}

function wordWrites(start: number, words: readonly number[], memory: DeviceMemory): readonly DeviceWrite[] | null {
  const writes = words.map((word, index): DeviceWrite => ({ table: 'holding', address: start + index, word }))
  return writes.some(({ address }) => memory.holding(address) === null) ? null : writes
}

/** Null: an address is not there. */
function replyTo(request: Request, memory: DeviceMemory): Reply | null {
  const { fn, start } = request
  switch (fn) {
    case 'read-coils':
      return bitReply(fn, span(start, request.count, memory.coil))
    case 'read-inputs':
      return bitReply(fn, span(start, request.count, memory.input))
    case 'read-holding-registers':
    case 'read-write-registers':
      return wordReply(fn, span(start, request.count, memory.holding))
    case 'read-input-registers':
      return wordReply(fn, span(start, request.count, memory.inputRegister))
    case 'write-coil':
      return { fn, start, word: request.bit ? coilOn : 0 }
    case 'write-register':
      return { fn, start, word: request.word }
    case 'write-coils':
      return { fn, start, count: request.bits.length }
    case 'write-registers':
      return { fn, start, count: request.words.length }
    case 'mask-write-register':
      return { fn, start, andMask: request.andMask, orMask: request.orMask }
  }
}

function bitReply(fn: BitRead, bits: readonly boolean[] | null): Reply | null {
  return bits === null ? null : { fn, bytes: Uint8Array.from(bitBytes(bits)) }
}

function wordReply(fn: WordRead | 'read-write-registers', words: readonly number[] | null): Reply | null {
  return words === null ? null : { fn, words }
}

/** What stands at `count` addresses; null when one of them is not there. */
function span<T>(start: number, count: number, at: (address: number) => T | null): readonly T[] | null {
  const found = Array.from({ length: count }, (_, index) => at(start + index)).filter((each) => each !== null)
  return found.length === count ? found : null
}

/** Function 17H reads what it has written. */
function afterWrites(memory: DeviceMemory, writes: readonly DeviceWrite[]): DeviceMemory {
  const words = new Map(writes.flatMap((write) => (write.table === 'holding' ? [[write.address, write.word]] : [])))
  return { ...memory, holding: (address) => words.get(address) ?? memory.holding(address) }
}
