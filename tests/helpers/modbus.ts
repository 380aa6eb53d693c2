import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { meterAddress } from '../../src/model/index.js'
import type { Effect, ReadPlan, Session, SessionInput } from '../../src/ports/index.js'
import {
  decodeFrame,
  encodeReply,
  parseModbusMap,
  parseRequest,
  type ModbusMap,
  type ModbusRegister,
  type Reply,
  type Request,
} from '../../src/protocols/modbus/index.js'
import { valueOf } from './outcome.js'
import { projectRoot } from './root.js'

/** A map of parts of registers, with defaults filled in as from a file. */
export const mapOf = (
  registers: readonly (Partial<ModbusRegister> & { code: string })[],
  limits: Partial<ModbusMap> = {},
): ModbusMap =>
  valueOf(
    parseModbusMap({
      name: 'test',
      ...limits,
      registers: registers.map((register) => ({ function: 3, address: 0, type: 'u16', ...register })),
    }),
  )

/** One register with defaults filled in. */
export function registerOf(register: Partial<ModbusRegister>): ModbusRegister {
  const [only] = mapOf([{ code: 'x', ...register }]).registers
  if (only === undefined) throw new Error('a map has a register')
  return only
}

export const device = meterAddress('17')
export const plan = (registers: readonly string[], repeats = 0): ReadPlan => ({
  address: device,
  registers: registers.map((register) => ({ register })),
  repeats,
})

export function exchangeOf<T>(session: Session<T>): Effect<T> & { kind: 'exchange' } {
  if (session.effect.kind !== 'exchange') throw new Error(`the session has settled: ${JSON.stringify(session.effect.outcome)}`)
  return session.effect
}

export function outcomeOf<T>(session: Session<T>): T {
  if (session.effect.kind !== 'settled') throw new Error('the session has not settled')
  return session.effect.outcome
}

/** The request a session wants to send, as a device reads it. */
export function requestOf<T>(session: Session<T>): Request {
  return valueOf(parseRequest(valueOf(decodeFrame(exchangeOf(session).bytes))))
}

/** A device's answer as an input. */
export const says = (reply: Reply, from = 17): SessionInput => ({ kind: 'reply', frame: encodeReply(from, reply) })
export const words = (...each: number[]): SessionInput => says({ fn: 'read-holding-registers', words: each })
export const refuses = (exception: number): SessionInput => says({ fn: 'read-holding-registers', exception })
export const silent: SessionInput = { kind: 'silent' }
export const garbled: SessionInput = { kind: 'garbled', bytes: Uint8Array.of(17, 3) }
export const busDown: SessionInput = { kind: 'bus-down', sent: false }
export const yielded: SessionInput = { kind: 'yielded' }

export function steps<T>(session: Session<T>, ...inputs: readonly SessionInput[]): Session<T> {
  return inputs.reduce((present, input) => present.step(input), session)
}

/** One frame of `tests/vectors/modbus/frames.json`. */
export interface FrameVector {
  readonly id: string
  readonly direction: 'master->device' | 'device->master'
  readonly hex: string
  readonly decoded: {
    readonly address: string
    readonly control: string
    readonly length: number
    readonly values: readonly string[]
    readonly request?: Request
    readonly exception?: string
  }
}

export function frameVectors(): readonly FrameVector[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'tests/vectors/modbus/frames.json'), 'utf8')) as FrameVector[]
}

/** Bytes of hexadecimal text. */
export const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

/** A frame around data, with a checksum worked out here so that no codec checks itself. */
export function frameOf(hex: string): Uint8Array {
  const body = bytesOf(hex)
  let crc = 0xffff
  for (const byte of body) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >> 1) ^ (crc % 2 === 1 ? 0xa001 : 0)
  }
  return Uint8Array.of(...body, crc % 256, crc >> 8)
}

/** A map of `config/modbus`, by the name of its file. */
export function configuredMap(file: string): ModbusMap {
  return valueOf(parseModbusMap(parse(readFileSync(join(projectRoot(), 'config/modbus', `${file}.yaml`), 'utf8'))))
}
