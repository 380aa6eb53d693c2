import fc from 'fast-check'
import t from 'tap'
import { bytesOf, hexOf } from '../../../../src/protocols/wire/bytes.js'
import { darName, describeFrame, encodeApdu, type Apdu, type Selector } from '../../../../src/protocols/dlt698/index.js'
import { anyApdu, anySelector } from '../../../helpers/dlt698-arbitrary.js'
import { frameOf, meterFrame } from '../../../helpers/dlt698.js'

const address = '000032909591'
const answer = (hex: string, control = 0xc3) => describeFrame(meterFrame(address, hex.replaceAll(' ', ''), control))
const request = (hex: string) => answer(hex, 0x43)
const valuesOf = (shown: ReturnType<typeof describeFrame>) =>
  'items' in shown ? shown.items.flatMap(({ values }) => values.map(({ value, unit, type }) => `${value} ${unit} ${type}`)) : []
const detailOf = (shown: ReturnType<typeof describeFrame>) => ('detail' in shown ? shown.detail : undefined)

await t.test('an answer is shown whole', async (t) => {
  t.strictSame(describeFrame('fefe 68 17 00 43 05 01 00 00 00 00 00 10 26 F6 05 01 05 40 00 02 00 00 D1 0B 16'), {
    ok: true,
    protocol: 'dlt698-45',
    direction: 'request',
    address: '000000000001',
    addressKind: 'single',
    client: 16,
    control: '43',
    length: 23,
    preamble: 2,
    apdu: 'GET-Request Normal',
    piid: 5,
    items: [{ oad: '40000200', values: [] }],
  })
})

await t.test('what is no frame has a code and a place', async (t) => {
  const errorOf = (hex: string) => {
    const shown = describeFrame(hex)
    return shown.ok ? 'ok' : `${shown.error?.code} ${shown.error?.at} ${'address' in shown}`
  }
  t.equal(errorOf('68 1'), 'not-hex character 4 false')
  t.equal(errorOf('68 xy'), 'not-hex character 3 false')
  t.equal(errorOf(''), 'empty byte 0 false')
  t.equal(errorOf('16'), 'no-start byte 0 false')
  t.equal(errorOf(hexOf(meterFrame(address, '8501'))), 'truncated apdu byte 2 true')
  t.equal(errorOf(hexOf(meterFrame(address, ''))), 'empty apdu byte 0 true')
  t.equal(errorOf(hexOf(meterFrame(address, '850105100102000106000000010000FF'))), 'trailing-bytes apdu byte 15 true')
  t.equal(errorOf(hexOf(meterFrame(address, '90000385010000'))), 'truncated inner apdu byte 3 true')
  t.match(answer('77'), { ok: false, apdu: 'unknown', direction: 'reply', items: [] })
  t.match(answer('77', 0x83), { direction: 'report' })
  t.match(request('77'), { direction: 'request' })
})

await t.test('access results stand by name, at the object and as a whole', async (t) => {
  t.match(answer('8502050200100200000620000200010112000A0000'.replace('0112000A', '12000A')), {
    ok: true,
    items: [
      { oad: '00100200', values: [], error: 'object-does-not-exist' },
      { oad: '20000200', values: [{ value: '1.0', unit: 'V', type: 'uint16' }] },
    ],
    error: { code: 'refused', at: '00100200', bits: ['object-does-not-exist'] },
  })
  t.match(answer('8503055004020001000010020000060000'), {
    items: [{ oad: '50040200', values: [], error: 'object-does-not-exist' }],
  })
  t.match(answer('85050501000100090000'), {
    ok: true,
    items: [],
    error: { code: 'refused', at: 'apdu', bits: ['block-unavailable'] },
  })
  t.match(answer('900214'), { ok: true, apdu: 'SECURITY-Response refused', items: [], error: { bits: ['security-mismatch'] } })
  t.match(answer('EE05020000'), { ok: true, apdu: 'ERROR-Response', error: { bits: ['service-not-supported'] } })
  t.match(answer('EE05010000'), { error: { bits: ['apdu-not-understood'] } })
  t.match(answer('870105800081000301000000'), { items: [{ oad: '80008100', values: [], error: 'read-write-denied' }] })
  t.equal(darName(0), 'ok')
  t.equal(darName(21), 'repeated-recharge')
  t.equal(darName(255), 'other')
  t.equal(darName(99), 'dar-99')
})

await t.test('values that are none are refused, not shown', async (t) => {
  t.match(answer('850105400002000' + '11C07EA0D010000000000'), {
    ok: true,
    items: [{ oad: '40000200', values: [], error: 'bad-time' }],
  })
  t.match(answer('85010500100200010900' + '0000'), { items: [{ oad: '00100200', values: [], error: 'type-mismatch' }] })
})

await t.test('every service shows its objects', async (t) => {
  const oadsOf = (shown: ReturnType<typeof describeFrame>) => ('items' in shown ? shown.items.map(({ oad }) => oad) : [])
  t.strictSame(oadsOf(request('0504 05 01 50040200 00 01 00 00100200 00')), ['50040200', '00100200'])
  t.strictSame(valuesOf(request('0602 05 02 40000200 1C07EA080B0D3316 41000200 1105 00')), [
    '2026-08-11 13:51:22 null date_time_s',
    '5 min uint8',
  ])
  t.strictSame(oadsOf(request('0603 05 01 41000200 1105 40000200 02 00')), ['41000200', '40000200'])
  t.strictSame(oadsOf(answer('8602 05 01 41000200 00 0000')), ['41000200'])
  t.strictSame(valuesOf(answer('8603 05 01 41000200 00 41000200 01 1105 0000')), ['5 min uint8'])
  t.strictSame(valuesOf(request('0702 05 01 00100100 0F00 00')), ['0 null int8'])
  t.strictSame(oadsOf(request('0703 05 01 00100100 0F00 00100200 00 00')), ['00100100', '00100200'])
  t.strictSame(valuesOf(answer('8702 05 01 00100100 00 01 1107 0000')), ['7 null uint8'])
  t.strictSame(valuesOf(answer('8703 05 01 00100100 00 00 41000200 01 1105 0000')), ['5 min uint8'])
  t.strictSame(valuesOf(answer('8504 05 01 50040200 01 00 00100200 01 01 0600000001 0000')), ['0.01 kWh uint32'])
  t.strictSame(valuesOf(answer('8505 05 00 0001 01 01 20000201 01 12000A 0000')), ['1.0 V uint16'])
  t.strictSame(valuesOf(answer('8505 05 01 0002 02 01 50040200 01 00 00100200 01 01 0600000001 0000')), ['0.01 kWh uint32'])
  t.strictSame(oadsOf(request('0801 05 01 33200200 00')), ['33200200'])
  t.strictSame(request('0803 05 00').ok, true)
})

await t.test('reports are reports, and so is what a terminal sends by itself', async (t) => {
  t.match(answer('8801 05 01 33200200 01 01 01 51 30110200 0000', 0x83), {
    direction: 'report',
    apdu: 'REPORT-Notification List',
    items: [{ oad: '33200200', values: [{ value: '30110200', type: 'OAD' }] }],
  })
  t.match(answer('8802 05 01 30110200 01 00 20220200 01 01 0600000026 00', 0x83), {
    direction: 'report',
    items: [{ oad: '20220200', record: '30110200' }],
  })
  t.match(answer('8803 05 F2010201 03 010203 0000', 0x83), { items: [{ oad: 'F2010201', values: [{ value: '010203' }] }] })
  t.match(answer('84 00 07E0051908 0500 07E0051908 0640 0000', 0xc3), { direction: 'report', apdu: 'RELEASE-Notification' })
  t.match(answer('01 00 00 012C 07E0090B070A152802F5', 0x81), { direction: 'report' })
  t.match(answer('01 00 00 012C 07E0090B070A152802F5', 0x43), { direction: 'request' })
  t.match(answer('8100 80 07E0090B070A152802F5 07E0090B070A152802F5 07E0090B070A152802F5', 0x01), {
    direction: 'reply',
    detail: { result: '0', clockTrusted: 'true', requestedAt: '2016-09-11 10:21:40.757' },
  })
  t.match(answer('0801 05 01 33200200 00', 0x03), { direction: 'reply' }, 'a confirmation answers')
})

await t.test('what is reported beside an answer stands apart', async (t) => {
  t.match(answer('8501 05 20000201 01 12000A 01 01 33200200 00 02 00'), {
    items: [{}],
    follow: [{ oad: '33200200', error: 'temporarily-unavailable' }],
  })
  t.match(answer('8501 05 20000201 01 12000A 02 01 30110200 01 00 20220200 01 01 0600000026 00'), {
    follow: [{ oad: '20220200', row: 0 }],
  })
})

await t.test('a piece is shown as one', async (t) => {
  t.strictSame('fragment' in answer('0141 0000', 0xe3) ? answer('0141 0000', 0xe3) : null, {
    ok: true,
    protocol: 'dlt698-45',
    direction: 'reply',
    address,
    addressKind: 'single',
    client: 16,
    control: 'E3',
    length: 19,
    preamble: 0,
    apdu: 'fragment',
    items: [],
    fragment: { number: 257, type: 'last', payload: '0000' },
  })
})

await t.test('opaque blocks of the security layer are shown as they are', async (t) => {
  const securityOf = (hex: string) => {
    const shown = request(hex)
    return 'security' in shown ? shown.security : null
  }
  const get = '1000 08 0501010010020000'
  t.strictSame(securityOf(`${get} 00 80070000 02 0102 04 11223344`), {
    form: 'plaintext',
    auth: 'SID_MAC',
    sid: '80070000',
    more: '0102',
    mac: '11223344',
  })
  t.strictSame(securityOf(`${get} 01 02 ABCD`), { form: 'plaintext', auth: 'RN', rn: 'ABCD' })
  t.strictSame(securityOf(`${get} 02 02 ABCD 01 EF`), { form: 'plaintext', auth: 'RN_MAC', rn: 'ABCD', mac: 'EF' })
  t.strictSame(securityOf(`${get} 03 80070000 00`), { form: 'plaintext', auth: 'SID', sid: '80070000', more: '' })
  t.match(request('1001 02 ABCD 01 01 EE'), {
    ok: true,
    apdu: 'SECURITY-Request ciphertext',
    direction: 'request',
    items: [],
    security: { form: 'ciphertext', cipher: 'ABCD' },
  })
  t.match(answer('9001 02 ABCD 00'), {
    ok: true,
    apdu: 'SECURITY-Response ciphertext',
    direction: 'reply',
    security: { form: 'ciphertext' },
  })
})

await t.test('what else a unit says stands in its details', async (t) => {
  t.match(detailOf(answer('01 10 02 012C 07E60101010621101234', 0x81)), {
    type: 'logout',
    heartbeatS: '300',
    time: '07E60101010621101234',
  })
  t.match(detailOf(answer('01 10 07 012C FFFFFFFFFFFFFFFFFFFF', 0x81)), { type: 'type-7', time: 'FFFFFFFFFFFFFFFFFFFF' })
  const connect = `02 00 0010 ${'FF'.repeat(24)} 0400 0400 01 0400 00000064`
  t.match(detailOf(request(`${connect} 00 00`)), {
    version: '16',
    sendMax: '1024',
    window: '1',
    apduMax: '1024',
    timeoutS: '100',
    authentication: 'none',
  })
  t.match(detailOf(request(`${connect} 01 02 3132 00`)), { authentication: 'password' })
  t.notMatch(JSON.stringify(request(`${connect} 01 02 3132 00`)), /3132/, 'a password is not shown')
  t.match(detailOf(answer(`82 00 ${'41'.repeat(32)} 0010 ${'FF'.repeat(24)} 0400 0400 01 0400 00000064 00 00 0000`)), {
    result: '0',
    version: '16',
  })
  t.match(detailOf(answer('8300 00 0000')), { result: '0' })
  t.match(detailOf(answer('84 00 07E0051908 0500 07E0051908 0640 0000')), {
    connectedAt: '2016-05-25 08:05:00',
    now: '07E00519080640',
  })
  t.match(detailOf(request('0505 05 0001 00')), { block: '1' })
  t.match(detailOf(answer('8505 05 01 0002 01 00 0000')), { block: '2', isLast: 'true' })
  t.match(detailOf(request('09 07 05 ABCD')), { service: '7', content: 'ABCD' })
  t.match(detailOf(answer('89 07 05 ABCD')), { service: '7', content: 'ABCD' })
  t.match(detailOf(request('6E 05 01 00')), { error: '1' })
})

await t.test('every selector is named', async (t) => {
  const selectorOf = (selector: Selector) => {
    const apdu: Apdu = { kind: 'get-record', piid: 1, oad: '50040200', selector, columns: [], timeTag: null }
    return detailOf(describeFrame(meterFrame(address, hexOf(encodeApdu(apdu)), 0x43)))
  }
  fc.assert(fc.property(anySelector, (selector) => selectorOf(selector)?.['selector'] === selector.kind))
  t.match(
    selectorOf({
      kind: 'range',
      oad: '20210200',
      from: { type: 'null' },
      to: { type: 'date', hex: '07EA0D0101' },
      interval: { type: 'TI', hex: '01000F' },
    }),
    {
      from: 'none',
      to: 'bad-time',
      interval: '15 min',
    },
  )
  t.match(
    selectorOf({
      kind: 'startedWithin',
      from: '07EA080B000000',
      to: 'FFFFFFFFFFFFFF',
      interval: '090001',
      meters: { kind: 'all' },
    }),
    {
      from: '2026-08-11 00:00:00',
      to: 'FFFFFFFFFFFFFF',
      interval: '1 unit-9',
      meters: 'all',
    },
  )
})

await t.test('passwords are never shown', async (t) => {
  const shown = JSON.stringify([
    request('0601 05 44010200 0A06 313233343536 00'),
    request('0701 05 80008300 0A06 313233343536 00'),
  ])
  t.notMatch(shown, /123456|313233/)
  t.match(shown, /"oad":"44010200","values":\[\]/)
})

await t.test('whatever a unit holds, it is shown without failing', async (t) => {
  fc.assert(
    fc.property(anyApdu, (apdu) => {
      const bytes = encodeApdu(apdu)
      const shown = describeFrame(bytes.length > 2000 ? new Uint8Array() : frameOf(0xc3, '05010000000000', 0x10, hexOf(bytes)))
      return JSON.stringify(shown).length > 0
    }),
    { numRuns: 500 },
  )
  t.pass('no counterexample')
})

await t.test('a Buffer is left as it came', async (t) => {
  const frame = Buffer.from(meterFrame(address, '850105100102000106000000010000'))
  const before = frame.toString('hex')
  t.match(describeFrame(frame), { ok: true, address })
  t.equal(frame.toString('hex'), before)
  t.strictSame(describeFrame(bytesOf(before)), describeFrame(frame))
})
