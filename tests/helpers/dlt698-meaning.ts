import { formatDecimal } from '../../src/model/index.js'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  openEnvelope,
  shapeOf,
  timeText,
  type Apdu,
  type Data,
  type DescribedItem,
  type ServerAddress,
  type Shape,
} from '../../src/protocols/dlt698/index.js'
import { readerOf } from '../../src/protocols/dlt698/reader.js'
import { columnForm } from '../../src/protocols/dlt698/selectors.js'
import { valueOf } from './outcome.js'

/** What a vector states of a frame or a unit. */
export interface Stated {
  readonly length?: number
  readonly control?: { readonly hex: string; readonly prm: number; readonly function: number }
  readonly sa?: { readonly type: ServerAddress['kind']; readonly logical: number; readonly address: string }
  readonly ca?: number
  readonly apdu?: string
  readonly apdu_decoded?: Stated
  readonly fragment_word?: { readonly number: number; readonly type: number }
  readonly fragment_payload?: string
  readonly note?: string
  readonly service?: string
  readonly choice?: string
  readonly piid?: string
  readonly oad?: string
  readonly oads?: readonly string[]
  readonly omd?: string
  readonly rcsd?: readonly string[]
  readonly rsd?: {
    readonly selector: number
    readonly oad: string
    readonly value?: string
    readonly from?: string
    readonly to?: string
  }
  readonly rows?: readonly (readonly unknown[])[]
  readonly results?: readonly { readonly oad: string; readonly data?: unknown }[]
  readonly data?: unknown
  readonly value?: unknown
  readonly param?: unknown
  readonly return?: unknown
  readonly form?: string
  readonly inner?: Stated
  readonly auth_value?: string
  readonly version?: number
  readonly protocol_conformance?: string
  readonly function_conformance?: string
  readonly client_max_send?: number
  readonly client_max_receive?: number
  readonly client_window?: number
  readonly client_max_apdu?: number
  readonly timeout_s?: number
}

/** A unit in the words of the vectors, nothing left out. */
export function asWords(apdu: Apdu): Readonly<Record<string, unknown>> {
  const piid = 'piid' in apdu ? { piid: hexByte(apdu.piid) } : {}
  const server =
    'follow' in apdu ? { follow_report: apdu.follow.kind === 'none' ? 0 : apdu.follow, timetag: apdu.timeTag ?? 0 } : {}
  const client = { timetag: 'timeTag' in apdu ? (apdu.timeTag ?? 0) : undefined }
  const get = { service: 'GET-Request', ...piid, ...client }
  const got = { service: 'GET-Response', ...piid, ...server }
  if (apdu.kind === 'get-one') return { ...get, choice: 'Normal', oad: apdu.oad }
  if (apdu.kind === 'get-list') return { ...get, choice: 'NormalList', oads: apdu.list }
  if (apdu.kind === 'get-record')
    return { ...get, choice: 'Record', oad: apdu.oad, rsd: selectorWords(apdu.selector), rcsd: apdu.columns.map(columnWords) }
  if (apdu.kind === 'got-one') return { ...got, choice: 'Normal', oad: apdu.oad, ...resultWords(apdu.result) }
  if (apdu.kind === 'got-list')
    return { ...got, choice: 'NormalList', results: apdu.list.map(({ oad, result }) => ({ ...resultWords(result), oad })) }
  if (apdu.kind === 'got-record') {
    const { oad, columns, result } = apdu.record
    const rows = 'rows' in result ? { rows: result.rows.map((row) => row.map(dataWords)) } : { dar: result.dar }
    return { ...got, choice: 'Record', oad, rcsd: columns.map(columnWords), ...rows }
  }
  if (apdu.kind === 'set-one')
    return { service: 'SET-Request', choice: 'Normal', ...piid, oad: apdu.oad, value: dataWords(apdu.data), ...client }
  if (apdu.kind === 'set-one-done')
    return { service: 'SET-Response', choice: 'Normal', ...piid, oad: apdu.oad, dar: apdu.dar, ...server }
  if (apdu.kind === 'act-one')
    return { service: 'ACTION-Request', choice: 'Normal', ...piid, omd: apdu.omd, param: dataWords(apdu.data), ...client }
  if (apdu.kind === 'act-one-done') {
    const returned = apdu.data === null ? {} : { return: dataWords(apdu.data) }
    return { service: 'ACTION-Response', choice: 'Normal', ...piid, omd: apdu.omd, dar: apdu.dar, ...returned, ...server }
  }
  if (apdu.kind === 'link-request') {
    const type = ['login', 'heartbeat'][apdu.type]
    return { service: 'LINK-Request', piid_acd: hexByte(apdu.piid), type, heartbeat_s: apdu.heartbeatS, time: apdu.time }
  }
  if (apdu.kind === 'connect-request')
    return {
      service: 'CONNECT-Request',
      ...piid,
      version: apdu.version,
      protocol_conformance: apdu.protocolConformance,
      function_conformance: apdu.functionConformance,
      client_max_send: apdu.sendMax,
      client_max_receive: apdu.receiveMax,
      client_window: apdu.window,
      client_max_apdu: apdu.apduMax,
      timeout_s: apdu.timeoutS,
      auth: apdu.authentication.kind === 'none' ? 0 : apdu.authentication,
      ...client,
    }
  if (apdu.kind === 'secured-request' || apdu.kind === 'secured-response') return securedWords(apdu)
  throw new Error(`${apdu.kind} is not among the vectors`)
}

function securedWords(apdu: Apdu & { readonly kind: 'secured-request' | 'secured-response' }) {
  const check = apdu.kind === 'secured-request' ? apdu.check : apdu.content.check
  const inner = valueOf(openEnvelope(apdu)).apdu
  const block = check?.kind === 'RN' ? check.rn : check?.kind === 'MAC' ? check.mac : ''
  // A request's random number is stated with its length, an answer's MAC without.
  const value = check?.kind === 'RN' ? hexByte(block.length / 2) + block : block
  return {
    service: apdu.kind === 'secured-request' ? 'SECURITY-Request' : 'SECURITY-Response',
    form: 'plaintext',
    inner_apdu: apdu.content.kind === 'plain' ? apdu.content.apdu : null,
    inner: inner === null ? null : asWords(inner),
    auth: check?.kind,
    auth_value: value,
  }
}

type Selector = (Apdu & { readonly kind: 'get-record' })['selector']

function selectorWords(selector: Selector) {
  if (selector.kind === 'equal') return { selector: 1, oad: selector.oad, value: dataWords(selector.value) }
  if (selector.kind !== 'range') throw new Error(`selector ${selector.kind} is not among the vectors`)
  const { oad, from, to, interval } = selector
  return { selector: 2, oad, from: dataWords(from), to: dataWords(to), interval: dataWords(interval) }
}

type Column = (Apdu & { readonly kind: 'get-record' })['columns'][number]

const columnWords = (column: Column): unknown => (column.kind === 'OAD' ? column.oad : { road: column.oad, cols: column.columns })

function resultWords(result: { readonly kind: 'dar'; readonly dar: number } | { readonly kind: 'data'; readonly data: Data }) {
  return result.kind === 'dar' ? { dar: result.dar } : { data: dataWords(result.data) }
}

/** Data as the vectors write them: numbers unscaled, lists in lists, blocks as hexadecimal text. */
function dataWords(data: Data): unknown {
  if ('items' in data) return data.items.map(dataWords)
  if ('bits' in data) return { bits: data.bits, hex: data.hex }
  if ('value' in data) return typeof data.value === 'bigint' ? Number(data.value) : data.value
  if (!('hex' in data)) return null
  if (data.type === 'date_time_s') return timeText(data.type, data.hex)?.text
  if (data.type === 'visible-string') return String.fromCharCode(...bytesOf(data.hex))
  if (data.type === 'OAD') return `OAD ${data.hex}`
  if (data.type === 'TSA') return { flags: data.hex.slice(0, 2), address: data.hex.slice(2) }
  if (data.type === 'CSD') return columnWords(columnForm.read(readerOf(bytesOf(data.hex))))
  return data.hex
}

/**
 * The values that `describeFrame` should show for what a vector states: its numbers scaled by the object table, in order.
 *
 * @param items what was shown, for the object of each value alone
 */
export function saidBy(meaning: Stated, items: readonly DescribedItem[]): readonly (string | null)[] {
  const { rows, results, data, value, param, return: returned } = meaning
  const parts =
    rows?.flat() ??
    results?.map((result) => result.data) ??
    present(data) ??
    present(value) ??
    present(param) ??
    present(returned)
  return (parts ?? []).flatMap((part, index) => flat(part, shapeOf(items[index]?.oad ?? '00000000')))
}

const present = (part: unknown): readonly unknown[] | null => (part === undefined ? null : [part])

function flat(part: unknown, shape: Shape): readonly (string | null)[] {
  if (shape.kind === 'list' && !Array.isArray(part)) return flat(part, shape.of)
  if (Array.isArray(part)) {
    return part.flatMap((each: unknown, index) => flat(each, shape.kind === 'list' ? shape.of : fieldOf(shape, index)))
  }
  if (part === null) return [null]
  if (typeof part === 'number') return [shape.kind === 'number' ? formatDecimal(part, shape.exponent) : String(part)]
  if (typeof part === 'string') return [part.replace(/^OAD /, '')]
  if (typeof part === 'object' && 'hex' in part) return [String(part.hex)]
  if (typeof part === 'object' && 'address' in part) return [String(part.address)]
  if (typeof part === 'object' && 'road' in part && 'cols' in part) return [`${String(part.road)}:${String(part.cols)}`]
  return [String(part)]
}

const fieldOf = (shape: Shape, index: number): Shape =>
  (shape.kind === 'fields' ? shape.of[index] : undefined) ?? { kind: 'plain' }

const hexByte = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')
