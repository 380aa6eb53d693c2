import { countText, fail, ok } from '../../model/index.js'
import type { InputError, LocalTime, Result } from '../../model/index.js'
import type { WriteCredentials } from '../../ports/index.js'
import { addressBytes, addressText } from './address.js'
import { readBcd, writeBcd } from './bcd.js'
import { bytesOf, hexOf, isFilledWith, joinBytes, reversed } from '../wire/bytes.js'
import { byteAt, encodeFrame, wakeUpBytes, type Frame } from './codec.js'
import { controlByte, parseControl } from './controls.js'
import { readTime, writeTime } from './local-times.js'
import { relayCode, relayWord, type RelayWord } from './relay-words.js'

/** When a freeze is to happen; a null part means "any" (99 on the wire): all null is now, only a minute is every hour (facts §6.6). */
export interface FreezeMoment {
  readonly month: number | null
  readonly day: number | null
  readonly hour: number | null
  readonly minute: number | null
}

/** Life of a relay order: an instant of the meter's clock, `unchecked` (99…), or `absent` (zero, or no valid time). */
export type RelayExpiry = LocalTime | 'unchecked' | 'absent'

/** What a master asks of a meter: every service of the standard, from both sides. */
export type Request =
  | { readonly fn: 'security'; readonly di: string; readonly operator: string; readonly payload: Uint8Array }
  | { readonly fn: 'time-sync'; readonly time: LocalTime }
  | { readonly fn: 'read'; readonly di: string; readonly load: LoadSpan | null }
  | { readonly fn: 'read-more'; readonly di: string; readonly seq: number }
  | { readonly fn: 'read-address' }
  | { readonly fn: 'write'; readonly di: string; readonly credentials: WriteCredentials; readonly data: Uint8Array }
  | { readonly fn: 'write-address'; readonly address: string }
  | { readonly fn: 'freeze'; readonly moment: FreezeMoment }
  /** `flag`: 02 = 600, 04 = 1200, 08 = 2400, 10 = 4800, 20 = 9600, 40 = 19200 baud (facts §6.7). */
  | { readonly fn: 'change-speed'; readonly flag: number }
  | { readonly fn: 'change-password'; readonly di: string; readonly old: string; readonly replacement: string }
  | { readonly fn: 'clear-demand' | 'clear-meter'; readonly credentials: WriteCredentials }
  | { readonly fn: 'clear-events'; readonly credentials: WriteCredentials; readonly di: string }
  | {
      readonly fn: 'relay'
      readonly credentials: WriteCredentials
      readonly order:
        | { readonly command: RelayWord; readonly hold: number; readonly expiry: RelayExpiry }
        /** 16 cipher bytes and 4 MAC bytes: meters with a security chip. */
        | { readonly enciphered: Uint8Array }
    }
  | { readonly fn: 'output'; readonly signal: number }
  | { readonly fn: 'file-transfer'; readonly data: Uint8Array }

/** Load records: how many, and from which time on (for registers that end in 1). */
export interface LoadSpan {
  readonly count: number
  readonly from: LocalTime | null
}

/**
 * The bytes of a request.
 *
 * @throws RangeError for an argument that no frame can carry
 * @source facts §5, §6; vectors tests/vectors/dlt645-2007/frames.json
 */
export function encodeRequest(address: string, request: Request, preamble: number = wakeUpBytes): Uint8Array {
  const control = controlByte({ kind: 'request', fn: request.fn })
  return encodeFrame({ address, control, data: requestData(request) }, preamble)
}

/**
 * Reads a request as a meter does.
 *
 * @returns the request, or `not-a-request`, `bad-length`, `bad-digit`, `bad-command`: a meter stays silent on the first two
 */
export function parseRequest(frame: Frame): Result<Request, InputError> {
  const control = parseControl(frame.control)
  if (control === null || control.kind !== 'request')
    return refuse('not-a-request', 'the control code is no request of this edition')
  const { data } = frame
  const { fn } = control
  const length = data.length
  const short = () =>
    refuse('bad-length', `${countText(length, 'data byte does', 'data bytes do')} not make a request of this kind`)
  const di = length >= 4 ? registerText(data) : ''
  switch (fn) {
    case 'security':
      return length < 8 ? short() : ok({ fn, di, operator: word(data.subarray(4, 8)), payload: data.slice(8) })
    case 'time-sync':
      return length === 6 ? parseTimeSync(data) : short()
    case 'read':
      return length === 4 || length === 5 || length === 10 ? parseRead(di, data) : short()
    case 'read-more':
      return length === 5 ? ok({ fn, di, seq: byteAt(data, 4) }) : short()
    case 'read-address':
      return length === 0 ? ok({ fn }) : short()
    case 'write':
      return length < 12 ? short() : ok({ fn, di, credentials: credentialsAt(data, 4), data: data.slice(12) })
    case 'write-address':
      return length === 6 ? ok({ fn, address: addressText(data) }) : short()
    case 'freeze':
      return length === 4 ? parseFreeze(data) : short()
    case 'change-speed':
      return length === 1 ? ok({ fn, flag: byteAt(data, 0) }) : short()
    case 'change-password':
      return length === 12 ? ok({ fn, di, old: secretAt(data, 4), replacement: secretAt(data, 8) }) : short()
    case 'clear-demand':
    case 'clear-meter':
      return length === 8 ? ok({ fn, credentials: credentialsAt(data, 0) }) : short()
    case 'clear-events':
      return length === 12 ? ok({ fn, credentials: credentialsAt(data, 0), di: registerText(data.subarray(8)) }) : short()
    case 'relay':
      return length === 16 || length === 28 ? parseRelay(data) : short()
    case 'output':
      return length === 1 ? ok({ fn, signal: byteAt(data, 0) }) : short()
    case 'file-transfer':
      return ok({ fn, data: data.slice() })
  }
}

/** Four bytes of a register's identifier, low byte first. @throws RangeError unless it has eight hexadecimal digits */
export function registerBytes(di: string): Uint8Array {
  if (!/^[0-9A-Fa-f]{8}$/.test(di)) throw new RangeError('a register has eight hexadecimal digits')
  return reversed(bytesOf(di))
}

/** The identifier in the first four data bytes, high byte first: `00010000`. */
export function registerText(data: Uint8Array): string {
  return word(data.subarray(0, 4))
}

function requestData(request: Request): Uint8Array {
  switch (request.fn) {
    case 'security':
      return joinBytes([registerBytes(request.di), wordBytes(request.operator, 4), request.payload])
    case 'time-sync':
      return writeTime(request.time)
    case 'read':
      return joinBytes([registerBytes(request.di), ...loadSpanBytes(request.load)])
    case 'read-more':
      return joinBytes([registerBytes(request.di), [request.seq]])
    case 'read-address':
      return new Uint8Array()
    case 'write':
      return joinBytes([registerBytes(request.di), credentialBytes(request.credentials), request.data])
    case 'write-address':
      return addressBytes(request.address)
    case 'freeze':
      return freezeBytes(request.moment)
    case 'change-speed':
      return Uint8Array.of(request.flag)
    case 'change-password':
      return joinBytes([registerBytes(request.di), secretBytes(request.old), secretBytes(request.replacement)])
    case 'clear-demand':
    case 'clear-meter':
      return credentialBytes(request.credentials)
    case 'clear-events':
      return joinBytes([credentialBytes(request.credentials), registerBytes(request.di)])
    case 'relay':
      return joinBytes([credentialBytes(request.credentials), relayBytes(request.order)])
    case 'output':
      return Uint8Array.of(request.signal)
    case 'file-transfer':
      return request.data
  }
}

function parseTimeSync(data: Uint8Array): Result<Request, InputError> {
  const time = readTime(data)
  return time === null ? refuse('bad-digit', 'the data are no date and time') : ok({ fn: 'time-sync', time })
}

function parseRead(di: string, data: Uint8Array): Result<Request, InputError> {
  if (data.length === 4) return ok({ fn: 'read', di, load: null })
  const count = readBcd(data.subarray(4, 5))
  const from = data.length === 10 ? readTime(data.subarray(5)) : null
  if (count === null || (data.length === 10 && from === null))
    return refuse('bad-digit', 'the span of load records is no number or time')
  return ok({ fn: 'read', di, load: { count, from } })
}

function loadSpanBytes(load: LoadSpan | null): readonly Uint8Array[] {
  if (load === null) return []
  return [writeBcd(load.count, 1), ...(load.from === null ? [] : [writeTime(load.from, 5)])]
}

/** In the order of the wire, with the largest value each part can have. */
const freezeParts = [
  ['minute', 0, 59],
  ['hour', 0, 23],
  ['day', 1, 31],
  ['month', 1, 12],
] as const
const anyMoment = 99

function parseFreeze(data: Uint8Array): Result<Request, InputError> {
  const moment: Record<(typeof freezeParts)[number][0], number | null> = { minute: null, hour: null, day: null, month: null }
  for (const [index, [name, least, most]] of freezeParts.entries()) {
    const value = readBcd(data.subarray(index, index + 1))
    if (value === anyMoment) continue
    if (value === null || value < least || value > most) return refuse('bad-digit', `the ${name} of the freeze is none`)
    moment[name] = value
  }
  return ok({ fn: 'freeze', moment })
}

function freezeBytes(moment: FreezeMoment): Uint8Array {
  return joinBytes(freezeParts.map(([name]) => writeBcd(moment[name] ?? anyMoment, 1)))
}

function parseRelay(data: Uint8Array): Result<Request, InputError> {
  const credentials = credentialsAt(data, 0)
  if (data.length === 28) return ok({ fn: 'relay', credentials, order: { enciphered: data.slice(8) } })
  const command = relayWord(byteAt(data, 8))
  if (command === null) return refuse('bad-command', 'the relay command is none of the standard')
  return ok({ fn: 'relay', credentials, order: { command, hold: byteAt(data, 9), expiry: readExpiry(data.subarray(10)) } })
}

function readExpiry(bytes: Uint8Array): RelayExpiry {
  if (isFilledWith(bytes, 0x99)) return 'unchecked'
  return readTime(bytes) ?? 'absent'
}

function relayBytes(order: (Request & { fn: 'relay' })['order']): Uint8Array {
  if ('enciphered' in order) return order.enciphered
  const { command, hold, expiry } = order
  const expiryBytes =
    typeof expiry === 'object' ? writeTime(expiry) : new Uint8Array(6).fill(expiry === 'unchecked' ? 0x99 : 0x00)
  return joinBytes([[relayCode(command), hold], expiryBytes])
}

/** PA stands first, then the password, low byte first: shown as level and password, high byte first. */
export function secretAt(data: Uint8Array, offset: number): string {
  return hexOf(data.subarray(offset, offset + 1)) + word(data.subarray(offset + 1, offset + 4))
}

/** The four bytes of a level and password, `02` + `123456`. @throws RangeError, without the text, when they are none */
export function secretBytes(secret: string): Uint8Array {
  return joinBytes([wordBytes(secret.slice(0, 2), 1), wordBytes(secret.slice(2), 3)])
}

function credentialsAt(data: Uint8Array, offset: number): WriteCredentials {
  return { password: secretAt(data, offset), operator: word(data.subarray(offset + 4, offset + 8)) }
}

function credentialBytes(credentials: WriteCredentials): Uint8Array {
  return joinBytes([secretBytes(credentials.password), wordBytes(credentials.operator, 4)])
}

const word = (bytes: Uint8Array) => hexOf(reversed(bytes))

function wordBytes(hex: string, length: number): Uint8Array {
  const bytes = bytesOf(hex)
  // The text may be a secret: the message must not repeat it.
  if (bytes.length !== length) throw new RangeError(`expected ${length} bytes in hexadecimal`)
  return reversed(bytes)
}

const refuse = (code: string, message: string) => fail({ code, at: 'data', message })
