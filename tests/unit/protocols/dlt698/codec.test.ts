import fc from 'fast-check'
import t from 'tap'
import { byteAt, bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { nth } from '../../../../src/protocols/dlt698/bytes.js'
import {
  addressMatches,
  broadcastServer,
  checkAddress,
  checkReadAddress,
  crc16,
  decodeFrame,
  encodeFrame,
  serverBytes,
  serverOf,
  type Frame,
} from '../../../../src/protocols/dlt698/index.js'
import { frameOf } from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'

const getClock = '0501004000020000'
const good = frameOf(0x43, '05010000000000', 0x10, getClock)
const codeOf = (bytes: Uint8Array) => {
  const decoded = decodeFrame(bytes)
  return decoded.ok ? 'ok' : `${decoded.error.code} ${decoded.error.at}`
}
const changed = (at: number, byte: number) => good.map((old, index) => (index === (at + good.length) % good.length ? byte : old))

await t.test('the check sequence is CRC-16/X-25', async (t) => {
  t.equal(crc16(new TextEncoder().encode('123456789')), 0x906e)
  t.equal(crc16(new Uint8Array()), 0)
})

await t.test('each thing that can be wrong with a frame has its code and place', async (t) => {
  t.equal(codeOf(good), 'ok')
  t.equal(codeOf(new Uint8Array()), 'empty byte 0')
  t.equal(codeOf(bytesOf('FEFEFEFE')), 'empty byte 4')
  t.equal(codeOf(changed(0, 0x67)), 'no-start byte 0')
  t.equal(codeOf(good.subarray(0, 3)), 'truncated byte 3')
  t.equal(codeOf(good.subarray(0, 13)), 'truncated byte 13')
  t.equal(codeOf(good.subarray(0, -1)), `truncated byte ${good.length - 1}`)
  t.equal(codeOf(changed(5, 0x02)), 'bad-hcs byte 12')
  t.equal(codeOf(changed(14, 0x06)), `bad-fcs byte ${good.length - 3}`)
  t.equal(codeOf(changed(-1, 0x17)), `no-end byte ${good.length - 1}`)
  t.equal(codeOf(Uint8Array.from([...good, 0x00])), `trailing-bytes byte ${good.length}`)
  t.equal(codeOf(bytesOf(`FEFE${hexOf(good)}00`)), `trailing-bytes byte ${good.length + 2}`)
  t.equal(codeOf(withLength(5)), 'bad-length byte 1')
  t.equal(codeOf(frameOf(0x63, '05010000000000', 0x10, '00')), 'bad-segment byte 14')
  t.equal(codeOf(frameOf(0x63, '05010000000000', 0x10, '')), 'bad-segment byte 14')
})

await t.test('the two high bits of the length are not part of it', async (t) => {
  const bytes = [...good.subarray(1, 12)]
  const high = (bytes[1] ?? 0) | 0xc0
  const head = [bytes[0] ?? 0, high, ...bytes.slice(2)]
  const crc = crc16(Uint8Array.from(head))
  const checked = [...head, crc & 0xff, crc >> 8, ...good.subarray(14, -3)]
  const fcs = crc16(Uint8Array.from(checked))
  t.match(decodeFrame(Uint8Array.from([0x68, ...checked, fcs & 0xff, fcs >> 8, 0x16])), { ok: true, value: { length: 23 } })
})

await t.test('a scrambled body bears 33H more in each byte, also in the word of a piece', async (t) => {
  const control = { from: 'client', asked: 'client', fn: 3, scrambled: true } as const
  const frame: Frame = { control, server: serverOf('000000000001'), client: 0x10, segment: null, body: bytesOf('05FF') }
  t.equal(hexOf(encodeFrame(frame, 0)), hexOf(frameOf(0x4b, '05010000000000', 0x10, '3832')))
  t.equal(hexOf(valueOf(decodeFrame(encodeFrame(frame))).body), '05FF')
  const piece: Frame = { ...frame, segment: { number: 1, kind: 'middle' } }
  t.equal(hexOf(encodeFrame(piece, 0)), hexOf(frameOf(0x6b, '05010000000000', 0x10, '34F33832')))
})

await t.test('whatever a frame holds comes back from its bytes', async (t) => {
  const control = fc.record({
    from: fc.constantFrom('client' as const, 'server' as const),
    asked: fc.constantFrom('client' as const, 'server' as const),
    fn: fc.integer({ min: 0, max: 7 }),
    scrambled: fc.boolean(),
  })
  const server = fc.record({
    kind: fc.constantFrom('single' as const, 'wildcard' as const, 'group' as const, 'broadcast' as const),
    logical: fc.integer({ min: 0, max: 3 }),
    digits: fc.uint8Array({ minLength: 1, maxLength: 16 }).map(hexOf),
  })
  const segment = fc.option(
    fc.record({
      number: fc.integer({ min: 0, max: 4095 }),
      kind: fc.constantFrom('first' as const, 'last' as const, 'middle' as const, 'confirmation' as const),
    }),
  )
  const frame = fc.record({
    control,
    server,
    client: fc.integer({ min: 0, max: 255 }),
    segment,
    body: fc.uint8Array({ maxLength: 300 }),
  })
  fc.assert(
    fc.property(frame, fc.integer({ min: 0, max: 20 }), (wanted, preamble) => {
      const { controlByte: _control, length, preamble: found, ...rest } = valueOf(decodeFrame(encodeFrame(wanted, preamble)))
      const sameBody = hexOf(rest.body) === hexOf(wanted.body)
      return (
        sameBody &&
        found === preamble &&
        length > 0 &&
        JSON.stringify({ ...rest, body: 0 }) === JSON.stringify({ ...wanted, body: 0 })
      )
    }),
  )
  t.throws(() => encodeFrame({ ...valueOf(decodeFrame(good)), body: new Uint8Array(0x4000) }), /at most 16385/)
})

await t.test('addresses: flags, order of bytes, wildcards', async (t) => {
  t.equal(hexOf(serverBytes(serverOf('000032909591'))), '05919590320000')
  t.equal(hexOf(serverBytes(serverOf('AAAAAAAAAAAA'))), '45AAAAAAAAAAAA', 'a wildcard says so in its flags')
  t.equal(hexOf(serverBytes(broadcastServer)), 'C0AA')
  t.equal(hexOf(serverBytes({ kind: 'group', logical: 2, digits: '12345678' })), 'A378563412')
  t.throws(() => serverBytes(serverOf('123')), RangeError)
  t.throws(() => serverBytes({ kind: 'single', logical: 4, digits: '12' }), RangeError)
  t.ok(addressMatches('AAAAAAAA9591', '000032909591'))
  t.notOk(addressMatches('AAAAAAAA9592', '000032909591'))
  t.notOk(addressMatches('AA', '000032909591'))
  t.equal(valueOf(checkAddress('32909591')), '000032909591')
  t.equal(valueOf(checkAddress('1234567890123456')), '1234567890123456')
  t.equal(valueOf(checkReadAddress('aa')), '0000000000AA')
  for (const wrong of ['', 'x', '1234567890123', '12 34', 'B1', '1'.repeat(34)])
    t.match(checkAddress(wrong), { ok: false, error: { code: 'bad-address' } }, wrong)
  t.match(checkAddress('AAAAAAAAAAAA'), { ok: false, error: { code: 'wildcard-address' } })
  t.throws(() => bytesOf('1'), RangeError)
  t.throws(() => nth([], 0), RangeError)
  t.ok(Number.isNaN(byteAt(new Uint8Array(), 0)))
})

await t.test('decoding and encoding leave their arguments alone', async (t) => {
  const bytes = Buffer.from(good)
  const { body } = valueOf(decodeFrame(bytes))
  body.fill(0)
  t.equal(hexOf(bytes), hexOf(good))
})

/** A frame whose length field is too small for its header, with a right check of the header. */
function withLength(length: number): Uint8Array {
  const head = [length, 0, ...good.subarray(3, 12)]
  const crc = crc16(Uint8Array.from(head))
  return Uint8Array.from([0x68, ...head, crc & 0xff, crc >> 8, ...good.subarray(14)])
}
