import t from 'tap'
import { createCalendar } from '../../src/calendar.js'
import { epochMs, monotonicMs, type EpochMs } from '../../src/model/index.js'
import type { Clock, Timers } from '../../src/ports/index.js'

const timers: Timers = {
  after: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs)
    return () => clearTimeout(timer)
  },
}

/** A wall clock that a signed time corrected: it differs from the machine's own by `offsetMs`. */
const clock = (offsetMs: number): Clock => ({
  monotonic: () => monotonicMs(performance.now()),
  wall: () => ({ at: epochMs(Date.now() + offsetMs), trusted: true }),
  boot: 'boot',
})

await t.test('in real time a job fires at its instants on the corrected clock, and a cancelled one does not', async (t) => {
  const offsetMs = -3 * 86_400_000 + 250
  const calendar = createCalendar({ clock: clock(offsetMs), timers, onSkipped: () => {} })
  const fired: EpochMs[] = []
  calendar.schedule('* * * * * *', 480, () => t.fail('was cancelled'))()
  const started = Date.now() + offsetMs
  await new Promise<void>((resolve) => {
    const cancel = calendar.schedule('* * * * * *', 480, (instant) => {
      fired.push(instant)
      if (fired.length < 3) return
      cancel()
      resolve()
    })
  })
  const first = Math.ceil((started + 1) / 1000) * 1000
  t.same(fired, [first, first + 1000, first + 2000])
})
