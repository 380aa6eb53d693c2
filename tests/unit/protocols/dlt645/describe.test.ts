import t from 'tap'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import { describeFrame, explainFrame } from '../../../../src/protocols/dlt645/index.js'
import { frameOf } from '../../../helpers/dlt645.js'

const address = '000000000161'
const describe = (control: number, dataHex: string) => describeFrame(frameOf(address, control, dataHex))
/** The values of a frame, or the code of its error. */
const shown = (control: number, dataHex: string) => {
  const result = describe(control, dataHex)
  if (!('values' in result)) return result.error.code
  if (!result.ok) return result.error?.code
  return result.values.map(({ value, unit }) => (unit === null ? String(value) : `${value} ${unit}`)).join(' | ')
}

await t.test('a frame is shown exactly as the command line prints it', async (t) => {
  t.strictSame(describeFrame('FEFE6861010000000068910833333433593333338A16'), {
    ok: true,
    protocol: 'dlt645-2007',
    direction: 'reply',
    address,
    control: '91',
    length: 8,
    preamble: 2,
    di: '00010000',
    values: [{ value: '0.26', unit: 'kWh' }],
  })
  t.strictSame(
    describeFrame('68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8a 16\n'),
    describeFrame(frameOf(address, 0x91, '0000010026000000')),
  )
})

await t.test('a refusal is a good frame whose error is named', async (t) => {
  t.strictSame(describe(0xd1, '02'), {
    ok: true,
    protocol: 'dlt645-2007',
    direction: 'reply',
    address,
    control: 'D1',
    length: 1,
    preamble: 0,
    di: null,
    values: [],
    error: { code: 'refused', at: 'data', message: 'the meter refused: no-such-data', bits: ['no-such-data'] },
  })
  t.match(describe(0xc3, '0200'), { ok: true, error: { bits: ['repeated-recharge'] } })
  t.match(describe(0xdc, '1000'), { ok: true, error: { bits: ['command-expired'] } })
  t.match(describe(0xdc, ''), { ok: true, error: { bits: [], message: 'the meter refused: no reason' } })
  t.match(describe(0xd4, '000000'), { ok: false, error: { code: 'bad-length' } })
})

await t.test('what is no frame says where', async (t) => {
  t.strictSame(describeFrame('68zz'), {
    ok: false,
    protocol: 'dlt645-2007',
    error: { code: 'not-hex', at: 'character 2', message: 'expected a hexadecimal digit, found "z"' },
  })
  t.match(describeFrame('68 1'), { ok: false, error: { code: 'not-hex', at: 'character 4' } })
  t.match(describeFrame(''), { ok: false, error: { code: 'empty' } })
  t.match(describeFrame(new Uint8Array([0x00])), { ok: false, error: { code: 'no-start', at: 'byte 0' } })
  const good = hexOf(frameOf(address, 0x9c, ''))
  t.match(describeFrame(good + '00'), { ok: false, error: { code: 'trailing-bytes', at: 'byte 12' } })
})

await t.test('data that are not what their register should hold are told, never shown as a number', async (t) => {
  t.match(describe(0x91, '000001002600000A'), { ok: false, address, di: '00010000', values: [], error: { code: 'bad-digit' } })
  t.match(describe(0x91, '00000100260000'), { ok: false, di: '00010000', values: [], error: { code: 'bad-length' } })
  t.match(describe(0x91, '000001'), { ok: false, di: null, error: { code: 'bad-length' } })
})

await t.test('unknown control codes and the older edition are refused', async (t) => {
  t.match(describe(0x1f, ''), {
    ok: false,
    protocol: 'dlt645-2007',
    control: '1F',
    error: { code: 'unknown-control', at: 'byte 8' },
  })
  t.match(describe(0x81, '1090'), { ok: false, protocol: 'dlt645-1997', error: { code: 'unsupported-protocol' } })
})

await t.test('every request shows what it asks, and no password', async (t) => {
  t.equal(shown(0x03, 'FF010107D4C3B2A1AABB'), 'AABB')
  t.equal(shown(0x08, '512210050617'), '2017-06-05 10:22:51')
  t.match(describe(0x11, '01000106030708090324'), { ok: true, values: [], detail: { count: '3', from: '2024-03-09 08:07' } })
  t.match(describe(0x11, '0200000612'), { ok: true, values: [], detail: { count: '12' } })
  t.equal(shown(0x11, '00000100'), '')
  t.match(describe(0x12, '0100300301'), { di: '03300001', seq: 1 })
  t.equal(shown(0x13, ''), '')
  t.equal(shown(0x14, '0603000402563412D4C3B2A1600000'), '60')
  t.equal(shown(0x14, '0603000402563412D4C3B2A1600A00'), 'bad-digit')
  t.equal(shown(0x14, '0603000498563412D4C3B2A1600000'), '600000', 'enciphered')
  t.equal(shown(0x14, '010C000402563412D4C3B2A102777777'), '', 'a password as the value')
  t.equal(shown(0x15, '129078563412'), '123456789012')
  t.equal(shown(0x16, '99999999'), '**-** **:**')
  t.equal(shown(0x16, '30080199'), '**-01 08:30')
  t.equal(shown(0x17, '20'), '9600')
  t.equal(shown(0x17, '03'), 'flag 03')
  t.equal(shown(0x18, '010C00040033221100665544'), '')
  t.equal(shown(0x19, '02563412D4C3B2A1'), '')
  t.equal(shown(0x1a, '02563412D4C3B2A1'), '')
  t.match(describe(0x1b, '02563412D4C3B2A1FFFFFFFF'), { ok: true, di: 'FFFFFFFF', values: [] })
  const relay = (data: string) => describe(0x1c, '02563412D4C3B2A1' + data)
  t.match(relay('1A00060708090324'), { ok: true, values: [], detail: { command: 'trip', expiry: '2024-03-09 08:07:06' } })
  t.match(relay('1C00999999999999'), { ok: true, detail: { command: 'close', expiry: 'unchecked' } })
  t.match(relay('5A'.repeat(20)), { ok: true, values: [], detail: { command: 'enciphered' } })
  t.equal(shown(0x1d, '01'), '1')
  t.equal(shown(0x1e, 'C0FFEE'), 'C0FFEE')
  t.equal(shown(0x08, ''), 'bad-length')
  const secrets: readonly (readonly [number, string])[] = [
    [0x14, '0603000402563412D4C3B2A1600000'],
    [0x18, '010C00040256341202563412'],
    [0x19, '02563412D4C3B2A1'],
    [0x1b, '02563412D4C3B2A1FFFFFFFF'],
    [0x1c, '02563412D4C3B2A11A00060708090324'],
  ]
  for (const [control, data] of secrets) t.notMatch(JSON.stringify(describe(control, data)), /123456|563412|A1B2C3D4|D4C3B2A1/)
})

await t.test('every answer shows what it brings', async (t) => {
  t.equal(shown(0x83, 'FF028107AABB'), 'AABB')
  t.equal(shown(0x91, '030500045000'), '0050')
  t.equal(shown(0x91, '00FF01020123FFFFFFFF'), '230.1 V | null V | null V', 'phases B and C are not there')
  t.equal(shown(0x91, '01FF0102'), '', 'no data of an unknown register')
  t.match(describe(0x92, '01FF0605AABB01'), { ok: true, di: '0506FF01', seq: 1, values: [{ value: 'AABB', unit: null }] })
  t.equal(shown(0x93, '129078563412'), '123456789012')
  t.equal(shown(0x94, ''), '')
  t.equal(shown(0x94, '0102'), '0102', 'a confirmation with data')
  for (const control of [0x88, 0x95, 0x96, 0x99, 0x9a, 0x9b]) t.equal(shown(control, ''), '')
  t.equal(shown(0x97, '08'), '2400')
  t.equal(shown(0x98, '00665544'), '')
  t.equal(shown(0x9c, ''), '')
  t.equal(shown(0x9c, '0400'), '0004')
  t.equal(shown(0x9d, '00'), '0')
  t.equal(shown(0x9e, '01'), '01')
})

await t.test('explained for people, status words carry the names of their set bits, and nothing else changes', async (t) => {
  const word = frameOf(address, 0x91, '0305000450' + '00')
  t.strictSame(explainFrame(word), {
    ...describeFrame(word),
    values: [{ value: '0050', unit: null, bits: ['relay-open', 'relay-command-trip'] }],
  })
  t.notMatch(JSON.stringify(describeFrame(word)), /relay-open/)
  t.match(explainFrame(frameOf(address, 0x9c, '0480')), { values: [{ value: '8004', bits: ['trip-direct', 'bit-15'] }] })
  t.match(explainFrame(frameOf(address, 0x91, '030500040000')), { values: [{ value: '0000', bits: [] }] })
  for (const other of [frameOf(address, 0x91, '0000010026000000'), frameOf(address, 0xd1, '02'), new Uint8Array(1)]) {
    t.strictSame(explainFrame(other), describeFrame(other))
  }
})

await t.test('the first part of a longer answer shows whole elements, or its bytes', async (t) => {
  t.equal(shown(0xb1, '00FF010026000000' + '01000000'), '0.26 kWh | 0.01 kWh')
  t.equal(shown(0xb1, '00FF01002600000001'), '2600000001')
  t.equal(shown(0xb1, '01FF0605' + '0000241023'), '0000241023')
  t.equal(shown(0xb1, '0100300301'), '01')
  const record = 'A0A01C0500010117992310240724000000000000000000' + '0050' + 'AAAAAAAAAAAA' + 'E1E5'
  t.match(shown(0xb1, '02000006' + record), /^2017-01-01 00:05 \| 239\.9 V/)
  t.equal(shown(0xb1, '02000006' + record.slice(0, 20)), record.slice(0, 20))
})
