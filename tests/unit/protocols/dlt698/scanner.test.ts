import fc from 'fast-check'
import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { Scanner, ScanResult } from '../../../../src/ports/index.js'
import { bytesOf, hexOf, joinBytes } from '../../../../src/protocols/wire/bytes.js'
import { anyFrameScanner, frameSplitter, wakeUpBytesMax } from '../../../../src/protocols/dlt698/index.js'
import { answerScanner, type Question } from '../../../../src/protocols/dlt698/question.js'
import { frameOf, meterFrame, vectors } from '../../../helpers/dlt698.js'

const address = meterAddress('000032909591')
const question: Question = {
  address,
  request: { kind: 'get-one', piid: 5, oad: '00100200', timeTag: null },
  repeats: 0,
  holdsBus: false,
  isWrite: false,
}
const scanner = answerScanner(question)
const answer = meterFrame(address, '85010500100200010600000001' + '0000')

/** What a medium does: gives up noise until a frame stands or more bytes are needed. */
function receive(wanted: Scanner, bytes: Uint8Array): { readonly frame: Uint8Array | null; readonly noise: number } {
  let at = 0
  for (;;) {
    const result: ScanResult = wanted(bytes.subarray(at))
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

const frames = vectors()
  .filter(({ layer }) => layer === 'frame')
  .map(({ hex }) => hex)

await t.test('any split of a stream of glued frames gives the same frames', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...frames), { maxLength: 6 }),
      fc.array(fc.nat(2000), { maxLength: 40 }),
      (chosen, places) => {
        return framesOf(cut(bytesOf(chosen.join('')), places)).join() === chosen.join()
      },
    ),
  )
  t.strictSame(framesOf(Array.from(bytesOf(frames.join('')), (byte) => Uint8Array.of(byte))), frames, 'byte by byte')
})

await t.test('noise and false starts before, between and behind never hide a frame', async (t) => {
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.constant(Uint8Array.of(0x68)),
    fc.constant(bytesOf('68170043')),
    fc.integer({ min: 1, max: 40 }).map((count) => new Uint8Array(count).fill(0xfe)),
    fc.tuple(fc.constantFrom(...frames), fc.nat()).map(([hex, at]) => bytesOf(hex).subarray(0, at % (hex.length / 2))),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(noise, fc.constantFrom(...frames)), { minLength: 1, maxLength: 4 }), noise, (parts, behind) => {
      const stream = joinBytes([...parts.flatMap(([before, hex]) => [before, bytesOf(hex)]), behind])
      // A frame that was cut, and where its end would be stands another's end by chance: that one is believed to be its own.
      fc.pre(
        !endsByChance(
          stream,
          parts.map(([, hex]) => hex),
        ),
      )
      const found = framesOf([stream]).map((hex) => hex.replace(/^(?:FE)+/, ''))
      return parts.every(([, hex]) => found.includes(hex))
    }),
  )
  t.pass('no counterexample')
})

function endsByChance(stream: Uint8Array, whole: readonly string[]): boolean {
  return stream.some((byte, at) => {
    const claimed = ((stream[at + 1] ?? 0) | ((stream[at + 2] ?? 0) << 8)) + 2
    const candidate = hexOf(stream.subarray(at, at + claimed))
    return byte === 0x68 && stream[at + claimed - 1] === 0x16 && !whole.includes(candidate)
  })
}

await t.test('a true answer is found behind any noise, and nothing else is taken for it', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      const clean = noise.map((byte) => (byte === 0x68 ? 0 : byte))
      const found = receive(scanner, joinBytes([clean, answer]))
      return found.frame !== null && hexOf(found.frame).endsWith(hexOf(answer))
    }),
  )
  t.strictSame(receive(scanner, answer.subarray(0, -1)), { frame: null, noise: 0 })
  t.strictSame(scanner(new Uint8Array()), { kind: 'incomplete' })
  t.strictSame(scanner(Uint8Array.of(0x68, 0x17)), { kind: 'incomplete' })
})

await t.test('what does not answer the question is noise', async (t) => {
  const wrong: Readonly<Record<string, Uint8Array>> = {
    'an echo': meterFrame(address, '0501050010020000', 0x43),
    'another meter': meterFrame('000032909592', '850105001002000106000000010000'),
    'another client': frameOf(0xc3, '05919590320000', 0x11, '850105001002000106000000010000'),
    'another number': meterFrame(address, '850106001002000106000000010000'),
    'another object': meterFrame(address, '850105002002000106000000010000'),
    'another choice': meterFrame(address, '8502050100100200010600000001' + '0000'),
    'another service': meterFrame(address, '86010500100200000000'),
    'link management': meterFrame(address, '850105001002000106000000010000', 0xc1),
    'a report': meterFrame(address, '880105013320020001000000', 0x83),
    'a middle piece': meterFrame(address, '01C085', 0xe3),
    'a confirmation': meterFrame(address, '0080', 0xe3),
    'a first piece of another service': meterFrame(address, '000086', 0xe3),
    'an empty first piece': meterFrame(address, '0000', 0xe3),
    'an empty body': meterFrame(address, ''),
  }
  for (const [name, frame] of Object.entries(wrong)) {
    t.equal(receive(scanner, frame).frame, null, name)
    const both = receive(scanner, joinBytes([frame, answer]))
    t.equal(both.frame === null ? '' : hexOf(both.frame), hexOf(answer), `${name}, then the answer`)
  }
})

await t.test('an answer may be wrapped, an error, a block, a first piece, unreadable or with events waiting', async (t) => {
  const right: Readonly<Record<string, string>> = {
    wrapped: '90000F' + '850105001002000106000000010000' + '01000401020304',
    'wrapped without a check': '90000F' + '850105001002000106000000010000' + '00',
    enciphered: '900102ABCD0100040102' + '0304',
    refused: '900216',
    error: 'EE05020000',
    block: '8505050000010100100200010600000001' + '0000',
    'bit ACD': '854500',
    unreadable: '8501050010020001',
  }
  for (const [name, apdu] of Object.entries(right)) t.equal(scanner(meterFrame(address, apdu)).kind, 'frame', name)
  t.equal(scanner(meterFrame(address, '850145001002000106000000010000')).kind, 'frame', 'ACD is no part of the number')
  t.equal(scanner(meterFrame(address, '0000850105', 0xe3)).kind, 'frame', 'a first piece')
})

await t.test('a frame whose own check is wrong is skipped as a whole, one that lost bytes is not', async (t) => {
  const broken = answer.map((byte, index) => (index === 20 ? byte ^ 1 : byte))
  t.strictSame(anyFrameScanner(broken), { kind: 'noise', skip: broken.length })
  const inner = frameOf(0x43, '05010000000000', 0x10, '0501004000020000')
  const outer = meterFrame(address, `09${hexOf(inner)}00`)
  t.strictSame(
    framesOf([outer.map((byte, index) => (index === outer.length - 4 ? 1 : byte))]),
    [],
    'what a broken frame carries is no frame',
  )
  const lost = joinBytes([answer.subarray(0, 20), answer.subarray(21), answer])
  t.strictSame(framesOf([lost]), [hexOf(answer)], 'the next one begins where the lost byte would have been')
})

await t.test('of wake-up bytes the last sixteen belong to the frame', async (t) => {
  const many = joinBytes([new Uint8Array(30).fill(0xfe), answer])
  t.strictSame(receive(anyFrameScanner, many), { frame: many.slice(14), noise: 14 })
  t.equal(wakeUpBytesMax, 16)
  t.strictSame(anyFrameScanner(new Uint8Array(3).fill(0xfe)), { kind: 'incomplete' })
})

await t.test('a header with a right check and no room for a frame is a false start', async (t) => {
  const head = frameOf(0x43, '05010000000000', 0x10, '')
  t.equal(anyFrameScanner(head).kind, 'frame', 'an empty body is a frame')
  t.equal(receive(anyFrameScanner, bytesOf('685A5A5A5A')).frame, null)
})
