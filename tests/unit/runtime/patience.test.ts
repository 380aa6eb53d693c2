import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import type { Job, JobResult, Runner } from '../../../src/ports/index.js'
import { dlt645 } from '../../../src/protocols/dlt645/index.js'
import { callRegisters } from '../../../src/runtime/live-call.js'
import { readRelay } from '../../../src/runtime/relay-read.js'
import { testMeter } from '../../helpers/core-bench.js'
import { testSite } from '../../helpers/collection-site.js'

/** When jobs expire on a bus of so long exchanges, asked at 1 s. */
async function patience(exchangeMsMax?: number): Promise<readonly (number | null)[]> {
  const meter = testMeter('1')
  const expiries: (number | null)[] = []
  const runner = {
    exchangeMsMax,
    run: <T>({ expiresAt }: Job<T>): Promise<JobResult<T>> => {
      expiries.push(expiresAt)
      return Promise.resolve({ kind: 'expired', sent: false })
    },
  } as unknown as Runner
  const site = {
    parameters: testSite([meter]),
    protocols: new Map([[dlt645.name, dlt645]]),
    runners: new Map([[meter.link, runner]]),
    clock: { monotonic: () => monotonicMs(1_000), wall: () => ({ at: 0 as never, trusted: true }), boot: '' },
  }
  t.match(await callRegisters({ meter: meter.id, registers: ['0001FF00'] }, site), { ok: false, error: { code: 'no-time' } })
  t.equal(await readRelay(meter.id, site), null)
  return expiries
}

await t.test('who asks one meter waits as long as its bus may need, and no longer than a console does', async (t) => {
  t.same(await patience(), [16_000, 61_000])
  t.same(await patience(30_000), [61_000, 91_000])
  t.same(await patience(95_000), [86_000, 286_000])
})
