import t from 'tap'
import { carriedFrames } from '../../../src/console/carried-frames.js'
import { frameText } from '../../../src/console/commands/frame-text.js'
import { describe, explain } from '../../../src/console/commands/frame.js'
import { addressOf, frameDecoders } from '../../../src/console/decoders.js'
import { frameProtocols } from '../../../src/console/frame-protocols.js'
import { encodeDown, encodeUp, type DownUnit } from '../../../src/protocols/gdw1376/index.js'
import { frameVectors as vectors1997 } from '../../helpers/dlt645-1997.js'
import { frameVectors as vectors2007 } from '../../helpers/dlt645.js'
import { vectors as objectVectors } from '../../helpers/dlt698.js'
import { moduleVectors } from '../../helpers/gdw1376.js'
import { frameVectors as modbusVectors } from '../../helpers/modbus.js'

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase()

interface Known {
  readonly protocol: string
  readonly id: string
  readonly hex: string
  readonly isOk: boolean
}

/** All frames of all vectors with the protocol that is theirs. */
const known: readonly Known[] = [
  ...vectors2007().map(({ edition, id, hex, nonstandard }) => ({ protocol: `dlt645-${edition}`, id, hex, isOk: !nonstandard })),
  ...vectors1997().map(({ id, hex }) => ({ protocol: 'dlt645-1997', id, hex, isOk: true })),
  ...objectVectors()
    .filter(({ layer }) => layer === 'frame')
    .map(({ id, hex }) => ({ protocol: 'dlt698-45', id, hex, isOk: true })),
  ...moduleVectors().map(({ id, hex }) => ({ protocol: 'gdw1376-2', id, hex, isOk: true })),
  ...modbusVectors().map(({ id, hex }) => ({ protocol: 'modbus-rtu', id, hex, isOk: true })),
]

const judge = (frame: Uint8Array) => describe(frame, { decoders: frameDecoders, protocol: null })

await t.test('every known frame is taken by its own protocol, and by no other', (t) => {
  t.ok(known.length > 200)
  for (const { protocol, id, hex, isOk } of known) {
    const shown = judge(bytesOf(hex))
    t.equal(shown['protocol'], protocol, id)
    if (isOk) t.equal(shown.ok, true, id)
    const takers = frameDecoders.filter((decoder) => decoder.describe(bytesOf(hex)).ok).map((decoder) => decoder.protocol)
    // Codes 03 and 08 stand in both editions: the newer one is tried first.
    const isOwn = (taker: string) => taker === protocol || (protocol === 'dlt645-2007' && taker === 'dlt645-1997')
    t.ok(takers.every(isOwn), `${id}: ${takers.join(' ')}`)
  }
  t.strictSame(
    frameDecoders.map(({ protocol }) => protocol),
    frameProtocols,
  )
  t.end()
})

await t.test('a damaged frame is complained of by its own protocol', (t) => {
  const damages: readonly (readonly [string, (frame: Uint8Array) => Uint8Array])[] = [
    ['a wrong checksum', (frame) => frame.with(frame.length - 2, (frame[frame.length - 2] ?? 0) ^ 1)],
    ['a wrong end', (frame) => frame.with(frame.length - 1, (frame[frame.length - 1] ?? 0) ^ 1)],
    ['the last byte lost', (frame) => frame.subarray(0, -1)],
    ['three bytes lost', (frame) => frame.subarray(0, -3)],
    ['a byte too many', (frame) => Uint8Array.of(...frame, 1)],
  ]
  for (const { protocol, id, hex } of known) {
    for (const [what, damage] of damages) {
      const shown = judge(damage(bytesOf(hex)))
      // Without a start mark a broken checksum leaves nothing that is its own.
      const expected = protocol === 'modbus-rtu' && shown['protocol'] === null ? null : protocol
      t.match(shown, { protocol: expected, error: { code: /./, at: /./, message: /./ } }, `${id}: ${what}`)
    }
  }
  t.equal(judge(Uint8Array.of(0x68, 0x0f, 0x00))['ok'], false)
  t.equal(judge(new Uint8Array(0))['ok'], false)
  t.end()
})

const sent2007 = 'FEFEFEFE68610100000000681104333334331416'
const reply2007 = '6861010000000068910833333433593333338A16'
const reply1997 = '6854071300801368810643C3343333332B16'
const object = '68180043050433000000001064D1050200010010020000910416'
const modbus = '1103006B00037687'
const addresses = { source: '000000000009', relays: [], destination: '000000000161' }

const inModule = (unit: DownUnit): Uint8Array => encodeDown(unit, { mode: 3, sequence: 7, addresses })
const concurrent = (protocol: number, hex: string): Uint8Array =>
  inModule({ name: 'concurrent-read', protocol, reserved: 0, payload: bytesOf(hex) })

await t.test('a module’s frame shows what it carries, whatever type it says', (t) => {
  const cases: readonly (readonly [number, string, object])[] = [
    [2, sent2007, { ok: true, protocol: 'dlt645-2007', preamble: 4, di: '00010000' }],
    [1, reply1997, { ok: true, protocol: 'dlt645-1997', di: '9010' }],
    [1, reply2007, { ok: true, protocol: 'dlt645-2007', values: [{ value: '0.26' }] }],
    [3, object, { ok: true, protocol: 'dlt698-45', items: [{ oad: '00100200' }] }],
    [3, reply2007, { ok: true, protocol: 'dlt645-2007' }],
    [0, object, { ok: true, protocol: 'dlt698-45' }],
    [0, modbus, { ok: true, protocol: 'modbus-rtu', address: '17' }],
    [0, 'ABCDEF', { protocolType: 0, hex: 'ABCDEF' }],
    [2, `${reply2007}00`, { ok: false, protocol: 'dlt645-2007', error: { code: 'trailing-bytes' }, hex: `${reply2007}00` }],
    [1, `${reply2007.slice(0, -4)}0016`, { ok: false, error: { code: 'bad-checksum' } }],
    [3, 'FEFE', { ok: false, error: { code: /./ }, hex: 'FEFE' }],
    [2, modbus, { ok: false, hex: modbus }],
    [4, 'ABCDEF', { protocolType: 4, hex: 'ABCDEF' }],
  ]
  for (const [type, hex, inner] of cases) {
    const shown = judge(concurrent(type, hex))
    t.match(shown, { ok: true, protocol: 'gdw1376-2', direction: 'down', afn: 'F1', fn: 1, inner }, `${type} ${hex}`)
    t.notOk('inners' in shown, 'one frame alone')
  }
  t.match(judge(encodeDown({ name: 'node-count' }, { mode: 3, sequence: 1 })), { inner: null })
  t.strictSame(carriedFrames(0, new Uint8Array(0), { decoders: frameDecoders, how: 'describe' }), [])
  t.strictSame(carriedFrames(3, bytesOf('00'), { decoders: [], how: 'explain' }).length, 1, 'without a decoder')
  t.end()
})

await t.test('of several carried frames all are shown, the first in its usual place too', (t) => {
  const wake = 'FE'.repeat(20)
  const frame = concurrent(2, `${sent2007}${wake}${reply2007}${object}`)
  const shown = judge(frame)
  t.match(shown, {
    inner: { ok: true, direction: 'request', di: '00010000' },
    inners: [{ direction: 'request' }, { direction: 'reply', values: [{ value: '0.26' }] }, { protocol: 'dlt698-45' }],
  })
  t.strictSame(frameText(explain(frame, { decoders: frameDecoders, protocol: null })), [
    'gdw1376-2 down 000000000009 to 000000000161 AFN F1 F1 concurrent-read: data protocol 2, reserved 0; info moduleFlag true, sequence 7',
    '  dlt645-2007 request 000000000161 11 DI 00010000',
    '  dlt645-2007 reply 000000000161 91 DI 00010000: 0.26 kWh',
    '  dlt698-45 request 000000003304 43 GET-Request NormalList: 00100200',
  ])
  t.match(
    judge(concurrent(2, `${reply2007}${wake}`)),
    { inner: { ok: false, protocol: 'dlt645-2007' } },
    'nothing may stand behind',
  )
  t.end()
})

const lineOf = (hex: string): readonly string[] => frameText(explain(bytesOf(hex), { decoders: frameDecoders, protocol: null }))

await t.test('people are told what matters', (t) => {
  t.strictSame(lineOf(object), ['dlt698-45 request 000000003304 43 GET-Request NormalList: 00100200'])
  t.strictSame(lineOf(modbus), ['modbus-rtu request 17 03: function read-holding-registers, start 107, count 3'])
  t.strictSame(lineOf(reply1997), ['dlt645-1997 reply 138000130754 81 DI 9010: 0.01 kWh'])
  t.strictSame(lineOf('680F00430000000000001001005416'), ['gdw1376-2 down AFN 10 F1 node-count'])
  t.match(lineOf(hexOf(concurrent(0, 'ABCDEF'))), [/sequence 7$/, '  carries protocolType 0, hex ABCDEF'])
  const wildcard = objectVectors().find(({ hex }) => /^68....43[4-7]/.test(hex))
  t.match(lineOf(wildcard?.hex ?? ''), [/addressKind wildcard/])
  for (const { id, hex } of known)
    t.ok(
      lineOf(hex).every((line) => !/undefined|\[object/.test(line)),
      id,
    )
  t.end()
})

await t.test('a frame leads to its meter', (t) => {
  t.equal(addressOf(bytesOf(reply2007)), '000000000161')
  t.equal(addressOf(bytesOf(reply1997)), '138000130754')
  t.equal(addressOf(bytesOf(object)), '000000003304')
  t.equal(addressOf(bytesOf(modbus)), '17')
  t.equal(addressOf(concurrent(2, reply2007)), '000000000161', 'the one a module’s frame is for')
  const answer = { name: 'concurrent-read', protocol: 2, payload: bytesOf(reply2007) } as const
  const back = { source: '000000000161', relays: [], destination: '000000000009' }
  t.equal(addressOf(encodeUp(answer, { mode: 3, sequence: 7, addresses: back })), '000000000161', 'or from')
  const report = { name: 'read-report', nodeNumber: 1, protocol: 2, uplinkSeconds: 3, payload: bytesOf(reply2007) } as const
  t.equal(addressOf(encodeUp(report, { mode: 3, sequence: 7 })), '000000000161', 'or whose frame it carries')
  t.equal(addressOf(encodeDown({ name: 'node-count' }, { mode: 3, sequence: 1 })), null)
  t.end()
})

await t.test('a unit of 698.45 without its frame is shown when that protocol is asked for, and no other way', async (t) => {
  const unit = Buffer.from('0501014001020000', 'hex')
  const asked = describe(unit, { decoders: frameDecoders, protocol: 'dlt698-45' })
  t.match(asked, { ok: true, layer: 'apdu', direction: 'request', apdu: 'GET-Request Normal', items: [{ oad: '40010200' }] })
  t.match(describe(unit, { decoders: frameDecoders, protocol: null }), { ok: false })
  const cut = describe(unit.subarray(0, 7), { decoders: frameDecoders, protocol: 'dlt698-45' })
  t.match(cut, { ok: false, error: { code: 'no-start' } }, 'what is neither is complained of as a frame')
})
