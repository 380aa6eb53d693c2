import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import { hexOf, joinBytes } from '../../../../src/protocols/wire/bytes.js'
import {
  answerFrames,
  decodeFrame,
  dlt698,
  encodeApdu,
  encodeFrame,
  orderSecured,
  pieceBytesMax,
  piecesMax,
  piecesOf,
  receivePiece,
  type ApduOf,
  type Data,
  type DecodedFrame,
} from '../../../../src/protocols/dlt698/index.js'
import {
  busDown,
  exchangeOf,
  garbled,
  meterFrame,
  outcomeOf,
  reply,
  run,
  sentFrame,
  silent,
  steps,
  uint32,
  yielded,
} from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = meterAddress('000032909591')
const energies: Data = { type: 'array', items: Array.from({ length: 20 }, (_, index) => uint32(index)) }
const read = () => dlt698.read({ address, repeats: 1, registers: [{ register: '00100200' }] })
const word = (number: number, kind: 'first' | 'middle' | 'last' | 'confirmation', payload = '') => {
  const types = { first: 0, last: 1, confirmation: 2, middle: 3 }
  const value = number | (types[kind] << 14)
  return meterFrame(address, hexOf(Uint8Array.of(value & 0xff, value >> 8)) + payload, 0xe3)
}
const piid = hexOf(sentFrame(read()).body).slice(4, 6)

await t.test('an answer in pieces is confirmed piece by piece and put together', async (t) => {
  const { outcome } = run(read(), { address, objects: { '00100200': energies }, pieceBytes: 30 })
  t.match(outcome, [{ ok: true, values: Array.from({ length: 20 }, (_, int) => ({ int })) }])
  const first = read().step(reply(word(5, 'first', `8501${piid}0010`)))
  t.strictSame([sentFrame(first).segment, hexOf(sentFrame(first).body)], [{ number: 5, kind: 'confirmation' }, ''])
  t.match(exchangeOf(first), { holdsBus: true, isWrite: false })
  const last = steps(first, reply(word(6, 'middle', '0200010600')), reply(word(7, 'last', '0000010000')))
  t.match([sentFrame(last).segment, exchangeOf(last).reply], [{ number: 7, kind: 'confirmation' }, 'none'])
  t.match(outcomeOf(last.step({ kind: 'sent' })), [{ ok: true, values: [{ int: 1 }] }])
  t.match(outcomeOf(last.step(busDown)), [{ ok: true }], 'the answer is here whether the confirmation left or not')
})

await t.test('piece numbers run over at 4095', async (t) => {
  const session = read().step(reply(word(4095, 'first', `8501${piid}0010`)))
  t.match(outcomeOf(steps(session, reply(word(0, 'last', '02000106000000010000')), { kind: 'sent' })), [{ ok: true }])
})

await t.test('pieces that do not follow one another drop all, and the whole is asked again', async (t) => {
  const session = read().step(reply(word(5, 'first', `8501${piid}0010`)))
  t.match(sentFrame(session.step(reply(word(7, 'last')))).body.length, 8, 'asked again')
  for (const input of [garbled, silent]) t.equal(sentFrame(session.step(input)).segment, null)
  t.equal(sentFrame(session.step(yielded)).segment, null)
  const twice = steps(session, silent, reply(word(5, 'first', `8501${piid}0010`)), silent)
  t.match(outcomeOf(twice), [{ ok: false, error: { code: 'no-reply' } }])
  t.match(outcomeOf(session.step(busDown)), [{ ok: false, error: { code: 'bus-down' } }])
})

await t.test('an answer in pieces that answers something else, or has no end, is garbled', async (t) => {
  const other = steps(read(), reply(word(5, 'first', `8501${piid}0020`)), reply(word(6, 'last', '02000106000000010000')), {
    kind: 'sent',
  })
  t.equal(sentFrame(other).segment, null, 'asked again')
  let session = read().step(reply(word(0, 'first', `8501${piid}`)))
  for (let number = 1; number < piecesMax; number += 1) session = session.step(reply(word(number, 'middle', '00')))
  t.equal(sentFrame(session).segment, null, 'given up and asked again')
})

const long: ApduOf<'secured-request'> = {
  kind: 'secured-request',
  content: { kind: 'cipher', cipher: 'AB'.repeat(2 * pieceBytesMax) },
  check: { kind: 'RN', rn: '01' },
}

await t.test('a long request leaves in pieces, the next when the one before is confirmed', async (t) => {
  const first = orderSecured(address, long)
  t.match(sentFrame(first).segment, { number: 0, kind: 'first' })
  const second = first.step(reply(word(0, 'confirmation')))
  t.match([sentFrame(second).segment, exchangeOf(second).holdsBus], [{ number: 1, kind: 'middle' }, true])
  const last = second.step(reply(word(1, 'confirmation')))
  t.match(sentFrame(last).segment, { number: 2, kind: 'last' })
  t.equal(hexOf(joinBytes([first, second, last].map((session) => sentFrame(session).body))), hexOf(encodeApdu(long)))
  const scanner = exchangeOf(last).reply
  t.equal(
    scanner === 'none' ? null : scanner(word(2, 'confirmation')).kind,
    'noise',
    'the last one is answered, its confirmation is passed over',
  )
  t.match(outcomeOf(last.step(reply(meterFrame(address, '90000B870105800081000000000000')))), { kind: 'accepted' })
  t.match(outcomeOf(second.step(reply(word(0, 'confirmation')))), { kind: 'unknown', reason: 'garbled' })
  t.match(outcomeOf(second.step(busDown)), { kind: 'not-sent' }, 'half an order is none')
  const answering = last.step(reply(word(0, 'first', '900000')))
  t.match(outcomeOf(answering.step(busDown)), { kind: 'unknown', reason: 'bus-down' }, 'an order that was answered has left')
})

await t.test('a meter takes pieces in and cuts its own answers', async (t) => {
  const apdu = encodeApdu(long)
  const control = { from: 'client', asked: 'client', fn: 3, scrambled: false } as const
  const server = { kind: 'single', logical: 0, digits: address } as const
  const pieces = piecesOf(apdu, 800)
  const received = (index: number): DecodedFrame => {
    const kind = index === 0 ? 'first' : index === pieces.length - 1 ? 'last' : 'middle'
    const body = pieces[index] ?? new Uint8Array()
    return valueOf(decodeFrame(encodeFrame({ control, server, client: 0x11, segment: { number: index, kind }, body })))
  }
  const first = receivePiece(address, received(0), [])
  t.match(first, { apdu: null })
  t.match(decodeFrame(first?.confirmation ?? new Uint8Array()), {
    ok: true,
    value: { client: 0x11, control: { from: 'server' }, segment: { number: 0, kind: 'confirmation' } },
  })
  const second = receivePiece(address, received(1), first?.parts ?? [])
  const third = receivePiece(address, received(2), second?.parts ?? [])
  t.equal(hexOf(third?.apdu ?? new Uint8Array()), hexOf(apdu))
  t.strictSame(third?.parts, [])
  t.equal(receivePiece(address, received(2), first?.parts ?? []), null, 'out of turn')
  t.equal(receivePiece(address, received(1), []), null, 'without a first one')
  const whole = valueOf(decodeFrame(encodeFrame({ control, server, client: 0x11, segment: null, body: apdu.slice(0, 9) })))
  t.equal(receivePiece(address, whole, []), null, 'a whole unit is none')
  t.equal(receivePiece(address, { ...received(0), segment: { number: 0, kind: 'confirmation' } }, []), null)
  const frames = answerFrames(
    address,
    whole,
    { kind: 'release-response', piid: 1, result: 0, follow: { kind: 'none' }, timeTag: null },
    2,
  )
  t.strictSame(
    frames.map((frame) => valueOf(decodeFrame(frame)).segment?.kind),
    ['first', 'middle', 'last'],
  )
})

await t.test('a session that has settled is not stepped', async (t) => {
  t.throws(() => steps(read(), silent, silent, silent), /was stepped/)
})
