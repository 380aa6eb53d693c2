import fc from 'fast-check'
import t from 'tap'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  anyFrameScanner,
  checksum,
  describeFrame,
  frameSplitter,
  parseReply,
  parseRequest,
  decodeFrame,
} from '../../src/protocols/dlt645/index.js'
import { frameVectors } from '../helpers/dlt645.js'

/** 10⁶ with `WATTKEEP_FULL=1`, as `./scripts/test --full` sets it. */
const runs = process.env['WATTKEEP_FULL'] === '1' ? 1_000_000 : 20_000

// A million runs take most of a minute on a small machine; the limit is only against hanging.
t.setTimeout(600_000)

const frames = frameVectors().map((vector) => bytesOf(vector.hex))

/** One thing that goes wrong on a line. `repair` puts the checksum right again, so that what lies behind it is reached too. */
const mutation = fc.oneof(
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('set' as const), at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) }),
  fc.record({ kind: fc.constant('drop' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 12 }) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(), bytes: fc.uint8Array({ maxLength: 12 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at: fc.nat(), count: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('glue' as const), frame: fc.nat() }),
  fc.record({ kind: fc.constant('repair' as const) }),
)
type Mutation = typeof mutation extends fc.Arbitrary<infer M> ? M : never

await t.test(
  `${runs} mutated frames: nothing throws, nothing hangs, no frame with a wrong checksum is taken`,
  { timeout: 600_000 },
  async (t) => {
    let taken = 0
    let described = 0
    fc.assert(
      fc.property(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 5 }), fc.nat(), (index, mutations, cut) => {
        const bytes = mutations.reduce(mutate, frames[index % frames.length] ?? new Uint8Array())
        const splitter = frameSplitter((frame) => {
          taken += 1
          examine(frame)
        })
        splitter.push(bytes.subarray(0, cut % (bytes.length + 1)))
        splitter.push(bytes.subarray(cut % (bytes.length + 1)))
        splitter.silence()
        const description = describeFrame(bytes)
        if ('address' in description) {
          described += 1
          examine(bytes)
        }
        // A scanner that wants more of these bytes must not want more than a frame can have.
        if (anyFrameScanner(bytes).kind === 'incomplete' && bytes.length > 16 + 212) throw new Error('it waits for ever')
      }),
      { numRuns: runs },
    )
    t.comment(`${taken} frames were taken from the streams, ${described} of the mutated frames were whole`)
    t.ok(taken > 0 && described > 0, 'some mutations leave a frame, so the checks were reached')
  },
)

/** What was taken for a frame must be one, by a checksum worked out here and not by the codec. */
function examine(bytes: Uint8Array): void {
  const start = bytes.findIndex((byte) => byte !== 0xfe)
  const body = bytes.subarray(start)
  const length = body[9] ?? -1
  const sum = body.subarray(0, 10 + length).reduce((total, byte) => (total + byte) % 256, 0)
  const isRight =
    body[0] === 0x68 && body[7] === 0x68 && body.length === 12 + length && body[10 + length] === sum && body[11 + length] === 0x16
  if (!isRight) throw new Error('a frame with a wrong checksum or shape was taken')
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) throw new Error('what the scanner took is no frame')
  parseReply(decoded.value)
  parseRequest(decoded.value)
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
    case 'repair':
      return repaired(bytes)
  }
}

function repaired(bytes: Uint8Array): Uint8Array {
  const start = bytes.indexOf(0x68)
  if (start < 0 || bytes.length < start + 12) return bytes
  const copy = Uint8Array.from(bytes)
  const end = copy.length - 2
  copy[start + 7] = 0x68
  copy[start + 9] = end - start - 10
  copy[end] = checksum(copy.subarray(start, end))
  copy[end + 1] = 0x16
  return copy
}
