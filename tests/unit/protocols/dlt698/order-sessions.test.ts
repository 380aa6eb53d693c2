import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { RelayRequest, SessionInput } from '../../../../src/ports/index.js'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  decodeFrame,
  dlt698,
  meterRelay,
  orderSecured,
  relayRegisters,
  type ApduOf,
  type Data,
} from '../../../../src/protocols/dlt698/index.js'
import {
  busDown,
  dar,
  exchangeOf,
  garbled,
  meterFrame,
  moment,
  nullData,
  outcomeOf,
  reply,
  requestOf,
  run,
  sentFrame,
  silent,
  steps,
  yielded,
  type TestMeter,
} from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = meterAddress('000032909591')
const credentials = { password: '02123456', operator: 'A1B2C3D4' }
const expiry = { year: 2026, month: 8, day: 11, hour: 13, minute: 51, second: 22 }
const order: RelayRequest = { address, command: 'trip', credentials, expiry }
const piid = hexOf(Uint8Array.of(pidOf()))
const done = (code: string) => reply(meterFrame(address, `8701${piid}80008100${code}000000`))

function pidOf(): number {
  const request = requestOf(dlt698.relay.order(order))
  return 'piid' in request ? request.piid : 0
}

await t.test('a relay order is one plain ACTION, in the form that is known of meters', async (t) => {
  const session = dlt698.relay.order(order)
  t.match(exchangeOf(session), { to: address, isWrite: true, holdsBus: false })
  t.equal(hexOf(sentFrame(session).body), `0701${piid}80008100010102` + '0451F2050201110012000003' + '0000')
  t.notMatch(hexOf(exchangeOf(session).bytes), /123456|A1B2C3D4/, 'credentials have no place in it')
  t.equal(meterRelay, 'F2050201')
})

await t.test('every command has its method', async (t) => {
  const commands = [
    ['trip', '80008100'],
    ['permit-to-close', '80008200'],
    ['alarm-on', '80007F00'],
    ['alarm-off', '80008000'],
    ['protect-on', '80017F00'],
    ['protect-off', '80018000'],
  ] as const
  for (const [command, omd] of commands)
    t.match(requestOf(dlt698.relay.order({ ...order, command })), { kind: 'act-one', omd }, command)
  const permit = hexOf(sentFrame(dlt698.relay.order({ ...order, command: 'permit-to-close' })).body)
  t.match(permit, /010102025[1]F2050201160000$/, 'permission, never closing directly')
})

await t.test('every answer to an order is understood', async (t) => {
  const ended = (input: SessionInput) => outcomeOf(dlt698.relay.order(order).step(input))
  t.match(ended(done('00')), { kind: 'accepted', frame: /^68/, detail: [] })
  t.match(ended(done('03')), { kind: 'refused', errors: ['read-write-denied'], needsSecurityChip: true })
  t.match(ended(done('14')), { kind: 'refused', errors: ['security-mismatch'], needsSecurityChip: true })
  t.match(ended(done('17')), { kind: 'refused', errors: ['authentication-failed'], needsSecurityChip: true })
  t.match(ended(done('08')), { kind: 'refused', errors: ['out-of-range'], needsSecurityChip: false })
  t.match(ended(done('77')), { kind: 'refused', errors: ['dar-119'], needsSecurityChip: false })
  t.match(ended(reply(meterFrame(address, '900216'))), {
    kind: 'refused',
    errors: ['esam-check-failed'],
    needsSecurityChip: true,
  })
  t.match(ended(reply(meterFrame(address, `EE${piid}020000`))), {
    kind: 'refused',
    errors: ['service-not-supported'],
    needsSecurityChip: false,
  })
  t.match(ended(reply(meterFrame(address, `EE${piid}090000`))), { kind: 'refused', errors: ['error-9'] })
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
    [reply(meterFrame(address, `8701${piid}800081000000`)), { kind: 'unknown', reason: 'garbled' }],
    [reply(meterFrame(address, '900102ABCD00')), { kind: 'unknown', reason: 'garbled' }],
    [reply(meterFrame('000000000001', `8701${piid}80008100000000`)), { kind: 'unknown', reason: 'garbled' }],
  ]
  for (const [input, expected] of cases) t.strictSame(outcomeOf(dlt698.relay.order(order).step(input)), expected)
})

await t.test('an order is for one meter', async (t) => {
  t.throws(() => dlt698.relay.order({ ...order, address: meterAddress('AAAAAAAAAAAA') }), RangeError)
})

await t.test('an order that a key system wrapped is carried as it is', async (t) => {
  const request: ApduOf<'secured-request'> = {
    kind: 'secured-request',
    content: { kind: 'cipher', cipher: 'ABCDEF' },
    check: { kind: 'SID_MAC', sid: { id: '80070000', more: '0102' }, mac: '11223344' },
  }
  const session = orderSecured(address, request)
  t.equal(hexOf(sentFrame(session).body), '100103ABCDEF' + '00' + '80070000020102' + '0411223344')
  const ended = (apdu: string) => outcomeOf(session.step(reply(meterFrame(address, apdu))))
  t.match(ended('90000B' + '8701058000810000000000' + '01000411223344'), { kind: 'accepted' })
  t.match(ended('90000B' + '8701058000810016000000' + '00'), { kind: 'refused', errors: ['esam-check-failed'] })
  t.match(ended('900102ABCD01000411223344'), { kind: 'unknown' }, 'what an enciphered answer says is not known')
  t.match(ended('900214'), { kind: 'refused', needsSecurityChip: true })
  const plainOf = (apdu: string) => orderSecured(address, { ...request, content: { kind: 'plain', apdu } })
  const list = plainOf('070205018000810000' + '00').step(reply(meterFrame(address, '870205018000810000' + '000000')))
  t.match(outcomeOf(list), { kind: 'unknown', reason: 'garbled' }, 'an answer to a list is one, but not one order’s')
  t.match(
    outcomeOf(plainOf('07').step(reply(meterFrame(address, '8701058000810000000000')))),
    { kind: 'accepted' },
    'what is wrapped is not our matter',
  )
})

const bits = (text: string): Data => ({
  type: 'bit-string',
  bits: text.length,
  hex: (text.padEnd(Math.ceil(text.length / 8) * 8, '0').match(/.{8}/g) ?? [])
    .map((byte) => Number.parseInt(byte, 2).toString(16).toUpperCase().padStart(2, '0'))
    .join(''),
})
const stateOf = (objects: TestMeter['objects']) =>
  run(dlt698.relay.state(address, 0), { address, ...(objects === undefined ? {} : { objects }) })

await t.test('the relay’s state is read back from object 8000 and status word 3 in one list', async (t) => {
  const objects = {
    '80000300': bits('10000000'),
    '80000400': bits('00000000'),
    '80000500': bits('10000000'),
    '20140203': bits('0000101000001000'),
  }
  const { outcome, requests } = stateOf(objects)
  t.match(requests, [{ kind: 'get-list', list: relayRegisters }])
  t.strictSame(outcome, { kind: 'known', contact: 'open', command: 'trip', alarm: false, protected: true, word: '0A08' })
})

await t.test('either source alone will do', async (t) => {
  t.strictSame(stateOf({ '80000300': bits('00000000') }).outcome, {
    kind: 'known',
    contact: 'closed',
    command: 'close',
    alarm: false,
    protected: false,
    word: '00',
  })
  t.match(stateOf({ '80000300': bits('00000000'), '80000400': bits('10000000'), '80000500': bits('10000000') }).outcome, {
    contact: 'closed',
    command: 'trip',
    alarm: true,
  })
  t.match(stateOf({ '20140203': bits('0000001100000000') }).outcome, {
    contact: 'closed',
    command: 'trip',
    alarm: true,
    word: '0300',
  })
  t.match(
    stateOf({ '80000300': bits('1'), '20140203': bits('') }).outcome,
    { contact: 'open' },
    'a word that is too short says nothing',
  )
})

await t.test('what contradicts itself, or is not there, is not claimed', async (t) => {
  const torn = { '80000300': bits('10000000'), '20140203': bits('0000000000000000') }
  t.match(stateOf(torn).outcome, { kind: 'unreadable', error: { code: 'invalid', message: /contradict/ } })
  t.match(stateOf({}).outcome, { kind: 'unreadable', error: { code: 'refused' } })
  t.match(stateOf({ '80000300': nullData, '80000400': nullData, '80000500': nullData, '20140203': nullData }).outcome, {
    kind: 'unreadable',
    error: { code: 'invalid', message: /not available/ },
  })
  t.match(outcomeOf(dlt698.relay.state(address, 0).step(silent)), { kind: 'unreadable', error: { code: 'no-reply' } })
})

await t.test('a clock is read', async (t) => {
  const clock = (data: Data | ReturnType<typeof dar>) =>
    run(dlt698.clock.read(address, 0), { address, objects: { '40000200': data } }).outcome
  t.strictSame(valueOf(clock(moment('07EA080B0D3316'))), expiry)
  t.match(clock({ type: 'date_time', hex: '07EA080B020D33160000' }), { ok: true, value: expiry })
  t.match(clock(moment('FFFFFFFFFFFFFF')), { ok: false, error: { code: 'invalid' } })
  t.match(clock(moment('07EAFF0B0D3316')), { ok: false, error: { code: 'invalid' } })
  t.match(clock({ type: 'uint8', value: 1 }), { ok: false, error: { code: 'invalid' } })
  t.match(clock(dar(2)), { ok: false, error: { code: 'refused' } })
})

await t.test('clocks are set of all by broadcast, which nobody answers', async (t) => {
  const all = dlt698.clock.broadcast(expiry, 'all')
  t.match(exchangeOf(all), { to: 'all', reply: 'none', isWrite: true })
  t.match(sentFrame(all), { server: { kind: 'broadcast', digits: 'AA' } })
  t.match(hexOf(exchangeOf(all).bytes), /^FEFEFEFE681A0043C0AA10/)
  t.match(requestOf(all), { kind: 'act-one', omd: '40007F00', data: moment('07EA080B0D3316') })
  t.equal(outcomeOf(all.step({ kind: 'sent' })), 'sent')
  t.equal(outcomeOf(all.step({ kind: 'bus-down', sent: true })), 'sent', 'it may have left')
  t.equal(outcomeOf(all.step(busDown)), 'not-sent')
  t.equal(outcomeOf(all.step(yielded)), 'not-sent')
})

await t.test('a clock of one meter is set by SET, whose answer is waited for', async (t) => {
  const one = dlt698.clock.broadcast(expiry, address)
  const request = requestOf(one)
  t.match(request, { kind: 'set-one', oad: '40000200', data: moment('07EA080B0D3316') })
  const effect = exchangeOf(one)
  const answer = meterFrame(address, `8601${hexOf(sentFrame(one).body).slice(4, 6)}40000200030000`)
  t.strictSame(effect.reply === 'none' ? null : effect.reply(answer), { kind: 'frame', length: answer.length })
  t.equal(outcomeOf(one.step(reply(answer))), 'sent', 'whether it was taken is read back')
  t.equal(outcomeOf(one.step(silent)), 'sent')
  t.throws(() => dlt698.clock.broadcast(expiry, meterAddress('AAAAAAAAAAAA')), RangeError)
  t.throws(() => dlt698.clock.broadcast({ ...expiry, month: 13 }, 'all'), RangeError)
})

await t.test('the only meter of a line tells its address', async (t) => {
  const start = dlt698.find(1)
  t.match(
    hexOf(exchangeOf(start).bytes),
    /^FEFEFEFE6817004345AAAAAAAAAAAA10/,
    'with the flags of a wildcard, or it would stay silent',
  )
  const number = hexOf(sentFrame(start).body).slice(4, 6)
  const found = (from: string, rest: string) => outcomeOf(start.step(reply(meterFrame(from, `8501${number}40010200${rest}`))))
  t.strictSame(found(address, '0109060000329095910000'), { ok: true, value: address })
  t.match(found(address, '0109060000329095920000'), { ok: false, error: { code: 'invalid', message: /more than one meter/ } })
  t.match(found(address, '010906AAAAAAAAAAAA0000'), { ok: false, error: { code: 'invalid' } })
  t.match(found(address, '0106000000010000'), { ok: false, error: { code: 'invalid' } })
  t.match(found(address, '00060000'), { ok: false, error: { code: 'refused' } })
  t.match(found(address, '0006'), { ok: false, error: { code: 'invalid' } })
  t.match(outcomeOf(start.step(reply(meterFrame(address, '900102ABCD00')))), {
    ok: false,
    error: { code: 'invalid', message: /keys/ },
  })
  t.match(outcomeOf(steps(start, silent, garbled)), { ok: false, error: { code: 'garbled' } })
  t.equal(hexOf(exchangeOf(start.step(yielded)).bytes), hexOf(exchangeOf(start).bytes))
})

await t.test('the protocol offers what the port asks for', async (t) => {
  t.equal(dlt698.name, 'dlt698-45')
  t.equal(valueOf(dlt698.checkRegister('0010020a')), '0010020A')
  t.equal(valueOf(dlt698.checkAddress('32909591')), address)
  const frame = meterFrame(address, '8501')
  t.strictSame(dlt698.scanner()(frame), { kind: 'frame', length: frame.length })
  t.match(decodeFrame(frame), { ok: true })
})
