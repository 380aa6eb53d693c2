import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import type { MeterReport, ReportedItem } from '../../ports/index.js'
import { encodeApdu, parseApdu, type Apdu, type ApduOf } from './apdu.js'
import { decodeFrame, encodeFrame, userData, type DecodedFrame } from './codec.js'
import { followItems, itemsOf, type DescribedItem } from './described-items.js'
import { openEnvelope } from './security.js'

/** What a meter reports unasked: new events (object 3320), records, or bytes of a port (facts §4.7). */
export type Report = ApduOf<'report-list' | 'report-records' | 'report-transparent'>

/** A report with the meter it came from, and the frame that confirms it. */
export interface ReceivedReport {
  /** The meter's address as displayed. */
  readonly from: string
  readonly report: Report
  /** To be sent back; the meter repeats the report until it comes. */
  readonly confirmation: Uint8Array
}

/**
 * Reads a frame that came unasked as a report.
 *
 * @returns it with its confirmation, or the codes of `decodeFrame` and `parseApdu`, or `no-report`
 */
export function readReport(bytes: Uint8Array): Result<ReceivedReport, InputError> {
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) return decoded
  const frame = decoded.value
  if (frame.segment !== null) return noReport
  const parsed = parseApdu(frame.body)
  const opened = parsed.ok ? openEnvelope(parsed.value) : parsed
  if (!opened.ok) return opened
  const report = opened.value.apdu
  if (report?.kind === 'report-list' || report?.kind === 'report-records') {
    const list = report.list.map(({ oad }) => oad)
    const kind = report.kind === 'report-list' ? 'confirm-list' : 'confirm-records'
    return ok(received(frame, report, { kind, piid: report.piid & numberBits, list, timeTag: null }))
  }
  if (report?.kind === 'report-transparent') {
    return ok(received(frame, report, { kind: 'confirm-transparent', piid: report.piid & numberBits, timeTag: null }))
  }
  return noReport
}

/** The same for whoever knows no objects: what is reported as text. */
export function meterReport(bytes: Uint8Array): Result<MeterReport, InputError> {
  const received = readReport(bytes)
  if (!received.ok) return received
  const { from, report, confirmation } = received.value
  return ok({ from, items: [...itemsOf(report), ...followItems(report)].map(reportedItem), confirmation })
}

/** The address of the server that sent a frame; null: a client did, or it is no frame. */
export function speakerOf(bytes: Uint8Array): string | null {
  const decoded = decodeFrame(bytes)
  return decoded.ok && decoded.value.control.from === 'server' ? decoded.value.server.digits : null
}

function reportedItem({ oad, record, values, error }: DescribedItem): ReportedItem {
  return {
    register: record === undefined ? oad : `${record}:${oad}`,
    values: values.map(({ value, unit }) => (value === null ? 'none' : unit === null ? value : `${value} ${unit}`)),
    ...(error !== undefined && { error }),
  }
}

/** The number of a PIID, without its priority and the server's ACD bit. */
const numberBits = 0x3f

const noReport = fail({
  code: 'no-report',
  at: 'apdu byte 0',
  message: 'the frame is no report, or one that cannot be read without keys',
})

function received(frame: DecodedFrame, report: Report, confirmation: Apdu): ReceivedReport {
  const control = { from: 'client', asked: 'server', fn: userData, scrambled: false } as const
  const { server, client } = frame
  const bytes = encodeFrame({ control, server, client, segment: null, body: encodeApdu(confirmation) })
  return { from: server.digits, report, confirmation: bytes }
}
