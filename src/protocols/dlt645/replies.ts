import { countText, fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { addressBytes, addressText } from './address.js'
import { bytesOf, hexOf, joinBytes, reversed } from '../wire/bytes.js'
import { byteAt, encodeFrame, type Frame } from './codec.js'
import { controlByte, parseControl, type FunctionName } from './controls.js'
import type { RefusalWord } from './errors.js'
import { registerBytes, registerText } from './requests.js'

/** Services whose normal answer carries nothing. Some meters send a few bytes all the same; they are kept as they came. */
export type BareFunction = 'time-sync' | 'write' | 'write-address' | 'freeze' | 'clear-demand' | 'clear-meter' | 'clear-events'

/** What a meter answers, from both sides. */
export type Reply =
  | { readonly kind: 'reply'; readonly fn: 'security'; readonly di: string; readonly payload: Uint8Array }
  | { readonly kind: 'reply'; readonly fn: 'read'; readonly di: string; readonly data: Uint8Array; readonly more: boolean }
  | {
      readonly kind: 'reply'
      readonly fn: 'read-more'
      readonly di: string
      readonly data: Uint8Array
      readonly seq: number
      readonly more: boolean
    }
  | { readonly kind: 'reply'; readonly fn: 'read-address'; readonly address: string }
  | { readonly kind: 'reply'; readonly fn: BareFunction; readonly data: Uint8Array }
  | { readonly kind: 'reply'; readonly fn: 'change-speed'; readonly flag: number }
  | { readonly kind: 'reply'; readonly fn: 'change-password'; readonly replacement: string }
  /** `word`: the execution word of later meters; null: the answer was empty. */
  | { readonly kind: 'reply'; readonly fn: 'relay'; readonly word: number | null }
  | { readonly kind: 'reply'; readonly fn: 'output'; readonly signal: number }
  | { readonly kind: 'reply'; readonly fn: 'file-transfer'; readonly data: Uint8Array }
  | ({ readonly kind: 'refusal' } & RefusalWord)

/**
 * The bytes of a meter's answer.
 *
 * @param address the meter's own address, also when it was asked by a wildcard
 * @throws RangeError for an argument that no frame can carry
 * @source facts §5, §6
 */
export function encodeReply(address: string, reply: Reply, preamble: number = 0): Uint8Array {
  return encodeFrame({ address, control: replyControl(reply), data: replyData(reply) }, preamble)
}

/** Reads an answer. @returns the answer, or `not-a-reply`, `bad-length` */
export function parseReply(frame: Frame): Result<Reply, InputError> {
  const control = parseControl(frame.control)
  if (control === null || control.kind === 'request')
    return refuse('not-a-reply', 'the control code is no answer of this edition')
  const { data } = frame
  if (control.kind === 'refusal') return parseRefusal(control.fn, data)
  const { fn, more } = control
  const kind = 'reply'
  const length = data.length
  const short = () =>
    refuse('bad-length', `${countText(length, 'data byte does', 'data bytes do')} not make an answer of this kind`)
  switch (fn) {
    case 'security':
      return length < 4 ? short() : ok({ kind, fn, di: registerText(data), payload: data.slice(4) })
    case 'read':
      return length < 4 ? short() : ok({ kind, fn, di: registerText(data), data: data.slice(4), more })
    case 'read-more':
      if (length < 5) return short()
      return ok({ kind, fn, di: registerText(data), data: data.slice(4, -1), seq: byteAt(data, length - 1), more })
    case 'read-address':
      return length === 6 ? ok({ kind, fn, address: addressText(data) }) : short()
    case 'time-sync':
    case 'write':
    case 'write-address':
    case 'freeze':
    case 'clear-demand':
    case 'clear-meter':
    case 'clear-events':
      return ok({ kind, fn, data: data.slice() })
    case 'change-speed':
      return length === 1 ? ok({ kind, fn, flag: byteAt(data, 0) }) : short()
    case 'change-password':
      return length === 4 ? ok({ kind, fn, replacement: secretText(data) }) : short()
    case 'relay':
      if (length === 0) return ok({ kind, fn, word: null })
      return length === 2 ? ok({ kind, fn, word: wordOf(data) }) : short()
    case 'output':
      return length === 1 ? ok({ kind, fn, signal: byteAt(data, 0) }) : short()
    case 'file-transfer':
      return ok({ kind, fn, data: data.slice() })
  }
}

function parseRefusal(fn: FunctionName, data: Uint8Array): Result<Reply, InputError> {
  // One byte by the standard, two for C3 and for DC of later meters, but a real meter answered C3 with one (facts §7).
  if (data.length > 2) return refuse('bad-length', `${data.length} data bytes do not make an error word`)
  return ok({ kind: 'refusal', fn, word: wordOf(data), bytes: data.length })
}

function replyControl(reply: Reply): number {
  if (reply.kind === 'refusal') return controlByte({ kind: 'refusal', fn: reply.fn })
  return controlByte({ kind: 'reply', fn: reply.fn, more: 'more' in reply && reply.more })
}

function replyData(reply: Reply): Uint8Array {
  if (reply.kind === 'refusal') return wordBytes(reply.word, reply.bytes)
  switch (reply.fn) {
    case 'security':
      return joinBytes([registerBytes(reply.di), reply.payload])
    case 'read':
      return joinBytes([registerBytes(reply.di), reply.data])
    case 'read-more':
      return joinBytes([registerBytes(reply.di), reply.data, [reply.seq]])
    case 'read-address':
      return addressBytes(reply.address)
    case 'change-speed':
      return Uint8Array.of(reply.flag)
    case 'change-password':
      return joinBytes([bytesOf(reply.replacement.slice(0, 2)), reversed(bytesOf(reply.replacement.slice(2)))])
    case 'relay':
      return reply.word === null ? new Uint8Array() : wordBytes(reply.word, 2)
    case 'output':
      return Uint8Array.of(reply.signal)
    case 'time-sync':
    case 'write':
    case 'write-address':
    case 'freeze':
    case 'clear-demand':
    case 'clear-meter':
    case 'clear-events':
    case 'file-transfer':
      return reply.data
  }
}

function secretText(data: Uint8Array): string {
  return hexOf(data.subarray(0, 1)) + hexOf(reversed(data.subarray(1)))
}

function wordOf(data: Uint8Array): number {
  return data.reduceRight((word, byte) => word * 256 + byte, 0)
}

function wordBytes(word: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => word >>> (8 * index))
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
