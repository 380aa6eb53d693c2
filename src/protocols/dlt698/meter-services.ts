import type { Apdu, ApduOf } from './apdu.js'
import type { GetResult, ObjectResult, RecordResult } from './apdu-forms.js'
import { darOk } from './dar.js'
import type { Data } from './data.js'
import { plainTail } from './meter-side.js'
import type { Column, Selector } from './selectors.js'

/** What stands behind a meter's side: its objects, by OAD and OMD of eight hexadecimal digits. */
export interface MeterObjects {
  get(oad: string): GetResult
  record(oad: string, selector: Selector, columns: readonly Column[]): RecordResult['result']
  /** @returns the access result */
  set(oad: string, data: Data): number
  act(omd: string, data: Data): { readonly dar: number; readonly data: Data | null }
}

/**
 * A meter's answer to a plain request, in the form that request wants (facts §2). Requests in the security layer are opened by
 * `openEnvelope` before, and the answer wrapped by `withMac` after; long answers are cut by `answerFrames` or `answerBlocks`.
 *
 * @returns `error-response` for a service that meters do not have; null for what is no request
 */
export function answerRequest(request: Apdu, objects: MeterObjects): Apdu | null {
  switch (request.kind) {
    case 'get-one':
    case 'get-list':
    case 'get-record':
    case 'get-record-list':
      return got(request, objects)
    case 'set-one':
    case 'set-list':
    case 'set-then-get':
      return setDone(request, objects)
    case 'act-one':
    case 'act-list':
    case 'act-then-get':
      return actDone(request, objects)
    case 'release-request':
      return { kind: 'release-response', ...endOf(request), result: darOk }
    case 'connect-request':
    case 'get-next':
    case 'proxy-request':
      return { kind: 'error-response', ...endOf(request), error: serviceNotSupported }
    case 'link-request':
    case 'link-response':
    case 'connect-response':
    case 'release-response':
    case 'release-notification':
    case 'got-one':
    case 'got-list':
    case 'got-record':
    case 'got-record-list':
    case 'got-next':
    case 'set-one-done':
    case 'set-list-done':
    case 'set-then-got':
    case 'act-one-done':
    case 'act-list-done':
    case 'act-then-got':
    case 'report-list':
    case 'report-records':
    case 'report-transparent':
    case 'confirm-list':
    case 'confirm-records':
    case 'confirm-transparent':
    case 'proxy-response':
    case 'secured-request':
    case 'secured-response':
    case 'error-request':
    case 'error-response':
      return null
  }
}

const endOf = ({ piid }: { readonly piid: number }) => ({ piid, ...plainTail })

function got(request: ApduOf<'get-one' | 'get-list' | 'get-record' | 'get-record-list'>, objects: MeterObjects): Apdu {
  const end = endOf(request)
  const rows = ({ oad, selector, columns }: RecordQuery): RecordResult => ({
    oad,
    columns,
    result: objects.record(oad, selector, columns),
  })
  switch (request.kind) {
    case 'get-one':
      return { kind: 'got-one', ...end, ...gotOne(request.oad, objects) }
    case 'get-list':
      return { kind: 'got-list', ...end, list: request.list.map((oad) => gotOne(oad, objects)) }
    case 'get-record':
      return { kind: 'got-record', ...end, record: rows(request) }
    case 'get-record-list':
      return { kind: 'got-record-list', ...end, list: request.list.map(rows) }
  }
}

function setDone(request: ApduOf<'set-one' | 'set-list' | 'set-then-get'>, objects: MeterObjects): Apdu {
  const end = endOf(request)
  const done = (oad: string, data: Data) => ({ oad, dar: objects.set(oad, data) })
  switch (request.kind) {
    case 'set-one':
      return { kind: 'set-one-done', ...end, ...done(request.oad, request.data) }
    case 'set-list':
      return { kind: 'set-list-done', ...end, list: request.list.map(({ oad, data }) => done(oad, data)) }
    case 'set-then-get': {
      const list = request.list.map(({ oad, data, get }) => ({ ...done(oad, data), got: gotOne(get, objects) }))
      return { kind: 'set-then-got', ...end, list }
    }
  }
}

function actDone(request: ApduOf<'act-one' | 'act-list' | 'act-then-get'>, objects: MeterObjects): Apdu {
  const end = endOf(request)
  const done = (omd: string, data: Data) => ({ omd, ...objects.act(omd, data) })
  switch (request.kind) {
    case 'act-one':
      return { kind: 'act-one-done', ...end, ...done(request.omd, request.data) }
    case 'act-list':
      return { kind: 'act-list-done', ...end, list: request.list.map(({ omd, data }) => done(omd, data)) }
    case 'act-then-get': {
      const list = request.list.map(({ omd, data, get }) => ({ ...done(omd, data), got: gotOne(get, objects) }))
      return { kind: 'act-then-got', ...end, list }
    }
  }
}

const gotOne = (oad: string, objects: MeterObjects): ObjectResult => ({ oad, result: objects.get(oad) })

interface RecordQuery {
  readonly oad: string
  readonly selector: Selector
  readonly columns: readonly Column[]
}

/** What ERROR-Response says of a service that is not there (own knowledge). */
const serviceNotSupported = 2
