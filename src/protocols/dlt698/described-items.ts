import type { InputError } from '../../model/index.js'
import type { Apdu } from './apdu.js'
import type { GetResult, ObjectResult, RecordResult } from './apdu-forms.js'
import { darName, darOk } from './dar.js'
import type { Data } from './data.js'
import { shapeOf } from './register-table.js'
import { columnText, leavesOf, leafText } from './values.js'

/** A value as people read it: decimal text, a date, a text, hexadecimal digits; null: the meter has none. */
export interface DescribedValue {
  readonly value: string | null
  /** null: the value has none. */
  readonly unit: string | null
  /** Its type on the wire, as the facts page names it: `uint32`, `date_time_s`. */
  readonly type: string
}

/** One object of a request or an answer, or one column of one row of a record. */
export interface DescribedItem {
  /** OAD or OMD, eight hexadecimal digits. */
  readonly oad: string
  readonly values: readonly DescribedValue[]
  /** The access result by name, or why the values cannot be shown. */
  readonly error?: string
  /** The record whose column this is, and its row, 0 the first. */
  readonly record?: string
  readonly row?: number
}

/** What an application data unit says of objects. */
export function itemsOf(apdu: Apdu): readonly DescribedItem[] {
  switch (apdu.kind) {
    case 'get-one':
      return [named(apdu.oad)]
    case 'get-list':
    case 'confirm-list':
    case 'confirm-records':
      return apdu.list.map(named)
    case 'get-record':
      return recordQuery(apdu)
    case 'get-record-list':
      return apdu.list.flatMap(recordQuery)
    case 'got-one':
      return [objectItem(apdu)]
    case 'got-list':
    case 'report-list':
      return apdu.list.map(objectItem)
    case 'got-record':
      return recordItems(apdu.record)
    case 'got-record-list':
    case 'report-records':
      return apdu.list.flatMap(recordItems)
    case 'got-next':
      return blockItems(apdu.content)
    case 'set-one':
      return [valueItem(apdu.oad, apdu.data)]
    case 'set-list':
      return apdu.list.map(({ oad, data }) => valueItem(oad, data))
    case 'set-then-get':
      return apdu.list.flatMap(({ oad, data, get }) => [valueItem(oad, data), named(get)])
    case 'set-one-done':
      return [doneItem(apdu.oad, apdu.dar)]
    case 'set-list-done':
      return apdu.list.map(({ oad, dar }) => doneItem(oad, dar))
    case 'set-then-got':
      return apdu.list.flatMap(({ oad, dar, got }) => [doneItem(oad, dar), objectItem(got)])
    case 'act-one':
      return [valueItem(apdu.omd, apdu.data)]
    case 'act-list':
      return apdu.list.map(({ omd, data }) => valueItem(omd, data))
    case 'act-then-get':
      return apdu.list.flatMap(({ omd, data, get }) => [valueItem(omd, data), named(get)])
    case 'act-one-done':
      return [doneItem(apdu.omd, apdu.dar, apdu.data)]
    case 'act-list-done':
      return apdu.list.map(({ omd, dar, data }) => doneItem(omd, dar, data))
    case 'act-then-got':
      return apdu.list.flatMap(({ omd, dar, data, got }) => [doneItem(omd, dar, data), objectItem(got)])
    case 'report-transparent':
      return [{ oad: apdu.port, values: [{ value: apdu.bytes, unit: null, type: 'octet-string' }] }]
    case 'link-request':
    case 'link-response':
    case 'connect-request':
    case 'connect-response':
    case 'release-request':
    case 'release-response':
    case 'release-notification':
    case 'get-next':
    case 'confirm-transparent':
    case 'proxy-request':
    case 'proxy-response':
    case 'secured-request':
    case 'secured-response':
    case 'error-request':
    case 'error-response':
      return []
  }
}

/** What an answer reports beside what was asked. */
export function followItems(apdu: Apdu): readonly DescribedItem[] {
  if (!('follow' in apdu)) return []
  const { follow } = apdu
  if (follow.kind === 'objects') return follow.results.map(objectItem)
  return follow.kind === 'records' ? follow.records.flatMap(recordItems) : []
}

/** The first access result that is not 0, of the whole answer or of one of its objects. */
export function refusalOf(
  apdu: Apdu,
  items: readonly DescribedItem[],
): (InputError & { readonly bits: readonly string[] }) | null {
  const block = apdu.kind === 'got-next' && apdu.content.kind === 'dar' ? darName(apdu.content.dar) : null
  const item = items.find(({ error }) => error !== undefined)
  const name = block ?? item?.error
  if (name === undefined) return null
  return { code: 'refused', at: item?.oad ?? 'apdu', message: `the meter refused: ${name}`, bits: [name] }
}

const named = (oad: string): DescribedItem => ({ oad, values: [] })

/** Passwords are never shown: that of object 4401, and that of method 131 of the relay. */
function isSecret(oad: string): boolean {
  return oad.startsWith('4401') || oad.startsWith('800083')
}

function valueItem(oad: string, data: Data): DescribedItem {
  if (isSecret(oad)) return named(oad)
  const leaves = leavesOf(data, shapeOf(oad))
  if (!leaves.ok) return { oad, values: [], error: leaves.error.code }
  const values = leaves.value.map((leaf) => {
    const unit = 'unit' in leaf && leaf.unit !== '' ? leaf.unit : null
    return { value: leafText(leaf), unit, type: leaf.type }
  })
  return { oad, values }
}

function objectItem({ oad, result }: Pick<ObjectResult, 'oad'> & { readonly result: GetResult }): DescribedItem {
  return result.kind === 'data' ? valueItem(oad, result.data) : { oad, values: [], error: darName(result.dar) }
}

function doneItem(oad: string, dar: number, data: Data | null = null): DescribedItem {
  const item = data === null ? named(oad) : valueItem(oad, data)
  return dar === darOk ? item : { ...item, values: [], error: darName(dar) }
}

const recordQuery = ({ oad, columns }: Pick<RecordResult, 'oad' | 'columns'>): readonly DescribedItem[] => [
  named(oad),
  ...columns.map((column) => ({ oad: columnOad(column), values: [], record: oad })),
]

/** One item for each column of each row; columns alone where there are no rows. */
function recordItems({ oad: record, columns, result }: RecordResult): readonly DescribedItem[] {
  if (result.kind === 'dar') return [{ oad: record, values: [], error: darName(result.dar) }]
  if (result.rows.length === 0) return columns.map((column) => ({ oad: columnOad(column), values: [], record }))
  return result.rows.flatMap((row, index) =>
    columns.flatMap((column, place) =>
      row.slice(place, place + 1).map((data) => ({ ...valueItem(columnOad(column), data), record, row: index })),
    ),
  )
}

const columnOad = (column: RecordResult['columns'][number]): string => columnText(column).slice(0, 8)

function blockItems(content: (Apdu & { readonly kind: 'got-next' })['content']): readonly DescribedItem[] {
  switch (content.kind) {
    case 'dar':
      return []
    case 'objects':
      return content.results.map(objectItem)
    case 'records':
      return content.records.flatMap(recordItems)
  }
}
