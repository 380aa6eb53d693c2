import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { byteAt } from '../wire/bytes.js'
import { wordAt, wordBytes, wordsOf } from './bytes.js'
import { encodeFrame, type Frame } from './codec.js'
import { exceptionBit, functionCodes, functionOf, type BitRead, type FunctionName, type WordRead } from './functions.js'
import { addressSpace, coilOn, writeBitsMax, writeWordsMax } from './requests.js'

/** What a device answers. */
export type Reply =
  /** Bits, eight in a byte, the first in the lowest place. */
  | { readonly fn: BitRead; readonly bytes: Uint8Array }
  | { readonly fn: WordRead | 'read-write-registers'; readonly words: readonly number[] }
  /** The request once more. */
  | { readonly fn: 'write-coil' | 'write-register'; readonly start: number; readonly word: number }
  | { readonly fn: 'write-coils' | 'write-registers'; readonly start: number; readonly count: number }
  | { readonly fn: 'mask-write-register'; readonly start: number; readonly andMask: number; readonly orMask: number }
  /** A refusal; `exceptionName` gives its name. */
  | { readonly fn: FunctionName; readonly exception: number }

/** The bytes of an answer. @throws RangeError for an argument that no frame can carry */
export function encodeReply(address: number, reply: Reply): Uint8Array {
  const flag = 'exception' in reply ? exceptionBit : 0
  return encodeFrame({ address, control: functionCodes[reply.fn] | flag, data: Uint8Array.from(replyData(reply)) })
}

/** Reads an answer. @returns the answer, or `unknown-function`, `bad-length`, `bad-value`, `bad-quantity` */
export function parseReply({ control, data }: Frame): Result<Reply, InputError> {
  const fn = functionOf(control)
  if (fn === null) return refuse('unknown-function', 'the function code is none that is spoken here')
  const reply = control >= exceptionBit ? readException(fn, data) : readReply(fn, data)
  if (reply === null) return refuse('bad-length', `${data.length} data bytes do not make an answer of this function`)
  const wrong = wrongValueOf(reply)
  return wrong === null ? ok(reply) : fail(wrong)
}

function readException(fn: FunctionName, data: Uint8Array): Reply | null {
  return data.length === 1 ? { fn, exception: byteAt(data, 0) } : null
}

function readReply(fn: FunctionName, data: Uint8Array): Reply | null {
  const isCounted = data.length > 1 && byteAt(data, 0) === data.length - 1
  switch (fn) {
    case 'read-coils':
    case 'read-inputs':
      return isCounted ? { fn, bytes: data.slice(1) } : null
    case 'read-holding-registers':
    case 'read-input-registers':
    case 'read-write-registers':
      return isCounted && data.length % 2 === 1 ? { fn, words: wordsOf(data.subarray(1)) } : null
    case 'write-coil':
    case 'write-register':
      return data.length === 4 ? { fn, start: wordAt(data, 0), word: wordAt(data, 2) } : null
    case 'write-coils':
    case 'write-registers':
      return data.length === 4 ? { fn, start: wordAt(data, 0), count: wordAt(data, 2) } : null
    case 'mask-write-register':
      return data.length === 6 ? { fn, start: wordAt(data, 0), andMask: wordAt(data, 2), orMask: wordAt(data, 4) } : null
  }
}

/** What an answer repeats of its request must be what a request can hold. */
function wrongValueOf(reply: Reply): InputError | null {
  if (reply.fn === 'write-coil' && 'word' in reply && reply.word !== coilOn && reply.word !== 0)
    return { code: 'bad-value', at: 'data', message: 'a coil is written FF00 or 0000' }
  if (!('count' in reply)) return null
  const most = reply.fn === 'write-coils' ? writeBitsMax : writeWordsMax
  if (reply.count >= 1 && reply.count <= most && reply.start + reply.count <= addressSpace) return null
  return { code: 'bad-quantity', at: 'data', message: `expected 1 to ${most} inside the address space, found ${reply.count}` }
}

function replyData(reply: Reply): readonly number[] {
  if ('exception' in reply) return [reply.exception]
  switch (reply.fn) {
    case 'read-coils':
    case 'read-inputs':
      return [reply.bytes.length, ...reply.bytes]
    case 'read-holding-registers':
    case 'read-input-registers':
    case 'read-write-registers':
      return [2 * reply.words.length, ...wordBytes(...reply.words)]
    case 'write-coil':
    case 'write-register':
      return wordBytes(reply.start, reply.word)
    case 'write-coils':
    case 'write-registers':
      return wordBytes(reply.start, reply.count)
    case 'mask-write-register':
      return wordBytes(reply.start, reply.andMask, reply.orMask)
  }
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
