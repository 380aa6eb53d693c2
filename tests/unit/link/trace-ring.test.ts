import fc from 'fast-check'
import t from 'tap'
import { TraceRing } from '../../../drivers/link/index.js'
import { monotonicMs } from '../../../src/model/index.js'
import type { TraceLine } from '../../../src/ports/index.js'

const line = (at: number, bytes: readonly number[], direction: TraceLine['direction'] = 'in', note = ''): TraceLine => ({
  at: monotonicMs(at),
  direction,
  bytes: Uint8Array.from(bytes),
  note,
})

await t.test('lines come back as they went in, oldest first', (t) => {
  const ring = new TraceRing({ linesMax: 4, bytesMax: 100 })
  t.same(ring.lines(), [])
  const lines = [line(1.5, [1, 2], 'out', 'to all'), line(2, [], 'state', 'closed'), line(3, [3], 'noise'), line(4, [4], 'echo')]
  for (const each of lines) ring.add(each)
  t.same(ring.lines(), lines)
  t.end()
})

await t.test('whatever is added, the latest lines are kept whole within both limits', (t) => {
  const bytes = fc.uint8Array({ maxLength: 40 })
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 40, max: 20_000 }),
      fc.array(fc.oneof(bytes, fc.uint8Array({ minLength: 4_000, maxLength: 9_000 })), { maxLength: 40 }),
      (linesMax, bytesMax, frames) => {
        const ring = new TraceRing({ linesMax, bytesMax })
        let expected: { at: number; bytes: Uint8Array }[] = []
        for (const [at, frame] of frames.entries()) {
          ring.add({ at: monotonicMs(at), direction: 'in', bytes: frame, note: String(at) })
          expected.push({ at, bytes: frame.subarray(0, bytesMax) })
          const tooLong = (): boolean => expected.reduce((sum, each) => sum + each.bytes.length, 0) > bytesMax
          while (expected.length > linesMax || tooLong()) expected = expected.slice(1)
        }
        t.same(
          ring.lines().map(({ at, bytes, note }) => ({ at, note, bytes: Buffer.from(bytes).toString('hex') })),
          expected.map(({ at, bytes }) => ({ at, note: String(at), bytes: Buffer.from(bytes).toString('hex') })),
        )
      },
    ),
  )
  t.end()
})

await t.test('a caller may change what it was given or what it gave', (t) => {
  const ring = new TraceRing({ linesMax: 2, bytesMax: 10 })
  const given = line(1, [7])
  ring.add(given)
  given.bytes[0] = 0
  const [first] = ring.lines()
  first?.bytes.fill(9)
  t.same(ring.lines()[0]?.bytes, Uint8Array.from([7]))
  t.end()
})
