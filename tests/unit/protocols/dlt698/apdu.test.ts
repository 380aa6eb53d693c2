import { isDeepStrictEqual as same } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { oneOf, nothing } from '../../../../src/protocols/dlt698/forms.js'
import {
  apduName,
  dataForm,
  encodeApdu,
  nestingMax,
  openEnvelope,
  parseApdu,
  tagOfType,
  withRandomNumber,
  type Apdu,
  type Data,
} from '../../../../src/protocols/dlt698/index.js'
import { readerOf, writer } from '../../../../src/protocols/dlt698/reader.js'
import { valueOf } from '../../../helpers/outcome.js'
import { anyApdu, anyData } from '../../../helpers/dlt698-arbitrary.js'

const codeOf = (hex: string) => {
  const parsed = parseApdu(bytesOf(hex))
  return parsed.ok ? 'ok' : `${parsed.error.code} ${parsed.error.at}`
}

function dataOf(hex: string): Data {
  const reader = readerOf(bytesOf(hex))
  const data = dataForm.read(reader)
  if (reader.fault() !== null || reader.rest() > 0) throw new Error(`${hex}: ${JSON.stringify(reader.fault())}`)
  return data
}

function hexOfData(data: Data): string {
  const out = writer()
  dataForm.write(data, out)
  return hexOf(out.bytes())
}

await t.test('data of every type come back from their bytes', async (t) => {
  fc.assert(fc.property(anyData, (data) => same(dataOf(hexOfData(data)), structuredClone(data))))
  const seen = new Set(fc.sample(anyData, 3000).map(({ type }) => type))
  t.strictSame([...seen].sort(), Object.keys(tagOfType).sort(), 'and there are data of every type')
})

await t.test('every unit comes back from its bytes', async (t) => {
  fc.assert(
    fc.property(anyApdu, (apdu) => same(valueOf(parseApdu(encodeApdu(apdu))), structuredClone(apdu))),
    { numRuns: 1000 },
  )
  const seen = new Set(fc.sample(anyApdu, 3000).map(({ kind }) => kind))
  t.equal(seen.size, 41)
  for (const kind of seen) t.match(apduName(kind), /^[A-Z]+-[A-Z]\w+( \w+)?$/)
})

await t.test('no unit that is cut short, and none with bytes behind it, is taken', async (t) => {
  const opaque = new Set(['proxy-request', 'proxy-response'])
  fc.assert(
    fc.property(anyApdu, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 4 }), (apdu, cut, more) => {
      if (opaque.has(apdu.kind)) return true
      const bytes = encodeApdu(apdu)
      const short = parseApdu(bytes.subarray(0, cut % bytes.length))
      const long = parseApdu(Uint8Array.from([...bytes, ...more]))
      // A report may end without a follow report, a refusal of the security layer without saying that no check follows.
      const mayEndEarly = apdu.kind.startsWith('report-') || hexOf(bytes).startsWith('9002')
      return (mayEndEarly || !short.ok) && (mayEndEarly || !long.ok)
    }),
  )
  t.pass('no counterexample')
})

await t.test('each thing that can be wrong with a unit has its code and place', async (t) => {
  t.equal(codeOf(''), 'empty apdu byte 0')
  t.equal(codeOf('77'), 'unknown-choice apdu byte 0')
  t.equal(codeOf('0506'), 'unknown-choice apdu byte 0')
  t.equal(codeOf('050100400002'), 'truncated apdu byte 3')
  t.equal(codeOf('050100400002000000'), 'trailing-bytes apdu byte 8')
  t.equal(codeOf('0501004000020002'), 'bad-option apdu byte 8')
  t.equal(codeOf('850100400002000277'), 'unknown-choice apdu byte 7')
  t.equal(codeOf('85010040000200010D'), 'unknown-type apdu byte 9')
  t.equal(codeOf('850100400002000109830000000000'), 'bad-length apdu byte 10')
  t.equal(codeOf('85010040000200010105050000'), 'bad-count apdu byte 10')
  t.equal(codeOf('8501004000020001040800'), 'truncated apdu byte 11', 'without the tail')
  t.equal(codeOf('85030050040200000101000000'), 'no-columns apdu byte 10')
  t.equal(codeOf('8503005004020001000010020002'), 'unknown-choice apdu byte 14')
  t.equal(codeOf('8503005004020001000010020001FF'), 'bad-length apdu byte 15')
})

await t.test('a tail of FollowReport and time tag ends every answer', async (t) => {
  t.equal(codeOf('8501004000020001000000'), 'ok')
  t.equal(codeOf('85010040000200010000'), 'truncated apdu byte 10')
  t.equal(codeOf('88010001332002000100000000'), 'trailing-bytes apdu byte 12', 'even where its length is not certain')
  t.equal(codeOf('880100013320020001000000'), 'ok')
  t.equal(codeOf('8801000133200200010000'), 'ok', 'a report may have only the time tag')
})

await t.test('data stand at most so deep in one another', async (t) => {
  const deep = (depth: number) => `85010040000200 01${'0101'.repeat(depth)}000000`.replace(' ', '')
  t.equal(codeOf(deep(nestingMax)), 'ok')
  t.match(codeOf(deep(nestingMax + 1)), /^too-deep/)
  t.match(codeOf(deep(5000)), /^too-deep/)
})

await t.test('long lengths are read and written in A-XDR', async (t) => {
  for (const length of [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1234]) {
    const data: Data = { type: 'octet-string', hex: 'AB'.repeat(length) }
    t.strictSame(dataOf(hexOfData(data)), data)
  }
  t.match(hexOfData({ type: 'octet-string', hex: '00'.repeat(0x80) }), /^098180/)
  t.match(hexOfData({ type: 'octet-string', hex: '00'.repeat(0x100) }), /^09820100/)
  t.strictSame(dataOf('0981020102'), { type: 'octet-string', hex: '0102' }, 'a form longer than needed is understood')
})

await t.test('integers have the sign of their type', async (t) => {
  t.strictSame(dataOf('0FFF'), { type: 'int8', value: -1 })
  t.strictSame(dataOf('108000'), { type: 'int16', value: -32768 })
  t.strictSame(dataOf('05FFFFFFFE'), { type: 'int32', value: -2 })
  t.strictSame(dataOf('06FFFFFFFE'), { type: 'uint32', value: 4294967294 })
  t.strictSame(dataOf('14FFFFFFFFFFFFFFFF'), { type: 'int64', value: -1n })
  t.strictSame(dataOf('15FFFFFFFFFFFFFFFF'), { type: 'uint64', value: 18446744073709551615n })
  t.strictSame(dataOf('03FF'), { type: 'bool', value: true })
})

await t.test('our own mistakes are thrown, not sent', async (t) => {
  t.throws(() => hexOfData({ type: 'uint8', value: 256 }), RangeError)
  t.throws(() => hexOfData({ type: 'uint8', value: 1.5 }), RangeError)
  t.throws(() => hexOfData({ type: 'uint8', value: -1 }), RangeError)
  t.throws(() => hexOfData({ type: 'int8', value: 128 }), RangeError)
  t.throws(() => hexOfData({ type: 'int8', value: -129 }), RangeError)
  t.throws(() => hexOfData({ type: 'int64', value: 2n ** 63n }), RangeError)
  t.throws(() => hexOfData({ type: 'uint64', value: -1n }), RangeError)
  t.throws(() => hexOfData({ type: 'OAD', hex: '00' }), RangeError)
  t.throws(() => hexOfData({ type: 'octet-string', hex: '00'.repeat(0x10000) }), RangeError)
  const rows: Apdu = {
    kind: 'got-record',
    piid: 0,
    record: { oad: '50040200', columns: [{ kind: 'OAD', oad: '00100200' }], result: { kind: 'rows', rows: [[]] } },
    follow: { kind: 'none' },
    timeTag: null,
  }
  t.throws(() => encodeApdu(rows), /0 values for 1 columns/)
  const known: { readonly [kind: string]: { readonly tags: readonly number[]; readonly form: typeof nothing } } = {
    a: { tags: [1], form: nothing },
  }
  t.throws(() => oneOf('a letter', known).write({ kind: 'b' }, writer()), /b is no a letter/)
})

await t.test('a unit is taken out of plain text, and only once', async (t) => {
  const get: Apdu = { kind: 'get-one', piid: 1, oad: '00100200', timeTag: null }
  const wrapped = withRandomNumber(get, '01234567891234560123456789123456')
  t.equal(hexOf(encodeApdu(wrapped)), '1000080501010010020000011001234567891234560123456789123456')
  t.strictSame(valueOf(openEnvelope(wrapped)), { apdu: get, envelope: wrapped })
  t.strictSame(valueOf(openEnvelope(get)), { apdu: get, envelope: null })
  const twice: Apdu = { ...wrapped, content: { kind: 'plain', apdu: hexOf(encodeApdu(wrapped)) } }
  t.match(openEnvelope(twice), { ok: false, error: { code: 'nested-security' } })
  t.match(openEnvelope({ ...wrapped, content: { kind: 'plain', apdu: '0501' } }), {
    ok: false,
    error: { code: 'truncated', at: 'inner apdu byte 2' },
  })
  const cipher: Apdu = { ...wrapped, content: { kind: 'cipher', cipher: 'ABCD' } }
  t.strictSame(valueOf(openEnvelope(cipher)), { apdu: null, envelope: cipher })
  t.match(openEnvelope(valueOf(parseApdu(bytesOf('900216')))), {
    ok: true,
    value: { apdu: null, envelope: { content: { dar: 22, check: null } } },
  })
  t.match(openEnvelope(valueOf(parseApdu(bytesOf('90021600')))), { ok: true, value: { apdu: null } })
})
