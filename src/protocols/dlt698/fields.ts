import type { Unit } from '../../model/index.js'

/** Units of the object table; powers stand there in W, a reading's unit is the thousandfold (`readingUnit`). */
export type TableUnit = Unit | 'W' | 'var' | 'VA'

/** What the data of an attribute mean. */
export type Shape =
  /** The wire's integer × 10^exponent. */
  | { readonly kind: 'number'; readonly exponent: number; readonly unit: TableUnit }
  /** A word of bits; names of the bits, the first bit first, empty where a bit has none. */
  | { readonly kind: 'bits'; readonly names: readonly string[] }
  /** As many elements as the meter has: total and tariffs, phases. An attribute with an element number gives one of them. */
  | { readonly kind: 'list'; readonly of: Shape }
  /** A structure's fields in order. */
  | { readonly kind: 'fields'; readonly of: readonly Shape[] }
  /** What the type on the wire says, integers without a scaler. */
  | { readonly kind: 'plain' }

/** One attribute of one object, or of several that have it alike. */
export interface ObjectEntry {
  /** Object identifiers, four hexadecimal digits each. */
  readonly ois: readonly string[]
  readonly attribute: number
  readonly name: string
  readonly shape: Shape
}

/** A number with its decimal places as the table gives them (the scaler). */
export const number = (unit: TableUnit, exponent: number): Shape => ({ kind: 'number', exponent, unit })
export const bits = (...names: readonly string[]): Shape => ({ kind: 'bits', names })
export const list = (of: Shape): Shape => ({ kind: 'list', of })
export const fields = (...of: readonly Shape[]): Shape => ({ kind: 'fields', of })
export const plain: Shape = { kind: 'plain' }

/** A table unit as readings have it, and by how many places its exponent moves: 66056 × 10^−1 W is 66056 × 10^−4 kW. */
export function readingUnit(unit: TableUnit): { readonly unit: Unit; readonly shift: number } {
  switch (unit) {
    case 'W':
      return { unit: 'kW', shift: -3 }
    case 'var':
      return { unit: 'kvar', shift: -3 }
    case 'VA':
      return { unit: 'kVA', shift: -3 }
    case 'kWh':
    case 'kvarh':
    case 'kVAh':
    case 'kW':
    case 'kvar':
    case 'kVA':
    case 'V':
    case 'A':
    case 'Hz':
    case '%':
    case '°':
    case '°C':
    case 'min':
    case 's':
    case 'ms':
    case 'yuan':
    case 'yuan/kWh':
    case 'imp/kWh':
    case 'imp/kvarh':
    case 'Ah':
    case '':
      return { unit, shift: 0 }
  }
}
