import fc from 'fast-check'
import t from 'tap'
import { absenceReasons, epochMs, itemId, meterId, taskId } from '../../../src/model/index.js'
import type { ItemValue, Point, Unit } from '../../../src/model/index.js'
import { ByteReader, ByteWriter, REGISTER_INT_MAX } from '../../../src/store/bytes.js'
import { ChunkBuilder, decodeChunk } from '../../../src/store/chunk.js'
import { Names } from '../../../src/store/names.js'
import { decodeRow, encodeRow, namePoint, numberPoint, readingSources } from '../../../src/store/point-rows.js'

const registerInt = fc.oneof(fc.constant(null), fc.integer({ min: -REGISTER_INT_MAX, max: REGISTER_INT_MAX }), fc.nat(5000))
const instant = fc.integer({ min: 0, max: 4_102_444_800_000 }).map(epochMs)
const own = fc.option(fc.record({ source: fc.constantFrom(...readingSources), measuredAt: instant }))
const ints = fc.record({
  item: fc.constantFrom('energy', 'voltage').map(itemId),
  ints: fc.array(registerInt, { maxLength: 5 }),
  exponent: fc.integer({ min: -4, max: 2 }),
  unit: fc.constantFrom<Unit>('kWh', 'V', ''),
})
const words = fc.record({ item: fc.constant(itemId('status')), words: fc.array(fc.string({ maxLength: 4 }), { maxLength: 7 }) })
const itemValue: fc.Arbitrary<ItemValue> = fc.oneof(
  fc.tuple(fc.oneof(ints, words), own).map(([value, origin]) => (origin === null ? value : { ...value, own: origin })),
  fc.record({ item: fc.constantFrom('energy', 'current').map(itemId), absent: fc.constantFrom(...absenceReasons) }),
)
const point: fc.Arbitrary<Point> = fc.record({
  meter: fc.constantFrom('m1', 'm2', 'm3').map(meterId),
  task: fc.constantFrom('curve', 'volts').map(taskId),
  stream: fc.constant('curve' as const),
  slotAt: fc.oneof(fc.constant(epochMs(1_700_000_000_000)), instant),
  measuredAt: fc.oneof(fc.constant(epochMs(1_700_000_000_000)), instant),
  source: fc.constantFrom(...readingSources),
  stamp: fc.record({
    receivedAt: instant,
    clockTrusted: fc.boolean(),
    boot: fc.constantFrom('boot-a', 'boot-b'),
    monotonicMs: fc.nat(10 ** 12),
  }),
  values: fc.array(itemValue, { maxLength: 4 }),
})

await t.test('a log row gives back the points it was made of', async (t) => {
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 16 }), (points) => {
      const names = new Names()
      const numbered = points.map((each, index) => numberPoint(each, 100 + index, names))
      const back = decodeRow(encodeRow(numbered), 100, names).map((each) => namePoint(each, 'curve', names))
      return JSON.stringify(back) === JSON.stringify(points.map(inOrder))
    }),
    { numRuns: 300 },
  )
  t.pass('held')
})

await t.test('a chunk gives back the points of its meter with their numbers', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(point, fc.integer({ min: 1, max: 3000 })), { minLength: 1, maxLength: 60 }), (pairs) => {
      const names = new Names()
      const builder = new ChunkBuilder(names.idOf('meter', 'm1'))
      let seq = 0
      const points = pairs.map(([each, step]) => {
        seq += step
        const numbered = numberPoint({ ...each, meter: meterId('m1') }, seq, names)
        builder.add(numbered, names.textPositionsOf(numbered.shape))
        return numbered
      })
      return JSON.stringify(decodeChunk(builder.finish(), 1, names)) === JSON.stringify(points.map(inNumberedOrder))
    }),
    { numRuns: 300 },
  )
  t.pass('held')
})

await t.test('a damaged chunk is refused, never read as other values', async (t) => {
  const names = new Names()
  const builder = new ChunkBuilder(1)
  const [sample] = fc.sample(point, { numRuns: 1, seed: 7 })
  if (sample === undefined) throw new Error('no sample')
  const numbered = numberPoint(sample, 1, names)
  builder.add(numbered, names.textPositionsOf(numbered.shape))
  const chunk = builder.finish()
  for (let at = 0; at < chunk.length; at += 1) {
    const bad = Buffer.from(chunk)
    bad.writeUInt8(bad.readUInt8(at) ^ 0x10, at)
    t.throws(() => decodeChunk(bad, 1, names), RangeError)
  }
  t.throws(() => decodeChunk(Buffer.alloc(3), 1, names), RangeError)
})

await t.test('integers of any size up to 2^53 survive, and reading past the end is an error', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (u, s) => {
      const out = new ByteWriter(1)
      out.unsigned(u)
      out.signed(s)
      out.optional(s)
      out.optional(null)
      const input = new ByteReader(out.toBuffer())
      return (
        input.unsigned() === u && input.signed() === s && input.optional() === s && input.optional() === null && input.isAtEnd
      )
    }),
  )
  t.throws(() => new ByteReader(Buffer.of(0x80)).unsigned(), RangeError)
  t.throws(() => new ByteReader(Buffer.alloc(12, 0xff)).unsigned(), RangeError)
  t.throws(() => new ByteReader(Buffer.of(5, 65)).text(), RangeError)
})

await t.test('names are numbered once, and a failed commit takes its new names back', async (t) => {
  const names = new Names([{ id: 4, kind: 'meter', text: 'a' }])
  t.equal(names.idOf('meter', 'a'), 4)
  t.equal(names.idOf('task', 'a'), 5)
  names.committed()
  t.equal(names.idOf('task', 'b'), 6)
  t.same(names.fresh, [{ id: 6, kind: 'task', text: 'b' }])
  names.rolledBack()
  t.equal(names.find('task', 'b'), null)
  t.equal(names.idOf('task', 'c'), 6)
  t.throws(() => names.textOf(99), RangeError)
})

await t.test('a register value too large for the columns is our own bug', async (t) => {
  const [sample] = fc.sample(point, { numRuns: 1, seed: 1 })
  if (sample === undefined) throw new Error('no sample')
  const values = [{ item: itemId('x'), ints: [2 ** 52], exponent: 0, unit: '' as const }]
  t.throws(() => numberPoint({ ...sample, values }, 1, new Names()), /2\^50/)
})

function inOrder(each: Point): Point {
  const { meter, task, stream, slotAt, measuredAt, source, stamp, values } = each
  const { receivedAt, clockTrusted, boot, monotonicMs } = stamp
  return { meter, task, stream, slotAt, measuredAt, source, stamp: { receivedAt, clockTrusted, boot, monotonicMs }, values }
}
function inNumberedOrder(each: ReturnType<typeof numberPoint>) {
  const { seq, meter, task, shape, boot, slotAt, measuredAt, receivedAt, monotonicMs, clockTrusted, source, values } = each
  return { seq, meter, task, shape, boot, slotAt, measuredAt, receivedAt, monotonicMs, clockTrusted, source, values }
}
