import fc from 'fast-check'
import t from 'tap'
import type { Scanner } from '../../../../src/ports/index.js'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  anyFrameScanner,
  encodeReply,
  encodeRequest,
  frameSplitter,
  replyScanner,
  requestScanner,
  type Reply,
  type Request,
} from '../../../../src/protocols/modbus/index.js'
import { bytesOf, frameOf, frameVectors } from '../../../helpers/modbus.js'

const read: Request = { fn: 'read-holding-registers', start: 107, count: 3 }
const reply: Reply = { fn: 'read-holding-registers', words: [1, 2, 3] }

/** What a medium does: gives up noise until a frame stands, and one byte more when the line has gone quiet. */
function receive(scanner: Scanner, bytes: Uint8Array): string | null {
  for (let at = 0; at < bytes.length;) {
    const result = scanner(bytes.subarray(at))
    if (result.kind === 'frame') return hexOf(bytes.slice(at, at + result.length))
    at += result.kind === 'noise' ? result.skip : 1
  }
  return null
}

function framesOf(scanner: Scanner, pieces: readonly Uint8Array[]): readonly string[] {
  const frames: string[] = []
  const splitter = frameSplitter(scanner, (frame) => frames.push(hexOf(frame)))
  for (const piece of pieces) splitter.push(piece)
  splitter.silence()
  return frames
}

function cut(bytes: Uint8Array, at: readonly number[]): readonly Uint8Array[] {
  const places = [0, ...[...at].map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}

await t.test('any split of a stream of glued frames gives the same frames', async (t) => {
  const frames = frameVectors().map(({ hex }) => hex)
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...frames), { maxLength: 6 }),
      fc.array(fc.nat(2000), { maxLength: 40 }),
      (chosen, at) => {
        const found = framesOf(anyFrameScanner, cut(bytesOf(chosen.join('')), at))
        return found.join() === chosen.join()
      },
    ),
  )
  t.strictSame(
    framesOf(
      anyFrameScanner,
      Array.from(bytesOf(frames.join('')), (byte) => Uint8Array.of(byte)),
    ),
    frames,
    'byte by byte',
  )
})

await t.test('an answer is whole with its last byte, and no earlier', async (t) => {
  const cases: readonly (readonly [Request, Reply])[] = [
    [read, reply],
    [
      { fn: 'read-coils', start: 0, count: 9 },
      { fn: 'read-coils', bytes: Uint8Array.of(1, 1) },
    ],
    [
      { fn: 'read-write-registers', start: 0, count: 1, writeStart: 9, words: [1, 2] },
      { fn: 'read-write-registers', words: [7] },
    ],
    [
      { fn: 'write-registers', start: 1, words: [1, 2] },
      { fn: 'write-registers', start: 1, count: 2 },
    ],
    [
      { fn: 'mask-write-register', start: 1, andMask: 2, orMask: 3 },
      { fn: 'mask-write-register', start: 1, andMask: 2, orMask: 3 },
    ],
    [read, { fn: 'read-holding-registers', exception: 2 }],
  ]
  for (const [request, answer] of cases) {
    const scanner = replyScanner(17, request)
    const frame = encodeReply(17, answer)
    for (let length = 0; length < frame.length; length += 1) t.equal(scanner(frame.subarray(0, length)).kind, 'incomplete')
    t.strictSame(scanner(Uint8Array.of(...frame, 17)), { kind: 'frame', length: frame.length }, request.fn)
  }
})

await t.test('only the answer to the request is taken', async (t) => {
  const scanner = replyScanner(17, read)
  const others: readonly Uint8Array[] = [
    encodeReply(18, reply),
    encodeReply(17, { ...reply, fn: 'read-input-registers' }),
    encodeReply(17, { ...reply, words: [1, 2] }),
    encodeReply(17, { ...reply, words: [1, 2, 3, 4] }),
    encodeReply(17, { fn: 'read-input-registers', exception: 2 }),
    encodeRequest(17, read),
    bytesOf('FFFFFFFF'),
  ]
  for (const other of others) t.equal(receive(scanner, other), null, hexOf(other))
  const broken = encodeReply(17, reply)
  broken[4] = 99
  t.strictSame(scanner(broken), { kind: 'noise', skip: 1 })
  const written = replyScanner(17, { fn: 'write-register', start: 1, word: 3 })
  t.equal(receive(written, encodeReply(17, { fn: 'write-register', start: 1, word: 4 })), null, 'another value')
  t.equal(receive(written, encodeReply(17, { fn: 'write-register', start: 2, word: 3 })), null, 'another address')
})

await t.test('noise and late answers in front are given up, and hide nothing', async (t) => {
  const scanner = replyScanner(17, read)
  const good = encodeReply(17, reply)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.boolean(), (noise, hasLate) => {
      const late = hasLate ? encodeReply(17, { ...reply, words: [9] }) : []
      return receive(scanner, Uint8Array.of(...late, ...noise, ...good)) === hexOf(good)
    }),
  )
  t.strictSame(scanner(bytesOf('0102FF1103')), { kind: 'noise', skip: 3 })
  t.strictSame(scanner(bytesOf('0102FF')), { kind: 'noise', skip: 3 })
})

await t.test('a beginning that no frame has is noise at once', async (t) => {
  for (const hex of ['F8', '1141', '110300', '110FFFFF07B0F7', '11170000000100000001F7']) {
    const isNoise = (scanner: Scanner) => scanner(bytesOf(hex)).kind
    t.equal(isNoise(hex.length > 6 ? requestScanner : anyFrameScanner), hex === '110300' ? 'incomplete' : 'noise', hex)
  }
  t.equal(anyFrameScanner(bytesOf('1103FF0000000000')).kind, 'noise', 'neither a request nor an answer')
  for (const scanner of [anyFrameScanner, requestScanner]) {
    t.equal(scanner(bytesOf('')).kind, 'incomplete')
    t.equal(scanner(bytesOf('11')).kind, 'incomplete')
    t.equal(scanner(bytesOf('1110000100')).kind, 'incomplete')
    t.equal(scanner(bytesOf('F8')).kind, 'noise')
  }
})

await t.test('a device hears requests and takes nothing else for one', async (t) => {
  const frames = frameVectors()
  for (const { id, hex, direction } of frames) {
    if (direction === 'master->device') t.strictSame(requestScanner(bytesOf(hex)), { kind: 'frame', length: hex.length / 2 }, id)
  }
  t.equal(requestScanner(frameOf('118302')).kind, 'noise')
  t.equal(requestScanner(bytesOf('1103006B00037688')).kind, 'noise')
  const talk = [encodeRequest(18, read), encodeReply(18, reply), encodeRequest(17, read)].map(hexOf).join('')
  t.ok(framesOf(requestScanner, [bytesOf(talk)]).includes(hexOf(encodeRequest(17, read))), 'other devices’ talk hides nothing')
})
