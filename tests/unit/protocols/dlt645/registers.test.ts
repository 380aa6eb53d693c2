import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  checkRegister,
  decodeRegister,
  encodeRegister,
  findRegister,
  plainValue,
  registers,
} from '../../../../src/protocols/dlt645/index.js'
import type { Field, Layout } from '../../../../src/protocols/dlt645/fields.js'
import { shownRegister as shown } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

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
