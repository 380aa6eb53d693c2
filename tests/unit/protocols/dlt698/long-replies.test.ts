import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { ReadOutcome, RegisterRequest } from '../../../../src/ports/index.js'
import { dlt698, type Apdu, type Data, type RecordResult, type Selector } from '../../../../src/protocols/dlt698/index.js'
import { array, moment, nullData, run, uint32, type TestMeter } from '../../../helpers/dlt698.js'

const address = meterAddress('000032909591')
const day = (number: number) => ({ year: 2026, month: 8, day: number, hour: 0, minute: 0, second: 0 })
const hexOf = (number: number): string => `07EA08${number.toString(16).padStart(2, '0')}000000`.toUpperCase()
const momentOf = (data: Data): string => ('hex' in data ? String(data.hex) : '')

/** Freezes the days 1 to 28 of August 2026; five energies each, as meters with tariffs do. */
function freezing(more: Partial<TestMeter> = {}): { readonly meter: TestMeter; readonly asked: Selector[] } {
  const asked: Selector[] = []
  const days = Array.from({ length: 28 }, (_, index) => index + 1)
  const isWanted = (selector: Selector, number: number): boolean => {
    if (selector.kind === 'equal') return hexOf(number) === momentOf(selector.value)
    return selector.kind === 'range' && hexOf(number) >= momentOf(selector.from) && hexOf(number) < momentOf(selector.to)
  }
  const record: TestMeter['record'] = (_oad, selector, columns): RecordResult['result'] => {
    asked.push(selector)
    const rows = days.filter((number) => isWanted(selector, number))
    const energies = (number: number): Data => array(...[5, 1, 2, 1, 1].map((share) => uint32(number * 100 * share)))
    const cell = (oad: string, number: number): Data =>
      oad === '20210200' ? moment(hexOf(number)) : oad.startsWith('00') ? energies(number) : nullData
    return { kind: 'rows', rows: rows.map((number) => columns.map((each) => cell(each.kind === 'OAD' ? each.oad : '', number))) }
  }
  return { meter: { address, record, ...more }, asked }
}

const read = (meter: TestMeter, registers: readonly RegisterRequest[], replyBytesMax?: number) =>
  run(dlt698.read({ address, repeats: 0, registers, replyBytesMax }), meter)
const daysIn = (outcome: ReadOutcome | undefined): readonly number[] =>
  outcome?.ok === true ? outcome.records.map(({ at }) => at.day) : []
const twelve = { register: '50040200:00100200', from: day(3), count: 12 }
const wanted = Array.from({ length: 12 }, (_, index) => index + 3)

await t.test('rows that make no one reply are asked in parts, each by its own time', async (t) => {
  const wire = freezing()
  t.same(daysIn(read(wire.meter, [twelve]).outcome[0]), wanted)
  t.equal(wire.asked.length, 1, 'a wire carries any')
  const module = freezing()
  const { outcome, requests } = read(module.meter, [twelve], 223)
  t.same(daysIn(outcome[0]), wanted)
  t.equal(requests.length, 3)
  t.match(outcome[0], { ok: true, register: twelve.register, records: [{ values: [{ int: 1500 }] }] })
  const single = freezing()
  t.same(daysIn(read(single.meter, [twelve], 100).outcome[0]), wanted, 'one by one where no more fit')
  t.same([...new Set(single.asked.map(({ kind }) => kind))], ['equal'])
})

await t.test('columns of which not one row fits are asked apart', async (t) => {
  const { meter, asked } = freezing()
  const both = ['00100200', '00200200', '00300200', '00400200'].map((oad) => ({
    ...twelve,
    register: `50040200:${oad}`,
    count: 2,
  }))
  const { outcome } = read(meter, both, 130)
  for (const each of outcome) t.same(daysIn(each), [3, 4], each.register)
  t.ok(asked.length > 2)
})

await t.test('attributes are listed as far as their replies fit', async (t) => {
  const oads = ['00100200', '00200200', '20000201', '20010201', '20040201', '00300200']
  const objects = Object.fromEntries(oads.map((oad) => [oad, oad.startsWith('0') ? array(uint32(1), uint32(1)) : uint32(3)]))
  const meter: TestMeter = { address, objects }
  const registers = oads.map((register) => ({ register }))
  t.equal(read(meter, registers).requests.length, 1)
  const narrow = read(meter, registers, 140)
  t.equal(narrow.requests.length, 2)
  t.ok(narrow.outcome.every(({ ok }) => ok))
  t.equal(read(meter, registers, 20).requests.length, oads.length, 'one is asked in any case')
})

await t.test('a part that fails fails all rows: what was not read is not taken for not kept', async (t) => {
  const firstDay = ({ selector }: Apdu & { kind: 'get-record' }): string =>
    selector.kind === 'equal' ? momentOf(selector.value) : selector.kind === 'range' ? momentOf(selector.from) : ''
  for (const isBroken of [(first: string) => first > hexOf(6), (first: string) => first < hexOf(6)]) {
    const intercept = (request: Apdu) =>
      request.kind === 'get-record' && isBroken(firstDay(request)) ? ({ kind: 'silent' } as const) : null
    const { outcome } = read(freezing({ intercept }).meter, [{ ...twelve, count: 8 }], 223)
    t.match(outcome, [{ ok: false, error: { code: 'no-reply' } }])
  }
  const isFirst = (request: Apdu): boolean => request.kind === 'get-record' && firstDay(request) < hexOf(6)
  const garbled = { kind: 'garbled', bytes: Uint8Array.of(0x68) } as const
  const first = freezing({ intercept: (request) => (isFirst(request) ? garbled : null) })
  t.match(read(first.meter, [{ ...twelve, count: 8 }], 223).outcome, [{ ok: false, error: { code: 'garbled' } }])
})

await t.test('rows that do not come through are asked in halves, down to single ones', async (t) => {
  const isLong = (request: Apdu): boolean =>
    request.kind === 'get-record' && request.selector.kind === 'range' && request.selector.to !== request.selector.from
  const { meter, asked } = freezing({
    intercept: (request) => (isLong(request) ? ({ kind: 'garbled', bytes: Uint8Array.of(0x68) } as const) : null),
  })
  const { outcome } = read(meter, [{ ...twelve, count: 3 }])
  t.same(daysIn(outcome[0]), [3, 4, 5])
  t.same(
    asked.map(({ kind }) => kind),
    ['equal', 'equal', 'equal'],
  )
  const dumb = freezing({ intercept: () => ({ kind: 'garbled', bytes: Uint8Array.of(0x68) }) as const })
  t.match(read(dumb.meter, [{ ...twelve, count: 2 }, { register: '50040200:00100200' }]).outcome, [{ ok: false }, { ok: false }])
})
