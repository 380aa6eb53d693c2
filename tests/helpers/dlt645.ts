import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { RegisterValue } from '../../src/model/index.js'
import { formatDecimal } from '../../src/model/index.js'
import type { Effect, Session, SessionInput } from '../../src/ports/index.js'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  checksum,
  decodeFrame,
  decodeRegister,
  encodeReply,
  parseRequest,
  type Reply,
  type Request,
} from '../../src/protocols/dlt645/index.js'
import { valueOf } from './outcome.js'
import { projectRoot } from './root.js'

/** One frame of `tests/vectors/dlt645-2007/frames.json`. */
export interface FrameVector {
  readonly id: string
  readonly edition: '2007' | '1997'
  readonly direction: 'master->meter' | 'meter->master'
  readonly hex: string
  readonly note: string
  readonly nonstandard: boolean
  readonly decoded: {
    readonly address: string
    readonly control: string
    readonly length: number
    readonly preamble_fe: number
    readonly di: string | null
    readonly value: string | null
    readonly unit: string | null
    readonly values?: readonly { readonly name: string; readonly value: string; readonly unit: string }[]
    readonly data_plain: string
    readonly seq?: number
    readonly err?: number
  }
}

export function frameVectors(): readonly FrameVector[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'tests/vectors/dlt645-2007/frames.json'), 'utf8')) as FrameVector[]
}

/** A whole frame around data without bias, built by hand so that no codec checks itself. */
export function frameOf(address: string, control: number, dataHex: string, preamble = 0): Uint8Array {
  const data = bytesOf(dataHex).map((byte) => byte + 0x33)
  const body = [0x68, ...bytesOf(address).reverse(), 0x68, control, data.length, ...data]
  return Uint8Array.from([...Array.from({ length: preamble }, () => 0xfe), ...body, checksum(Uint8Array.from(body)), 0x16])
}

/** The exchange a session wants now. */
export function exchangeOf<T>(session: Session<T>): Effect<T> & { kind: 'exchange' } {
  if (session.effect.kind !== 'exchange') throw new Error(`the session has settled: ${JSON.stringify(session.effect.outcome)}`)
  return session.effect
}

/** The outcome of a session that must have settled. */
export function outcomeOf<T>(session: Session<T>): T {
  if (session.effect.kind !== 'settled') throw new Error('the session has not settled')
  return session.effect.outcome
}

/** The request a session wants to send, as a meter reads it. */
export function requestOf<T>(session: Session<T>): Request {
  return valueOf(parseRequest(valueOf(decodeFrame(exchangeOf(session).bytes))))
}

/** A reply as an input. */
export function answer(address: string, reply: Reply): SessionInput {
  return { kind: 'reply', frame: encodeReply(address, reply) }
}

/** Steps through inputs in order. */
export function steps<T>(session: Session<T>, ...inputs: readonly SessionInput[]): Session<T> {
  return inputs.reduce((present, input) => present.step(input), session)
}

/** A meter's answer with the data of a register. */
export const data = (di: string, hex: string, more = false): Reply => ({
  kind: 'reply',
  fn: 'read',
  di,
  data: bytesOf(hex),
  more,
})
/** A follow-up answer. */
export const moreData = (di: string, hex: string, seq: number, more = false): Reply => ({
  kind: 'reply',
  fn: 'read-more',
  di,
  data: bytesOf(hex),
  seq,
  more,
})
export const silent: SessionInput = { kind: 'silent' }
export const garbled: SessionInput = { kind: 'garbled', bytes: Uint8Array.of(0x68, 0x01) }
export const busDown: SessionInput = { kind: 'bus-down', sent: false }
export const yielded: SessionInput = { kind: 'yielded' }

/** Values as `wattkeep frame` writes them, with their units. */
export function shownRegister(di: string, hex: string): string {
  const result = decodeRegister(di, bytesOf(hex))
  return result.ok ? result.value.map(shownValue).join(' | ') : result.error.code
}

function shownValue(value: RegisterValue): string {
  const text =
    value.kind === 'number'
      ? value.int === null
        ? 'null'
        : formatDecimal(value.int, value.exponent)
      : value.kind === 'bits'
        ? value.hex
        : String(value.text)
  return value.unit === '' ? text : `${text} ${value.unit}`
}
