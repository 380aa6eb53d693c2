import t from 'tap'
import {
  dayMs,
  epochMs,
  FaultError,
  fail,
  formatLocal,
  fromLocal,
  ok,
  startOfLocalDay,
  toLocal,
} from '../../../src/model/index.js'
import * as model from '../../../src/model/index.js'

const east8 = 480
const at = epochMs(Date.UTC(2026, 1, 28, 17, 5, 9))

await t.test('local time and back', async (t) => {
  t.same(toLocal(at, east8), { year: 2026, month: 3, day: 1, hour: 1, minute: 5, second: 9, weekday: 0 })
  t.equal(fromLocal(toLocal(at, east8), east8), at)
  t.equal(formatLocal(at, east8), '2026-03-01 01:05:09')
})

await t.test('the local day starts at local midnight', async (t) => {
  const midnight = startOfLocalDay(at, east8)
  t.equal(formatLocal(midnight, east8), '2026-03-01 00:00:00')
  t.equal(startOfLocalDay(midnight, east8), midnight)
  t.equal(startOfLocalDay(epochMs(midnight - 1), east8), midnight - dayMs)
})

await t.test('identifiers are the text they were made of', async (t) => {
  const makers = [
    model.meterId,
    model.accountId,
    model.linkId,
    model.itemId,
    model.taskId,
    model.masterId,
    model.keyId,
    model.meterAddress,
  ]
  for (const make of makers) t.equal(make('x'), 'x')
  t.equal(model.energyMwh(5n), 5n)
  t.equal(model.micro(6n), 6n)
  t.equal(model.monotonicMs(1.5), 1.5)
})

await t.test('results and faults carry what they are told', async (t) => {
  t.same(ok(1), { ok: true, value: 1 })
  t.same(fail('e'), { ok: false, error: 'e' })
  const cause = new Error('io')
  const fault = new FaultError('disk-gone', 'the disk is gone', { cause })
  t.match(fault, { code: 'disk-gone', name: 'FaultError', message: 'the disk is gone', cause })
})
