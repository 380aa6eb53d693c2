import t from 'tap'
import fc from 'fast-check'
import { columnsMax } from '../../../src/console/columns.js'
import { frameCharsMax, readHex } from '../../../src/console/commands/frame-hex.js'
import { frameText } from '../../../src/console/commands/frame-text.js'
import { describe, explain, showFrames } from '../../../src/console/commands/frame.js'
import type { FrameDecoder, FrameDescription } from '../../../src/console/commands/frame.js'
import { frameDecoders } from '../../../src/console/decoders.js'
import { registerData, registerLines, registerView } from '../../../src/console/register-view.js'
import { encodeReply, encodeRequest } from '../../../src/protocols/dlt645/index.js'

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

await t.test('bytes are read as people type and tools print them', async (t) => {
  const same = [
    '68a1B216',
    '68 A1 b2 16',
    '68:a1:b2:16',
    '68-a1-b2-16',
    '0x68a1b216',
    '0x68 0xA1 0Xb2 0x16',
    '  68A1\tB2  16 \r\n',
  ]
  for (const text of [...same, '68:a1-b2 16', '0x68:0xA1:B216']) {
    t.strictSame(readHex(text), { ok: true, value: Uint8Array.of(0x68, 0xa1, 0xb2, 0x16) }, JSON.stringify(text))
  }
  const separators = fc.constantFrom('', ' ', ':', '-', '\t ', ' 0x', '0x')
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), separators, fc.boolean(), (bytes, separator, isUpper) => {
      const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator)
      const read = readHex(isUpper ? text.toUpperCase() : text)
      return read.ok && hexOf(read.value) === hexOf(bytes)
    }),
  )
})

await t.test('anything else is refused with its place', async (t) => {
  const bad: readonly (readonly [string, string, number, RegExp])[] = [
    ['', 'empty', 0, /found nothing/],
    [' \t', 'empty', 0, /found nothing/],
    ['zz', 'not-hex', 0, /expected a hexadecimal digit, found "z"/],
    ['68 xx', 'not-hex', 3, /found "x"/],
    ['686', 'not-hex', 3, /the last byte has only one digit/],
    ['68 6', 'not-hex', 4, /only one digit/],
    ['6 8', 'not-hex', 1, /the second digit of a byte, found " "/],
    ['68::11', 'not-hex', 3, /found ":"/],
    ['68 : 11', 'not-hex', 3, /found ":"/],
    [':68', 'not-hex', 0, /found ":"/],
    ['68-', 'not-hex', 3, /expected a byte, found the end/],
    ['0x', 'not-hex', 2, /found the end/],
    ['68,11', 'not-hex', 2, /found ","/],
    ['68h', 'not-hex', 2, /found "h"/],
    ['  6g', 'not-hex', 3, /found "g"/],
    ['a'.repeat(frameCharsMax + 1), 'too-long', frameCharsMax, /at most/],
  ]
  for (const [text, code, place, message] of bad) {
    t.match(readHex(text), { ok: false, error: { code, at: `character ${place}`, message } }, text.slice(0, 10))
  }
  fc.assert(fc.property(fc.string(), (text) => readHex(text).ok || text.length >= 0))
})

const run = async (
  hex: string,
  input: string,
  options: { readonly json?: boolean; readonly decoders?: readonly FrameDecoder[] },
) => {
  const said: string[] = []
  const { json = false, decoders = frameDecoders } = options
  async function* lines() {
    yield* await Promise.resolve(input.split('\n'))
  }
  const status = await showFrames({ hex, lines: lines(), protocol: null, json, decoders, print: (line) => said.push(line) })
  return { status, said }
}

const good = '6861010000000068910833333433593333338A16'

await t.test('blank lines are left out, bad lines are named, no frame at all is no error', async (t) => {
  t.strictSame(await run('-', '', {}), { status: 0, said: [] })
  t.strictSame(await run('-', '\n  \n', { json: true }), { status: 0, said: [] })
  const some = await run('-', `\n${good}\n\n6x\n`, {})
  t.equal(some.status, 2)
  t.match(some.said, [/0\.26 kWh$/, /^line 4: bad frame: not-hex at character 1: /])
  t.match(await run('', '', {}), { status: 2, said: [/^bad frame: empty at character 0: /] })
  const json = await run('', '', { json: true })
  t.match(JSON.parse(json.said[0] ?? ''), { ok: false, error: { code: 'empty', at: 'character 0' } })
})

const lineOf = (hex: string): string => frameText(explain(bytesOf(hex), { decoders: frameDecoders, protocol: null })).join('\n')

await t.test('a relay order says its command and expiry, and nothing of who may give it', async (t) => {
  const credentials = { password: '02A7B8C9', operator: 'D1E2F3A4' }
  const expiry = { year: 2026, month: 3, day: 9, hour: 8, minute: 7, second: 6 }
  const order = { command: 'permit-to-close', hold: 0, expiry } as const
  const frame = encodeRequest('000000000161', { fn: 'relay', credentials, order })
  const line = lineOf(hexOf(frame))
  t.equal(line, 'dlt645-2007 request 000000000161 1C: command permit-to-close, expiry 2026-03-09 08:07:06')
  const all = line + JSON.stringify(describe(frame, { decoders: frameDecoders, protocol: null }))
  t.notMatch(all, /A7B8C9|C9B8A7|D1E2F3A4|A4F3E2D1/i)
})

await t.test('status words are told with the names of their set bits, in text only', async (t) => {
  const answer = { kind: 'reply', fn: 'read', di: '04000503', data: Uint8Array.of(0x50, 0), more: false } as const
  const word = hexOf(encodeReply('000000000161', answer))
  t.equal(lineOf(word), 'dlt645-2007 reply 000000000161 91 DI 04000503: 0050 (relay-open relay-command-trip)')
  const [json = ''] = (await run(word, '', { json: true })).said
  t.match(JSON.parse(json), { values: [{ value: '0050', unit: null }] })
  t.notMatch(json, /relay-open/)
})

await t.test('registers stand under one another, in 80 columns, status words with their bits', (t) => {
  const word = { kind: 'bits', hex: '0090', names: ['relay-open', 'pre-trip-alarm'], unit: '' } as const
  const empty = { kind: 'bits', hex: '0000', names: [], unit: '' } as const
  const views = [
    registerView({ ok: true, register: '04000503', values: [word], records: [] }),
    registerView({ ok: true, register: '040005FF', values: Array.from({ length: 7 }, () => empty), records: [] }),
    registerView({
      ok: true,
      register: 'X',
      values: [
        { ...empty, hex: '8000' },
        { kind: 'text', text: null, unit: 'V' },
      ],
      records: [],
    }),
  ]
  const lines = registerLines(views)
  t.equal(lines[0], '04000503  0090 (relay-open pre-trip-alarm)')
  t.match(lines[1], /^040005FF {2}0000 \(no bit set\), /)
  t.match(lines[2], /^ {10}\S/)
  t.equal(lines.at(-1), 'X         8000, not available V', 'a bit without a name')
  t.ok(lines.every((line) => line.length <= columnsMax))
  t.match(views[0]?.values, [{ bits: word.names }])
  t.strictSame(views.map(registerData)[0]?.values, [{ value: '0090', unit: null }], 'data have no names')
  t.end()
})

const decoder = (protocol: string, error: object | null, more: object = {}, isUnmarked = false): FrameDecoder => ({
  ...{ protocol, isUnmarked },
  describe: () => (error === null ? { ok: true, protocol, ...more } : { ok: false, protocol, error, ...more }),
})
const bad = (code: string, at: string): object => ({ code, at, message: `${code}!` })
const frame = new Uint8Array(20)
const firstOf = (...decoders: readonly FrameDecoder[]) => describe(frame, { decoders, protocol: null })['protocol']

await t.test('of a frame that no protocol knows, whoever got furthest is believed', async (t) => {
  const atStart = decoder('start', bad('no-start', 'byte 0'))
  const later = decoder('later', bad('no-second-start', 'byte 7'))
  const cut = decoder('cut', bad('truncated', 'byte 20'))
  const sum = decoder('sum', bad('bad-checksum', 'byte 18'))
  const header = decoder('header', bad('bad-hcs', 'byte 9'))
  const whole = decoder('whole', bad('bad-digit', 'data'), { address: '1', control: '91' })
  const unmarked = decoder('unmarked', bad('bad-crc', 'byte 18'), {}, true)
  const unmarkedWhole = decoder('unmarked', bad('unknown-function', 'byte 1'), { address: '1' }, true)
  t.equal(firstOf(atStart, later), 'later')
  t.equal(firstOf(later, cut), 'cut')
  const marked = { ...decoder('marked', bad('truncated', 'byte 9')), isMarked: () => true }
  t.equal(firstOf(sum, cut, marked), 'marked', 'whose marks it bears')
  t.equal(firstOf(marked, whole), 'whole')
  const foreign = decoder('foreign', bad('unknown-control', 'byte 8'), { control: '81' })
  t.equal(firstOf(foreign, whole), 'whole', 'who knows its control code')
  t.equal(firstOf(decoder('header', bad('bad-hcs', 'byte 18')), cut), 'cut', 'a check of the header is not that of the frame')
  t.equal(firstOf(cut, sum), 'sum', 'its length fitted')
  t.equal(firstOf(header, cut), 'cut')
  t.equal(firstOf(sum, whole), 'whole')
  t.equal(firstOf(unmarked, later), 'later', 'any bytes get as far as its checksum')
  t.equal(firstOf(atStart, unmarked), null, 'nobody finds anything of its own')
  t.equal(firstOf(decoder('empty', bad('empty', 'byte 0')), unmarked), 'unmarked')
  t.equal(firstOf(sum, unmarkedWhole), 'unmarked')
  t.equal(firstOf(later, decoder('same', bad('no-second-start', 'byte 7'))), 'later', 'else the first')
  t.equal(firstOf(sum, decoder('good', null)), 'good')
  t.match(describe(frame, { decoders: [later], protocol: 'other' }), { ok: false, error: { code: 'no-decoder' } })
  t.match(describe(frame, { decoders: [decoder('odd', null), later], protocol: 'later' }), { ok: false, protocol: 'later' })
  t.strictSame(frameText(explain(frame, { decoders: [unmarked, later, whole], protocol: null })), [
    'bad frame: whole: bad-digit at data: bad-digit! (whole 1 91)',
    '  later: no-second-start at byte 7: no-second-start!',
    '  unmarked: bad-crc at byte 18: bad-crc!',
  ])
  t.strictSame(frameText(explain(frame, { decoders: [later], protocol: null })), [
    'bad frame: no-second-start at byte 7: no-second-start!',
  ])
})

await t.test('bytes without marks of any protocol are nobody’s', async (t) => {
  const bare = '0501014001020000'
  const { said, status } = await run(bare, '', { json: true })
  t.equal(status, 2)
  t.match(JSON.parse(said[0] ?? ''), {
    ok: false,
    protocol: null,
    error: {
      code: 'unknown-frame',
      at: 'byte 0',
      message: /^no protocol knows these bytes; --protocol dlt698-45 .*; modbus-rtu: /,
    },
  })
  t.match((await run(bare, '', {})).said, [/^bad frame: unknown-frame at byte 0: no protocol knows these bytes; /], 'in one line')
  t.equal((await run(bare, '', {})).said.length, 1)
  const modbus = '1103006B00037687'
  t.match(describe(bytesOf(modbus), { decoders: frameDecoders, protocol: null }), { ok: true, protocol: 'modbus-rtu' })
  const broken = bytesOf(modbus).with(7, 0)
  t.match(describe(broken, { decoders: frameDecoders, protocol: null }), {
    protocol: null,
    error: { code: 'unknown-frame', message: /modbus-rtu: bad-checksum at byte 6/ },
  })
  t.match(describe(broken, { decoders: frameDecoders, protocol: 'modbus-rtu' }), {
    protocol: 'modbus-rtu',
    error: { code: 'bad-checksum' },
  })
})

await t.test('descriptions of every protocol are told, what a frame carries below it', async (t) => {
  const said = (description: object): readonly string[] => frameText([{ ok: true, ...description }])
  const inner = {
    ...{ ok: true, protocol: 'dlt645-2007', direction: 'reply', address: '000000000161', control: '91' },
    ...{ di: '00010000' },
  }
  const module = {
    ...{ protocol: 'gdw1376-2', direction: 'up', afn: '13', fn: 1, source: '000000000161', destination: '000000000009' },
    ...{ info: { sequence: 7, relay: { level: 2, path: ['1', '2'] }, phase: null, router: true }, data: { protocol: 2 } },
  }
  t.strictSame(
    said({
      ...module,
      inner: {
        ...inner,
        values: [
          { value: '0.26', unit: 'kWh' },
          { value: null, unit: null },
        ],
      },
    }),
    [
      'gdw1376-2 up 000000000161 to 000000000009 AFN 13 F1: ' +
        'info sequence 7, relay (level 2, path (1, 2)), phase none, router true; data protocol 2',
      '  dlt645-2007 reply 000000000161 91 DI 00010000: 0.26 kWh, not available',
    ],
  )
  t.strictSame(said({ ...module, info: '', data: '', inner: null }), ['gdw1376-2 up 000000000161 to 000000000009 AFN 13 F1'])
  t.match(said({ ...module, inner: '6816' }).at(-1), /^ {2}carries 6816$/)
  t.match(
    said({ ...module, inner: { ok: false, protocol: 'x', error: bad('truncated', 'byte 3') } }).at(-1),
    /^ {2}bad frame: truncated/,
  )
  t.match(said({ protocol: 'a', inner: { protocol: 'b', inner: { protocol: 'c', values: ['1', 2] } } }), [
    'a',
    '  b',
    '    c: 1, 2',
  ])
  const items = [
    { oad: '00100200', values: [{ value: '6.99', unit: 'kWh', type: 'double-long-unsigned' }] },
    {
      oad: '20000200',
      values: [{ value: '2301', unit: null, bits: ['a', 'b'] }],
      error: { code: 'dar', message: 'no such object' },
    },
  ]
  const object = {
    protocol: 'dlt698-45',
    direction: 'reply',
    address: '000000003304',
    control: 'C3',
    apdu: 'GET-Response',
    items,
  }
  t.strictSame(said({ ...object, error: null }), [
    'dlt698-45 reply 000000003304 C3 GET-Response: 00100200 6.99 kWh; 20000200 2301 (a b) error code dar, message no such object',
  ])
  t.match(said({ ...object, items: [], error: { code: 'refused', message: 'the meter refused' } }), [
    /GET-Response: the meter refused$/,
  ])
  t.match(said({ protocol: 'modbus-rtu', function: 3, exception: false }), ['modbus-rtu: function 3; exception false'])
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (description) => {
      const odd = { ok: true, ...description } as FrameDescription
      return frameText([odd]).every((line) => typeof line === 'string')
    }),
  )
  t.strictSame(frameText([]), [])
})
