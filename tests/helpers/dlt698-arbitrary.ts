import fc from 'fast-check'
import { hexOf } from '../../src/protocols/wire/bytes.js'
import type {
  Apdu,
  ApduKind,
  ApduOf,
  Column,
  Data,
  GetResult,
  RecordResult,
  RequestCheck,
  Selector,
} from '../../src/protocols/dlt698/index.js'
import {
  columnForm,
  columnsForm,
  meterSetForm,
  regionForm,
  roadForm,
  securityIdForm,
  securityMacForm,
  selectorForm,
} from '../../src/protocols/dlt698/selectors.js'
import type { Form } from '../../src/protocols/dlt698/forms.js'
import { writer } from '../../src/protocols/dlt698/reader.js'

const hex = (bytes: number): fc.Arbitrary<string> => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(hexOf)
const blob = fc.uint8Array({ maxLength: 20 }).map(hexOf)
const byte = fc.integer({ min: 0, max: 0xff })
const word = fc.integer({ min: 0, max: 0xffff })
const oad = hex(4)
const few = <T>(each: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(each, { maxLength: 3 })

const leaf: fc.Arbitrary<Data> = fc.oneof(
  fc.constant<Data>({ type: 'null' }),
  fc.boolean().map((value): Data => ({ type: 'bool', value })),
  fc
    .integer({ min: 0, max: 40 })
    .chain((bits) => hex(Math.ceil(bits / 8)).map((text): Data => ({ type: 'bit-string', bits, hex: text }))),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((value): Data => ({ type: 'int32', value })),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((value): Data => ({ type: 'uint32', value })),
  fc.integer({ min: -128, max: 127 }).map((value): Data => ({ type: 'int8', value })),
  fc.integer({ min: -32768, max: 32767 }).map((value): Data => ({ type: 'int16', value })),
  fc.tuple(fc.constantFrom('uint8' as const, 'enum' as const), byte).map(([type, value]): Data => ({ type, value })),
  word.map((value): Data => ({ type: 'uint16', value })),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value): Data => ({ type: 'int64', value })),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((value): Data => ({ type: 'uint64', value })),
  fc
    .tuple(
      fc.constantFrom(
        'octet-string' as const,
        'visible-string' as const,
        'utf8-string' as const,
        'TSA' as const,
        'MAC' as const,
        'RN' as const,
      ),
      blob,
    )
    .map(([type, text]): Data => ({ type, hex: text })),
  ...(
    [
      ['float32', 4],
      ['float64', 8],
      ['date_time', 10],
      ['date', 5],
      ['time', 3],
      ['date_time_s', 7],
      ['OI', 2],
      ['OAD', 4],
      ['OMD', 4],
      ['TI', 3],
      ['scaler-unit', 2],
      ['COMDCB', 5],
    ] as const
  ).map(([type, bytes]) => hex(bytes).map((text): Data => ({ type, hex: text }))),
)

const nested = (of: fc.Arbitrary<Data>): fc.Arbitrary<Data> =>
  fc.tuple(fc.constantFrom('array' as const, 'structure' as const), few(of)).map(([type, items]): Data => ({ type, items }))
const plainData = fc.oneof(leaf, nested(leaf), nested(nested(leaf)))

const column: fc.Arbitrary<Column> = fc.oneof(
  oad.map((text): Column => ({ kind: 'OAD', oad: text })),
  fc.tuple(oad, few(oad)).map(([text, columns]): Column => ({ kind: 'ROAD', oad: text, columns })),
)
const region = fc.record({ bounds: byte, from: plainData, to: plainData })
type MeterSet = (Selector & { readonly kind: 'lastOf' })['meters']
const meters: fc.Arbitrary<MeterSet> = fc.oneof(
  fc.constantFrom<MeterSet>({ kind: 'none' }, { kind: 'all' }),
  few(byte).map((types): MeterSet => ({ kind: 'types', types })),
  few(blob).map((addresses): MeterSet => ({ kind: 'addresses', addresses })),
  few(word).map((numbers): MeterSet => ({ kind: 'numbers', numbers })),
  fc
    .tuple(fc.constantFrom('typeRanges' as const, 'addressRanges' as const, 'numberRanges' as const), few(region))
    .map(([kind, ranges]): MeterSet => ({ kind, ranges })),
)
const range = fc.record({ oad, from: plainData, to: plainData, interval: plainData })

/** Every kind of record selector. */
export const anySelector: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant<Selector>({ kind: 'none' }),
  fc.tuple(oad, plainData).map(([text, value]): Selector => ({ kind: 'equal', oad: text, value })),
  range.map((values): Selector => ({ kind: 'range', ...values })),
  few(range).map((ranges): Selector => ({ kind: 'ranges', ranges })),
  fc
    .tuple(fc.constantFrom('started' as const, 'stored' as const), hex(7), meters)
    .map(([kind, at, set]): Selector => ({ kind, at, meters: set })),
  fc
    .tuple(
      fc.constantFrom('startedWithin' as const, 'storedWithin' as const, 'succeededWithin' as const),
      hex(7),
      hex(7),
      hex(3),
      meters,
    )
    .map(([kind, from, to, interval, set]): Selector => ({ kind, from, to, interval, meters: set })),
  byte.map((count): Selector => ({ kind: 'last', count })),
  fc.tuple(byte, meters).map(([count, set]): Selector => ({ kind: 'lastOf', count, meters: set })),
)

const written = <T>(form: Form<T>, value: T): string => {
  const out = writer()
  form.write(value, out)
  return hexOf(out.bytes())
}
const sid = fc.record({ id: hex(4), more: blob })
const sidMac = fc.record({ sid, mac: blob })

const structured: fc.Arbitrary<Data> = fc.oneof(
  fc.record({ oad, columns: few(oad) }).map((value): Data => ({ type: 'ROAD', hex: written(roadForm, value) })),
  region.map((value): Data => ({ type: 'Region', hex: written(regionForm, value) })),
  anySelector.map((value): Data => ({ type: 'RSD', hex: written(selectorForm, value) })),
  column.map((value): Data => ({ type: 'CSD', hex: written(columnForm, value) })),
  meters.map((value): Data => ({ type: 'MS', hex: written(meterSetForm, value) })),
  sid.map((value): Data => ({ type: 'SID', hex: written(securityIdForm, value) })),
  sidMac.map((value): Data => ({ type: 'SID_MAC', hex: written(securityMacForm, value) })),
  few(column).map((value): Data => ({ type: 'RCSD', hex: written(columnsForm, value) })),
)

/** Data of every type, arrays and structures in one another. */
export const anyData: fc.Arbitrary<Data> = fc.oneof({ weight: 3, arbitrary: plainData }, { weight: 1, arbitrary: structured })

const result: fc.Arbitrary<GetResult> = fc.oneof(
  byte.map((dar): GetResult => ({ kind: 'dar', dar })),
  anyData.map((data): GetResult => ({ kind: 'data', data })),
)
const object = fc.record({ oad, result })
const rows = (columns: number) => few(fc.array(plainData, { minLength: columns, maxLength: columns }))
const table: fc.Arbitrary<RecordResult> = fc
  .tuple(oad, fc.array(column, { minLength: 1, maxLength: 3 }))
  .chain(([text, columns]) =>
    fc
      .oneof(
        byte.map((dar): RecordResult['result'] => ({ kind: 'dar', dar })),
        rows(columns.length).map((found): RecordResult['result'] => ({ kind: 'rows', rows: found })),
      )
      .map((found): RecordResult => ({ oad: text, columns, result: found })),
  )

const timeTag = fc.option(fc.record({ sentAt: hex(7), allowed: hex(3) }))
const piid = byte
const asked = { piid, timeTag }
type Follow = ApduOf<'got-one'>['follow']
const follow: fc.Arbitrary<Follow> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Follow>({ kind: 'none' }) },
  { weight: 1, arbitrary: few(object).map((results): Follow => ({ kind: 'objects', results })) },
  { weight: 1, arbitrary: few(table).map((records): Follow => ({ kind: 'records', records })) },
)
const answered = { piid, follow, timeTag }
const query = { oad, selector: anySelector, columns: few(column) }
const conformance = { version: word, protocolConformance: hex(8), functionConformance: hex(16) }
const limits = { sendMax: word, receiveMax: word, window: byte, apduMax: word, timeoutS: fc.nat() }
const setting = { oad, data: plainData }
const acting = { omd: oad, data: plainData }
const thenGet = { get: oad, delaySeconds: byte }
const acted = { omd: oad, dar: byte, data: fc.option(plainData) }
type Authentication = ApduOf<'connect-request'>['authentication']
const authentication: fc.Arbitrary<Authentication> = fc.oneof(
  fc.constant<Authentication>({ kind: 'none' }),
  blob.map((password): Authentication => ({ kind: 'password', password })),
  fc
    .tuple(fc.constantFrom('symmetric' as const, 'signature' as const), blob, blob)
    .map(([kind, cipher, signature]): Authentication => ({ kind, cipher, signature })),
)
const check: fc.Arbitrary<RequestCheck> = fc.oneof(
  sidMac.map((value): RequestCheck => ({ kind: 'SID_MAC', ...value })),
  blob.map((rn): RequestCheck => ({ kind: 'RN', rn })),
  fc.tuple(blob, blob).map(([rn, mac]): RequestCheck => ({ kind: 'RN_MAC', rn, mac })),
  sid.map((value): RequestCheck => ({ kind: 'SID', ...value })),
)
const answerCheck = fc.option(blob.map((mac) => ({ kind: 'MAC' as const, mac })))
type Secured = ApduOf<'secured-response'>['content']
const securedContent: fc.Arbitrary<Secured> = fc.oneof(
  fc.tuple(blob, answerCheck).map(([apdu, mac]): Secured => ({ kind: 'plain', apdu, check: mac })),
  fc.tuple(blob, answerCheck).map(([cipher, mac]): Secured => ({ kind: 'cipher', cipher, check: mac })),
  fc.tuple(byte, answerCheck).map(([dar, mac]): Secured => ({ kind: 'refused', dar, check: mac })),
)
type RequestContent = ApduOf<'secured-request'>['content']
const requestContent: fc.Arbitrary<RequestContent> = fc.oneof(
  blob.map((apdu): RequestContent => ({ kind: 'plain', apdu })),
  blob.map((cipher): RequestContent => ({ kind: 'cipher', cipher })),
)
type Block = ApduOf<'got-next'>['content']
const block: fc.Arbitrary<Block> = fc.oneof(
  byte.map((dar): Block => ({ kind: 'dar', dar })),
  few(object).map((results): Block => ({ kind: 'objects', results })),
  few(table).map((records): Block => ({ kind: 'records', records })),
)

const kinds: { readonly [K in ApduKind]: fc.Arbitrary<Omit<ApduOf<K>, 'kind'>> } = {
  'link-request': fc.record({ piid, type: byte, heartbeatS: word, time: hex(10) }),
  'link-response': fc.record({ piid, result: byte, requestedAt: hex(10), receivedAt: hex(10), answeredAt: hex(10) }),
  'connect-request': fc.record({ piid, ...conformance, ...limits, authentication, timeTag }),
  'connect-response': fc.record({
    piid,
    vendor: hex(32),
    ...conformance,
    ...limits,
    result: byte,
    security: fc.option(fc.record({ rn: blob, signature: blob })),
    follow,
    timeTag,
  }),
  'release-request': fc.record(asked),
  'release-response': fc.record({ piid, result: byte, follow, timeTag }),
  'release-notification': fc.record({ piid, connectedAt: hex(7), now: hex(7), follow, timeTag }),
  'get-one': fc.record({ piid, oad, timeTag }),
  'get-list': fc.record({ piid, list: few(oad), timeTag }),
  'get-record': fc.record({ piid, ...query, timeTag }),
  'get-record-list': fc.record({ piid, list: few(fc.record(query)), timeTag }),
  'get-next': fc.record({ piid, block: word, timeTag }),
  'got-one': fc.record({ piid, oad, result, follow, timeTag }),
  'got-list': fc.record({ piid, list: few(object), follow, timeTag }),
  'got-record': fc.record({ piid, record: table, follow, timeTag }),
  'got-record-list': fc.record({ piid, list: few(table), follow, timeTag }),
  'got-next': fc.record({ piid, isLast: fc.boolean(), block: word, content: block, follow, timeTag }),
  'set-one': fc.record({ piid, ...setting, timeTag }),
  'set-list': fc.record({ piid, list: few(fc.record(setting)), timeTag }),
  'set-then-get': fc.record({ piid, list: few(fc.record({ ...setting, ...thenGet })), timeTag }),
  'set-one-done': fc.record({ piid, oad, dar: byte, follow, timeTag }),
  'set-list-done': fc.record({ piid, list: few(fc.record({ oad, dar: byte })), follow, timeTag }),
  'set-then-got': fc.record({ piid, list: few(fc.record({ oad, dar: byte, got: object })), follow, timeTag }),
  'act-one': fc.record({ piid, ...acting, timeTag }),
  'act-list': fc.record({ piid, list: few(fc.record(acting)), timeTag }),
  'act-then-get': fc.record({ piid, list: few(fc.record({ ...acting, ...thenGet })), timeTag }),
  'act-one-done': fc.record({ piid, ...acted, follow, timeTag }),
  'act-list-done': fc.record({ piid, list: few(fc.record(acted)), follow, timeTag }),
  'act-then-got': fc.record({ piid, list: few(fc.record({ ...acted, got: object })), follow, timeTag }),
  'report-list': fc.record({ piid, list: few(object), follow, timeTag }),
  'report-records': fc.record({ piid, list: few(table), follow, timeTag }),
  'report-transparent': fc.record({ piid, port: oad, bytes: blob, follow, timeTag }),
  'confirm-list': fc.record({ piid, list: few(oad), timeTag }),
  'confirm-records': fc.record({ piid, list: few(oad), timeTag }),
  'confirm-transparent': fc.record(asked),
  'proxy-request': fc.record({ service: byte, piid, content: blob }),
  'proxy-response': fc.record({ service: byte, piid, content: blob }),
  'secured-request': fc.record({ content: requestContent, check }),
  'secured-response': fc.record({ content: securedContent }),
  'error-request': fc.record({ piid, error: byte, timeTag }),
  'error-response': fc.record({ ...answered, error: byte }),
}

/** Every kind of unit, as its bytes would be read. */
export const anyApdu: fc.Arbitrary<Apdu> = fc.oneof(
  ...Object.entries(kinds).map(([kind, values]) => (values as fc.Arbitrary<object>).map((value) => ({ kind, ...value }) as Apdu)),
)
