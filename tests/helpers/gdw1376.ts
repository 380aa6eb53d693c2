import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import { decodeFrame, parseMessage, type DownMessage, type Message, type UpMessage } from '../../src/protocols/gdw1376/index.js'
import { valueOf } from './outcome.js'
import { projectRoot } from './root.js'

type Fields = Readonly<Record<string, unknown>>

/** One frame of `tests/vectors/gdw1376-2/frames.json`. */
export interface ModuleVector {
  readonly id: string
  readonly direction: 'concentrator->module' | 'module->concentrator'
  readonly hex: string
  readonly note: string
  readonly decoded: {
    readonly length: number
    readonly control: { readonly hex: string; readonly dir: 'down' | 'up'; readonly prm: 0 | 1; readonly mode: number }
    readonly info: Readonly<Record<string, number | string>> & { readonly hex: string; readonly sequence: number }
    readonly source?: string
    readonly relays?: readonly string[]
    readonly destination?: string
    readonly afn: string
    readonly fn: number
    readonly data: string
    readonly checksum: string
    readonly fields?: Fields
  }
}

export function moduleVectors(): readonly ModuleVector[] {
  return JSON.parse(readFileSync(join(projectRoot(), 'tests/vectors/gdw1376-2/frames.json'), 'utf8')) as ModuleVector[]
}

/** The frame of a vector by the last digits of its name. */
export function vectorHex(number: string): string {
  const found = moduleVectors().find(({ id }) => id === `gdw3762-${number}`)
  if (found === undefined) throw new Error(`there is no vector ${number}`)
  return found.hex
}

/** The sum from C to the last data byte, worked out here so that no codec checks itself. */
export function sumOf(bytes: Iterable<number>): number {
  return [...bytes].reduce((sum, byte) => (sum + byte) % 256, 0)
}

/** A whole frame around everything from C to the last data byte. */
export function frameAround(bodyHex: string): Uint8Array {
  const body = bytesOf(bodyHex.replaceAll(' ', ''))
  const length = body.length + 5
  return Uint8Array.of(0x68, length % 256, length >> 8, ...body, sumOf(body), 0x16)
}

/** A frame without addresses, by control byte, sequence, AFN, Fn and data. */
export function plainFrame(control: string, sequence: number, code: string, dataHex = ''): Uint8Array {
  const [afn = '', fn = ''] = code.split('F').length === 3 ? ['F1', code.slice(3)] : code.split('F')
  const number = Number(fn) - 1
  const dt = [1 << (number % 8), number >> 3].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  return frameAround(`${control}0000000000${sequence.toString(16).padStart(2, '0')}${afn}${dt}${dataHex.replaceAll(' ', '')}`)
}

/** What whole frames say; anything else ends the test. */
export function messageOf(bytes: Uint8Array): Message {
  return valueOf(parseMessage(valueOf(decodeFrame(bytes))))
}

export function downOf(bytes: Uint8Array): DownMessage {
  const message = messageOf(bytes)
  if (message.direction !== 'down') throw new Error('the frame is not for the module')
  return message
}

export function upOf(bytes: Uint8Array): UpMessage {
  const message = messageOf(bytes)
  if (message.direction !== 'up') throw new Error('the frame is not from the module')
  return message
}

/** The error code of bytes that are no message; null: they are one. */
export function refusalOf(bytes: Uint8Array): { readonly code: string; readonly at: string } | null {
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { code: decoded.error.code, at: decoded.error.at }
  const parsed = parseMessage(decoded.value)
  return parsed.ok ? null : { code: parsed.error.code, at: parsed.error.at }
}
