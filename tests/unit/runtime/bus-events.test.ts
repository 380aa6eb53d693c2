import t from 'tap'
import { VirtualTime } from '../../../drivers/simulated/index.js'
import { epochMs, linkId, type EventFact } from '../../../src/model/index.js'
import { BusEvents, changesEveryMs } from '../../../src/runtime/bus-events.js'
import { lineLog } from '../../helpers/line-log.js'

const link = linkId('bus1')

function make() {
  const time = new VirtualTime({ wallStart: epochMs(0) })
  const { log, lines } = lineLog()
  const told: EventFact[] = []
  return { time, lines, told, events: new BusEvents({ timers: time, log, record: (event) => told.push(event) }) }
}

await t.test('a change is told at once, with its reason', async (t) => {
  const { told, events } = make()
  events.changed(link, false, 'device-gone')
  events.changed(link, true, 'open')
  t.match(told, [
    { code: 'bus.down', severity: 'warning', link, detail: { reason: 'device-gone' } },
    { code: 'bus.up', severity: 'info', link, detail: { reason: 'open' } },
  ])
})

await t.test('lesson 20: a flapping port is told a few times a minute, and where it stands at last', async (t) => {
  const { time, lines, told, events } = make()
  for (let change = 0; change < 2000; change += 1) {
    events.changed(link, change % 2 === 1, change % 2 === 1 ? 'open' : 'device-gone')
    await time.runFor(300)
  }
  events.changed(link, false, 'device-gone')
  await time.runFor(2 * changesEveryMs)
  t.ok(told.length < 20, `${told.length} events of 2001 changes`)
  t.equal(lines.length, told.length)
  t.match(told.at(-1), { code: 'bus.down' })
  const leftOut = told.reduce((sum, { detail }) => sum + Number(detail['changesLeftOut'] ?? 0), 0)
  t.equal(leftOut + 4, 2001, 'every change is told or counted')
  await time.runFor(2 * changesEveryMs)
  events.changed(link, true, 'open')
  t.match(told.at(-1), { code: 'bus.up' }, 'after a quiet minute it is told at once again')
  events.stop()
  t.equal(time.pending, 0)
})
