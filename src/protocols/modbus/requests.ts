import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { byteAt } from '../wire/bytes.js'
import { bitBytes, bitsOf, isWord, wordAt, wordBytes, wordsOf } from './bytes.js'
import { broadcastAddress, encodeFrame, type Frame } from './codec.js'
import { exceptionBit, functionCodes, functionOf, type BitRead, type WordRead } from './functions.js'

/** What a master asks of a device. Addresses of bits and words count from 0, as on the wire. */
export type Request = ReadRequest | WriteRequest
export interface ReadRequest {
  readonly fn: BitRead | WordRead
  readonly start: number
  readonly count: number
}
export type WriteRequest =
  | { readonly fn: 'write-coil'; readonly start: number; readonly bit: boolean }
  | { readonly fn: 'write-register'; readonly start: number; readonly word: number }
  | { readonly fn: 'write-coils'; readonly start: number; readonly bits: readonly boolean[] }
  | { readonly fn: 'write-registers'; readonly start: number; readonly words: readonly number[] }
  /** New word = (old and `andMask`) or (`orMask` and not `andMask`). */
  | { readonly fn: 'mask-write-register'; readonly start: number; readonly andMask: number; readonly orMask: number }
  /** Writes first, then reads. */
  | {
      readonly fn: 'read-write-registers'
      readonly start: number
      readonly count: number
      readonly writeStart: number
      readonly words: readonly number[]
    }

/** Most bits and words of one request. */
export const readBitsMax = 2000
export const readWordsMax = 125
export const writeBitsMax = 1968
export const writeWordsMax = 123
/** Most words that function 17H writes beside what it reads. */
export const readWriteWordsMax = 121
/** The word that closes a coil; 0 opens it. */
export const coilOn = 0xff00
/** One more than the last address. */
export const addressSpace = 0x1_0000

/**
 * The bytes of a request.
 *
 * @param address 1 to 247; 0 is a broadcast, for writes alone
 * @throws RangeError for an argument that no request can carry
 */
export function encodeRequest(address: number, request: Request): Uint8Array {
  const data = Uint8Array.from(requestData(request))
  const checked = checkRequest(request)
  if (checked !== null) throw new RangeError(checked.message)
  if (address === broadcastAddress && (isRead(request) || request.fn === 'read-write-registers'))
    throw new RangeError('nobody answers a broadcast')
  return encodeFrame({ address, control: functionCodes[request.fn], data })
}

/**
 * Reads a request as a device does.
 *
 * @returns the request, or `unknown-function`, `bad-length`, `bad-quantity`, `bad-value`, `bad-range`
 */
export function parseRequest({ control, data }: Frame): Result<Request, InputError> {
  const fn = functionOf(control)
  if (fn === null || control >= exceptionBit) return refuse('unknown-function', 'the function code is none that is spoken here')
  const request = readRequest(fn, data)
  if (request === null) return refuse('bad-length', `${data.length} data bytes do not make a request of this function`)
  const wrong = checkRequest(request)
  if (fn === 'write-coil' && wordAt(data, 2) !== coilOn && wordAt(data, 2) !== 0)
    return refuse('bad-value', 'a coil is written FF00 or 0000')
  return wrong === null ? ok(request) : fail(wrong)
}

/** Whether a request asks for words or bits and changes nothing. */
export function isRead(request: Request): request is ReadRequest {
  return request.fn === 'read-coils' || request.fn === 'read-inputs' || isWordRead(request.fn)
}

/** Whether a function brings words, and changes nothing. */
export function isWordRead(fn: Request['fn']): fn is WordRead {
  return fn === 'read-holding-registers' || fn === 'read-input-registers'
}

function readRequest(fn: Request['fn'], data: Uint8Array): Request | null {
  const start = wordAt(data, 0)
  const second = wordAt(data, 2)
  switch (fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
      return data.length === 4 ? { fn, start, count: second } : null
    case 'write-coil':
      return data.length === 4 ? { fn, start, bit: second === coilOn } : null
    case 'write-register':
      return data.length === 4 ? { fn, start, word: second } : null
    case 'write-coils':
      return isCounted(data, 4, Math.ceil(second / 8)) ? { fn, start, bits: bitsOf(data.subarray(5), second) } : null
    case 'write-registers':
      return isCounted(data, 4, 2 * second) ? { fn, start, words: wordsOf(data.subarray(5)) } : null
    case 'mask-write-register':
      return data.length === 6 ? { fn, start, andMask: second, orMask: wordAt(data, 4) } : null
    case 'read-write-registers': {
      const words = wordsOf(data.subarray(9))
      return isCounted(data, 8, 2 * wordAt(data, 6)) ? { fn, start, count: second, writeStart: wordAt(data, 4), words } : null
    }
  }
}

/** Whether the byte count at `at` is `bytes`, and so many stand behind it. */
function isCounted(data: Uint8Array, at: number, bytes: number): boolean {
  return data.length === at + 1 + bytes && byteAt(data, at) === bytes
}

function requestData(request: Request): readonly number[] {
  switch (request.fn) {
    case 'read-coils':
    case 'read-inputs':
    case 'read-holding-registers':
    case 'read-input-registers':
      return wordBytes(request.start, request.count)
    case 'write-coil':
      return wordBytes(request.start, request.bit ? coilOn : 0)
    case 'write-register':
      return wordBytes(request.start, request.word)
    case 'write-coils': {
      const bytes = bitBytes(request.bits)
      return [...wordBytes(request.start, request.bits.length), bytes.length, ...bytes]
    }
    case 'write-registers':
      return [...wordBytes(request.start, request.words.length), 2 * request.words.length, ...wordBytes(...request.words)]
    case 'mask-write-register':
      return wordBytes(request.start, request.andMask, request.orMask)
    case 'read-write-registers': {
      const { start, count, writeStart, words } = request
      return [...wordBytes(start, count, writeStart, words.length), 2 * words.length, ...wordBytes(...words)]
    }
  }
}

/** The spans a request touches, each with the most it may hold. */
function spansOf(request: Request): readonly (readonly [start: number, count: number, most: number])[] {
  switch (request.fn) {
    case 'read-coils':
    case 'read-inputs':
      return [[request.start, request.count, readBitsMax]]
    case 'read-holding-registers':
    case 'read-input-registers':
      return [[request.start, request.count, readWordsMax]]
    case 'write-coil':
    case 'write-register':
    case 'mask-write-register':
      return [[request.start, 1, 1]]
    case 'write-coils':
      return [[request.start, request.bits.length, writeBitsMax]]
    case 'write-registers':
      return [[request.start, request.words.length, writeWordsMax]]
    case 'read-write-registers':
      return [
        [request.start, request.count, readWordsMax],
        [request.writeStart, request.words.length, readWriteWordsMax],
      ]
  }
}

function checkRequest(request: Request): InputError | null {
  for (const [start, count, most] of spansOf(request)) {
    if (count < 1 || count > most) return { code: 'bad-quantity', at: 'data', message: `expected 1 to ${most}, found ${count}` }
    if (!isWord(start + count - 1))
      return { code: 'bad-range', at: 'data', message: `${count} from ${start} on go beyond the last address` }
  }
  return null
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
