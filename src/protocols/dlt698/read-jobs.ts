import { fail, ok } from '../../model/index.js'
import type { LocalTime, Result } from '../../model/index.js'
import type { RegisterRequest } from '../../ports/index.js'
import type { ApduOf } from './apdu.js'
import type { Data } from './data.js'
import { parseRegister, periodOf, timeColumnOf, type RecordRegister } from './notation.js'
import { piidOf } from './question.js'
import type { Selector } from './selectors.js'
import { intervalHex, laterBy, momentHex, type Interval } from './times.js'

/** Objects of one GET list. Ten energies of total and four tariffs answer in some 330 bytes; meters take longer answers apart anyway. */
export const listMax = 10
/** Rows one request asks for. The meter cuts a longer answer into pieces or blocks. */
export const rowsMax = 255

/** An attribute that is read, and its place in the plan. */
export interface ValueEntry {
  readonly index: number
  readonly oad: string
}
/** Columns of rows that are read, and their place in the plan. */
export interface RecordEntry {
  readonly index: number
  readonly columns: readonly string[]
}
/** Which rows of a record are wanted. */
export type Rows =
  /** The nth newest. */
  | { readonly kind: 'nth'; readonly nth: number }
  /** The newest so many. */
  | { readonly kind: 'last'; readonly count: number }
  /** From a time on, at most so many, at most until `to`. */
  | {
      readonly kind: 'from'
      readonly from: LocalTime
      readonly count: number
      /** Where the span ends, itself not in it. */
      readonly to: LocalTime
      /** How the register says that its rows stand apart; null: it does not. */
      readonly interval: Interval | null
      /** How they stand apart, said or usual. */
      readonly period: Interval
    }

/** What one request reads: attributes in a list, or columns of the same rows together. */
export type Job =
  | { readonly kind: 'values'; readonly entries: readonly ValueEntry[] }
  | { readonly kind: 'record'; readonly oad: string; readonly rows: Rows; readonly entries: readonly RecordEntry[] }

/** A register that cannot be asked, and its place. */
export interface Unsupported {
  readonly index: number
  readonly register: string
  readonly message: string
}

/**
 * Puts a plan's registers together into as few requests as they need: attributes in lists, columns of the same rows of the same
 * record in one. Places in the plan are kept; rows that make no one reply are asked in parts, in the order of time.
 *
 * @param replyBytesMax the longest reply that the way to the meter carries
 */
export function planJobs(
  registers: readonly RegisterRequest[],
  replyBytesMax = Infinity,
): {
  readonly jobs: readonly Job[]
  readonly unsupported: readonly Unsupported[]
} {
  const unsupported: Unsupported[] = []
  const values: ValueEntry[] = []
  const records = new Map<string, Job & { readonly kind: 'record' }>()
  for (const [index, request] of registers.entries()) {
    const parsed = parseRegister(request.register)
    const rows = parsed.ok && parsed.value.kind === 'record' ? wantedRows(parsed.value, request) : null
    if (!parsed.ok) unsupported.push({ index, register: request.register, message: parsed.error.message })
    else if (parsed.value.kind === 'value') {
      if (request.from === undefined) values.push({ index, oad: parsed.value.oad })
      else unsupported.push({ index, register: request.register, message: 'only records are asked from a time on' })
    } else if (rows?.ok === true) {
      addRecord(records, { oad: parsed.value.oad, rows: rows.value }, { index, columns: parsed.value.columns })
    } else if (rows !== null) unsupported.push({ index, register: request.register, message: rows.error })
  }
  const parts = [...records.values()].flatMap((job) => narrowed(job, replyBytesMax))
  return { jobs: [...lists(values, replyBytesMax), ...parts], unsupported }
}

/** A job in two halves, of its registers or of the rows of one; null: there is nothing left to halve. */
export function halves(job: Job): readonly [Job, Job] | null {
  if (job.kind === 'record') return job.entries.length > 1 ? halfColumns(job) : halfRows(job)
  const middle = job.entries.length >> 1
  if (middle === 0) return null
  return [
    { ...job, entries: job.entries.slice(0, middle) },
    { ...job, entries: job.entries.slice(middle) },
  ]
}

type RecordJob = Job & { readonly kind: 'record' }

function halfColumns(job: RecordJob): readonly [RecordJob, RecordJob] {
  const middle = job.entries.length >> 1
  return [
    { ...job, entries: job.entries.slice(0, middle) },
    { ...job, entries: job.entries.slice(middle) },
  ]
}

function halfRows(job: RecordJob): readonly [Job, Job] | null {
  const { rows } = job
  if (rows.kind !== 'from' || rows.count === 1) return null
  const [first, second] = [rows.count >> 1, rows.count - (rows.count >> 1)]
  return [
    { ...job, rows: rowsFrom(rows, 0, first) },
    { ...job, rows: rowsFrom(rows, first, second) },
  ]
}

type RowsFrom = Rows & { readonly kind: 'from' }

/** So many of the rows, some of them skipped. */
function rowsFrom(rows: RowsFrom, skipped: number, count: number): RowsFrom {
  const from = laterBy(rows.from, rows.period, skipped)
  return { ...rows, from, count, to: laterBy(from, rows.period, count) }
}

/** Frame, addresses, unit, and what the security layer adds. */
const frameBytes = 50
/** An object's name and the head of its result. */
const headBytes = 6
/** An attribute as a whole may be a list: energies of total and four tariffs. One of its elements is a number. */
const listBytes = 28
const numberBytes = 6
/** What dates a row. */
const timeBytes = 8

const bytesOfValue = (oad: string): number => (oad.endsWith('00') ? listBytes : numberBytes)

/** A job whose replies fit: columns in halves until one row fits, and rows as many as fit. */
function narrowed(job: RecordJob, replyBytesMax: number): readonly Job[] {
  const columns = job.entries.flatMap((entry) => entry.columns)
  const room = replyBytesMax - frameBytes - headBytes * (columns.length + 1)
  const rowBytes = columns.reduce((sum, oad) => sum + bytesOfValue(oad), timeBytes)
  const fitting = Math.max(1, Math.floor(room / rowBytes))
  if (room < rowBytes && job.entries.length > 1) return halfColumns(job).flatMap((half) => narrowed(half, replyBytesMax))
  const { rows } = job
  if (rows.kind !== 'from' || rows.count <= fitting) return [job]
  const parts: Job[] = []
  for (let at = 0; at < rows.count; at += fitting)
    parts.push({ ...job, rows: rowsFrom(rows, at, Math.min(fitting, rows.count - at)) })
  return parts
}

/** The request of a job. */
export function jobRequest(job: Job): ApduOf<'get-one' | 'get-list' | 'get-record'> {
  if (job.kind === 'record') {
    const { oad, rows } = job
    const columns = columnsOf(job).map((column) => ({ kind: 'OAD', oad: column }) as const)
    const piid = piidOf(JSON.stringify([oad, rows, columns]))
    return { kind: 'get-record', piid, oad, selector: selectorOf(oad, rows), columns, timeTag: null }
  }
  const oads = job.entries.map(({ oad }) => oad)
  const [only = ''] = oads
  const piid = piidOf(oads.join())
  if (oads.length === 1) return { kind: 'get-one', piid, oad: only, timeTag: null }
  return { kind: 'get-list', piid, list: oads, timeTag: null }
}

/** The columns a job asks for, each once, the one that dates the rows first. */
export function columnsOf({ oad, entries }: Job & { readonly kind: 'record' }): readonly string[] {
  return [...new Set([timeColumnOf(oad), ...entries.flatMap(({ columns }) => columns)])]
}

function wantedRows(register: RecordRegister, { from, count = 1 }: RegisterRequest): Result<Rows, string> {
  if (!Number.isInteger(count) || count < 1 || count > rowsMax) return fail(`1 to ${rowsMax} rows can be asked for`)
  if (register.nth !== null) {
    return from === undefined
      ? ok({ kind: 'nth', nth: register.nth })
      : fail('a register with #nn names its row; it takes no time')
  }
  if (from === undefined) return ok({ kind: 'last', count })
  const period = periodOf(register)
  if (period === null) return fail('how far its rows stand apart is not known: write it behind the columns, such as /15min')
  return ok({ kind: 'from', from, count, to: laterBy(from, period, count), interval: register.period, period })
}

function addRecord(
  records: Map<string, Job & { readonly kind: 'record' }>,
  { oad, rows }: { readonly oad: string; readonly rows: Rows },
  entry: RecordEntry,
): void {
  const key = JSON.stringify([oad, rows])
  const known = records.get(key)
  records.set(key, { kind: 'record', oad, rows, entries: [...(known?.entries ?? []), entry] })
}

function lists(entries: readonly ValueEntry[], replyBytesMax: number): readonly Job[] {
  const jobs: (readonly ValueEntry[])[] = []
  let list: ValueEntry[] = []
  let bytes = frameBytes
  for (const entry of entries) {
    const more = headBytes + bytesOfValue(entry.oad)
    if (list.length === listMax || (list.length > 0 && bytes + more > replyBytesMax)) {
      jobs.push(list)
      list = []
      bytes = frameBytes
    }
    list.push(entry)
    bytes += more
  }
  return [...jobs, ...(list.length > 0 ? [list] : [])].map((some) => ({ kind: 'values', entries: some }))
}

/** Facts §2.2: 9 for the last rows, 1 for the one row of a time, 2 for a span of them. */
function selectorOf(oad: string, rows: Rows): Selector {
  switch (rows.kind) {
    case 'nth':
      return { kind: 'last', count: rows.nth }
    case 'last':
      return { kind: 'last', count: rows.count }
    case 'from': {
      const column = timeColumnOf(oad)
      const from = { type: 'date_time_s', hex: momentHex(rows.from) } as const
      if (rows.count === 1) return { kind: 'equal', oad: column, value: from }
      const to = { type: 'date_time_s', hex: momentHex(rows.to) } as const
      const interval: Data = rows.interval === null ? { type: 'null' } : { type: 'TI', hex: intervalHex(rows.interval) }
      return { kind: 'range', oad: column, from, to, interval }
    }
  }
}
