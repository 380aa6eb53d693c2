import t from 'tap'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import { encodeRequest, serveFrame, type DeviceMemory, type Request } from '../../../../src/protocols/modbus/index.js'
import { frameOf } from '../../../helpers/modbus.js'

const memory: DeviceMemory = {
  coil: (address) => (address < 20 ? address % 2 === 0 : null),
  input: (address) => (address < 10 ? true : null),
  holding: (address) => (address < 8 ? 0x0100 + address : null),
  inputRegister: (address) => (address === 100 ? 7 : null),
}
const serve = (hex: string) => {
  const { reply, writes } = serveFrame(17, frameOf(hex), memory)
  return { reply: reply === null ? null : hexOf(reply.subarray(0, -2)), writes }
}
const ask = (request: Request, to = 17) => serve(hexOf(encodeRequest(to, request).subarray(0, -2)))

await t.test('reads are answered from the four tables', async (t) => {
  t.equal(ask({ fn: 'read-coils', start: 0, count: 10 }).reply, '1101025501')
  t.equal(ask({ fn: 'read-inputs', start: 2, count: 3 }).reply, '11020107')
  t.equal(ask({ fn: 'read-holding-registers', start: 6, count: 2 }).reply, '11030401060107')
  t.equal(ask({ fn: 'read-input-registers', start: 100, count: 1 }).reply, '1104020007')
})

await t.test('writes are done whole, and told as data', async (t) => {
  t.strictSame(ask({ fn: 'write-coil', start: 3, bit: true }), {
    reply: '11050003FF00',
    writes: [{ table: 'coil', address: 3, bit: true }],
  })
  t.equal(ask({ fn: 'write-coil', start: 3, bit: false }).reply, '110500030000')
  t.strictSame(ask({ fn: 'write-coils', start: 1, bits: [true, false] }), {
    reply: '110F00010002',
    writes: [
      { table: 'coil', address: 1, bit: true },
      { table: 'coil', address: 2, bit: false },
    ],
  })
  t.strictSame(ask({ fn: 'write-register', start: 5, word: 9 }), {
    reply: '110600050009',
    writes: [{ table: 'holding', address: 5, word: 9 }],
  })
  t.equal(ask({ fn: 'write-registers', start: 0, words: [1, 2] }).reply, '111000000002')
  t.strictSame(ask({ fn: 'mask-write-register', start: 4, andMask: 0x00f2, orMask: 0x0025 }), {
    reply: '1116000400F20025',
    writes: [{ table: 'holding', address: 4, word: (0x0104 & 0xf2) | (0x25 & ~0xf2) }],
  })
  t.strictSame(ask({ fn: 'read-write-registers', start: 0, count: 2, writeStart: 1, words: [0xabcd] }), {
    reply: '1117040100ABCD',
    writes: [{ table: 'holding', address: 1, word: 0xabcd }],
  })
})

await t.test('what is not there is refused, and then nothing is written', async (t) => {
  const refused: readonly (readonly [string, string])[] = [
    ['110100130002', '118102'],
    ['110200090002', '118202'],
    ['110300070002', '118302'],
    ['110400630002', '118402'],
    ['11050014FF00', '118502'],
    ['110600080001', '118602'],
    ['110F001300020103', '118F02'],
    ['1110000700020400010002', '119002'],
    ['1116000800F20025', '119602'],
    ['11170007000200000001020001', '119702'],
    ['11170000000100080001020001', '119702'],
    ['1103FFFF0002', '118302'],
    ['110300000000', '118303'],
    ['110500030001', '118503'],
    ['1141', '11C101'],
    ['112B0E0100', '11AB01'],
  ]
  for (const [hex, reply] of refused) t.strictSame(serve(hex), { reply, writes: [] }, hex)
})

await t.test('a device is silent for others, for noise and for broadcasts, whose writes it does', async (t) => {
  const nothing = { reply: null, writes: [] }
  t.strictSame(ask({ fn: 'read-coils', start: 0, count: 1 }, 18), nothing)
  t.strictSame(serve('1103000000'), nothing, 'a length that fits no request')
  t.strictSame(serve('118302'), nothing, 'a refusal')
  t.strictSame(serveFrame(17, Uint8Array.of(17, 3, 0, 0), memory), nothing)
  t.strictSame(ask({ fn: 'write-register', start: 5, word: 9 }, 0), {
    reply: null,
    writes: [{ table: 'holding', address: 5, word: 9 }],
  })
  t.strictSame(ask({ fn: 'write-register', start: 50, word: 9 }, 0), nothing)
})
