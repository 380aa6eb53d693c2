import type { Apdu } from './apdu.js'
import type { Data } from './data.js'
import type { Selector } from './selectors.js'
import { intervalText, timeText, type TimeType } from './times.js'
import { leafText, leavesOf } from './values.js'

/** What a unit says beside the values of objects, by name; passwords are left out. */
export function detailOf(apdu: Apdu): Readonly<Record<string, string>> {
  switch (apdu.kind) {
    case 'link-request':
      return {
        type: linkTypes[apdu.type] ?? `type-${apdu.type}`,
        heartbeatS: String(apdu.heartbeatS),
        time: shown('date_time', apdu.time),
      }
    case 'link-response':
      return {
        result: String(apdu.result & 0x07),
        clockTrusted: String(apdu.result >= 0x80),
        requestedAt: shown('date_time', apdu.requestedAt),
        receivedAt: shown('date_time', apdu.receivedAt),
        answeredAt: shown('date_time', apdu.answeredAt),
      }
    case 'connect-request':
      return { ...connection(apdu), authentication: apdu.authentication.kind }
    case 'connect-response':
      return { vendor: apdu.vendor, ...connection(apdu), result: String(apdu.result) }
    case 'release-response':
      return { result: String(apdu.result) }
    case 'release-notification':
      return { connectedAt: shown('date_time_s', apdu.connectedAt), now: shown('date_time_s', apdu.now) }
    case 'get-record':
      return selectorDetail(apdu.selector)
    case 'get-next':
      return { block: String(apdu.block) }
    case 'got-next':
      return { block: String(apdu.block), isLast: String(apdu.isLast) }
    case 'proxy-request':
    case 'proxy-response':
      return { service: String(apdu.service), content: apdu.content }
    case 'error-request':
    case 'error-response':
      return { error: String(apdu.error) }
    case 'release-request':
    case 'get-one':
    case 'get-list':
    case 'get-record-list':
    case 'got-one':
    case 'got-list':
    case 'got-record':
    case 'got-record-list':
    case 'set-one':
    case 'set-list':
    case 'set-then-get':
    case 'set-one-done':
    case 'set-list-done':
    case 'set-then-got':
    case 'act-one':
    case 'act-list':
    case 'act-then-get':
    case 'act-one-done':
    case 'act-list-done':
    case 'act-then-got':
    case 'report-list':
    case 'report-records':
    case 'report-transparent':
    case 'confirm-list':
    case 'confirm-records':
    case 'confirm-transparent':
    case 'secured-request':
    case 'secured-response':
      return {}
  }
}

/** Logout: own knowledge. */
const linkTypes = ['login', 'heartbeat', 'logout']

type Connection = Apdu & { readonly kind: 'connect-request' | 'connect-response' }

const connection = (apdu: Connection): Readonly<Record<string, string>> => ({
  version: String(apdu.version),
  protocolConformance: apdu.protocolConformance,
  functionConformance: apdu.functionConformance,
  sendMax: String(apdu.sendMax),
  receiveMax: String(apdu.receiveMax),
  window: String(apdu.window),
  apduMax: String(apdu.apduMax),
  timeoutS: String(apdu.timeoutS),
})

function selectorDetail(selector: Selector): Readonly<Record<string, string>> {
  switch (selector.kind) {
    case 'none':
      return { selector: 'none' }
    case 'equal':
      return { selector: 'equal', column: selector.oad, value: dataText(selector.value) }
    case 'range':
      return {
        selector: 'range',
        column: selector.oad,
        from: dataText(selector.from),
        to: dataText(selector.to),
        interval: dataText(selector.interval),
      }
    case 'ranges':
      return { selector: 'ranges', count: String(selector.ranges.length) }
    case 'started':
    case 'stored':
      return { selector: selector.kind, at: shown('date_time_s', selector.at), meters: selector.meters.kind }
    case 'startedWithin':
    case 'storedWithin':
    case 'succeededWithin':
      return {
        selector: selector.kind,
        from: shown('date_time_s', selector.from),
        to: shown('date_time_s', selector.to),
        interval: intervalText(selector.interval),
        meters: selector.meters.kind,
      }
    case 'last':
      return { selector: 'last', count: String(selector.count) }
    case 'lastOf':
      return { selector: 'lastOf', count: String(selector.count), meters: selector.meters.kind }
  }
}

/** Values in a selector, one after the other. */
function dataText(data: Data): string {
  const leaves = leavesOf(data, { kind: 'plain' })
  return leaves.ok ? leaves.value.map((leaf) => leafText(leaf) ?? 'none').join(' ') : leaves.error.code
}

/** A time, or its digits where it is none: some devices fill in what they like. */
const shown = (type: TimeType, hex: string): string => timeText(type, hex)?.text ?? hex
