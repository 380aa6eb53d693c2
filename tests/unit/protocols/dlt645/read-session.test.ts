import fc from 'fast-check'
import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { ReadOutcome, ReadPlan, Session } from '../../../../src/ports/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  answersFor,
  chainPartsMax,
  dlt645,
  encodeLoadRecords,
  encodeRegister,
  encodeReply,
  partBytesMax,
  plainValue,
  type Reply,
} from '../../../../src/protocols/dlt645/index.js'
import {
  answer,
  busDown,
  data,
  exchangeOf,
  garbled,
  moreData,
  outcomeOf,
  requestOf,
  silent,
  steps,
  yielded,
} from '../../../helpers/dlt645.js'

const address = meterAddress('000000000161')
const plan = (registers: readonly string[], repeats = 1): ReadPlan => ({
  address,
  registers: registers.map((register) => ({ register })),
  repeats,
})
const says = (reply: Reply) => answer(address, reply)
const refusal = (word: number, fn: 'read' | 'read-more' = 'read') => says({ kind: 'refusal', fn, word, bytes: 1 })
const first = (outcomes: readonly ReadOutcome[]) => outcomes[0]
const codes = (outcomes: readonly ReadOutcome[]) => outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))

await t.test('registers are asked one after the other and their values come in order', async (t) => {
  let session = dlt645.read(plan(['00010000', '04000503']))
  t.strictSame(requestOf(session), { fn: 'read', di: '00010000', load: null })
  t.match(exchangeOf(session), { to: address, holdsBus: false, isWrite: false })
  session = session.step(says(data('00010000', '26000000')))
  t.strictSame(requestOf(session), { fn: 'read', di: '04000503', load: null })
  session = session.step(says(data('04000503', '5000')))
  t.strictSame(outcomeOf(session), [
    { register: '00010000', ok: true, values: [{ kind: 'number', int: 26, exponent: -2, unit: 'kWh' }], records: [] },
    {
      register: '04000503',
      ok: true,
      values: [{ kind: 'bits', hex: '0050', names: ['relay-open', 'relay-command-trip'], unit: '' }],
      records: [],
    },
  ])
  t.throws(() => session.step(silent), /settled/)
})

await t.test('further reads may travel with one: those that need no dialogue, before any that does', async (t) => {
  const aheadOf = (session: Session<unknown>) =>
    (session.effect.kind === 'exchange' ? (session.effect.ahead?.() ?? null) : null)?.map(({ bytes }) => hexOf(bytes)) ?? null
  const asks = (register: string) => hexOf(exchangeOf(dlt645.read(plan([register]))).bytes)
  const load = { register: '06040001', count: 4, from: { year: 2026, month: 3, day: 1, hour: 0, minute: 0, second: 0 } }
  const registers = [...plan(['00010000', 'ZZ', '02010100', '02020100']).registers, load, { register: '02030000' }]
  const session = dlt645.read({ address, registers, repeats: 0 })
  t.strictSame(aheadOf(session), [asks('02010100'), asks('02020100')])
  const second = session.step(says(data('00010000', '26000000')))
  t.strictSame(requestOf(second), { fn: 'read', di: '02010100', load: null }, 'what cannot be asked is passed over')
  t.strictSame(aheadOf(second), [asks('02020100')])
  const third = second.step(says(data('02010100', '2022')))
  t.strictSame(aheadOf(third), [])
  t.equal(aheadOf(third.step(says(data('02020100', '000000')))), null, 'a chain')
  const two = dlt645.read(plan(['00010000', '00020000'], 1))
  t.strictSame(aheadOf(two), [asks('00020000')])
  t.equal(aheadOf(two.step(silent)), null, 'nor a repeat')
  t.equal(aheadOf(dlt645.read(plan(['ZZ']))), null)
})

await t.test('stepping changes nothing: the same machine stepped twice goes two ways', async (t) => {
  const session = dlt645.read(plan(['00010000'], 0))
  t.strictSame(codes(outcomeOf(session.step(silent))), ['no-reply'])
  t.strictSame(codes(outcomeOf(session.step(says(data('00010000', '26000000'))))), ['ok'])
})

await t.test('silence and garbled bytes are repeated up to the plan’s limit, each kind named', async (t) => {
  const start = dlt645.read(plan(['00010000'], 2))
  t.strictSame(codes(outcomeOf(steps(start, silent, garbled, says(data('00010000', '26000000'))))), ['ok'])
  t.match(first(outcomeOf(steps(start, silent, silent, silent))), { error: { code: 'no-reply', retry: 'later', frame: null } })
  t.match(first(outcomeOf(steps(start, silent, silent, garbled))), { error: { code: 'garbled', frame: '6801' } })
  t.match(first(outcomeOf(start.step(busDown))), { error: { code: 'bus-down', retry: 'later' } })
})

await t.test('a reply that is none of ours is not believed, even when it is handed over', async (t) => {
  const start = dlt645.read(plan(['00010000'], 0))
  for (const frame of [
    encodeReply('000000000162', data('00010000', '26000000')),
    encodeReply(address, data('00010100', '26000000')),
    encodeReply(address, data('00010000', '26000000')).slice(0, -1),
    bytesOf('FEFE'),
    encodeReply(address, { kind: 'refusal', fn: 'read', word: 0, bytes: 3 }),
  ]) {
    t.match(first(outcomeOf(start.step({ kind: 'reply', frame }))), { ok: false, error: { code: 'garbled' } }, hexOf(frame))
  }
  t.match(first(outcomeOf(start.step({ kind: 'sent' }))), { error: { code: 'no-reply' } })
})

await t.test('a refusal is final for unknown data and authority, and is never repeated by itself', async (t) => {
  const start = dlt645.read(plan(['00010000'], 3))
  t.match(first(outcomeOf(start.step(refusal(0x02)))), { error: { code: 'refused', retry: 'never', errors: ['no-such-data'] } })
  t.match(first(outcomeOf(start.step(refusal(0x04)))), { error: { code: 'refused', retry: 'never', errors: ['not-authorised'] } })
  t.match(first(outcomeOf(start.step(refusal(0x01)))), { error: { code: 'refused', retry: 'later', errors: ['other'] } })
  t.match(first(outcomeOf(start.step(refusal(0x00)))), { error: { errors: [], message: /no reason/ } })
})

await t.test('lesson 19: an answer whose digits are none is an error with its frame, never 0', async (t) => {
  const outcome = first(outcomeOf(dlt645.read(plan(['00010000'])).step(says(data('00010000', '2600000A')))))
  t.match(outcome, { ok: false, error: { code: 'invalid', retry: 'later', message: /bad-digit/ } })
  t.equal(outcome?.ok === false && outcome.error.frame, hexOf(encodeReply(address, data('00010000', '2600000A'))))
  t.match(first(outcomeOf(dlt645.read(plan(['00010000'])).step(says(data('00010000', ''))))), { error: { code: 'invalid' } })
})

await t.test('lesson 17: one register that fails does not take the others with it', async (t) => {
  const session = steps(
    dlt645.read(plan(['00010000', '00020000', '02010100'], 0)),
    says(data('00010000', '26000000')),
    refusal(0x02),
    says(data('02010100', '0123')),
  )
  t.strictSame(codes(outcomeOf(session)), ['ok', 'refused', 'ok'])
})

await t.test('lesson 16: a silent meter is not asked the rest of the plan', async (t) => {
  const registers = ['00010000', '00020000', '02010100', '04000503']
  const dead = steps(dlt645.read(plan(registers, 1)), silent, silent)
  t.strictSame(codes(outcomeOf(dead)), ['no-reply', 'no-reply', 'no-reply', 'no-reply'])
  t.match(outcomeOf(dead)[1], { error: { message: /not asked/ } })
  const once = steps(
    dlt645.read(plan(registers, 0)),
    says(data('00010000', '26000000')),
    silent,
    says(data('02010100', '0123')),
    silent,
  )
  t.strictSame(codes(outcomeOf(once)), ['ok', 'no-reply', 'ok', 'no-reply'], 'a meter may be silent for what it does not know')
  const died = steps(dlt645.read(plan(registers, 0)), says(data('00010000', '26000000')), silent, silent)
  t.strictSame(codes(outcomeOf(died)), ['ok', 'no-reply', 'no-reply', 'no-reply'])
  const noisy = steps(dlt645.read(plan(registers, 0)), garbled, garbled, garbled, garbled)
  t.strictSame(codes(outcomeOf(noisy)), ['garbled', 'garbled', 'garbled', 'garbled'], 'garbled bytes are no silence')
  const down = outcomeOf(dlt645.read(plan(registers, 0)).step(busDown))
  t.strictSame(codes(down), ['bus-down', 'bus-down', 'bus-down', 'bus-down'], 'a link that is away is no silence of the meter')
  t.match(down[1], { error: { message: 'not asked: the link was not there before' } })
})

await t.test('what cannot be asked is told without asking', async (t) => {
  const bad = (registers: ReadPlan['registers']) => outcomeOf(dlt645.read({ address, registers, repeats: 1 }))
  const from = { year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
  t.match(bad([{ register: '9010' }]), [{ register: '9010', error: { code: 'unsupported', retry: 'never' } }])
  t.match(bad([{ register: '00010000', from }]), [{ error: { code: 'unsupported' } }])
  t.match(bad([{ register: '06010001', count: 3 }]), [{ error: { code: 'unsupported' } }])
  t.match(bad([{ register: '06010002', from }]), [{ error: { code: 'unsupported' } }])
  for (const count of [0, 100, 1.5]) t.match(bad([{ register: '06010002', count }]), [{ error: { code: 'unsupported' } }])
  t.strictSame(bad([]), [])
})

await t.test('load records are asked by count and time and come as records', async (t) => {
  const at = { year: 2024, month: 1, day: 1, hour: 0, minute: 15, second: 0 }
  const start = dlt645.read({ address, registers: [{ register: '06010001', from: at, count: 2 }], repeats: 0 })
  t.strictSame(requestOf(start), { fn: 'read', di: '06010001', load: { count: 2, from: at } })
  const records = encodeLoadRecords([
    { at, classes: [[2300, 2301, 2302, 1, 2, 3, 5000]] },
    { at: { ...at, minute: 30 }, classes: [] },
  ])
  const [outcome] = outcomeOf(start.step(says(data('06010001', hexOf(records)))))
  if (outcome?.ok !== true) return void t.fail('the records were not read')
  t.strictSame(
    outcome.records.map((record) => [record.at.minute, record.values.map(plainValue)]),
    [
      [15, [2300, 2301, 2302, 1, 2, 3, 5000]],
      [30, []],
    ],
  )
  t.match(outcomeOf(start.step(refusal(0x02))), [{ ok: true, records: [], values: [] }], 'no such record')
  t.match(outcomeOf(start.step(says(data('06010001', '')))), [{ ok: true, records: [] }])
  t.match(outcomeOf(start.step(refusal(0x01))), [{ ok: false, error: { code: 'refused' } }])
  t.match(outcomeOf(start.step(says(data('06010001', 'A0A0')))), [{ ok: false, error: { code: 'invalid' } }])
  t.strictSame(requestOf(dlt645.read({ address, registers: [{ register: '06000002' }], repeats: 0 })), {
    fn: 'read',
    di: '06000002',
    load: { count: 1, from: null },
  })
})

const freeze = encodeRegister('0506FF01', [
  '2023-10-24 00:00',
  ...Array.from({ length: 8 * 5 }, (_, i) => i),
  ...Array.from({ length: 10 }, () => [1, '2023-10-01 08:15'] as const).flat(),
  ...Array.from({ length: 8 }, () => 7),
])

await t.test('a long answer is fetched by follow-up frames that hold the bus, and joined', async (t) => {
  const [one, two] = answersFor('0506FF01', freeze)
  if (one === undefined || two === undefined) return void t.fail('the freeze has two parts')
  let session = dlt645.read(plan(['0506FF01'])).step(says(one))
  t.strictSame(requestOf(session), { fn: 'read-more', di: '0506FF01', seq: 1 })
  t.match(exchangeOf(session), { holdsBus: true, isWrite: false })
  session = session.step(says(two))
  const [outcome] = outcomeOf(session)
  t.equal(outcome?.ok === true && outcome.values.length, 1 + 40 + 20 + 8)
})

await t.test('a chain of any length is joined in order, SEQ 1 … 255, 1 …', async (t) => {
  const bytes = Uint8Array.from({ length: 4 * 64 }, (_, index) => (index % 4 === 0 ? (index / 4) % 10 : 0))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: partBytesMax }), (partBytes) => {
      const [outcome] = runChain(dlt645.read(plan(['0001FF00'], 0)), answersFor('0001FF00', bytes, partBytes))
      return (
        outcome?.ok === true &&
        outcome.values.map(plainValue).join() === Array.from({ length: 64 }, (_, index) => index % 10).join()
      )
    }),
  )
  const one = runChain(dlt645.read(plan(['80000001'], 0)), answersFor('80000001', new Uint8Array(300), 1))
  t.match(one, [{ ok: true, values: [{ text: '00'.repeat(300) }] }], '299 follow-up frames')
})

await t.test('a follow-up frame that stays away is repeated, then the chain begins again, then it is given up', async (t) => {
  const b1 = says(data('0001FF00', '26000000', true))
  const last = says(moreData('0001FF00', '01000000', 1))
  const start = dlt645.read(plan(['0001FF00'], 1))
  t.strictSame(codes(outcomeOf(steps(start, b1, silent, last))), ['ok'])
  const restarted = steps(start, b1, silent, garbled)
  t.strictSame(requestOf(restarted), { fn: 'read', di: '0001FF00', load: null })
  t.match(outcomeOf(steps(restarted, b1, last)), [{ ok: true, values: [{ int: 26 }, { int: 1 }] }], 'the old part is thrown away')
  t.strictSame(codes(outcomeOf(steps(restarted, b1, silent, silent))), ['no-reply'])
  const refused = steps(start, b1, refusal(0x01, 'read-more'))
  t.strictSame(requestOf(refused), { fn: 'read', di: '0001FF00', load: null }, 'D2 begins again')
  t.strictSame(codes(outcomeOf(steps(refused, b1, refusal(0x01, 'read-more')))), ['refused'])
  t.strictSame(codes(outcomeOf(steps(start, b1, busDown))), ['bus-down'])
  t.strictSame(
    codes(outcomeOf(steps(start, b1, says(moreData('0001FF00', '01000000', 2)), last))),
    ['ok'],
    'another number is no answer',
  )
})

await t.test('a chain that had to yield starts again at its first read, as often as it must', async (t) => {
  const b1 = says(data('0001FF00', '26000000', true))
  let session: Session<readonly ReadOutcome[]> = dlt645.read(plan(['0001FF00'], 0))
  for (let round = 0; round < 5; round += 1) {
    session = steps(session, b1, yielded)
    t.strictSame(requestOf(session), { fn: 'read', di: '0001FF00', load: null })
  }
  session = session.step(yielded)
  t.match(outcomeOf(steps(session, b1, says(moreData('0001FF00', '01000000', 1)))), [
    { ok: true, values: [{ int: 26 }, { int: 1 }] },
  ])
})

await t.test('an answer without end is given up', async (t) => {
  let session = dlt645.read(plan(['0001FF00'], 0)).step(says(data('0001FF00', '', true)))
  for (let part = 0; part < chainPartsMax; part += 1)
    session = session.step(says(moreData('0001FF00', '', (part % 255) + 1, true)))
  t.match(outcomeOf(session), [{ ok: false, error: { code: 'invalid', message: /no end/ } }])
})

await t.test('whatever comes back, a session settles within its limits and never counts noise as a value', async (t) => {
  const anyInput = fc.oneof(
    fc.constantFrom(silent, garbled, busDown, yielded, { kind: 'sent' } as const),
    fc.uint8Array({ maxLength: 40 }).map((frame) => ({ kind: 'reply', frame }) as const),
    fc.constantFrom(
      says(data('00010000', '26000000')),
      says(data('00010000', '26', true)),
      says(moreData('00010000', '000000', 1)),
    ),
  )
  fc.assert(
    fc.property(fc.array(anyInput, { minLength: 60, maxLength: 60 }), fc.integer({ min: 0, max: 3 }), (inputs, repeats) => {
      let session = dlt645.read(plan(['00010000'], repeats))
      for (const input of inputs) {
        if (session.effect.kind === 'settled') break
        session = session.step(input)
      }
      if (session.effect.kind !== 'settled') return true
      const [outcome] = session.effect.outcome
      return outcome?.ok === false || plainValue(outcome?.values[0] ?? { kind: 'text', text: '', unit: '' }) === 26
    }),
  )
  t.pass('no value but the meter’s own')
})

/** Answers each request of a chain by the meter's part of the same number. */
function runChain(start: Session<readonly ReadOutcome[]>, answers: readonly Reply[]): readonly ReadOutcome[] {
  return outcomeOf(answers.reduce((session, reply) => session.step(says(reply)), start))
}
