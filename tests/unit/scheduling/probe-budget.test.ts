import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import { affordableAt, defaultSchedulingPolicy as policy, withEarned, withSpent } from '../../../src/scheduling/index.js'

await t.test('probe time is earned as a share of time and kept up to a limit', async (t) => {
  const start = { creditMs: 0, countedAt: monotonicMs(0), probeMs: 600 }
  t.equal(withEarned(start, monotonicMs(10_000), policy).creditMs, 200)
  t.equal(withEarned(start, monotonicMs(1e9), policy).creditMs, policy.probeCreditMsMax)
  t.equal(withEarned({ ...start, probeMs: 3_000 }, monotonicMs(1e9), policy).creditMs, 3_000, 'at least one probe')
})

await t.test('a probe is paid for before it leaves, at the price of the latest failure', async (t) => {
  const start = { creditMs: 100, countedAt: monotonicMs(1_000), probeMs: 600 }
  t.equal(affordableAt(start, policy), 1_000 + 500 / policy.probeShare)
  t.equal(affordableAt(withEarned(start, monotonicMs(26_000), policy), policy), 26_000)
  t.equal(affordableAt({ ...start, creditMs: 600 }, policy), 1_000, 'with enough credit at once')
  t.equal(affordableAt(withSpent({ ...start, creditMs: 600 }, 800), policy), 1_000 + 800 / policy.probeShare, 'it cost more')
})
