import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { describeFrame, encodeDown, encodeUp } from '../../../../src/protocols/gdw1376/index.js'
import { frameAround, plainFrame, vectorHex } from '../../../helpers/gdw1376.js'

await t.test('a frame is described whole', async (t) => {
  t.strictSame(describeFrame(vectorHex('025')), {
    ok: true,
    protocol: 'gdw1376-2',
    direction: 'up',
    afn: 'F1',
    fn: 1,
    mode: 3,
    initiates: false,
    source: '025000022222',
    destination: '123456789012',
    relays: [],
    info: {
      bypassRouter: false,
      moduleFlag: true,
      relayLevel: 0,
      channel: 0,
      phase: 0,
      meterChannelFeature: 1,
      commandQuality: 15,
      replyQuality: 1,
      eventFlag: false,
      sequence: 81,
    },
    name: 'concurrent-read',
    data: { protocol: 2, payload: '680250000222226891083333343337363333A116' },
    inner: { protocolType: 2, hex: '680250000222226891083333343337363333A116' },
  })
})

await t.test('text may be in small letters and spaced; bytes are taken as they are', async (t) => {
  const hex = vectorHex('001')
  const spaced = hex.toLowerCase().replace(/../g, '$& ')
  t.strictSame(describeFrame(spaced), describeFrame(hex))
  t.strictSame(describeFrame(bytesOf(hex)), describeFrame(hex))
  t.strictSame(describeFrame(Buffer.from(hex, 'hex')), describeFrame(hex))
})

await t.test('what is no hexadecimal text is told by its character', async (t) => {
  const protocol = 'gdw1376-2'
  t.match(describeFrame('68 0x'), { ok: false, protocol, error: { code: 'not-hex', at: 'character 4' } })
  t.match(describeFrame('680'), { ok: false, protocol, error: { code: 'not-hex', at: 'character 3' } })
})

await t.test('a bad frame says what is wrong, and a bad data unit also whose it is', async (t) => {
  t.strictSame(describeFrame(vectorHex('001').replace(/54..$/, '5516')), {
    ok: false,
    protocol: 'gdw1376-2',
    error: { code: 'bad-checksum', at: 'byte 13', message: 'expected the checksum 54, found 55' },
  })
  const shown = describeFrame(plainFrame('83', 9, '10F1', '010002'))
  t.match(shown, { ok: false, direction: 'up', afn: '10', fn: 1, name: null, data: '010002', inner: null, info: { sequence: 9 } })
  t.match(shown, { error: { code: 'short-data', at: 'byte 15', message: 'expected 2 more bytes, found 1' } })
})

await t.test('a function nobody knows is shown as hexadecimal text', async (t) => {
  t.match(describeFrame(vectorHex('059')), { ok: true, afn: '01', fn: 15, name: null, data: '66', inner: null })
  t.match(describeFrame(plainFrame('83', 1, '12F1', '00')), { ok: true, name: null, data: '00' }, 'nor one from the wrong side')
})

await t.test('a confirmation and a denial say what they mean', async (t) => {
  t.match(describeFrame(vectorHex('061')), { data: { commandStatus: 'FFFFFFFF', waitSeconds: 2, commandProcessed: true } })
  t.match(describeFrame(vectorHex('063')), { data: { commandStatus: '', waitSeconds: null, commandProcessed: null } })
  t.match(describeFrame(plainFrame('83', 1, '00F1', '00000500')), {
    data: { commandStatus: '0000', waitSeconds: 5, commandProcessed: false },
  })
  t.match(describeFrame(vectorHex('068')), { ok: true, data: { errorCode: 5, meaning: 'format-error', action: 'retry-once' } })
})

await t.test('the carried meter frame goes to whoever can decode it', async (t) => {
  const seen: (readonly [number, string])[] = []
  const describeInner = (protocolType: number, bytes: Uint8Array) => {
    seen.push([protocolType, hexOf(bytes)])
    return protocolType === 2 ? { decoded: true } : null
  }
  const inner = (hex: string | Uint8Array) => {
    const shown = describeFrame(hex, { describeInner })
    return 'inner' in shown ? shown.inner : 'nothing'
  }
  const meter = '6804330000000068110433333433E916'
  t.strictSame(inner(vectorHex('035')), { decoded: true })
  t.strictSame(inner(vectorHex('043')), { protocolType: null, hex: meter }, 'unknown to the decoder')
  t.strictSame(inner(vectorHex('037')), { protocolType: null, hex: meter })
  t.match(inner(vectorHex('036')), { protocolType: 3 })
  t.match(inner(vectorHex('065')), { decoded: true }, 'two frames in a row')
  t.equal(inner(vectorHex('001')), null)
  t.strictSame(
    seen.map(([type, hex]) => [type, hex.length / 2]),
    [
      [2, 16],
      [0, 16],
      [0, 16],
      [3, 26],
      [2, 32],
    ],
  )
  const broadcast = (control: number) =>
    encodeDown({ name: 'broadcast', control, payload: bytesOf(meter) }, { mode: 3, sequence: 1 })
  t.strictSame(inner(broadcast(2)), { decoded: true })
  t.match(inner(broadcast(3)), { protocolType: null }, 'a phase identification is no DL/T 698.45')
  const silent = encodeUp({ name: 'monitor', uplinkSeconds: 5, protocol: 2, payload: new Uint8Array() }, { mode: 3, sequence: 1 })
  t.equal(inner(silent), null, 'a meter that did not answer')
  t.equal(inner(plainFrame('C3', 1, '06F5', '01 04 02 ABCD')) !== null, true, 'power events are bytes')
})

await t.test('lists and nested lists are shown with their members', async (t) => {
  const data = '01 123456789012 02 0500 01 02 01 112233445566 03'
  t.match(describeFrame(plainFrame('C3', 1, '06F4', data)), {
    name: 'devices-registered',
    data: {
      devices: [
        {
          address: '129078563412',
          protocol: 2,
          nodeNumber: 5,
          deviceType: 1,
          totalSubNodes: 2,
          subNodes: [{ address: '665544332211', protocol: 3 }],
        },
      ],
    },
  })
})

await t.test('relays stand between source and destination', async (t) => {
  t.match(describeFrame(vectorHex('064')), {
    source: '161514131211',
    relays: ['262524232221'],
    destination: '363534333231',
    afn: '0A',
  })
})

await t.test('a length that lies inside the data unit is refused, never cut', async (t) => {
  const bad = frameAround('83 040000000000' + '11'.repeat(12) + '13 0100 0500 02 10 6804')
  t.match(describeFrame(bad), { ok: false, error: { code: 'short-data' } })
  const long = frameAround('83 040000000000' + '11'.repeat(12) + '13 0100 0500 02 02 680433')
  t.match(describeFrame(long), { ok: false, error: { code: 'long-data' } })
})
