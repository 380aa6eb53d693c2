import t from 'tap'
import { carriedReplies } from '../../../drivers/module/carried-reply.js'
import type { ExchangeRequest, Scanner } from '../../../src/ports/index.js'
import { moduleBench, readOf, type BenchOptions, type ModuleBench } from '../../helpers/module-bench.js'
import { moduleFrame } from '../../helpers/scripted-module.js'
import { replyOf, replyScanner, requestOf } from '../../helpers/test-protocol.js'

/** A read of a register, and of others that may travel along. */
function readAll(meter: number, [first = 1, ...others]: readonly number[], more: Partial<ExchangeRequest> = {}): ExchangeRequest {
  const along = others.map((register) => ({ bytes: requestOf(meter, register), reply: replyScanner(meter, register) }))
  return readOf(meter, first, { along, ...more })
}

/** Registers asked by one F1F1. */
const askedBy = (data: readonly number[]): readonly number[] => data.slice(4).filter((_, at) => at % 4 === 2)
const reads = (bench: ModuleBench): readonly (readonly number[])[] => bench.module.of(0xf1, 1).map(({ data }) => askedBy(data))

/** Meters answer every request of a payload, but those for lost registers. */
async function together(options: BenchOptions = {}, lost: readonly number[] = []): Promise<ModuleBench> {
  const bench = moduleBench({ meters: [1, 2, 3], ...options })
  bench.module.meter = (_, payload) => answers(payload, lost)
  await bench.up()
  return bench
}

function answers(payload: Uint8Array, lost: readonly number[] = []): Uint8Array {
  const requests = Array.from({ length: payload.length / 4 }, (_, at) => payload.subarray(4 * at, 4 * at + 4))
  const answered = requests.filter((request) => !lost.includes(request[2] ?? 0))
  return Uint8Array.from(answered.flatMap((request) => [...replyOf(request[1] ?? 0, request[2] ?? 0, 7)]))
}

await t.test('frames of one meter travel in one F1F1, and every reply finds its request', async (t) => {
  const bench = await together()
  t.equal(bench.bus.capabilities.framesAtOnce, 6)
  const outcome = await bench.ask(readAll(1, [1, 2, 3, 4]))
  const along = [2, 3, 4].map((register) => replyOf(1, register, 7))
  t.match(outcome, { kind: 'reply', frame: replyOf(1, 1, 7), along, noiseBytes: 0 })
  t.strictSame(reads(bench), [[1, 2, 3, 4]])
  await bench.ask(readAll(2, [1, 2, 3, 4, 5, 6, 7, 8]))
  t.strictSame(reads(bench).at(-1), [1, 2, 3, 4, 5, 6], 'six and no more')
})

await t.test('what is missing is null, what is left is asked by the caller', async (t) => {
  const bench = await together({}, [2])
  t.match(await bench.ask(readAll(1, [1, 2, 3])), { kind: 'reply', along: [null, replyOf(1, 3, 7)] })
})

await t.test('no more than the frame of the module holds', async (t) => {
  const bench = await together({ module: { frameBytesMax: 32 + 11 } })
  t.match(await bench.ask(readAll(1, [1, 2, 3])), { kind: 'reply', along: [replyOf(1, 2, 7)] })
})

await t.test('forwarded reads go alone', async (t) => {
  const bench = await together({ module: { medium: 1, led: 1 } })
  t.equal(bench.bus.capabilities.framesAtOnce, 1)
  const outcome = await bench.ask(readAll(1, [1, 2]))
  t.equal(outcome.kind, 'reply')
  t.notOk('along' in outcome)
})

await t.test('lesson 19: a meter that answers nothing to several is asked alone before it is taken for silent', async (t) => {
  const bench = await together()
  bench.module.meter = (_, payload) => (payload.length > 4 ? null : answers(payload))
  t.match(await bench.ask(readAll(1, [1, 2, 3])), { kind: 'reply', frame: replyOf(1, 1, 7) })
  t.strictSame(reads(bench), [[1, 2, 3], [1]])
  await bench.ask(readAll(1, [1, 2, 3]))
  t.strictSame(reads(bench).at(-1), [1], 'and from then on')
  bench.module.meter = () => null
  t.strictSame(await bench.ask(readAll(2, [1, 2])), { kind: 'silent' })
  t.equal(reads(bench).length, 5, 'twice, as nobody knew it')
  bench.module.powerOn()
  await bench.up()
  bench.module.meter = (_, payload) => answers(payload)
  await bench.ask(readAll(1, [1, 2]))
  t.strictSame(reads(bench).at(-1), [1, 2], 'another module, another try')
})

await t.test('a meter known to answer so many is silent when it is silent; more than that is tried alone', async (t) => {
  const bench = await together()
  await bench.ask(readAll(1, [1, 2]))
  bench.module.meter = (_, payload) => (payload.length > 8 ? null : answers(payload))
  t.match(await bench.ask(readAll(1, [1, 2, 3])), { kind: 'reply' })
  t.strictSame(reads(bench).slice(-2), [[1, 2, 3], [1]])
  await bench.ask(readAll(1, [1, 2, 3]))
  t.strictSame(reads(bench).at(-1), [1, 2], 'as many as it has answered')
  bench.module.meter = () => null
  t.strictSame(await bench.ask(readAll(1, [1, 2])), { kind: 'silent' })
  t.equal(reads(bench).length, 5)
})

await t.test('a meter that answers the first of several only is asked one at a time', async (t) => {
  const bench = await together({}, [2, 3])
  t.match(await bench.ask(readAll(1, [1, 2, 3])), { kind: 'reply', along: [null, null] })
  await bench.ask(readAll(1, [1, 2, 3]))
  t.strictSame(reads(bench), [[1, 2, 3], [1]])
})

await t.test('110: fewer frames for everybody; other refusals of several: alone', async (t) => {
  const bench = await together()
  bench.module.misbehave = ({ afn, data }) => (afn === 0xf1 && askedBy(data).length > 3 ? { deny: 110 } : null)
  t.match(await bench.ask(readAll(1, [1, 2, 3, 4])), { kind: 'reply' })
  t.equal(bench.bus.capabilities.framesAtOnce, 3)
  t.match(await bench.ask(readAll(2, [1, 2, 3, 4])), { kind: 'reply', along: [{}, {}] })
  for (const deny of [8, 1, 10]) {
    const other = await together()
    other.module.misbehave = ({ afn, data }) => (afn === 0xf1 && askedBy(data).length > 1 ? { deny } : null)
    t.match(await other.ask(readAll(1, [1, 2])), { kind: 'reply' }, `code ${deny}`)
    t.strictSame(reads(other), [[1, 2], [1]])
  }
})

await t.test('nobody says anything: less is asked the next time', async (t) => {
  const bench = await together()
  let dropped = 1
  bench.module.misbehave = ({ afn }) => (afn === 0xf1 && dropped-- > 0 ? 'silent' : null)
  t.strictSame(await bench.ask(readAll(1, [1, 2])), { kind: 'silent' })
  await bench.ask(readAll(1, [1, 2]))
  t.strictSame(reads(bench), [[1, 2], [1]])
})

await t.test('bytes without the first frame: alone, whatever else is in them', async (t) => {
  const bench = await together()
  const data = [2, 5, 0, ...replyOf(1, 2, 7)]
  let spoiled = 1
  bench.module.misbehave = ({ afn, sequence }) =>
    afn === 0xf1 && spoiled-- > 0 ? { say: moduleFrame({ control: 0x83, sequence, afn, fn: 1, data }) } : null
  t.match(await bench.ask(readAll(1, [1, 2])), { kind: 'reply', frame: replyOf(1, 1, 7) })
  t.strictSame(reads(bench), [[1, 2], [1]])
})

await t.test('lesson 18: a refusal that does not say of what is nobody’s, unless the order tells', async (t) => {
  const refusal = Uint8Array.of(0xd1)
  const orRefusal =
    (register: number): Scanner =>
    (bytes) =>
      bytes[0] === 0xd1 ? { kind: 'frame', length: 1 } : replyScanner(1, register)(bytes)
  const scanners = [1, 2, 3].map(orRefusal)
  const [one, two, three] = [1, 2, 3].map((register) => replyOf(1, register, 7))
  const carried = (...frames: readonly (Uint8Array | undefined)[]) =>
    carriedReplies(scanners, Uint8Array.from(frames.flatMap((frame) => [...(frame ?? [])])))
  t.strictSame(carried(one, refusal, three), [one, refusal, three])
  t.strictSame(carried(refusal, two, refusal), [refusal, two, refusal])
  t.strictSame(carried(refusal, three), [null, null, three], 'of the first or of the second?')
  t.strictSame(carried(three, refusal, one), [one, null, three])
  t.strictSame(carried(), [null, null, null])
})
