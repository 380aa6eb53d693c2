import t from 'tap'
import { meterAddress, monotonicMs, type MeterAddress } from '../../../src/model/index.js'
import { BusQueue, defaultSchedulingPolicy, type QueuedJob } from '../../../src/scheduling/index.js'

interface Read extends QueuedJob {
  readonly meter: MeterAddress
}
interface Tally {
  readonly replies: Map<MeterAddress, number>
  readonly elapsedMs: number
  readonly usefulMs: number
  readonly probeMs: number
  /** Time between a meter's revival and its first reply. */
  readonly backAfterMs: number
  /** The pause between two probes that it was in when it revived. */
  readonly pauseMs: number
}

const requestBytes = 20
const replyBytes = 24
const turnMs = 20

/** Polls `meters` in turn without pause for `durationMs` of virtual time; those in `dead` never answer until `reviveAt`. */
function poll(options: {
  readonly meters: number
  readonly dead: number
  readonly baud: number
  readonly durationMs: number
  readonly countFromMs: number
  readonly reviveAt?: number
}): Tally {
  const byteMs = 11_000 / options.baud
  const addresses = Array.from({ length: options.meters }, (_, i) => meterAddress(String(i)))
  const dead = new Set(addresses.filter((_, i) => i < options.dead))
  let seed = 1
  const random = { next: () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647 }
  const queue = new BusQueue<Read>(defaultSchedulingPolicy, random, monotonicMs(0))
  const replies = new Map(addresses.map((address) => [address, 0]))
  const read = (meter: MeterAddress): Read => ({ meter, priority: 'curve', expiresAt: null, hasSent: false })
  let now = monotonicMs(0)
  let usefulMs = 0
  let probeMs = 0
  let backAfterMs = -1
  let pauseMs = -1
  let lastAskedAt = 0
  const waiting = new Set<MeterAddress>()
  const offerAll = (): void => {
    for (const address of addresses)
      if (!waiting.has(address) && queue.offer(read(address), now).kind === 'queued') waiting.add(address)
  }
  while (now < options.durationMs) {
    if (options.reviveAt !== undefined && now >= options.reviveAt && dead.size > 0) {
      for (const { nextProbe, meter } of queue.silentMeters()) if (meter === '0') pauseMs = nextProbe - lastAskedAt
      dead.clear()
    }
    offerAll()
    const decision = queue.next(now)
    if (decision.kind === 'idle') {
      now = monotonicMs(now + 1)
      continue
    }
    waiting.delete(decision.job.meter)
    if (decision.kind === 'hold') continue
    const { meter } = decision.job
    const isDead = dead.has(meter)
    const takesMs = requestBytes * byteMs + (isDead ? queue.firstByteMs(decision.job, false) : turnMs + replyBytes * byteMs)
    now = monotonicMs(now + takesMs)
    const isProbe = queue.report(
      decision.job,
      isDead ? { kind: 'failed' } : { kind: 'replied', firstByteMs: turnMs },
      takesMs,
      now,
    )
    if (meter === '0' && isDead) lastAskedAt = now
    if (now >= options.countFromMs) {
      if (isProbe) probeMs += takesMs
      if (!isDead) {
        usefulMs += takesMs
        replies.set(meter, (replies.get(meter) ?? 0) + 1)
      }
    }
    if (options.reviveAt !== undefined && meter === '0' && !isDead && backAfterMs < 0) backAfterMs = now - options.reviveAt
  }
  return { replies, elapsedMs: options.durationMs - options.countFromMs, usefulMs, probeMs, backAfterMs, pauseMs }
}

const hourMs = 3_600_000

for (const baud of [2400, 9600])
  await t.test(`lesson 16: at ${baud} baud, 20 % silent meters leave the live ones 95 % of their nominal rate`, async (t) => {
    const nominal = poll({ meters: 26, dead: 0, baud, durationMs: hourMs, countFromMs: 60_000 })
    const withDead = poll({ meters: 32, dead: 6, baud, durationMs: hourMs, countFromMs: 60_000 })
    const live = [...withDead.replies].filter(([address]) => Number(address) >= 6).map(([, count]) => count)
    const rateOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0)
    const share = rateOf(live) / rateOf([...nominal.replies.values()])
    t.ok(share >= 0.95, `the live meters keep ${(share * 100).toFixed(1)} % of what the bus gives them alone`)
    t.ok(
      withDead.probeMs / withDead.elapsedMs <= 0.021,
      `probes take ${((withDead.probeMs / withDead.elapsedMs) * 100).toFixed(2)} % of bus time`,
    )
    // Lesson 17: each meter's readings count on their own.
    t.ok(Math.max(...live) - Math.min(...live) <= 2, 'none of the live meters is worse off than another')
  })

for (const baud of [2400, 9600])
  await t.test(`lesson 16: at ${baud} baud, with 10 % silent at least 90 % of bus time is useful`, async (t) => {
    const { usefulMs, elapsedMs } = poll({ meters: 30, dead: 3, baud, durationMs: hourMs, countFromMs: 60_000 })
    t.ok(usefulMs / elapsedMs >= 0.9, `${((usefulMs / elapsedMs) * 100).toFixed(1)} % useful`)
  })

await t.test('lesson 16: a revived meter is back within one probe interval', async (t) => {
  const dead = 3
  const { probeShare, firstByte } = defaultSchedulingPolicy
  for (let reviveAt = 60_000; reviveAt < 1_000_000; reviveAt += 47_000) {
    const { backAfterMs, pauseMs } = poll({
      meters: 32,
      dead,
      baud: 2400,
      durationMs: reviveAt + 600_000,
      countFromMs: 0,
      reviveAt,
    })
    // The interval is the meter's own pause, or what the budget allows all silent meters in turn, whichever is longer.
    const probeMs = (requestBytes * 11_000) / 2400 + firstByte.ceilingMs
    const intervalMs = Math.max(pauseMs, (dead * probeMs) / probeShare)
    t.ok(pauseMs > 0 && backAfterMs >= 0)
    t.ok(backAfterMs <= intervalMs, `an interval of ${intervalMs.toFixed(0)} ms, back after ${backAfterMs.toFixed(0)} ms`)
  }
})

await t.test('lesson 16: however many meters are dead, their probes stay within the budget', async (t) => {
  const { probeMs, elapsedMs, usefulMs } = poll({
    meters: 60,
    dead: 40,
    baud: 2400,
    durationMs: 4 * hourMs,
    countFromMs: 120_000,
  })
  t.ok(probeMs / elapsedMs <= 0.021, `${((probeMs / elapsedMs) * 100).toFixed(2)} % probes`)
  t.ok(usefulMs / elapsedMs >= 0.97)
})
