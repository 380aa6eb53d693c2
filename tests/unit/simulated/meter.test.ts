import t from 'tap'
import type { SimulatedMeter } from '../../../drivers/simulated/meter.js'
import {
  decodeLoadRecords,
  encodeRequest,
  decodeFrame,
  registers,
  type LoadSpan,
  type Request,
} from '../../../src/protocols/dlt645/index.js'
import { dayMs, type LocalTime } from '../../../src/model/index.js'
import {
  address,
  ask,
  hearFrame,
  hourMs,
  makeMeter,
  marchFirst,
  operator,
  password,
  readBytes,
  readInts,
  readValues,
} from '../../helpers/simulated-meter.js'
import { valueOf } from '../../helpers/outcome.js'

const at = marchFirst + 40 * dayMs + 10 * hourMs + 123_456
const credentials = { password, operator }
const noSuchData = { kind: 'refusal', fn: 'read', word: 2, bytes: 1 }
const read = (di: string, load: LoadSpan | null = null): Request => ({ fn: 'read', di, load })
const localTime = (day: number, hour: number, minute = 0, second = 0): LocalTime => ({
  year: 2026,
  month: 4,
  day,
  hour,
  minute,
  second,
})

await t.test('a meter is silent for others, on broadcasts, on nonsense and when dead', (t) => {
  const meter = makeMeter()
  t.equal(ask(meter, read('00010000'), at, '000000000162'), null)
  t.equal(ask(meter, read('00010000'), at, '999999999999'), null)
  t.equal(ask(meter, { fn: 'write-address', address: '000000000009' }, at), null)
  t.equal(ask(meter, { fn: 'file-transfer', data: new Uint8Array(3) }, at), null)
  t.equal(
    ask(meter, { fn: 'relay', credentials, order: { command: 'trip', hold: 0, expiry: 'unchecked' } }, at, 'AAAAAAAAAAAA'),
    null,
  )
  t.equal(meter.relay.contact, 'closed', 'a relay never obeys a wildcard')
  const frame = valueOf(decodeFrame(encodeRequest(address, read('00010000'))))
  t.equal(hearFrame(meter, { ...frame, control: 0x91 }, at), null, 'an answer is not for a meter')
  t.equal(hearFrame(meter, { ...frame, control: 0x05 }, at), null)
  t.equal(hearFrame(meter, { ...frame, data: frame.data.subarray(0, 2) }, at), null)
  t.ok(hearFrame(meter, frame, at))
  meter.setDead(true)
  t.equal(hearFrame(meter, frame, at), null)
  meter.setDead(false)
  t.ok(hearFrame(meter, frame, at))
  const spans = makeMeter({}, { deadSpans: [{ fromMs: at - 10, toMs: at }] })
  t.equal(hearFrame(spans, frame, at - 1), null)
  t.ok(hearFrame(spans, frame, at))
  t.end()
})

await t.test('wildcards and shortened addresses are answered with the own address', (t) => {
  const meter = makeMeter()
  t.strictSame(ask(meter, { fn: 'read-address' }, at, 'AAAAAAAAAAAA'), { kind: 'reply', fn: 'read-address', address })
  t.ok(ask(meter, read('00010000'), at, 'AAAAAAAA0161'))
  t.equal(ask(meter, read('00010000'), at, 'AAAAAAAA0162'), null)
  t.end()
})

await t.test("every register it serves decodes by the table, with the table's length", (t) => {
  const kinds: [string, SimulatedMeter][] = [
    ['four rates', makeMeter()],
    ['one rate', makeMeter({ rates: 1, table: [{ minute: 0, rate: 1 }] })],
    ['three phases', makeMeter({ point: { seed: 1, phases: 3, sourceDv: 2300, dropDvPerKw: 9, neighboursDropDv: 50 } })],
    ['trailing AA', makeMeter({}, { trailingAa: true })],
    ['empty records as zeros', makeMeter({}, { emptyRecords: 'zeros' })],
  ]
  for (const [name, meter] of kinds) {
    let served = 0
    for (const entry of registers) {
      // Concrete registers of the pattern: its lowest bytes, its highest ones, and the block.
      for (const pick of [0, 1]) {
        const di = entry.di
          .split('.')
          .map((byte) => byte.split(',').at(-pick) ?? '')
          .map((range) => range.split('-').at(-pick) ?? '')
          .join('')
        if (di.startsWith('06') || readBytes(meter, di, at) === null) continue
        if (readValues(meter, di, at) === null) t.fail(`${name}: ${di} ${entry.name} does not decode`)
        served++
      }
    }
    t.ok(served > 80, `${name}: ${served} registers`)
  }
  t.end()
})

await t.test('energies, block and freezes show the same truth', (t) => {
  const meter = makeMeter()
  const truth = meter.truth(at)
  t.strictSame(readInts(meter, '00010000', at), [truth.forward[0]])
  t.strictSame(readInts(meter, '0001FF00', at), truth.forward)
  t.strictSame(readInts(meter, '00000000', at), [truth.forward[0]])
  t.match(readValues(meter, '05060001', at), [{ text: '2026-04-10 00:00' }])
  const midnight = makeMeter().truth(marchFirst + 40 * dayMs)
  t.strictSame(readInts(meter, '05060101', at), midnight.forward)
  const settlement = makeMeter().truth(marchFirst + 31 * dayMs)
  t.strictSame(readInts(meter, '0001FF01', at), settlement.forward)
  t.strictSame(ask(meter, read('0001FF02'), at), noSuchData, 'one settlement has been')
  t.strictSame(readInts(meter, '0001FFFF', at), [...truth.forward, ...settlement.forward])
  t.strictSame(ask(meter, read('00010500'), at), noSuchData, 'there is no fifth rate')
  t.strictSame(ask(meter, read('0506013F'), at), noSuchData)
  t.match(readValues(meter, '05040001', at), [{ text: '2026-04-10 10:00' }])
  t.end()
})

await t.test('single-phase meters answer FF for the phases they have not', (t) => {
  const values = readInts(makeMeter(), '0201FF00', at)
  t.ok((values[0] ?? 0) > 2000)
  t.strictSame(values.slice(1), [null, null])
  t.strictSame(readInts(makeMeter(), '0203FF00', at).slice(2), [null, null])
  t.end()
})

await t.test('long answers come in parts that follow the rules of 12H', (t) => {
  const meter = makeMeter()
  const data = readBytes(meter, '0506FF01', at)
  t.equal(data?.length, 269 + 11, 'twelve items and the AA between them')
  t.match(ask(meter, read('0506FF01'), at), { more: true })
  t.match(ask(meter, { fn: 'read-more', di: '0506FF01', seq: 1 }, at), { fn: 'read-more', seq: 1, more: false })
  t.match(ask(meter, { fn: 'read-more', di: '0506FF01', seq: 1 }, at), { seq: 1 }, 'the same part again')
  t.match(ask(meter, { fn: 'read-more', di: '0506FF01', seq: 5 }, at), { kind: 'refusal' })
  ask(meter, read('0506FF01'), at)
  ask(meter, read('00010000'), at)
  t.match(ask(meter, { fn: 'read-more', di: '0506FF01', seq: 1 }, at), { kind: 'refusal' }, 'any other command ends it')
  const fine = makeMeter({}, { partBytes: 20 })
  t.strictSame(readBytes(fine, '0506FF01', at), data)
  t.end()
})

await t.test('load records: from a time, the latest, the earliest, one class', (t) => {
  const meter = makeMeter()
  const records = (di: string, load: LoadSpan) => {
    const reply = ask(meter, read(di, load), at)
    if (reply?.kind !== 'reply' || reply.fn !== 'read') throw new Error('refused')
    return valueOf(decodeLoadRecords(reply.data, Number.parseInt(di.slice(2, 4), 16)))
  }
  const from = { ...localTime(9, 12), second: 0 }
  const [first, second] = records('06040001', { count: 2, from })
  t.strictSame(first?.at, from)
  t.strictSame(second?.at, { ...from, minute: 15 })
  const truth = makeMeter().truth(marchFirst + 39 * dayMs + 12 * hourMs)
  t.match(first?.values, [{ int: truth.forward[0], exponent: -2, unit: 'kWh' }, { int: 0 }, { unit: 'kvarh' }, { int: 0 }])
  t.strictSame(records('06010002', { count: 1, from: null })[0]?.at, localTime(10, 10))
  t.strictSame(records('06000000', { count: 1, from: null })[0]?.at, { ...localTime(1, 10, 15), month: 3 })
  t.equal(records('06000000', { count: 1, from: null })[0]?.values.length, 7 + 8 + 4 + 4 + 4 + 2)
  t.strictSame(ask(meter, read('06040001', { count: 1, from: localTime(20, 0) }), at), noSuchData)
  t.strictSame(ask(meter, read('06040001', { count: 1, from: null }), at), noSuchData, 'a time is needed')
  t.strictSame(ask(meter, read('06040000'), at), noSuchData)
  t.strictSame(ask(makeMeter({}, { noProfile: true }), read('06040002', { count: 1, from: null }), at), noSuchData)
  t.match(ask(makeMeter({}, { emptyRecords: 'zeros' }), read('06040001', { count: 1, from: localTime(20, 0) }), at), {
    data: { length: 0 },
  })
  t.end()
})

await t.test('lesson 19: what a meter has not kept is refused, or all zero with a zero time, as the field shows both', (t) => {
  const early = marchFirst + hourMs
  t.strictSame(ask(makeMeter(), read('05060001'), early), noSuchData)
  t.strictSame(ask(makeMeter({}, { noFreezes: true }), read('05060001'), at), noSuchData)
  const zeros = makeMeter({}, { emptyRecords: 'zeros' })
  t.match(readBytes(zeros, '05060001', early), new Uint8Array(5))
  t.match(readBytes(zeros, '05060101', early), new Uint8Array(20))
  t.end()
})

await t.test("a broadcast sets the clock within the field's rules and nobody answers", (t) => {
  const set = (meter: SimulatedMeter, time: LocalTime, when: number): number => {
    t.equal(ask(meter, { fn: 'time-sync', time }, when, '999999999999'), null)
    return meter.clock.localAt(when) - (when + 8 * hourMs)
  }
  const meter = makeMeter({ clockOffsetMs: -90_000 })
  const noon = marchFirst + 40 * dayMs + 12 * hourMs
  t.equal(set(meter, localTime(10, 12, 20), noon), -90_000, 'more than five minutes')
  t.equal(set(meter, localTime(10, 12), noon), 0)
  t.equal(set(meter, localTime(10, 13, 1), noon + hourMs), 0, 'once a day')
  t.equal(set(meter, localTime(11, 0, 1), noon + 12 * hourMs), 0, 'not near midnight')
  t.equal(set(meter, localTime(11, 12, 1), noon + dayMs), 60_000)
  t.match(readValues(meter, '0400010C', noon + dayMs + 7000), [{ text: '2026-04-11 12:01:07' }, { int: 6 }])
  t.end()
})

await t.test('writes need the password and are read back', (t) => {
  const meter = makeMeter()
  const write = (di: string, hex: string, secret = password): unknown =>
    ask(
      meter,
      { fn: 'write', di, credentials: { password: secret, operator }, data: Uint8Array.from(Buffer.from(hex, 'hex')) },
      at,
    )
  const done = { kind: 'reply', fn: 'write', data: new Uint8Array() }
  const refused = (word: number) => ({ kind: 'refusal', fn: 'write', word, bytes: 1 })
  t.strictSame(write('04001401', '0500'), done)
  t.match(readValues(meter, '04001401', at), [{ int: 5 }])
  t.strictSame(write('04001401', '0500', '98123456'), refused(4))
  t.strictSame(write('04001001', '00500000'), done)
  t.match(readValues(meter, '04001001', at), [{ int: 5000 }])
  t.strictSame(write('04001001', '0050'), refused(1))
  t.strictSame(write('04009999', '00'), refused(2))
  t.strictSame(write('04001401', '05'), refused(1))
  t.strictSame(write('04010001', '010000023008'), done)
  t.match(readValues(meter, '04010001', at), [{}, { int: 1 }, {}, { int: 2 }])
  t.equal(meter.physics.rate, 2, "ten o'clock is behind half past eight")
  for (const bad of ['', '0100', '010100', '090000', '010000020000aa', '010000023008010007'])
    t.strictSame(write('04010001', bad), refused(32))
  t.strictSame(write('0400010C', '30201105100426'), done)
  t.match(readValues(meter, '0400010C', at), [{ text: '2026-04-10 11:20:30' }, {}])
  t.strictSame(write('04000101', '03110426'), done)
  t.strictSame(write('04000102', '000015'), done)
  t.match(readValues(meter, '0400010C', at), [{ text: '2026-04-11 15:00:00' }, { int: 6 }])
  t.strictSame(write('04000102', '0000'), refused(1))
  t.strictSame(write('0400010C', '3020110510042a'), refused(1))
  t.end()
})

await t.test('the other services: freeze, speed, password, demand, output, security', (t) => {
  const meter = makeMeter()
  const any = { month: null, day: null, hour: null, minute: null }
  t.match(ask(meter, { fn: 'freeze', moment: any }, at), { fn: 'freeze' })
  t.strictSame(readInts(meter, '05010101', at), meter.truth(at).forward)
  t.equal(ask(meter, { fn: 'freeze', moment: any }, at + 1000, '999999999999'), null)
  t.equal(meter.physics.commanded.count, 2)
  t.match(ask(meter, { fn: 'freeze', moment: { ...any, minute: 0 } }, at), { kind: 'refusal', word: 1 })
  t.match(ask(meter, { fn: 'change-speed', flag: 0x20 }, at), { kind: 'refusal', word: 8 })
  t.match(ask(meter, { fn: 'output', signal: 1 }, at), { fn: 'output', signal: 1 })
  t.match(ask(meter, { fn: 'security', di: '070000FF', operator, payload: new Uint8Array(24) }, at), {
    kind: 'refusal',
    word: 4,
    bytes: 2,
  })
  t.match(ask(meter, { fn: 'clear-meter', credentials }, at), { kind: 'refusal', word: 4 })
  t.match(ask(meter, { fn: 'clear-events', credentials, di: 'FFFFFFFF' }, at), { kind: 'refusal', word: 4 })
  t.ok((readInts(meter, '01010000', at)[0] ?? 0) > 0)
  t.match(ask(meter, { fn: 'clear-demand', credentials: { password: '02000001', operator } }, at), { kind: 'refusal', word: 4 })
  t.match(ask(meter, { fn: 'clear-demand', credentials }, at), { fn: 'clear-demand' })
  t.equal(readInts(meter, '01010000', at)[0], 0)
  t.match(ask(meter, { fn: 'change-password', di: '04000C03', old: '02000000', replacement: '02654321' }, at), {
    kind: 'refusal',
    word: 4,
  })
  t.match(ask(meter, { fn: 'change-password', di: '04000C03', old: password, replacement: '02654321' }, at), {
    replacement: '02654321',
  })
  t.match(ask(meter, { fn: 'clear-demand', credentials }, at), { kind: 'refusal' })
  const frame = valueOf(
    decodeFrame(encodeRequest(address, { fn: 'relay', credentials, order: { command: 'trip', hold: 0, expiry: 'unchecked' } })),
  )
  const bad = frame.data.slice()
  bad[8] = 0x77
  t.ok(hearFrame(meter, { ...frame, data: bad }, at))
  t.match(meter.relay.actions.at(-1), { accepted: false, refusal: 'bad-command' })
  t.equal(hearFrame(meter, { ...frame, control: 0x08, data: new Uint8Array(6).fill(0xff) }, at), null)
  t.end()
})

await t.test('answers differ as meters differ: preamble, delay, unsolicited heartbeat', (t) => {
  const frame = valueOf(decodeFrame(encodeRequest(address, read('00010000'))))
  const answerOf = (meter: SimulatedMeter) => hearFrame(meter, frame, at) ?? { bytes: new Uint8Array(), delayMs: -1 }
  t.equal(valueOf(decodeFrame(answerOf(makeMeter()).bytes)).preamble, 4)
  t.equal(valueOf(decodeFrame(answerOf(makeMeter({}, { preamble: 7 })).bytes)).preamble, 7)
  const meter = makeMeter()
  const delays = Array.from({ length: 200 }, () => answerOf(meter).delayMs)
  t.ok(delays.every((delay) => delay >= 20 && delay <= 60))
  t.ok(new Set(delays).size > 20)
  t.equal(answerOf(makeMeter({}, { replyDelayMs: { min: 500, max: 500 } })).delayMs, 500)
  t.match(valueOf(decodeFrame(meter.unasked() ?? new Uint8Array())), { address, control: 0x91 })
  t.end()
})
