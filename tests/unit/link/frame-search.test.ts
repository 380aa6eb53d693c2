import t from 'tap'
import fc from 'fast-check'
import { searchFrame, searchFrameAnywhere } from '../../../drivers/link/index.js'
import { replyOf, replyScanner } from '../../helpers/test-protocol.js'

const scanner = replyScanner(7, 1)
const reply = replyOf(7, 1, 42)
const bytes = (...parts: (number | Uint8Array)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])))

await t.test('noise, frame and rest', (t) => {
  t.strictSame(searchFrame(scanner, bytes(1, 2, reply, 3)), { noise: bytes(1, 2), frame: reply, rest: bytes(3) })
  t.strictSame(searchFrame(scanner, bytes(1, 0x21, 7)), { noise: bytes(1), frame: null, rest: bytes(0x21, 7) })
  t.strictSame(searchFrame(scanner, bytes()), { noise: bytes(), frame: null, rest: bytes() })
  t.strictSame(
    searchFrame(() => ({ kind: 'noise', skip: 9 }), bytes(1, 2)),
    { noise: bytes(1, 2), frame: null, rest: bytes() },
    'a scanner that gives up more than there is',
  )
  t.end()
})

await t.test('when nothing more will come, a false start hides no frame', (t) => {
  const eager: typeof scanner = (given) => (given[0] === 0x99 ? { kind: 'incomplete' } : scanner(given))
  const stream = bytes(5, 0x99, 6, 0x99, reply, 9)
  t.equal(searchFrame(eager, stream).frame, null)
  t.strictSame(searchFrameAnywhere(eager, stream), { noise: bytes(5, 0x99, 6, 0x99), frame: reply, rest: bytes(9) })
  t.strictSame(searchFrameAnywhere(eager, bytes(0x99, 1)), { noise: bytes(0x99, 1), frame: null, rest: bytes() })
  t.end()
})

await t.test('a frame is found behind any bytes, and every byte is asked about at most twice', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (before) => {
      let asked = 0
      const counting: typeof scanner = (given) => {
        asked++
        return given[0] === 0x99 ? { kind: 'incomplete' } : scanner(given)
      }
      const clean = before.map((byte) => (byte === 0x21 ? 0x99 : byte))
      const found = searchFrameAnywhere(counting, bytes(clean, reply))
      return found.noise.length === clean.length && found.frame !== null && asked <= 2 * (clean.length + 1)
    }),
  )
  t.pass()
  t.end()
})
