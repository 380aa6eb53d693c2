import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  checksum,
  decodeLoadRecords,
  decodeRegister,
  encodeLoadRecords,
  loadClassFields,
  loadRecordValues,
  plainValue,
} from '../../../../src/protocols/dlt645/index.js'
import { valueOf } from '../../../helpers/outcome.js'

/** A real data field, its register removed (facts §8.8). */
const real = 'A0A01C0500010117992310240724000000000000000000' + '0050' + 'AAAAAAAAAAAA' + 'E1E5'
const at = { year: 2017, month: 1, day: 1, hour: 0, minute: 5, second: 0 }

/** A record around content, with the right length and checksum. */
function recordOf(content: string): string {
  const body = 'A0A0' + hexOf(Uint8Array.of(content.length / 2)) + content
  return body + hexOf(Uint8Array.of(checksum(bytesOf(body)))) + 'E5'
}
const stamp = '0500010117'
const energies = '26000000' + '01000000' + '02000000' + '03000080'

await t.test('a real record decodes to its instant, voltages, currents and frequency', async (t) => {
  const [record, ...rest] = valueOf(decodeLoadRecords(bytesOf(real), 0))
  t.equal(rest.length, 0)
  t.strictSame(record?.at, at)
  t.strictSame(record?.values.map(plainValue), [2399, 2410, 2407, 0, 0, 0, 5000])
})

await t.test('the values of each class stand in the order that is documented', async (t) => {
  t.equal(loadRecordValues.length, loadClassFields.length)
  for (const [index, fields] of loadClassFields.entries()) {
    const units = fields.map((field) => (field.kind === 'number' ? field.unit : ''))
    t.strictSame(
      loadRecordValues[index]?.map((value) => value.unit),
      units,
    )
  }
})

await t.test('records of one class come with six places or with their own alone', async (t) => {
  const expected = [26, 1, 2, -3]
  const six = recordOf(stamp + 'AAAAAA' + energies + 'AAAAAA')
  const alone = recordOf(stamp + energies + 'AA')
  for (const hex of [six, alone]) {
    const [record] = valueOf(decodeLoadRecords(bytesOf(hex), 4))
    t.strictSame(record?.values.map(plainValue), expected)
  }
  const [absent] = valueOf(decodeLoadRecords(bytesOf(recordOf(stamp + 'AA'.repeat(6))), 4))
  t.strictSame(absent?.values, [], 'the meter does not record the class')
  t.strictSame(valueOf(decodeLoadRecords(bytesOf(recordOf(stamp + 'AA')), 4))[0]?.values, [])
  const [demand] = valueOf(decodeLoadRecords(bytesOf(recordOf(stamp + '010000020000' + 'AA')), 6))
  t.strictSame(demand?.values.map(plainValue), [1, 2])
})

await t.test('several records follow one another, and one that does not exist is left out', async (t) => {
  const empty = recordOf('0000000000' + 'AA'.repeat(6))
  const unset = recordOf('FFFFFFFFFF' + 'AA'.repeat(6))
  t.equal(valueOf(decodeLoadRecords(bytesOf(real + empty + unset + real), 0)).length, 2)
  t.strictSame(valueOf(decodeLoadRecords(new Uint8Array(), 0)), [])
})

await t.test('what is no record is refused with its place', async (t) => {
  const codeOf = (hex: string, loadClass = 0) => {
    const result = decodeLoadRecords(bytesOf(hex), loadClass)
    return result.ok ? 'ok' : `${result.error.code} ${result.error.at}`
  }
  t.equal(codeOf('A0'), 'bad-record data byte 0')
  t.equal(codeOf('A1' + real.slice(2)), 'bad-record data byte 0')
  t.equal(codeOf('A0A1' + real.slice(4)), 'bad-record data byte 0')
  t.equal(codeOf(real.slice(0, -2) + 'E6'), 'bad-record data byte 0')
  t.equal(codeOf(real.slice(0, -4) + 'E2E5'), 'bad-record data byte 0')
  t.equal(codeOf(real + 'A0'), 'bad-record data byte 33')
  t.equal(codeOf('A0A0FF' + real.slice(6)), 'bad-record data byte 0')
  t.equal(codeOf(recordOf('0500')), 'bad-record data byte 0')
  t.equal(codeOf(recordOf('0525010117' + 'AA'.repeat(6))), 'bad-digit data byte 3')
  t.equal(codeOf(recordOf(stamp + 'AA'.repeat(5))), 'bad-record data byte 3', 'a place is missing')
  t.equal(codeOf(recordOf(stamp + 'AA'.repeat(7))), 'bad-record data byte 3', 'a place too many')
  t.equal(codeOf(recordOf(stamp + 'AA'.repeat(3) + energies)), 'bad-record data byte 3', 'no AA behind a class')
  t.equal(codeOf(recordOf(stamp + 'AA'.repeat(3) + energies.slice(0, 8))), 'bad-record data byte 3', 'half a class')
  t.equal(codeOf(recordOf(stamp + 'AA'.repeat(3) + '0B' + energies.slice(2) + 'AAAAAA')), 'bad-record data byte 3', 'no digits')
})

await t.test('records round-trip through a meter’s encoder', async (t) => {
  const full = loadClassFields.map((fields) => fields.map((_, index) => index + 1))
  const records = [
    { at, classes: full },
    { at: { ...at, minute: 20 }, classes: [null, null, null, [26, null, 2, -3]] },
  ]
  const data = encodeLoadRecords(records)
  const [one, two] = valueOf(decodeLoadRecords(data, 0))
  t.strictSame(one?.values.map(plainValue), full.flat())
  t.strictSame([two?.at, two?.values.map(plainValue)], [{ ...at, minute: 20 }, [26, null, 2, -3]])
  t.equal(hexOf(encodeLoadRecords([{ at, classes: [[2399, 2410, 2407, 0, 0, 0, 5000]] }])), real)
})

await t.test('a register of load records shows each record’s time and values', async (t) => {
  t.strictSame(valueOf(decodeRegister('06000002', bytesOf(real))).map(plainValue), [
    '2017-01-01 00:05',
    2399,
    2410,
    2407,
    0,
    0,
    0,
    5000,
  ])
  t.match(decodeRegister('06000002', bytesOf('A0')), { ok: false, error: { code: 'bad-record' } })
})
