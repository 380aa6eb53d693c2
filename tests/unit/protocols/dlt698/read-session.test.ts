import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { ReadPlan, RegisterRequest } from '../../../../src/ports/index.js'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { answerBlocks, blocksMax, dlt698, type Apdu, type Data } from '../../../../src/protocols/dlt698/index.js'
import { readRegister } from '../../../../src/protocols/dlt698/read-session.js'
import {
  array,
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
  silent,
  steps,
  uint32,
  yielded,
  type TestMeter,
} from '../../../helpers/dlt698.js'

const address = meterAddress('000032909591')
const energies = array(uint32(3404138), uint32(9468), uint32(45240))
const voltage = array({ type: 'uint16', value: 2198 })
const objects = { '00100200': energies, '20000200': voltage, '00200201': uint32(7), '40000200': moment('07EA080B0D3316') }
const meter: TestMeter = { address, objects }

const plan = (...registers: readonly (string | RegisterRequest)[]): ReadPlan => ({
  address,
  repeats: 1,
  registers: registers.map((register) => (typeof register === 'string' ? { register } : register)),
})
const read = (wanted: TestMeter, ...registers: readonly (string | RegisterRequest)[]) =>
  run(dlt698.read(plan(...registers)), wanted)
const kindsOf = (requests: readonly Apdu[]) => requests.map(({ kind }) => kind)
const number = (int: number | null, exponent: number, unit: string) => ({ kind: 'number', int, exponent, unit })

await t.test('one attribute is read by GET, several by one list', async (t) => {
  const one = read(meter, '00100200')
  t.strictSame(kindsOf(one.requests), ['get-one'])
  t.strictSame(one.outcome, [
    {
      register: '00100200',
      ok: true,
      values: [number(3404138, -2, 'kWh'), number(9468, -2, 'kWh'), number(45240, -2, 'kWh')],
      records: [],
    },
  ])
  const several = read(meter, '00100200', '20000200', '00200201', '40000200')
  t.strictSame(
    several.requests.map((request) => ('list' in request ? request.list : [])),
    [['00100200', '20000200', '00200201', '40000200']],
  )
  t.strictSame(
    several.outcome.map((outcome) => (outcome.ok ? outcome.values.at(-1) : outcome.error)),
    [
      number(45240, -2, 'kWh'),
      number(2198, -1, 'V'),
      number(7, -2, 'kWh'),
      { kind: 'text', text: '2026-08-11 13:51:22', unit: '' },
    ],
  )
  t.strictSame(read(meter).outcome, [], 'and nothing by nothing')
})

await t.test('many attributes go in lists of ten', async (t) => {
  const { requests, outcome } = read(meter, ...Array.from({ length: 23 }, () => '00200201'))
  t.strictSame(
    requests.map((request) => ('list' in request ? request.list.length : 1)),
    [10, 10, 3],
  )
  t.ok(outcome.every(({ ok }) => ok))
})

await t.test('a missing object is refused by name and takes nothing else with it', async (t) => {
  const { requests, outcome } = read({ address, objects: { ...objects, '20040200': dar(2) } }, '00100200', '20010200', '20040200')
  t.equal(requests.length, 1)
  t.match(outcome, [
    { ok: true },
    { ok: false, error: { code: 'refused', retry: 'never', errors: ['object-does-not-exist'] } },
    { ok: false, error: { code: 'refused', retry: 'later', errors: ['temporarily-unavailable'] } },
  ])
})

await t.test('lesson 19: a failed read never becomes 0', async (t) => {
  const objectsOf = (data: Data) => read({ address, objects: { '00100201': data } }, '00100201').outcome
  t.match(objectsOf({ type: 'octet-string', hex: '00000000' }), [
    { ok: false, error: { code: 'invalid', message: /type-mismatch at 00100201/ } },
  ])
  t.match(objectsOf(nullData), [{ ok: true, values: [number(null, -2, 'kWh')] }], 'null is not available')
  t.match(objectsOf(moment('07EA0D01000000')), [{ ok: false }])
  t.match(objectsOf({ type: 'uint64', value: 2n ** 60n }), [
    { ok: true, values: [{ kind: 'text', text: '11529215046068469.76', unit: 'kWh' }] },
  ])
  const clock = read({ address, objects: { '40000200': moment('07EA0D01000000') } }, '40000200')
  t.match(clock.outcome, [{ ok: false, error: { code: 'invalid', message: /bad-time/ } }])
})

await t.test('a list that is refused as a whole is asked in halves, down to single objects', async (t) => {
  const noLists = (request: Apdu): Apdu | null =>
    request.kind === 'get-list'
      ? { kind: 'error-response', piid: request.piid, error: 2, follow: { kind: 'none' }, timeTag: null }
      : null
  const { requests, outcome } = read({ ...meter, intercept: noLists }, '00100200', '20000200', '00200201')
  t.strictSame(kindsOf(requests), ['get-list', 'get-one', 'get-list', 'get-one', 'get-one'])
  t.ok(outcome.every(({ ok }) => ok))
  const single = read({ ...meter, intercept: (request) => noLists({ ...request, kind: 'get-list' } as Apdu) }, '00100200')
  t.match(single.outcome, [{ ok: false, error: { code: 'refused', errors: ['service-not-supported'] } }])
})

await t.test('a list whose objects are all refused alike is asked one by one, unless they are not there', async (t) => {
  const small = (request: Apdu): Apdu | null =>
    request.kind === 'get-list' && request.list.length > 1
      ? {
          kind: 'got-list',
          piid: request.piid,
          list: request.list.map((oad) => ({ oad, result: { kind: 'dar', dar: 255 } })),
          follow: { kind: 'none' },
          timeTag: null,
        }
      : null
  const { outcome, requests } = read({ ...meter, intercept: small }, '00100200', '20000200')
  t.ok(outcome.every(({ ok }) => ok))
  t.equal(requests.length, 3)
  t.equal(read({ address, objects: {} }, '00100200', '20000200').requests.length, 1)
})

await t.test('a list that does not come through is asked in halves', async (t) => {
  const long = (request: Apdu) => (request.kind === 'get-list' && request.list.length > 2 ? garbled : null)
  const { outcome, requests } = read({ ...meter, intercept: long }, '00100200', '20000200', '00200201', '40000200')
  t.ok(outcome.every(({ ok }) => ok))
  t.equal(requests.length, 4, 'twice as a whole, then twice two')
})

await t.test('an answer that does not fit its list is not believed', async (t) => {
  const wrong =
    (list: (oads: readonly string[]) => readonly string[]) =>
    (request: Apdu): Apdu | null =>
      request.kind === 'get-list'
        ? {
            kind: 'got-list',
            piid: request.piid,
            list: list(request.list).map((oad) => ({ oad, result: { kind: 'data', data: uint32(1) } })),
            follow: { kind: 'none' },
            timeTag: null,
          }
        : null
  for (const list of [(oads: readonly string[]) => oads.slice(1), (oads: readonly string[]) => [...oads].reverse()]) {
    const { outcome, requests } = read({ ...meter, intercept: wrong(list) }, '00100200', '20000200')
    t.equal(requests.length, 3)
    t.match(outcome, [
      { ok: true, values: [{ int: 3404138 }, {}, {}] },
      { ok: true, values: [{ int: 2198 }] },
    ])
  }
})

await t.test('a meter that says nothing is not asked the rest', async (t) => {
  const registers = Array.from({ length: 25 }, () => '00100200')
  const dead = read({ address, intercept: () => silent }, ...registers)
  t.equal(dead.requests.length, 2, 'one list, repeated once')
  t.ok(dead.outcome.every((outcome) => !outcome.ok && outcome.error.code === 'no-reply'))
  t.match(dead.outcome[24], { error: { message: /not asked/ } })
  let count = 0
  const falling = read({ ...meter, intercept: () => (++count > 1 ? silent : null) }, ...registers)
  t.equal(falling.requests.length, 5, 'one answered, then a list and its half in vain, each repeated once')
  t.strictSame(
    falling.outcome.map(({ ok }) => ok),
    [...Array<boolean>(10).fill(true), ...Array<boolean>(15).fill(false)],
  )
})

await t.test('a meter that chokes on its second list is asked for less', async (t) => {
  const registers = Array.from({ length: 20 }, () => '00200201')
  let lists = 0
  const choking = (request: Apdu) => {
    if (request.kind === 'get-list' && request.list.length === 10) lists += 1
    return lists > 1 && request.kind === 'get-list' && request.list.length === 10 ? silent : null
  }
  t.ok(read({ ...meter, intercept: choking }, ...registers).outcome.every(({ ok }) => ok))
})

await t.test('a link that is away ends the plan with that reason', async (t) => {
  const down = outcomeOf(dlt698.read(plan(...Array.from({ length: 12 }, () => '00100200'))).step(busDown))
  t.ok(down.every((outcome) => !outcome.ok && outcome.error.code === 'bus-down'))
})

await t.test('being yielded is no attempt', async (t) => {
  const session = dlt698.read(plan('00100200'))
  const again = steps(session, yielded, yielded, yielded)
  t.equal(hexOf(exchangeOf(again).bytes), hexOf(exchangeOf(session).bytes))
  t.match(outcomeOf(steps(again, silent, { kind: 'sent' })), [{ error: { code: 'no-reply' } }])
})

await t.test('a register that cannot be asked is unsupported, in its place', async (t) => {
  const from = { year: 2026, month: 8, day: 11, hour: 0, minute: 0, second: 0 }
  const { outcome, requests } = read(
    meter,
    'nonsense',
    '00100200',
    { register: '00100200', from },
    { register: '50040200:00100200#01', from },
    { register: '50050200:00100200', from, count: 2 },
    { register: '50040200:00100200', count: 0 },
    { register: '50040200:00100200', count: 256 },
    { register: '50040200:00100200', count: 1.5 },
  )
  t.equal(requests.length, 1)
  t.strictSame(
    outcome.map((each) => (each.ok ? 'ok' : `${each.error.code} ${each.error.retry}`)),
    ['unsupported never', 'ok', ...Array<string>(6).fill('unsupported never')],
  )
  t.strictSame(outcome.map(({ register }) => register).slice(0, 2), ['nonsense', '00100200'])
  t.match(outcome[4], { error: { message: /how far its rows stand apart/ } })
  const none = outcomeOf(readRegister(address, 'x', 0))
  t.match(none, { ok: false, error: { code: 'unsupported' } })
})

await t.test('an answer in blocks is put together by GET next', async (t) => {
  const list = ['00100200', '20000200', '00200201']
  const results = [energies, voltage, uint32(7)].map((data, index) => [
    { oad: list[index] ?? '', result: { kind: 'data' as const, data } },
  ])
  const blocks = answerBlocks(
    0,
    results.map((part) => ({ kind: 'objects', results: part })),
  )
  const cut = (request: Apdu) => {
    if (!('piid' in request)) return null
    const index = request.kind === 'get-next' ? request.block : 0
    return blocks[index] === undefined ? null : { ...blocks[index], piid: request.piid }
  }
  const { outcome, requests } = read({ ...meter, intercept: cut }, ...list)
  t.strictSame(kindsOf(requests), ['get-list', 'get-next', 'get-next'])
  t.strictSame(
    requests.map((request) => ('block' in request ? request.block : null)),
    [null, 1, 2],
  )
  t.ok(outcome.every(({ ok }) => ok))
  const session = dlt698.read(plan(...list)).step(reply(meterFrame(address, blockHex(requests[0], '850500000001' + '0100'))))
  t.equal(exchangeOf(session).holdsBus, true, 'the meter forgets the rest when somebody else is asked')
  t.match(requestOf(session.step(yielded)), { kind: 'get-list' }, 'interrupted, it is begun anew')
  t.match(requestOf(steps(session, silent, silent)), { kind: 'get-list' }, 'lost, it is begun anew, once')
  t.match(outcomeOf(session.step({ kind: 'bus-down', sent: true })), [{ error: { code: 'bus-down' } }, {}, {}])
})

/** A block with the number of a request's PIID in it. */
function blockHex(request: Apdu | undefined, hex: string): string {
  const piid = request !== undefined && 'piid' in request ? request.piid : 0
  const bytes = bytesOf(`${hex}0000`)
  bytes[2] = piid
  return hexOf(bytes)
}

await t.test('blocks that do not follow one another, mix or never end are invalid', async (t) => {
  const answers =
    (block: (index: number) => { readonly block: number; readonly content: Extract<Apdu, { kind: 'got-next' }>['content'] }) =>
    (request: Apdu) => {
      if (!('piid' in request)) return null
      const index = request.kind === 'get-next' ? request.block : 0
      return {
        kind: 'got-next',
        piid: request.piid,
        isLast: false,
        ...block(index),
        follow: { kind: 'none' },
        timeTag: null,
      } as const
    }
  const none = { kind: 'objects', results: [] } as const
  const records = { kind: 'records', records: [] } as const
  const messageOf = (intercept: TestMeter['intercept']) => {
    const [outcome] = run(
      dlt698.read(plan('00100200')),
      { address, ...(intercept === undefined ? {} : { intercept }) },
      400,
    ).outcome
    return outcome?.ok === false ? `${outcome.error.code}: ${outcome.error.message}` : 'ok'
  }
  t.match(messageOf(answers((index) => ({ block: index + 2, content: none }))), /invalid: bad-block at block 4: expected block 3/)
  t.match(messageOf(answers((index) => ({ block: index + 1, content: index === 0 ? none : records }))), /objects and records/)
  t.match(messageOf(answers((index) => ({ block: index + 1, content: index === 0 ? records : none }))), /objects and records/)
  t.match(messageOf(answers((index) => ({ block: index + 1, content: none }))), /no end/)
  t.match(
    messageOf(answers((index) => ({ block: index + 1, content: { kind: 'dar', dar: 9 } }))),
    /refused: block-unavailable|block-unavailable/,
  )
  t.equal(blocksMax, 64)
})

await t.test('a meter that wants a random number gets one, and keeps getting it', async (t) => {
  const { outcome, requests } = read({ ...meter, plainDar: 20 }, '00100200', ...Array.from({ length: 10 }, () => '00200201'))
  t.strictSame(kindsOf(requests), ['get-list', 'secured-request', 'secured-request'])
  t.ok(outcome.every(({ ok }) => ok))
  const layer = (request: Apdu): Apdu | null =>
    request.kind === 'secured-request' ? null : { kind: 'secured-response', content: { kind: 'refused', dar: 15, check: null } }
  t.match(read({ ...meter, intercept: layer }, '00100200').outcome, [{ ok: true }])
})

await t.test('a refusal that a random number does not change stands as it was', async (t) => {
  const { outcome, requests } = read({ ...meter, plainDar: 3, objects: { '40010200': dar(22) } }, '40010200')
  t.equal(requests.length, 2)
  t.match(outcome, [{ ok: false, error: { code: 'refused', retry: 'never', errors: ['read-write-denied'] } }])
  const mute = read(
    { ...meter, plainDar: 3, intercept: (request) => (request.kind === 'secured-request' ? silent : null) },
    '00100200',
  )
  t.match(mute.outcome, [{ ok: false, error: { errors: ['read-write-denied'] } }])
})

await t.test('an answer that cannot be read is invalid, an enciphered one too', async (t) => {
  const session = dlt698.read(plan('00100200'))
  const [first] = run(session, meter).requests
  const piid = first !== undefined && 'piid' in first ? hexOf(Uint8Array.of(first.piid)) : ''
  const ended = (apdu: string) => outcomeOf(session.step(reply(meterFrame(address, apdu))))
  t.match(ended('900102ABCD00'), [{ ok: false, error: { code: 'invalid', message: /enciphered/, frame: /^68/ } }])
  t.match(ended('8501'), [{ ok: false, error: { code: 'invalid', message: /truncated/ } }])
  t.match(ended('900003850100' + '00'), [{ ok: false, error: { code: 'invalid', message: /inner apdu/ } }])
  t.match(ended(`8501${piid}00100200010600000001000055`), [{ ok: false, error: { code: 'invalid', message: /trailing-bytes/ } }])
  t.match(outcomeOf(steps(session, garbled, reply(meterFrame('000000000001', '8501')))), [
    { ok: false, error: { code: 'garbled' } },
  ])
  t.match(outcomeOf(steps(session, garbled, reply(Uint8Array.of(1)))), [{ ok: false, error: { code: 'garbled' } }])
})
