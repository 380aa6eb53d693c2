import { fail, formatDecimal, ok } from '../../model/index.js'
import type { InputError, RegisterValue, Result } from '../../model/index.js'
import { bytesOf, hexNumber } from '../wire/bytes.js'
import type { BlockType, Data } from './data.js'
import { readingUnit, type Shape, type TableUnit } from './fields.js'
import { readerOf } from './reader.js'
import { columnForm, columnsForm, roadForm, type Column } from './selectors.js'
import { intervalText, timeText } from './times.js'

/** One value of an answer: as the table understands it, and the type it had on the wire. */
export type Leaf =
  /** An integer of the wire with its scaler; null: not given. */
  | {
      readonly kind: 'number'
      readonly int: bigint | null
      readonly exponent: number
      readonly unit: TableUnit
      readonly type: Data['type']
    }
  | { readonly kind: 'text'; readonly text: string | null; readonly unit: TableUnit; readonly type: Data['type'] }
  | { readonly kind: 'bits'; readonly hex: string; readonly names: readonly string[]; readonly type: 'bit-string' }

/**
 * The values in data, arrays and structures in one another laid out one after the other.
 *
 * Null is a legal value anywhere (facts §5.12): of a known structure it is a null for each field, so that places stay.
 *
 * @returns `bad-time` for a date that is none, `type-mismatch` where the table has a number and something else stands: never a wrong number
 */
export function leavesOf(data: Data, shape: Shape): Result<readonly Leaf[], InputError> {
  const leaves: Leaf[] = []
  const error = collect(data, shape, leaves)
  return error === null ? ok(leaves) : fail(error)
}

/** A value as readings have it; an integer beyond what a number holds exactly is decimal text. */
export function registerValue(leaf: Leaf): RegisterValue {
  switch (leaf.kind) {
    case 'bits':
      return { kind: 'bits', hex: leaf.hex, names: leaf.names, unit: '' }
    case 'text':
      return {
        kind: 'text',
        text: leaf.type === 'visible-string' ? trimmed(leaf.text) : leaf.text,
        unit: readingUnit(leaf.unit).unit,
      }
    case 'number': {
      const { unit, shift } = readingUnit(leaf.unit)
      const exponent = leaf.exponent + shift
      const int = leaf.int === null ? null : Number(leaf.int)
      if (leaf.int === null || Number.isSafeInteger(int)) return { kind: 'number', int, exponent, unit }
      return { kind: 'text', text: formatDecimal(leaf.int, exponent), unit }
    }
  }
}

/** A value for people: decimal text in the table's unit. */
export function leafText(leaf: Leaf): string | null {
  switch (leaf.kind) {
    case 'bits':
      return leaf.hex
    case 'text':
      return leaf.text
    case 'number':
      return leaf.int === null ? null : formatDecimal(leaf.int, leaf.exponent)
  }
}

function collect(data: Data, shape: Shape, leaves: Leaf[]): InputError | null {
  if (data.type === 'null') {
    leaves.push(...nullsOf(shape))
    return null
  }
  if (shape.kind === 'list' && data.type !== 'array') return collect(data, shape.of, leaves)
  if ('items' in data) return collectItems(data.items, shape, leaves)
  if (shape.kind === 'fields') return mismatch('a structure', data.type)
  if (shape.kind === 'number') return collectNumber(data, shape, leaves)
  if (data.type === 'bit-string') {
    leaves.push({ kind: 'bits', hex: data.hex, names: bitNames(data, shape.kind === 'bits' ? shape.names : []), type: data.type })
    return null
  }
  if ('value' in data && typeof data.value !== 'boolean') {
    leaves.push({ kind: 'number', int: BigInt(data.value), exponent: 0, unit: '', type: data.type })
    return null
  }
  const text = 'hex' in data ? blockText(data.type, data.hex) : { text: String(data.value) }
  if (text === null) return { code: 'bad-time', at: 'data', message: `what stands there is no ${data.type}` }
  leaves.push({ kind: 'text', text: text.text, unit: '', type: data.type })
  return null
}

function collectItems(items: readonly Data[], shape: Shape, leaves: Leaf[]): InputError | null {
  if (shape.kind === 'number') return mismatch('a number', 'an array or structure')
  const isOf = (index: number): Shape => {
    if (shape.kind === 'list') return shape.of
    // More fields than the table knows: what they are is not known.
    return (shape.kind === 'fields' ? shape.of[index] : undefined) ?? { kind: 'plain' }
  }
  for (const [index, item] of items.entries()) {
    const error = collect(item, isOf(index), leaves)
    if (error !== null) return error
  }
  return null
}

function collectNumber(data: Data, { exponent, unit }: Shape & { readonly kind: 'number' }, leaves: Leaf[]): InputError | null {
  if ('value' in data && typeof data.value !== 'boolean') {
    leaves.push({ kind: 'number', int: BigInt(data.value), exponent, unit, type: data.type })
    return null
  }
  // A float has its own scale, and no reading is one: it is handed on as text.
  if (data.type !== 'float32' && data.type !== 'float64') return mismatch('a number', data.type)
  leaves.push({ kind: 'text', text: floatText(data.type, data.hex), unit, type: data.type })
  return null
}

const mismatch = (expected: string, found: string): InputError => ({
  code: 'type-mismatch',
  at: 'data',
  message: `expected ${expected}, found ${found}`,
})

function nullsOf(shape: Shape): readonly Leaf[] {
  switch (shape.kind) {
    case 'number':
      return [{ kind: 'number', int: null, exponent: shape.exponent, unit: shape.unit, type: 'null' }]
    case 'fields':
      return shape.of.flatMap(nullsOf)
    case 'list':
      return nullsOf(shape.of)
    case 'bits':
    case 'plain':
      return [{ kind: 'text', text: null, unit: '', type: 'null' }]
  }
}

/** Names of the bits that are set, the first bit first; a bit without a name is `bit-n`. */
function bitNames({ bits, hex }: { readonly bits: number; readonly hex: string }, names: readonly string[]): readonly string[] {
  const bytes = bytesOf(hex)
  const found: string[] = []
  for (let bit = 0; bit < bits; bit += 1) {
    if (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) found.push(names[bit] || `bit-${bit}`)
  }
  return found
}

/** The text of a block; null: it is no date or time. */
function blockText(type: BlockType, hex: string): { readonly text: string | null } | null {
  switch (type) {
    case 'date_time':
    case 'date':
    case 'time':
    case 'date_time_s':
      return timeText(type, hex)
    case 'visible-string':
      return { text: escaped(String.fromCharCode(...bytesOf(hex)), 0x7e) }
    case 'utf8-string':
      return { text: escaped(new TextDecoder().decode(bytesOf(hex)), 0x10ffff) }
    case 'float32':
    case 'float64':
      return { text: floatText(type, hex) }
    case 'TI':
      return { text: intervalText(hex) }
    case 'TSA':
      // Flags, then the address with its high byte first, unlike SA (facts §2.3).
      return { text: hex.slice(2) }
    case 'ROAD':
      return { text: roadText(roadForm.read(readerOf(bytesOf(hex)))) }
    case 'CSD':
      return { text: columnText(columnForm.read(readerOf(bytesOf(hex)))) }
    case 'RCSD':
      return {
        text: columnsForm
          .read(readerOf(bytesOf(hex)))
          .map(columnText)
          .join(' '),
      }
    case 'octet-string':
    case 'OI':
    case 'OAD':
    case 'OMD':
    case 'MAC':
    case 'RN':
    case 'Region':
    case 'scaler-unit':
    case 'RSD':
    case 'MS':
    case 'SID':
    case 'SID_MAC':
    case 'COMDCB':
      return { text: hex }
  }
}

/** A column: its OAD, and for columns within a record those behind a colon. */
export function columnText(column: Column): string {
  return column.kind === 'OAD' ? column.oad : roadText(column)
}

const roadText = ({ oad, columns }: { readonly oad: string; readonly columns: readonly string[] }): string =>
  `${oad}:${columns.join(',')}`

/** NUL stays as it is; other control characters, which might move a terminal's cursor, and those above `last` become `\xNN`. */
function escaped(text: string, last: number): string {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0)
    const isShown = code === 0 || (code >= 0x20 && code < 0x7f) || (code > 0x9f && code <= last)
    return isShown ? character : `\\x${hexNumber(code, 2)}`
  }).join('')
}

/** Without the NUL and blanks that fill a string; null: nothing else stands in it. */
function trimmed(text: string | null): string | null {
  return text?.replace(/^[\0 ]+|[\0 ]+$/g, '') || null
}

function floatText(type: 'float32' | 'float64', hex: string): string | null {
  const view = new DataView(Uint8Array.from(bytesOf(hex)).buffer)
  const value = type === 'float32' ? view.getFloat32(0) : view.getFloat64(0)
  return Number.isFinite(value) ? String(value) : null
}
