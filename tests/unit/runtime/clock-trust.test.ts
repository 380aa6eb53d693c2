import t from 'tap'
import { epochMs, meterId } from '../../../src/model/index.js'
import { initialClockTrust, observeClock, type ClockTrust } from '../../../src/runtime/clock-trust.js'

const now = epochMs(1_780_000_000_000)
const votes = (trust: ClockTrust, offsets: readonly number[]): ClockTrust =>
  offsets.reduce((state, offsetMs, index) => observeClock(state, { kind: 'meter', meter: meterId(`m${index}`), offsetMs }), trust)

await t.test('a fresh clock is not trusted until somebody vouches for it', async (t) => {
  t.equal(initialClockTrust(now, null).trusted, false)
  const kernel = observeClock(initialClockTrust(now, null), { kind: 'kernel', synchronised: true })
  t.match(kernel, { trusted: true, source: 'kernel', offsetMs: 0 })
  t.equal(observeClock(initialClockTrust(now, null), { kind: 'kernel', synchronised: false }).trusted, false)
})

await t.test('three meters that agree within 60 s vouch for a clock that is not behind', async (t) => {
  t.equal(votes(initialClockTrust(now, now), [1000, -2000]).trusted, false)
  t.match(votes(initialClockTrust(now, now), [1000, -2000, 59_000]), { trusted: true, source: 'meters' })
  t.equal(votes(initialClockTrust(now, now), [61_000, -70_000, 90_000]).trusted, false, 'far meters do not count')
  t.equal(
    votes(initialClockTrust(now, now), [1, 2, 3, 90_000, 90_000, 90_000, 90_000]).trusted,
    true,
    'trust was given by the first three',
  )
  t.equal(
    votes(initialClockTrust(now, now), [90_000, 90_000, 90_000, 1, 2, 3]).trusted,
    false,
    'half of the votes are not a majority',
  )
})

await t.test(
  'lesson 25: a clock that starts before the last persisted instant is not trusted on the word of meters',
  async (t) => {
    const behind = initialClockTrust(epochMs(0), now)
    t.equal(behind.notBehind, false)
    t.equal(votes(behind, [0, 0, 0, 0]).trusted, false)
    const signed = observeClock(behind, { kind: 'signed-time', at: now, wall: epochMs(5000) })
    t.match(signed, { trusted: true, source: 'signed-time', offsetMs: now - 5000, notBehind: true })
  },
)

await t.test(
  'lesson 25: an unexplained step takes the trust away, a step of the kernel’s own synchronisation does not',
  async (t) => {
    const byMeters = votes(initialClockTrust(now, now), [0, 0, 0])
    t.equal(observeClock(byMeters, { kind: 'step', byMs: 500 }).trusted, true, 'a slew is no step')
    t.match(observeClock(byMeters, { kind: 'step', byMs: -3_600_000 }), { trusted: false, source: 'none' })
    const byKernel = observeClock(initialClockTrust(now, null), { kind: 'kernel', synchronised: true })
    t.equal(observeClock(byKernel, { kind: 'step', byMs: 63_072_000_000 }).trusted, true)
  },
)

await t.test('only so many votes are kept', async (t) => {
  const many = votes(
    initialClockTrust(now, now),
    Array.from({ length: 200 }, () => 90_000),
  )
  t.equal(many.meters.size, 64)
})
