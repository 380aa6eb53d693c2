import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dayMs } from '../../src/model/index.js'
import { WholeRuntime } from '../helpers/whole-runtime.js'

const startsAt = Date.UTC(2026, 5, 1, 4, 0, 0)
const aheadMs = 150_000

/** A day with one meter whose clock is fast. @returns how far it is ahead at the end, and what was told of it */
async function day(setMeterClocks: boolean) {
  const site = new WholeRuntime({
    area: {
      ...{ seed: 1, buses: 1, metersPerBus: 2, startsAt, utcOffsetMinutes: 480, baud: 9600, historyMs: dayMs },
      optionsOf: (meter) => (meter === 0 ? { clockOffsetMs: aheadMs, clockDriftPpm: 0 } : {}),
    },
    seed: 1,
  })
  try {
    const path = join(site.folder, 'wattkeep.yaml')
    const text = readFileSync(path, 'utf8')
    const setting = `clock: { assumeSynchronised: true, setMeterClocks: ${setMeterClocks} }`
    writeFileSync(path, text.replace(/^clock: .*$/m, setting))
    await site.start()
    await site.time.runFor(dayMs)
    const meter = site.area.archive[0]
    if (meter === undefined) throw new Error('the area has no meter')
    const { localMs } = site.area.truth(meter.id)
    const { events } = await site.store.run('events', { count: 1_000 })
    const told = events.filter((event) => event.code === 'meter-clock.over-limit' && event.meter === meter.id)
    await site.stop()
    return { leftMs: Math.abs(localMs - (startsAt + dayMs + 480 * 60_000)), told: told.length }
  } finally {
    site.remove()
  }
}

await t.test('a meter’s clock is left alone unless the settings allow to set it without an order', async (t) => {
  const left = await day(false)
  t.equal(left.told, 1, 'its excess is told')
  t.ok(left.leftMs > aheadMs - 5_000, `${left.leftMs} ms ahead still`)
  const set = await day(true)
  t.equal(set.told, 1, 'told before it is set')
  t.ok(set.leftMs < 5_000, `${set.leftMs} ms left`)
})
