/** Units, branded integers and times. Money and energy are integers everywhere; no float touches either. */

declare const brand: unique symbol
type Brand<T, Name extends string> = T & { readonly [brand]: Name }

/** Wall time, milliseconds since 1970-01-01T00:00Z. Stamps records and drives the calendar; never used for deadlines. */
export type EpochMs = Brand<number, 'EpochMs'>
/** Monotonic time, milliseconds since an arbitrary start of this boot. Deadlines, polling and back-off use only this. */
export type MonotonicMs = Brand<number, 'MonotonicMs'>
/** Energy in whole milliwatt-hours (1 kWh = 10⁶ mWh). */
export type EnergyMwh = Brand<bigint, 'EnergyMwh'>
/** An amount of an account's own unit: 10⁻⁶ currency units, or mWh for an account kept in energy. Both are a millionth of the unit people use. */
export type Micro = Brand<bigint, 'Micro'>

/** @throws RangeError unless `value` is a whole number of milliseconds */
export const epochMs = (value: number): EpochMs => {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a wall time must be whole milliseconds, got ${value}`)
  return value as EpochMs
}
/** Monotonic times may carry fractions of a millisecond. */
export const monotonicMs = (value: number): MonotonicMs => value as MonotonicMs
export const energyMwh = (value: bigint): EnergyMwh => value as EnergyMwh
export const micro = (value: bigint): Micro => value as Micro

/** Units as they are shown and sent. An empty unit is a pure number (power factor, counts). */
export type Unit =
  | 'kWh'
  | 'kvarh'
  | 'kVAh'
  | 'kW'
  | 'kvar'
  | 'kVA'
  | 'V'
  | 'A'
  | 'Hz'
  | '%'
  | '°'
  | '°C'
  | 'min'
  | 's'
  | 'ms'
  | 'yuan'
  | 'yuan/kWh'
  | 'imp/kWh'
  | 'imp/kvarh'
  | 'Ah'
  | ''

/** A plain reading: the register's own integer with its decimal exponent: `int × 10^exponent unit`. */
export interface Quantity {
  readonly int: number
  readonly exponent: number
  readonly unit: Unit
}

/** Decimal text of a quantity without its unit, keeping the register's decimals: int 26, exponent −2 gives `0.26`. */
export function formatDecimal(int: number | bigint, exponent: number): string {
  const digits = int.toString()
  if (exponent >= 0) return digits === '0' ? digits : digits + '0'.repeat(exponent)
  const negative = digits.startsWith('-')
  const padded = (negative ? digits.slice(1) : digits).padStart(1 - exponent, '0')
  const point = padded.length + exponent
  return `${negative ? '-' : ''}${padded.slice(0, point)}.${padded.slice(point)}`
}

/**
 * Reads decimal text such as `-12.5` as an integer of 10^exponent.
 *
 * @returns null when the text is no plain decimal number or has more decimals than `exponent` holds
 */
export function parseDecimal(text: string, exponent: number): bigint | null {
  const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text)
  if (match === null) return null
  const [, sign, whole, fraction = ''] = match
  if (fraction.length > -exponent) return null
  const value = BigInt(`${whole}${fraction.padEnd(-exponent, '0')}`)
  return sign === '-' ? -value : value
}
