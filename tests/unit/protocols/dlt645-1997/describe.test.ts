import t from 'tap'
import { describeFrame } from '../../../../src/protocols/dlt645-1997/index.js'
import { frameOf } from '../../../helpers/dlt645.js'

const address = '138000130754'
const describe = (control: number, dataHex: string) => describeFrame(frameOf(address, control, dataHex))
/** The values of a frame, or the code of its error. */
const shown = (control: number, dataHex: string) => {
  const result = describe(control, dataHex)
  if (!('values' in result)) return result.error.code
  if (!result.ok) return result.error?.code
  return result.values.map(({ value, unit }) => (unit === null ? String(value) : `${value} ${unit}`)).join(' | ')
}

await t.test('a frame is shown exactly as the command line prints it', async (t) => {
  t.strictSame(describeFrame('FE 68 54 07 13 00 80 13 68 81 06 43 c3 34 33 33 33 2b 16\n'), {
    ok: true,
    protocol: 'dlt645-1997',
    direction: 'reply',
    address,
    control: '81',
    length: 6,
    preamble: 1,
    di: '9010',
    values: [{ value: '0.01', unit: 'kWh' }],
  })
})

await t.test('a wildcard in place of the meter’s address is flagged', async (t) => {
  t.match(describeFrame(frameOf('AAAAAAAAAAAA', 0x81, '109061720200')), {
    ok: true,
    detail: { address: 'wildcard-echo' },
    values: [{ value: '272.61' }],
  })
  t.notOk('detail' in describeFrame(frameOf('AAAAAAAAAAAA', 0x01, '1090')), 'a request by wildcard is no echo')
  t.notOk('detail' in describeFrame(frameOf('AAAAAA130754', 0x81, '109061720200')), 'some addresses are filled with AA')
})

await t.test('every request shows what it asks, and no password', async (t) => {
  t.match(describe(0x01, '1F90'), { ok: true, direction: 'request', di: '901F', values: [] })
  t.match(describe(0x02, '1F90'), { ok: true, di: '901F', values: [] })
  t.match(describe(0x03, ''), { ok: true, di: null, values: [] })
  t.equal(shown(0x04, '10C30212345604'), '4')
  t.equal(shown(0x04, '10C3021234560A'), 'bad-digit')
  t.equal(shown(0x08, '060708090324'), '2024-03-09 08:07:06')
  t.equal(shown(0x0a, '129078563412'), '123456789012')
  t.equal(shown(0x0c, '08'), 'flag 08')
  t.equal(shown(0x0f, '0212345602123456'), '')
  t.equal(shown(0x10, '02123456'), '')
  t.equal(shown(0x10, ''), '')
  for (const [control, data] of [
    [0x04, '10C30212345604'],
    [0x0f, '0212345602123456'],
    [0x10, '02123456'],
    [0x8f, '02123456'],
  ] as const)
    t.notMatch(JSON.stringify(describe(control, data)), /123456|563412/)
})

await t.test('every answer shows what it brings', async (t) => {
  t.equal(shown(0x81, '1F900100000002000000AA'), '0.01 kWh | 0.02 kWh')
  t.equal(shown(0xa1, '1F900100000002000000'), '0.01 kWh | 0.02 kWh', 'whole elements of a first part are known')
  t.equal(shown(0xa1, '1F9001000000020000'), '01000000020000')
  t.equal(shown(0xa1, '109001000000'), '01000000')
  t.match(describe(0x82, '1F9002000000AA'), { ok: true, di: '901F', values: [{ value: '02000000AA', unit: null }] })
  t.equal(shown(0x83, '109001000000'), '0.01 kWh')
  t.equal(shown(0xa3, '1F9000000001'), '10000.00 kWh')
  t.equal(shown(0x83, '1F90000001'), '000001', 'perhaps a part of an answer')
  for (const control of [0x84, 0x8a, 0x90]) t.equal(shown(control, ''), '')
  t.equal(shown(0x8c, '08'), 'flag 08')
  t.equal(shown(0x8f, '02123456'), '')
})

await t.test('a refusal is a good frame whose error is named', async (t) => {
  t.strictSame(describe(0xc1, '02'), {
    ok: true,
    protocol: 'dlt645-1997',
    direction: 'reply',
    address,
    control: 'C1',
    length: 1,
    preamble: 0,
    di: null,
    values: [],
    error: { code: 'refused', at: 'data', message: 'the meter refused: no-such-data', bits: ['no-such-data'] },
  })
  t.match(describe(0xc4, ''), { ok: true, error: { bits: [], message: 'the meter refused: no reason' } })
  t.match(describe(0xc1, '0200'), { ok: false, error: { code: 'bad-length' } })
})

await t.test('what is no frame of this edition says why', async (t) => {
  t.match(describeFrame('68zz'), { ok: false, protocol: 'dlt645-1997', error: { code: 'not-hex', at: 'character 2' } })
  t.match(describeFrame(''), { ok: false, protocol: 'dlt645-1997', error: { code: 'empty' } })
  t.match(describe(0x91, '0000010026000000'), {
    ok: false,
    protocol: 'dlt645-1997',
    control: '91',
    values: [],
    error: { code: 'unknown-control', at: 'byte 8' },
  })
  for (const control of [0x11, 0x88, 0xc8, 0x1f, 0xa4]) t.equal(shown(control, ''), 'unknown-control')
  t.match(describe(0x81, '10906172020A'), { ok: false, di: '9010', values: [], error: { code: 'bad-digit' } })
  t.match(describe(0x81, '10906172'), { ok: false, di: '9010', error: { code: 'bad-length' } })
  t.equal(shown(0x81, '10'), 'bad-length')
  t.equal(shown(0x01, '109001'), 'bad-length')
  const good = frameOf(address, 0x01, '1090')
  t.match(describeFrame(Uint8Array.of(...good, 0)), { ok: false, error: { code: 'trailing-bytes' } })
})
