import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { intervalUnits, type Interval } from './times.js'

/** An attribute that is read by GET, alone or in a list. */
export interface ValueRegister {
  readonly kind: 'value'
  readonly oad: string
}

/** Columns of a record object: a freeze, a curve, an event. */
export interface RecordRegister {
  readonly kind: 'record'
  readonly oad: string
  readonly columns: readonly string[]
  /** Distance of its rows; null: the notation does not say, see `periodOf`. */
  readonly period: Interval | null
  /** Of the last rows the nth, 1 the newest; null: rows as the request says. */
  readonly nth: number | null
}

/** Columns a record register may name; a longer list makes rows that fit no frame. */
export const columnsMax = 16

/**
 * Takes a register's notation apart:
 *
 *     00100200                          one attribute
 *     50040200:00100200,00200200        columns of a record
 *     50020200:00100201/15min           … whose rows stand 15 minutes apart
 *     50040200:00100200#01              … of the last row alone (two hexadecimal digits; 02 the one before)
 */
export function parseRegister(register: string): Result<ValueRegister | RecordRegister, InputError> {
  if (/^[0-9A-F]{8}$/i.test(register)) return ok({ kind: 'value', oad: register.toUpperCase() })
  const match = /^([0-9A-F]{8}):([0-9A-F]{8}(?:,[0-9A-F]{8})*)(?:\/(\d{1,5})(s|min|h|d|mon|y))?(?:#([0-9A-F]{2}))?$/i.exec(
    register,
  )
  if (match === null) return refuse(`expected eight hexadecimal digits (00100200), or a record and its columns (${example})`)
  const [, oad = '', columnText = '', count, unitText = '', nthText] = match
  const columns = columnText.toUpperCase().split(',')
  const unit = intervalUnits.find((name) => name === unitText.toLowerCase())
  const period = unit === undefined ? null : { count: Number(count), unit }
  const nth = nthText === undefined ? null : Number.parseInt(nthText, 16)
  if (columns.length > columnsMax) return refuse(`a record is asked for at most ${columnsMax} columns`)
  if (nth === 0) return refuse('the last row is #01')
  if (period?.count === 0) return refuse('rows stand at least one unit of time apart')
  return ok({ kind: 'record', oad: oad.toUpperCase(), columns, period, nth })
}

/** Whether text names a register. @returns it in upper case, units of time in lower */
export function checkRegister(register: string): Result<string, InputError> {
  const parsed = parseRegister(register)
  return parsed.ok ? ok(registerText(parsed.value)) : parsed
}

/** A register as it is written. */
export function registerText(register: ValueRegister | RecordRegister): string {
  if (register.kind === 'value') return register.oad
  const { oad, columns, period, nth } = register
  const every = period === null ? '' : `/${period.count}${period.unit}`
  const which = nth === null ? '' : `#${nth.toString(16).toUpperCase().padStart(2, '0')}`
  return `${oad}:${columns.join(',')}${every}${which}`
}

/** The distance of a record's rows: as the notation says, else as its kind of freeze has it; null: it has none. */
export function periodOf({ oad, period }: RecordRegister): Interval | null {
  return period ?? usualPeriods.get(oad.slice(0, 4)) ?? null
}

/** The column that dates a record's rows: the start of an event, the time of a freeze. */
export function timeColumnOf(oad: string): string {
  return oad.startsWith('3') ? '201E0200' : '20210200'
}

const example = '50040200:00100200,00200200/1d'

/** Facts §4.4. A minute freeze of 15 minutes is the usual curve. */
const usualPeriods: ReadonlyMap<string, Interval> = new Map([
  ['5002', { count: 15, unit: 'min' }],
  ['5003', { count: 1, unit: 'h' }],
  ['5004', { count: 1, unit: 'd' }],
  ['5006', { count: 1, unit: 'mon' }],
  ['5007', { count: 1, unit: 'y' }],
])

const refuse = (message: string) => fail({ code: 'bad-register', at: 'register', message })
