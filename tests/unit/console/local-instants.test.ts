import t from 'tap'
import fc from 'fast-check'
import { parseEdge, parseInstant } from '../../../src/console/local-instants.js'
import { dayMs } from '../../../src/model/index.js'

await t.test('a date alone is a whole day, a time is itself', (t) => {
  const midnight = Date.UTC(2026, 1, 28, 16)
  t.strictSame(parseEdge('2026-03-01', 480, 'from'), { ok: true, value: midnight })
  t.strictSame(parseEdge('2026-03-01', 480, 'to'), { ok: true, value: midnight + dayMs - 1 })
  for (const edge of ['from', 'to'] as const) {
    t.strictSame(parseEdge('2026-03-01 00:00', 480, edge), { ok: true, value: midnight })
    t.strictSame(parseEdge('2026-02-28T16:00:00Z', 480, edge), { ok: true, value: midnight })
    t.match(parseEdge('2026-02-29', 480, edge), { ok: false, error: { code: 'bad-time', at: edge, message: /got "2026-02-29"/ } })
  }
  t.end()
})

await t.test('what is no time is none, whatever it is', (t) => {
  const bad = ['', 'today', '2026-3-1', '0026-03-01', '2026-03-01 8:00', '2026-03-01 24:00', '2026-03-01 08:60:00', '2026-13-01']
  for (const text of bad) {
    t.equal(parseInstant(text, 480), null, text)
    t.notOk(parseEdge(text, 480, 'from').ok, text)
  }
  t.equal(parseInstant('2026-03-01', 480), null, 'a day is no instant')
  t.equal(parseInstant('2026-03-01T25:00Z', 480), null)
  fc.assert(fc.property(fc.string(), (text) => parseInstant(text, 0) === null || Number.isSafeInteger(parseInstant(text, 0))))
  t.end()
})
