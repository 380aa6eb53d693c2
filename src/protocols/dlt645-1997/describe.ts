import type { InputError, RegisterValue } from '../../model/index.js'
import { wildcardAddress } from '../dlt645/address.js'
import { describeValue, parseHex, type DescribedFrame, type UndescribedFrame } from '../dlt645/describe.js'
import { timeText } from '../dlt645/local-times.js'
import { rawValues } from '../dlt645/register-data.js'
import { decodeFrame, type DecodedFrame } from './codec.js'
import { parseControl } from './controls.js'
import { refusalNames } from './errors.js'
import { decodeRegister, findRegister } from './register-table.js'
import { parseReply, type Reply } from './replies.js'
import { parseRequest, type Request } from './requests.js'

const protocol = 'dlt645-1997'

/** What is no frame: a stable code, the byte or character, and what was expected there. */
export type UndescribedFrame1997 = Omit<UndescribedFrame, 'protocol'> & { readonly protocol: typeof protocol }

/**
 * Says what one frame is and means; the shape is that of the 2007 edition, with `di` of four digits.
 *
 * Only what the 1997 edition has is `ok`. 03 and 08 stand in both editions: whoever does not know the meter's edition tries 2007 first.
 * A reply whose address is the wildcard says so in `detail`. Passwords are never shown.
 *
 * @returns `ok: false` with `error.code`: `not-hex`, the codes of `decodeFrame`, `unknown-control`, `bad-length`, `bad-digit`; a
 * meter's refusal is `ok: true` with `error.code` `refused`
 */
export function describeFrame(frame: string | Uint8Array): DescribedFrame | UndescribedFrame1997 {
  const bytes = typeof frame === 'string' ? parseHex(frame) : frame
  if (!(bytes instanceof Uint8Array)) return { ok: false, protocol, error: bytes }
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return { ok: false, protocol, error: decoded.error }
  return described(decoded.value, contentOf(decoded.value))
}

interface Content {
  readonly di?: string
  readonly values?: readonly RegisterValue[]
  readonly error?: InputError & { readonly bits?: readonly string[] }
  /** The meter's own refusal, not a fault of the frame. */
  readonly isRefusal?: boolean
}

function contentOf(frame: DecodedFrame): Content {
  const parsed = parseControl(frame.control)
  if (parsed === null) {
    const message = `control code ${controlText(frame)} is none of the 1997 edition`
    return { error: { code: 'unknown-control', at: `byte ${frame.preamble + 8}`, message } }
  }
  if (parsed.kind === 'request') {
    const request = parseRequest(frame)
    return request.ok ? requestContent(request.value) : { error: request.error }
  }
  const reply = parseReply(frame)
  return reply.ok ? replyContent(reply.value) : { error: reply.error }
}

function described(frame: DecodedFrame, { di = null, values = [], error, isRefusal = false }: DescribedContent): DescribedFrame {
  const isReply = frame.control >= 0x80
  return {
    ok: error === undefined || isRefusal,
    protocol,
    direction: isReply ? 'reply' : 'request',
    address: frame.address,
    control: controlText(frame),
    length: frame.data.length,
    preamble: frame.preamble,
    di,
    ...(isReply && frame.address === wildcardAddress ? { detail: { address: 'wildcard-echo' } } : {}),
    values: values.map(describeValue),
    ...(error === undefined ? {} : { error }),
  }
}

type DescribedContent = Omit<Content, 'di'> & { readonly di?: string | null }

const controlText = (frame: DecodedFrame) => frame.control.toString(16).toUpperCase().padStart(2, '0')

function requestContent(request: Request): Content {
  switch (request.fn) {
    case 'read':
    case 'read-more':
      return { di: request.di }
    case 'read-again':
    case 'change-password':
    case 'clear-demand':
      return {}
    case 'write':
      return registerContent(request.di, request.data)
    case 'time-sync':
      return { values: [text(timeText(request.time))] }
    case 'write-address':
      return { values: [text(request.address)] }
    case 'change-speed':
      return { values: [text(flagText(request.flag))] }
  }
}

function replyContent(reply: Reply): Content {
  if (reply.kind === 'refusal') {
    const bits = refusalNames(reply)
    return {
      error: { code: 'refused', at: 'data', message: `the meter refused: ${bits.join(', ') || 'no reason'}`, bits },
      isRefusal: true,
    }
  }
  switch (reply.fn) {
    case 'read':
      return reply.more ? partContent(reply.di, reply.data) : registerContent(reply.di, reply.data)
    case 'read-more':
      return { di: reply.di, values: rawValues(reply.data) }
    case 'read-again':
      return againContent(reply.di, reply.data)
    case 'write':
    case 'write-address':
    case 'clear-demand':
    case 'change-password':
      return {}
    case 'change-speed':
      return { values: [text(flagText(reply.flag))] }
  }
}

function registerContent(di: string, data: Uint8Array): Content {
  const values = decodeRegister(di, data)
  return values.ok ? { di, values: values.value } : { di, error: values.error }
}

/** The first part of a longer answer begins at the first element, so whole elements of a block are known. */
function partContent(di: string, data: Uint8Array): Content {
  const values = decodeRegister(di, data)
  const isKnown = values.ok && findRegister(di)?.layout.kind === 'list'
  return { di, values: isKnown ? values.value : rawValues(data) }
}

/** The answer that is given again may have been a part of a longer one: what is no whole register is shown as bytes. */
function againContent(di: string, data: Uint8Array): Content {
  const values = decodeRegister(di, data)
  return { di, values: values.ok ? values.value : rawValues(data) }
}

/** The facts page does not say which bit is which speed. */
const flagText = (flag: number) => `flag ${flag.toString(16).toUpperCase().padStart(2, '0')}`

const text = (value: string): RegisterValue => ({ kind: 'text', text: value, unit: '' })
