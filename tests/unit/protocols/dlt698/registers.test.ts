import fc from 'fast-check'
import t from 'tap'
import { formatDecimal } from '../../../../src/model/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  checkRegister,
  columnsMax,
  findObject,
  intervalHex,
  laterBy,
  leafText,
  leavesOf,
  momentHex,
  momentText,
  parseRegister,
  periodOf,
  readMoment,
  readingUnit,
  registerValue,
  registers,
  shapeOf,
  timeText,
  type Data,
  type TableUnit,
} from '../../../../src/protocols/dlt698/index.js'
import { array, moment, nullData, uint32 } from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'

const shown = (oad: string, data: Data) => {
  const leaves = leavesOf(data, shapeOf(oad))
  return leaves.ok
    ? leaves.value.map((leaf) => `${leafText(leaf)} ${'unit' in leaf ? leaf.unit : leaf.names.join()}`.trim()).join(' | ')
    : leaves.error.code
}
const reading = (oad: string, data: Data) => valueOf(leavesOf(data, shapeOf(oad))).map(registerValue)
const structure = (...items: readonly Data[]): Data => ({ type: 'structure', items })
const int32 = (value: number): Data => ({ type: 'int32', value })

await t.test('objects have the unit and scaler of the page', async (t) => {
  t.equal(shown('00000200', array(int32(-5), int32(100))), '-0.05 kWh | 1.00 kWh', 'combined energies may be negative')
  t.equal(shown('00100200', array(uint32(123456), uint32(1))), '1234.56 kWh | 0.01 kWh')
  t.equal(shown('00100201', uint32(123456)), '1234.56 kWh')
  t.equal(shown('00110200', array(uint32(1))), '0.01 kWh')
  t.equal(shown('00500200', array(uint32(1))), '0.01 kvarh')
  t.equal(shown('00900200', array(uint32(1))), '0.01 kVAh')
  t.equal(shown('00100400', array({ type: 'uint64', value: 12345678n })), '1234.5678 kWh')
  t.equal(shown('10100200', array(structure(uint32(12345), moment('07EA080B0D3300')))), '1.2345 kW | 2026-08-11 13:51:00')
  t.equal(shown('10100200', array(nullData)), 'null kW | null', 'a null structure keeps the places')
  t.equal(shown('20000200', array({ type: 'uint16', value: 2198 })), '219.8 V')
  t.equal(shown('20010200', array(int32(1000))), '1.000 A')
  t.equal(shown('20040200', array(int32(-66056))), '-6605.6 W')
  t.equal(shown('200A0200', array({ type: 'int16', value: -1000 })), '-1.000')
  t.equal(shown('200F0200', { type: 'uint16', value: 5000 }), '50.00 Hz')
  t.equal(shown('202C0200', structure(uint32(12345), uint32(7))), '123.45 yuan | 7')
  t.equal(shown('202C0201', uint32(12345)), '123.45 yuan')
  t.equal(shown('202C0209', uint32(12345)), '12345')
  t.equal(shown('41090200', uint32(1200)), '1200 imp/kWh')
  t.equal(shown('30110400', uint32(5)), '5')
  t.equal(shown('30112200', nullData), 'null', 'snapshot bits do not change the attribute')
  t.equal(shown('30110701', array(structure(nullData, structure(uint32(2), uint32(90))))), 'null | 2 | 90 s')
})

await t.test('a power is read in kW, shown in W', async (t) => {
  t.strictSame(reading('20040201', int32(66056)), [{ kind: 'number', int: 66056, exponent: -4, unit: 'kW' }])
  t.strictSame(reading('20050201', int32(1)), [{ kind: 'number', int: 1, exponent: -4, unit: 'kvar' }])
  t.strictSame(reading('20060201', int32(1)), [{ kind: 'number', int: 1, exponent: -4, unit: 'kVA' }])
  const units: readonly TableUnit[] = [
    'kWh',
    'kvarh',
    'kVAh',
    'kW',
    'kvar',
    'kVA',
    'V',
    'A',
    'Hz',
    '%',
    '°',
    '°C',
    'min',
    's',
    'ms',
    'yuan',
    'yuan/kWh',
    'imp/kWh',
    'imp/kvarh',
    'Ah',
    '',
  ]
  for (const unit of units) t.strictSame(readingUnit(unit), { unit, shift: 0 })
})

await t.test('the running status words are words of bits, the third names the relay', async (t) => {
  const word = (hex: string): Data => ({ type: 'bit-string', bits: 16, hex })
  t.equal(shown('20140203', word('0B08')), '0B08 relay-open,relay-command-trip,pre-trip-alarm,power-protection')
  t.equal(shown('20140203', word('8000')), '8000 bit-0')
  t.equal(shown('20140201', word('0800')), '0800 bit-4')
  t.equal(shown('20140209', word('0800')), '0800 bit-4')
  t.strictSame(reading('20140200', array(word('0000'), word('0001')))[1], {
    kind: 'bits',
    hex: '0001',
    names: ['bit-15'],
    unit: '',
  })
})

await t.test('what does not fit the table is refused', async (t) => {
  t.equal(shown('00100200', array(array(uint32(1)))), 'type-mismatch')
  t.equal(shown('00100201', { type: 'octet-string', hex: '00' }), 'type-mismatch')
  t.equal(shown('00100201', { type: 'bool', value: true }), 'type-mismatch')
  t.equal(shown('10100201', uint32(1)), 'type-mismatch', 'a demand without its time might have another scale')
  t.equal(shown('40000200', moment('07EA021E000000')), 'bad-time')
  t.equal(
    shown('30110701', array(structure(nullData, structure(uint32(1), uint32(2)), uint32(7)))),
    'null | 1 | 2 s | 7',
    'more than the table knows is shown plainly',
  )
})

await t.test('every type of data has a text', async (t) => {
  const text = (data: Data) => shown('F4000200', data)
  t.equal(text({ type: 'visible-string', hex: '44445A00001B5B4A80' }), 'DDZ\0\0\\x1B[J\\x80')
  t.equal(text({ type: 'utf8-string', hex: 'E794B5C29B07' }), '电\\x9B\\x07')
  t.equal(text({ type: 'float32', hex: '3FC00000' }), '1.5')
  t.equal(text({ type: 'float64', hex: '3FF8000000000000' }), '1.5')
  t.equal(text({ type: 'float32', hex: '7FC00000' }), 'null', 'what is no number is none')
  t.equal(text({ type: 'TI', hex: '01000F' }), '15 min')
  t.equal(text({ type: 'TSA', hex: '05000000000001' }), '000000000001')
  t.equal(text({ type: 'ROAD', hex: '50020200' + '0200100201' + '00200201' }), '50020200:00100201,00200201')
  t.equal(text({ type: 'CSD', hex: '0000100200' }), '00100200')
  t.equal(text({ type: 'RCSD', hex: '02' + '0000100200' + '0150020200' + '0100200201' }), '00100200 50020200:00200201')
  t.equal(text({ type: 'octet-string', hex: 'ABCD' }), 'ABCD')
  t.equal(text({ type: 'bool', value: false }), 'false')
  t.equal(text({ type: 'enum', value: 3 }), '3')
  t.equal(text({ type: 'bit-string', bits: 3, hex: 'E0' }), 'E0 bit-0,bit-1,bit-2')
  t.equal(text({ type: 'date', hex: '07EA080BFF' }), '2026-08-11')
  t.equal(text({ type: 'time', hex: '000000' }), '00:00:00')
  t.equal(text({ type: 'bit-string', bits: 9, hex: '' }), '', 'a word without its bytes has no bits')
})

await t.test('a reading drops what fills a string, and keeps what a number cannot hold as text', async (t) => {
  t.strictSame(reading('410B0200', { type: 'visible-string', hex: '2044445A0000' }), [{ kind: 'text', text: 'DDZ', unit: '' }])
  t.strictSame(reading('410B0200', { type: 'visible-string', hex: '0000' }), [{ kind: 'text', text: null, unit: '' }])
  t.strictSame(reading('410B0200', { type: 'octet-string', hex: '2000' }), [{ kind: 'text', text: '2000', unit: '' }])
  t.strictSame(reading('410B0200', nullData), [{ kind: 'text', text: null, unit: '' }])
  t.strictSame(
    reading('00100401', { type: 'uint64', value: 2n ** 63n }),
    [{ kind: 'text', text: '922337203685477.5808'.padStart(20), unit: 'kWh' }].map((value) => ({
      ...value,
      text: formatDecimal(2n ** 63n, -4),
    })),
  )
  t.strictSame(reading('00100201', { type: 'float32', hex: '3FC00000' }), [{ kind: 'text', text: '1.5', unit: 'kWh' }])
})

await t.test('the table is consistent: every object once, each with a name', async (t) => {
  const keys = registers.flatMap(({ ois, attribute }) => ois.map((oi) => `${oi}.${attribute}`))
  t.equal(new Set(keys).size, keys.length)
  t.ok(registers.every(({ name, ois }) => name !== '' && ois.every((oi) => /^[0-9A-F]{4}$/.test(oi))))
  t.equal(findObject('00100200')?.name, 'forward active energy')
  t.equal(findObject('00108200')?.name, 'forward active energy', 'a value after the event')
  t.equal(findObject('F4000200'), null)
})

await t.test('times come and go, and what is no time is none', async (t) => {
  const time = fc.record({
    year: fc.integer({ min: 1, max: 9999 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.integer({ min: 0, max: 59 }),
    second: fc.integer({ min: 0, max: 59 }),
  })
  fc.assert(
    fc.property(
      time,
      (wanted) => JSON.stringify(Object.entries(readMoment(momentHex(wanted)) ?? {})) === JSON.stringify(Object.entries(wanted)),
    ),
  )
  t.equal(momentText({ year: 2024, month: 2, day: 29, hour: 1, minute: 2, second: 3 }), '2024-02-29 01:02:03')
  for (const hex of [
    '07EA021D000000',
    '07EA000B000000',
    '07EA0D0B000000',
    '07EA0800000000',
    '07EA080B180000',
    '07EA080B003C00',
    '07EA080B00003C',
    'FFFF080B000000',
  ]) {
    t.equal(readMoment(hex), null, hex)
    t.throws(() => momentHex({ year: 2026, month: 2, day: 29, hour: 0, minute: 0, second: 0 }), RangeError)
  }
  t.throws(() => momentHex({ year: 70000, month: 2, day: 1, hour: 0, minute: 0, second: 0 }), RangeError)
  t.throws(() => momentHex({ year: 2026, month: 2.5, day: 1, hour: 0, minute: 0, second: 0 }), RangeError)
})

await t.test('parts of a time that are not given are stars', async (t) => {
  t.strictSame(timeText('date_time_s', 'FFFF02FF000000'), { text: '****-02-** 00:00:00' })
  t.strictSame(timeText('date_time_s', 'FFFF021D000000'), { text: '****-02-29 00:00:00' })
  t.equal(timeText('date_time_s', 'FFFF021E000000'), null)
  t.strictSame(timeText('date_time', '07EA080B020D331600 0F'.replace(' ', '')), { text: '2026-08-11 13:51:22.015' })
  t.strictSame(timeText('date_time', '07EA080B020D3316FFFF'), { text: '2026-08-11 13:51:22' })
  t.equal(timeText('date_time', '07EA080B020D331603E8'), null, 'a thousand milliseconds')
  t.strictSame(timeText('date', '07EA080B02'), { text: '2026-08-11' })
  t.equal(timeText('date', '07EA081F02'.replace('1F', '20')), null)
  t.strictSame(timeText('time', '0D3316'), { text: '13:51:22' })
  t.equal(timeText('time', '183316'), null)
  t.strictSame(timeText('time', 'FFFFFF'), { text: null })
  t.strictSame(timeText('date', '0000000000'), { text: null })
})

await t.test('intervals count by the calendar', async (t) => {
  const start = { year: 2026, month: 12, day: 31, hour: 23, minute: 45, second: 0 }
  t.match(laterBy(start, { count: 15, unit: 'min' }, 1), { year: 2027, month: 1, day: 1, hour: 0, minute: 0 })
  t.match(laterBy(start, { count: 30, unit: 's' }, 3), { minute: 46, second: 30 })
  t.match(laterBy(start, { count: 1, unit: 'h' }, 2), { year: 2027, hour: 1 })
  t.match(laterBy(start, { count: 1, unit: 'd' }, 1), { year: 2027, month: 1, day: 1 })
  t.match(laterBy({ ...start, day: 1 }, { count: 1, unit: 'mon' }, 2), { year: 2027, month: 2, day: 1 })
  t.match(laterBy(start, { count: 1, unit: 'y' }, 2), { year: 2028, month: 12 })
  t.equal(intervalHex({ count: 15, unit: 'min' }), '01000F')
  t.throws(() => intervalHex({ count: 0x10000, unit: 's' }), RangeError)
  t.throws(() => intervalHex({ count: 0.5, unit: 's' }), RangeError)
})

await t.test('registers are written as attributes, or as records with columns', async (t) => {
  t.strictSame(valueOf(parseRegister('0010020a')), { kind: 'value', oad: '0010020A' })
  t.strictSame(valueOf(parseRegister('50020200:00100201,0020020a/15MIN')), {
    kind: 'record',
    oad: '50020200',
    columns: ['00100201', '0020020A'],
    period: { count: 15, unit: 'min' },
    nth: null,
  })
  t.match(valueOf(parseRegister('50040200:00100200#0a')), { nth: 10, period: null })
  for (const [given, wanted] of [
    ['50020200:0010020a/15MIN', '50020200:0010020A/15min'],
    ['50040200:00100200#0a', '50040200:00100200#0A'],
    ['50060200:00100200/1mon#01', '50060200:00100200/1mon#01'],
  ] as const) {
    t.equal(valueOf(checkRegister(given)), wanted)
  }
  const columns = Array.from({ length: columnsMax + 1 }, () => '00100200').join()
  for (const wrong of [
    '',
    '0010',
    '00100200:',
    '50040200:00100200#00',
    '50040200:00100200#1',
    '50040200:00100200/0min',
    '50040200:00100200/5weeks',
    `50040200:${columns}`,
  ]) {
    t.match(checkRegister(wrong), { ok: false, error: { code: 'bad-register' } }, wrong)
  }
  const period = (register: string) => {
    const parsed = valueOf(parseRegister(register))
    return parsed.kind === 'record' ? periodOf(parsed) : null
  }
  t.strictSame(period('50020200:00100200'), { count: 15, unit: 'min' })
  t.strictSame(period('50020200:00100200/1h'), { count: 1, unit: 'h' })
  t.equal(period('30110200:20220200'), null)
  t.equal(hexOf(bytesOf('')), '')
})
