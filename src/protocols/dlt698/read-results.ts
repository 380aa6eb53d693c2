import { fail, ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import type { LoadRecord, ReadError } from '../../ports/index.js'
import type { ObjectResult, RecordResult } from './apdu-forms.js'
import { isAbsentObject } from './dar.js'
import type { Data } from './data.js'
import { timeColumnOf } from './notation.js'
import { invalidRead } from '../wire/read-errors.js'
import { refusedRead } from './read-errors.js'
import type { Job, RecordEntry, Rows, ValueEntry } from './read-jobs.js'
import { shapeOf } from './register-table.js'
import { momentText, readMoment, timeText } from './times.js'
import { columnText, leavesOf, registerValue } from './values.js'

/** All that a meter said to one request, blocks and pieces put together. */
export type Content =
  | { readonly kind: 'objects'; readonly results: readonly ObjectResult[] }
  | { readonly kind: 'records'; readonly records: readonly RecordResult[] }

/** What came of one register of a plan. */
export type Reading =
  | { readonly ok: true; readonly values: readonly RegisterValue[]; readonly records: readonly LoadRecord[] }
  | { readonly ok: false; readonly error: ReadError }

/** What came of a job: for each entry its reading, or one reason for all. `dars`: the access results that refused something. */
export interface JobResult {
  readonly readings: readonly Reading[]
  readonly dars: readonly number[]
  /** Asking for less at a time may bring more. */
  readonly maySplit: boolean
}

/** Weighs an answer against what was asked: objects and columns must be those, in the request's order. */
export function jobResult(job: Job, content: Content, frame: Uint8Array): JobResult {
  const result = job.kind === 'values' ? valuesResult(job.entries, content, frame) : recordResult(job, content, frame)
  return result.ok ? result.value : failedJob(job, invalidRead(result.error, frame), [], true)
}

/** A job that brought nothing, for one reason. */
export function failedJob(job: Job, error: ReadError, dars: readonly number[], maySplit: boolean): JobResult {
  return { readings: job.entries.map(() => ({ ok: false, error })), dars, maySplit }
}

function valuesResult(entries: readonly ValueEntry[], content: Content, frame: Uint8Array): Result<JobResult, InputError> {
  if (content.kind !== 'objects') return unexpected('values of objects, found a record')
  const { results } = content
  if (results.length !== entries.length) return unexpected(`${entries.length} objects, found ${results.length}`)
  const readings: Reading[] = []
  const dars: number[] = []
  for (const [index, { oad }] of entries.entries()) {
    const found = results[index]
    if (found?.oad !== oad) return unexpected(`object ${oad}, found ${found?.oad}`)
    if (found.result.kind === 'dar') {
      dars.push(found.result.dar)
      readings.push({ ok: false, error: refusedRead(found.result.dar, frame) })
    } else {
      const values = valuesOf(found.result.data, oad)
      readings.push(values.ok ? plainReading(values.value) : { ok: false, error: invalidRead(values.error, frame) })
    }
  }
  // The same refusal for everything is meant for the list, unless the objects themselves are not there.
  const [first] = dars
  const maySplit =
    first !== undefined && dars.length === entries.length && dars.every((dar) => dar === first) && !isAbsentObject(first)
  return ok({ readings, dars, maySplit })
}

type RecordJob = Job & { readonly kind: 'record' }

function recordResult(job: RecordJob, content: Content, frame: Uint8Array): Result<JobResult, InputError> {
  if (content.kind !== 'records') return unexpected('a record, found values of objects')
  const table = tableOf(job.oad, content.records)
  if (!table.ok) return table
  if (table.value.kind === 'dar') {
    const { dar } = table.value
    return ok(failedJob(job, refusedRead(dar, frame), [dar], true))
  }
  const { columns, rows } = table.value
  const dated = datedRows(rows, columns.indexOf(timeColumnOf(job.oad)), job.rows)
  if (!dated.ok) return dated
  const readings = job.entries.map((entry) => {
    const reading = entryReading(entry, columns, dated.value, job.rows)
    return reading.ok ? reading.value : ({ ok: false, error: invalidRead(reading.error, frame) } as const)
  })
  return ok({ readings, dars: [], maySplit: false })
}

type Table =
  | { readonly kind: 'dar'; readonly dar: number }
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly Data[])[] }

/** The rows of all blocks of an answer as one table. */
function tableOf(oad: string, records: readonly RecordResult[]): Result<Table, InputError> {
  const [first] = records
  if (first === undefined) return unexpected('a record, found none')
  const columns = first.columns.map(columnText)
  const rows: (readonly Data[])[] = []
  for (const { oad: found, columns: own, result } of records) {
    if (found !== oad) return unexpected(`record ${oad}, found ${found}`)
    if (own.map(columnText).join() !== columns.join()) return unexpected('the same columns in each block')
    if (result.kind === 'dar') return ok(result)
    rows.push(...result.rows)
  }
  return ok({ kind: 'rows', columns, rows })
}

interface DatedRow {
  readonly at: LoadRecord['at']
  readonly row: readonly Data[]
}

/** Rows with their time, the oldest first. A row without a time does not exist; one whose time is none is refused. */
function datedRows(rows: readonly (readonly Data[])[], timeAt: number, wanted: Rows): Result<readonly DatedRow[], InputError> {
  if (timeAt < 0) return unexpected('the column that dates the rows, found none')
  const dated: DatedRow[] = []
  for (const row of rows) {
    const time = row[timeAt]
    if (time === undefined || time.type === 'null') continue
    if (time.type !== 'date_time_s') return unexpected(`a time in each row, found ${time.type}`)
    const text = timeText(time.type, time.hex)
    if (text?.text === null) continue
    const at = readMoment(time.hex)
    if (at === null) return fail({ code: 'bad-time', at: 'row', message: 'what dates a row is no time' })
    dated.push({ at, row })
  }
  const sorted = dated
    .map((entry) => ({ ...entry, text: momentText(entry.at) }))
    .sort((a, b) => Number(a.text > b.text) - Number(a.text < b.text))
  const first = wanted.kind === 'from' ? momentText(wanted.from) : ''
  return ok(sorted.filter(({ text }) => text >= first))
}

function entryReading(
  { columns: asked }: RecordEntry,
  columns: readonly string[],
  rows: readonly DatedRow[],
  wanted: Rows,
): Result<Reading, InputError> {
  const places = asked.map((column) => ({ column, at: columns.indexOf(column) }))
  const missing = places.find(({ at }) => at < 0)
  if (missing !== undefined) return unexpected(`column ${missing.column}, found none`)
  const valuesAt = (row: readonly Data[] | undefined): Result<readonly RegisterValue[], InputError> => {
    const values: RegisterValue[] = []
    for (const { column, at } of places) {
      const decoded = valuesOf(row?.[at] ?? { type: 'null' }, column)
      if (!decoded.ok) return decoded
      values.push(...decoded.value)
    }
    return ok(values)
  }
  if (wanted.kind === 'nth') {
    const values = valuesAt(rows[rows.length - wanted.nth]?.row)
    return values.ok ? ok(plainReading(values.value)) : values
  }
  const records: LoadRecord[] = []
  for (const { at, row } of wanted.kind === 'last' ? rows.slice(-wanted.count) : rows.slice(0, wanted.count)) {
    const values = valuesAt(row)
    if (!values.ok) return values
    records.push({ at, values: values.value })
  }
  return ok({ ok: true, values: [], records })
}

function valuesOf(data: Data, oad: string): Result<readonly RegisterValue[], InputError> {
  const leaves = leavesOf(data, shapeOf(oad))
  return leaves.ok ? ok(leaves.value.map(registerValue)) : fail({ ...leaves.error, at: oad })
}

const plainReading = (values: readonly RegisterValue[]): Reading => ({ ok: true, values, records: [] })

const unexpected = (what: string) => fail({ code: 'unexpected', at: 'answer', message: `expected ${what}` })
