import t from 'tap'
import fc from 'fast-check'
import { createRs485Bus, type Rs485Settings } from '../../../drivers/rs485/index.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs, monotonicMs } from '../../../src/model/index.js'
import type { Bus, ExchangeOutcome, ExchangeRequest } from '../../../src/ports/index.js'
import { FakeLink } from '../../helpers/fake-link.js'
import { replyOf, replyScanner, requestOf, testAddress } from '../../helpers/test-protocol.js'

const byteMs = 1
const request = (overrides: Partial<ExchangeRequest> = {}): ExchangeRequest => ({
  to: testAddress(7),
  bytes: requestOf(7, 1),
  reply: replyScanner(7, 1),
  quietMs: 0,
  firstByteMs: 100,
  ...overrides,
})
const reply = replyOf(7, 1, 42)
const far = monotonicMs(1e9)

interface Bench {
  readonly time: VirtualTime
  readonly link: FakeLink
  readonly bus: Bus
  /** Runs one exchange; `after` says bytes so many ms after the request began to leave. */
  readonly ask: (
    asked: ExchangeRequest,
    after?: readonly (readonly [number, Uint8Array | readonly number[]])[],
  ) => Promise<ExchangeOutcome>
  readonly now: () => number
}

function bench(settings: Partial<Rs485Settings> = {}): Bench {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const link = new FakeLink(time, byteMs)
  const bus = createRs485Bus({ link, clock: time, timers: time, settings })
  const ask: Bench['ask'] = async (asked, after = []) => {
    link.onRequest = () => {
      for (const [ms, bytes] of after) time.after(ms, () => link.say(bytes))
    }
    let outcome: ExchangeOutcome | null = null
    const exchange = bus.exchange(asked, far).then((settled) => (outcome = settled))
    await time.runUntil(() => outcome !== null, 60_000)
    return await exchange
  }
  return { time, link, bus, ask, now: () => time.monotonic() }
}

await t.test('a reply ends the exchange with its last byte', async (t) => {
  const { ask, now, bus } = bench()
  const outcome = await ask(request(), [
    [4 + 20 + 1, reply.subarray(0, 1)],
    [4 + 20 + 5, reply.subarray(1)],
  ])
  t.strictSame(outcome, { kind: 'reply', frame: reply, firstByteMs: 20, totalMs: 29, noiseBytes: 0 })
  t.equal(now(), 29)
  t.strictSame(
    bus.trace().map(({ direction, bytes }) => [direction, bytes]),
    [
      ['out', requestOf(7, 1)],
      ['in', reply],
    ],
  )
})

await t.test('silence ends at the first-byte deadline, counted from the end of the request', async (t) => {
  const { ask, now, bus } = bench()
  t.strictSame(await ask(request()), { kind: 'silent' })
  t.equal(now(), 4 + 100 + byteMs)
  t.equal(bus.trace().at(-1)?.note, 'silent')
})

await t.test('a reply that stops half-way ends at the gap between bytes', async (t) => {
  const { ask, now } = bench()
  t.strictSame(await ask(request(), [[30, reply.subarray(0, 3)]]), { kind: 'garbled', bytes: reply.subarray(0, 3) })
  t.equal(now(), 30 + 500 + byteMs)
})

await t.test('a slow reply is waited for while its bytes keep coming', async (t) => {
  const { ask } = bench()
  const outcome = await ask(
    request(),
    [...reply].map((byte, i) => [50 + i * 450, [byte]]),
  )
  t.match(outcome, { kind: 'reply', totalMs: 50 + 4 * 450 })
})

await t.test('the overall deadline holds whatever the wire does', async (t) => {
  const { time, bus, link } = bench()
  link.onRequest = () => {
    for (let i = 0; i < 100; i++) time.after(10 + i * 100, () => link.say([0x21]))
  }
  const outcome = bus.exchange(request(), monotonicMs(2_000))
  await time.runFor(2_000)
  t.match(await outcome, { kind: 'garbled' })
  const late = bus.exchange(request(), monotonicMs(2_000))
  t.strictSame(await late, { kind: 'bus-down', code: 'no-quiet', sent: false }, 'too late to begin')
})

await t.test('our own echo is no answer: a silent meter on an echoing adapter is silent', async (t) => {
  const { ask, bus } = bench()
  t.strictSame(await ask(request(), [[4, requestOf(7, 1)]]), { kind: 'silent' })
  t.strictSame(
    bus.trace().map(({ direction }) => direction),
    ['out', 'echo', 'state'],
  )
})

await t.test('echo and reply are told apart however they are cut', async (t) => {
  const both = Uint8Array.of(...requestOf(7, 1), ...reply)
  for (let cut = 0; cut <= both.length; cut++) {
    const { ask } = bench()
    const outcome = await ask(request(), [
      [5, both.subarray(0, cut)],
      [9, both.subarray(cut)],
    ])
    t.match(outcome, { kind: 'reply', frame: reply, noiseBytes: 0 }, `cut at ${cut}`)
  }
})

await t.test('behind a serial server the echo marks the true end of the request', async (t) => {
  const { ask, now } = bench()
  t.match(
    await ask(request(), [
      [90, requestOf(7, 1)],
      [180, reply],
    ]),
    { kind: 'reply', firstByteMs: 175 },
  )
  t.equal(now(), 180)
})

await t.test('a reply that begins like the request is not taken for its echo', async (t) => {
  const { ask } = bench()
  const scanner = replyScanner(7, 1)
  const alike = Uint8Array.of(0x21, 7, 9, 0x0d)
  t.match(
    await ask(request({ bytes: alike, reply: scanner }), [
      [20, reply.subarray(0, 2)],
      [22, reply.subarray(2)],
    ]),
    { kind: 'reply' },
  )
  t.match(await ask(request({ bytes: alike, reply: scanner }), [[20, alike.subarray(0, 2)]]), { kind: 'garbled' })
})

await t.test('a protocol whose replies repeat the request switches the echo off', async (t) => {
  const { ask } = bench({ cancelsEcho: false })
  const same = requestOf(7, 1)
  const scanner = (bytes: Uint8Array): { kind: 'frame'; length: number } | { kind: 'incomplete' } =>
    bytes.length < 4 ? { kind: 'incomplete' } : { kind: 'frame', length: 4 }
  t.match(await ask(request({ reply: scanner }), [[30, same]]), { kind: 'reply', frame: same })
})

await t.test('noise is given up byte by byte and counted; the meter still has its time', async (t) => {
  const { ask, bus } = bench()
  const outcome = await ask(request(), [
    [10, [0xff, 0x00]],
    [90, [0x55, ...reply, 0xaa]],
  ])
  t.match(outcome, { kind: 'reply', frame: reply, noiseBytes: 4 })
  t.strictSame(
    bus.trace().map(({ direction, bytes }) => [direction, [...bytes]]),
    [
      ['out', [...requestOf(7, 1)]],
      ['noise', [0xff, 0x00, 0x55]],
      ['in', [...reply]],
      ['noise', [0xaa]],
    ],
  )
})

await t.test('noise alone is garbled, at the first-byte deadline', async (t) => {
  const { ask, now } = bench()
  t.strictSame(await ask(request(), [[10, [0xff]]]), { kind: 'garbled', bytes: Uint8Array.of(0xff) })
  t.equal(now(), 105)
})

await t.test('a false start does not hide the reply behind it', async (t) => {
  const { ask } = bench()
  // The false start claims to be long: only the gap tells that it is none.
  const scanner = (bytes: Uint8Array): ReturnType<ReturnType<typeof replyScanner>> =>
    bytes[0] === 0x99 ? { kind: 'incomplete' } : replyScanner(7, 1)(bytes)
  t.match(await ask(request({ reply: scanner }), [[10, [0x99, 0x99, ...reply]]]), { kind: 'reply', frame: reply, noiseBytes: 2 })
})

await t.test('a device that never stops talking is cut off', async (t) => {
  const { time, bus, link } = bench({ replyBytesMax: 100 })
  link.onRequest = () => {
    for (let i = 0; i < 1000; i++) time.after(10 + i, () => link.say([0x21]))
  }
  const outcome = bus.exchange(request(), far)
  await time.runFor(200)
  const settled = await outcome
  t.ok(settled.kind === 'garbled' && settled.bytes.length === 101)
})

await t.test('the quiet gap is kept from the last byte on the wire, whoever sent it', async (t) => {
  const { time, ask, bus, link } = bench()
  await ask(request({ quietMs: 20 }), [[30, reply]])
  const replyAt = time.monotonic()
  await ask(request({ quietMs: 20 }), [[30, reply]])
  t.equal((link.written[1]?.at ?? 0) - replyAt, 20)
  await time.runFor(1_000)
  link.onRequest = () => {}
  const second = bus.exchange(request({ quietMs: 20 }), far)
  t.equal(link.written.length, 3, 'the wire has been quiet for long: it leaves at once')
  link.say(reply)
  await second
  const third = bus.exchange(request({ quietMs: 20 }), far)
  await time.runFor(15)
  link.say([0x33])
  await time.runFor(19)
  t.equal(link.written.length, 3, 'somebody talked: the gap begins anew')
  await time.runFor(1)
  t.equal(link.written.length, 4)
  link.say(reply)
  await third
})

await t.test('a wire that is never quiet: the request does not leave', async (t) => {
  const { time, bus, link } = bench()
  const heard: number[] = []
  bus.onUnsolicited((from, bytes) => heard.push(from === null ? bytes.length : -1))
  const noise = (): void => {
    link.say([1])
    time.after(5, noise)
  }
  noise()
  const outcome = bus.exchange(request({ quietMs: 20 }), monotonicMs(300))
  await time.runFor(301)
  t.strictSame(await outcome, { kind: 'bus-down', code: 'no-quiet', sent: false })
  t.equal(link.written.length, 0)
  t.ok(heard.length > 50 && heard.every((length) => length === 1), 'unsolicited bytes are handed on')
})

await t.test('a broadcast is sent, and the bus stays quiet afterwards', async (t) => {
  const { ask, now, link } = bench()
  t.strictSame(await ask(request({ to: 'all', reply: 'none' })), { kind: 'sent' })
  t.equal(now(), 4, 'its last bit has left')
  await ask(request({ quietMs: 20 }))
  t.equal(link.written[1]?.at, 4 + 4 + 500 + 20, 'one frame, the time a meter may take, and the gap')
})

await t.test('what a broadcast brings back is not an answer', async (t) => {
  const { ask, bus } = bench()
  await ask(request({ to: 'all', reply: 'none' }), [[2, requestOf(7, 1)]])
  t.strictSame(
    bus.trace().map(({ direction }) => direction),
    ['out', 'echo'],
  )
})

await t.test('a link lost in mid-exchange says whether the request may have left', async (t) => {
  const { time, bus, link } = bench()
  const states: string[] = []
  for (const name of ['first', 'second']) bus.onState((up, code) => states.push(`${name} ${up} ${code}`))
  const waiting = bus.exchange(request(), far)
  link.unplug('device-gone')
  t.strictSame(await waiting, { kind: 'bus-down', code: 'device-gone', sent: true })
  t.notOk(bus.isUp())
  t.strictSame(await bus.exchange(request(), far), { kind: 'bus-down', code: 'device-gone', sent: false })
  link.plug()
  t.ok(bus.isUp())
  const quiet = bus.exchange(request({ quietMs: 50 }), far)
  link.unplug('device-gone')
  t.strictSame(await quiet, { kind: 'bus-down', code: 'device-gone', sent: false }, 'still keeping quiet: nothing left')
  link.plug()
  link.refuses = 'write-refused'
  t.strictSame(await bus.exchange(request(), far), { kind: 'bus-down', code: 'write-refused', sent: false })
  t.strictSame(states.slice(0, 4), ['first false device-gone', 'second false device-gone', 'first true open', 'second true open'])
  await time.runFor(10_000)
  t.equal(time.pending, 0, 'no timer is left over')
})

await t.test('one exchange at a time: a second one is refused and does not disturb the first', async (t) => {
  const { bus, link } = bench()
  const first = bus.exchange(request(), far)
  t.strictSame(await bus.exchange(request(), far), { kind: 'bus-down', code: 'busy', sent: false })
  link.say(reply)
  t.match(await first, { kind: 'reply' })
  t.equal(link.written.length, 1)
})

await t.test('a write that carries none is shown whole', async (t) => {
  const { ask, bus } = bench()
  const bytes = requestOf(7, 0xf5)
  await ask(request({ bytes, traced: bytes }), [[40, [0xf5, ...reply]]])
  t.match(bus.trace()[0], { direction: 'out', bytes, note: '' })
  t.match(
    bus.trace().find(({ direction }) => direction === 'noise'),
    { bytes: Uint8Array.of(0xf5), note: '' },
  )
})

await t.test('what carries credentials stays out of the trace, echo and noise included', async (t) => {
  const { ask, bus } = bench()
  const secret = request({ bytes: requestOf(7, 0xf5), traced: Uint8Array.of(0x3f, 7) })
  await ask(secret, [
    [4, requestOf(7, 0xf5)],
    [40, [0xf5, ...reply]],
  ])
  await ask(secret, [[4, [0, ...requestOf(7, 0xf5)]]])
  t.match(bus.trace()[0], { direction: 'out', bytes: Uint8Array.of(0x3f, 7), note: '4 bytes, credentials not shown' })
  t.notOk(bus.trace().some(({ bytes }) => bytes.includes(0xf5)))
  t.match(
    bus.trace().find(({ direction }) => direction === 'noise'),
    { note: '1 byte, not shown beside credentials' },
  )
})

await t.test('the trace is bounded in lines and in bytes', async (t) => {
  const { ask, bus } = bench({ trace: { linesMax: 10, bytesMax: 20 } })
  for (let i = 0; i < 100; i++) await ask(request(), [[10, reply]])
  const lines = bus.trace()
  t.ok(lines.length <= 10 && lines.reduce((sum, { bytes }) => sum + bytes.length, 0) <= 20)
  t.match(lines.at(-1), { direction: 'in' }, 'the latest are kept')
})

await t.test('closing ends the exchange under way', async (t) => {
  const { bus, time } = bench()
  const waiting = bus.exchange(request(), far)
  await bus.close()
  t.strictSame(await waiting, { kind: 'bus-down', code: 'closed', sent: true })
  t.notOk(bus.isUp())
  t.equal(time.pending, 0)
})

await t.test('any split and any noise before it: the reply is found, and every exchange settles in time', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 12 }),
      fc.array(fc.nat(20), { maxLength: 6 }),
      fc.boolean(),
      async (noise, cuts, echoes) => {
        // Noise that ends like the beginning of a request could be an echo; that is another test.
        const clean = noise.filter((byte) => byte !== 0x21 && byte !== 0x3f)
        const stream = Uint8Array.of(...(echoes ? requestOf(7, 1) : []), ...clean, ...reply)
        const { ask } = bench()
        const ends = [...new Set([...cuts.filter((cut) => cut < stream.length), stream.length])].sort((a, b) => a - b)
        const chunks = ends.map((end, i) => [6 + i * 3, stream.subarray(ends[i - 1] ?? 0, end)] as const)
        const outcome = await ask(request(), chunks)
        return (
          outcome.kind === 'reply' && outcome.noiseBytes === clean.length && outcome.frame.every((byte, i) => byte === reply[i])
        )
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})
