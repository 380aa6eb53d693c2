import type { Test } from 'tap'
import { monotonicMs } from '../../src/model/index.js'
import type { Bus, Clock, ExchangeOutcome, ExchangeRequest } from '../../src/ports/index.js'

/** A bus with a far end, for the suite that every bus must pass. */
export interface BusUnderTest {
  readonly bus: Bus
  readonly clock: Clock
  /** Requests whose meters behave as named; each call may give the same one. */
  readonly answered: () => ExchangeRequest
  readonly silent: () => ExchangeRequest
  /** Its meter sends a part of a frame, or nothing but noise. Absent where the medium cannot garble. */
  readonly garbled?: () => ExchangeRequest
  readonly broadcast: () => ExchangeRequest
  /** Lets time pass until the promise settles: virtual time is driven here, real time passes by itself. */
  readonly run: <T>(work: Promise<T>) => Promise<T>
  /** A medium with a pace of its own tells silence after so long at most; default: a second after the first-byte deadline. */
  readonly silentMsMax?: number
  /** Real clocks fire late. */
  readonly lateMs: number
  readonly close: () => Promise<void>
}

/** The contract of `Bus`: the same suite runs on every driver and on the simulated bus. */
export async function busContract(t: Test, make: () => Promise<BusUnderTest>): Promise<void> {
  const on = async (title: string, check: (t: Test, under: BusUnderTest) => Promise<void>): Promise<void> => {
    await t.test(title, async (t) => {
      const under = await make()
      try {
        await check(t, under)
      } finally {
        await under.close()
      }
    })
  }
  const ask = (under: BusUnderTest, request: ExchangeRequest, withinMs = 10_000): Promise<ExchangeOutcome> =>
    under.run(under.bus.exchange(request, monotonicMs(under.clock.monotonic() + withinMs)))

  await on('an answered request brings its frame and the times', async (t, under) => {
    const outcome = await ask(under, under.answered())
    t.equal(outcome.kind, 'reply')
    if (outcome.kind !== 'reply') return
    t.ok(outcome.frame.length > 0 && outcome.firstByteMs >= 0 && outcome.totalMs >= outcome.firstByteMs)
    const directions = under.bus.trace().map(({ direction }) => direction)
    t.ok(directions.includes('out') && directions.includes('in'), 'both frames are in the trace')
  })

  await on('many exchanges follow one another and each gets its own reply', async (t, under) => {
    for (let i = 0; i < 20; i++) {
      const outcome = await ask(under, under.answered())
      t.equal(outcome.kind, 'reply')
    }
  })

  await on('a silent meter costs its first-byte deadline and no more, and harms nobody after it', async (t, under) => {
    const request = { ...under.silent(), firstByteMs: 200 }
    const startedAt = under.clock.monotonic()
    t.strictSame(await ask(under, request), { kind: 'silent' })
    const tookMs = under.clock.monotonic() - startedAt
    t.ok(tookMs >= 200, 'not before the deadline')
    t.ok(tookMs < (under.silentMsMax ?? 200 + 1_000) + under.lateMs, 'not long after it')
    const next = await ask(under, under.answered())
    t.equal(next.kind, 'reply')
  })

  await on('the overall deadline holds', async (t, under) => {
    const startedAt = under.clock.monotonic()
    const outcome = await ask(under, { ...under.silent(), firstByteMs: 30_000 }, 300)
    t.not(outcome.kind, 'reply')
    t.ok(under.clock.monotonic() - startedAt < 300 + under.lateMs + 1)
  })

  await on('a broadcast is sent and awaits nothing', async (t, under) => {
    t.strictSame(await ask(under, under.broadcast()), { kind: 'sent' })
    const next = await ask(under, under.answered())
    t.equal(next.kind, 'reply')
  })

  await on('a broken reply is garbled, never a frame', async (t, under) => {
    if (under.garbled === undefined) return void t.pass('this medium cannot garble')
    const outcome = await ask(under, under.garbled())
    t.equal(outcome.kind, 'garbled')
    const next = await ask(under, under.answered())
    t.equal(next.kind, 'reply')
  })

  await on('more exchanges than the bus can carry at a time are refused unsent', async (t, under) => {
    const deadline = monotonicMs(under.clock.monotonic() + 10_000)
    const carried = Array.from({ length: under.bus.capabilities.concurrency }, () =>
      under.bus.exchange(under.answered(), deadline),
    )
    const outcome = await under.run(under.bus.exchange(under.answered(), deadline))
    t.match(outcome, { kind: 'bus-down', code: 'busy', sent: false })
    const outcomes = await under.run(Promise.all(carried))
    for (const { kind } of outcomes) t.equal(kind, 'reply', 'the first ones are not disturbed')
  })

  await on('credentials stay out of the trace', async (t, under) => {
    const request = { ...under.answered(), traced: Uint8Array.of(0xab) }
    const outcome = await ask(under, request)
    t.equal(outcome.kind, 'reply')
    const lines = under.bus.trace()
    t.ok(lines.some(({ direction, bytes }) => direction === 'out' && bytes.length === 1 && bytes[0] === 0xab))
    const secret = Buffer.from(request.bytes)
    t.notOk(lines.some(({ bytes }) => Buffer.from(bytes).includes(secret)))
  })

  await on('a closed bus is down, tells everyone, and sends nothing', async (t, under) => {
    const told: string[] = []
    for (const name of ['first', 'second']) under.bus.onState((up) => told.push(`${name} ${up}`))
    t.ok(under.bus.isUp())
    await under.run(under.bus.close())
    t.notOk(under.bus.isUp())
    t.strictSame(told, ['first false', 'second false'])
    t.match(await ask(under, under.answered()), { kind: 'bus-down', sent: false })
  })
}
