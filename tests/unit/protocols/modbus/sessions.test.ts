import fc from 'fast-check'
import t from 'tap'
import type { ReadOutcome } from '../../../../src/ports/index.js'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  checkAddress,
  encodeReply,
  encodeRequest,
  modbusProtocol,
  planBlocks,
  serveFrame,
  type ModbusMap,
} from '../../../../src/protocols/modbus/index.js'
import {
  busDown,
  device,
  exchangeOf,
  frameOf,
  garbled,
  mapOf,
  outcomeOf,
  plan,
  refuses,
  requestOf,
  says,
  silent,
  steps,
  words,
  yielded,
} from '../../../helpers/modbus.js'
import { valueOf } from '../../../helpers/outcome.js'

const map = mapOf([
  { code: 'a', address: 0 },
  { code: 'b', address: 1, type: 'u32', count: 2 },
  { code: 'c', address: 10 },
  { code: 'flags', function: 2, type: 'bits', address: 8, count: 4 },
])
const protocol = modbusProtocol(map)
const codes = (outcomes: readonly ReadOutcome[]) => outcomes.map((outcome) => (outcome.ok ? 'ok' : outcome.error.code))
const ints = (outcomes: readonly ReadOutcome[]) =>
  outcomes.map((outcome) =>
    outcome.ok ? outcome.values.map((value) => (value.kind === 'number' ? value.int : value.kind)) : null,
  )

await t.test('neighbours are read by one request, and their values come in the plan’s order', async (t) => {
  const start = protocol.read(plan(['b', 'a', 'c']))
  t.strictSame(requestOf(start), { fn: 'read-holding-registers', start: 0, count: 3 })
  t.match(exchangeOf(start), { to: device, holdsBus: false, isWrite: false })
  const second = start.step(words(7, 1, 2))
  t.strictSame(requestOf(second), { fn: 'read-holding-registers', start: 10, count: 1 })
  t.strictSame(outcomeOf(second.step(words(9))), [
    { register: 'b', ok: true, values: [{ kind: 'number', int: 65_538, exponent: 0, unit: '' }], records: [] },
    { register: 'a', ok: true, values: [{ kind: 'number', int: 7, exponent: 0, unit: '' }], records: [] },
    { register: 'c', ok: true, values: [{ kind: 'number', int: 9, exponent: 0, unit: '' }], records: [] },
  ])
  t.strictSame(ints(outcomeOf(protocol.read(plan(['a', 'a'])).step(words(7)))), [[7], [7]])
  t.strictSame(outcomeOf(protocol.read(plan([]))), [])
  t.throws(() => protocol.read(plan([])).step(silent), /settled/)
})

await t.test('bits are asked and read bit by bit', async (t) => {
  const start = protocol.read(plan(['flags']))
  t.strictSame(requestOf(start), { fn: 'read-inputs', start: 8, count: 4 })
  const bits = says({ fn: 'read-inputs', bytes: Uint8Array.of(0xf5) })
  t.match(outcomeOf(start.step(bits)), [{ ok: true, values: [{ kind: 'bits', hex: '5' }] }], 'unused bits are left out')
})

await t.test('requests are joined within their limits only', async (t) => {
  const blocks = (registers: Parameters<typeof mapOf>[0], limits: Partial<ModbusMap> = {}) => {
    const joined = mapOf(registers, limits)
    return planBlocks(joined.registers, joined).map(({ function: code, start, count }) => `${code}:${start}+${count}`)
  }
  const at = (address: number, count = 1) => ({ code: `r${address}-${count}`, address, count })
  t.strictSame(blocks([at(0, 100), at(100, 25)]), ['3:0+125'])
  t.strictSame(blocks([at(0, 100), at(100, 26)]), ['3:0+100', '3:100+26'], 'more than 125 words')
  t.strictSame(blocks([at(0, 4), at(4, 4), at(8, 1)], { wordsMax: 8 }), ['3:0+8', '3:8+1'])
  t.strictSame(blocks([at(0), at(2)]), ['3:0+1', '3:2+1'])
  t.strictSame(blocks([at(0), at(2), at(5)], { gapMax: 1 }), ['3:0+3', '3:5+1'])
  t.strictSame(blocks([at(0, 10), at(2), at(8, 4)]), ['3:0+12'], 'what overlaps is read once')
  t.strictSame(blocks([at(5), { code: 'x', function: 4, address: 6 }, at(4)]), ['3:4+2', '4:6+1'], 'each function by itself')
  t.strictSame(
    blocks([
      { code: 'x', function: 1, type: 'bits', address: 0, count: 1500 },
      { code: 'y', function: 1, type: 'bits', address: 1500, count: 500 },
      { code: 'z', function: 1, type: 'bits', address: 2000, count: 1 },
    ]),
    ['1:0+2000', '1:2000+1'],
  )
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 60 }),
      fc.nat(20),
      (addresses, gapMax) => {
        const sparse = mapOf(
          addresses.map((address) => at(address)),
          { gapMax },
        )
        const planned = planBlocks(sparse.registers, sparse)
        const covered = planned.flatMap(({ registers }) => registers)
        const isInside = planned.every(({ start, count, registers }) =>
          registers.every(({ address }) => address >= start && address < start + count && count <= 125),
        )
        return covered.length === addresses.length && isInside
      },
    ),
  )
})

await t.test('a block that is refused is asked again in halves, down to the one that is not there', async (t) => {
  const many = modbusProtocol(mapOf([0, 1, 2, 3, 4].map((address) => ({ code: `r${address}`, address }))))
  const missing = 3
  let session = many.read(plan(['r0', 'r1', 'r2', 'r3', 'r4']))
  const asked: string[] = []
  while (session.effect.kind === 'exchange') {
    const request = requestOf(session)
    if (!('count' in request)) return void t.fail('only reads are asked')
    const { start, count } = request
    asked.push(`${start}+${count}`)
    const isThere = missing < start || missing >= start + count
    session = session.step(isThere ? words(...Array.from({ length: count }, (_, index) => start + index)) : refuses(2))
  }
  t.strictSame(asked, ['0+5', '0+3', '3+2', '3+1', '4+1'])
  t.match(outcomeOf(session), [
    { ok: true, values: [{ int: 0 }] },
    { ok: true, values: [{ int: 1 }] },
    { ok: true, values: [{ int: 2 }] },
    { ok: false, error: { code: 'refused', retry: 'never', errors: ['illegal-data-address'] } },
    { ok: true, values: [{ int: 4 }] },
  ])
})

await t.test('a device that refuses for reasons of its own is not asked in halves', async (t) => {
  const start = protocol.read(plan(['a', 'b']))
  t.match(outcomeOf(start.step(refuses(6))), [
    { error: { code: 'refused', retry: 'later', errors: ['device-busy'] } },
    { error: { code: 'refused', retry: 'later' } },
  ])
  t.match(outcomeOf(start.step(refuses(1))), [{ error: { retry: 'never', errors: ['illegal-function'] } }, { ok: false }])
  t.match(requestOf(start.step(refuses(4))), { count: 1 })
  t.match(outcomeOf(protocol.read(plan(['c'])).step(refuses(4))), [{ error: { retry: 'later', errors: ['device-failure'] } }])
})

await t.test('silence and garbled bytes are repeated up to the plan’s limit, each kind named', async (t) => {
  const start = protocol.read(plan(['a'], 2))
  t.strictSame(codes(outcomeOf(steps(start, silent, garbled, words(7)))), ['ok'])
  t.strictSame(codes(outcomeOf(steps(start, silent, silent, silent))), ['no-reply'])
  t.match(outcomeOf(steps(start, silent, { kind: 'sent' }, garbled)), [{ error: { code: 'garbled', frame: '1103' } }])
  t.strictSame(codes(outcomeOf(start.step(busDown))), ['bus-down'])
  t.strictSame(requestOf(steps(start, yielded, yielded, yielded)), requestOf(start), 'being yielded is no attempt')
  const two = protocol.read(plan(['a', 'c'], 1))
  t.strictSame(codes(outcomeOf(steps(two, silent, words(7), silent, words(9)))), ['ok', 'ok'], 'each request has its own repeats')
})

await t.test('lesson 16: a silent device is not asked the rest of the plan', async (t) => {
  const many = modbusProtocol(mapOf([0, 10, 20, 30].map((address) => ({ code: `r${address}`, address }))))
  const all = plan(['r0', 'r10', 'r20', 'r30'])
  const dead = outcomeOf(many.read(all).step(silent))
  t.strictSame(codes(dead), ['no-reply', 'no-reply', 'no-reply', 'no-reply'])
  t.match(dead[1], { error: { message: /not asked/ } })
  t.strictSame(codes(outcomeOf(steps(many.read(all), words(1), silent, words(2), silent))), ['ok', 'no-reply', 'ok', 'no-reply'])
  t.strictSame(codes(outcomeOf(steps(many.read(all), words(1), silent, silent))), ['ok', 'no-reply', 'no-reply', 'no-reply'])
  t.strictSame(codes(outcomeOf(steps(many.read(all), garbled, garbled, garbled, garbled))), [
    'garbled',
    'garbled',
    'garbled',
    'garbled',
  ])
  t.match(outcomeOf(many.read(all).step(busDown))[3], { error: { code: 'bus-down', message: /not asked/ } })
})

await t.test('a reply that is none of ours is not believed, even when it is handed over', async (t) => {
  const start = protocol.read(plan(['a', 'b']))
  for (const frame of [
    encodeReply(18, { fn: 'read-holding-registers', words: [1, 2, 3] }),
    encodeReply(17, { fn: 'read-holding-registers', words: [1, 2] }),
    encodeReply(17, { fn: 'read-input-registers', words: [1, 2, 3] }),
    Uint8Array.of(...encodeReply(17, { fn: 'read-holding-registers', words: [1, 2, 3] }), 0),
    frameOf('1103'),
    new Uint8Array(),
  ])
    t.match(
      outcomeOf(start.step({ kind: 'reply', frame })),
      [{ ok: false, error: { code: 'garbled' } }, { ok: false }],
      hexOf(frame),
    )
})

await t.test('lesson 17: one register that is no number does not take the others with it', async (t) => {
  const mixed = modbusProtocol(
    mapOf([
      { code: 'n', address: 0, type: 'bcd' },
      { code: 'm', address: 1 },
    ]),
  )
  const outcomes = outcomeOf(mixed.read(plan(['n', 'm'])).step(words(0x000a, 5)))
  t.match(outcomes, [
    { ok: false, error: { code: 'invalid', message: /bad-digit at word 0/, frame: /^1103/ } },
    { ok: true, values: [{ int: 5 }] },
  ])
})

await t.test('what cannot be asked is told without asking', async (t) => {
  const from = { year: 2024, month: 1, day: 1, hour: 0, minute: 0, second: 0 }
  const bad = (registers: readonly { register: string }[]) => outcomeOf(protocol.read({ address: device, registers, repeats: 1 }))
  t.match(bad([{ register: '40001' }]), [{ register: '40001', error: { code: 'unsupported', retry: 'never' } }])
  for (const more of [{ from }, { count: 2 }]) t.match(bad([{ register: 'a', ...more }]), [{ error: { code: 'unsupported' } }])
})

await t.test('the protocol offers what the port asks for', async (t) => {
  t.equal(protocol.name, 'modbus-rtu:test')
  t.equal(valueOf(protocol.checkRegister('a')), 'a')
  t.match(protocol.checkRegister('A'), { ok: false, error: { code: 'bad-register', message: /test: a, b, c, flags$/ } })
  const long = modbusProtocol(mapOf(Array.from({ length: 9 }, (_, index) => ({ code: `r${index}`, address: index }))))
  t.match(long.checkRegister('x'), { error: { message: /r7, …$/ } })
  t.equal(valueOf(checkAddress('017')), '17')
  for (const wrong of ['0', '248', '', '-1', '1.5', '0x11', 'AA'])
    t.match(checkAddress(wrong), { error: { code: 'bad-address' } }, wrong)
  t.equal(protocol.scanner()(frameOf('1103006B0003')).kind, 'frame')
  t.notOk('relay' in protocol || 'clock' in protocol || 'find' in protocol)
})

await t.test('whatever a device holds, a master of the same map reads it', async (t) => {
  const cells = fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 11, maxLength: 11 })
  fc.assert(
    fc.property(cells, (held) => {
      const memory = {
        coil: () => null,
        input: (address: number) => (address < 16 ? (held[0] ?? 0) >> address === 1 : null),
        holding: (address: number) => held[address] ?? null,
        inputRegister: () => null,
      }
      let session = protocol.read(plan(['a', 'b', 'c', 'flags']))
      while (session.effect.kind === 'exchange') {
        const { reply } = serveFrame(17, session.effect.bytes, memory)
        session = session.step(reply === null ? silent : { kind: 'reply', frame: reply })
      }
      const [a, b, c] = ints(session.effect.outcome)
      return a?.[0] === held[0] && b?.[0] === (held[1] ?? 0) * 65_536 + (held[2] ?? 0) && c?.[0] === held[10]
    }),
  )
  t.equal(hexOf(encodeRequest(17, { fn: 'read-holding-registers', start: 107, count: 3 })), '1103006B00037687')
})
