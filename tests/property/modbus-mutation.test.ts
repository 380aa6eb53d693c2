import fc from 'fast-check'
import t from 'tap'
import {
  anyFrameScanner,
  decodeFrame,
  describeFrame,
  encodeReply,
  frameSplitter,
  parseReply,
  parseRequest,
  replyScanner,
  requestScanner,
  serveFrame,
} from '../../src/protocols/modbus/index.js'
import { frameMutation, mutated, mutationRuns } from '../helpers/frame-mutation.js'
import { bytesOf, frameOf, frameVectors } from '../helpers/modbus.js'

// A million runs take some minutes on a small machine; the limit is only against hanging.
t.setTimeout(600_000)

const frames = [
  ...frameVectors().map(({ hex }) => bytesOf(hex)),
  encodeReply(17, { fn: 'read-holding-registers', words: Array.from({ length: 125 }, (_, index) => index * 257) }),
]
const scanner = replyScanner(17, { fn: 'read-holding-registers', start: 107, count: 3 })
const memory = { coil: () => true, input: () => false, holding: () => 1, inputRegister: () => 2 }

await t.test(
  `${mutationRuns} mutated frames: nothing throws, nothing hangs, no frame with a wrong checksum is taken`,
  { timeout: 600_000 },
  async (t) => {
    let taken = 0
    let described = 0
    fc.assert(
      fc.property(fc.nat(), fc.array(frameMutation, { minLength: 1, maxLength: 5 }), fc.nat(), (index, mutations, cut) => {
        const bytes = mutated({ frames, repaired }, index, mutations)
        for (const stream of [anyFrameScanner, requestScanner, scanner]) {
          const splitter = frameSplitter(stream, (frame) => {
            taken += 1
            examine(frame)
          })
          splitter.push(bytes.subarray(0, cut % (bytes.length + 1)))
          splitter.push(bytes.subarray(cut % (bytes.length + 1)))
          splitter.silence()
          if (stream(bytes).kind === 'incomplete' && bytes.length >= 260) throw new Error('it waits for ever')
        }
        const description = describeFrame(bytes)
        if ('address' in description) {
          described += 1
          examine(bytes)
        }
        const { reply } = serveFrame(17, bytes, memory)
        if (reply !== null) examine(reply)
      }),
      { numRuns: mutationRuns },
    )
    t.comment(`${taken} frames were taken from the streams, ${described} of the mutated frames were whole`)
    t.ok(taken > 0 && described > 0, 'some mutations leave a frame, so the checks were reached')
  },
)

/** What was taken for a frame must be one, by a checksum worked out by the helper and not by the codec. */
function examine(bytes: Uint8Array): void {
  const body = bytes.subarray(0, -2)
  const again = frameOf(Buffer.from(body).toString('hex'))
  if (bytes.length < 4 || again.some((byte, index) => byte !== bytes[index]))
    throw new Error('a frame with a wrong checksum was taken')
  const decoded = decodeFrame(bytes)
  if (!decoded.ok) throw new Error('what was taken is no frame')
  parseReply(decoded.value)
  parseRequest(decoded.value)
}

function repaired(bytes: Uint8Array): Uint8Array {
  return bytes.length < 4 ? bytes : frameOf(Buffer.from(bytes.subarray(0, -2)).toString('hex'))
}
