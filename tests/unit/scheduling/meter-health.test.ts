import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import {
  defaultSchedulingPolicy as policy,
  meterFailed,
  meterReplied,
  unknownMeter,
  type MeterHealth,
} from '../../../src/scheduling/index.js'

const failedTimes = (health: MeterHealth, count: number, random = 0.5): MeterHealth =>
  Array.from({ length: count }).reduce<MeterHealth>(
    (before, _, i) => meterFailed(before, monotonicMs(i * 1000), random, policy),
    health,
  )
const repliedTimes = (health: MeterHealth, count: number): MeterHealth =>
  Array.from({ length: count }).reduce<MeterHealth>((before) => meterReplied(before, 20, policy), health)

await t.test('one failure is forgiven, the second one in a row makes a meter silent', async (t) => {
  const once = failedTimes(unknownMeter, 1)
  t.match(once, { name: 'trusted', failures: 1 })
  t.match(meterReplied(once, 20, policy), { name: 'trusted', failures: 0 })
  t.match(failedTimes(unknownMeter, 2), { name: 'silent', since: 1000, level: 0, nextProbe: 1000 + policy.probeFirstMs })
})

await t.test('the pause between probes doubles up to its limit, with jitter of a quarter to either side', async (t) => {
  const now = monotonicMs(0)
  let health = failedTimes(unknownMeter, 2)
  const pauses: number[] = []
  for (let i = 0; i < 12; i++) {
    health = meterFailed(health, now, 0.5, policy)
    if (health.name === 'silent') pauses.push(health.nextProbe)
  }
  t.strictSame(pauses.slice(0, 3), [10_000, 20_000, 40_000])
  t.equal(pauses.at(-1), policy.probeMaxMs)
  t.match(health, { since: 1000 }, 'silent since it fell silent, not since the last probe')
  const early = meterFailed(unknownMeter, now, 0, { ...policy, failuresUntilSilent: 1 })
  const late = meterFailed(unknownMeter, now, 0.999, { ...policy, failuresUntilSilent: 1 })
  t.match(early, { nextProbe: 0.75 * policy.probeFirstMs })
  t.ok(late.name === 'silent' && late.nextProbe > 1.24 * policy.probeFirstMs)
})

await t.test('a meter that is back must prove itself; one failure and it is silent again, for longer', async (t) => {
  const dead = failedTimes(unknownMeter, 10)
  t.match(dead, { name: 'silent', level: 6 }, 'the level stops where the pause does')
  const back = meterReplied(dead, 20, policy)
  t.match(back, { name: 'probation', replies: 1, level: 3 })
  t.match(failedTimes(back, 1), { name: 'silent', level: 4 })
  t.match(repliedTimes(back, policy.repliesUntilTrusted - 2), { name: 'probation', replies: policy.repliesUntilTrusted - 1 })
  t.match(repliedTimes(back, policy.repliesUntilTrusted - 1), { name: 'trusted', failures: 0 })
})
