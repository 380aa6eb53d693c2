import fc from 'fast-check'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  encodeReply,
  encodeRequest,
  functionNames,
  needsSecurityChip,
  parseReply,
  parseRequest,
  refusalNames,
  relayOfStatusWord,
  relayWords,
  statusNames,
  type Frame,
  type Reply,
  type Request,
} from '../../../../src/protocols/dlt645/index.js'
import { frameOf } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = '123456789012'
const frame = (control: number, data: string): Frame => ({ address, control, data: bytesOf(data) })
const time = { year: 2024, month: 3, day: 9, hour: 8, minute: 7, second: 6 }
const minute = { ...time, second: 0 }
const credentials = { password: '02123456', operator: 'A1B2C3D4' }

/** Each service, its bytes without bias as the facts page gives them, and its meaning. */
const requests: readonly (readonly [control: number, data: string, request: Request])[] = [
  [0x03, 'FF010107D4C3B2A1AABB', { fn: 'security', di: '070101FF', operator: 'A1B2C3D4', payload: bytesOf('AABB') }],
  [0x08, '060708090324', { fn: 'time-sync', time }],
  [0x11, '00000100', { fn: 'read', di: '00010000', load: null }],
  [0x11, '0200000612', { fn: 'read', di: '06000002', load: { count: 12, from: null } }],
  [0x11, '01000106030708090324', { fn: 'read', di: '06010001', load: { count: 3, from: minute } }],
  [0x12, '0100300301', { fn: 'read-more', di: '03300001', seq: 1 }],
  [0x13, '', { fn: 'read-address' }],
  [0x14, '0603000402563412D4C3B2A1600000', { fn: 'write', di: '04000306', credentials, data: bytesOf('600000') }],
  [0x15, '129078563412', { fn: 'write-address', address }],
  [0x16, '99999999', { fn: 'freeze', moment: { minute: null, hour: null, day: null, month: null } }],
  [0x16, '30080199', { fn: 'freeze', moment: { minute: 30, hour: 8, day: 1, month: null } }],
  [0x17, '20', { fn: 'change-speed', flag: 0x20 }],
  [0x18, '010C00040033221100665544', { fn: 'change-password', di: '04000C01', old: '00112233', replacement: '00445566' }],
  [0x19, '02563412D4C3B2A1', { fn: 'clear-demand', credentials }],
  [0x1a, '02563412D4C3B2A1', { fn: 'clear-meter', credentials }],
  [0x1b, '02563412D4C3B2A1FFFFFFFF', { fn: 'clear-events', credentials, di: 'FFFFFFFF' }],
  [0x1c, '02563412D4C3B2A11A00060708090324', { fn: 'relay', credentials, order: { command: 'trip', hold: 0, expiry: time } }],
  [
    0x1c,
    '02563412D4C3B2A11D05999999999999',
    { fn: 'relay', credentials, order: { command: 'trip-then-close', hold: 5, expiry: 'unchecked' } },
  ],
  [
    0x1c,
    '02563412D4C3B2A12B00000000000000',
    { fn: 'relay', credentials, order: { command: 'alarm-off', hold: 0, expiry: 'absent' } },
  ],
  [
    0x1c,
    '98563412D4C3B2A1' + '5A'.repeat(20),
    { fn: 'relay', credentials: { ...credentials, password: '98123456' }, order: { enciphered: bytesOf('5A'.repeat(20)) } },
  ],
  [0x1d, '01', { fn: 'output', signal: 1 }],
  [0x1e, 'C0FFEE', { fn: 'file-transfer', data: bytesOf('C0FFEE') }],
]

await t.test('every request of the standard encodes and parses', async (t) => {
  for (const [control, data, request] of requests) {
    t.equal(hexOf(encodeRequest(address, request, 1)), hexOf(frameOf(address, control, data, 1)), request.fn)
    t.strictSame(valueOf(parseRequest(frame(control, data))), request, request.fn)
  }
  t.strictSame(new Set(requests.map(([, , request]) => request.fn)), new Set(functionNames))
})

await t.test('a request that is none is refused with a reason', async (t) => {
  const codeOf = (control: number, data: string) => {
    const result = parseRequest(frame(control, data))
    return result.ok ? 'ok' : result.error.code
  }
  t.equal(codeOf(0x91, ''), 'not-a-request')
  t.equal(codeOf(0x01, '1090'), 'not-a-request')
  const wrongLengths: readonly (readonly [number, string])[] = [
    [0x03, '00'.repeat(7)],
    [0x08, ''],
    [0x11, '00'],
    [0x12, '00010000'],
    [0x13, '00'],
    [0x14, '00'.repeat(11)],
    [0x15, '00'],
    [0x16, '00'],
    [0x17, ''],
    [0x18, '00'],
    [0x19, '00'],
    [0x1a, '00'],
    [0x1b, '00'],
    [0x1c, '00'.repeat(9)],
    [0x1d, ''],
  ]
  for (const [control, data] of wrongLengths) t.equal(codeOf(control, data), 'bad-length', control.toString(16))
  t.equal(codeOf(0x08, '0A0708090324'), 'bad-digit')
  t.equal(codeOf(0x11, '010001060A'), 'bad-digit')
  t.equal(codeOf(0x11, '01000106030708091324'), 'bad-digit')
  t.equal(codeOf(0x16, '60999999'), 'bad-digit')
  t.equal(codeOf(0x16, '99990099'), 'bad-digit')
  t.equal(codeOf(0x16, '9999990A'), 'bad-digit')
  t.equal(codeOf(0x1c, '02563412D4C3B2A11F00060708090324'), 'bad-command')
})

await t.test('an expiry that is no time is absent, so a meter that checks refuses it', async (t) => {
  const parsed = valueOf(parseRequest(frame(0x1c, '02563412D4C3B2A11A00FF0708090324')))
  t.match(parsed, { fn: 'relay', order: { expiry: 'absent' } })
})

const replies: readonly (readonly [control: number, data: string, reply: Reply])[] = [
  [0x83, 'FF010107', { kind: 'reply', fn: 'security', di: '070101FF', payload: bytesOf('') }],
  [0x88, '', { kind: 'reply', fn: 'time-sync', data: bytesOf('') }],
  [0x91, '0000010026000000', { kind: 'reply', fn: 'read', di: '00010000', data: bytesOf('26000000'), more: false }],
  [0xb1, '0000010026000000', { kind: 'reply', fn: 'read', di: '00010000', data: bytesOf('26000000'), more: true }],
  [0x92, '01FF0605AB01', { kind: 'reply', fn: 'read-more', di: '0506FF01', data: bytesOf('AB'), seq: 1, more: false }],
  [0xb2, '01FF060501', { kind: 'reply', fn: 'read-more', di: '0506FF01', data: bytesOf(''), seq: 1, more: true }],
  [0x93, '129078563412', { kind: 'reply', fn: 'read-address', address }],
  [0x94, '', { kind: 'reply', fn: 'write', data: bytesOf('') }],
  [0x94, '0102', { kind: 'reply', fn: 'write', data: bytesOf('0102') }],
  [0x95, '', { kind: 'reply', fn: 'write-address', data: bytesOf('') }],
  [0x96, '', { kind: 'reply', fn: 'freeze', data: bytesOf('') }],
  [0x97, '20', { kind: 'reply', fn: 'change-speed', flag: 0x20 }],
  [0x98, '00665544', { kind: 'reply', fn: 'change-password', replacement: '00445566' }],
  [0x99, '', { kind: 'reply', fn: 'clear-demand', data: bytesOf('') }],
  [0x9a, '', { kind: 'reply', fn: 'clear-meter', data: bytesOf('') }],
  [0x9b, '', { kind: 'reply', fn: 'clear-events', data: bytesOf('') }],
  [0x9c, '', { kind: 'reply', fn: 'relay', word: null }],
  [0x9c, '0400', { kind: 'reply', fn: 'relay', word: 4 }],
  [0x9d, '02', { kind: 'reply', fn: 'output', signal: 2 }],
  [0x9e, '01', { kind: 'reply', fn: 'file-transfer', data: bytesOf('01') }],
  [0xd1, '02', { kind: 'refusal', fn: 'read', word: 2, bytes: 1 }],
  [0xc3, '0280', { kind: 'refusal', fn: 'security', word: 0x8002, bytes: 2 }],
  [0xdc, '', { kind: 'refusal', fn: 'relay', word: 0, bytes: 0 }],
]

await t.test('every answer of the standard encodes and parses', async (t) => {
  for (const [control, data, reply] of replies) {
    t.equal(hexOf(encodeReply(address, reply)), hexOf(frameOf(address, control, data)), control.toString(16))
    t.strictSame(valueOf(parseReply(frame(control, data))), reply, control.toString(16))
  }
})

await t.test('an answer that is none is refused with a reason', async (t) => {
  const codeOf = (control: number, data: string) => {
    const result = parseReply(frame(control, data))
    return result.ok ? 'ok' : result.error.code
  }
  t.equal(codeOf(0x11, '00000100'), 'not-a-reply')
  t.equal(codeOf(0x81, '1090'), 'not-a-reply')
  const wrongLengths: readonly (readonly [number, string])[] = [
    [0x83, '00'],
    [0x91, '00'],
    [0x92, '00010000'],
    [0x93, '00'],
    [0x97, ''],
    [0x98, '00'],
    [0x9c, '00'],
    [0x9d, ''],
    [0xd1, '000000'],
  ]
  for (const [control, data] of wrongLengths) t.equal(codeOf(control, data), 'bad-length', control.toString(16))
})

await t.test('requests round-trip through frames with any arguments', async (t) => {
  const di = fc.stringMatching(/^[0-9A-F]{8}$/)
  const secret = fc.record({ password: di, operator: di })
  const at = fc.record({
    year: fc.integer({ min: 2000, max: 2099 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
    hour: fc.integer({ min: 0, max: 23 }),
    minute: fc.integer({ min: 0, max: 59 }),
    second: fc.integer({ min: 0, max: 59 }),
  })
  const any: fc.Arbitrary<Request> = fc.oneof(
    fc.record({ fn: fc.constant('write' as const), di, credentials: secret, data: fc.uint8Array({ maxLength: 100 }) }),
    fc.record({ fn: fc.constant('time-sync' as const), time: at }),
    fc.record({ fn: fc.constant('read-more' as const), di, seq: fc.integer({ min: 1, max: 255 }) }),
    fc.record({
      fn: fc.constant('relay' as const),
      credentials: secret,
      order: fc.record({
        command: fc.constantFrom(...relayWords),
        hold: fc.integer({ min: 0, max: 255 }),
        expiry: fc.oneof(at, fc.constantFrom('unchecked' as const, 'absent' as const)),
      }),
    }),
  )
  fc.assert(
    fc.property(any, (request) => {
      const again = valueOf(parseRequest(valueOf(decodeFrame(encodeRequest(address, request)))))
      return isDeepStrictEqual(again, structuredClone(request))
    }),
  )
  t.pass('all round-tripped')
})

await t.test('a secret that fits no frame is refused without being repeated', async (t) => {
  for (const wrong of [
    { password: '0212345', operator: 'A1B2C3D4' },
    { password: '021234', operator: 'A1B2C3D4' },
    { password: '02123456', operator: 'A1B2' },
  ]) {
    try {
      encodeRequest(address, { fn: 'clear-demand', credentials: wrong })
      t.fail('it was encoded')
    } catch (error) {
      t.ok(error instanceof RangeError)
      t.notMatch(String(error), /1234|A1B2/)
    }
  }
  t.throws(() => encodeRequest(address, { fn: 'read', di: '0001', load: null }), RangeError)
})

await t.test('error words are named by the service that refused', async (t) => {
  t.strictSame(refusalNames({ fn: 'read', word: 0x03, bytes: 1 }), ['other', 'no-such-data'])
  t.strictSame(refusalNames({ fn: 'write', word: 0xfe, bytes: 1 }).length, 7)
  t.strictSame(refusalNames({ fn: 'security', word: 0x8202, bytes: 2 }), ['repeated-recharge', 'bit-9', 'vendor'])
  t.strictSame(refusalNames({ fn: 'relay', word: 0x04, bytes: 1 }), ['not-authorised'], 'one byte is ERR')
  t.strictSame(refusalNames({ fn: 'relay', word: 0x10, bytes: 2 }), ['command-expired'], 'two bytes are the relay’s own word')
  t.strictSame(refusalNames({ fn: 'read', word: 0x100, bytes: 2 }), ['bit-8'])
  t.strictSame(refusalNames({ fn: 'relay', word: 0, bytes: 0 }), [])
})

await t.test('a meter that wants orders enciphered is recognised', async (t) => {
  const says = (word: number, bytes: number) => needsSecurityChip({ fn: 'relay', word, bytes })
  t.ok(says(0x04, 1), 'ERR bit 2')
  t.ok(says(0x0002, 2), 'MAC check failed')
  t.ok(says(0x0004, 2), 'no authority')
  t.ok(says(0x0008, 2), 'authentication expired')
  t.notOk(says(0x0001, 2), 'suspended passes by itself')
  t.notOk(says(0x0010, 2), 'expired')
  t.notOk(says(0x01, 1), 'other')
})

await t.test('status words name their bits, and word 3 tells the relay', async (t) => {
  t.strictSame(statusNames(3, 0x0050), ['relay-open', 'relay-command-trip'])
  t.strictSame(statusNames(1, 0x000c), ['clock-battery-low', 'reading-battery-low'])
  t.strictSame(statusNames(5, 0x0001), ['voltage-loss-b'])
  t.strictSame(statusNames(7, 0x0200), ['cover-open'])
  t.strictSame(statusNames(8, 0x0001), ['bit-0'])
  t.strictSame(relayOfStatusWord(0x0050), { contact: 'open', command: 'trip', alarm: false, protected: false })
  t.strictSame(relayOfStatusWord(0x1080), { contact: 'closed', command: 'close', alarm: true, protected: true })
})
