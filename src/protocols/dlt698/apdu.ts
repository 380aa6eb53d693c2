import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { apduForms } from './apdu-forms.js'
import { oneOf, type ValueOf } from './forms.js'
import { readerOf, writer } from './reader.js'

const apduForm = oneOf('an application data unit', apduForms)

/** One application data unit, plain or as the security layer wraps it. */
export type Apdu = ValueOf<typeof apduForm>
export type ApduKind = Apdu['kind']
export type ApduOf<K extends ApduKind> = Extract<Apdu, { readonly kind: K }>

/**
 * Reads a whole application data unit.
 *
 * @returns it, or `empty`, `truncated`, `trailing-bytes`, `unknown-choice`, `unknown-type`, `bad-length`, `bad-count`, `bad-option`,
 * `no-columns`, `too-deep` with the byte where it was found
 */
export function parseApdu(bytes: Uint8Array): Result<Apdu, InputError> {
  if (bytes.length === 0) return fail({ code: 'empty', at: 'apdu byte 0', message: 'the frame carries no application data' })
  const reader = readerOf(bytes)
  const apdu = apduForm.read(reader)
  if (reader.rest() > 0) reader.fail('trailing-bytes', `${reader.rest()} bytes stand behind the application data`)
  const fault = reader.fault()
  return fault === null ? ok(apdu) : fail(fault)
}

/** The bytes of an application data unit. @throws RangeError when a value in it does not fit */
export function encodeApdu(apdu: Apdu): Uint8Array {
  const out = writer()
  apduForm.write(apdu, out)
  return out.bytes()
}

/** The service of a kind, and its choice where it has one: `GET-Response NormalList`. */
export function apduName(kind: ApduKind): string {
  return names[kind]
}

const names: Readonly<Record<ApduKind, string>> = {
  'link-request': 'LINK-Request',
  'link-response': 'LINK-Response',
  'connect-request': 'CONNECT-Request',
  'connect-response': 'CONNECT-Response',
  'release-request': 'RELEASE-Request',
  'release-response': 'RELEASE-Response',
  'release-notification': 'RELEASE-Notification',
  'get-one': 'GET-Request Normal',
  'get-list': 'GET-Request NormalList',
  'get-record': 'GET-Request Record',
  'get-record-list': 'GET-Request RecordList',
  'get-next': 'GET-Request Next',
  'got-one': 'GET-Response Normal',
  'got-list': 'GET-Response NormalList',
  'got-record': 'GET-Response Record',
  'got-record-list': 'GET-Response RecordList',
  'got-next': 'GET-Response Next',
  'set-one': 'SET-Request Normal',
  'set-list': 'SET-Request NormalList',
  'set-then-get': 'SET-Request ThenGetNormalList',
  'set-one-done': 'SET-Response Normal',
  'set-list-done': 'SET-Response NormalList',
  'set-then-got': 'SET-Response ThenGetNormalList',
  'act-one': 'ACTION-Request Normal',
  'act-list': 'ACTION-Request NormalList',
  'act-then-get': 'ACTION-Request ThenGetNormalList',
  'act-one-done': 'ACTION-Response Normal',
  'act-list-done': 'ACTION-Response NormalList',
  'act-then-got': 'ACTION-Response ThenGetNormalList',
  'report-list': 'REPORT-Notification List',
  'report-records': 'REPORT-Notification RecordList',
  'report-transparent': 'REPORT-Notification Transparent',
  'confirm-list': 'REPORT-Response List',
  'confirm-records': 'REPORT-Response RecordList',
  'confirm-transparent': 'REPORT-Response Transparent',
  'proxy-request': 'PROXY-Request',
  'proxy-response': 'PROXY-Response',
  'secured-request': 'SECURITY-Request',
  'secured-response': 'SECURITY-Response',
  'error-request': 'ERROR-Request',
  'error-response': 'ERROR-Response',
}
