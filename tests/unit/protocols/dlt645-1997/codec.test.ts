import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  controlByte,
  decodeFrame,
  encodeReply,
  encodeRequest,
  functionNames,
  parseControl,
  parseReply,
  parseRequest,
  refusalNames,
  registerBytes,
  type Reply,
  type Request,
} from '../../../../src/protocols/dlt645-1997/index.js'
import { frameOf } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = '138000130754'
const time = { year: 2024, month: 3, day: 9, hour: 8, minute: 7, second: 6 }
/** A frame's data as they stand on the page, without bias. */
const dataOf = (bytes: Uint8Array) => hexOf(valueOf(decodeFrame(bytes)).data)

await t.test('every request goes out as the page says, and is read back', async (t) => {
  const requests: readonly (readonly [number, string, Request])[] = [
    [0x01, '1090', { fn: 'read', di: '9010' }],
    [0x02, '1F90', { fn: 'read-more', di: '901F' }],
    [0x03, '', { fn: 'read-again' }],
    [0x04, '10C3025634120405', { fn: 'write', di: 'C310', password: '02123456', data: bytesOf('0405') }],
    [0x08, '060708090324', { fn: 'time-sync', time }],
    [0x0a, '129078563412', { fn: 'write-address', address: '123456789012' }],
    [0x0c, '08', { fn: 'change-speed', flag: 8 }],
    [0x0f, '0033221100665544', { fn: 'change-password', old: '00112233', replacement: '00445566' }],
    [0x10, '', { fn: 'clear-demand', password: null }],
    [0x10, '02563412', { fn: 'clear-demand', password: '02123456' }],
  ]
  for (const [control, data, request] of requests) {
    const bytes = encodeRequest(address, request)
    t.equal(hexOf(bytes), hexOf(frameOf(address, control, data, 4)), request.fn)
    t.strictSame(valueOf(parseRequest(valueOf(decodeFrame(bytes)))), request, request.fn)
  }
})

await t.test('every answer comes as the page says, and is written so', async (t) => {
  const data = bytesOf('01000000')
  const replies: readonly (readonly [number, string, Reply])[] = [
    [0x81, '109001000000', { kind: 'reply', fn: 'read', di: '9010', data, more: false }],
    [0xa1, '1F9001000000', { kind: 'reply', fn: 'read', di: '901F', data, more: true }],
    [0x82, '1F9001000000', { kind: 'reply', fn: 'read-more', di: '901F', data, more: false }],
    [0xa2, '1F9001000000', { kind: 'reply', fn: 'read-more', di: '901F', data, more: true }],
    [0x83, '109001000000', { kind: 'reply', fn: 'read-again', di: '9010', data, more: false }],
    [0xa3, '109001000000', { kind: 'reply', fn: 'read-again', di: '9010', data, more: true }],
    [0x84, '', { kind: 'reply', fn: 'write' }],
    [0x8a, '', { kind: 'reply', fn: 'write-address' }],
    [0x8c, '08', { kind: 'reply', fn: 'change-speed', flag: 8 }],
    [0x8f, '00665544', { kind: 'reply', fn: 'change-password', replacement: '00445566' }],
    [0x90, '', { kind: 'reply', fn: 'clear-demand' }],
    [0xc1, '02', { kind: 'refusal', fn: 'read', errors: 2 }],
    [0xd0, '', { kind: 'refusal', fn: 'clear-demand', errors: null }],
  ]
  for (const [control, hex, reply] of replies) {
    const bytes = encodeReply(address, reply)
    t.equal(hexOf(bytes), hexOf(frameOf(address, control, hex)), hex)
    t.strictSame(valueOf(parseReply(valueOf(decodeFrame(bytes)))), reply, hex)
  }
})

await t.test('lengths that no service has, and frames of the other direction, are refused', async (t) => {
  const codeOf = (control: number, hex: string, isRequest: boolean) => {
    const frame = valueOf(decodeFrame(frameOf(address, control, hex)))
    const result = isRequest ? parseRequest(frame) : parseReply(frame)
    return result.ok ? 'ok' : result.error.code
  }
  const short: readonly (readonly [number, string])[] = [
    [0x01, '10'],
    [0x01, '109000'],
    [0x02, '1090' + '01'],
    [0x03, '10'],
    [0x04, '10C302563412'],
    [0x08, '0607080903'],
    [0x0a, '1290785634'],
    [0x0c, ''],
    [0x0f, '00332211'],
    [0x10, '0256341200'],
  ]
  for (const [control, hex] of short) t.equal(codeOf(control, hex, true), 'bad-length', `${control} ${hex}`)
  t.equal(codeOf(0x08, '0607080933AA', true), 'bad-digit')
  for (const control of [0x11, 0x81, 0x09]) t.equal(codeOf(control, '1090', true), 'not-a-request')
  const shortReplies: readonly (readonly [number, string])[] = [
    [0x81, '10'],
    [0x82, ''],
    [0x83, '10'],
    [0x84, '00'],
    [0x8a, '00'],
    [0x90, '00'],
    [0x8c, ''],
    [0x8f, '0066'],
    [0xc1, '0200'],
  ]
  for (const [control, hex] of shortReplies) t.equal(codeOf(control, hex, false), 'bad-length', `${control} ${hex}`)
  for (const control of [0x01, 0x91, 0x88, 0xc8, 0xa4]) t.equal(codeOf(control, '1090', false), 'not-a-reply')
})

await t.test('control codes are taken apart and put together again', async (t) => {
  const known = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => parseControl(byte) !== null)
  t.equal(known.length, 9 + 8 + 8 + 3, 'requests, answers and refusals of all but the time, and three with more to follow')
  for (const byte of known) {
    const control = parseControl(byte)
    t.equal(control !== null && controlByte(control), byte)
  }
  for (const fn of functionNames) t.match(parseControl(controlByte({ kind: 'request', fn })), { kind: 'request', fn })
})

await t.test('ERR is named bit by bit', async (t) => {
  t.strictSame(refusalNames({ kind: 'refusal', fn: 'write', errors: 0b01110111 }), [
    'illegal-data',
    'no-such-data',
    'not-authorised',
    'too-many-year-zones',
    'too-many-day-slots',
    'too-many-tariffs',
  ])
  t.strictSame(refusalNames({ kind: 'refusal', fn: 'write', errors: 0x88 }), ['bit-3', 'bit-7'])
  t.strictSame(refusalNames({ kind: 'refusal', fn: 'write', errors: null }), [])
})

await t.test('a register that is none, and a password that is none, never go out', async (t) => {
  t.throws(() => registerBytes('901'), RangeError)
  t.throws(() => encodeRequest(address, { fn: 'read', di: '00010000' }), RangeError)
  t.throws(() => encodeRequest(address, { fn: 'clear-demand', password: '021234567' }), { message: /^(?!.*1234)/ })
})

await t.test('any request and any answer survives encoding and decoding', async (t) => {
  const hexText = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(hexOf)
  fc.assert(
    fc.property(hexText(6), hexText(2), fc.uint8Array({ maxLength: 198 }), fc.boolean(), (to, di, data, more) => {
      const reply: Reply = { kind: 'reply', fn: 'read', di, data, more }
      const frame = valueOf(decodeFrame(encodeReply(to, reply, 3)))
      const request = valueOf(parseRequest(valueOf(decodeFrame(encodeRequest(to, { fn: 'read', di })))))
      const again = valueOf(parseReply(frame))
      return (
        frame.address === to &&
        dataOf(encodeReply(to, again)) === dataOf(encodeReply(to, reply)) &&
        request.fn === 'read' &&
        request.di === di
      )
    }),
  )
  t.pass('round trips')
})
