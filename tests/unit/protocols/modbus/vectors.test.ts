import t from 'tap'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  anyFrameScanner,
  decodeFrame,
  describeFrame,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
  replyScanner,
} from '../../../../src/protocols/modbus/index.js'
import { bytesOf, frameVectors } from '../../../helpers/modbus.js'
import { valueOf } from '../../../helpers/outcome.js'

const vectors = frameVectors()

await t.test('every frame is described as it is stated', async (t) => {
  t.equal(vectors.length, 19)
  for (const { id, hex, direction, decoded } of vectors) {
    const { address, control, length, values, exception } = decoded
    t.match(
      describeFrame(hex),
      {
        ok: true,
        protocol: 'modbus-rtu',
        direction: direction === 'master->device' ? 'request' : 'reply',
        address,
        control,
        length,
        values: values.map((value) => ({ value, unit: null })),
      },
      id,
    )
    if (exception === undefined) t.notOk('error' in describeFrame(hex), id)
    else t.match(describeFrame(hex), { error: { code: 'refused', bits: [exception] } }, id)
  }
})

await t.test('every request is reproduced byte for byte from its meaning, and read back', async (t) => {
  const requests = vectors.filter(({ direction }) => direction === 'master->device')
  t.equal(requests.length, 11)
  for (const { id, hex, decoded } of requests) {
    const { request } = decoded
    if (request === undefined) {
      t.fail(`${id} states no request`)
      continue
    }
    t.equal(hexOf(encodeRequest(Number(decoded.address), request)), hex, id)
    t.strictSame(valueOf(parseRequest(valueOf(decodeFrame(bytesOf(hex))))), request, id)
  }
})

await t.test('every answer is encoded to itself', async (t) => {
  for (const { id, hex, direction } of vectors) {
    if (direction === 'master->device') continue
    const frame = valueOf(decodeFrame(bytesOf(hex)))
    t.equal(hexOf(encodeReply(frame.address, valueOf(parseReply(frame)))), hex, id)
  }
})

await t.test('every frame is found whole at the start of a stream', async (t) => {
  for (const { id, hex } of vectors) {
    const length = hex.length / 2
    t.strictSame(anyFrameScanner(bytesOf(`${hex}1103`)), { kind: 'frame', length }, id)
  }
  const [, , request, reply] = vectors
  if (request?.decoded.request === undefined || reply === undefined) return void t.fail('the vectors begin with reads')
  t.strictSame(replyScanner(17, request.decoded.request)(bytesOf(reply.hex)), { kind: 'frame', length: 11 })
})
