import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MeterAddress } from '../../src/model/index.js'
import type { Effect, Session, SessionInput } from '../../src/ports/index.js'
import { bytesOf, hexOf } from '../../src/protocols/wire/bytes.js'
import {
  answerFrames,
  answerRequest,
  darOk,
  decodeFrame,
  openEnvelope,
  parseApdu,
  withMac,
  type Apdu,
  type Data,
  type DecodedFrame,
  type GetResult,
  type MeterObjects,
  type RecordResult,
} from '../../src/protocols/dlt698/index.js'
import { valueOf } from './outcome.js'
import { projectRoot } from './root.js'

/** One frame or application data unit of `tests/vectors/dlt698-45/frames.json`. */
export interface Vector {
  readonly id: string
  readonly layer: 'frame' | 'apdu'
  readonly direction: 'client->server' | 'server->client'
  readonly hex: string
  readonly note: string
  readonly decoded: Readonly<Record<string, unknown>>
}

export function vectors(): readonly Vector[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'tests/vectors/dlt698-45/frames.json'), 'utf8')) as Vector[]
}

/** The check sequence bit by bit, as the facts page describes it and not as the codec does it. */
export function crcOf(bytes: readonly number[]): number {
  let crc = 0xffff
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const isSet = ((crc ^ (byte >> bit)) & 1) === 1
      crc = isSet ? (crc >> 1) ^ 0x8408 : crc >> 1
    }
  }
  return crc ^ 0xffff
}

/** A whole frame around a body, built by hand so that no codec checks itself. */
export function frameOf(control: number, serverHex: string, client: number, bodyHex: string): Uint8Array {
  const server = [...bytesOf(serverHex)]
  const body = [...bytesOf(bodyHex)]
  const low = (value: number) => [value & 0xff, value >> 8]
  const head = [...low(2 + 1 + server.length + 1 + 2 + body.length + 2), control, ...server, client]
  const checked = [...head, ...low(crcOf(head)), ...body]
  return Uint8Array.from([0x68, ...checked, ...low(crcOf(checked)), 0x16])
}

/** A meter's frame to our requests. */
export function meterFrame(address: string, apduHex: string, control = 0xc3): Uint8Array {
  const server = `05${hexOf(bytesOf(address).reverse())}`
  return frameOf(control, server, 0x10, apduHex)
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

/** The frame a session wants to send, as a meter reads it. */
export function sentFrame<T>(session: Session<T>): DecodedFrame {
  return valueOf(decodeFrame(exchangeOf(session).bytes))
}

/** The application data a session wants to send, whole. */
export function requestOf<T>(session: Session<T>): Apdu {
  return valueOf(parseApdu(sentFrame(session).body))
}

/** Steps through inputs in order. */
export function steps<T>(session: Session<T>, ...inputs: readonly SessionInput[]): Session<T> {
  return inputs.reduce((present, input) => present.step(input), session)
}

export const reply = (frame: Uint8Array): SessionInput => ({ kind: 'reply', frame })
export const silent: SessionInput = { kind: 'silent' }
export const garbled: SessionInput = { kind: 'garbled', bytes: Uint8Array.of(0x68, 0x01) }
export const busDown: SessionInput = { kind: 'bus-down', sent: false }
export const yielded: SessionInput = { kind: 'yielded' }

export const uint32 = (value: number): Data => ({ type: 'uint32', value })
export const array = (...items: readonly Data[]): Data => ({ type: 'array', items })
export const moment = (hex: string): Data => ({ type: 'date_time_s', hex })
export const nullData: Data = { type: 'null' }
export const dar = (code: number): GetResult => ({ kind: 'dar', dar: code })

/** A meter of a test: objects by OAD, and how it misbehaves. */
export interface TestMeter {
  readonly address: MeterAddress
  readonly objects?: Readonly<Record<string, Data | GetResult>>
  readonly record?: MeterObjects['record']
  readonly act?: MeterObjects['act']
  /** Access result of everything that comes without a random number. */
  readonly plainDar?: number
  /** Looks at a request first: null lets it be served. */
  readonly intercept?: (request: Apdu) => Apdu | SessionInput | null
  readonly pieceBytes?: number
}

/** Runs a session against a meter to its end. */
export function run<T>(
  session: Session<T>,
  meter: TestMeter,
  exchangesMax = 200,
): { readonly outcome: T; readonly requests: readonly Apdu[] } {
  const requests: Apdu[] = []
  let queue: readonly Uint8Array[] = []
  let present = session
  for (let count = 0; present.effect.kind === 'exchange'; count += 1) {
    if (count === exchangesMax) throw new Error('the session has no end')
    const { bytes, reply: scanner } = present.effect
    if (scanner === 'none') {
      present = present.step({ kind: 'sent' })
      continue
    }
    const frame = valueOf(decodeFrame(bytes))
    const [next, ...rest] = queue
    if (frame.segment?.kind === 'confirmation' && next !== undefined) {
      queue = rest
      present = present.step(reply(next))
      continue
    }
    const request = valueOf(parseApdu(frame.body))
    requests.push(request)
    const answer = serve(meter, frame, request)
    if ('step' in answer) present = present.step(answer.step)
    else {
      const [first = new Uint8Array(), ...more] = answer.frames
      if (scanner(first).kind !== 'frame') throw new Error(`the scanner does not take the answer ${hexOf(first)}`)
      queue = more
      present = present.step(reply(first))
    }
  }
  return { outcome: present.effect.outcome, requests }
}

type Served = { readonly step: SessionInput } | { readonly frames: readonly Uint8Array[] }

function serve(meter: TestMeter, frame: DecodedFrame, request: Apdu): Served {
  const { apdu, envelope } = valueOf(openEnvelope(request))
  const intercepted = meter.intercept?.(request) ?? null
  if (intercepted !== null && isInput(intercepted)) return { step: intercepted }
  const isDenied = meter.plainDar !== undefined && envelope === null
  const answer =
    intercepted ?? (apdu === null ? null : answerRequest(apdu, objectsOf(meter, isDenied ? meter.plainDar : undefined)))
  if (answer === null) return { step: silent }
  const wrapped = envelope === null ? answer : withMac(answer, '01020304')
  return { frames: answerFrames(meter.address, frame, wrapped, meter.pieceBytes) }
}

const isInput = (value: Apdu | SessionInput): value is SessionInput =>
  ['reply', 'sent', 'silent', 'garbled', 'bus-down', 'yielded'].includes(value.kind)

function objectsOf(meter: TestMeter, denied: number | undefined): MeterObjects {
  const refusal = { kind: 'dar', dar: denied ?? 6 } as const
  return {
    get: (oad) => {
      const found = meter.objects?.[oad]
      if (denied !== undefined || found === undefined) return refusal
      return 'kind' in found ? found : { kind: 'data', data: found }
    },
    record: (oad, selector, columns): RecordResult['result'] =>
      denied === undefined && meter.record !== undefined ? meter.record(oad, selector, columns) : refusal,
    set: () => denied ?? darOk,
    act: (omd, data) =>
      denied === undefined && meter.act !== undefined ? meter.act(omd, data) : { dar: denied ?? darOk, data: null },
  }
}
