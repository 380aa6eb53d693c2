import fc from 'fast-check'
import t from 'tap'
import { hexOf } from '../../../../src/protocols/wire/bytes.js'
import {
  addressed,
  answerBlocks,
  answerRequest,
  broadcastServer,
  decodeFrame,
  encodeApdu,
  parseApdu,
  meterReport,
  readReport,
  serverOf,
  speakerOf,
  withMac,
  type Apdu,
  type MeterObjects,
} from '../../../../src/protocols/dlt698/index.js'
import { anyApdu } from '../../../helpers/dlt698-arbitrary.js'
import { frameOf, meterFrame, nullData, uint32 } from '../../../helpers/dlt698.js'
import { valueOf } from '../../../helpers/outcome.js'

const address = '000032909591'

await t.test('a meter acts on frames for it, and is silent for others', async (t) => {
  t.equal(addressed(address, serverOf(address)), 'answer')
  t.equal(addressed(address, serverOf('000032909592')), 'ignore')
  t.equal(addressed(address, serverOf('AAAAAAAA9591')), 'answer')
  t.equal(addressed(address, serverOf('AAAAAAAA9592')), 'ignore')
  t.equal(addressed(address, { kind: 'single', logical: 0, digits: 'AAAAAAAAAAAA' }), 'ignore', 'a wildcard needs its type bits')
  t.equal(addressed(address, broadcastServer), 'act-silently')
  t.equal(addressed(address, { kind: 'group', logical: 0, digits: address }), 'ignore')
})

const objects: MeterObjects = {
  get: (oad) => (oad === '00100200' ? { kind: 'data', data: uint32(1) } : { kind: 'dar', dar: 6 }),
  record: () => ({ kind: 'rows', rows: [] }),
  set: (oad) => (oad === '40000200' ? 0 : 3),
  act: () => ({ dar: 0, data: null }),
}
const answerTo = (hex: string) => {
  const answer = answerRequest(valueOf(parseApdu(Buffer.from(hex.replaceAll(' ', ''), 'hex'))), objects)
  return answer === null ? null : hexOf(encodeApdu(answer))
}

await t.test('every request is answered in its own form', async (t) => {
  t.equal(answerTo('0501 05 00100200 00'), '850105001002000106000000010000')
  t.equal(answerTo('0502 05 02 00100200 00200200 00'), '85020502001002000106000000010020020000060000')
  t.equal(answerTo('0503 05 50040200 0901 01 00 00100200 00'), '8503055004020001000010020001000000')
  t.equal(answerTo('0504 05 01 50040200 0901 01 00 00100200 00'), '850405015004020001000010020001000000')
  t.equal(answerTo('0601 05 40000200 1C07EA080B0D3316 00'), '86010540000200000000')
  t.equal(answerTo('0602 05 01 40010200 00 00'), '8602050140010200030000')
  t.equal(answerTo('0603 05 01 40000200 00 00100200 00 00'), '860305014000020000001002000106000000010000')
  t.equal(answerTo('0701 05 80008100 00 00'), '8701058000810000000000')
  t.equal(answerTo('0702 05 01 80008100 00 00'), '870205018000810000000000')
  t.equal(answerTo('0703 05 01 80008100 00 00100200 00 00'), '87030501800081000000001002000106000000010000')
  t.equal(answerTo('03 05 00'), '8305000000')
  t.equal(answerTo('0505 05 0001 00'), 'EE05020000')
  t.equal(answerTo('09 07 05 ABCD'), 'EE05020000')
})

await t.test('what is no request is not answered, and every answer can be said', async (t) => {
  const requests = /^(?:get|set|act)-(?:one|list|record|record-list|next|then-get)$|^(?:connect|release|proxy)-request$/
  fc.assert(
    fc.property(anyApdu, (apdu: Apdu) => {
      const answer = answerRequest(apdu, objects)
      if (answer === null) return !requests.test(apdu.kind)
      return requests.test(apdu.kind) && parseApdu(encodeApdu(answer)).ok
    }),
    { numRuns: 500 },
  )
  t.pass('no counterexample')
})

await t.test('blocks count from 1, and the last one says so', async (t) => {
  const blocks = answerBlocks(5, [
    { kind: 'objects', results: [] },
    { kind: 'records', records: [] },
  ])
  t.match(blocks, [
    { piid: 5, block: 1, isLast: false },
    { piid: 5, block: 2, isLast: true },
  ])
  t.equal(
    hexOf(
      encodeApdu(withMac({ kind: 'release-response', piid: 5, result: 0, follow: { kind: 'none' }, timeTag: null }, '01020304')),
    ),
    '9000058305000000' + '01000401020304',
  )
})

await t.test('a report is read and confirmed', async (t) => {
  const received = valueOf(readReport(meterFrame(address, '880145013320020001000000', 0x83)))
  t.equal(received.from, address)
  t.match(received.report, { kind: 'report-list', list: [{ oad: '33200200', result: { data: nullData } }] })
  t.match(
    hexOf(received.confirmation),
    new RegExp(`^FEFEFEFE68${'18'}000305${'919590320000'}10....0801050133200200` + '00....16$'),
  )
  t.match(decodeFrame(received.confirmation), { ok: true, value: { control: { from: 'client', asked: 'server' }, client: 0x10 } })
  const records = valueOf(readReport(meterFrame(address, '8802050130110200010020220200010106000000260000', 0x83)))
  t.match(hexOf(records.confirmation), /0802050130110200/)
  const bytes = valueOf(readReport(meterFrame(address, '880305F201020101AA0000', 0x83)))
  t.match(hexOf(bytes.confirmation), /08030500....16$/)
  const wrapped = readReport(meterFrame(address, '90000C88010501332002000100000000', 0x83))
  t.match(wrapped, { ok: true, value: { report: { kind: 'report-list' } } })
})

await t.test('a report is told as text to whoever knows no objects, with whom it came from', async (t) => {
  const listed = valueOf(meterReport(meterFrame(address, '880145023320020001000010020000040000', 0x83)))
  t.match(listed, {
    from: address,
    items: [
      { register: '33200200', values: [] },
      { register: '00100200', values: [], error: 'object-undefined' },
    ],
  })
  t.match(hexOf(listed.confirmation), /080105023320020000100200/)
  const records = valueOf(meterReport(meterFrame(address, '8802050130110200010020220200010106000000260000', 0x83)))
  t.strictSame(records.items, [{ register: '30110200:20220200', values: ['38'] }])
  const scaled = valueOf(meterReport(meterFrame(address, '88010501001002000106000000640000', 0x83)))
  t.strictSame(scaled.items, [{ register: '00100200', values: ['1.00 kWh'] }])
  const missing = valueOf(meterReport(meterFrame(address, '880105010010020001000000', 0x83)))
  t.strictSame(missing.items, [{ register: '00100200', values: ['none'] }])
  t.equal(meterReport(Uint8Array.of(1)).ok, false)
  t.equal(speakerOf(meterFrame(address, '880105013320020001000000', 0x83)), address)
  t.equal(speakerOf(frameOf(0x43, '05010000000000', 0x10, '0501')), null, 'a client')
  t.equal(speakerOf(Uint8Array.of(1)), null)
})

await t.test('what is no report is refused', async (t) => {
  const codeOf = (frame: Uint8Array) => {
    const found = readReport(frame)
    return found.ok ? 'ok' : found.error.code
  }
  t.equal(codeOf(Uint8Array.of(1)), 'no-start')
  t.equal(codeOf(meterFrame(address, '8801')), 'truncated')
  t.equal(codeOf(meterFrame(address, '850105001002000106000000010000')), 'no-report')
  t.equal(codeOf(meterFrame(address, '900102ABCD00', 0x83)), 'no-report')
  t.equal(codeOf(frameOf(0xa3, '05010000000000', 0x10, '00008801')), 'no-report')
})
