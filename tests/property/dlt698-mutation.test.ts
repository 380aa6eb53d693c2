import fc from 'fast-check'
import t from 'tap'
import { bytesOf } from '../../src/protocols/wire/bytes.js'
import {
  anyFrameScanner,
  decodeFrame,
  describeFrame,
  encodeApdu,
  frameSplitter,
  openEnvelope,
  parseApdu,
  readReport,
} from '../../src/protocols/dlt698/index.js'
import { crcOf, vectors } from '../helpers/dlt698.js'

/** 10⁶ with `WATTKEEP_FULL=1`, as `./scripts/test --full` sets it. */
const runs = process.env['WATTKEEP_FULL'] === '1' ? 1_000_000 : 10_000

// A million runs take some minutes on a small machine; the limit is only against hanging.
t.setTimeout(900_000)

const frames = vectors()
  .filter(({ layer }) => layer === 'frame')
  .map(({ hex }) => bytesOf(hex))

/** One thing that goes wrong on a line. `repair` puts length and checks right again, so that what lies behind them is reached too. */
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
  `${runs} mutated frames: nothing throws, nothing hangs, no frame with a wrong check is taken`,
  { timeout: 900_000 },
  async (t) => {
    let taken = 0
    let described = 0
    let understood = 0
    fc.assert(
      fc.property(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 5 }), fc.nat(), (index, mutations, cut) => {
        const bytes = mutations.reduce(mutate, frames[index % frames.length] ?? new Uint8Array())
        const splitter = frameSplitter((frame) => {
          taken += 1
          if (examine(frame)) understood += 1
        })
        splitter.push(bytes.subarray(0, cut % (bytes.length + 1)))
        splitter.push(bytes.subarray(cut % (bytes.length + 1)))
        splitter.silence()
        if ('address' in describeFrame(bytes)) {
          described += 1
          examine(bytes)
        }
        // A scanner that wants more of these bytes must not want more than a frame can have.
        if (anyFrameScanner(bytes).kind === 'incomplete' && bytes.length > 16 + 0x4001) throw new Error('it waits for ever')
      }),
      { numRuns: runs },
    )
    t.comment(
      `${taken} frames were taken from the streams, ${understood} of them understood; ${described} mutated frames were whole`,
    )
    t.ok(taken > 0 && described > 0 && understood > 0, 'some mutations leave a frame, so the checks were reached')
  },
)

/** What was taken for a frame must be one, by checks worked out here and not by the codec. @returns whether its content was read */
function examine(bytes: Uint8Array): boolean {
  const start = bytes.findIndex((byte) => byte !== 0xfe)
  const body = [...bytes.subarray(start)]
  const length = ((body[1] ?? 0) | ((body[2] ?? 0) << 8)) & 0x3fff
  const hcsAt = 6 + ((body[4] ?? 0) & 0x0f) + 1
  const isRight =
    body[0] === 0x68 &&
    body.length === length + 2 &&
    body.at(-1) === 0x16 &&
    crcOf(body.slice(1, hcsAt)) === wordAt(body, hcsAt) &&
    crcOf(body.slice(1, -3)) === wordAt(body, body.length - 3)
  if (!isRight) throw new Error('a frame with a wrong check or shape was taken')
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) throw new Error('what the scanner took is no frame')
  readReport(bytes)
  const parsed = parseApdu(decoded.value.body)
  if (decoded.value.segment !== null || !parsed.ok) return false
  openEnvelope(parsed.value)
  // Whatever was understood can be said again, and means the same then.
  const again = parseApdu(encodeApdu(parsed.value))
  if (!again.ok || shown(again.value) !== shown(parsed.value)) throw new Error(`not said again: ${shown(parsed.value)}`)
  return true
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? `${part}n` : part))
}

function wordAt(bytes: readonly number[], at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
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
  const body = [...bytes.subarray(Math.max(start, 0))]
  const hcsAt = 6 + ((body[4] ?? 0) & 0x0f) + 1
  if (start < 0 || body.length < hcsAt + 5) return bytes
  const put = (at: number, value: number) => body.splice(at, 2, value & 0xff, value >> 8)
  put(1, body.length - 2)
  put(hcsAt, crcOf(body.slice(1, hcsAt)))
  put(body.length - 3, crcOf(body.slice(1, -3)))
  body[body.length - 1] = 0x16
  return Uint8Array.from([...bytes.subarray(0, start), ...body])
}
