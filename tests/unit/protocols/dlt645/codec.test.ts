import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { readBcd, writeBcd } from '../../../../src/protocols/dlt645/bcd.js'
import {
  addressBytes,
  addressMatches,
  addressText,
  addressed,
  answersFor,
  checkAddress,
  checkReadAddress,
  controlByte,
  dataBytesMax,
  decodeFrame,
  encodeFrame,
  flagOfSpeed,
  functionNames,
  hasWildcard,
  isOf1997,
  parseControl,
  partBytesMax,
  readTime,
  relayCode,
  relayWord,
  relayWords,
  speakerOf,
  speedOfFlag,
  timeText,
  writeTime,
} from '../../../../src/protocols/dlt645/index.js'
import { valueOf } from '../../../helpers/outcome.js'

const good = bytesOf('6861010000000068910833333433593333338A16')

await t.test('a meter’s frame says who speaks, a master’s does not', async (t) => {
  t.equal(speakerOf(good), '000000000161')
  t.equal(speakerOf(encodeFrame({ address: '000000000161', control: 0x11, data: new Uint8Array(4) })), null)
  t.equal(speakerOf(Uint8Array.of(0x68)), null)
})

await t.test('a frame round-trips with any address, control, data and wake-up bytes', async (t) => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[0-9A-F]{12}$/),
      fc.integer({ min: 0, max: 255 }),
      fc.uint8Array({ maxLength: dataBytesMax }),
      fc.integer({ min: 0, max: 20 }),
      (address, control, data, preamble) => {
        const decoded = valueOf(decodeFrame(encodeFrame({ address, control, data }, preamble)))
        return (
          decoded.address === address &&
          decoded.control === control &&
          decoded.preamble === preamble &&
          hexOf(decoded.data) === hexOf(data)
        )
      },
    ),
  )
  t.equal(
    encodeFrame({ address: '000000000161', control: 0x11, data: bytesOf('00000100') }).length,
    20,
    'four wake-up bytes unless told',
  )
})

await t.test('a decoded frame shares no memory with the bytes it came from', async (t) => {
  const buffer = Buffer.from(good)
  const { data } = valueOf(decodeFrame(buffer))
  const before = hexOf(data)
  buffer.fill(0)
  t.equal(hexOf(data), before)
})

await t.test('what is no frame says what is wrong at which byte', async (t) => {
  const errorOf = (hex: string) => {
    const result = decodeFrame(bytesOf(hex))
    return result.ok ? 'ok' : `${result.error.code} ${result.error.at}`
  }
  const hex = hexOf(good)
  const cases: readonly (readonly [string, string])[] = [
    [hex, 'ok'],
    ['', 'empty byte 0'],
    ['FEFE', 'empty byte 2'],
    ['FE00' + hex, 'no-start byte 1'],
    [hex.slice(0, 2), 'truncated byte 1'],
    ['FE' + hex.slice(0, 18), 'truncated byte 10'],
    [hex.slice(0, 14) + '69' + hex.slice(16), 'no-second-start byte 7'],
    [hex.slice(0, -2), 'truncated byte 19'],
    [hex.slice(0, -4) + '8B16', 'bad-checksum byte 18'],
    [hex.slice(0, -2) + '17', 'no-end byte 19'],
    ['FE' + hex + 'FEFE', 'trailing-bytes byte 21'],
  ]
  for (const [bytes, expected] of cases) t.equal(errorOf(bytes), expected, bytes)
})

await t.test('a single frame may be longer than we send', async (t) => {
  const long = encodeFrame({ address: '1'.repeat(12), control: 0x91, data: new Uint8Array(200) }, 0)
  t.ok(decodeFrame(long).ok)
  t.throws(() => encodeFrame({ address: '1'.repeat(12), control: 0x91, data: new Uint8Array(201) }), RangeError)
})

await t.test('bytes and hexadecimal text', async (t) => {
  t.strictSame(bytesOf('0aFf'), Uint8Array.of(0x0a, 0xff))
  t.throws(() => bytesOf('0'), RangeError)
  t.throws(() => bytesOf('zz'), RangeError)
})

await t.test('addresses go lowest byte first and match by AA', async (t) => {
  t.equal(hexOf(addressBytes('123456789012')), '129078563412')
  t.equal(addressText(bytesOf('129078563412')), '123456789012')
  t.throws(() => addressBytes('1234'), RangeError)
  t.ok(addressMatches('aaaaaa345678', '123456345678'))
  t.notOk(addressMatches('AAAAAA345679', '123456345678'))
  t.ok(hasWildcard('AAAAAA345678'))
  t.notOk(hasWildcard('1AA123345678'), 'AA across two bytes is no wildcard')
})

await t.test('an address for one meter is 1 to 12 digits, no wildcard, no broadcast', async (t) => {
  t.equal(valueOf(checkAddress('161')), '000000000161')
  t.equal(valueOf(checkAddress('0000000000ef')), '0000000000EF')
  t.match(checkAddress('AAAAAAAAAAAA'), { ok: false, error: { code: 'wildcard-address' } })
  t.match(checkAddress('999999999999'), { ok: false, error: { code: 'broadcast-address' } })
  t.match(checkAddress(''), { ok: false, error: { code: 'bad-address' } })
  t.equal(valueOf(checkReadAddress('AAAAAA345678')), 'AAAAAA345678')
})

await t.test('a meter answers its own and wildcard addresses, acts on broadcasts, ignores the rest', async (t) => {
  t.equal(addressed('000000000161', '000000000161'), 'answer')
  t.equal(addressed('000000000161', 'AAAAAAAAAA61'), 'answer')
  t.equal(addressed('000000000161', '999999999999'), 'act-silently')
  t.equal(addressed('000000000161', '000000000162'), 'ignore')
})

await t.test('every control code of the standard stands for one thing', async (t) => {
  for (const fn of functionNames) {
    t.strictSame(parseControl(controlByte({ kind: 'request', fn })), { kind: 'request', fn })
    t.strictSame(parseControl(controlByte({ kind: 'reply', fn, more: false })), { kind: 'reply', fn, more: false })
    t.strictSame(parseControl(controlByte({ kind: 'refusal', fn })), { kind: 'refusal', fn })
  }
  t.strictSame(parseControl(0xb1), { kind: 'reply', fn: 'read', more: true })
  t.strictSame(parseControl(0xb2), { kind: 'reply', fn: 'read-more', more: true })
  t.equal(controlByte({ kind: 'reply', fn: 'read', more: true }), 0xb1)
  for (const odd of [0x00, 0x1f, 0x31, 0x51, 0xf1, 0xb4]) t.equal(parseControl(odd), null)
  for (const old of [0x01, 0x81, 0xa1, 0xc1, 0x0a, 0x90]) t.ok(isOf1997(old))
  for (const other of [0x11, 0x03, 0x21, 0x41, 0xe1]) t.notOk(isOf1997(other))
})

await t.test('digits above 9 are never a number, and the sign is the top bit', async (t) => {
  t.equal(readBcd(bytesOf('26000000')), 26)
  t.equal(readBcd(bytesOf('0A')), null)
  t.equal(readBcd(bytesOf('A0')), null)
  t.equal(readBcd(bytesOf('5080'), true), -50)
  t.equal(readBcd(bytesOf('0080'), true), 0, 'minus zero is zero')
  t.equal(readBcd(bytesOf('5080')), 8050, 'without a sign the same bits are a digit')
  t.equal(hexOf(writeBcd(-50, 2, true)), '5080')
  t.throws(() => writeBcd(8000, 2, true), RangeError)
  t.throws(() => writeBcd(10_000, 2), RangeError)
  t.throws(() => writeBcd(-1, 2), RangeError)
  t.throws(() => writeBcd(0.5, 2), RangeError)
  fc.assert(
    fc.property(fc.integer({ min: -799_999, max: 799_999 }), (value) => readBcd(writeBcd(value, 3, true), true) === value),
  )
  fc.assert(fc.property(fc.integer({ min: 0, max: 999_999 }), (value) => readBcd(writeBcd(value, 3)) === value))
})

await t.test('instants round-trip between 2000 and 2099 and nothing else is one', async (t) => {
  const at = { year: 2024, month: 2, day: 29, hour: 23, minute: 59, second: 58 }
  t.equal(hexOf(writeTime(at)), '585923290224')
  t.strictSame(readTime(bytesOf('585923290224')), at)
  t.strictSame(readTime(writeTime(at, 5)), { ...at, second: 0 })
  t.equal(timeText(at), '2024-02-29 23:59:58')
  for (const bad of [
    '605923290224',
    '586023290224',
    '585924290224',
    '585923290223',
    '585923000224',
    '585923291324',
    '58592329020A',
  ]) {
    t.equal(readTime(bytesOf(bad)), null, bad)
  }
  t.equal(readTime(bytesOf('585923290024')), null)
  t.equal(readTime(bytesOf('5859')), null)
  t.throws(() => writeTime({ ...at, year: 1999 }), RangeError)
  t.throws(() => writeTime({ ...at, year: 2100 }), RangeError)
  t.throws(() => writeTime({ ...at, second: 60 }), RangeError)
})

await t.test('speeds are flags, relay commands are bytes', async (t) => {
  t.strictSame([0x02, 0x04, 0x08, 0x10, 0x20, 0x40].map(speedOfFlag), [600, 1200, 2400, 4800, 9600, 19_200])
  t.equal(speedOfFlag(0x16), null, 'decimal 16 read as hexadecimal is no flag')
  t.equal(flagOfSpeed(9600), 0x20)
  t.equal(flagOfSpeed(300), null)
  for (const word of relayWords) t.equal(relayWord(relayCode(word)), word)
  t.equal(relayWord(0x1f), null)
})

await t.test('a long answer is cut into follow-up answers whose numbers run 1 to 255 and begin again', async (t) => {
  t.strictSame(answersFor('00010000', bytesOf('26000000')), [
    { kind: 'reply', fn: 'read', di: '00010000', data: bytesOf('26000000'), more: false },
  ])
  const data = Uint8Array.from({ length: partBytesMax + 1 }, (_, index) => index)
  t.strictSame(
    answersFor('0506FF01', data).map((reply) => ('more' in reply ? reply.more : null)),
    [true, false],
  )
  const seqs = answersFor('0506FF01', new Uint8Array(258), 1).map((reply) => ('seq' in reply ? reply.seq : 0))
  t.strictSame([seqs[0], seqs[1], seqs[255], seqs[256], seqs.length], [0, 1, 255, 1, 258])
})
