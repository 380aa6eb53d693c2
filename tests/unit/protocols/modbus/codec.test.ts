import fc from 'fast-check'
import t from 'tap'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  crc16,
  decodeFrame,
  encodeFrame,
  encodeReply,
  encodeRequest,
  exceptionName,
  functionOf,
  parseReply,
  parseRequest,
  type Reply,
  type Request,
} from '../../../../src/protocols/modbus/index.js'
import { bytesOf, frameOf } from '../../../helpers/modbus.js'
import { valueOf } from '../../../helpers/outcome.js'

const codeOf = (bytes: Uint8Array) => {
  const frame = decodeFrame(bytes)
  return frame.ok ? 'ok' : `${frame.error.code} at ${frame.error.at}`
}

await t.test('the checksum is that of the standard’s catalogue', async (t) => {
  t.equal(crc16(new TextEncoder().encode('123456789')), 0x4b37)
  t.equal(crc16(new Uint8Array()), 0xffff)
})

await t.test('what is no frame says where', async (t) => {
  const good = frameOf('1103006B0003')
  t.equal(codeOf(good), 'ok')
  t.equal(codeOf(bytesOf('')), 'empty at byte 0')
  t.equal(codeOf(bytesOf('1103')), 'truncated at byte 2')
  t.equal(codeOf(good.slice(0, 7)), 'truncated at byte 7')
  t.equal(codeOf(frameOf('110306AE4156524340').slice(0, -1)), 'truncated at byte 10')
  t.equal(codeOf(Uint8Array.of(...good, 0)), 'trailing-bytes at byte 8')
  t.equal(codeOf(Uint8Array.of(...good, 0, 0, 0)), 'trailing-bytes at byte 8', 'zeros behind a frame leave its checksum right')
  t.equal(codeOf(Uint8Array.of(...good, 7)), 'trailing-bytes at byte 8')
  t.equal(codeOf(bytesOf('1103006B00037688')), 'bad-checksum at byte 6')
  t.equal(codeOf(bytesOf('11410000')), 'bad-checksum at byte 2')
  t.equal(codeOf(new Uint8Array(257)), 'too-long at byte 256')
  t.equal(codeOf(frameOf('F803006B0003')), 'bad-address at byte 0')
  t.throws(() => encodeFrame({ address: 248, control: 3, data: new Uint8Array() }), RangeError)
  t.throws(() => encodeFrame({ address: 1.5, control: 3, data: new Uint8Array() }), RangeError)
  t.throws(() => encodeFrame({ address: 1, control: 3, data: new Uint8Array(253) }), RangeError)
})

await t.test('a request that no device could take is refused, by name', async (t) => {
  const refusals: readonly (readonly [string, string])[] = [
    ['1141', 'unknown-function'],
    ['1183006B0003', 'unknown-function'],
    ['1103006B00', 'bad-length'],
    ['1103006B000300', 'bad-length'],
    ['1105006B00', 'bad-length'],
    ['110600', 'bad-length'],
    ['1103006B0000', 'bad-quantity'],
    ['1103006B007E', 'bad-quantity'],
    ['1101006B07D1', 'bad-quantity'],
    ['1103FFFF0002', 'bad-range'],
    ['1105006B0001', 'bad-value'],
    ['110F0013000A01CD', 'bad-length'],
    ['110F0013000A02CD', 'bad-length'],
    ['110F0013000000', 'bad-quantity'],
    ['11100001000203000A01', 'bad-length'],
    ['11100001000204000A', 'bad-length'],
    ['1110', 'bad-length'],
    ['1116000400F200', 'bad-length'],
    ['111700030006000E00030600FF00FF', 'bad-length'],
    ['111700030006000E000000', 'bad-quantity'],
    ['11170003007E000E00010200FF', 'bad-quantity'],
    ['111700030001FFFF00020400FF00FF', 'bad-range'],
  ]
  for (const [hex, code] of refusals) {
    const request = parseRequest(valueOf(decodeFrame(frameOf(hex))))
    t.equal(request.ok ? 'ok' : request.error.code, code, hex)
  }
})

await t.test('an answer of another shape is refused, by name', async (t) => {
  const refusals: readonly (readonly [string, string])[] = [
    ['1141', 'unknown-function'],
    ['1183', 'bad-length'],
    ['11830201', 'bad-length'],
    ['1101', 'bad-length'],
    ['110100', 'bad-length'],
    ['110102CD', 'bad-length'],
    ['110303AE4156', 'bad-length'],
    ['110302AE4156', 'bad-length'],
    ['1105006B', 'bad-length'],
    ['1105006B0001', 'bad-value'],
    ['1110000100', 'bad-length'],
    ['111000010000', 'bad-quantity'],
    ['11100001007C', 'bad-quantity'],
    ['110F0013FFFF', 'bad-quantity'],
    ['1110FFFF0002', 'bad-quantity'],
    ['1116000400F2', 'bad-length'],
  ]
  for (const [hex, code] of refusals) {
    const reply = parseReply(valueOf(decodeFrame(frameOf(hex))))
    t.equal(reply.ok ? 'ok' : reply.error.code, code, hex)
  }
})

await t.test('what no frame can carry never goes out', async (t) => {
  const bad: readonly Request[] = [
    { fn: 'read-coils', start: 0, count: 2001 },
    { fn: 'read-holding-registers', start: 0, count: 0 },
    { fn: 'read-holding-registers', start: 65_535, count: 2 },
    { fn: 'read-holding-registers', start: -1, count: 2 },
    { fn: 'read-holding-registers', start: 0.5, count: 2 },
    { fn: 'write-register', start: 0, word: 65_536 },
    { fn: 'write-coils', start: 0, bits: [] },
    { fn: 'write-registers', start: 0, words: Array.from({ length: 124 }, () => 0) },
    { fn: 'read-write-registers', start: 0, count: 1, writeStart: 0, words: Array.from({ length: 122 }, () => 0) },
  ]
  for (const request of bad) t.throws(() => encodeRequest(17, request), RangeError, JSON.stringify(request))
  t.throws(() => encodeRequest(0, { fn: 'read-coils', start: 0, count: 1 }), /broadcast/)
  t.throws(() => encodeRequest(0, { fn: 'read-write-registers', start: 0, count: 1, writeStart: 0, words: [1] }), /broadcast/)
  t.equal(hexOf(encodeRequest(0, { fn: 'write-coil', start: 1, bit: false })), hexOf(frameOf('000500010000')))
})

const word = fc.integer({ min: 0, max: 0xffff })
const wordList = (most: number) => fc.array(word, { minLength: 1, maxLength: most })
const bitList = fc.array(fc.boolean(), { minLength: 1, maxLength: 1968 })
const start = fc.integer({ min: 0, max: 60_000 })
const count = fc.integer({ min: 1, max: 125 })

const anyRequest: fc.Arbitrary<Request> = fc.oneof(
  fc.record({ fn: fc.constantFrom('read-coils', 'read-inputs', 'read-holding-registers', 'read-input-registers'), start, count }),
  fc.record({ fn: fc.constant('write-coil'), start, bit: fc.boolean() }),
  fc.record({ fn: fc.constant('write-register'), start, word }),
  fc.record({ fn: fc.constant('write-coils'), start, bits: bitList }),
  fc.record({ fn: fc.constant('write-registers'), start, words: wordList(123) }),
  fc.record({ fn: fc.constant('mask-write-register'), start, andMask: word, orMask: word }),
  fc.record({ fn: fc.constant('read-write-registers'), start, count, writeStart: start, words: wordList(121) }),
)
const anyReply: fc.Arbitrary<Reply> = fc.oneof(
  fc.record({ fn: fc.constantFrom('read-coils', 'read-inputs'), bytes: fc.uint8Array({ minLength: 1, maxLength: 250 }) }),
  fc.record({
    fn: fc.constantFrom('read-holding-registers', 'read-input-registers', 'read-write-registers'),
    words: wordList(125),
  }),
  fc.record({ fn: fc.constant('write-register'), start, word }),
  fc.record({ fn: fc.constantFrom('write-coils', 'write-registers'), start, count: fc.integer({ min: 1, max: 123 }) }),
  fc.record({ fn: fc.constant('mask-write-register'), start, andMask: word, orMask: word }),
  fc.record({ fn: fc.constantFrom('read-coils', 'write-registers'), exception: fc.integer({ min: 0, max: 255 }) }),
)

await t.test('any request and any answer survives encoding and decoding', async (t) => {
  const address = fc.integer({ min: 1, max: 247 })
  fc.assert(
    fc.property(address, anyRequest, (to, request) => {
      const frame = valueOf(decodeFrame(encodeRequest(to, request)))
      return frame.address === to && JSON.stringify(valueOf(parseRequest(frame))) === JSON.stringify(request)
    }),
  )
  fc.assert(
    fc.property(address, anyReply, (from, reply) => {
      const bytes = encodeReply(from, reply)
      return hexOf(encodeReply(from, valueOf(parseReply(valueOf(decodeFrame(bytes)))))) === hexOf(bytes)
    }),
  )
  t.equal(hexOf(encodeReply(17, { fn: 'write-coil', start: 172, word: 0xff00 })), hexOf(frameOf('110500ACFF00')))
})

await t.test('exceptions and functions have names', async (t) => {
  t.equal(exceptionName(2), 'illegal-data-address')
  t.equal(exceptionName(0x0b), 'gateway-target-silent')
  t.equal(exceptionName(99), 'exception-99')
  t.equal(functionOf(0x90), 'write-registers')
  t.equal(functionOf(0x2b), null)
})
