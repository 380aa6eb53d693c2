import fc from 'fast-check'
import t from 'tap'
import type { Scanner, ScanResult } from '../../../../src/ports/index.js'
import { bytesOf, hexOf, joinBytes } from '../../../../src/protocols/wire/bytes.js'
import {
  anyFrameScanner,
  encodeReply,
  encodeRequest,
  frameSplitter,
  replyScanner,
  wakeUpBytesMax,
  type Request,
} from '../../../../src/protocols/dlt645/index.js'
import { data, frameOf, frameVectors, moreData } from '../../../helpers/dlt645.js'

const address = '123456789012'
const reply = (di = '00010000', hex = '26000000', from = address) => encodeReply(from, data(di, hex))
const read: Request = { fn: 'read', di: '00010000', load: null }

/** What a medium does: gives up noise until a frame stands or more bytes are needed. */
function receive(scanner: Scanner, bytes: Uint8Array): { readonly frame: Uint8Array | null; readonly noise: number } {
  let at = 0
  for (;;) {
    const result: ScanResult = scanner(bytes.subarray(at))
    if (result.kind === 'incomplete') return { frame: null, noise: at }
    if (result.kind === 'frame') return { frame: bytes.slice(at, at + result.length), noise: at }
    if (result.skip < 1) throw new Error('noise must be given up')
    at += result.skip
  }
}

/** The frames in a stream that arrives in pieces, and is silent at the end. */
function framesOf(pieces: readonly Uint8Array[]): readonly string[] {
  const frames: string[] = []
  const splitter = frameSplitter((frame) => frames.push(hexOf(frame)))
  for (const piece of pieces) splitter.push(piece)
  splitter.silence()
  return frames
}

function cut(bytes: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const places = [0, ...[...at].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}

await t.test('any split of a stream of glued frames gives the same frames', async (t) => {
  const frames = frameVectors().map((vector) => vector.hex)
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...frames), { maxLength: 6 }),
      fc.array(fc.nat(2000), { maxLength: 40 }),
      (chosen, places) => {
        const found = framesOf(cut(bytesOf(chosen.join('')), places))
        return found.join() === chosen.join()
      },
    ),
  )
  t.strictSame(framesOf(Array.from(bytesOf(frames.join('')), (byte) => Uint8Array.of(byte))), frames, 'byte by byte')
})

await t.test('noise between frames is given up and hides none of them, however it is split', async (t) => {
  // Noise that does not itself look like a start: a false start is treated below.
  const noise = fc
    .uint8Array({ maxLength: 30 })
    .map((bytes) => bytes.map((byte) => (byte === 0x68 || byte === 0xfe ? 0x55 : byte)))
  fc.assert(
    fc.property(fc.array(noise, { minLength: 3, maxLength: 3 }), fc.array(fc.nat(200), { maxLength: 10 }), (gaps, places) => {
      const one = reply()
      const two = reply('04000503', '5000')
      const [first = [], second = [], third = []] = gaps
      const stream = joinBytes([first, one, second, two, third])
      return framesOf(cut(stream, places)).join() === [hexOf(one), hexOf(two)].join()
    }),
  )
  t.pass('no frame was lost')
})

await t.test('any bytes at all are survived, and every frame found has the right checksum', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(400), { maxLength: 10 }), (bytes, places) => {
      const whole = framesOf([bytes])
      return framesOf(cut(bytes, places)).join() === whole.join() && whole.every((frame) => frame.endsWith('16'))
    }),
  )
  t.pass('nothing hung or threw')
})

await t.test('a false start costs one byte, never the length it claims', async (t) => {
  const true_ = reply()
  const cases: readonly (readonly [name: string, prefix: string])[] = [
    ['second 68 wrong', '6812345678901200'],
    ['a lone 68', '68'],
    ['a 68 that claims 200 bytes', '686811111111116891C8'],
    ['a length above 200', '6811111111111168 91 FF'.replaceAll(' ', '')],
    ['a checksum that is wrong', '68111111111111689100' + '0016'],
    ['an end that is missing', hexOf(frameOf('111111111111', 0x9c, '')).slice(0, -2) + '17'],
    ['wake-up bytes in front of a false start', 'FEFE6800'],
  ]
  for (const [name, prefix] of cases) {
    const stream = joinBytes([bytesOf(prefix), true_])
    t.strictSame(framesOf([stream]), [hexOf(true_)], name)
    const { frame } = receive(replyScanner(address, read), stream)
    t.equal(frame === null ? null : hexOf(frame), hexOf(true_), `${name}, waiting for the reply`)
  }
})

await t.test('a scanner says at once what a byte makes impossible', async (t) => {
  const scanner = replyScanner(address, read)
  t.strictSame(anyFrameScanner(new Uint8Array()), { kind: 'incomplete' })
  t.strictSame(anyFrameScanner(bytesOf('FEFE')), { kind: 'incomplete' })
  t.strictSame(anyFrameScanner(bytesOf('0102FE')), { kind: 'noise', skip: 2 })
  t.strictSame(anyFrameScanner(bytesOf('0102')), { kind: 'noise', skip: 2 })
  t.strictSame(anyFrameScanner(bytesOf('FEFE0168')), { kind: 'noise', skip: 3 })
  t.strictSame(anyFrameScanner(bytesOf('6811111111111168 91C9'.replace(' ', ''))), { kind: 'noise', skip: 1 })
  t.strictSame(scanner(bytesOf('68129078563412')), { kind: 'incomplete' })
  t.strictSame(scanner(bytesOf('68129078563413')), { kind: 'noise', skip: 1 }, 'another address')
  t.strictSame(scanner(bytesOf('681290785634126811')), { kind: 'noise', skip: 1 }, 'an echo')
  t.strictSame(scanner(bytesOf('68129078563412689108')), { kind: 'incomplete' })
  t.strictSame(scanner(bytesOf('6812907856341268910834')), { kind: 'noise', skip: 1 }, 'another register')
  t.strictSame(scanner(bytesOf('68129078563412689103')), { kind: 'noise', skip: 1 }, 'too short for a register')
})

await t.test('wake-up bytes belong to the frame, a longer run of them is noise', async (t) => {
  const long = joinBytes([new Uint8Array(40).fill(0xfe), reply()])
  t.strictSame(framesOf([long]), ['FE'.repeat(wakeUpBytesMax) + hexOf(reply())])
  t.strictSame(framesOf(Array.from(long, (byte) => Uint8Array.of(byte))), ['FE'.repeat(wakeUpBytesMax) + hexOf(reply())])
})

await t.test('a cut-off frame gives way to the next one once the line is quiet', async (t) => {
  const found: string[] = []
  const splitter = frameSplitter((frame) => found.push(hexOf(frame)))
  splitter.push(joinBytes([reply().slice(0, 12), reply('04000503', '5000')]))
  splitter.silence()
  t.strictSame(found, [hexOf(reply('04000503', '5000'))])
})

await t.test('lesson 17: an echo, a late answer and a foreign frame are noise to the one who waits for a reply', async (t) => {
  const wanted = reply()
  const before: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    ['our own request', encodeRequest(address, read)],
    ['another meter', reply('00010000', '99000000', '000000000161')],
    ['another register of the same meter', reply('04000503', '5000')],
    ['a follow-up answer', encodeReply(address, moreData('00010000', '99000000', 1))],
    ['an unsolicited heartbeat', bytesOf('68160051190625689104B3B3B3B3DC16')],
    ['a refusal of another service', encodeReply(address, { kind: 'refusal', fn: 'write', word: 4, bytes: 1 })],
  ]
  for (const [name, bytes] of before) {
    t.strictSame(receive(replyScanner(address, read), joinBytes([bytes, wanted])).frame, wanted, name)
    t.equal(receive(replyScanner(address, read), bytes).frame, null, `${name} alone`)
  }
})

await t.test('the answer to each service is recognised', async (t) => {
  const takes = (request: Request, control: number, dataHex: string, from = address, asked = address) =>
    receive(replyScanner(asked, request), frameOf(from, control, dataHex)).frame !== null
  t.ok(takes(read, 0x91, '0000010026000000'))
  t.ok(takes(read, 0xb1, '0000010026000000'), 'more follows')
  t.ok(takes(read, 0xd1, '02'), 'a refusal has no register')
  t.notOk(takes(read, 0xf1, '02'))
  t.notOk(takes(read, 0xd1, '020202'), 'an error word has at most two bytes')
  t.ok(takes(read, 0x91, '0000010026000000', address, 'AAAAAAAAAAAA'), 'the real address answers a wildcard')
  t.ok(takes(read, 0x91, '0000010026000000', address, 'AAAAAA789012'))
  t.notOk(takes(read, 0x91, '0000010026000000', address, 'AAAAAA789013'))
  const more: Request = { fn: 'read-more', di: '00010000', seq: 2 }
  t.ok(takes(more, 0x92, '0000010026000002'))
  t.ok(takes(more, 0xb2, '0000010026000002'))
  t.notOk(takes(more, 0x92, '0000010026000001'), 'another number')
  t.notOk(takes(more, 0x92, '00000100'), 'no number')
  const security: Request = { fn: 'security', di: '070101FF', operator: '00000000', payload: new Uint8Array() }
  t.ok(takes(security, 0x83, 'FF010107'))
  t.notOk(takes(security, 0x83, 'FF020107'))
  t.notOk(takes(security, 0xa3, 'FF010107'))
  t.ok(takes({ fn: 'read-address' }, 0x93, '129078563412', address, 'AAAAAAAAAAAA'))
  t.notOk(takes({ fn: 'read-address' }, 0x93, '12907856341200', address, 'AAAAAAAAAAAA'))
  t.strictSame(replyScanner(address, read)(bytesOf('681290785634126' + '8D1')), { kind: 'incomplete' })
  t.strictSame(
    replyScanner('AAAAAAAAAAAA', { fn: 'read-address' })(bytesOf('6812907856341268' + '93C8')),
    { kind: 'noise', skip: 1 },
    'nobody waits for 200 bytes',
  )
  t.ok(takes({ fn: 'clear-events', di: 'FFFFFFFF', credentials: { password: '00000000', operator: '00000000' } }, 0x9b, ''))
})

await t.test('noise around a reply never hides it, whatever the split', async (t) => {
  const noise = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(noise, noise, fc.nat(80), (before, after, place) => {
      const wanted = reply()
      const stream = joinBytes([before, wanted, after])
      const scanner = replyScanner(address, read)
      // The medium may look after any number of bytes: what it has given up by then must not matter.
      const early = receive(scanner, stream.slice(0, place % stream.length))
      const { frame } = receive(scanner, early.frame === null ? stream.slice(early.noise) : stream)
      return frame !== null && hexOf(frame).endsWith(hexOf(wanted))
    }),
    { numRuns: 500 },
  )
  t.pass('the reply was always found')
})
