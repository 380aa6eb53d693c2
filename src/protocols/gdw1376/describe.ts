import type { InputError } from '../../model/index.js'
import { bytesOf, hexByte, hexOf } from '../wire/bytes.js'
import { decodeFrame, type DecodedFrame } from './codec.js'
import { denialOf } from './denials.js'
import { isProcessed } from './forms.js'
import { parseMessage, type Message } from './messages.js'

/** A value as JSON shows it: bytes are hexadecimal text. */
export type Shown = null | boolean | number | string | readonly Shown[] | { readonly [name: string]: Shown }

/** The meter frame a frame carries, when nobody decodes it. */
export interface CarriedFrame {
  /** 0 transparent, 1 DL/T 645-1997, 2 DL/T 645-2007, 3 DL/T 698.45, 4 power events, 5 rejected nodes; null: the frame does not say. */
  readonly protocolType: number | null
  readonly hex: string
}

/** A frame whose shape is right; `ok: false` with `error` when its data unit does not keep to its layout. */
export interface DescribedFrame {
  readonly ok: boolean
  readonly protocol: 'gdw1376-2'
  /** `down` to the module, `up` from it. */
  readonly direction: 'down' | 'up'
  /** Two hexadecimal digits. */
  readonly afn: string
  readonly fn: number
  /** The function's name in the catalogue; null: it is not there. */
  readonly name: string | null
  readonly mode: number
  readonly initiates: boolean
  readonly source: string | null
  readonly destination: string | null
  readonly relays: readonly string[]
  readonly info: Shown
  /** Named members, or hexadecimal text of an unknown function and of data that could not be read. */
  readonly data: Shown
  /** What `describeInner` made of the carried meter frame, else the frame itself; null: none. */
  readonly inner: unknown
  readonly error?: InputError
}

/** What is no frame: a stable code, the byte or character, and what was expected there. */
export interface UndescribedFrame {
  readonly ok: false
  readonly protocol: 'gdw1376-2'
  readonly error: InputError
}

/**
 * Decodes a carried meter frame; null or undefined: it does not know it, and the bytes are shown.
 *
 * @param protocolType as in `CarriedFrame`, 0 also where the frame does not say
 * @param bytes as carried: FE in front, and in a concurrent read several frames in a row, are possible
 */
export type DescribeInner = (protocolType: number, bytes: Uint8Array) => unknown

/**
 * Says what one frame is and means, for people and scripts. Spaces and lower case are allowed in hexadecimal text.
 *
 * @returns `ok: false` with `error.code`: `not-hex`, the codes of `decodeFrame`, and those of `readUnit`; a denial is `ok: true`
 */
export function describeFrame(
  frame: string | Uint8Array,
  options: { readonly describeInner?: DescribeInner } = {},
): DescribedFrame | UndescribedFrame {
  const bytes = typeof frame === 'string' ? parseHex(frame) : frame
  if (!(bytes instanceof Uint8Array)) return { ok: false, protocol: 'gdw1376-2', error: bytes }
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { ok: false, protocol: 'gdw1376-2', error: decoded.error }
  const { value } = decoded
  const message = parseMessage(value)
  if (!message.ok) {
    return { ok: false, ...header(value), name: null, data: hexOf(value.data), inner: null, error: message.error }
  }
  const { unit } = message.value
  const { name, ...members } = unit
  const isKnown = name !== 'unknown'
  return {
    ok: true,
    ...header(value),
    name: isKnown ? name : null,
    data: isKnown ? { ...shownMembers(members), ...meaning(unit) } : hexOf(unit.data),
    inner: inner(unit, options.describeInner),
  }
}

function header(frame: DecodedFrame) {
  const { direction, fn, mode, initiates, addresses } = frame
  return {
    protocol: 'gdw1376-2',
    direction,
    afn: hexByte(frame.afn),
    fn,
    mode,
    initiates,
    source: addresses?.source ?? null,
    destination: addresses?.destination ?? null,
    relays: addresses?.relays ?? [],
    info: shownMembers(frame.info),
  } as const
}

/** What codes and bits mean. */
function meaning(unit: Message['unit']): Readonly<Record<string, Shown>> {
  if (unit.name === 'confirm') return { commandProcessed: isProcessed(unit.commandStatus) }
  if (unit.name !== 'deny') return {}
  const denial = denialOf(unit.errorCode)
  return { meaning: denial.meaning, action: denial.action }
}

function inner(unit: Message['unit'], describeInner: DescribeInner = () => null): unknown {
  if (!('payload' in unit) || unit.payload.length === 0) return null
  const protocolType = protocolOf(unit)
  const carried: CarriedFrame = { protocolType, hex: hexOf(unit.payload) }
  return describeInner(protocolType ?? 0, unit.payload) ?? carried
}

function protocolOf(unit: Message['unit']): number | null {
  if ('protocol' in unit) return unit.protocol
  // A broadcast's 3 is a phase identification and not DL/T 698.45.
  return 'control' in unit && unit.control < 3 ? unit.control : null
}

function shownMembers(members: object): Readonly<Record<string, Shown>> {
  return Object.fromEntries(Object.entries(members).map(([name, value]: [string, unknown]) => [name, shown(value)]))
}

function shown(value: unknown): Shown {
  if (value instanceof Uint8Array) return hexOf(value)
  if (Array.isArray(value)) return value.map(shown)
  if (typeof value === 'object' && value !== null) return shownMembers(value)
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string' ? value : null
}

function parseHex(frame: string): Uint8Array | InputError {
  const wrong = frame.search(/[^0-9a-fA-F\s]/)
  if (wrong >= 0) {
    const message = `expected a hexadecimal digit, found ${JSON.stringify(frame[wrong])}`
    return { code: 'not-hex', at: `character ${wrong}`, message }
  }
  const digits = frame.replace(/\s/g, '')
  if (digits.length % 2 === 1) {
    return { code: 'not-hex', at: `character ${frame.length}`, message: 'the last byte has only one digit' }
  }
  return bytesOf(digits)
}
