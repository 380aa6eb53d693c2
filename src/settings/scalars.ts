import { z } from 'zod'
import { idPattern, topicIdPattern } from '../control/order-schema.js'
import { parseDecimal } from '../model/index.js'
import { unknownKey } from './problems.js'

/** A mapping with exactly these keys; an unknown one is refused and the known ones are named. */
export function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape)
  return z.strictObject(shape, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? unknownKey(known) : `expected a mapping with ${known.join(', ')}`),
  })
}

/** What a rule between values complains of: `path` leads on from the value that is checked. */
export interface Complaint {
  readonly path?: readonly (string | number)[]
  readonly message: string
}

/**
 * A schema with a rule between its values, which is asked only when each of them is right. (zod's own refinements are asked
 * also when an inner transform gave no value.)
 */
export function checked<Schema extends z.ZodType>(schema: Schema, rule: (value: z.output<Schema>) => readonly Complaint[]) {
  return schema.transform((value, context) => {
    for (const { path, message } of rule(value)) {
      context.addIssue({ code: 'custom', message, ...(path === undefined ? {} : { path: [...path] }) })
    }
    return value
  })
}

/** A list of at most `max` elements. */
export function list<Element extends z.ZodType>(element: Element, max: number, expected: string) {
  const error = `expected a list of ${expected} (at most ${max})`
  return z.array(element, { error }).max(max, { error })
}

/** Text that matches; `expected` says in words what was wanted. */
export function text(pattern: RegExp, expected: string) {
  const error = `expected ${expected}`
  return z.string({ error }).regex(pattern, { error })
}

/** A whole number between two bounds; `what` names it in the error. */
export function whole(min: number, max: number, what = 'a whole number') {
  const error = `expected ${what} from ${min} to ${max}`
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** One of a few words. */
export function oneOf<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: `expected one of ${values.join(', ')}` })
}

export const flag = z.boolean({ error: 'expected true or false' })

export const idText = text(idPattern, 'an id: letters, digits and . _ : - , at most 64, in quotes if it is all digits')
export const topicIdText = text(topicIdPattern, 'an id that can stand in a topic: letters, digits, _ and -, at most 64')
/** Free words of a person: a box, a place. */
export const remark = text(/^[^\p{Cc}]{0,64}$/u, 'text of at most 64 characters')
export const pathText = text(/^[^\0]{1,4096}$/, 'a path')

/**
 * Decimal text as an integer of 10^exponent, never negative. A bare number is refused: YAML and JSON would make it a
 * binary fraction first.
 */
export function decimalText(exponent: number, what: string) {
  const expected = `expected ${what} as decimal text in quotes with at most ${-exponent} decimals, such as "0.5583"`
  return z
    .string({ error: expected })
    .regex(/^\d{1,12}(\.\d+)?$/, { error: expected })
    .transform((value, context): bigint => {
      const parsed = parseDecimal(value, exponent)
      if (parsed !== null) return parsed
      context.addIssue({ code: 'custom', message: expected })
      return z.NEVER
    })
}

/** `08:30` as minutes after midnight. */
export const timeOfDay = text(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day in quotes such as "08:30"').transform(
  (value) => Number(value.slice(0, 2)) * 60 + Number(value.slice(3)),
)

/** A date that exists, `2026-05-01`; it stays text. */
export const dateText = text(/^\d{4}-\d\d-\d\d$/, 'a date such as 2026-05-01').refine(exists, {
  error: 'expected a date that exists',
})

/** A day of any year, `05-01`. */
export const monthDay = text(/^\d\d-\d\d$/, 'month and day in quotes such as "05-01"')
  .refine((value) => exists(`2024-${value}`), { error: 'expected a day that exists' })
  .transform((value) => ({ month: Number(value.slice(0, 2)), day: Number(value.slice(3)) }))

export const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
/** Days of the week by their first three letters; inside 0 = Sunday … 6. */
export const weekdayList = list(
  oneOf(weekdays).transform((name) => weekdays.indexOf(name)),
  7,
  'days of the week',
)

/** `+08:00` as minutes east of UTC. */
export const utcOffset = text(/^[+-](0\d|1[0-4]):[0-5]\d$/, 'an offset from UTC in quotes such as "+08:00"').transform(
  (value) => {
    const minutes = Number(value.slice(1, 3)) * 60 + Number(value.slice(4))
    return value.startsWith('-') ? 0 - minutes : minutes
  },
)

function exists(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`)
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date)
}
