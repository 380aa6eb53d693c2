import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/virtual-time.js'
import { calendarOn, stepCheckMs } from '../../../src/calendar.js'
import { epochMs, type EventFact } from '../../../src/model/index.js'
import { skippedEveryMs, skippedFirings } from '../../../src/runtime/skipped-firings.js'
import { silentLog } from '../../helpers/collection-bench.js'

await t.test('firings that a step of the clock passed over are told, once a minute for each expression', async (t) => {
  const time = new VirtualTime({ wallStart: epochMs(Date.parse('2026-03-01T02:00:01Z')) })
  const events: EventFact[] = []
  const lines: unknown[] = []
  const onSkipped = skippedFirings({
    clock: time,
    log: { ...silentLog, warn: (event, fields) => lines.push([event, fields?.['cron']]) },
    utcOffsetMinutes: 480,
    record: (event) => events.push(event),
  })
  const calendar = calendarOn({ clock: time, timers: time, onSkipped })
  calendar.schedule('*/15 * * * *', 480, () => {})
  calendar.schedule('0 * * * *', 480, () => {})
  time.stepWall(40 * 60_000)
  await time.runFor(stepCheckMs)
  t.same(events, [
    {
      code: 'calendar.skipped',
      severity: 'warning',
      detail: { cron: '*/15 * * * *', from: '2026-03-01 10:15:00', fired: '2026-03-01 10:30:00', leftOut: 0 },
    },
  ])
  t.same(lines, [['calendar-skipped', '*/15 * * * *']])
  time.stepWall(3 * 3_600_000)
  await time.runFor(stepCheckMs)
  t.equal(events.length, 2, 'another expression is told')
  await time.runFor(skippedEveryMs)
  time.stepWall(3 * 3_600_000)
  await time.runFor(stepCheckMs)
  t.match(
    events.slice(2).map((event) => event.detail),
    [
      { cron: '*/15 * * * *', leftOut: 1 },
      { cron: '0 * * * *', leftOut: 0 },
    ],
  )
})
