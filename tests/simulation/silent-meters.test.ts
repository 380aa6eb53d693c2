import t from 'tap'
import { noFaults, SimulatedBus, SimulatedWire, VirtualTime } from '../../drivers/simulated/index.js'
import { seededRandom } from '../../drivers/simulated/random.js'
import { epochMs, linkId, meterAddress } from '../../src/model/index.js'
import type { RunnerSnapshot } from '../../src/ports/index.js'
import { dlt645 } from '../../src/protocols/dlt645/index.js'
import { createBusRunner } from '../../src/runtime/bus-runner.js'
import { makeMeter, marchFirst } from '../helpers/simulated-meter.js'

interface Polled {
  readonly replies: number
  readonly perMeter: readonly number[]
  readonly snapshot: RunnerSnapshot
  /** From the meter's revival to its first reply, and the probe interval it was in. */
  readonly back: { readonly afterMs: number; readonly intervalMs: number } | null
}

const spanMs = 1_200_000
const warmUpMs = 60_000

/** Polls simulated DL/T 645 meters through the real runner for twenty minutes of virtual time; the first `dead` of them never answer. */
async function poll(options: { meters: number; dead: number; baud: number; revive?: boolean }): Promise<Polled> {
  const time = new VirtualTime({ wallStart: epochMs(marchFirst) })
  const addresses = Array.from({ length: options.meters }, (_, i) => meterAddress(String(i + 1).padStart(12, '0')))
  const meters = addresses.map((address, i) => makeMeter({ address, seed: i }, { replyDelayMs: { min: 20, max: 20 } }))
  for (const meter of meters.slice(0, options.dead)) meter.setDead(true)
  const wire = new SimulatedWire({ meters, faults: noFaults, seed: 1 })
  const bus = new SimulatedBus({ wire, clock: time, timers: time, trueStart: marchFirst, byteMs: 11_000 / options.baud })
  const runner = createBusRunner({ link: linkId('bus-1'), bus, clock: time, timers: time, random: seededRandom(1), quietMs: 0 })
  const counts = addresses.map(() => 0)
  const lastAskedAt = addresses.map(() => 0)
  let revivedAt = Infinity
  let back: Polled['back'] = null
  let isPolling = true
  const pollMeter = async (index: number): Promise<void> => {
    const address = addresses[index] ?? meterAddress('')
    while (isPolling) {
      const session = dlt645.read({ address, registers: [{ register: '00010000' }], repeats: 0 })
      const result = await runner.run({ meter: address, session, priority: 'curve', expiresAt: null })
      const now = time.monotonic()
      if (result.kind === 'held') await new Promise<void>((resolve) => time.after((result.nextProbe ?? now) - now, resolve))
      if (result.kind !== 'settled') continue
      if (result.outcome[0]?.ok !== true) lastAskedAt[index] = now
      else {
        if (now > warmUpMs) counts[index] = (counts[index] ?? 0) + 1
        if (index === 0 && now > revivedAt && back === null) back = { afterMs: now - revivedAt, intervalMs: intervalMs() }
      }
    }
  }
  let pauseMs = 0
  // All silent meters share the budget: in turn, each waits for the others' probes.
  const intervalMs = (): number => Math.max(pauseMs, (options.dead * ((20 * 11_000) / options.baud + 550)) / 0.02)
  const polling = addresses.map((_, i) => pollMeter(i))
  if (options.revive === true) {
    await time.runFor(spanMs / 2)
    pauseMs = (runner.snapshot().silentMeters.find(({ meter }) => meter === addresses[0])?.nextProbe ?? 0) - (lastAskedAt[0] ?? 0)
    revivedAt = time.monotonic()
    meters[0]?.setDead(false)
    await time.runFor(spanMs / 2)
  } else await time.runFor(spanMs)
  isPolling = false
  const snapshot = runner.snapshot()
  const closing = runner.close()
  await time.runFor(spanMs)
  await closing
  await bus.close()
  await Promise.all(polling)
  const live = counts.slice(options.dead)
  return { replies: live.reduce((sum, count) => sum + count, 0), perMeter: live, snapshot, back }
}

for (const baud of [2400, 9600])
  await t.test(`lessons 16 and 17: 20 % silent meters on a bus of ${baud} baud, the whole runner in virtual time`, async (t) => {
    const nominal = await poll({ meters: 24, dead: 0, baud })
    const mixed = await poll({ meters: 30, dead: 6, baud })
    const share = mixed.replies / nominal.replies
    t.ok(share >= 0.95, `the live meters keep ${(share * 100).toFixed(1)} % of their nominal rate`)
    t.ok(Math.min(...mixed.perMeter) >= 0.95 * Math.min(...nominal.perMeter), 'each of them')
    t.ok(mixed.snapshot.probeMs / spanMs <= 0.0205, `probes take ${((mixed.snapshot.probeMs / spanMs) * 100).toFixed(2)} %`)
    t.equal(mixed.snapshot.silentMeters.length, 6)
  })

await t.test('lesson 16: a revived meter is back within one probe interval, the whole runner in virtual time', async (t) => {
  const { back } = await poll({ meters: 30, dead: 3, baud: 2400, revive: true })
  t.ok(back !== null && back.afterMs <= back.intervalMs, `back after ${back?.afterMs} ms of ${back?.intervalMs} ms`)
})
