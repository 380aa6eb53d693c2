import fc from 'fast-check'
import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { ReadOutcome, ReadPlan, Session } from '../../../../src/ports/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { chainPartsMax } from '../../../../src/protocols/dlt645/index.js'
import { plainValue } from '../../../../src/protocols/dlt645/values.js'
import {
  answerFrame,
  answersFor,
  dlt645Of1997,
  encodeReply,
  partBytesMax,
  type ReadReply,
  type Reply,
} from '../../../../src/protocols/dlt645-1997/index.js'
import { answer, askedOf, data, moreData, refusal, requestOf } from '../../../helpers/dlt645-1997.js'
import { busDown, exchangeOf, frameOf, garbled, outcomeOf, silent, steps, yielded } from '../../../helpers/dlt645.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = meterAddress('138000130754')
const plan = (registers: readonly string[], repeats = 1): ReadPlan => ({
  address,
  registers: registers.map((register) => ({ register })),
  repeats,
})
const says = (reply: Reply) => answer(address, reply)
const codes = (outcomes: readonly ReadOutcome[]) => outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))

await t.test('registers are asked one after the other and their values come in order', async (t) => {
  let session = dlt645Of1997.read(plan(['9010', 'b611']))
  t.strictSame(requestOf(session), { fn: 'read', di: '9010' })
  t.match(exchangeOf(session), { to: address, holdsBus: false, isWrite: false })
  session = session.step(says(data('9010', '61720200')))
  t.strictSame(requestOf(session), { fn: 'read', di: 'B611' })
  session = session.step(says(data('B611', '2002')))
  t.strictSame(outcomeOf(session), [
    { register: '9010', ok: true, values: [{ kind: 'number', int: 27261, exponent: -2, unit: 'kWh' }], records: [] },
    { register: 'B611', ok: true, values: [{ kind: 'number', int: 220, exponent: 0, unit: 'V' }], records: [] },
  ])
})

await t.test('silence and garbled bytes are repeated up to the plan’s limit, each kind named', async (t) => {
  const start = dlt645Of1997.read(plan(['9010'], 2))
  t.strictSame(codes(outcomeOf(steps(start, silent, garbled, says(data('9010', '61720200'))))), ['ok'])
  t.strictSame(codes(outcomeOf(steps(start, silent, silent, silent))), ['no-reply'])
  t.strictSame(codes(outcomeOf(steps(start, silent, silent, garbled))), ['garbled'])
  t.strictSame(codes(outcomeOf(start.step(busDown))), ['bus-down'])
  t.strictSame(requestOf(start.step(yielded)), { fn: 'read', di: '9010' }, 'being yielded is no attempt')
})

await t.test('a reply that is none of ours is not believed, even when it is handed over', async (t) => {
  const start = dlt645Of1997.read(plan(['9010'], 0))
  const good = encodeReply(address, data('9010', '61720200'))
  for (const frame of [
    encodeReply('138000130755', data('9010', '61720200')),
    encodeReply('AAAAAAAAAAAA', data('9010', '61720200')),
    encodeReply(address, data('9020', '61720200')),
    encodeReply(address, moreData('9010', '61720200')),
    good.slice(0, -1),
    Uint8Array.of(...good, 0x00),
    frameOf(address, 0xc1, '0200'),
    frameOf(address, 0x91, '0000010026000000'),
    frameOf(address, 0x01, '1090'),
    bytesOf(''),
  ]) {
    t.match(outcomeOf(start.step({ kind: 'reply', frame })), [{ ok: false, error: { code: 'garbled' } }], hexOf(frame))
  }
})

await t.test('noise, echoes and false starts in front of the answer are given up byte by byte', async (t) => {
  const { reply } = exchangeOf(dlt645Of1997.read(plan(['9010'])))
  if (reply === 'none') return void t.fail('a read is answered')
  const good = encodeReply(address, data('9010', '61720200'), 2)
  const echo = exchangeOf(dlt645Of1997.read(plan(['9010']))).bytes
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 30 }), fc.boolean(), (noise, hasEcho) => {
      const bytes = Uint8Array.of(...(hasEcho ? echo : []), ...noise, ...good)
      for (let at = 0; at < bytes.length;) {
        const found = reply(bytes.subarray(at))
        // What noise claims to be may still be unfinished when the line goes quiet: the bus then gives up one byte.
        if (found.kind === 'frame') return hexOf(bytes.slice(at, at + found.length)).endsWith(hexOf(good.slice(2)))
        at += found.kind === 'noise' ? found.skip : 1
      }
      return false
    }),
  )
  for (let length = 0; length < good.length; length += 1) t.equal(reply(good.subarray(0, length)).kind, 'incomplete')
})

await t.test('a refusal is final for unknown data and authority', async (t) => {
  const start = dlt645Of1997.read(plan(['9010'], 3))
  t.match(outcomeOf(start.step(says(refusal(2)))), [{ error: { code: 'refused', retry: 'never', errors: ['no-such-data'] } }])
  t.match(outcomeOf(start.step(says(refusal(4)))), [{ error: { retry: 'never', errors: ['not-authorised'] } }])
  t.match(outcomeOf(start.step(says(refusal(1)))), [{ error: { retry: 'later', errors: ['illegal-data'] } }])
  t.match(outcomeOf(start.step(says(refusal(null)))), [{ error: { retry: 'later', errors: [], message: /no reason/ } }])
})

await t.test('lesson 19: an answer whose digits are none is an error with its frame, never 0', async (t) => {
  const start = dlt645Of1997.read(plan(['9010']))
  t.match(outcomeOf(start.step(says(data('9010', '6172020A')))), [
    { ok: false, error: { code: 'invalid', message: /bad-digit/, frame: hexOf(encodeReply(address, data('9010', '6172020A'))) } },
  ])
})

await t.test('lesson 16: a silent meter is not asked the rest of the plan', async (t) => {
  const dead = steps(dlt645Of1997.read(plan(['9010', '9020', 'B611'], 0)), silent)
  t.strictSame(codes(outcomeOf(dead)), ['no-reply', 'no-reply', 'no-reply'])
})

await t.test('what cannot be asked is told without asking', async (t) => {
  const from = { year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
  const bad = (registers: ReadPlan['registers']) => outcomeOf(dlt645Of1997.read({ address, registers, repeats: 1 }))
  for (const request of [{ register: '00010000' }, { register: '9010', from }, { register: '9010', count: 2 }])
    t.match(bad([request]), [{ error: { code: 'unsupported', retry: 'never' } }])
})

const block = bytesOf('01000000'.repeat(15) + 'AA')

await t.test('a long answer is fetched by follow-up frames without a number, in any cut, and joined', async (t) => {
  let session = dlt645Of1997.read(plan(['901F']))
  const [first, second] = answersFor('901F', block, 40)
  if (first === undefined || second === undefined) return void t.fail('there are two parts')
  session = session.step(says(first))
  t.strictSame(requestOf(session), { fn: 'read-more', di: '901F' })
  t.match(exchangeOf(session), { holdsBus: true, isWrite: false })
  t.match(outcomeOf(session.step(says(second))), [{ ok: true }])
  fc.assert(
    fc.property(fc.integer({ min: 1, max: partBytesMax }), (partBytes) => {
      const parts = answersFor('901F', block, partBytes)
      const [outcome] = outcomeOf(
        parts.reduce(
          (present: Session<readonly ReadOutcome[]>, part) => present.step(says(part)),
          dlt645Of1997.read(plan(['901F'])),
        ),
      )
      return outcome?.ok === true && outcome.values.map(plainValue).join() === Array.from({ length: 15 }, () => 1).join()
    }),
  )
  t.equal(answersFor('E123', new Uint8Array()).length, 1, 'nothing is an answer as well')
})

await t.test('a part that stays away is never asked for twice: the chain starts again', async (t) => {
  const a1 = says(data('901F', '01000000', true))
  const last = says(moreData('901F', '02000000AA'))
  const start = dlt645Of1997.read(plan(['901F'], 1))
  for (const input of [silent, garbled, says(refusal(1, 'read-more'))]) {
    const again = steps(start, a1, input)
    t.strictSame(requestOf(again), { fn: 'read', di: '901F' })
    t.match(outcomeOf(steps(again, a1, last)), [{ ok: true, values: [{ int: 1 }, { int: 2 }] }])
  }
  t.strictSame(codes(outcomeOf(steps(start, a1, silent, a1, silent))), ['no-reply'])
  t.strictSame(codes(outcomeOf(steps(start, a1, silent, a1, says(refusal(1, 'read-more'))))), ['refused'])
  t.strictSame(codes(outcomeOf(steps(start, a1, busDown))), ['bus-down'])
  t.strictSame(requestOf(steps(start, a1, yielded, a1, yielded, a1, yielded)), { fn: 'read', di: '901F' })
})

await t.test('an answer without end is given up', async (t) => {
  let session = dlt645Of1997.read(plan(['901F'], 0)).step(says(data('901F', '', true)))
  for (let part = 0; part < chainPartsMax; part += 1) session = session.step(says(moreData('901F', '', true)))
  t.match(outcomeOf(session), [{ ok: false, error: { code: 'invalid', message: /no end/ } }])
})

await t.test('the clock is read as date and time, and set by broadcast or of one meter', async (t) => {
  const read = dlt645Of1997.clock.read(address, 0)
  t.strictSame(requestOf(read), { fn: 'read', di: 'C010' })
  const date = says(data('C010', '04170322'))
  t.strictSame(requestOf(read.step(date)), { fn: 'read', di: 'C011' })
  const time = { year: 2022, month: 3, day: 17, hour: 14, minute: 7, second: 47 }
  t.strictSame(valueOf(outcomeOf(steps(read, date, says(data('C011', '470714'))))), time)
  t.strictSame(requestOf(steps(read, date, says(data('C011', '010000')))), { fn: 'read', di: 'C010' }, 'around midnight')
  const all = dlt645Of1997.clock.broadcast(time, 'all')
  t.strictSame(requestOf(all), { fn: 'time-sync', time })
  t.equal(askedOf(all), '999999999999')
  t.match(exchangeOf(all), { reply: 'none', isWrite: true })
  t.equal(
    askedOf(dlt645Of1997.clock.broadcast(time, meterAddress('AAAAAA130754'))),
    'AAAAAA130754',
    'filled with AA by its maker',
  )
})

await t.test('the only meter of a line is found by a wildcard read', async (t) => {
  const start = dlt645Of1997.find(1)
  t.equal(hexOf(exchangeOf(start).bytes), 'FEFEFEFE68AAAAAAAAAAAA68010243C3D516')
  t.strictSame(outcomeOf(start.step(says(data('9010', '61720200')))), { ok: true, value: address })
  t.strictSame(outcomeOf(start.step(says(refusal(2)))), { ok: true, value: address }, 'a refusal bears the address as well')
  const filled = answer('AAAAAA130754', data('9010', '61720200'))
  t.strictSame(outcomeOf(start.step(filled)), { ok: true, value: 'AAAAAA130754' })
  t.match(outcomeOf(start.step(answer('999999999999', data('9010', '61720200')))), {
    ok: false,
    error: { code: 'invalid', message: /broadcast-address/ },
  })
  t.match(outcomeOf(steps(start, silent, silent)), { ok: false, error: { code: 'no-reply' } })
  t.match(outcomeOf(steps(start, garbled, garbled)), { ok: false, error: { code: 'garbled' } })
  t.strictSame(requestOf(start.step(yielded)), { fn: 'read', di: '9010' })
})

await t.test('a meter that echoes the wildcard is found by its number, if that is its address', async (t) => {
  const echo = (reply: ReadReply | Reply) => answer('AAAAAAAAAAAA', reply)
  const vector = { kind: 'reply', frame: bytesOf('68AAAAAAAAAAAA68810643C394A53533FA16') } as const
  const start = dlt645Of1997.find(0).step(vector)
  t.strictSame(requestOf(start), { fn: 'read', di: 'C032' })
  t.equal(askedOf(start), 'AAAAAAAAAAAA')
  const numbered = start.step(echo(data('C032', '540713008013')))
  t.equal(askedOf(numbered), address)
  t.strictSame(outcomeOf(numbered.step(says(data('9010', '61720200')))), { ok: true, value: address })
  const isHidden = { ok: false, error: { code: 'invalid', message: /hidden-address/ } }
  t.match(outcomeOf(numbered.step(silent)), isHidden)
  t.match(outcomeOf(start.step(silent)), isHidden)
  t.match(outcomeOf(start.step(echo(refusal(2)))), isHidden)
  t.match(outcomeOf(start.step(echo(data('C032', 'FFFFFFFFFFFF')))), isHidden)
  t.match(outcomeOf(start.step(echo(data('C032', '1234')))), isHidden)
  t.match(outcomeOf(start.step(echo(data('C032', 'AAAAAAAAAAAA')))), isHidden)
})

await t.test('an address is for one meter', async (t) => {
  t.equal(valueOf(dlt645Of1997.checkAddress('130754')), '000000130754')
  t.equal(valueOf(dlt645Of1997.checkAddress('AAAAAA130754')), 'AAAAAA130754')
  for (const wrong of ['AAAAAAAAAAAA', '13AA00130754', '999999999999', '1300AA', 'xyz'])
    t.match(dlt645Of1997.checkAddress(wrong), { ok: false }, wrong)
  t.equal(dlt645Of1997.name, 'dlt645-1997')
  t.equal(dlt645Of1997.scanner()(encodeReply(address, data('9010', '61720200'))).kind, 'frame')
})

await t.test('a meter answers who asks it, never a broadcast, and wildcards only to reads', async (t) => {
  const reply = data('9010', '61720200')
  const read = { fn: 'read', di: '9010' } as const
  const sent = (to: string, request: Parameters<typeof answerFrame>[1]['request'], own: string = address) =>
    hexOf(answerFrame(own, { address: to, request }, reply) ?? new Uint8Array())
  const frame = hexOf(encodeReply(address, reply))
  t.equal(sent(address, read), frame)
  t.equal(sent('AAAAAAAAAAAA', read), frame)
  t.equal(sent('138000130755', read), '')
  t.equal(sent('999999999999', read), '')
  t.equal(sent('AAAAAAAAAAAA', { fn: 'clear-demand', password: null }), '')
  t.equal(sent('AAAAAAAAAAAA', { fn: 'write-address', address }), frame)
  t.equal(sent('AAAAAA130754', { fn: 'clear-demand', password: null }, 'AAAAAA130754').slice(0, 16), '68540713AAAAAA68')
  const echoed = answerFrame(address, { address: 'AAAAAAAAAAAA', request: read }, reply, 'echo')
  t.equal(hexOf(echoed ?? new Uint8Array()), '68AAAAAAAAAAAA68810643C394A53533FA16', 'vector dlt645-059')
})
