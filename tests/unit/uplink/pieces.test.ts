import { createHash } from 'node:crypto'
import t from 'tap'
import { monotonicMs } from '../../../src/model/index.js'
import type { EventFact } from '../../../src/model/index.js'
import { backOffMs } from '../../../src/uplink/back-off.js'
import { openBroker, parseBrokerUrl, versionAfter } from '../../../src/uplink/broker.js'
import { eventPauseMs, spend } from '../../../src/uplink/event-budget.js'
import type { EventBudget } from '../../../src/uplink/event-budget.js'
import { ackSchema, batchSchema, messageBytesMax, parseMessage } from '../../../src/uplink/messages.js'
import { partOf, topicsOf } from '../../../src/uplink/topics.js'
import { brokerAt } from '../../helpers/uplink-bench.js'

await t.test('topics', async (t) => {
  const part = createHash('sha256').update('dcu-1').digest()[0]?.toString(16).padStart(2, '0')
  t.equal(partOf('dcu-1'), part)
  t.equal(topicsOf('dcu-1').batch.freeze, `wk/1/${part}/dcu-1/up/b`)
  t.equal(topicsOf('dcu-1').order, `wk/1/${part}/dcu-1/dn/o`)
})

await t.test('full jitter grows and stays below its ceiling', async (t) => {
  const settings = { firstMs: 5_000, maxMs: 900_000 }
  t.equal(backOffMs(settings, 0, 0.5), 2_500)
  t.equal(backOffMs(settings, 1, 0.5), 5_000)
  t.equal(backOffMs(settings, 1_000, 0.5), 450_000)
  t.equal(backOffMs(settings, 3, 0), 0)
})

await t.test('broker addresses', async (t) => {
  t.strictSame(parseBrokerUrl('mqtt://a.example'), { ok: true, value: { host: 'a.example', port: 1883, secure: false } })
  t.strictSame(parseBrokerUrl('mqtts://[::1]:99'), { ok: true, value: { host: '::1', port: 99, secure: true } })
  t.strictSame(parseBrokerUrl('mqtts://a'), { ok: true, value: { host: 'a', port: 8883, secure: true } })
  for (const bad of ['a:1883', 'http://a', 'mqtt://a:99999', 'mqtt://a:0', 'mqtt://u:p@a']) {
    t.match(parseBrokerUrl(bad), { error: { code: 'broker-url' } }, bad)
  }
  t.throws(() => openBroker(brokerAt('nonsense'), { session: undefined }), /expected mqtt/)
})

await t.test('a broker that does not know MQTT 5 is found out', async (t) => {
  t.equal(versionAfter(5, 'auto', 'refused-132'), 4)
  t.equal(versionAfter(5, 'auto', 'closed-unanswered'), 4)
  t.equal(versionAfter(4, 'auto', 'closed-unanswered'), 5)
  t.equal(versionAfter(4, 'auto', 'open'), 4)
  t.equal(versionAfter(5, 'auto', 'ECONNREFUSED'), 5)
  t.equal(versionAfter(5, 5, 'refused-132'), 5)
})

await t.test('lesson 2: one kind of event is recorded once an hour, with what was left out', async (t) => {
  const event: EventFact = { code: 'uplink.refused', severity: 'warning', detail: { reason: '151' } }
  const first = spend(new Map(), event, monotonicMs(0))
  t.same(first.event, event)
  let budget: EventBudget = first.budget
  for (let ms = 1; ms < 100; ms++) {
    const again = spend(budget, event, monotonicMs(ms))
    t.equal(again.event, null)
    budget = again.budget
  }
  t.match(spend(budget, { ...event, code: 'other' }, monotonicMs(100)).event, { code: 'other' })
  t.match(spend(budget, event, monotonicMs(eventPauseMs)).event, { detail: { reason: '151', leftOut: 99 } })
})

await t.test('messages are read or refused with their place', async (t) => {
  const read = (value: unknown) => parseMessage(ackSchema, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  t.match(read({ v: 1, master: 'm', epoch: 1, marks: { event: 3 }, later: true }), { ok: true, value: { marks: { event: 3 } } })
  t.match(read('{'), { error: { code: 'no-json' } })
  t.match(read('x'.repeat(messageBytesMax + 1)), { error: { code: 'too-long' } })
  t.match(read({ v: 1, master: 'm', epoch: 1, marks: { event: -3 } }), { error: { at: 'message.marks.event' } })
  t.match(read({ v: 1, master: 'm', epoch: 1, marks: { nonsense: 3 } }), { error: { code: 'malformed' } })
  t.match(read([]), { error: { at: 'message' } })
  const batch = { v: 1, epoch: 1, stream: 'event', first: 1, count: 2, records: [{}] }
  t.match(parseMessage(batchSchema, Buffer.from(JSON.stringify(batch))), { error: { at: 'message.records' } })
})
