import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { epochMs } from '../../../src/model/index.js'
import { createWatchdog, type WatchedLoop } from '../../../src/runtime/watchdog.js'

/** Loops that turn after a pause each, or stand still. */
function bench(pausesMs: Record<WatchedLoop, number | 'stuck' | 'fails'>) {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const pauses = { ...pausesMs }
  const fed: number[] = []
  const stalls: string[] = []
  const asked = { polling: 0, store: 0, uplink: 0 }
  const loop = (name: WatchedLoop) => () => {
    asked[name] += 1
    const pause = pauses[name]
    if (pause === 'fails') return Promise.reject(new Error('the disk is gone'))
    return new Promise<void>((resolve) => {
      if (pause !== 'stuck') time.after(pause, resolve)
    })
  }
  const watchdog = createWatchdog({
    clock: time,
    timers: time,
    loops: { polling: loop('polling'), store: loop('store'), uplink: loop('uplink') },
    everyMs: 10_000,
    stallMs: 60_000,
    feed: () => fed.push(time.monotonic()),
    onStall: (name, sinceMs) => stalls.push(`${name} ${sinceMs}`),
  })
  return { time, pauses, fed, stalls, asked, watchdog }
}

await t.test('while all loops turn it is fed, not more often than asked', async (t) => {
  const { time, fed, stalls, watchdog } = bench({ polling: 5, store: 30, uplink: 0 })
  await time.runFor(60_000)
  t.same(fed, [30, 10_030, 20_030, 30_030, 40_030, 50_030])
  t.same(stalls, [])
  watchdog.stop()
  await time.runFor(60_000)
  t.equal(fed.length, 6)
  t.equal(time.pending, 0)
})

await t.test('lesson 21: one loop that stands still starves it, and is named once', async (t) => {
  const { time, fed, stalls, asked } = bench({ polling: 5, store: 'stuck', uplink: 5 })
  await time.runFor(300_000)
  t.same(fed, [])
  t.same(stalls, ['store 60000'])
  t.equal(asked.store, 1, 'a loop that has not answered is not asked again')
  t.equal(asked.polling, 1, 'a loop that has turned waits for the others')
})

await t.test('a slow loop delays the feed, a loop that comes back ends the hunger', async (t) => {
  const { time, pauses, fed, stalls } = bench({ polling: 25_000, store: 5, uplink: 'fails' })
  await time.runFor(90_000)
  t.same(fed, [])
  t.same(stalls, ['uplink 60000'])
  pauses.uplink = 5
  await time.runFor(60_000)
  t.not(fed.length, 0)
  pauses.uplink = 'fails'
  const fedBefore = fed.length
  await time.runFor(120_000)
  t.ok(fed.length <= fedBefore + 1)
  t.equal(stalls.length, 2)
})
