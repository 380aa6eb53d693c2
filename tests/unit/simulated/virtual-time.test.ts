import t from 'tap'
import { hash32, seededRandom } from '../../../drivers/simulated/random.js'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs } from '../../../src/model/index.js'

const start = epochMs(Date.UTC(2026, 0, 1))

await t.test('timers fire in order of time, and in order of setting at one instant', async (t) => {
  const time = new VirtualTime({ wallStart: start })
  const seen: string[] = []
  time.after(5, () => seen.push('b'))
  time.after(1, () => seen.push('a'))
  time.after(5, () => seen.push('c'))
  time.after(5, () => time.after(0, () => seen.push('e')))
  time.after(5, () => seen.push('d'))
  time.after(7, () => seen.push('late'))
  await time.runFor(6)
  t.strictSame(seen, ['a', 'b', 'c', 'd', 'e'])
  t.equal(time.monotonic(), 6)
  t.equal(time.wall().at, start + 6)
  t.equal(time.pending, 1)
})

await t.test('promise chains of any depth end before the next timer', async (t) => {
  const time = new VirtualTime({ wallStart: start })
  const seen: number[] = []
  const deep = async (n: number): Promise<void> => {
    if (n > 0) await deep(n - 1)
  }
  time.after(1, () => {
    deep(500).then(
      () => seen.push(time.monotonic()),
      () => undefined,
    )
  })
  time.after(1.001, () => seen.push(-1))
  await time.runFor(10)
  t.strictSame(seen, [1, -1])
})

await t.test('a cancelled timer never fires, and many of them are swept', async (t) => {
  const time = new VirtualTime({ wallStart: start })
  const seen: number[] = []
  const cancels = Array.from({ length: 5000 }, (_, i) => time.after(5000 - i, () => seen.push(5000 - i)))
  for (const [i, cancel] of cancels.entries()) if (i % 1000 !== 0) cancel()
  for (const cancel of cancels.slice(1, 10)) cancel()
  t.equal(time.pending, 5)
  await time.runFor(10_000)
  t.strictSame(seen, [1000, 2000, 3000, 4000, 5000])
  cancels[0]?.()
  t.equal(time.pending, 0)
})

await t.test('a wait for a deadline ends although fractions of a millisecond do not add up', async (t) => {
  const time = new VirtualTime({ wallStart: start })
  let rounds = 0
  let ends = 0
  const wait = (deadline: number): void => {
    rounds++
    const left = deadline - time.monotonic()
    if (left > 0) time.after(left, () => wait(deadline))
    else ends++
  }
  for (let i = 0; i < 1000; i++) {
    wait(time.monotonic() + 11_000 / 2400 + i / 3)
    await time.runFor(400)
  }
  t.equal(ends, 1000)
  t.ok(rounds <= 3000)
})

await t.test('the wall clock steps alone, and trust is set', async (t) => {
  const time = new VirtualTime({ wallStart: start, trusted: false })
  await time.runFor(1000)
  time.stepWall(-3_600_000)
  time.setTrusted(true)
  t.strictSame(time.wall(), { at: start - 3_599_000, trusted: true })
  t.equal(time.monotonic(), 1000)
  time.setWall(start)
  t.equal(time.wall().at, start)
  time.stepWall(5)
  await time.runUntilWall(epochMs(start + 1005))
  t.equal(time.monotonic(), 2000)
})

await t.test('runUntil stops at its condition or its limit; two drivers are refused; a standstill is found', async (t) => {
  const time = new VirtualTime({ wallStart: start })
  let ticks = 0
  const tick = (): void => {
    ticks++
    time.after(10, tick)
  }
  tick()
  t.equal(await time.runUntil(() => ticks === 5, 1000), true)
  t.equal(time.monotonic(), 40)
  t.equal(await time.runUntil(() => false, 100), false)
  t.equal(time.monotonic(), 140)
  const first = time.runFor(10)
  await t.rejects(time.runFor(10), /already runs/)
  await first
  const stuck = (): void => {
    time.after(0, stuck)
  }
  stuck()
  await t.rejects(time.runFor(1), /stands still/)
})

await t.test('the same seed gives the same numbers, forks are independent, the spread is even', (t) => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed)
    return Array.from({ length: 5 }, () => random.uint32())
  }
  t.strictSame(draw(1), draw(1))
  t.notSame(draw(1), draw(2))
  const random = seededRandom(7)
  const forked = random.fork('bus').uint32()
  random.uint32()
  t.equal(random.fork('bus').uint32(), forked)
  const buckets = new Array<number>(10).fill(0)
  for (let i = 0; i < 20_000; i++) {
    const bucket = random.below(10)
    buckets[bucket] = (buckets[bucket] ?? 0) + 1
    const x = random.next()
    if (x < 0 || x >= 1) t.fail('out of range')
  }
  t.ok(buckets.every((count) => count > 1700 && count < 2300))
  let hits = 0
  for (let i = 0; i < 100_000; i++) if (random.chance(50_000)) hits++
  t.ok(hits > 4600 && hits < 5400)
  t.equal(random.chance(0), false)
  t.not(hash32(1, 2, 3), hash32(1, 3, 2))
  t.end()
})
