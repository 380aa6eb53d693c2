import t from 'tap'
import fc from 'fast-check'
import { betweenPacketsMs } from '../../../drivers/wireless/air-time.js'
import { monotonicMs } from '../../../src/model/index.js'
import { airOf, bench, directionsOf, far, firstMs, gapMs, heardMs, request, settled, wires } from '../../helpers/radio-bench.js'
import { longReply, longRequest, longScanner, packetsIn, testPace } from '../../helpers/radio-modem.js'

await t.test('a reply of several packets is put together by its own length', async (t) => {
  for (const length of [6, 57, 58, 59, 100, 116, 127]) {
    const on = bench()
    const reply = longReply(7, 1, length)
    const outcome = await on.ask(request(), packetsIn(reply), 40)
    t.match(outcome, { kind: 'reply', frame: reply, noiseBytes: 0 })
    t.ok(
      outcome.kind === 'reply' && outcome.firstByteMs >= 39 && outcome.firstByteMs < 60,
      'the meter’s own time, without the air',
    )
    t.strictSame(directionsOf(on), ['state', 'out', 'in'])
    t.match(airOf(on), { packetsSent: 1, packetsHeard: Math.ceil(length / 58), refused: 0, retries: 0 })
  }
})

await t.test('silence ends when the way through the air, the meter’s time and the margin are over', async (t) => {
  const on = bench()
  t.strictSame(await on.ask(request()), { kind: 'silent' })
  t.equal(Math.round(on.time.monotonic()), Math.round(heardMs + 200 + firstMs(58) + 100))
})

await t.test('a lost packet: the reply is garbled when no further one can come, and harms nobody', async (t) => {
  const reply = longReply(7, 1, 127)
  const packets = packetsIn(reply)
  for (const lost of [0, 1, 2]) {
    const on = bench()
    const outcome = await on.ask(
      request(),
      packets.filter((_, i) => i !== lost),
    )
    t.equal(outcome.kind, 'garbled', `packet ${lost}`)
    const between = heardMs + firstMs(58) + 2 * 58 + gapMs + betweenPacketsMs(wires, testPace) + 100
    t.ok(on.time.monotonic() <= between + 1, 'not longer than a packet takes')
    t.match(await on.ask(request(), packets), { kind: 'reply' }, 'the next one is whole')
    t.match(on.bus.network.snapshot().nodes, [{ asked: 2, replied: 1, verdict: 'unknown', level: 0, inNetwork: true }])
    t.equal(airOf(on)?.retries, 1)
  }
})

await t.test('a doubled packet: the frame’s own length and sum tell which one is too much', async (t) => {
  const reply = longReply(7, 1, 127)
  const [a, b, c] = packetsIn(reply)
  if (a === undefined || b === undefined || c === undefined) return void t.fail('three packets')
  for (const [name, packets] of Object.entries({ first: [a, a, b, c], middle: [a, b, b, c], last: [a, b, c, c] })) {
    const on = bench()
    t.match(await on.ask(request(), packets), { kind: 'reply', frame: reply }, name)
    await on.time.runFor(5_000)
    t.match(
      await on.ask(request({ bytes: longRequest(7, 2), reply: longScanner(7, 2) }), []),
      { kind: 'silent' },
      'settles nothing twice',
    )
  }
  const on = bench()
  t.equal((await on.ask(request(), [a, b, b, b, c])).kind, 'garbled', 'three times is nobody’s doing')
})

await t.test('packets that are alike by nature are not taken for doubled ones', async (t) => {
  const on = bench()
  const reply = longReply(7, 1, 127, () => 0x90)
  t.match(await on.ask(request(), packetsIn(reply)), { kind: 'reply', frame: reply })
})

await t.test('a late packet of an earlier request is noise, before and while the next one is under way', async (t) => {
  const late = longReply(7, 1, 100)
  const second = request({ bytes: longRequest(7, 2), reply: longScanner(7, 2) })
  const on = bench()
  t.equal((await on.ask(request())).kind, 'silent')
  const reply = longReply(7, 2, 80)
  on.modem.onRequest = () => {
    on.modem.bring(packetsIn(late), heardMs + firstMs(58), 1)
    on.modem.bring(packetsIn(reply), heardMs + firstMs(58) + 110, 1)
  }
  t.match(await settled(on.time, on.bus.exchange(second, far)), { kind: 'reply', frame: reply, noiseBytes: 100 })
})

await t.test('what comes while our own request is still in the air answers nothing, even if it looks like it', async (t) => {
  const on = bench()
  const old = longReply(7, 1, 28)
  on.modem.onRequest = () => on.modem.bring([old], 2, 0)
  t.strictSame(await settled(on.time, on.bus.exchange(request(), far)), { kind: 'silent' })
  t.match(
    on.bus.trace().find(({ note }) => note === 'too early'),
    { direction: 'noise' },
  )
})

await t.test('settings that are wrong about the air make no reply come too early', async (t) => {
  const pace = { airBitsPerSecond: 300, packetOverheadBytes: 16, wakeUpMs: 2000 } as const
  const on = bench({ pace })
  const reply = longReply(7, 1, 30)
  // The modem really sends at 19200 bit/s: a reply is there long before a request at 300 bit/s would be through the air.
  on.modem.onRequest = () => on.modem.bring([reply], 200, 0)
  t.match(await settled(on.time, on.bus.exchange(request(), far)), { kind: 'reply', frame: reply, firstByteMs: 0 })
})

await t.test('a late reply in idle time is noise, and nobody talks into its second packet', async (t) => {
  const on = bench()
  const told: number[] = []
  on.bus.onUnsolicited((from, bytes) => told.push(from === null ? bytes.length : -1))
  t.equal((await on.ask(request())).kind, 'silent')
  const [first, second] = packetsIn(longReply(7, 1, 100))
  if (first === undefined || second === undefined) return void t.fail('two packets')
  on.modem.bring([first, second], 10, gapMs)
  await on.time.runFor(10 + 58)
  const sentBefore = on.modem.written.length
  const next = on.bus.exchange(request(), far)
  t.equal(on.modem.written.length, sentBefore, 'a full packet came: there may be more')
  on.modem.onRequest = () => {}
  await settled(on.time, next)
  t.ok((on.modem.written[1]?.at ?? 0) > 10 + 58 + gapMs + 42)
  t.equal(
    told.reduce((sum, bytes) => sum + bytes, 0),
    100,
  )
})

await t.test('the quiet gap is kept from the last byte heard', async (t) => {
  const on = bench()
  await on.ask(request({ quietMs: 30 }), [longReply(7, 1, 20)])
  const repliedAt = on.time.monotonic()
  await on.ask(request({ quietMs: 30 }), [longReply(7, 1, 20)])
  t.ok(Math.abs((on.modem.written[1]?.at ?? 0) - repliedAt - 30) < 0.01)
  const chatter = (): void => {
    on.modem.say([1])
    on.time.after(20, chatter)
  }
  chatter()
  const refused = on.bus.exchange(request({ quietMs: 30 }), monotonicMs(on.time.monotonic() + 500))
  t.strictSame(await settled(on.time, refused), { kind: 'bus-down', code: 'no-quiet', sent: false })
})

await t.test('noise before, within and after', async (t) => {
  const on = bench()
  const reply = longReply(7, 1, 30)
  const noisy = Uint8Array.of(0xff, 0x21, 0x07, ...reply, 0x55)
  t.match(await on.ask(request(), [noisy]), { kind: 'reply', frame: reply, noiseBytes: 4 })
  t.strictSame(await on.ask(request(), [Uint8Array.of(1, 2, 3)]), { kind: 'garbled', bytes: Uint8Array.of(1, 2, 3) })
  t.equal((await on.ask(request(), [Uint8Array.of(0x21, 7, 1, 200, 9)])).kind, 'garbled', 'a beginning that never ends')
  const inside = Uint8Array.of(0x21, 7, 1, 200, ...reply)
  t.match(await on.ask(request(), [inside]), { kind: 'reply', frame: reply, noiseBytes: 4 }, 'a false start hides nothing')
})

await t.test('a device that never stops talking is cut off', async (t) => {
  const on = bench({ replyBytesMax: 100 })
  on.modem.onRequest = () => on.modem.bring([new Uint8Array(400).fill(0x21)], heardMs, 0)
  const outcome = await settled(on.time, on.bus.exchange(request(), far))
  t.ok(outcome.kind === 'garbled' && outcome.bytes.length > 100 && outcome.bytes.length <= 116)
})

await t.test('the overall deadline holds, and what could not even leave by then is not sent', async (t) => {
  const on = bench()
  const startedAt = on.time.monotonic()
  t.strictSame(await settled(on.time, on.bus.exchange(request(), monotonicMs(startedAt + 400))), { kind: 'silent' })
  t.equal(on.time.monotonic() - startedAt, 400)
  t.strictSame(await settled(on.time, on.bus.exchange(request(), monotonicMs(startedAt + 500))), {
    kind: 'bus-down',
    code: 'no-time',
    sent: false,
  })
  t.strictSame(await on.ask(request({ bytes: longRequest(7, 1, 513) })), {
    kind: 'bus-down',
    code: 'request-too-long',
    sent: false,
    hindrance: 'not-carried',
  })
  t.equal(on.modem.written.length, 1)
})

await t.test('a broadcast is sent; nobody is asked before the last meter has heard it', async (t) => {
  const on = bench()
  t.strictSame(await on.ask(request({ to: 'all', reply: 'none' })), { kind: 'sent' })
  await on.ask(request(), [longReply(7, 1, 20)])
  t.ok((on.modem.written[1]?.at ?? 0) >= heardMs + 500)
  t.match(on.bus.network.snapshot().nodes, [{ asked: 1 }], 'a broadcast is nobody’s success')
  on.modem.onRequest = () => on.modem.bring([Uint8Array.of(1)], 10, 0)
  t.strictSame(await settled(on.time, on.bus.exchange(request({ to: 'all', reply: 'none' }), far)), { kind: 'sent' })
})

await t.test('lesson 20: a link lost in mid-exchange says whether the request may have left', async (t) => {
  const on = bench()
  const states: string[] = []
  for (const name of ['first', 'second']) on.bus.onState((up, code) => states.push(`${name} ${up} ${code}`))
  const waiting = on.bus.exchange(request(), far)
  on.modem.unplug('device-gone')
  t.strictSame(await waiting, { kind: 'bus-down', code: 'device-gone', sent: true })
  t.match(on.bus.network.snapshot(), { stage: 'down', trouble: 'device-gone' })
  t.strictSame(await on.bus.exchange(request(), far), { kind: 'bus-down', code: 'device-gone', sent: false })
  on.modem.plug()
  t.ok(on.bus.isUp())
  const quiet = on.bus.exchange(request({ quietMs: 50 }), far)
  on.modem.unplug('device-gone')
  t.strictSame(await quiet, { kind: 'bus-down', code: 'device-gone', sent: false })
  on.modem.plug()
  on.modem.refuses = 'write-refused'
  t.strictSame(await on.bus.exchange(request(), far), { kind: 'bus-down', code: 'write-refused', sent: false })
  t.strictSame(states.slice(0, 4), ['first false device-gone', 'second false device-gone', 'first true open', 'second true open'])
  on.modem.plug()
  const last = on.bus.exchange(request(), far)
  t.match(await on.bus.exchange(request(), far), { code: 'busy', sent: false })
  await on.bus.close()
  t.strictSame(await last, { kind: 'bus-down', code: 'closed', sent: true })
  t.equal(on.time.pending, 0)
})

await t.test('what carries credentials stays out of the trace', async (t) => {
  const on = bench()
  const secret = request({ bytes: longRequest(7, 0xf5), traced: Uint8Array.of(0x3f, 7) })
  await on.ask(secret, [Uint8Array.of(0xf5, ...longReply(7, 1, 20), 0xf5)])
  await on.ask(secret, [Uint8Array.of(0xf5)])
  t.notOk(on.bus.trace().some(({ bytes }) => bytes.includes(0xf5)))
})

await t.test('any cut of the packets, any gaps within the limit, any noise around: the reply is found in time', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 6, max: 127 }),
      fc.uint8Array({ maxLength: 10 }),
      fc.array(fc.record({ size: fc.integer({ min: 1, max: 58 }), gapMs: fc.nat(500) }), { minLength: 1, maxLength: 8 }),
      fc.option(fc.nat(400), { nil: null }),
      async (length, noise, cuts, lostAt) => {
        const on = bench()
        const reply = longReply(7, 1, length)
        const clean = noise.filter((byte) => byte !== 0x21)
        const stream = Uint8Array.of(...clean, ...reply)
        let isWhole = true
        on.modem.onRequest = () => {
          let at = heardMs + firstMs(58)
          for (let from = 0, i = 0; from < stream.length; i++) {
            const { size, gapMs: gap } = cuts[i % cuts.length] ?? { size: 58, gapMs: 0 }
            const piece = stream.slice(from, from + size)
            const isLost = lostAt !== null && lostAt >= from && lostAt < from + size
            if (isLost) isWhole = false
            else on.time.after(at, () => on.modem.say(piece))
            at += size + gap
            from += size
          }
        }
        const deadline = monotonicMs(on.time.monotonic() + 120_000)
        const outcome = await settled(on.time, on.bus.exchange(request({ firstByteMs: 6_000 }), deadline))
        if (on.time.monotonic() > deadline || on.time.pending > 200) return false
        const isReply = outcome.kind === 'reply' && Buffer.from(outcome.frame).equals(reply)
        // What was lost may have been nothing but noise; what is given for a reply is always the reply.
        return isReply || (outcome.kind !== 'reply' && !isWhole)
      },
    ),
    { numRuns: 300 },
  )
  t.pass()
})
