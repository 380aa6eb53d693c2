import t from 'tap'
import { bytesOf, hexOf, joinBytes } from '../../../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  encodeFrame,
  fnMax,
  frameBytesMax,
  isBroadcast,
  parseMessage,
  type DownFrame,
  type UpFrame,
} from '../../../../src/protocols/gdw1376/index.js'
import { frameAround, plainFrame, refusalOf, vectorHex } from '../../../helpers/gdw1376.js'
import { valueOf } from '../../../helpers/outcome.js'

const meter = { source: '000000000001', relays: [], destination: '123456789012' }
const down: DownFrame = {
  direction: 'down',
  initiates: true,
  mode: 3,
  info: {
    bypassRouter: false,
    subNodeFlag: false,
    moduleFlag: false,
    collisionDetect: false,
    relayLevel: 0,
    channel: 0,
    channelCoding: 0,
    expectedReplyBytes: 0,
    rate: 0,
    rateUnit: 0,
    sequence: 0,
  },
  addresses: null,
  afn: 0x10,
  fn: 1,
  data: new Uint8Array(),
}
const up: UpFrame = {
  ...down,
  direction: 'up',
  info: {
    bypassRouter: false,
    moduleFlag: true,
    relayLevel: 0,
    channel: 0,
    phase: 0,
    meterChannelFeature: 0,
    commandQuality: 0,
    replyQuality: 0,
    eventFlag: false,
    sequence: 0,
  },
  addresses: meter,
}

await t.test('the length counts the whole frame, the sum runs from C to the last data byte', async (t) => {
  t.equal(hexOf(encodeFrame(down)), '680F00430000000000001001005416')
  t.equal(encodeFrame({ ...down, data: new Uint8Array(300) }).length, 315)
  t.equal(hexOf(encodeFrame({ ...down, data: new Uint8Array(300) }).subarray(1, 3)), '3B01')
})

await t.test('addresses travel low byte first, relays between source and destination', async (t) => {
  const relays = ['111111111111', '222222222222']
  const info = { ...down.info, moduleFlag: true, relayLevel: 2 }
  const bytes = encodeFrame({ ...down, info, addresses: { ...meter, relays } })
  t.equal(hexOf(bytes.subarray(10, 34)), '010000000000' + '11'.repeat(6) + '22'.repeat(6) + '129078563412')
  t.strictSame(valueOf(decodeFrame(bytes)).addresses, { ...meter, relays })
})

await t.test('the relay nibble of a frame from the module adds no addresses', async (t) => {
  const bytes = encodeFrame({ ...up, info: { ...up.info, relayLevel: 3 } })
  const frame = valueOf(decodeFrame(bytes))
  t.strictSame(frame.addresses, meter)
  t.equal(frame.info.relayLevel, 3)
})

await t.test('a relay level without addresses is kept and adds none', async (t) => {
  const frame = valueOf(decodeFrame(frameAround('43 200000000000 10 0100')))
  t.equal(frame.addresses, null)
  t.equal(frame.info.relayLevel, 2)
})

await t.test('every function number is one bit and the number of its byte', async (t) => {
  const known: readonly (readonly [fn: number, dt: string])[] = [
    [1, '0100'],
    [8, '8000'],
    [9, '0101'],
    [10, '0201'],
    [21, '1002'],
    [31, '4003'],
    [112, '800D'],
    [200, '8018'],
    [fnMax, '80FF'],
  ]
  for (const [fn, dt] of known) t.equal(hexOf(encodeFrame({ ...down, fn }).subarray(11, 13)), dt, `F${fn}`)
  for (let fn = 1; fn <= fnMax; fn += 1) {
    if (valueOf(decodeFrame(encodeFrame({ ...down, fn }))).fn !== fn) t.fail(`F${fn}`)
  }
})

await t.test('FE in front of a frame are counted and skipped, and errors point behind them', async (t) => {
  const bytes = joinBytes([bytesOf('FEFEFE'), bytesOf(vectorHex('002'))])
  const frame = valueOf(decodeFrame(bytes))
  t.equal(frame.preamble, 3)
  t.equal(frame.dataAt, 16)
  t.equal(hexOf(bytes.subarray(frame.dataAt, -2)), hexOf(frame.data))
  t.strictSame(refusalOf(bytesOf('FEFE' + '17')), { code: 'no-start', at: 'byte 2' })
  t.strictSame(refusalOf(bytesOf('FEFEFE' + hexOf(plainFrame('83', 0, '10F1', '010002')))), { code: 'short-data', at: 'byte 18' })
})

await t.test('what is no frame is refused with what is wrong and where', async (t) => {
  const cases: readonly (readonly [name: string, hex: string, code: string, at: string])[] = [
    ['nothing', '', 'empty', 'byte 0'],
    ['only FE', 'FEFE', 'empty', 'byte 2'],
    ['another start', '690F00', 'no-start', 'byte 0'],
    ['a start alone', '68', 'truncated', 'byte 1'],
    ['half a length', '680F', 'truncated', 'byte 2'],
    ['a length that no frame has', '680E00430000000000001001005416', 'bad-length', 'byte 1'],
    ['a length of 0', '680000', 'bad-length', 'byte 1'],
    ['a byte missing', '680F004300000000000010010054', 'truncated', 'byte 14'],
    ['a wrong sum', '680F00430000000000001001005516', 'bad-checksum', 'byte 13'],
    ['another end', '680F00430000000000001001005417', 'no-end', 'byte 14'],
    ['a byte behind', '680F0043000000000000100100541600', 'trailing-bytes', 'byte 15'],
    ['a second frame behind', vectorHex('001') + vectorHex('001'), 'trailing-bytes', 'byte 15'],
    ['no bit of Fn', hexOf(frameAround('43 000000000000 10 0000')), 'bad-fn', 'byte 11'],
    ['two bits of Fn', hexOf(frameAround('43 000000000000 10 0300')), 'bad-fn', 'byte 11'],
    ['eight bits of Fn', hexOf(frameAround('43 000000000000 10 FF00')), 'bad-fn', 'byte 11'],
    ['no room for the addresses it announces', hexOf(frameAround('43 040000000000 10 0100')), 'bad-length', 'byte 1'],
    ['no room for its relays', hexOf(frameAround('43 F40000000000' + '00'.repeat(12) + '13 0100')), 'bad-length', 'byte 1'],
    [
      'no room for AFN behind the addresses',
      hexOf(frameAround('C3 040000000000' + '00'.repeat(12) + '06 01')),
      'bad-length',
      'byte 1',
    ],
  ]
  for (const [name, hex, code, at] of cases) t.strictSame(refusalOf(bytesOf(hex)), { code, at }, name)
})

await t.test('a single frame may be longer than any we would wait for', async (t) => {
  const bytes = frameAround(`83 000000000000 10 800D ${'00'.repeat(frameBytesMax)}`)
  t.equal(valueOf(decodeFrame(bytes)).data.length, frameBytesMax)
})

await t.test('our own mistakes throw', async (t) => {
  const wrong: readonly (readonly [name: string, frame: DownFrame | UpFrame])[] = [
    ['mode', { ...down, mode: 64 }],
    ['negative mode', { ...down, mode: -1 }],
    ['broken mode', { ...down, mode: 0.5 }],
    ['Fn 0', { ...down, fn: 0 }],
    ['Fn too large', { ...down, fn: fnMax + 1 }],
    ['broken Fn', { ...down, fn: 1.5 }],
    ['too long', { ...down, data: new Uint8Array(frameBytesMax) }],
    ['flag without addresses', { ...down, info: { ...down.info, moduleFlag: true } }],
    ['addresses without flag', { ...down, addresses: meter }],
    ['level without relays', { ...down, info: { ...down.info, moduleFlag: true, relayLevel: 1 }, addresses: meter }],
    ['relays from the module', { ...up, addresses: { ...meter, relays: ['111111111111'] } }],
    ['a sequence of two bytes', { ...down, info: { ...down.info, sequence: 256 } }],
    ['a channel of five bits', { ...down, info: { ...down.info, channel: 16 } }],
    ['a negative channel', { ...down, info: { ...down.info, channel: -1 } }],
    ['a broken channel', { ...down, info: { ...down.info, channel: 0.5 } }],
    ['an address of 11 digits', { ...up, addresses: { ...meter, source: '12345678901' } }],
    ['an address with letters', { ...up, addresses: { ...meter, source: '12345678901G' } }],
  ]
  for (const [name, frame] of wrong) t.throws(() => encodeFrame(frame), RangeError, name)
})

await t.test('the longest frame of the protocol is encoded', async (t) => {
  const relays = Array.from({ length: 15 }, () => '111111111111')
  const info = { ...down.info, moduleFlag: true, relayLevel: 15 }
  const bytes = encodeFrame({ ...down, info, addresses: { ...meter, relays }, afn: 0xf1, data: new Uint8Array(2004) })
  t.equal(bytes.length, frameBytesMax)
})

await t.test('broadcast is all nines or all A', async (t) => {
  t.strictSame(['999999999999', 'AAAAAAAAAAAA', 'aaaaaaaaaaaa', '999999999990'].map(isBroadcast), [true, true, true, false])
})

/** Sockets give Buffers, whose `slice` shares memory where that of a Uint8Array copies. */
await t.test('decoding and encoding leave the bytes of a Buffer as they came', async (t) => {
  const hex = vectorHex('025')
  const bytes = Buffer.from(hex, 'hex')
  const frame = valueOf(decodeFrame(bytes))
  const message = valueOf(parseMessage(frame))
  t.equal(hexOf(encodeFrame(frame)), hex)
  t.equal(hexOf(bytes), hex)
  bytes.fill(0)
  t.equal(hexOf(frame.data).length, 46, 'the data are a copy')
  t.match(message, { unit: { name: 'concurrent-read', protocol: 2 } })
  if ('payload' in message.unit) t.equal(hexOf(message.unit.payload), '680250000222226891083333343337363333A116')
})
