import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { joinBytes } from '../wire/bytes.js'
import { byteAt, encodeFrame, type Frame } from '../dlt645/codec.js'
import { secretAt, secretBytes } from '../dlt645/requests.js'
import { controlByte, parseControl, type AnsweredFunction, type ReadFunction } from './controls.js'
import { passwordLength, registerBytes, registerLength, registerText } from './requests.js'

/** What a meter answers, from both sides. */
export type Reply =
  | ReadReply
  | { readonly kind: 'reply'; readonly fn: 'write' | 'write-address' | 'clear-demand' }
  | { readonly kind: 'reply'; readonly fn: 'change-speed'; readonly flag: number }
  | { readonly kind: 'reply'; readonly fn: 'change-password'; readonly replacement: string }
  | Refusal

/** The data of a register, or a part of them. */
export interface ReadReply {
  readonly kind: 'reply'
  readonly fn: ReadFunction
  readonly di: string
  readonly data: Uint8Array
  readonly more: boolean
}

/** A meter's refusal. `errors`: the byte ERR; null: it gave none. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly fn: AnsweredFunction
  readonly errors: number | null
}

/**
 * The bytes of a meter's answer.
 *
 * @param address the meter's own address; a meter that echoes a wildcard puts that
 * @throws RangeError for an argument that no frame can carry
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
  const length = data.length
  const short = () => refuse('bad-length', `${length} data bytes do not make an answer of this kind`)
  const { kind, fn } = control
  if (kind === 'refusal') {
    if (length > 1) return short()
    return ok({ kind, fn, errors: length === 0 ? null : byteAt(data, 0) })
  }
  switch (fn) {
    case 'read':
    case 'read-more':
    case 'read-again':
      if (length < registerLength) return short()
      return ok({ kind, fn, di: registerText(data), data: data.slice(registerLength), more: control.more })
    case 'write':
    case 'write-address':
    case 'clear-demand':
      return length === 0 ? ok({ kind, fn }) : short()
    case 'change-speed':
      return length === 1 ? ok({ kind, fn, flag: byteAt(data, 0) }) : short()
    case 'change-password':
      return length === passwordLength ? ok({ kind, fn, replacement: secretAt(data, 0) }) : short()
  }
}

function replyControl(reply: Reply): number {
  if (reply.kind === 'refusal') return controlByte({ kind: 'refusal', fn: reply.fn })
  if ('more' in reply) return controlByte({ kind: 'reply', fn: reply.fn, more: reply.more })
  return controlByte({ kind: 'reply', fn: reply.fn, more: false })
}

function replyData(reply: Reply): Uint8Array {
  if (reply.kind === 'refusal') return Uint8Array.from(reply.errors === null ? [] : [reply.errors])
  switch (reply.fn) {
    case 'read':
    case 'read-more':
    case 'read-again':
      return joinBytes([registerBytes(reply.di), reply.data])
    case 'write':
    case 'write-address':
    case 'clear-demand':
      return new Uint8Array()
    case 'change-speed':
      return Uint8Array.of(reply.flag)
    case 'change-password':
      return secretBytes(reply.replacement)
  }
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
