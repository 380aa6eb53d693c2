import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import type { RegisterValue } from '../../../../src/model/index.js'
import { formatDecimal } from '../../../../src/model/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/dlt645/bytes.js'
import {
  checkRegister,
  decodeRegister,
  encodeRegister,
  findRegister,
  plainValue,
  registers,
} from '../../../../src/protocols/dlt645/index.js'
import type { Field, Layout } from '../../../../src/protocols/dlt645/fields.js'
import { valueOf } from '../../../helpers/outcome.js'

/** Values as `wattkeep frame` writes them, with their units. */
function shown(di: string, hex: string): string {
  const result = decodeRegister(di, bytesOf(hex))
  return result.ok ? result.value.map(shownValue).join(' | ') : result.error.code
}

function shownValue(value: RegisterValue): string {
  const text =
    value.kind === 'number'
      ? value.int === null
        ? 'null'
        : formatDecimal(value.int, value.exponent)
      : value.kind === 'bits'
        ? value.hex
        : String(value.text)
  return value.unit === '' ? text : `${text} ${value.unit}`
}

await t.test('every group of the facts page §8 has its format, unit, sign and length', async (t) => {
  const cases: readonly (readonly [di: string, hex: string, expected: string])[] = [
    // 8.1 energy
    ['00000000', '76170380', '-317.76 kWh'],
    ['00010000', '26000000', '0.26 kWh'],
    ['00023F0C', '99999999', '999999.99 kWh'],
    ['00030000', '01000080', '-0.01 kvarh'],
    ['00050000', '01000080', '800000.01 kvarh'],
    ['00090000', '00000001', '10000.00 kVAh'],
    ['00150000', '01000000', '0.01 kWh'],
    ['00170000', '01000080', '-0.01 kvarh'],
    ['00310000', '01000000', '0.01 kVAh'],
    ['003D0000', '01000000', '0.01 kWh'],
    ['00800000', '01000000', '0.01 kWh'],
    ['000B0001', '01000000', '0.01 kWh'],
    ['00900100', '01000000', '0.01 kWh'],
    ['00900200', '56341200', '1234.56 yuan'],
    ['00900201', '00000000', '0.00 yuan'],
    ['00900220', '00010000', '1.00 yuan'],
    // 8.2 demand
    ['01010000', '345612' + '0508010317', '12.5634 kW | 2017-03-01 08:05'],
    ['01030000', '345692' + '0508010317', '-12.5634 kvar | 2017-03-01 08:05'],
    ['01010000', '000000' + '0000000000', '0.0000 kW | null'],
    // 8.3 instantaneous
    ['02010100', '0110', '100.1 V'],
    ['0201FF00', '0123FFFFFFFF', '230.1 V | null V | null V'],
    ['0201FF00', '0123', '230.1 V'],
    ['02020100', '000980', '-0.900 A'],
    ['0203FF00', '861700861700000000000000', '0.1786 kW | 0.1786 kW | 0.0000 kW | 0.0000 kW'],
    ['02040000', '000080', '0.0000 kvar'],
    ['02050000', '010000', '0.0001 kVA'],
    ['02060000', '0090', '-1.000'],
    ['02070100', '0012', '120.0 °'],
    ['02080100', '2503', '3.25 %'],
    ['020A0103', '2503', '3.25 %'],
    ['020B02FF', '25030100', '3.25 % | 0.01 %'],
    ['02800001', '010080', '-0.001 A'],
    ['02800002', '0050', '50.00 Hz'],
    ['02800003', '010000', '0.0001 kW'],
    ['02800005', '010000', '0.0001 kvar'],
    ['02800007', '5582', '-25.5 °C'],
    ['02800008', '6503', '3.65 V'],
    ['0280000A', '21430500', '54321 min'],
    ['0280000B', '00550000', '0.5500 yuan/kWh'],
    // 8.4 parameters
    ['04000101', '04170322', '2022-03-17 | 4'],
    ['04000102', '470714', '14:07:47'],
    ['0400010C', '47071404170322', '2022-03-17 14:07:47 | 4'],
    ['04000103', '15', '15 min'],
    ['04000105', '8000', '80 ms'],
    ['04000106', '0000010117', '2017-01-01 00:00'],
    ['04000205', '1200', '12'],
    ['04000306', '600000', '60'],
    ['04000401', '129078563412', '123456789012'],
    ['04000402', 'FFFFFFFFFFFF', 'null'],
    ['04000404', '000056303232', '220V'],
    ['04000409', '001200', '1200 imp/kWh'],
    ['0400040A', '001200', '1200 imp/kvarh'],
    ['0400040F', '0102030405060708090A0B', '0B0A090807060504030201'],
    ['04000503', '5000', '0050'],
    ['04000503', 'FFFF', 'null'],
    ['040005FF', '0000000050000000000000000000', '0000 | 0000 | 0050 | 0000 | 0000 | 0000 | 0000'],
    ['04000508', '01000000', '00000001'],
    ['04000601', '05', '05'],
    ['04000703', '08', '08'],
    ['04000901', 'FF', 'FF'],
    ['04000A01', '00000103', '03-01 00:00'],
    ['04000B01', '0001', '01 00:00'],
    ['04000B02', '9999', 'null'],
    ['04000D01', '3412', '1.234'],
    ['04000E03', '6402', '26.4 V'],
    ['04000F01', '00100000', '10.00 kWh'],
    ['04001005', '00100000', '10.00 yuan'],
    ['04001104', '0100000000000000', '0000000000000001'],
    ['04001203', '3000', '00:30'],
    ['04001203', 'FFFF', 'null'],
    ['04001401', '0500', '5 min'],
    ['04800001', '00'.repeat(29) + '312E56', 'V.1'],
    // 8.5 tables
    ['04010000', '010101020407', '01-01 | 1 | 07-04 | 2'],
    ['04010001', '010000023008', '00:00 | 1 | 08:30 | 2'],
    ['04020008', '01FFFF', 'null | 1'],
    ['04030001', '02011024', '2024-10-01 | 2'],
    ['04040101', '0000010003', '00010000 | 3'],
    ['04040201', '00000100', '00010000'],
    ['04050101', '83540000', '0.5483 yuan/kWh'],
    ['04060001', '00800100', '180.00 kWh'],
    ['04060301', '83540000', '0.5483 yuan/kWh'],
    [
      '040604FF',
      '00'.repeat(52) + '000101' + '00'.repeat(15),
      [
        '0.00 kWh',
        '0.00 kWh',
        '0.00 kWh',
        '0.00 kWh',
        '0.00 kWh',
        '0.00 kWh',
        ...Array.from({ length: 7 }, () => '0.0000 yuan/kWh'),
        '01-01 00:00',
        'null',
        'null',
        'null',
        'null',
        'null',
      ].join(' | '),
    ],
    ['04090101', '6015', '156.0 V'],
    ['04090103', '500000', '0.0050 A'],
    ['04090104', '60', '60 s'],
    ['04090501', '0030', '30.00 %'],
    ['04090F02', '60', '60 s'],
    // 8.7 freezes
    ['05060001', '0000241023', '2023-10-24 00:00'],
    ['05060001', '0000000000', 'null'],
    ['05060101', '2600000001000000AA', '0.26 kWh | 0.01 kWh'],
    ['05060901', '3456120508010317', '12.5634 kW | 2017-03-01 08:05'],
    [
      '05061001',
      '01000001000001000001000001000001000001000001000080'.slice(0, 48),
      '0.0001 kW | 0.0001 kW | 0.0001 kW | 0.0001 kW | 0.0001 kvar | 0.0001 kvar | 0.0001 kvar | 0.0001 kvar',
    ],
    ['0504FF01', '0000241023' + '26000000' + '00000000', '2023-10-24 00:00 | 0.26 kWh | 0.00 kWh'],
    ['0504FF01', '0000241023AA26000000AA00000000AA', '2023-10-24 00:00 | 0.26 kWh | 0.00 kWh'],
    // 8.9 events
    ['03010000', '010000020000030000040000050000060000', '1 | 2 min | 3 | 4 min | 5 | 6 min'],
    ['03050001', '000000010117' + '500100' + '000100010117', '2017-01-01 00:00:00 | 0.150 A | 2017-01-01 00:01:00'],
    ['03110000', '120000', '12'],
    ['03110001', '000000010117000000000000', '2017-01-01 00:00:00 | null'],
    [
      '03120101',
      '000000010117000100010117' + '345612' + '0508010317',
      '2017-01-01 00:00:00 | 2017-01-01 00:01:00 | 12.5634 kW | 2017-03-01 08:05',
    ],
    ['03300301', '000000010117' + '78563412' + 'FFFFFFFF', '2017-01-01 00:00:00 | 12345678 | FFFFFFFF'],
    ['03300401', '78563412' + '000000010117' + '000100010117', '12345678 | 2017-01-01 00:00:00 | 2017-01-01 00:01:00'],
    ['03300C01', '000000010117' + '78563412' + '000199999999', '2017-01-01 00:00:00 | 12345678 | 01 00:00 | null | null'],
    ['03320301', '00100000', '10.00 kWh'],
    ['03330101', '0508010317', '2017-03-01 08:05'],
    ['03330201', '1200', '12'],
    ['03330501', '00100000', '10.00 yuan'],
    // grid series
    ['10000001', '120000', '12'],
    ['10010101', '000000010117', '2017-01-01 00:00:00'],
    ['10012501', '000000010117', '2017-01-01 00:00:00'],
    ['10010A01', '0123', '230.1 V'],
    ['10012101', '01000000', '0.01 Ah'],
    ['1D000001', '030000', '3'],
    ['1D000101', '000000010117', '2017-01-01 00:00:00'],
    ['1E000201', '78563412', '12345678'],
    ['1D000801', '01000000', '0.01 kvarh'],
    [
      '1D00FF01',
      '000000010117' + '78563412' + '26000000' + '00'.repeat(20),
      '2017-01-01 00:00:00 | 12345678 | 0.26 kWh | 0.00 kWh | 0.00 kvarh | 0.00 kvarh | 0.00 kvarh | 0.00 kvarh',
    ],
    // unknown
    ['80808080', '', ''],
    ['0334000A', '0102', '0102'],
    ['FF000000', '0102', '0102'],
  ]
  for (const [di, hex, expected] of cases) t.equal(shown(di, hex), expected, `${di} ${hex}`)
})

await t.test('records have the lengths that the facts page states', async (t) => {
  const lengths: readonly (readonly [di: string, bytes: number])[] = [
    ['03010101', 131],
    ['030403 0A'.replace(' ', ''), 131],
    ['03050000', 6],
    ['03060000', 6],
    ['03070000', 6],
    ['03090001', 78],
    ['030B0000', 18],
    ['03100000', 27],
    ['03110001', 12],
    ['03120000', 18],
    ['03120101', 20],
    ['03300001', 50],
    ['03300101', 106],
    ['03300201', 202],
    ['03300301', 14],
    ['03300401', 16],
    ['03300D01', 60],
    ['03300E01', 60],
    ['03350001', 28],
    ['1D00FF01', 34],
    ['040604FF', 70],
    ['040005FF', 14],
    ['028011FF', 65],
  ]
  for (const [di, bytes] of lengths) {
    t.ok(decodeRegister(di, new Uint8Array(bytes)).ok, `${di} has ${bytes} bytes`)
    t.match(
      decodeRegister(di, new Uint8Array(bytes + 2)),
      { ok: false, error: { code: 'bad-length' } },
      `${di} has no ${bytes + 2} bytes`,
    )
  }
  for (const [di, most] of [
    ['04010000', 42],
    ['04020003', 42],
  ] as const) {
    t.ok(decodeRegister(di, new Uint8Array(most)).ok)
    t.notOk(decodeRegister(di, new Uint8Array(most + 3)).ok)
  }
})

await t.test('lesson 19: digits that are none never become a number', async (t) => {
  t.equal(shown('00010000', '2600000A'), 'bad-digit')
  t.equal(shown('0001FF00', '26000000A6000000'), 'bad-digit')
  t.equal(shown('00010000', 'FFFFFFFF'), 'null kWh', 'all FF is "not available"')
  t.equal(shown('00010000', 'FFFFFF00'), 'bad-digit', 'a part of FF is not')
  t.equal(shown('00010000', '260000'), 'bad-length')
  t.equal(shown('00010000', ''), 'bad-length')
  t.equal(shown('0001FF00', ''), 'bad-length')
  t.equal(shown('0001FF00', 'AA'), 'bad-length')
  t.equal(shown('05060001', '0000321023'), 'bad-digit', 'the 32nd is no date')
  t.equal(shown('05060001', '0000300223'), 'bad-digit', 'nor is 30 February')
  t.equal(shown('04010001', '0A0000'), 'bad-digit', 'a tariff is a number')
  t.equal(shown('04040101', '00'), 'bad-length', 'neither form of a display screen')
  t.equal(shown('04040101', '000001000A'), 'bad-digit')
  t.equal(shown('04010001', '010024'), 'bad-digit')
  t.equal(shown('0201FF00', '0123012301230123'), 'bad-length', 'there are three phases')
  t.equal(shown('00010000', '26000000BB'), 'bad-length', 'only AA and DD are taken off')
})

await t.test(
  'a block has as many values as its length says, with or without AA or DD at its end and between groups',
  async (t) => {
    const one = '26000000'
    t.equal(shown('0001FF00', one.repeat(5)), Array.from({ length: 5 }, () => '0.26 kWh').join(' | '))
    t.equal(shown('0001FF00', one), '0.26 kWh')
    t.equal(shown('0001FF00', one.repeat(2) + 'AA'), '0.26 kWh | 0.26 kWh')
    t.equal(shown('0001FF00', one.repeat(2) + 'DD'), '0.26 kWh | 0.26 kWh')
    t.equal(shown('00010000', one + 'AA'), '0.26 kWh')
    t.equal(shown('0001FFFF', [one.repeat(2), one.repeat(2)].join('AA')), Array.from({ length: 4 }, () => '0.26 kWh').join(' | '))
    const thirteen = Array.from({ length: 13 }, () => one)
    t.equal(
      shown('000100FF', thirteen.join('AA')),
      thirteen.map(() => '0.26 kWh').join(' | '),
      '64 bytes are 13 values with 12 AA, not 16',
    )
    t.equal(shown('0001FF00', 'AA2600000026000000'), 'bad-length')
    t.equal(shown('0001FF00', one.repeat(65)), 'bad-length', 'there are at most 63 tariffs and a total')
  },
)

await t.test('a daily freeze block is read with any number of tariffs, with AA or without', async (t) => {
  const items = (tariffs: number) => [
    '0000241023',
    ...Array.from({ length: 8 }, (_, index) => `0${index + 1}000000`.repeat(tariffs)),
    ...Array.from({ length: 2 }, () => ('345612' + '0508010317').repeat(tariffs)),
    '010000'.repeat(8),
  ]
  for (const tariffs of [1, 2, 5]) {
    const plain = items(tariffs).join('')
    const separated = items(tariffs).join('AA')
    const values = shown('0506FF01', plain)
    t.match(values, /^2023-10-24 00:00 \| 0\.01 kWh/)
    t.equal(values.split(' | ').length, 1 + 8 * tariffs + 4 * tariffs + 8)
    t.equal(shown('0506FF01', separated), values)
    t.equal(shown('0506FF01', separated + 'AA'), values)
    t.equal(hexOf(encodeRegister('0506FF01', valueOf(decodeRegister('0506FF01', bytesOf(plain))).map(plainValue))), separated)
  }
  t.equal(bytesOf(items(5).join('')).length, 269, 'as the facts page says')
  const some = items(1).map((item, index) => (index === 2 || index === 10 ? '' : item))
  t.equal(shown('0506FF01', some.join('AA')).split(' | ').length, 9 + 12 - 3, 'an item that is not frozen is empty')
  t.equal(shown('0506FF01', some.join('')), 'bad-length')
  t.equal(shown('0506FF01', ['00', ...items(1).slice(1)].join('AA')), 'bad-length')
  t.equal(shown('0506FF01', ['0000241023'.repeat(2), ...items(1).slice(1)].join('AA')), 'bad-length')
  t.equal(shown('0504FF01', '0000241023'), 'bad-length')
})

await t.test('text arrives backwards and may hold anything', async (t) => {
  t.equal(shown('0400040B', '00000000000031534444'), 'DDS1')
  t.equal(shown('0400040B', '20202020202031534444'), 'DDS1')
  t.equal(shown('0400040B', '31534444'), 'DDS1', 'a shorter text is a text')
  t.equal(shown('0400040B', 'FFFFFFFFFFFFFFFFFFFF'), 'null')
  t.equal(shown('0400040B', '00000000000000000000'), 'null')
  t.equal(shown('0400040B', '00000000003100B5E741'), 'A\\xE7\\xB5\\x001')
})

await t.test('bits of words are named', async (t) => {
  t.match(valueOf(decodeRegister('04000503', bytesOf('5000'))), [
    { kind: 'bits', hex: '0050', names: ['relay-open', 'relay-command-trip'] },
  ])
  t.match(valueOf(decodeRegister('04000703', bytesOf('08'))), [{ kind: 'bits', names: ['2400'] }])
  t.match(valueOf(decodeRegister('04001101', bytesOf('08'))), [{ kind: 'bits', names: [] }])
})

await t.test('the table is sound: every pattern is found, names an access and can be told', async (t) => {
  for (const entry of registers) {
    const first = entry.di
      .split('.')
      .map((byte) => byte.slice(0, 2))
      .join('')
    t.ok(findRegister(first) !== null, entry.di)
    t.match(entry.di, /^[0-9A-F]{2}(\.[0-9A-F]{2}(-[0-9A-F]{2})?(,[0-9A-F]{2}(-[0-9A-F]{2})?)*){3}$/)
    t.ok(['R', 'W', 'RW', 'RW*'].includes(entry.access))
  }
  t.equal(findRegister('00010D00')?.name, 'forward active energy')
  t.equal(findRegister('0001000D'), null)
  t.equal(findRegister('00'), null)
  t.equal(findRegister(''), null)
  t.strictSame(checkRegister('0201ff00'), { ok: true, value: '0201FF00' })
  t.match(checkRegister('9010'), { ok: false, error: { code: 'bad-register' } })
})

await t.test('values of every register that is not text or load record round-trip', async (t) => {
  const entries = registers.filter((entry) => entry.layout.kind !== 'load' && entry.vendor !== true)
  fc.assert(
    fc.property(fc.constantFrom(...entries), fc.infiniteStream(fc.nat(1000)), (entry, numbers) => {
      const di = entry.di
        .split('.')
        .map((byte) => byte.slice(0, 2))
        .join('')
      const values = valuesFor(entry.layout, () => numbers.next().value ?? 0)
      const data = encodeRegister(di, values)
      const again = valueOf(decodeRegister(di, data)).map(plainValue)
      return isDeepStrictEqual(again, [...values])
    }),
    { numRuns: 2000 },
  )
  t.pass('all round-tripped')
})

await t.test('a table’s side that gives wrong values is told', async (t) => {
  t.throws(() => encodeRegister('00010000', []), /more values/)
  t.throws(() => encodeRegister('00010000', [1, 2]), /too many/)
  t.throws(() => encodeRegister('00010000', ['1']), /number was expected/)
  t.throws(() => encodeRegister('04000102', [1]), /text was expected/)
  t.throws(() => encodeRegister('04000102', ['14:07']), /does not fit/)
  t.throws(() => encodeRegister('04000102', ['14:07:08:09']), /does not fit/)
  t.throws(() => encodeRegister('04000102', ['25:07:08']), /does not fit/)
  t.throws(() => encodeRegister('04000402', ['1234']), /bytes were given/)
  t.throws(() => encodeRegister('04040101', ['00010000', 3, 4]), /none of/)
  t.throws(() => encodeRegister('06000001', [1]), /encodeLoadRecords/)
  t.throws(() => encodeRegister('0506FF01', [null, 1]), /whole number of tariffs/)
  t.equal(hexOf(encodeRegister('04040101', ['00010000', 3])), '0000010003')
  t.equal(hexOf(encodeRegister('04040101', ['00010000'])), '00000100')
  t.equal(hexOf(encodeRegister('0001FF00', [26, 1])), '2600000001000000')
  t.equal(hexOf(encodeRegister('0504FF01', ['2023-10-24 00:00', 26, 0])), '0000241023AA26000000AA00000000')
  t.equal(hexOf(encodeRegister('00010000', [null])), 'FFFFFFFF')
  t.equal(hexOf(encodeRegister('04000402', [null])), 'FFFFFFFFFFFF')
  t.equal(hexOf(encodeRegister('0400040B', [null])), 'FF'.repeat(10))
  t.equal(hexOf(encodeRegister('05060001', [null])), '0000000000', 'no such freeze')
  t.equal(hexOf(encodeRegister('04000102', [null])), 'FFFFFF', 'midnight is a time')
  t.equal(hexOf(encodeRegister('04000B01', [null])), '0000')
  t.equal(hexOf(encodeRegister('04000101', ['2022-03-17', null])), 'FF170322')
  t.equal(shown('04000101', 'FF170322'), '2022-03-17 | null')
  t.equal(hexOf(encodeRegister('028011FF', [...Array.from({ length: 17 }, () => 0)])).length, 130)
  t.equal(hexOf(encodeRegister('80808080', ['0102'])), '0102')
})

/** Some values that fit a layout, from a stream of numbers. */
function valuesFor(layout: Layout, next: () => number): readonly (number | string | null)[] {
  switch (layout.kind) {
    case 'record':
      return layout.fields.flatMap((field) => valuesOf(field, next))
    case 'list':
      return Array.from({ length: 1 + (next() % Math.min(layout.most, 5)) }, () =>
        layout.fields.flatMap((field) => valuesOf(field, next)),
      ).flat()
    case 'either':
      return valuesFor(layout.layouts[next() % layout.layouts.length] ?? { kind: 'record', fields: [] }, next)
    case 'freeze': {
      const tariffs = 1 + (next() % 4)
      return layout.items.flatMap((item) =>
        Array.from({ length: item.perTariff ? tariffs : 1 }, () => item.fields.flatMap((field) => valuesOf(field, next))).flat(),
      )
    }
    case 'load':
      return []
  }
}

function valuesOf(field: Field, next: () => number): readonly (number | string | null)[] {
  const pad = (value: number) => String(value).padStart(2, '0')
  switch (field.kind) {
    case 'number': {
      const value = Math.min(next() * next(), 8 * 10 ** (2 * field.bytes - 1) - 1)
      return [next() % 10 === 0 ? null : field.signed && next() % 2 === 1 && value > 0 ? -value : value]
    }
    case 'time': {
      const parts: Record<string, string> = {
        YY: `20${pad(next() % 99)}`,
        MM: pad(1 + (next() % 12)),
        DD: pad(1 + (next() % 28)),
        hh: pad(next() % 24),
        mm: field.pattern.includes('mm') ? pad(next() % 60) : '00',
        ss: pad(next() % 60),
      }
      const has = (token: string) => field.pattern.includes(token)
      const date = ['YY', 'MM', 'DD'].filter(has).map((token) => parts[token])
      const time = ['hh', 'mm', 'ss'].filter((token) => has(token) || (token === 'mm' && has('hh'))).map((token) => parts[token])
      const text = [date.join('-'), time.join(':')].filter((part) => part !== '').join(' ')
      return [text, ...(has('WW') ? [next() % 7] : []), ...(has('NN') ? [next() % 60] : [])]
    }
    case 'digits':
    case 'hex':
    case 'bits':
      return [Array.from({ length: field.bytes }, () => pad(next() % 100)).join('')]
    case 'ascii':
      return [`V${next()}`.slice(0, field.bytes)]
    case 'skipped':
      return []
  }
}
