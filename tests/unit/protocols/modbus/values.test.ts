import fc from 'fast-check'
import t from 'tap'
import { formatDecimal, type RegisterValue } from '../../../../src/model/index.js'
import { decodeBits, decodeWords, encodeWords, wordsOfType, type ModbusRegister } from '../../../../src/protocols/modbus/index.js'
import { decimalOf, roundedProduct } from '../../../../src/protocols/modbus/decimals.js'
import { registerOf } from '../../../helpers/modbus.js'

function shown(fields: Partial<ModbusRegister>, ...words: readonly number[]): string {
  const size = fields.type === undefined ? 1 : (wordsOfType(fields.type) ?? words.length)
  const register = registerOf({ count: Math.max(words.length, size), ...fields })
  const values = decodeWords(register, words)
  return values.ok ? values.value.map(textOf).join(' | ') : `${values.error.code} at ${values.error.at}`
}

function textOf(value: RegisterValue): string {
  if (value.kind === 'bits') return `${value.hex} ${value.names.join(',')}`.trim()
  if (value.kind === 'text') return String(value.text)
  return (value.int === null ? 'null' : formatDecimal(value.int, value.exponent)) + (value.unit === '' ? '' : ` ${value.unit}`)
}

/** Words of a float by the language's own arithmetic. */
function floatWords(value: number, bytes: 4 | 8): number[] {
  const view = new DataView(new ArrayBuffer(bytes))
  if (bytes === 4) view.setFloat32(0, value)
  else view.setFloat64(0, value)
  return Array.from({ length: bytes / 2 }, (_, index) => view.getUint16(2 * index))
}

await t.test('integers of each width and sign', async (t) => {
  t.equal(shown({ type: 'u16' }, 0xffff), '65535')
  t.equal(shown({ type: 's16' }, 0xffff), '-1')
  t.equal(shown({ type: 's16' }, 0x8000), '-32768')
  t.equal(shown({ type: 'u32' }, 0x0001, 0x0002), '65538')
  t.equal(shown({ type: 's32' }, 0xffff, 0xfffe), '-2')
  t.equal(shown({ type: 'u64' }, 0, 0, 1, 0), '65536')
  t.equal(shown({ type: 's64' }, 0xffff, 0xffff, 0xffff, 0xff9c), '-100')
  t.equal(shown({ type: 'u16' }, 1, 2, 3), '1 | 2 | 3', 'as many values as there are words for')
})

await t.test('lesson 19: swapped words are another order, said in the map', async (t) => {
  t.equal(shown({ type: 'u32', wordOrder: 'low-first' }, 0x0002, 0x0001), '65538')
  t.equal(shown({ type: 'u64', wordOrder: 'low-first' }, 4, 3, 2, 0), String(2 * 65_536 ** 2 + 3 * 65_536 + 4))
  t.equal(shown({ type: 'f32', exponent: -1, wordOrder: 'low-first' }, ...floatWords(230.1, 4).reverse()), '230.1')
  t.equal(shown({ type: 'bcd', wordOrder: 'low-first' }, 0x5678, 0x1234), '12345678')
})

await t.test('power of ten and factor are exact', async (t) => {
  t.equal(shown({ type: 'u16', exponent: -1, unit: 'V' }, 2301), '230.1 V')
  t.equal(shown({ type: 'u16', exponent: 2 }, 7), '700')
  t.equal(shown({ type: 'u16', factor: '0.005', unit: 'A' }, 123), '0.615 A')
  t.equal(shown({ type: 's16', factor: '-0.1' }, 0xffff), '0.1')
  t.equal(shown({ type: 'u16', factor: '2.5', exponent: -1 }, 3), '0.75')
})

await t.test('floats are rounded once to the decimals that are kept', async (t) => {
  t.equal(shown({ type: 'f32', exponent: -1, unit: 'V' }, ...floatWords(230.1, 4)), '230.1 V')
  t.equal(shown({ type: 'f32', exponent: -3 }, ...floatWords(-0.0375, 4)), '-0.038', 'the nearest float lies above the half')
  t.equal(shown({ type: 'f64', exponent: -3 }, ...floatWords(0.0375, 8)), '0.037', 'and the nearest double below it')
  t.equal(shown({ type: 'f32', exponent: 0 }, ...floatWords(2.5, 4)), '3', 'a half goes away from zero')
  t.equal(shown({ type: 'f32', exponent: 0 }, ...floatWords(-2.5, 4)), '-3')
  t.equal(shown({ type: 'f32', exponent: -1 }, ...floatWords(-0, 4)), '0.0')
  t.equal(shown({ type: 'f32', exponent: 2 }, ...floatWords(12_345, 4)), '12300')
  t.equal(shown({ type: 'f32', exponent: -3, factor: '0.001', unit: 'kWh' }, ...floatWords(123_456, 4)), '123.456 kWh')
  t.equal(shown({ type: 'f64', exponent: -2 }, ...floatWords(123_456_789.01, 8)), '123456789.01')
  t.equal(shown({ type: 'f64', exponent: -9 }, ...floatWords(5e-324, 8)), '0.000000000')
})

await t.test('lesson 19: what says "not available" is no number', async (t) => {
  t.equal(shown({ type: 'u16', invalid: ['0xFFFF'] }, 0xffff), 'null')
  t.equal(shown({ type: 's16', invalid: ['0x7FFF', '0x8000'], unit: '°C' }, 0x8000), 'null °C')
  t.equal(shown({ type: 's16', invalid: ['0x8000'] }, 0x7fff), '32767')
  t.equal(
    shown({ type: 'u32', wordOrder: 'low-first', invalid: ['0x00010000'] }, 0, 1),
    'null',
    'markers have the high word first',
  )
  t.equal(shown({ type: 'f32', exponent: -1 }, 0x7fc0, 0x0000), 'null', 'not a number')
  t.equal(shown({ type: 'f64', exponent: -1 }, 0x7ff8, 0, 0, 1), 'null')
  t.equal(shown({ type: 'u16', invalid: ['0xFFFF'] }, 1, 0xffff), '1 | null')
  t.equal(shown({ type: 'bits', invalid: ['0xFFFF'] }, 0xffff), 'null')
})

await t.test('lesson 19: what is no number is an error, never 0', async (t) => {
  t.equal(shown({ type: 'bcd' }, 0x1234, 0x00a0), 'bad-digit at word 0')
  t.equal(shown({ type: 'f32', exponent: -1 }, ...floatWords(1, 4), 0x7f80, 0x0000), 'bad-number at word 2')
  t.equal(shown({ type: 'f64', exponent: -1 }, 0xfff0, 0, 0, 0), 'bad-number at word 0')
  t.equal(shown({ type: 'u64' }, 0xffff, 0, 0, 0), 'too-large at word 0')
  t.equal(shown({ type: 'f32', exponent: -9 }, ...floatWords(3e38, 4)), 'too-large at word 0')
})

await t.test('digits and flags', async (t) => {
  t.equal(shown({ type: 'bcd' }, 0x0123), '123')
  t.equal(shown({ type: 'bcd', exponent: -2, unit: 'kWh' }, 0x1234, 0x5678), '123456.78 kWh')
  t.equal(shown({ type: 'bits', bits: ['closed', '', 'alarm'] }, 0x0007), '0007 closed,bit-1,alarm')
  t.equal(shown({ type: 'bits', bits: ['closed'] }, 0x8001), '8001 closed,bit-15')
  t.equal(shown({ type: 'bits' }, 0x8001, 0x0001), '80010001')
  const coils = registerOf({ function: 1, type: 'bits', count: 3, bits: ['a', 'b', 'c'] })
  t.strictSame(decodeBits(coils, [true, false, true]), { kind: 'bits', hex: '5', names: ['a', 'c'], unit: '' })
})

await t.test('a device’s words are made of values, and read back as them', async (t) => {
  const anyRegister = fc.record({
    type: fc.constantFrom('u16', 's16', 'u32', 's32', 'u64', 's64', 'bcd'),
    wordOrder: fc.constantFrom('high-first', 'low-first'),
    exponent: fc.integer({ min: -3, max: 3 }),
  } as const)
  fc.assert(
    fc.property(anyRegister, fc.integer({ min: -9999, max: 9999 }), (fields, value) => {
      const register = registerOf({ ...fields, factor: '0.1' })
      const isUnsigned = fields.type.startsWith('u') || fields.type === 'bcd'
      const int = isUnsigned ? Math.abs(value) : value
      const decoded = decodeWords(register, encodeWords(register, [int]))
      return decoded.ok && decoded.value[0]?.kind === 'number' && decoded.value[0].int === int
    }),
  )
  fc.assert(
    fc.property(fc.constantFrom('f32', 'f64'), fc.integer({ min: -99_999, max: 99_999 }), (type, int) => {
      const register = registerOf({ type, exponent: -2, factor: '0.5' })
      const decoded = decodeWords(register, encodeWords(register, [int]))
      return decoded.ok && decoded.value[0]?.kind === 'number' && decoded.value[0].int === int
    }),
  )
  t.strictSame(encodeWords(registerOf({ count: 3, invalid: ['0xFFFF'] }), [1, null, 3]), [1, 0xffff, 3])
  t.strictSame(encodeWords(registerOf({ type: 'bits', count: 2 }), ['80000001']), [0x8000, 1])
})

await t.test('what has no such form never goes out', async (t) => {
  const bad: readonly (readonly [Partial<ModbusRegister>, readonly (number | string | null)[]])[] = [
    [{}, []],
    [{}, [1, 2]],
    [{}, [null]],
    [{}, ['1']],
    [{}, [-1]],
    [{}, [65_536]],
    [{ type: 's16' }, [32_768]],
    [{ type: 's16' }, [-32_769]],
    [{ type: 'bcd' }, [-1]],
    [{ type: 'bcd' }, [10_000]],
    [{ type: 'bits' }, [1]],
    [{ type: 'bits' }, ['xyz']],
    [{ type: 'bits' }, ['10000']],
    [{ factor: '5' }, [7]],
  ]
  for (const [fields, values] of bad)
    t.throws(() => encodeWords(registerOf(fields), values), RangeError, JSON.stringify([fields, values]))
})

await t.test('decimal arithmetic on floats agrees with decimal text', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.integer({ min: 0, max: 6 }), (int, decimals) => {
      const value = Number(`${int}e-${decimals}`)
      return roundedProduct(value, decimalOf('1'), -decimals) === BigInt(int)
    }),
  )
  t.equal(roundedProduct(2 ** 60, decimalOf('0.5'), 0), 2n ** 59n)
  t.strictSame(decimalOf('-12.5'), { int: -125n, exponent: -1 })
})
