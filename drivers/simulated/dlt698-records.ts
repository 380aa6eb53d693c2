import { readMoment, type Column, type Data, type Selector } from '../../src/protocols/dlt698/index.js'
import { energyData, momentData, momentOf } from './dlt698-attributes.js'
import { displayMs } from './freeze-registers.js'
import type { RecordRing } from './history.js'
import type { Energies } from './meter-view.js'
import type { MeterBody } from './speaker.js'

/** What is asked of a record object. */
export interface RecordQuery {
  readonly oad: string
  readonly selector: Selector
  readonly columns: readonly Column[]
}

/** One row that is kept: its time, and what its columns are taken from. */
interface Row {
  /** Display time, ms. */
  readonly at: number
  readonly energies: Energies
  /** Power at that time; null: not kept. */
  readonly power: { readonly watts: number; readonly vars: number } | null
}

/**
 * Rows of a freeze (facts §4.4), the oldest first; null stands where a column was not kept.
 *
 * @returns `absent`: this meter keeps no such record; `bad-selector`: a selector that is for terminals, or makes no sense
 */
export function recordRows(body: MeterBody, query: RecordQuery): readonly (readonly Data[])[] | 'absent' | 'bad-selector' {
  const kept = keptRows(body, query.oad)
  if (kept === null) return 'absent'
  const rows = selected(kept, query.selector)
  if (rows === null) return 'bad-selector'
  return rows.map(({ row, number }) => query.columns.map((column) => columnOf(body, row, number, column)))
}

/** Rows that can be asked by number (1 the newest) and by time. */
interface Kept {
  readonly count: number
  last(number: number): Row | null
}

function keptRows({ physics }: MeterBody, oad: string): Kept | null {
  switch (oad.slice(0, 4)) {
    case '5000':
      return freezeRows(physics.commanded)
    case '5002':
      return {
        count: physics.profile.count,
        last: (number) => {
          const record = physics.profile.at(physics.profile.count - number)
          if (record === null) return null
          const { at, forward, reverse, reactive, watts, vars } = record
          return { at, energies: totals(forward, reverse, reactive), power: { watts, vars } }
        },
      }
    case '5003':
      return {
        count: physics.hourly.count,
        last: (number) => {
          const record = physics.hourly.last(number)
          return record === null ? null : { at: record.at, energies: totals(record.forward, record.reverse, null), power: null }
        },
      }
    case '5004':
      return freezeRows(physics.daily)
    case '5005':
    case '5006':
      return freezeRows(physics.settlements)
    default:
      return null
  }
}

function freezeRows(ring: RecordRing<Energies & { readonly at: number; readonly watts: number; readonly vars: number }>): Kept {
  return {
    count: ring.count,
    last: (number) => {
      const record = ring.last(number)
      return record === null ? null : { at: record.at, energies: record, power: record }
    },
  }
}

/** Totals alone: curves and hours keep no tariffs. */
const totals = (forward: number, reverse: number, reactive: number | null): Energies => ({
  forward: [forward],
  reverse: [reverse],
  reactive: reactive === null ? [] : [reactive],
  demands: [],
})

interface Numbered {
  readonly row: Row
  readonly number: number
}

const timeColumn = '20210200'

/** Facts §2.2: 1, 2, 3 and 9 are for meters. Rows rise in time with falling number. */
function selected(kept: Kept, selector: Selector): readonly Numbered[] | null {
  switch (selector.kind) {
    case 'none':
      return rowsWithin(kept, 0, Number.POSITIVE_INFINITY)
    case 'last':
      return numbered(kept, Math.min(selector.count, kept.count), 1)
    case 'equal': {
      const at = momentIn(selector.value)
      return selector.oad !== timeColumn || at === null ? null : rowsWithin(kept, at, at + 1)
    }
    case 'range':
      return rangeOf(kept, selector)
    case 'ranges': {
      const parts = selector.ranges.map((range) => rangeOf(kept, range))
      const whole = parts.filter((part) => part !== null)
      return whole.length === parts.length ? whole.flat() : null
    }
    case 'started':
    case 'stored':
    case 'startedWithin':
    case 'storedWithin':
    case 'succeededWithin':
    case 'lastOf':
      return null
  }
}

type Range = Pick<Extract<Selector, { readonly kind: 'range' }>, 'oad' | 'from' | 'to' | 'interval'>

function rangeOf(kept: Kept, { oad, from, to, interval }: Range): readonly Numbered[] | null {
  const [first, end] = [momentIn(from), momentIn(to)]
  if (oad !== timeColumn || first === null || end === null) return null
  const rows = rowsWithin(kept, first, end)
  const stepMs = stepOf(interval)
  return stepMs === null ? rows : rows.filter(({ row }) => (row.at - first) % stepMs === 0)
}

const stepUnitsMs = [1_000, 60_000, 3_600_000, 86_400_000]

/** Months and years have no fixed length: every row is given. */
function stepOf(interval: Data): number | null {
  if (interval.type !== 'TI') return null
  const unit = stepUnitsMs[Number.parseInt(interval.hex.slice(0, 2), 16)]
  const count = Number.parseInt(interval.hex.slice(2), 16)
  return unit === undefined || count === 0 ? null : unit * count
}

function rowsWithin(kept: Kept, from: number, end: number): readonly Numbered[] {
  // The oldest row that is late enough: rows are numbered from the newest one.
  let [low, high] = [0, kept.count]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((kept.last(middle)?.at ?? Number.NEGATIVE_INFINITY) >= from) low = middle
    else high = middle - 1
  }
  return numbered(kept, low, 1).filter(({ row }) => row.at < end)
}

/** Rows from number `oldest` down to number `newest`. */
function numbered(kept: Kept, oldest: number, newest: number): readonly Numbered[] {
  const rows: Numbered[] = []
  for (let number = oldest; number >= newest; number--) {
    const row = kept.last(number)
    if (row !== null) rows.push({ row, number })
  }
  return rows
}

function momentIn(data: Data): number | null {
  const time = data.type === 'date_time_s' ? readMoment(data.hex) : null
  return time === null ? null : displayMs(time)
}

function columnOf(body: MeterBody, row: Row, number: number, column: Column): Data {
  if (column.kind !== 'OAD') return { type: 'null' }
  if (column.oad === timeColumn) return momentOf(row.at)
  if (column.oad === '20230200') return { type: 'uint32', value: number }
  const { power } = row
  const flowing = power === null ? null : momentData(body, { localMs: row.at, ...power }, column.oad)
  const energy = isEmpty(row.energies, column.oad) ? null : energyData(row.energies, column.oad)
  return energy ?? flowing ?? { type: 'null' }
}

/** Whether a kind of energy was not kept at all: an empty array would say something else. */
function isEmpty(energies: Energies, oad: string): boolean {
  const all = energyData(energies, `${oad.slice(0, 6)}00`)
  return all?.type === 'array' && all.items.length === 0
}
