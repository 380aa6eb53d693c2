import { fail, ok } from '../../model/index.js'
import type { InputError, Result } from '../../model/index.js'
import { bytesLeft, complain, cursorOver } from './cursor.js'
import type { Entry } from './entry.js'
import type { Layout } from './layouts.js'
import { acknowledgements, forwards, moduleQuestions, reports, transfers } from './units-forward.js'
import { controls, initialisations, queries, tests } from './units-local.js'
import { routeControls, routeQueries, routeSettings } from './units-route.js'

/** Every function the sources describe, by name. Down and up of one function bear the same name. */
export const catalogue = {
  ...acknowledgements,
  ...initialisations,
  ...queries,
  ...tests,
  ...controls,
  ...reports,
  ...routeQueries,
  ...routeSettings,
  ...routeControls,
  ...forwards,
  ...moduleQuestions,
  ...transfers,
}

export type Catalogue = typeof catalogue
export type UnitName = keyof Catalogue
export type Direction = 'down' | 'up'

/** A function of a maker, or of an edition that is not known: its data as they are. */
export interface UnknownUnit {
  readonly name: 'unknown'
  readonly afn: number
  readonly fn: number
  readonly data: Uint8Array
}

type Known<D extends Direction> = {
  readonly [N in UnitName]: Catalogue[N][D] extends Layout<infer T> ? { readonly name: N } & T : never
}[UnitName]

/** What a concentrator says to its module. */
export type DownUnit = Known<'down'> | UnknownUnit
/** What a module says. */
export type UpUnit = Known<'up'> | UnknownUnit

/** AFN, Fn and data of a unit. */
export interface UnitBytes {
  readonly afn: number
  readonly fn: number
  readonly data: Uint8Array
}

/** The row of a unit; null: the catalogue has none. */
export function entryOf(unit: DownUnit | UpUnit): Entry | null {
  return unit.name === 'unknown' ? null : catalogue[unit.name]
}

/** AFN and Fn of a unit. */
export function codeOf(unit: DownUnit | UpUnit): { readonly afn: number; readonly fn: number } {
  const { afn, fn } = unit.name === 'unknown' ? unit : catalogue[unit.name]
  return { afn, fn }
}

/**
 * AFN, Fn and data of what one side says.
 *
 * @throws RangeError for a value that no frame can carry, and a unit that does not exist in this direction
 */
export function writeUnit(direction: 'down', unit: DownUnit): UnitBytes
/** The same for the module. */
export function writeUnit(direction: 'up', unit: UpUnit): UnitBytes
/** What stands behind both. */
export function writeUnit(direction: Direction, unit: DownUnit | UpUnit): UnitBytes {
  if (unit.name === 'unknown') return { afn: unit.afn, fn: unit.fn, data: unit.data }
  const { afn, fn, ...layouts }: Entry = catalogue[unit.name]
  const layout = layouts[direction]
  if (layout === null) throw new RangeError(`there is no ${unit.name} ${direction}`)
  return { afn, fn, data: layout.write(unit) }
}

/**
 * Reads a data unit; all of its bytes must be accounted for.
 *
 * @returns the unit (`unknown` when the catalogue has none in this direction), or `short-data`, `long-data`, `bad-length`, `bad-value`, `bad-digit`
 * @param dataAt where the data begin, for the place in an error
 */
export function readUnit(direction: 'down', bytes: UnitBytes, dataAt: number): Result<DownUnit, InputError>
/** The same for the module. */
export function readUnit(direction: 'up', bytes: UnitBytes, dataAt: number): Result<UpUnit, InputError>
/** What stands behind both. */
export function readUnit(direction: Direction, { afn, fn, data }: UnitBytes, dataAt: number): Result<object, InputError> {
  const found = named.get(256 * fn + afn)
  const layout = found?.entry[direction] ?? null
  if (found === undefined || layout === null) return ok({ name: 'unknown', afn, fn, data })
  const cursor = cursorOver(data)
  const value = layout.read(cursor)
  const left = bytesLeft(cursor)
  if (left > 0) complain(cursor, { code: 'long-data', message: `${left} bytes stand behind the data of ${found.name}` })
  if (cursor.fault === null) return ok({ name: found.name, ...value })
  const { code, offset, message } = cursor.fault
  return fail({ code, at: `byte ${dataAt + offset}`, message })
}

const named: ReadonlyMap<number, { readonly name: string; readonly entry: Entry }> = new Map(
  Object.entries(catalogue).map(([name, entry]) => [256 * entry.fn + entry.afn, { name, entry }]),
)
