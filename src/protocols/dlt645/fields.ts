import type { Unit } from '../../model/index.js'

/**
 * How one element of a register's data is coded. The number of bytes is the element's own; low byte first on the wire.
 *
 * `number`: packed BCD with implied decimals, `signed` by the top bit. `time`: BCD parts named by a pattern, high part first.
 * `digits`: a number that is a name (address, customer number). `bits`: a word shown in hexadecimal, bits named lowest first.
 * `ascii`: text, last character first. `hex`: bytes without a meaning for us, as they came. `skipped`: bytes that yield no value.
 */
export type Field =
  | {
      readonly kind: 'number'
      readonly bytes: number
      readonly decimals: number
      readonly signed: boolean
      readonly unit: Unit
    }
  | { readonly kind: 'time'; readonly bytes: number; readonly pattern: TimePattern }
  | { readonly kind: 'digits'; readonly bytes: number }
  | { readonly kind: 'bits'; readonly bytes: number; readonly names: readonly string[] }
  | { readonly kind: 'ascii'; readonly bytes: number }
  | { readonly kind: 'hex'; readonly bytes: number }
  | { readonly kind: 'skipped'; readonly bytes: number }

/** Two letters a byte: YY MM DD hh mm ss, WW week day (0 = Sunday), NN a number that belongs to the date (a table, a tariff). */
export type TimePattern =
  | 'YYMMDDhhmmss'
  | 'YYMMDDhhmm'
  | 'YYMMDDWW'
  | 'YYMMDDWWhhmmss'
  | 'YYMMDDNN'
  | 'MMDDhhmm'
  | 'MMDDhh'
  | 'MMDDNN'
  | 'DDhh'
  | 'hhmmss'
  | 'hhmm'
  | 'hhmmNN'

/** How the data of a register are made of fields. */
export type Layout =
  /** The fields one after the other, once. One of them alone may be shorter or longer only when it is text. */
  | { readonly kind: 'record'; readonly fields: readonly Field[] }
  /** The fields again and again, as often as the length says, at most `most` times; AA may stand between groups (facts §4.8, §4.9). */
  | { readonly kind: 'list'; readonly fields: readonly Field[]; readonly most: number }
  /** Different meters answer in different lengths: the first layout that fits. */
  | { readonly kind: 'either'; readonly layouts: readonly Layout[] }
  /** A whole freeze: items in order, their number of tariffs from the length, AA between them where the meter puts it (facts §8.7). */
  | { readonly kind: 'freeze'; readonly items: readonly FreezeItem[] }
  /** Load records of one class (1…6) or of all (0) (facts §8.8). */
  | { readonly kind: 'load'; readonly loadClass: number }

/** One item of a freeze block: its fields, once, or once for the total and each tariff. */
export interface FreezeItem {
  readonly fields: readonly Field[]
  readonly perTariff: boolean
}

/** Whether a register can be written, and with what: a password, or a security chip on grid meters. */
export type Access = 'R' | 'W' | 'RW' | 'RW*'

/** One row of the register table. */
export interface RegisterEntry {
  /** Four bytes, DI3 first, each a value, a range or a list of both in hexadecimal: `00.01.00-3F,FF.00`. */
  readonly di: string
  readonly name: string
  readonly layout: Layout
  readonly access: Access
  /** Not of the standard, but of one make. */
  readonly vendor?: true
}

export const number = (unit: Unit, bytes: number, decimals: number): Field => ({
  kind: 'number',
  bytes,
  decimals,
  signed: false,
  unit,
})
export const signedNumber = (unit: Unit, bytes: number, decimals: number): Field => ({
  kind: 'number',
  bytes,
  decimals,
  signed: true,
  unit,
})
export const time = (pattern: TimePattern): Field => ({ kind: 'time', bytes: pattern.length / 2, pattern })
export const digits = (bytes: number): Field => ({ kind: 'digits', bytes })
export const bits = (bytes: number, names: readonly string[] = []): Field => ({ kind: 'bits', bytes, names })
export const ascii = (bytes: number): Field => ({ kind: 'ascii', bytes })
export const hex = (bytes: number): Field => ({ kind: 'hex', bytes })
export const skipped = (bytes: number): Field => ({ kind: 'skipped', bytes })

export const record = (...fields: readonly Field[]): Layout => ({ kind: 'record', fields })
export const list = (most: number, ...fields: readonly Field[]): Layout => ({ kind: 'list', fields, most })
export const either = (...layouts: readonly Layout[]): Layout => ({ kind: 'either', layouts })

/** `count` times the same fields. */
export const times = (count: number, ...fields: readonly Field[]): readonly Field[] =>
  Array.from({ length: count }, () => fields).flat()

/** Bytes of fields together. */
export const bytesOfFields = (fields: readonly Field[]): number => fields.reduce((sum, field) => sum + field.bytes, 0)

/** Elements that many registers share. */
export const energyKwh = number('kWh', 4, 2)
export const energyKvarh = number('kvarh', 4, 2)
/** Combined reactive energy carries a sign (facts §8.1). */
export const combinedKvarh = signedNumber('kvarh', 4, 2)
export const voltage = number('V', 2, 1)
export const current = signedNumber('A', 3, 3)
export const activePower = signedNumber('kW', 3, 4)
export const reactivePower = signedNumber('kvar', 3, 4)
export const powerFactor = signedNumber('', 2, 3)
export const frequency = number('Hz', 2, 2)
export const money = number('yuan', 4, 2)
export const price = number('yuan/kWh', 4, 4)
export const count = number('', 3, 0)
export const minutes = number('min', 3, 0)
export const fullTime = time('YYMMDDhhmmss')
export const minuteTime = time('YYMMDDhhmm')
