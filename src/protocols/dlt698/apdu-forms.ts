import { dataForm } from './data.js'
import {
  fixed,
  flag,
  list,
  nothing,
  octets,
  oneOf,
  optional,
  record,
  remainder,
  unsigned,
  type Form,
  type ValueOf,
} from './forms.js'
import type { Reader, Writer } from './reader.js'
import { columnsForm, oadForm, securityIdForm, securityMacForm, selectorForm, type Column } from './selectors.js'

/** PIID or PIID-ACD: number in D5–0, ACD (events wait to be read) in D6 of an answer, priority in D7. */
const piid = unsigned(1)
const dar = unsigned(1)

/** The client's tail. 00: no time tag; else when it was sent and how long it may take (own knowledge). */
const timeTag = optional(record({ sentAt: fixed(7), allowed: fixed(3) }))

/** DAR or data, with the choice byte of GET. */
const result = oneOf('DAR or data', {
  dar: { tags: [0], form: record({ dar }) },
  data: { tags: [1], form: record({ data: dataForm }) },
})
/** What GET says of one object. */
export type GetResult = ValueOf<typeof result>
const objectResult = record({ oad: oadForm, result })
export type ObjectResult = ValueOf<typeof objectResult>

/** What GET says of a record: its columns, and the rows or why there are none. */
export interface RecordResult {
  readonly oad: string
  readonly columns: readonly Column[]
  readonly result:
    | { readonly kind: 'dar'; readonly dar: number }
    | { readonly kind: 'rows'; readonly rows: readonly (readonly ValueOf<typeof dataForm>[])[] }
}

const recordResult: Form<RecordResult> = {
  read: (reader) => {
    const oad = oadForm.read(reader)
    const columns = columnsForm.read(reader)
    return { oad, columns, result: readRows(reader, columns.length) }
  },
  write: ({ oad, columns, result: { kind, ...content } }, writer) => {
    oadForm.write(oad, writer)
    columnsForm.write(columns, writer)
    writer.number(kind === 'dar' ? 0 : 1, 1)
    if ('dar' in content) writer.number(content.dar, 1)
    else writeRows(content.rows, columns.length, writer)
  },
}

const objectResults = record({ results: list(objectResult) })
const recordResults = record({ records: list(recordResult) })

/** What a server reports beside its answer: 00 none, 1 objects, 2 records (facts §2). */
const followReport = oneOf('a follow report', {
  none: { tags: [0], form: nothing },
  objects: { tags: [1], form: objectResults },
  records: { tags: [2], form: recordResults },
})
export type FollowReport = ValueOf<typeof followReport>

/** The server's tail. */
const tail = { follow: followReport, timeTag }

/** After 88H not even the length of the tail is certain (facts §4.7): a time tag may stand alone. */
const reportTail: Form<FollowReport> = {
  read: (reader) => (reader.rest() > 1 ? followReport.read(reader) : { kind: 'none' }),
  write: (follow, writer) => followReport.write(follow, writer),
}

const setting = record({ oad: oadForm, data: dataForm })
const settingThenGet = record({ oad: oadForm, data: dataForm, get: oadForm, delaySeconds: unsigned(1) })
const setDone = record({ oad: oadForm, dar })
const setThenGot = record({ oad: oadForm, dar, got: objectResult })
const action = record({ omd: oadForm, data: dataForm })
const actionThenGet = record({ omd: oadForm, data: dataForm, get: oadForm, delaySeconds: unsigned(1) })
// Return data of an action stand without the choice byte of GET (facts §5.4).
const actionDone = record({ omd: oadForm, dar, data: optional(dataForm) })
const actionThenGot = record({ omd: oadForm, dar, data: optional(dataForm), got: objectResult })
const recordQuery = { oad: oadForm, selector: selectorForm, columns: columnsForm }

/** How a client shows who it is when it connects; all blocks are opaque. Kinds 1 to 3: own knowledge. */
const authentication = oneOf('an authentication', {
  none: { tags: [0], form: nothing },
  password: { tags: [1], form: record({ password: octets }) },
  symmetric: { tags: [2], form: record({ cipher: octets, signature: octets }) },
  signature: { tags: [3], form: record({ cipher: octets, signature: octets }) },
})
const limits = { sendMax: unsigned(2), receiveMax: unsigned(2), window: unsigned(1), apduMax: unsigned(2), timeoutS: unsigned(4) }
const conformance = { version: unsigned(2), protocolConformance: fixed(8), functionConformance: fixed(16) }

const requestContent = oneOf('plain text or cipher', {
  plain: { tags: [0], form: record({ apdu: octets }) },
  cipher: { tags: [1], form: record({ cipher: octets }) },
})
/** By what a request proves itself: 01 RN was seen, the rest is own knowledge. */
const requestCheck = oneOf('a check of a secured request', {
  SID_MAC: { tags: [0], form: securityMacForm },
  RN: { tags: [1], form: record({ rn: octets }) },
  RN_MAC: { tags: [2], form: record({ rn: octets, mac: octets }) },
  SID: { tags: [3], form: securityIdForm },
})
export type RequestCheck = ValueOf<typeof requestCheck>

const answerCheck = optional(oneOf('a check of a secured answer', { MAC: { tags: [0], form: record({ mac: octets }) } }))
/** A refusal, `90 02 DAR`, may end without saying that no check follows. */
const checkOfRefusal: typeof answerCheck = {
  read: (reader) => (reader.rest() === 0 ? null : answerCheck.read(reader)),
  write: (check, writer) => answerCheck.write(check, writer),
}
const answerContent = oneOf('plain text, cipher or DAR', {
  plain: { tags: [0], form: record({ apdu: octets, check: answerCheck }) },
  cipher: { tags: [1], form: record({ cipher: octets, check: answerCheck }) },
  refused: { tags: [2], form: record({ dar, check: checkOfRefusal }) },
})

const asked = <T>(form: Form<T>) => record({ piid, list: list(form), timeTag })
const answered = <T>(form: Form<T>) => record({ piid, list: list(form), ...tail })

/**
 * Every application data unit by its leading bytes (facts §2). Layouts the facts page does not state (82H, 83H, 84H, 81H, lists of
 * set-then-get and action-then-get, 88H 3, EEH) are own knowledge.
 */
export const apduForms = {
  'link-request': {
    tags: [0x01],
    form: record({ piid, type: unsigned(1), heartbeatS: unsigned(2), time: fixed(10) }),
  },
  'link-response': {
    tags: [0x81],
    form: record({ piid, result: unsigned(1), requestedAt: fixed(10), receivedAt: fixed(10), answeredAt: fixed(10) }),
  },
  'connect-request': { tags: [0x02], form: record({ piid, ...conformance, ...limits, authentication, timeTag }) },
  'connect-response': {
    tags: [0x82],
    form: record({
      piid,
      vendor: fixed(32),
      ...conformance,
      ...limits,
      result: unsigned(1),
      security: optional(record({ rn: octets, signature: octets })),
      ...tail,
    }),
  },
  'release-request': { tags: [0x03], form: record({ piid, timeTag }) },
  'release-response': { tags: [0x83], form: record({ piid, result: unsigned(1), ...tail }) },
  'release-notification': { tags: [0x84], form: record({ piid, connectedAt: fixed(7), now: fixed(7), ...tail }) },

  'get-one': { tags: [0x05, 1], form: record({ piid, oad: oadForm, timeTag }) },
  'get-list': { tags: [0x05, 2], form: asked(oadForm) },
  'get-record': { tags: [0x05, 3], form: record({ piid, ...recordQuery, timeTag }) },
  'get-record-list': { tags: [0x05, 4], form: asked(record(recordQuery)) },
  'get-next': { tags: [0x05, 5], form: record({ piid, block: unsigned(2), timeTag }) },
  'got-one': { tags: [0x85, 1], form: record({ piid, oad: oadForm, result, ...tail }) },
  'got-list': { tags: [0x85, 2], form: answered(objectResult) },
  'got-record': { tags: [0x85, 3], form: record({ piid, record: recordResult, ...tail }) },
  'got-record-list': { tags: [0x85, 4], form: answered(recordResult) },
  'got-next': {
    tags: [0x85, 5],
    form: record({
      piid,
      isLast: flag,
      block: unsigned(2),
      content: oneOf('DAR, results or records', {
        dar: { tags: [0], form: record({ dar }) },
        objects: { tags: [1], form: objectResults },
        records: { tags: [2], form: recordResults },
      }),
      ...tail,
    }),
  },

  'set-one': { tags: [0x06, 1], form: record({ piid, oad: oadForm, data: dataForm, timeTag }) },
  'set-list': { tags: [0x06, 2], form: asked(setting) },
  'set-then-get': { tags: [0x06, 3], form: asked(settingThenGet) },
  'set-one-done': { tags: [0x86, 1], form: record({ piid, oad: oadForm, dar, ...tail }) },
  'set-list-done': { tags: [0x86, 2], form: answered(setDone) },
  'set-then-got': { tags: [0x86, 3], form: answered(setThenGot) },

  'act-one': { tags: [0x07, 1], form: record({ piid, omd: oadForm, data: dataForm, timeTag }) },
  'act-list': { tags: [0x07, 2], form: asked(action) },
  'act-then-get': { tags: [0x07, 3], form: asked(actionThenGet) },
  'act-one-done': { tags: [0x87, 1], form: record({ piid, omd: oadForm, dar, data: optional(dataForm), ...tail }) },
  'act-list-done': { tags: [0x87, 2], form: answered(actionDone) },
  'act-then-got': { tags: [0x87, 3], form: answered(actionThenGot) },

  'report-list': { tags: [0x88, 1], form: record({ piid, list: list(objectResult), follow: reportTail, timeTag }) },
  'report-records': { tags: [0x88, 2], form: record({ piid, list: list(recordResult), follow: reportTail, timeTag }) },
  'report-transparent': {
    tags: [0x88, 3],
    form: record({ piid, port: oadForm, bytes: octets, follow: reportTail, timeTag }),
  },
  'confirm-list': { tags: [0x08, 1], form: asked(oadForm) },
  'confirm-records': { tags: [0x08, 2], form: asked(oadForm) },
  'confirm-transparent': { tags: [0x08, 3], form: record({ piid, timeTag }) },

  /** Services a terminal does for its master; carried, not interpreted. */
  'proxy-request': { tags: [0x09], form: record({ service: unsigned(1), piid, content: remainder }) },
  'proxy-response': { tags: [0x89], form: record({ service: unsigned(1), piid, content: remainder }) },

  'secured-request': {
    tags: [0x10],
    form: record({ content: requestContent, check: requestCheck }),
  },
  'secured-response': {
    tags: [0x90],
    form: record({ content: answerContent }),
  },

  'error-request': { tags: [0x6e], form: record({ piid, error: unsigned(1), timeTag }) },
  'error-response': { tags: [0xee], form: record({ piid, error: unsigned(1), ...tail }) },
} as const

function readRows(reader: Reader, columns: number): RecordResult['result'] {
  const kind = reader.number(1)
  if (kind === 0) return { kind: 'dar', dar: reader.number(1) }
  if (kind !== 1) reader.fail('unknown-choice', `expected DAR or rows, found ${kind}`)
  const count = reader.count(columns)
  if (count > 0 && columns === 0) reader.fail('no-columns', `${count} rows of no columns`)
  const rows = Array.from({ length: columns === 0 ? 0 : count }, () =>
    Array.from({ length: columns }, () => dataForm.read(reader)),
  )
  return { kind: 'rows', rows }
}

function writeRows(rows: readonly (readonly ValueOf<typeof dataForm>[])[], columns: number, writer: Writer): void {
  writer.length(rows.length)
  for (const row of rows) {
    if (row.length !== columns) throw new RangeError(`a row has ${row.length} values for ${columns} columns`)
    for (const data of row) dataForm.write(data, writer)
  }
}
