import t from 'tap'
import {
  babble,
  drawSpans,
  isWithin,
  noFaults,
  noiseBytesMax,
  rollFaults,
  spoiled,
} from '../../../drivers/simulated/fault-plan.js'
import { seededRandom } from '../../../drivers/simulated/random.js'
import { SimulatedWire } from '../../../drivers/simulated/wire.js'
import { encodeRequest } from '../../../src/protocols/dlt645/index.js'
import { hexOf } from '../../../src/protocols/wire/bytes.js'
import { hourMs, makeMeter, marchFirst } from '../../helpers/simulated-meter.js'

const wild = {
  ...noFaults,
  lostRequestsPpm: 100_000,
  lostRepliesPpm: 100_000,
  flippedPpm: 100_000,
  truncatedPpm: 100_000,
  duplicatedPpm: 100_000,
  delayedPpm: 100_000,
  delayMsMax: 900,
  noisePpm: 100_000,
}

/** Everything that comes back over some hundred exchanges, as text. */
function transcript(seed: number): string {
  const meters = [makeMeter({ address: '000000000001' }), makeMeter({ address: '000000000002', seed: 8 })]
  const wire = new SimulatedWire({ meters, faults: wild, seed })
  const lines: string[] = []
  for (let n = 0; n < 400; n++) {
    const request = encodeRequest(n % 2 === 0 ? '000000000001' : '000000000002', { fn: 'read', di: '0001FF00', load: null })
    const back = wire.hear(request, marchFirst + n * 60_000)
    lines.push(back.map(({ delayMs, bytes }) => `${delayMs}:${hexOf(bytes)}`).join(' '))
  }
  return lines.join('\n')
}

await t.test('the same seed gives the same bytes, another seed others', (t) => {
  t.equal(transcript(5), transcript(5))
  t.not(transcript(5), transcript(6))
  t.end()
})

await t.test('shares are kept, and no faults cost no draw', (t) => {
  const random = seededRandom(3)
  const counts = { requestLost: 0, replyLost: 0, flip: 0, truncate: 0, duplicate: 0, delay: 0, noise: 0 }
  for (let n = 0; n < 20_000; n++) {
    const roll = rollFaults(wild, random)
    if (roll.requestLost) counts.requestLost++
    if (roll.replyLost) counts.replyLost++
    if (roll.flip !== null) counts.flip++
    if (roll.truncate !== null) counts.truncate++
    if (roll.duplicate) counts.duplicate++
    if (roll.delayMs > 0) counts.delay++
    if (roll.noise.length > 0) counts.noise++
    if (roll.delayMs > 900 || roll.noise.length > noiseBytesMax) t.fail('out of bounds')
  }
  for (const [name, count] of Object.entries(counts)) t.ok(count > 1800 && count < 2200, `${name}: ${count}`)
  const untouched = seededRandom(4)
  rollFaults(noFaults, untouched)
  t.equal(untouched.uint32(), seededRandom(4).uint32())
  t.end()
})

await t.test('one bit turns, a tail is missing, the original stays', (t) => {
  const random = seededRandom(1)
  const reply = Uint8Array.from({ length: 20 }, (_, index) => index)
  for (let n = 0; n < 200; n++) {
    const flipped = spoiled(reply, { ...rollFaults(noFaults, random), flip: random.uint32() })
    const bits = flipped.reduce((sum, byte, index) => sum + ones(byte ^ (reply[index] ?? 0)), 0)
    if (bits !== 1) t.fail(`${bits} bits turned`)
    const cut = spoiled(reply, { ...rollFaults(noFaults, random), truncate: random.uint32(), flip: random.uint32() })
    if (cut.length >= reply.length) t.fail('nothing was cut')
  }
  t.strictSame(
    [...reply],
    Array.from({ length: 20 }, (_, index) => index),
  )
  t.equal(babble(random).length, 96)
  t.ok(isWithin([{ fromMs: 1, toMs: 3 }], 2))
  t.notOk(isWithin([{ fromMs: 1, toMs: 3 }], 3))
  t.end()
})

await t.test('spans are drawn in order within their bounds', (t) => {
  const plan = { fromMs: 1000, toMs: 9000, count: 50, lengthMsMax: 100 }
  const spans = drawSpans(seededRandom(2), plan)
  t.strictSame(spans, drawSpans(seededRandom(2), plan))
  t.ok(spans.every(({ fromMs, toMs }) => fromMs >= 1000 && fromMs < 9000 && toMs > fromMs && toMs <= fromMs + 100))
  t.ok(spans.every((span, index) => index === 0 || span.fromMs >= (spans[index - 1]?.fromMs ?? 0)))
  t.end()
})

await t.test('heartbeats come on time from living meters; meters come and go', (t) => {
  const chatty = makeMeter({ address: '000000000005' }, { heartbeatEveryMs: 60_000 })
  const wire = new SimulatedWire({ meters: [makeMeter(), chatty], faults: noFaults, seed: 1 })
  const first = wire.nextHeartbeat(marchFirst)
  t.ok(first && first.atMs > marchFirst && first.atMs <= marchFirst + 60_000)
  t.equal(wire.nextHeartbeat(first?.atMs ?? 0)?.atMs, (first?.atMs ?? 0) + 60_000)
  chatty.setDead(true)
  t.equal(wire.nextHeartbeat(marchFirst), null)
  t.throws(() => wire.connect(makeMeter()), /on the wire already/)
  t.equal(wire.disconnect('000000000005'), chatty)
  t.equal(wire.disconnect('000000000005'), null)
  t.end()
})

await t.test('a babbling device talks over everything; two meters answer a wildcard', (t) => {
  const spans = [{ fromMs: marchFirst, toMs: marchFirst + hourMs }]
  const meters = [makeMeter({ address: '000000000001' }), makeMeter({ address: '000000000002' })]
  const wire = new SimulatedWire({ meters, faults: { ...noFaults, babblingSpans: spans }, seed: 1 })
  const request = encodeRequest('AAAAAAAAAAAA', { fn: 'read-address' })
  t.equal(wire.hear(request, marchFirst + 1).length, 3)
  t.equal(wire.hear(request, marchFirst + hourMs).length, 2)
  t.equal(wire.hear(Uint8Array.of(1, 2, 3), marchFirst + hourMs).length, 0)
  t.equal(wire.heard, 2)
  t.end()
})

function ones(byte: number): number {
  return byte.toString(2).replaceAll('0', '').length
}
