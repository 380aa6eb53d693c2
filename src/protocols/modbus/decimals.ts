/** A decimal number as an integer and a power of ten: 0.005 is 5 × 10^-3. */
export interface Decimal {
  readonly int: bigint
  readonly exponent: number
}

/** Reads decimal text such as `-0.005`; the caller has checked its form. */
export function decimalOf(text: string): Decimal {
  const [whole = '0', fraction = ''] = text.split('.')
  return { int: BigInt(whole + fraction), exponent: 0 - fraction.length }
}

/**
 * A binary floating-point number times a decimal one, as an integer of 10^exponent: exact, and rounded once, halves away from zero.
 *
 * @param value finite
 */
export function roundedProduct(value: number, { int, exponent }: Decimal, resolution: number): bigint {
  const { mantissa, power } = binaryOf(value)
  const scale = exponent - resolution
  const numerator = mantissa * int * powerOf(2n, power) * powerOf(10n, scale)
  const denominator = powerOf(2n, -power) * powerOf(10n, -scale)
  const magnitude = numerator < 0n ? -numerator : numerator
  const rounded = (2n * magnitude + denominator) / (2n * denominator)
  return numerator < 0n ? -rounded : rounded
}

/** base^power, or 1 where the power is negative: the other side of the fraction then has it. */
const powerOf = (base: bigint, power: number): bigint => (power > 0 ? base ** BigInt(power) : 1n)

/** A finite number as mantissa × 2^power. */
function binaryOf(value: number): { readonly mantissa: bigint; readonly power: number } {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, value)
  const bits = view.getBigUint64(0)
  const exponent = Number((bits >> 52n) & 0x7ffn)
  const fraction = bits & 0xf_ffff_ffff_ffffn
  const mantissa = exponent === 0 ? fraction : fraction | 0x10_0000_0000_0000n
  return { mantissa: bits >> 63n === 1n ? -mantissa : mantissa, power: Math.max(exponent, 1) - 1075 }
}
