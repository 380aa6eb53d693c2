import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import { affordableAt, defaultSchedulingPolicy as policy, withEarned, withSpent } from '../../../src/scheduling/index.js'

await t.test('probe time is earned as a share of time and kept up to a limit', async (t) => {
  const start = { creditMs: 0, countedAt: monotonicMs(0) }
  t.equal(withEarned(start, monotonicMs(10_000), policy).creditMs, 200)
  t.equal(withEarned(start, monotonicMs(1e9), policy).creditMs, policy.probeCreditMsMax)
})

await t.test('a probe that took more than there was delays the next one until the debt is earned', async (t) => {
  const inDebt = withSpent({ creditMs: 100, countedAt: monotonicMs(1_000) }, 600)
  t.equal(affordableAt(inDebt, policy), 1_000 + 500 / policy.probeShare)
  t.equal(affordableAt(withEarned(inDebt, monotonicMs(1_000 + 500 / policy.probeShare), policy), policy), 26_000)
  t.equal(affordableAt({ creditMs: 5, countedAt: monotonicMs(7) }, policy), 7, 'with credit at once')
})
