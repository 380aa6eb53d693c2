import t from 'tap'
import { relayActionsMax, SupplyRelay } from '../../../drivers/simulated/relay.js'
import { loadShape } from '../../../drivers/simulated/load-shape.js'
import type { Request, RelayWord, RelayExpiry } from '../../../src/protocols/dlt645/index.js'
import { dayMs } from '../../../src/model/index.js'
import { ask, hourMs, makeMeter, marchFirst, operator, password, readValues } from '../../helpers/simulated-meter.js'

const order = (command: RelayWord, more: { hold?: number; expiry?: RelayExpiry; password?: string } = {}): Request => ({
  fn: 'relay',
  credentials: { password: more.password ?? password, operator },
  order: { command, hold: more.hold ?? 0, expiry: more.expiry ?? 'unchecked' },
})
const accepted = (word: number | null = null) => ({ kind: 'reply', fn: 'relay', word })
const refused = (word: number, bytes = 1) => ({ kind: 'refusal', fn: 'relay', word, bytes })
const at = marchFirst + 10 * hourMs

await t.test('trip opens, energy stops, permission waits for the button', (t) => {
  const meter = makeMeter({ load: loadShape({ kind: 'constant', seed: 1, peakWatts: 6000 }) })
  const word3 = (when: number): unknown => readValues(meter, '04000503', when)?.[0]
  t.match(word3(at), { hex: '0000' })
  t.strictSame(ask(meter, order('trip'), at), accepted())
  t.match(word3(at), { hex: '0050', names: ['relay-open', 'relay-command-trip'] })
  const before = meter.truth(at).forward
  t.strictSame(meter.truth(at + 5 * hourMs).forward, before)
  t.equal(meter.truth(at + 5 * hourMs).watts, 0)
  t.equal(meter.press(at + 5 * hourMs), false, 'not permitted yet')
  t.strictSame(ask(meter, order('permit-to-close'), at + 6 * hourMs), accepted())
  t.match(word3(at + 6 * hourMs), { hex: '0010' }, 'the command says close, the contact is still open')
  t.strictSame(meter.truth(at + 7 * hourMs).forward, before)
  t.equal(meter.press(at + 7 * hourMs), true)
  t.match(word3(at + 7 * hourMs), { hex: '0000' })
  t.equal(meter.truth(at + 8 * hourMs).forward[0], (before[0] ?? 0) + 600, '6 kWh in an hour')
  t.strictSame(
    meter.relay.actions.map(({ command, accepted: ok, contactBefore, contactAfter }) => [
      command,
      ok,
      contactBefore,
      contactAfter,
    ]),
    [
      ['trip', true, 'closed', 'open'],
      ['press', false, 'open', 'open'],
      ['permit-to-close', true, 'open', 'open'],
      ['press', true, 'open', 'closed'],
    ],
  )
  t.match(readValues(meter, '1D000001', at + 9 * hourMs), [{ int: 1 }])
  t.match(readValues(meter, '1E000001', at + 9 * hourMs), [{ int: 1 }])
  t.match(readValues(meter, '1D000101', at + 9 * hourMs), [{ text: '2026-03-01 10:00:00' }])
  t.end()
})

await t.test('an order that is late, or whose password is wrong, moves nothing and is logged', (t) => {
  const meter = makeMeter()
  const expiry = (hour: number): RelayExpiry => ({ year: 2026, month: 3, day: 1, hour, minute: 0, second: 0 })
  t.strictSame(ask(meter, order('trip', { expiry: expiry(9) }), at), refused(1))
  t.strictSame(ask(meter, order('trip', { expiry: 'absent' }), at), refused(1))
  t.strictSame(ask(meter, order('trip', { password: '02000000' }), at), refused(4))
  t.equal(meter.relay.contact, 'closed')
  t.strictSame(ask(meter, order('trip', { expiry: expiry(11) }), at), accepted())
  t.equal(meter.relay.contact, 'open')
  t.strictSame(
    meter.relay.actions.map((action) => action.refusal),
    ['expired', 'expired', 'not-authorised', null],
  )
  t.strictSame(
    meter.relay.actions.map((action) => action.expiry),
    ['2026-03-01 09:00:00', null, null, '2026-03-01 11:00:00'],
    'orders can be told apart by the end of their life',
  )
  t.end()
})

await t.test("the expiry is judged by the meter's own clock", (t) => {
  const late = makeMeter({ clockOffsetMs: 2 * hourMs })
  const expiry = { year: 2026, month: 3, day: 1, hour: 11, minute: 0, second: 0 }
  t.strictSame(ask(late, order('trip', { expiry }), at), refused(1))
  t.end()
})

await t.test('five wrong passwords lock a meter until its midnight', (t) => {
  const meter = makeMeter()
  for (let n = 0; n < 5; n++) ask(meter, order('trip', { password: '02999999' }), at)
  t.strictSame(ask(meter, order('trip'), at), refused(4))
  t.strictSame(ask(meter, order('trip'), marchFirst + dayMs), accepted())
  t.end()
})

await t.test('protection refuses trips; newer meters say so in words', (t) => {
  const meter = makeMeter({}, { relayRefusal: 'word', executionWord: true })
  t.strictSame(ask(meter, order('protect-on'), at), accepted(0x0100))
  t.strictSame(ask(meter, order('trip'), at), refused(0x0020, 2))
  t.match(readValues(meter, '04000503', at), [{ hex: '1000', names: ['power-protection'] }])
  t.strictSame(ask(meter, order('protect-off'), at), accepted(0x0200))
  t.strictSame(ask(meter, order('alarm-on'), at), accepted(0x0400))
  t.match(readValues(meter, '04000503', at), [{ names: ['pre-trip-alarm'] }])
  t.strictSame(ask(meter, order('alarm-off'), at), accepted(0x0800))
  t.strictSame(ask(meter, order('trip'), at), accepted(0x0004))
  t.strictSame(ask(meter, order('close'), at), accepted(0x0001))
  t.strictSame(ask(meter, order('trip-then-close'), at), refused(0x0080, 2))
  t.strictSame(ask(meter, order('trip-then-close', { hold: 2 }), at), accepted(0x0010))
  t.strictSame(ask(meter, order('trip-then-permit', { hold: 2 }), at), refused(0x0100, 2))
  t.strictSame(ask(meter, order('trip', { password: '02111111' }), at), refused(0x0004, 2))
  meter.advance(at + 599_999)
  t.equal(meter.relay.contact, 'open')
  meter.advance(at + 600_000)
  t.equal(meter.relay.contact, 'closed')
  ask(meter, order('trip-then-permit', { hold: 1 }), at + 700_000)
  meter.advance(at + 1_000_000)
  t.equal(meter.relay.contact, 'open')
  t.equal(meter.relay.mayClose, true)
  t.end()
})

await t.test('a meter with a security chip refuses the plain form, any meter here the enciphered one', (t) => {
  const chip = makeMeter({}, { needsSecurityChip: true })
  t.strictSame(ask(chip, order('trip'), at), refused(4))
  t.strictSame(ask(makeMeter({}, { needsSecurityChip: true, relayRefusal: 'word' }), order('trip'), at), refused(4, 2))
  const enciphered: Request = { fn: 'relay', credentials: { password, operator }, order: { enciphered: new Uint8Array(20) } }
  t.strictSame(ask(makeMeter({}, { relayRefusal: 'word' }), enciphered, at), refused(2, 2))
  t.equal(chip.relay.contact, 'closed')
  t.end()
})

await t.test('a delayed trip opens later; 9C alone proves nothing', (t) => {
  const meter = makeMeter({}, { tripDelayMinutes: 3, executionWord: true })
  t.strictSame(ask(meter, order('trip'), at), accepted(0x0008))
  t.match(readValues(meter, '04000503', at + 60_000), [{ hex: '0040', names: ['relay-command-trip'] }])
  t.match(readValues(meter, '04000503', at + 180_000), [{ hex: '0050' }])
  t.match(meter.relay.actions.at(-1), { cause: 'delay', at: at + 180_000, contactAfter: 'open' })
  t.end()
})

await t.test('energy flows through a welded contact', (t) => {
  const meter = makeMeter({}, { weldedRelay: true })
  ask(meter, order('trip'), at)
  t.equal(meter.relay.contact, 'open')
  t.ok((meter.truth(at + 5 * hourMs).forward[0] ?? 0) > (meter.truth(at + 5 * hourMs).forward[1] ?? 0))
  const before = meter.truth(at + 5 * hourMs).forward[0] ?? 0
  t.ok((meter.truth(at + 10 * hourMs).forward[0] ?? 0) > before)
  t.end()
})

await t.test('the log of a relay is bounded', (t) => {
  const relay = new SupplyRelay(0)
  for (let n = 0; n < relayActionsMax + 5; n++) relay.order('alarm-on', 0, n)
  t.equal(relay.actions.length, relayActionsMax)
  t.equal(relay.dropped, 5)
  t.equal(relay.actions[0]?.at, 5)
  relay.actDue()
  t.equal(relay.dueAt, null)
  t.end()
})
