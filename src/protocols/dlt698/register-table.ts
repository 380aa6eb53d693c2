import type { ObjectEntry, Shape } from './fields.js'
import { registers } from './registers.js'
import { statusWordShapes } from './registers-variables.js'

/** The entry that describes an attribute, by its OAD of eight hexadecimal digits; null: the table does not know it. */
export function findObject(oad: string): ObjectEntry | null {
  return entries.get(keyOf(oad.slice(0, 4), attributeOf(oad))) ?? null
}

/** What the data of an OAD mean. An attribute of the table that is asked by element gives one of its elements. */
export function shapeOf(oad: string): Shape {
  const found = findObject(oad)
  if (found === null) return { kind: 'plain' }
  const element = Number.parseInt(oad.slice(6, 8), 16)
  if (element === 0) return found.shape
  if (found.shape.kind === 'fields') return found.shape.of[element - 1] ?? { kind: 'plain' }
  return (found.ois.includes(runningStatus) ? statusWordShapes[element - 1] : undefined) ?? found.shape
}

const runningStatus = '2014'

/** The snapshot bits D7–5 say when an event record took the value, not which value it is (facts §2.1). */
const attributeOf = (oad: string): number => Number.parseInt(oad.slice(4, 6), 16) & 0x1f

const keyOf = (oi: string, attribute: number): string => `${oi.toUpperCase()}.${attribute}`

const entries: ReadonlyMap<string, ObjectEntry> = new Map(
  registers.flatMap((entry) => entry.ois.map((oi) => [keyOf(oi, entry.attribute), entry] as const)),
)
