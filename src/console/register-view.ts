import { formatDecimal } from '../model/index.js'
import type { RegisterValue } from '../model/index.js'
import type { ReadOutcome } from '../ports/index.js'
import type { RegisterView } from './views.js'

/** A register's outcome as `read` and `probe` show it. */
export function registerView(outcome: ReadOutcome): RegisterView {
  if (outcome.ok) return { register: outcome.register, values: outcome.values.map(valueOf), error: null }
  const { code, errors, message } = outcome.error
  return { register: outcome.register, values: [], error: { code, bits: errors, message } }
}

/** A register's value as text, the way all commands print it; null: the meter says "not available". */
export function valueOf(value: RegisterValue): RegisterView['values'][number] {
  const unit = value.unit === '' ? null : value.unit
  switch (value.kind) {
    case 'number':
      return { value: value.int === null ? null : formatDecimal(value.int, value.exponent), unit }
    case 'text':
      return { value: value.text, unit }
    case 'bits':
      return { value: value.hex, unit }
  }
}

/** One line for each register, names aligned. */
export function registerLines(reads: readonly RegisterView[]): readonly string[] {
  const width = Math.max(0, ...reads.map(({ register }) => register.length))
  return reads.map(({ register, values, error }) => {
    const shown = values.map(({ value, unit }) => `${value ?? 'not available'}${unit === null ? '' : ` ${unit}`}`).join(', ')
    return `${register.padEnd(width)}  ${error === null ? shown : `${error.code}: ${error.message}`}`
  })
}
