import t from 'tap'
import { describeFrame } from '../../../../src/protocols/modbus/index.js'
import { frameOf } from '../../../helpers/modbus.js'

const describe = (hex: string, direction: 'request' | 'reply' | null = null) => describeFrame(frameOf(hex), direction)

await t.test('a frame is shown exactly as the command line prints it', async (t) => {
  t.strictSame(describeFrame('11 03 06 ae 41 56 52 43 40 49 ad\n'), {
    ok: true,
    protocol: 'modbus-rtu',
    direction: 'reply',
    address: '17',
    control: '03',
    length: 7,
    detail: { function: 'read-holding-registers' },
    values: [
      { value: '44609', unit: null },
      { value: '22098', unit: null },
      { value: '17216', unit: null },
    ],
  })
  t.strictSame(describeFrame('1103006B00037687'), {
    ok: true,
    protocol: 'modbus-rtu',
    direction: 'request',
    address: '17',
    control: '03',
    length: 4,
    detail: { function: 'read-holding-registers', start: '107', count: '3' },
    values: [],
  })
})

await t.test('a refusal is a good frame whose error is named', async (t) => {
  t.strictSame(describeFrame('0A8102B053'), {
    ok: true,
    protocol: 'modbus-rtu',
    direction: 'reply',
    address: '10',
    control: '81',
    length: 1,
    detail: { function: 'read-coils' },
    values: [],
    error: {
      code: 'refused',
      at: 'data',
      message: 'the device refused: illegal-data-address',
      bits: ['illegal-data-address'],
    },
  })
})

await t.test(
  'lengths and counts tell request from reply; what is the same in both is a request unless said otherwise',
  async (t) => {
    t.match(describe('110203ACDB35'), { direction: 'reply', values: { length: 24 } }, 'a quantity of DB35 is none')
    t.match(describe('110203000010'), { direction: 'request', detail: { start: '768', count: '16' } }, 'both are possible')
    t.match(describe('110203000010', 'reply'), { ok: true, direction: 'reply', values: { length: 24 } })
    t.match(describe('11050001FF00'), { direction: 'request', values: [{ value: '1' }] })
    t.match(describe('11050001FF00', 'reply'), { direction: 'reply', detail: { start: '1' }, values: [{ value: '1' }] })
    t.match(describe('110600010003', 'reply'), { direction: 'reply', detail: { start: '1' }, values: [{ value: '3' }] })
    t.match(describe('1116000400F20025', 'reply'), { direction: 'reply', detail: { start: '4', and: '00F2', or: '0025' } })
    t.match(describe('1116000400F20025'), { direction: 'request', detail: { and: '00F2', or: '0025' } })
    t.match(describe('110F00130002'), { direction: 'reply', detail: { start: '19', count: '2' } })
    t.match(describe('111700030006000E0001020005'), {
      direction: 'request',
      detail: { start: '3', count: '6', writeStart: '14' },
      values: [{ value: '5' }],
    })
  },
)

await t.test('what is no frame says why', async (t) => {
  t.match(describeFrame('11zz'), { ok: false, protocol: 'modbus-rtu', error: { code: 'not-hex', at: 'character 2' } })
  t.match(describeFrame('11 0'), { ok: false, error: { code: 'not-hex', at: 'character 4' } })
  t.match(describeFrame(''), { ok: false, error: { code: 'empty' } })
  t.match(describeFrame('1103006B00037688'), { ok: false, error: { code: 'bad-checksum' } })
  t.match(describeFrame('1103006B0003768700'), { ok: false, error: { code: 'trailing-bytes', at: 'byte 8' } })
  t.strictSame(describe('1141'), {
    ok: false,
    protocol: 'modbus-rtu',
    direction: 'request',
    address: '17',
    control: '41',
    length: 0,
    values: [],
    error: { code: 'unknown-function', at: 'data', message: 'the function code is none that is spoken here' },
  })
  t.match(describe('11C101'), { ok: false, direction: 'reply', error: { code: 'unknown-function' } })
  t.match(describe('1103006B0000'), { ok: false, direction: 'request', values: [], error: { code: 'bad-quantity' } })
  t.match(describe('1103006B00'), { ok: false, error: { code: 'bad-length' } })
  t.match(describe('11830101'), { ok: false, direction: 'reply', error: { code: 'bad-length' } })
  t.match(describe('1103006B0003', 'reply'), { ok: false, direction: 'reply', error: { code: 'bad-length' } })
})

await t.test('a broadcast is a write', async (t) => {
  t.match(describe('000600010003'), { ok: true, address: '0', direction: 'request' })
  t.match(describe('0003006B0003'), { ok: false, error: { code: 'bad-address', at: 'byte 0' } })
  t.match(describe('001700030006000E0001020005'), { ok: false, error: { code: 'bad-address' } })
  t.match(describe('0003020003'), { ok: false, direction: 'request' }, 'nobody answers a broadcast')
  t.match(describe('0003020003', 'reply'), { ok: false, error: { code: 'bad-address' } })
})
