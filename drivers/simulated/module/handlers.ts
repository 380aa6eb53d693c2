import type { DownUnit } from '../../../src/protocols/gdw1376/index.js'

/** What is done about what a concentrator says, by the names of units; a name that is missing is not known here. */
export type Handlers<Parts, Result> = {
  readonly [N in DownUnit['name']]?: (parts: Parts, unit: Extract<DownUnit, { readonly name: N }>) => Result
}

/** @returns what the unit's handler says; null: there is none */
export function handle<Parts, Result>(handlers: Handlers<Parts, Result>, parts: Parts, unit: DownUnit): Result | null {
  // Each handler takes the unit of its own name: the compiler cannot see that the two belong together.
  const handler = handlers[unit.name] as ((parts: Parts, unit: DownUnit) => Result) | undefined
  return handler === undefined ? null : handler(parts, unit)
}
