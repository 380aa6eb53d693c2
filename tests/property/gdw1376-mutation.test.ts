import fc from 'fast-check'
import t from 'tap'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  describeFrame,
  encodeDown,
  encodeUp,
  entryOf,
  frameBytesMax,
  frameScanner,
  frameSplitter,
  parseMessage,
  preambleBytesMax,
} from '../../src/protocols/gdw1376/index.js'
import { anyDownUnit, anyUpUnit } from '../helpers/gdw1376-units.js'
import { moduleVectors, sumOf } from '../helpers/gdw1376.js'

/** 10⁶ with `WATTKEEP_FULL=1`, as `./scripts/test --full` sets it. */
const runs = process.env['WATTKEEP_FULL'] === '1' ? 1_000_000 : 10_000

// A million runs take minutes on a small machine; the limit is only against hanging.
t.setTimeout(1_800_000)

const meter = { source: '000000000001', relays: [], destination: '123456789012' }
const frames = [
  ...moduleVectors().map(({ hex }) => bytesOf(hex)),
  // Every function of the catalogue in both directions, as the vectors hold only some.
  ...fc
    .sample(anyDownUnit, { seed: 1, numRuns: 300 })
    .map((unit) => encodeDown(unit, { mode: 3, sequence: 7, addresses: entryOf(unit)?.address === 'required' ? meter : null })),
  ...fc.sample(anyUpUnit, { seed: 1, numRuns: 300 }).map((unit) => encodeUp(unit, { mode: 3, sequence: 7 })),
]

/** One thing that goes wrong on a line. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('drop' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('glue' as const), frame: fc.nat() }),
)
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never

await t.test(`${runs} mutated frames: nothing throws, nothing hangs, no frame with a wrong checksum is taken`, async (t) => {
  let taken = 0
  let understood = 0
  const longest = frameBytesMax + preambleBytesMax
  const scanner = frameScanner()
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(mutation, { minLength: 1, maxLength: 5 }),
      fc.nat(),
      fc.boolean(),
      (index, mutations, cut, repairs) => {
        const mutated = mutations.reduce(mutate, frames[index % frames.length] ?? new Uint8Array())
        const bytes = repairs ? repaired(mutated) : mutated
        const splitter = frameSplitter((frame) => {
          taken += 1
          examine(frame)
        })
        splitter.push(bytes.subarray(0, cut % (bytes.length + 1)))
        splitter.push(bytes.subarray(cut % (bytes.length + 1)))
        splitter.silence()
        const shown = describeFrame(bytes)
        if ('afn' in shown) examine(bytes)
        if (shown.ok) understood += 1
        // A scanner that wants more of these bytes must not want more than a frame can have.
        if (scanner(bytes).kind === 'incomplete' && bytes.length > longest) throw new Error('it waits for ever')
      },
    ),
    { numRuns: runs },
  )
  t.comment(`${taken} frames were taken from the streams, ${understood} of the mutated frames were understood`)
  t.ok(taken > 0 && understood > 0, 'some mutations leave a frame, so the checks were reached')
})

/** What was taken for a frame must be one, by a length, sum and bit count worked out here and not by the codec. */
function examine(bytes: Uint8Array): void {
  const body = bytes.subarray(bytes.findIndex((byte) => byte !== 0xfe))
  const length = (body[1] ?? 0) + 256 * (body[2] ?? 0)
  const isRight =
    body[0] === 0x68 &&
    body.length === length &&
    length >= 15 &&
    body.at(-1) === 0x16 &&
    sumOf(body.subarray(3, -2)) === body.at(-2)
  if (!isRight) throw new Error('a frame with a wrong checksum or shape was taken')
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) {
    // Whole, but its head contradicts itself: the only two things that may be wrong with it.
    if (decoded.error.code !== 'bad-length' && decoded.error.code !== 'bad-fn')
      throw new Error(`it is no frame: ${decoded.error.code}`)
    return
  }
  const dt1 = bytes[decoded.value.dataAt - 2] ?? 0
  if (![1, 2, 4, 8, 16, 32, 64, 128].includes(dt1)) throw new Error('a function number without exactly one bit was taken')
  const message = parseMessage(decoded.value)
  if (message.ok) return
  const known = ['short-data', 'long-data', 'bad-length', 'bad-value', 'bad-digit']
  if (!known.includes(message.error.code)) throw new Error(`an error that is not typed: ${message.error.code}`)
}

function mutate(bytes: Uint8Array, mutation: Mutation): Uint8Array {
  const at = 'at' in mutation ? mutation.at % (bytes.length + 1) : 0
  switch (mutation.kind) {
    case 'flip':
      return bytes.map((byte, index) => (index === at ? byte ^ (1 << mutation.bit) : byte))
    case 'set':
      return bytes.map((byte, index) => (index === at ? mutation.byte : byte))
    case 'drop':
      return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + mutation.count)])
    case 'insert':
      return Uint8Array.from([...bytes.subarray(0, at), ...mutation.bytes, ...bytes.subarray(at)])
    case 'repeat':
      return Uint8Array.from([...bytes.subarray(0, at + mutation.count), ...bytes.subarray(at)])
    case 'glue':
      return Uint8Array.from([...bytes, ...(frames[mutation.frame % frames.length] ?? [])])
  }
}

/** Length and sum put right again, so that what lies behind them is reached too. */
function repaired(bytes: Uint8Array): Uint8Array {
  const start = bytes.indexOf(0x68)
  if (start < 0 || bytes.length < start + 15) return bytes
  const copy = Uint8Array.from(bytes)
  const length = copy.length - start
  copy[start + 1] = length % 256
  copy[start + 2] = length >> 8
  copy[copy.length - 2] = sumOf(copy.subarray(start + 3, -2))
  copy[copy.length - 1] = 0x16
  return copy
}
