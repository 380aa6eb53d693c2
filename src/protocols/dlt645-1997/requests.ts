import { fail, ok } from '../../model/index.js'
import type { InputError, LocalTime, Result } from '../../model/index.js'
import { addressBytes, addressText } from '../dlt645/address.js'
import { bytesOf, hexOf, joinBytes, reversed } from '../wire/bytes.js'
import { byteAt, encodeFrame, wakeUpBytes, type Frame } from '../dlt645/codec.js'
import { readTime, writeTime } from '../dlt645/local-times.js'
import { secretAt, secretBytes } from '../dlt645/requests.js'
import { controlByte, parseControl } from './controls.js'

/** What a master asks of a meter: every service of the edition, from both sides. Passwords are level and password, `02` + `123456`. */
export type Request =
  | { readonly fn: 'read'; readonly di: string }
  /** The next part of a long answer; there is no number in it. */
  | { readonly fn: 'read-more'; readonly di: string }
  /** The last answer once more. */
  | { readonly fn: 'read-again' }
  | { readonly fn: 'write'; readonly di: string; readonly password: string; readonly data: Uint8Array }
  | { readonly fn: 'time-sync'; readonly time: LocalTime }
  | { readonly fn: 'write-address'; readonly address: string }
  /** `flag`: one bit; which speed it means does not stand on the facts page. */
  | { readonly fn: 'change-speed'; readonly flag: number }
  | { readonly fn: 'change-password'; readonly old: string; readonly replacement: string }
  /** `password` null: some meters take it without. */
  | { readonly fn: 'clear-demand'; readonly password: string | null }

/** Bytes of a register's identifier, and of a password with its level. */
export const registerLength = 2
export const passwordLength = 4

/**
 * The bytes of a request.
 *
 * @throws RangeError for an argument that no frame can carry
 * @source facts, control codes; vectors tests/vectors/dlt645-1997/frames.json
 */
export function encodeRequest(address: string, request: Request, preamble: number = wakeUpBytes): Uint8Array {
  const control = controlByte({ kind: 'request', fn: request.fn })
  return encodeFrame({ address, control, data: requestData(request) }, preamble)
}

/** Reads a request as a meter does. @returns the request, or `not-a-request`, `bad-length`, `bad-digit` */
export function parseRequest(frame: Frame): Result<Request, InputError> {
  const control = parseControl(frame.control)
  if (control === null || control.kind !== 'request')
    return refuse('not-a-request', 'the control code is no request of this edition')
  const { data } = frame
  const { fn } = control
  const length = data.length
  const short = () => refuse('bad-length', `${length} data bytes do not make a request of this kind`)
  switch (fn) {
    case 'read':
    case 'read-more':
      return length === registerLength ? ok({ fn, di: registerText(data) }) : short()
    case 'read-again':
      return length === 0 ? ok({ fn }) : short()
    case 'write':
      if (length <= registerLength + passwordLength) return short()
      return ok({ fn, di: registerText(data), password: secretAt(data, registerLength), data: data.slice(6) })
    case 'time-sync':
      return length === 6 ? parseTimeSync(data) : short()
    case 'write-address':
      return length === 6 ? ok({ fn, address: addressText(data) }) : short()
    case 'change-speed':
      return length === 1 ? ok({ fn, flag: byteAt(data, 0) }) : short()
    case 'change-password':
      return length === 8 ? ok({ fn, old: secretAt(data, 0), replacement: secretAt(data, passwordLength) }) : short()
    case 'clear-demand':
      if (length === 0) return ok({ fn, password: null })
      return length === passwordLength ? ok({ fn, password: secretAt(data, 0) }) : short()
  }
}

/** Two bytes of a register's identifier, low byte first. @throws RangeError unless it has four hexadecimal digits */
export function registerBytes(di: string): Uint8Array {
  if (!/^[0-9A-Fa-f]{4}$/.test(di)) throw new RangeError('a register has four hexadecimal digits')
  return reversed(bytesOf(di))
}

/** The identifier in the first two data bytes, high byte first: `9010`. */
export function registerText(data: Uint8Array): string {
  return hexOf(reversed(data.subarray(0, registerLength)))
}

function requestData(request: Request): Uint8Array {
  switch (request.fn) {
    case 'read':
    case 'read-more':
      return registerBytes(request.di)
    case 'read-again':
      return new Uint8Array()
    case 'write':
      return joinBytes([registerBytes(request.di), secretBytes(request.password), request.data])
    case 'time-sync':
      return writeTime(request.time)
    case 'write-address':
      return addressBytes(request.address)
    case 'change-speed':
      return Uint8Array.of(request.flag)
    case 'change-password':
      return joinBytes([secretBytes(request.old), secretBytes(request.replacement)])
    case 'clear-demand':
      return request.password === null ? new Uint8Array() : secretBytes(request.password)
  }
}

function parseTimeSync(data: Uint8Array): Result<Request, InputError> {
  const time = readTime(data)
  return time === null ? refuse('bad-digit', 'the data are no date and time') : ok({ fn: 'time-sync', time })
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
