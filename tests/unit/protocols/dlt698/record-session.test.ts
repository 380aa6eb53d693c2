import t from 'tap'
import { meterAddress } from '../../../../src/model/index.js'
import type { RegisterRequest } from '../../../../src/ports/index.js'
import {
  answerBlocks,
  dlt698,
  type Apdu,
  type Column,
  type Data,
  type RecordResult,
  type Selector,
} from '../../../../src/protocols/dlt698/index.js'
import { array, moment, nullData, run, uint32, type TestMeter } from '../../../helpers/dlt698.js'

const address = meterAddress('000032909591')
const read = (meter: TestMeter, ...registers: readonly (string | RegisterRequest)[]) =>
  run(
    dlt698.read({
      address,
      repeats: 1,
      registers: registers.map((each) => (typeof each === 'string' ? { register: each } : each)),
    }),
    meter,
  )

const midnight = (day: number) => moment(`07EA080${day.toString(16)}000000`.toUpperCase())
const column = (row: readonly Data[], time: Data, asked: Column): Data => {
  const place = ['00100200', '00200200'].indexOf(asked.kind === 'OAD' ? asked.oad : '')
  return asked.kind === 'OAD' && asked.oad === '20210200' ? time : (row[place] ?? nullData)
}
/** A meter that freezes days 9, 10 and 11 of August 2026, the newest first or last. */
const freezing = (newestFirst: boolean, asked: { selector: Selector; columns: readonly Column[] }[] = []): TestMeter => ({
  address,
  record: (_oad, selector, columns): RecordResult['result'] => {
    asked.push({ selector, columns })
    const days = [9, 10, 11].map((day) => ({ time: midnight(day), row: [array(uint32(day * 100), uint32(day)), uint32(day)] }))
    const wanted = selector.kind === 'last' ? days.slice(-selector.count) : days
    const rows = wanted.map(({ time, row }) => columns.map((each) => column(row, time, each)))
    return { kind: 'rows', rows: newestFirst ? rows.reverse() : rows }
  },
})

await t.test('the last freeze and the one before it, values and time in one request', async (t) => {
  for (const newestFirst of [true, false]) {
    const asked: { selector: Selector; columns: readonly Column[] }[] = []
    const { outcome, requests } = read(
      freezing(newestFirst, asked),
      '50040200:20210200#01',
      '50040200:00100200#01',
      '50040200:00200200#01',
      '50040200:20210200,00100200#02',
      '50040200:20210200,00100200#05',
    )
    t.equal(requests.length, 3)
    t.strictSame(asked[0], {
      selector: { kind: 'last', count: 1 },
      columns: ['20210200', '00100200', '00200200'].map((oad) => ({ kind: 'OAD', oad })),
    })
    t.match(outcome, [
      { register: '50040200:20210200#01', ok: true, values: [{ kind: 'text', text: '2026-08-11 00:00:00' }], records: [] },
      { ok: true, values: [{ int: 1100, exponent: -2, unit: 'kWh' }, { int: 11 }] },
      { ok: true, values: [{ int: 11 }] },
      { ok: true, values: [{ text: '2026-08-10 00:00:00' }, { int: 1000 }, { int: 10 }] },
      { ok: true, values: [{ text: null }, { int: null, unit: 'kWh' }] },
    ])
  }
})

await t.test('rows from a time on: one by its time, several by their span', async (t) => {
  const asked: { selector: Selector; columns: readonly Column[] }[] = []
  const from = { year: 2026, month: 8, day: 10, hour: 0, minute: 0, second: 0 }
  const { outcome } = read(
    freezing(true, asked),
    { register: '50040200:00200200', from, count: 1 },
    { register: '50040200:00200200', from, count: 2 },
    { register: '50020200:00200200/15min', from, count: 3 },
    { register: '50060200:00200200', from, count: 2 },
    { register: '50040200:00200200' },
    { register: '50040200:00200200', count: 2 },
  )
  t.strictSame(
    asked.map(({ selector }) => selector),
    [
      { kind: 'equal', oad: '20210200', value: midnight(10) },
      { kind: 'range', oad: '20210200', from: midnight(10), to: moment('07EA080C000000'), interval: nullData },
      {
        kind: 'range',
        oad: '20210200',
        from: midnight(10),
        to: moment('07EA080A002D00'),
        interval: { type: 'TI', hex: '01000F' },
      },
      { kind: 'range', oad: '20210200', from: midnight(10), to: moment('07EA0A0A000000'), interval: nullData },
      { kind: 'last', count: 1 },
      { kind: 'last', count: 2 },
    ],
  )
  const days = outcome.map((each) =>
    each.ok ? each.records.map(({ at, values }) => [at.day, ...values.map((value) => ('int' in value ? value.int : null))]) : [],
  )
  const tenAndEleven = [
    [10, 10],
    [11, 11],
  ]
  t.strictSame(days, [[[10, 10]], tenAndEleven, tenAndEleven, tenAndEleven, [[11, 11]], tenAndEleven])
  t.ok(outcome.every((each) => each.ok && each.values.length === 0))
})

await t.test('events are dated by their start', async (t) => {
  const asked: string[] = []
  const record: TestMeter['record'] = (_oad, _selector, columns) => {
    asked.push(...columns.map((each) => each.oad))
    return { kind: 'rows', rows: [[moment('07EA080B0A2911'), uint32(38), nullData]] }
  }
  const { outcome } = read({ address, record }, '30110200:20220200,20240200')
  t.strictSame(asked, ['201E0200', '20220200', '20240200'])
  t.match(outcome, [
    { ok: true, records: [{ at: { hour: 10, minute: 41, second: 17 }, values: [{ int: 38 }, { kind: 'text', text: null }] }] },
  ])
})

const table = (
  rows: readonly (readonly Data[])[],
  columns: readonly string[] = ['20210200', '00200200'],
  oad = '50040200',
): TestMeter => ({
  address,
  intercept: (request) =>
    'piid' in request
      ? {
          kind: 'got-record',
          piid: request.piid,
          record: { oad, columns: columns.map((each) => ({ kind: 'OAD', oad: each })), result: { kind: 'rows', rows } },
          follow: { kind: 'none' },
          timeTag: null,
        }
      : null,
})
const invalid = (message: RegExp) => [{ ok: false, error: { code: 'invalid', message } }]

await t.test('a record without rows, or with rows that have no time, holds nothing', async (t) => {
  t.match(read(table([]), '50040200:00200200', '50040200:00200200#01').outcome, [
    { ok: true, records: [] },
    { ok: true, values: [{ int: null }] },
  ])
  const unset = [nullData, moment('00000000000000'), moment('FFFFFFFFFFFFFF')].map((time) => [time, uint32(1)])
  t.match(read(table(unset), { register: '50040200:00200200', count: 5 }).outcome, [{ ok: true, records: [] }])
})

await t.test('a record that is not what was asked is not believed', async (t) => {
  const row = [midnight(10), uint32(1)]
  const one = '50040200:00200200'
  t.match(read(table([row], ['00100200', '00200200']), one).outcome, invalid(/column that dates/))
  t.match(read(table([row], ['20210200', '00100200']), one).outcome, invalid(/column 00200200/))
  t.match(read(table([[uint32(1), uint32(1)]]), one).outcome, invalid(/a time in each row, found uint32/))
  t.match(read(table([[moment('07EA0D01000000'), uint32(1)]]), one).outcome, invalid(/bad-time/))
  t.match(read(table([[moment('07EAFF01000000'), uint32(1)]]), one).outcome, invalid(/bad-time/))
  t.match(read(table([[midnight(10), { type: 'OAD', hex: '00100200' }]]), one).outcome, invalid(/type-mismatch/))
  t.match(read(table([[midnight(10), { type: 'OAD', hex: '00100200' }]]), `${one}#01`).outcome, invalid(/type-mismatch/))
  const swapped = read(table([[uint32(5), midnight(10)]], ['00200200', '20210200']), one)
  t.match(swapped.outcome, [{ ok: true, records: [{ values: [{ int: 5 }] }] }], 'columns in another order are found')
})

await t.test('a record that is refused with several columns is asked for each', async (t) => {
  const picky: TestMeter['record'] = (_oad, _selector, columns) =>
    columns.length > 2 || columns[1]?.oad === '00200200'
      ? { kind: 'dar', dar: 6 }
      : { kind: 'rows', rows: [[midnight(10), uint32(4)]] }
  const { outcome, requests } = read({ address, record: picky }, '50040200:00100201#01', '50040200:00200200#01')
  t.equal(requests.length, 3)
  t.match(outcome, [
    { ok: true, values: [{ int: 4 }] },
    { ok: false, error: { errors: ['object-does-not-exist'] } },
  ])
})

await t.test('a record in blocks is one table, and values are no record', async (t) => {
  const columns: readonly Column[] = [
    { kind: 'OAD', oad: '20210200' },
    { kind: 'OAD', oad: '00200200' },
  ]
  const part = (day: number, oad = '50040200', own = columns): RecordResult => ({
    oad,
    columns: own,
    result: { kind: 'rows', rows: [[midnight(day), uint32(day)]] },
  })
  const meterOf = (parts: readonly RecordResult[]): TestMeter => {
    const blocks = answerBlocks(
      0,
      parts.map((each) => ({ kind: 'records', records: [each] })),
    )
    return {
      address,
      intercept: (request) => {
        const block = blocks[request.kind === 'get-next' ? request.block : 0]
        return block === undefined || !('piid' in request) ? null : { ...block, piid: request.piid }
      },
    }
  }
  const asked = { register: '50040200:00200200', count: 3 }
  t.match(read(meterOf([part(9), part(10), part(11)]), asked).outcome, [
    { ok: true, records: [{ values: [{ int: 9 }] }, {}, { values: [{ int: 11 }] }] },
  ])
  t.match(read(meterOf([part(9), part(10, '50030200')]), asked).outcome, invalid(/record 50040200, found 50030200/))
  t.match(read(meterOf([part(9), part(10, '50040200', [...columns].reverse())]), asked).outcome, invalid(/same columns/))
  t.match(read(meterOf([part(9), { ...part(10), result: { kind: 'dar', dar: 9 } }]), asked).outcome, [
    { ok: false, error: { errors: ['block-unavailable'] } },
  ])
  const blockOf = (content: Extract<Apdu, { kind: 'got-next' }>['content']): TestMeter => ({
    address,
    intercept: (request) =>
      'piid' in request
        ? { kind: 'got-next', piid: request.piid, isLast: true, block: 0, content, follow: { kind: 'none' }, timeTag: null }
        : null,
  })
  t.match(read(blockOf({ kind: 'records', records: [] }), asked).outcome, invalid(/a record, found none/))
  t.match(read(blockOf({ kind: 'objects', results: [] }), asked).outcome, invalid(/a record, found values/))
  t.match(read(blockOf({ kind: 'records', records: [] }), '00100200').outcome, invalid(/values of objects/))
})
