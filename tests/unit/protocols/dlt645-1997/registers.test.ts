import fc from 'fast-check'
import t from 'tap'
import { formatDecimal, type RegisterValue } from '../../../../src/model/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import type { Layout } from '../../../../src/protocols/dlt645/fields.js'
import { plainValue } from '../../../../src/protocols/dlt645/values.js'
import {
  checkRegister,
  decodeRegister,
  encodeRegister,
  findRegister,
  registers,
} from '../../../../src/protocols/dlt645-1997/index.js'
import { valueOf } from '../../../helpers/outcome.js'

function shown(di: string, hex: string): string {
  const values = decodeRegister(di, bytesOf(hex))
  return values.ok ? values.value.map(textOf).join(' | ') : values.error.code
}

function textOf(value: RegisterValue): string {
  const unit = value.unit === '' ? '' : ` ${value.unit}`
  if (value.kind === 'bits') return value.hex
  if (value.kind === 'text') return String(value.text)
  return (value.int === null ? 'null' : formatDecimal(value.int, value.exponent)) + unit
}

await t.test('each kind of register is read in its own format', async (t) => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['9010', '61720200', '272.61 kWh'],
    ['9014', '01000000', '0.01 kWh'],
    ['9420', '78563412', '123456.78 kWh'],
    ['9810', '00000000', '0.00 kWh'],
    ['9110', '01000000', '0.01 kvarh'],
    ['9140', '01000000', '0.01 kvarh'],
    ['A010', '563412', '12.3456 kW'],
    ['A110', '563412', '12.3456 kvar'],
    ['B010', '15081009', '09-10 08:15'],
    ['B210', '00000000', 'null'],
    ['B212', '3412', '1234'],
    ['B214', '563412', '123456 min'],
    ['B310', '0700', '7'],
    ['B611', '2002', '220 V'],
    ['B621', '3412', '12.34 A'],
    ['B630', '563412', '12.3456 kW'],
    ['B640', '3412', '12.34 kvar'],
    ['B650', '9809', '0.998'],
    ['B650', '9889', '-0.998'],
    ['C010', '03090324', '2024-03-09 | 3'],
    ['C011', '060708', '08:07:06'],
    ['C020', '81', '81'],
    ['C030', '001200', '1200 imp/kWh'],
    ['C031', '001200', '1200 imp/kvarh'],
    ['C032', '129078563412', '123456789012'],
    ['C111', '15', '15 min'],
    ['C117', '0001', '01 00:00'],
    ['C310', '04', '4'],
    ['C32F', '010101020107AA', '01-01 | 1 | 07-01 | 2'],
    ['C33F', '010008020017AA', '08:00 | 1 | 17:00 | 2'],
    ['E123', 'C0FFEE', 'C0FFEE'],
    ['B660', '3412', '3412'],
    ['9010', 'FFFFFFFF', 'null kWh'],
  ]
  for (const [di, hex, expected] of cases) t.equal(shown(di, hex), expected, `${di} ${hex}`)
})

await t.test('a block ends with AA, which is none of its values', async (t) => {
  const one = '01000000'
  t.equal(shown('901F', one.repeat(5) + 'AA'), Array.from({ length: 5 }, () => '0.01 kWh').join(' | '))
  t.equal(shown('901F', one.repeat(2)), '0.01 kWh | 0.01 kWh', 'some leave it out')
  t.equal(shown('901F', one.repeat(15) + 'AA').split('|').length, 15, 'more places than are in use')
  t.equal(shown('901F', one.repeat(16) + 'AA'), 'bad-length')
  t.equal(shown('901F', 'AA'), 'bad-length')
  t.equal(shown('901F', one + 'AAAA'), 'bad-length')
  t.equal(shown('B63F', '563412'.repeat(4) + 'AA').split('|').length, 4)
  t.equal(shown('B31F', '0700'.repeat(4) + 'AA'), '7 | 7 | 7 | 7')
})

await t.test('makers who send more digits than the edition has are understood where the data tell it', async (t) => {
  t.equal(shown('B611', '0123'), '230.1 V', 'a fourth digit')
  t.equal(shown('B61F', '012399002022AA'), '230.1 V | 9.9 V | 222.0 V', 'then all of the answer have it')
  t.equal(shown('B61F', '200219022102AA'), '220 V | 219 V | 221 V')
  t.equal(shown('B61F', 'FFFF0123FFFF'), 'null V | 230.1 V | null V')
  t.equal(shown('B621', '563412'), '123.456 A', 'three bytes')
  t.equal(shown('B62F', '341256127812AA'), '12.34 A | 12.56 A | 12.78 A')
  t.equal(shown('B62F', '563412563412563412AA'), '123.456 A | 123.456 A | 123.456 A')
  t.equal(shown('B62F', '34'), 'bad-length')
})

await t.test('lesson 19: digits that are none never become a number', async (t) => {
  t.equal(shown('9010', '6172020A'), 'bad-digit')
  t.equal(shown('9010', '617202'), 'bad-length')
  t.equal(shown('9010', ''), 'bad-length')
  t.equal(shown('B611', '0A02'), 'bad-digit')
  t.equal(shown('C010', '03320324'), 'bad-digit')
})

await t.test('a register is four digits', async (t) => {
  t.equal(valueOf(checkRegister('901f')), '901F')
  for (const wrong of ['', '901', '90100', '00010000', '90G0'])
    t.match(checkRegister(wrong), { ok: false, error: { code: 'bad-register' } })
  t.equal(findRegister('FFFF'), null)
  t.equal(findRegister('9000'), null)
})

await t.test('values of every row of the table are encoded to what is decoded', async (t) => {
  for (const { di } of registers) {
    const register = di
      .split('.')
      .map((part) => part.slice(0, 2))
      .join('')
    const layout = findRegister(register)?.layout
    if (layout === undefined) {
      t.fail(`${register} is not found`)
      continue
    }
    fc.assert(
      fc.property(dataFor(layout), (data) => {
        const values = decodeRegister(register, data)
        if (!values.ok) return true
        const again = encodeRegister(register, values.value.map(plainValue))
        const second = decodeRegister(register, again)
        return second.ok && JSON.stringify(second.value) === JSON.stringify(values.value)
      }),
      { numRuns: 30 },
    )
  }
  t.equal(hexOf(encodeRegister('E123', ['C0FFEE'])), 'C0FFEE')
  t.throws(() => encodeRegister('9010', [1, 2]), RangeError)
})

/** Decimal digits of the length of a layout. */
function dataFor(layout: Layout): fc.Arbitrary<Uint8Array> {
  const digits = (bytes: number) =>
    fc
      .array(fc.integer({ min: 0, max: 99 }), { minLength: bytes, maxLength: bytes })
      .map((pairs) => bytesOf(pairs.map((pair) => String(pair).padStart(2, '0')).join('')))
  switch (layout.kind) {
    case 'record':
    case 'list':
      return digits(layout.fields.reduce((sum, field) => sum + field.bytes, 0))
    case 'either':
      // The first one is the edition's own form, which alone is encoded.
      return fc.oneof(...layout.layouts.slice(0, 1).map(dataFor))
    case 'freeze':
    case 'load':
      throw new Error('this edition has no such layout')
  }
}
