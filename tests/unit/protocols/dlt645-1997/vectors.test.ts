import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { describeFrame as describeFrame2007 } from '../../../../src/protocols/dlt645/index.js'
import { plainValue } from '../../../../src/protocols/dlt645/values.js'
import {
  decodeFrame,
  decodeRegister,
  describeFrame,
  encodeRegister,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
} from '../../../../src/protocols/dlt645-1997/index.js'
import { frameVectors } from '../../../helpers/dlt645-1997.js'
import { frameVectors as frameVectors2007 } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const vectors = frameVectors()

await t.test('every frame decodes to its address, control, data and wake-up bytes, and back', async (t) => {
  t.equal(vectors.length, 5)
  for (const { id, hex, direction, decoded } of vectors) {
    const frame = valueOf(decodeFrame(bytesOf(hex)))
    t.strictSame(
      { ...frame, data: hexOf(frame.data) },
      {
        address: decoded.address,
        control: Number.parseInt(decoded.control, 16),
        preamble: decoded.preamble_fe,
        data: decoded.data_plain,
      },
      id,
    )
    const again =
      direction === 'master->meter'
        ? encodeRequest(frame.address, valueOf(parseRequest(frame)), frame.preamble)
        : encodeReply(frame.address, valueOf(parseReply(frame)), frame.preamble)
    t.equal(hexOf(again), hex, id)
  }
})

await t.test('every frame is described with its stated values, whatever is tried first', async (t) => {
  for (const { id, hex, direction, decoded } of vectors) {
    t.match(describeFrame2007(hex), { ok: false }, `${id} is none of 2007`)
    t.match(
      describeFrame(hex),
      {
        ok: true,
        protocol: 'dlt645-1997',
        direction: direction === 'master->meter' ? 'request' : 'reply',
        address: decoded.address,
        control: decoded.control,
        length: decoded.length,
        preamble: decoded.preamble_fe,
        di: decoded.di,
        values: decoded.value === null ? [] : [{ value: decoded.value, unit: decoded.unit }],
      },
      id,
    )
  }
})

await t.test('every request is reproduced byte for byte from its meaning', async (t) => {
  const requests = vectors.filter(({ direction }) => direction === 'master->meter')
  t.equal(requests.length, 3)
  for (const { id, hex, decoded } of requests) {
    const { address, preamble_fe: preamble } = decoded
    t.equal(hexOf(encodeRequest(address, { fn: 'read', di: decoded.di ?? '' }, preamble)), hex, id)
  }
})

await t.test('the data of every reply are encoded from their values', async (t) => {
  for (const { id, direction, decoded } of vectors) {
    if (direction === 'master->meter') continue
    const data = decoded.data_plain.slice(4)
    const values = valueOf(decodeRegister(decoded.di ?? '', bytesOf(data)))
    t.equal(hexOf(encodeRegister(decoded.di ?? '', values.map(plainValue))), data, id)
  }
})

await t.test('no frame of the 2007 edition is taken for one of 1997, but those that both have', async (t) => {
  for (const { id, hex, edition, decoded } of frameVectors2007()) {
    if (edition === '1997') continue
    const isOfBoth = ['08', '03', '83', 'C3'].includes(decoded.control)
    if (!isOfBoth) t.match(describeFrame(hex), { ok: false, protocol: 'dlt645-1997' }, id)
  }
})
