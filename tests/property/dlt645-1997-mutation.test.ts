import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf } from '../../src/protocols/wire/bytes.js'
import { frameSplitter } from '../../src/protocols/dlt645/index.js'
import {
  checksum,
  decodeFrame,
  describeFrame,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
  replyScanner,
} from '../../src/protocols/dlt645-1997/index.js'
import { frameMutation, mutated, mutationRuns } from '../helpers/frame-mutation.js'
import { data, frameVectors, moreData, refusal } from '../helpers/dlt645-1997.js'

// A million runs take most of a minute on a small machine; the limit is only against hanging.
t.setTimeout(600_000)

const address = '138000130754'
const frames = [
  ...frameVectors().map((vector) => bytesOf(vector.hex)),
  encodeRequest(address, { fn: 'write', di: 'C310', password: '02123456', data: bytesOf('04') }),
  encodeReply(address, data('901F', '01000000'.repeat(5) + 'AA'), 4),
  encodeReply(address, data('B61F', '200219022102AA')),
  encodeReply(address, moreData('901F', '01000000AA')),
  encodeReply(address, refusal(2)),
  encodeReply(address, data('C010', '03090324')),
]
const scanner = replyScanner(address, { fn: 'read', di: '9010' })

await t.test(
  `${mutationRuns} mutated frames: nothing throws, nothing hangs, no frame with a wrong checksum is taken`,
  { timeout: 600_000 },
  async (t) => {
    let taken = 0
    let described = 0
    fc.assert(
      fc.property(fc.nat(), fc.array(frameMutation, { minLength: 1, maxLength: 5 }), fc.nat(), (index, mutations, cut) => {
        const bytes = mutated({ frames, repaired }, index, mutations)
        const found: string[] = []
        const splitter = frameSplitter((frame) => {
          taken += 1
          found.push(hexOf(frame))
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
        const reply = scanner(bytes)
        if (reply.kind === 'frame') examine(bytes.subarray(0, reply.length))
        if (reply.kind === 'incomplete' && bytes.length > 16 + 212) throw new Error('it waits for ever')
      }),
      { numRuns: mutationRuns },
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
  const reply = parseReply(decoded.value)
  const request = parseRequest(decoded.value)
  if (reply.ok && request.ok) throw new Error('a frame has two directions')
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
