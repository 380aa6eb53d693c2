import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { RelayRequest, SessionInput } from '../../../../src/ports/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { decodeFrame, describeFrame, dlt645, encodeReply, type Reply } from '../../../../src/protocols/dlt645/index.js'
import {
  answer,
  busDown,
  data,
  exchangeOf,
  frameOf,
  garbled,
  outcomeOf,
  requestOf,
  silent,
  steps,
  yielded,
} from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = meterAddress('151230011061')
const credentials = { password: '02123456', operator: 'A1B2C3D4' }
const expiry = { year: 2024, month: 3, day: 9, hour: 8, minute: 7, second: 6 }
const order: RelayRequest = { address, command: 'trip', credentials, expiry }
const says = (reply: Reply) => answer(address, reply)
const refusal = (word: number, bytes: number) => says({ kind: 'refusal', fn: 'relay', word, bytes })

await t.test('a relay order is one plain write with its expiry', async (t) => {
  const session = dlt645.relay.order(order)
  t.match(exchangeOf(session), { to: address, isWrite: true, holdsBus: false })
  t.strictSame(requestOf(session), { fn: 'relay', credentials, order: { command: 'trip', hold: 0, expiry } })
  t.equal(hexOf(valueOf(decodeFrame(exchangeOf(session).bytes)).data), '02563412D4C3B2A11A00060708090324')
})

await t.test('a trace may show whose relay was ordered to do what, and until when; not by whom', async (t) => {
  const { bytes, traced = new Uint8Array(0) } = exchangeOf(dlt645.relay.order(order))
  t.equal(traced.length, bytes.length)
  t.equal(hexOf(valueOf(decodeFrame(traced)).data), '00000000000000001A00060708090324')
  t.match(describeFrame(traced), { ok: true, address, control: '1C', detail: { command: 'trip', expiry: '2024-03-09 08:07:06' } })
  const clock = exchangeOf(dlt645.clock.broadcast(expiry, 'all'))
  t.equal(clock.traced, clock.bytes, 'a clock is set without credentials')
  const read = exchangeOf(dlt645.read({ address, registers: [{ register: '02010100' }], repeats: 0 }))
  t.equal(read.traced, undefined)
})

await t.test('every command has its byte', async (t) => {
  const commands = [
    ['trip', 0x1a],
    ['permit-to-close', 0x1b],
    ['alarm-on', 0x2a],
    ['alarm-off', 0x2b],
    ['protect-on', 0x3a],
    ['protect-off', 0x3b],
  ] as const
  for (const [command, byte] of commands) {
    t.equal(valueOf(decodeFrame(exchangeOf(dlt645.relay.order({ ...order, command })).bytes)).data[8], byte, command)
  }
})

await t.test('all four answers to an order are understood', async (t) => {
  const ended = (input: SessionInput) => outcomeOf(dlt645.relay.order(order).step(input))
  t.strictSame(ended(says({ kind: 'reply', fn: 'relay', word: null })), {
    kind: 'accepted',
    frame: '68611001301215689C003516',
    detail: [],
  })
  t.match(ended(says({ kind: 'reply', fn: 'relay', word: 0x0008 })), { kind: 'accepted', detail: ['trip-delayed'] })
  t.match(ended(refusal(0x04, 1)), { kind: 'refused', errors: ['not-authorised'], needsSecurityChip: true })
  t.match(ended(refusal(0x02, 2)), { kind: 'refused', errors: ['mac-check-failed'], needsSecurityChip: true })
  t.match(ended(refusal(0x10, 2)), { kind: 'refused', errors: ['command-expired'], needsSecurityChip: false })
})

await t.test('a lost answer is unknown and the order is never sent again', async (t) => {
  const cases: readonly (readonly [SessionInput, object])[] = [
    [silent, { kind: 'unknown', reason: 'no-reply' }],
    [garbled, { kind: 'unknown', reason: 'garbled' }],
    [
      { kind: 'bus-down', sent: true },
      { kind: 'unknown', reason: 'bus-down' },
    ],
    [busDown, { kind: 'not-sent' }],
    [yielded, { kind: 'unknown', reason: 'no-reply' }],
    [{ kind: 'sent' }, { kind: 'unknown', reason: 'no-reply' }],
    [
      { kind: 'reply', frame: frameOf(address, 0x9c, '01') },
      { kind: 'unknown', reason: 'garbled' },
    ],
    [
      { kind: 'reply', frame: encodeReply('000000000001', { kind: 'reply', fn: 'relay', word: null }) },
      { kind: 'unknown', reason: 'garbled' },
    ],
  ]
  for (const [input, expected] of cases) t.strictSame(outcomeOf(dlt645.relay.order(order).step(input)), expected)
})

await t.test('an order is for one meter, and its secrets are in no error and no outcome', async (t) => {
  for (const to of ['AAAAAAAAAAAA', 'AAAA30011061', '999999999999']) {
    t.throws(() => dlt645.relay.order({ ...order, address: meterAddress(to) }), RangeError, to)
  }
  t.throws(() => dlt645.relay.order({ ...order, credentials: { password: '12', operator: 'A1B2C3D4' } }), {
    message: /expected 3 bytes/,
  })
  const inputs = [refusal(0x04, 1), says({ kind: 'reply', fn: 'relay', word: 4 }), garbled, silent]
  for (const input of inputs) {
    t.notMatch(JSON.stringify(outcomeOf(dlt645.relay.order(order).step(input))), /123456|563412|896745|A1B2C3D4|D4C3B2A1/)
  }
})

await t.test('the relay’s state is read back from status word 3', async (t) => {
  const start = dlt645.relay.state(address, 1)
  t.strictSame(requestOf(start), { fn: 'read', di: '04000503', load: null })
  t.strictSame(outcomeOf(start.step(says(data('04000503', '5000')))), {
    kind: 'known',
    contact: 'open',
    command: 'trip',
    alarm: false,
    protected: false,
    word: '0050',
  })
  t.match(outcomeOf(start.step(says(data('04000503', '4000')))), { contact: 'closed', command: 'trip' }, 'a trip that is delayed')
  t.match(outcomeOf(steps(start, silent, silent)), { kind: 'unreadable', error: { code: 'no-reply' } })
  t.match(outcomeOf(start.step(says(data('04000503', 'FFFF')))), { kind: 'unreadable', error: { code: 'invalid' } })
})

const clock = (hex: string) => says(data('0400010C', hex))
const date = (hex: string) => says(data('04000101', hex))
const time = (hex: string) => says(data('04000102', hex))
const noSuchData = says({ kind: 'refusal', fn: 'read', word: 2, bytes: 1 })

await t.test('a clock is read in one answer where the meter has it', async (t) => {
  const start = dlt645.clock.read(address, 0)
  t.equal(valueOf(outcomeOf(start.step(clock('47071404170322')))).hour, 14)
  t.strictSame(valueOf(outcomeOf(start.step(clock('47071404170322')))), {
    year: 2022,
    month: 3,
    day: 17,
    hour: 14,
    minute: 7,
    second: 47,
  })
  t.match(outcomeOf(start.step(silent)), { ok: false, error: { code: 'no-reply' } }, 'silence is not asked further')
})

await t.test('an older clock is read as date and time, with care around midnight', async (t) => {
  const start = dlt645.clock.read(address, 0).step(noSuchData)
  t.match(requestOf(start), { di: '04000101' })
  t.match(requestOf(start.step(date('04170322'))), { di: '04000102' })
  t.strictSame(valueOf(outcomeOf(steps(start, date('04170322'), time('470714')))), {
    year: 2022,
    month: 3,
    day: 17,
    hour: 14,
    minute: 7,
    second: 47,
  })
  const midnight = steps(start, date('04170322'), time('010000'))
  t.match(requestOf(midnight), { di: '04000101' }, 'the day may have changed in between')
  t.match(valueOf(outcomeOf(midnight.step(date('05180322')))), { day: 18, hour: 0, second: 1 })
  t.match(valueOf(outcomeOf(midnight.step(date('04170322')))), { day: 17 })
  t.match(outcomeOf(midnight.step(silent)), { ok: false, error: { code: 'no-reply' } })
  t.match(outcomeOf(start.step(silent)), { ok: false, error: { code: 'no-reply' } })
  t.match(outcomeOf(steps(start, date('04170322'), silent)), { ok: false, error: { code: 'no-reply' } })
})

await t.test('a clock that is none is invalid', async (t) => {
  const invalid = dlt645.clock.read(address, 0).step(clock('FFFFFFFFFFFFFF'))
  t.match(requestOf(invalid), { di: '04000101' }, 'the older registers may still tell')
  t.match(outcomeOf(invalid.step(date('FFFFFFFF'))), { ok: false, error: { code: 'invalid' } })
})

await t.test('clocks are set by broadcast or of one meter, and nobody answers', async (t) => {
  const all = dlt645.clock.broadcast(expiry, 'all')
  t.match(exchangeOf(all), { to: 'all', reply: 'none', isWrite: true })
  t.equal(valueOf(decodeFrame(exchangeOf(all).bytes)).address, '999999999999')
  t.strictSame(requestOf(all), { fn: 'time-sync', time: expiry })
  const one = dlt645.clock.broadcast(expiry, address)
  t.match(exchangeOf(one), { to: address, reply: 'none' })
  t.equal(outcomeOf(all.step({ kind: 'sent' })), 'sent')
  t.equal(outcomeOf(one.step(silent)), 'sent')
  t.equal(outcomeOf(all.step({ kind: 'bus-down', sent: true })), 'sent', 'it may have left')
  t.equal(outcomeOf(all.step(busDown)), 'not-sent')
  t.equal(outcomeOf(all.step(yielded)), 'not-sent')
  t.throws(() => dlt645.clock.broadcast(expiry, meterAddress('AAAAAAAAAAAA')), RangeError)
  t.throws(() => dlt645.clock.broadcast(expiry, meterAddress('999999999999')), RangeError)
})

await t.test('the only meter of a line tells its address', async (t) => {
  const start = dlt645.find(1)
  t.equal(hexOf(exchangeOf(start).bytes), 'FEFEFEFE68AAAAAAAAAAAA681300DF16')
  const found = (hex: string) => outcomeOf(start.step({ kind: 'reply', frame: bytesOf(hex) }))
  t.strictSame(found('68080202412200' + '6893063B35357455337916'), { ok: true, value: '002241020208' })
  t.match(outcomeOf(start.step({ kind: 'reply', frame: frameOf('AAAAAAAAAAAA', 0x93, '080202412200') })), {
    ok: true,
    value: '002241020208',
  })
  t.match(outcomeOf(start.step({ kind: 'reply', frame: frameOf('002241020209', 0x93, '080202412200') })), {
    ok: false,
    error: { code: 'invalid', message: /more than one meter/ },
  })
  t.match(outcomeOf(start.step({ kind: 'reply', frame: frameOf('AAAAAAAAAAAA', 0x93, 'AAAAAAAAAAAA') })), {
    ok: false,
    error: { code: 'invalid' },
  })
  t.match(outcomeOf(start.step({ kind: 'reply', frame: frameOf('002241020208', 0xd3, '01') })), {
    ok: false,
    error: { code: 'refused' },
  })
  t.match(outcomeOf(steps(start, silent, garbled)), { ok: false, error: { code: 'garbled' } })
  t.equal(hexOf(exchangeOf(start.step(yielded)).bytes), hexOf(exchangeOf(start).bytes))
})

await t.test('the protocol offers what the port asks for', async (t) => {
  t.equal(dlt645.name, 'dlt645-2007')
  t.equal(valueOf(dlt645.checkRegister('0201ff00')), '0201FF00')
  t.equal(valueOf(dlt645.checkAddress('161')), '000000000161')
  t.strictSame(dlt645.scanner()(bytesOf('68611001301215689C003516')), { kind: 'frame', length: 12 })
})
