import t from 'tap'
import type { TariffVersion } from '../../../src/model/index.js'
import { tariffBook } from '../../../src/prepaid/index.js'
import { watchCeilingMs, watchFloorMs } from '../../../src/prepaid/watch.js'
import { AccountCase, at, later, plainTariff, yuan } from '../../helpers/prepaid-case.js'

const minutes = (story: AccountCase, when: string) => {
  const { last } = story
  return last.accepted && last.watch !== null ? (last.watch.readBy - at(when)) / 60_000 : null
}

await t.test('the meter is read at half the time its balance needs', async (t) => {
  const story = new AccountCase({ opening: '14.2' })
  story.read('104', '2026-03-02 09:30')
  t.equal(story.balance, yuan('11.8'))
  // 1.8 above alarm 1 at 0.60 is 3 kWh: 22.5 minutes at 8 kW.
  t.equal(minutes(story, '2026-03-02 09:30'), 11.25)
})

await t.test('far from any threshold the routine reading is enough', async (t) => {
  const story = new AccountCase({ opening: '100' })
  story.read('104', '2026-03-02 09:30')
  t.equal(minutes(story, '2026-03-02 09:30'), null)
  const idle = new AccountCase({ opening: '12', metering: { maxPowerKw: 0 } })
  idle.passes('2026-03-02 09:30')
  t.equal(minutes(idle, '2026-03-02 09:30'), null)
})

await t.test('nobody is taken to stand still, and tax and the next price count', async (t) => {
  const story = new AccountCase({ opening: '10.3' })
  story.read('100', '2026-03-02 09:30')
  // 0.30 at 0.60 is 0.5 kWh: half an hour at a tenth of 10 kW.
  t.equal(minutes(story, '2026-03-02 09:30'), 15)
  const taxed = new AccountCase({ opening: '10.33', tariffs: [{ ...plainTariff, taxPpm: 100_000n }] })
  taxed.read('100', '2026-03-02 09:30')
  t.equal(minutes(taxed, '2026-03-02 09:30'), 15)
  const night = new AccountCase({ opening: '10.3', opensAt: '2026-03-02 07:00' })
  night.read('100', '2026-03-02 07:30')
  t.equal(minutes(night, '2026-03-02 07:30'), 15)
  const last: TariffVersion = { ...plainTariff, version: 2, effectiveFrom: at('2026-03-02 09:40'), minimumMonthlyCharge: 1n }
  const ending = new AccountCase({ opening: '10.3', tariffs: [plainTariff, last] })
  ending.read('100', '2026-03-02 09:30')
  t.equal(minutes(ending, '2026-03-02 09:30'), 15)
  ending.passes('2026-03-02 09:41')
  t.equal(minutes(ending, '2026-03-02 09:30'), null, 'what is not priced runs to no threshold')
  const energy = new AccountCase({ opening: '10.5', unit: 'energy' })
  energy.read('100', '2026-03-02 09:30')
  t.equal(minutes(energy, '2026-03-02 09:30'), 15)
})

await t.test('not more often than the floor, not later than useful', async (t) => {
  const story = new AccountCase({ opening: '10.001' })
  const { watch } = story.read('100', '2026-03-02 09:30')
  t.equal(watch?.readBy, later(at('2026-03-02 09:30'), watchFloorMs))
  story.passes('2026-03-02 10:00')
  t.equal(minutes(story, '2026-03-02 10:00'), 0, 'overdue is now')
  story.now('2026-03-02 05:00')
  story.accept({ kind: 'time-passed' })
  const stepped = story.last.accepted ? story.last.watch : null
  t.equal(
    stepped?.readBy,
    later(at('2026-03-02 05:00'), watchCeilingMs),
    'a clock that stepped back does not wait for the old time',
  )
})

await t.test('where the balance decides nothing nobody is read for it', async (t) => {
  const story = new AccountCase({ opening: '0.6' })
  story.relay('closed')
  const due = story.read('101', '2026-03-02 09:30')
  t.equal(due.watch?.readBy, at('2026-03-02 10:30'), 'below every threshold the reading is kept fresh')
  story.finish('trip', 'done', 'open')
  t.equal(minutes(story, '2026-03-02 09:30'), null)
  story.credit('20')
  t.equal(story.last.accepted && story.last.watch?.relay, true, 'the button is waited for')
  story.accept({ kind: 'doubted', reason: 'x' })
  t.equal(story.last.accepted && story.last.watch?.relay, true)
  const stopped = new AccountCase({ opening: '12' })
  stopped.accept({ kind: 'doubted', reason: 'x' })
  t.equal(minutes(stopped, '2026-03-02 09:30'), null)
  stopped.context = { ...stopped.context, tariffs: tariffBook([]) }
  stopped.act({ kind: 'close' })
})
