import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  decodeRegister,
  describeFrame,
  encodeRegister,
  encodeReply,
  encodeRequest,
  parseReply,
  parseRequest,
  plainValue,
  type Reply,
  type Request,
} from '../../../../src/protocols/dlt645/index.js'
import { frameVectors, type FrameVector } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const vectors = frameVectors()
const of2007 = vectors.filter((vector) => vector.edition === '2007')

await t.test('there are the frames of both editions', async (t) => {
  t.equal(of2007.length, 52)
  t.equal(vectors.length - of2007.length, 5)
})

await t.test('every 2007 frame decodes to its address, control, data and wake-up bytes', async (t) => {
  for (const { id, hex, decoded } of of2007) {
    const frame = valueOf(decodeFrame(bytesOf(hex)))
    const { address, control, preamble } = frame
    t.strictSame(
      { address, control, preamble, data: hexOf(frame.data) },
      {
        address: decoded.address,
        control: Number.parseInt(decoded.control, 16),
        preamble: decoded.preamble_fe,
        data: decoded.data_plain,
      },
      id,
    )
  }
})

await t.test('every 2007 frame is described with its stated values', async (t) => {
  for (const vector of of2007) {
    const { id, decoded } = vector
    const shown = describeFrame(vector.hex)
    if (!('address' in shown)) {
      t.fail(`${id} is not described`)
      continue
    }
    t.equal(shown.protocol, 'dlt645-2007', id)
    t.equal(shown.direction, vector.direction === 'master->meter' ? 'request' : 'reply', id)
    t.strictSame(
      [shown.address, shown.control, shown.length, shown.preamble],
      [decoded.address, decoded.control, decoded.length, decoded.preamble_fe],
      id,
    )
    if (!shown.ok) {
      t.ok(vector.nonstandard, `${id}: only a nonstandard frame may be refused`)
      t.strictSame(shown.values, [], `${id}: a refusal shows no value`)
      continue
    }
    t.equal(shown.di, decoded.di, id)
    t.strictSame(shown.values, statedValues(vector), id)
    t.equal(shown.seq, decoded.seq, id)
    t.equal(shown.error?.code, decoded.err === undefined ? undefined : 'refused', id)
  }
})

await t.test('every standard request is reproduced byte for byte from its meaning', async (t) => {
  const requests = of2007.filter((vector) => vector.direction === 'master->meter' && !vector.nonstandard)
  t.equal(requests.length, 24)
  for (const { id, hex, decoded } of requests) {
    t.equal(hexOf(encodeRequest(decoded.address, meaningOf(decoded), decoded.preamble_fe)), hex, id)
  }
})

await t.test('every frame that parses is encoded to itself, by either side', async (t) => {
  for (const { id, hex, direction } of of2007) {
    const frame = valueOf(decodeFrame(bytesOf(hex)))
    const request = direction === 'master->meter'
    const parsed = request ? parseRequest(frame) : parseReply(frame)
    if (!parsed.ok) continue
    const again = request
      ? encodeRequest(frame.address, parsed.value as Request, frame.preamble)
      : encodeReply(frame.address, parsed.value as Reply, frame.preamble)
    t.equal(hexOf(again), hex, id)
  }
})

await t.test('the data of every standard reply are encoded from their values', async (t) => {
  const replies = of2007.filter(
    ({ direction, nonstandard, decoded }) => direction === 'meter->master' && !nonstandard && decoded.di !== null,
  )
  t.equal(replies.length, 11)
  for (const { id, decoded } of replies) {
    const di = decoded.di ?? ''
    const data = decoded.data_plain.slice(8)
    const values = valueOf(decodeRegister(di, bytesOf(data)))
    t.equal(hexOf(encodeRegister(di, values.map(plainValue))), data, id)
  }
})

await t.test('a frame of the 1997 edition is refused, not misread', async (t) => {
  for (const { id, hex, edition } of vectors) {
    if (edition === '2007') continue
    t.match(
      describeFrame(hex),
      { ok: false, protocol: 'dlt645-1997', di: null, values: [], error: { code: 'unsupported-protocol' } },
      id,
    )
  }
})

function statedValues({ decoded }: FrameVector) {
  if (decoded.values !== undefined) return decoded.values.map(({ value, unit }) => ({ value, unit: unit === '' ? null : unit }))
  return decoded.value === null ? [] : [{ value: decoded.value, unit: decoded.unit }]
}

function meaningOf(decoded: FrameVector['decoded']): Request {
  const { control, di, seq, value } = decoded
  if (control === '11') return { fn: 'read', di: di ?? '', load: null }
  if (control === '12') return { fn: 'read-more', di: di ?? '', seq: seq ?? 0 }
  if (control === '13') return { fn: 'read-address' }
  if (control !== '08') throw new Error(`no request of control ${control} is expected among the vectors`)
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = (value ?? '').split(/[- :]/).map(Number)
  return { fn: 'time-sync', time: { year, month, day, hour, minute, second } }
}
