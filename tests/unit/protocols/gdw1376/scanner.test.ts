import t from 'tap'
import { bytesOf, hexOf, joinBytes } from '../../../../src/protocols/wire/bytes.js'
import { frameBytesMax, frameScanner, frameSplitter, preambleBytesMax } from '../../../../src/protocols/gdw1376/index.js'
import { frameAround, vectorHex } from '../../../helpers/gdw1376.js'

const scan = (hex: string, bytesMax?: number) => frameScanner(bytesMax)(bytesOf(hex))
const frame = vectorHex('025')

function framesOf(
  stream: Uint8Array,
  bytesMax?: number,
): { readonly at: readonly string[]; readonly afterSilence: readonly string[] } {
  const found: string[] = []
  const splitter = frameSplitter((bytes) => found.push(hexOf(bytes)), bytesMax)
  splitter.push(stream)
  const at = [...found]
  splitter.silence()
  return { at, afterSilence: found.slice(at.length) }
}

await t.test('a scanner says at once what a byte makes impossible', async (t) => {
  t.strictSame(scan(''), { kind: 'incomplete' })
  t.strictSame(scan('FEFE'), { kind: 'incomplete' })
  t.strictSame(scan('68'), { kind: 'incomplete' })
  t.strictSame(scan('680F'), { kind: 'incomplete' })
  t.strictSame(scan('680F00'), { kind: 'incomplete' })
  t.strictSame(scan('680E00'), { kind: 'noise', skip: 1 }, 'shorter than any frame')
  t.strictSame(scan('684A08'), { kind: 'noise', skip: 1 }, 'longer than any frame')
  t.strictSame(scan('684908'), { kind: 'incomplete' }, 'as long as the longest')
  t.strictSame(scan('FE680E00'), { kind: 'noise', skip: 2 })
  t.strictSame(scan('0102'), { kind: 'noise', skip: 2 })
  t.strictSame(scan('0102FE'), { kind: 'noise', skip: 2 })
  t.strictSame(scan('FEFE0168'), { kind: 'noise', skip: 3 })
  t.strictSame(scan(frame), { kind: 'frame', length: 50 })
  t.strictSame(scan(`FE${frame}55`), { kind: 'frame', length: 51 })
  t.strictSame(scan(frame.replace(/B516$/, 'B616')), { kind: 'noise', skip: 1 }, 'wrong sum')
  t.strictSame(scan(frame.replace(/B516$/, 'B517')), { kind: 'noise', skip: 1 }, 'no end')
})

await t.test('nobody waits for more than the module said it sends, nor for more than the protocol has', async (t) => {
  t.strictSame(scan('68FF00', 254), { kind: 'noise', skip: 1 })
  t.strictSame(scan('68FE00', 254), { kind: 'incomplete' })
  t.strictSame(scan('684A08', 0xffff), { kind: 'noise', skip: 1 }, 'one module told FFFF')
  t.strictSame(framesOf(joinBytes([[0x68, 0xff, 0x00], bytesOf(vectorHex('001'))]), 254).at, [vectorHex('001')])
})

await t.test('a false start costs one byte: the frame inside its claimed length is found', async (t) => {
  t.strictSame(framesOf(joinBytes([bytesOf('681400'), bytesOf(frame)])).at, [frame], 'as soon as the false one is disproved')
  t.strictSame(
    framesOf(joinBytes([bytesOf('68F007'), bytesOf(frame)])),
    { at: [], afterSilence: [frame] },
    'or when the line is quiet',
  )
  t.strictSame(framesOf(joinBytes([bytesOf('6868'), bytesOf(frame)])).at, [frame], '68 68 is too long a length')
})

await t.test('a meter frame that stands alone is no frame of this protocol', async (t) => {
  t.strictSame(framesOf(bytesOf('6804330000000068110433333433E916')), { at: [], afterSilence: [] })
})

await t.test('FE belong to the frame, of a longer run the first are noise', async (t) => {
  const long = joinBytes([new Uint8Array(40).fill(0xfe), bytesOf(frame)])
  t.strictSame(framesOf(long).at, ['FE'.repeat(preambleBytesMax) + frame])
})

await t.test('a whole frame with a contradictory head is still handed on, so that it is seen and counted', async (t) => {
  const bytes = frameAround('43 000000000000 10 0300')
  t.strictSame(framesOf(bytes).at, [hexOf(bytes)])
})

await t.test('lesson 21: a splitter holds no more than one frame, whatever comes', async (t) => {
  const scanner = frameScanner()
  const start = bytesOf('684908')
  const longest = joinBytes([start, new Uint8Array(frameBytesMax - 4)])
  t.strictSame(scanner(longest), { kind: 'incomplete' })
  t.strictSame(scanner(joinBytes([longest, [0]])), { kind: 'noise', skip: 1 })
})
