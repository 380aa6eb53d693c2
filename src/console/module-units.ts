import { fail, ok, type InputError, type Result } from '../model/index.js'
import { catalogue, codeOf, type DownUnit, type UpUnit } from '../protocols/gdw1376/index.js'
import type { RegisterView } from './views.js'

/** A unit of the module as `probe --read` names it. */
export interface ModuleRegister {
  /** AFN in two hexadecimal digits, F, and the number: `03F10`. */
  readonly register: string
  readonly unit: DownUnit
}

/** Nodes of a list: a few show what there is. */
const pageNodes = 10
const page = { start: 1, count: pageNodes }

/** What only looks, with the arguments that are asked for where it takes any. */
const queries: readonly DownUnit[] = [
  { name: 'vendor-version' },
  { name: 'noise' },
  { name: 'neighbours', ...page },
  { name: 'main-node' },
  { name: 'module-status' },
  { name: 'monitor-timeout' },
  { name: 'radio-parameters' },
  { name: 'run-mode' },
  { name: 'supported-functions', ofAfn: 0x03 },
  { name: 'module-id' },
  { name: 'band' },
  { name: 'radio-options' },
  { name: 'node-count' },
  { name: 'nodes', ...page },
  { name: 'run-state' },
  { name: 'unread-nodes', ...page },
  { name: 'registered-nodes', ...page },
  { name: 'node-module-ids', ...page },
  { name: 'network-scale' },
  { name: 'topology', ...page },
  { name: 'phases', ...page },
  { name: 'radio-network-scale' },
  { name: 'radio-nodes', ...page },
  { name: 'node-signals', ...page },
  { name: 'neighbour-networks' },
  { name: 'chips', ...page },
]

const hexByte = (byte: number): string => byte.toString(16).toUpperCase().padStart(2, '0')
const nameOf = ({ afn, fn }: { readonly afn: number; readonly fn: number }): string => `${hexByte(afn)}F${fn}`
const unitsByName: ReadonlyMap<string, DownUnit> = new Map(queries.map((unit) => [nameOf(codeOf(unit)), unit]))
const knownNames: ReadonlySet<string> = new Set(Object.values(catalogue).map(nameOf))
const queryAfns = ['03', '10']

/** Units that only look, for a help text and for errors. */
export const moduleRegisters: readonly string[] = [...unitsByName.keys()]

/**
 * The unit that a register names.
 *
 * @returns it, or `bad-register` (no such notation), `not-read-only` (it would change or occupy the module), `needs-argument` (a meter, a
 * frame or a duration, which nothing here gives), `unknown-register`
 */
export function checkModuleRegister(text: string): Result<ModuleRegister, InputError> {
  const [, afn, fn] = /^([0-9A-F]{2})F([1-9]\d{0,3})$/.exec(text.toUpperCase()) ?? []
  const refuse = (code: string, message: string) =>
    fail({ code, at: 'register', message: `${message}, got ${JSON.stringify(text)}` })
  if (afn === undefined || fn === undefined) {
    return refuse('bad-register', 'expected AFN in two hexadecimal digits, F and a number, such as 03F10')
  }
  const register = `${afn}F${fn}`
  const unit = unitsByName.get(register)
  if (unit !== undefined) return ok({ register, unit })
  if (!queryAfns.includes(afn)) {
    return refuse(
      'not-read-only',
      `expected a query (AFN 03 or 10), for AFN ${afn} would change or occupy the module or its network`,
    )
  }
  if (knownNames.has(register)) return refuse('needs-argument', `expected a query that needs no meter, frame or duration`)
  return refuse('unknown-register', `expected one of ${moduleRegisters.join(', ')}`)
}

type Values = RegisterView['values']

/** The fields of a unit in the order in which they travel; a list gives each element's, numbered from 0. */
export function unitValues({ name: _name, ...fields }: UpUnit): Values {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]) => valuesOf(name, value))
}

function valuesOf(name: string, value: unknown): Values {
  if (value instanceof Uint8Array) return [{ name, value: Buffer.from(value).toString('hex').toUpperCase(), unit: null }]
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => valuesOf(`${name}[${index}]`, item))
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([member, inner]: [string, unknown]) => valuesOf(`${name}.${member}`, inner))
  }
  return [{ name, value: value === null ? null : String(value), unit: unitOf(name) }]
}

/** Names of fields bear their unit. */
function unitOf(name: string): string | null {
  if (/[a-z](Seconds|S)$/.test(name)) return 's'
  return /[a-z]Min$/.test(name) ? 'min' : null
}
