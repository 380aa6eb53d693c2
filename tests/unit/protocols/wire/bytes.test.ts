import t from 'tap'
import { byteAt, bytesOf, hexByte, hexOf, joinBytes, reversed } from '../../../../src/protocols/wire/bytes.js'

await t.test('bytes and hexadecimal text', async (t) => {
  t.equal(hexOf(Uint8Array.of(0, 0xab, 0xff)), '00ABFF')
  t.strictSame(bytesOf('00abFF'), Uint8Array.of(0, 0xab, 0xff))
  t.equal(hexByte(10), '0A')
  for (const wrong of ['0', '0G', ' 00']) t.throws(() => bytesOf(wrong), RangeError, wrong)
})

await t.test('bytes are joined and turned round without touching what they came from', async (t) => {
  const bytes = Buffer.from([1, 2, 3])
  t.strictSame(reversed(bytes), Uint8Array.of(3, 2, 1))
  t.strictSame([...bytes], [1, 2, 3])
  t.strictSame(joinBytes([bytes, [4], new Uint8Array()]), Uint8Array.of(1, 2, 3, 4))
  t.equal(byteAt(bytes, 2), 3)
  t.ok(Number.isNaN(byteAt(bytes, 3)), 'a byte that is not there equals none')
})
