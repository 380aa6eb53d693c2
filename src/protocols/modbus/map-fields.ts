import type { InputError } from '../../model/index.js'

/** A mapping of a document that is being read, and where what is wrong with it is noted. */
export interface Section {
  readonly fields: ReadonlyMap<string, unknown>
  /** Notes what is wrong with a field; '' is the mapping itself. */
  note(key: string, code: string, message: string): void
}

/**
 * A mapping with these keys alone. What is none, and unknown keys, are noted.
 *
 * @param at where it stands: `registers[2]`, or '' for the document
 */
export function openSection(value: unknown, at: string, known: readonly string[], problems: InputError[]): Section | null {
  const place = (key: string) => (key === '' ? at || '(top)' : at === '' ? key : `${at}.${key}`)
  const note = (key: string, code: string, message: string) => void problems.push({ code, at: place(key), message })
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    note('', 'bad-value', `expected a mapping with ${known.join(', ')}`)
    return null
  }
  const fields = new Map<string, unknown>(Object.entries(value))
  for (const key of fields.keys()) {
    if (!known.includes(key)) note(key, 'unknown-key', `is not known here; known are ${known.join(', ')}`)
  }
  return { fields, note }
}

/** A field that `read` takes; what it does not take is noted as not what was `expected`. Absent: `absent`, or missing when that is undefined. */
export function field<T>(section: Section, key: string, absent: T | undefined, reading: Reading<T>): T | null {
  const value = section.fields.get(key)
  if (value === undefined && absent !== undefined) return absent
  const read = value === undefined ? null : reading.read(value)
  if (read === null) {
    const isMissing = value === undefined
    section.note(key, isMissing ? 'missing' : 'bad-value', `${isMissing ? 'is missing: ' : ''}expected ${reading.expected}`)
  }
  return read
}

/** How a value is read: null when it is not what was expected. */
export interface Reading<T> {
  readonly expected: string
  readonly read: (value: unknown) => T | null
}

export const whole = (least: number, most: number): Reading<number> => ({
  expected: `a whole number from ${least} to ${most}`,
  read: (value) => (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most ? value : null),
})

export const textLike = (pattern: RegExp, expected: string): Reading<string> => ({
  expected,
  read: (value) => (typeof value === 'string' && pattern.test(value) ? value : null),
})

export const oneOf = <T extends string | number>(values: readonly T[]): Reading<T> => ({
  expected: `one of ${values.map((value) => (value === '' ? '""' : value)).join(', ')}`,
  read: (value) => values.find((each) => each === value) ?? null,
})

export const listOf = <T>(each: Reading<T>, most: number): Reading<readonly T[]> => ({
  expected: `a list of at most ${most}, each ${each.expected}`,
  read: (value) => {
    if (!Array.isArray(value) || value.length > most) return null
    const read = value.map((element: unknown) => each.read(element))
    const good = read.filter((element) => element !== null)
    return good.length === read.length ? good : null
  },
})
