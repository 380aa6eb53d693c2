import { formatDecimal } from '../model/index.js'
import type { RegisterValue } from '../model/index.js'
import { wrapped } from './columns.js'
import type { ReadOutcome } from '../ports/index.js'
import type { RegisterView } from './views.js'

/** A register's outcome as `read` and `probe` show it. */
export function registerView(outcome: ReadOutcome): RegisterView {
  if (outcome.ok) return { register: outcome.register, values: outcome.values.map(valueOf), error: null }
  const { code, errors, message } = outcome.error
  return { register: outcome.register, values: [], error: { code, bits: errors, message } }
}

/** A register's value, the way all commands print it; null: the meter says "not available". */
export function valueOf(value: RegisterValue): RegisterView['values'][number] {
  const unit = value.unit === '' ? null : value.unit
  switch (value.kind) {
    case 'number':
      return { value: value.int === null ? null : formatDecimal(value.int, value.exponent), unit }
    case 'text':
      return { value: value.text, unit }
    case 'bits':
      return { value: value.hex, unit, bits: value.names }
  }
}

/** What `--json` prints of a register: names of bits are for eyes. */
export function registerData({ register, values, error }: RegisterView): RegisterView {
  return { register, values: values.map(({ bits: _bits, ...value }) => value), error }
}

/** ` (relay-open pre-trip-alarm)` behind a status word; nothing where it is none, or where none of its bits has a name. */
export function bitsText(word: string, bits: readonly string[] | undefined): string {
  if (bits === undefined) return ''
  if (bits.length > 0) return ` (${bits.join(' ')})`
  return /^0+$/.test(word) ? ' (no bit set)' : ''
}

/** Each register with its values, names aligned. */
export function registerLines(reads: readonly RegisterView[]): readonly string[] {
  const width = Math.max(0, ...reads.map(({ register }) => register.length))
  return reads.flatMap(({ register, values, error }) => {
    const text = error === null ? values.map(valueText).join(', ') : `${error.code}: ${error.message}`
    return wrapped(`${register.padEnd(width)}  `, text)
  })
}

const valueText = ({ name, value, unit, bits }: RegisterView['values'][number]): string =>
  `${name === undefined ? '' : `${name} `}${value ?? 'not available'}${unit === null ? '' : ` ${unit}`}${bitsText(value ?? '', bits)}`
