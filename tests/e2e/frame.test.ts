import t from 'tap'
import { jsonLines, wattkeep } from '../helpers/command-line.js'
import { frameVectors } from '../helpers/dlt645.js'
import { vectors as objectVectors } from '../helpers/dlt698.js'
import { moduleVectors } from '../helpers/gdw1376.js'
import { frameVectors as modbusVectors } from '../helpers/modbus.js'

const good = '6861010000000068910833333433593333338A16'
const refusal = '6812907856341268D101358D16'
const keys = ['ok', 'protocol', 'direction', 'address', 'control', 'length', 'preamble', 'di', 'values']

interface Shown {
  readonly ok: boolean
  readonly protocol: string
  readonly address: string
  readonly control: string
  readonly length: number
  readonly preamble: number
  readonly di: string | null
  readonly values: readonly { readonly value: string | null; readonly unit: string | null }[]
  readonly error?: { readonly code: string; readonly at: string; readonly message: string }
}

await t.test('one frame as a line of JSON', async (t) => {
  const said = await wattkeep(['frame', good, '--json'])
  t.equal(said.status, 0)
  t.strictSame(jsonLines(said), [
    {
      ok: true,
      protocol: 'dlt645-2007',
      direction: 'reply',
      address: '000000000161',
      control: '91',
      length: 8,
      preamble: 0,
      di: '00010000',
      values: [{ value: '0.26', unit: 'kWh' }],
    },
  ])
  const text = await wattkeep(['frame', good.toLowerCase().replace(/(..)/g, '$1 ').trim()])
  t.match(text, { status: 0, out: 'dlt645-2007 reply 000000000161 91 DI 00010000: 0.26 kWh\n', err: '' })
})

await t.test('all known frames on standard input, one line for each, in order', async (t) => {
  const vectors = frameVectors()
  const said = await wattkeep(['frame', '-', '--json'], { input: `${vectors.map(({ hex }) => hex).join('\n')}\n\n` })
  const lines = jsonLines(said) as Shown[]
  t.equal(lines.length, vectors.length)
  for (const [index, { id, edition, decoded, nonstandard }] of vectors.entries()) {
    const line = lines[index]
    if (line === undefined) continue
    t.match(
      line,
      { address: decoded.address, control: decoded.control, length: decoded.length, preamble: decoded.preamble_fe },
      id,
    )
    t.equal(line.protocol, `dlt645-${edition}`, id)
    if (!line.ok) t.ok(nonstandard, `${id}: only what is nonstandard is refused`)
    else {
      t.equal(line.di, decoded.di, id)
      if (decoded.value !== null && decoded.values === undefined) t.equal(line.values[0]?.value, decoded.value, id)
    }
    t.strictSame(
      keys.filter((key) => !(key in line)),
      [],
      id,
    )
  }
  t.equal(said.status, lines.every(({ ok }) => ok) ? 0 : 2)
})

await t.test('every protocol is found out, or asked for by its name', async (t) => {
  const cases = [
    ...moduleVectors().map(({ hex }) => ['gdw1376-2', hex] as const),
    ...objectVectors().flatMap(({ hex, layer }) => (layer === 'frame' ? [['dlt698-45', hex] as const] : [])),
    ...modbusVectors().map(({ hex }) => ['modbus-rtu', hex] as const),
  ]
  const said = await wattkeep(['frame', '-', '--json'], { input: cases.map(([, hex]) => hex).join('\n') })
  const found = (jsonLines(said) as Shown[]).map(({ ok, protocol }) => (ok ? protocol : 'bad'))
  t.strictSame(
    found,
    cases.map(([protocol]) => protocol),
  )
  t.equal(said.status, 0)
  for (const [protocol, hex] of new Map(cases)) {
    t.match(jsonLines(await wattkeep(['frame', hex, '--protocol', protocol, '--json'])), [{ ok: true, protocol }])
  }
  const edition1997 = '6854071300801368810643C3343333332B16'
  t.match(jsonLines(await wattkeep(['frame', edition1997, '--protocol', 'dlt645-1997', '--json'])), [{ ok: true, di: '9010' }])
  t.match(jsonLines(await wattkeep(['frame', edition1997, '--protocol', 'dlt645-2007', '--json'])), [{ ok: false }])
})

await t.test('a bad frame says what is wrong where, and is status 2 wherever it stands', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['68 xx', 'not-hex'],
    ['686', 'not-hex'],
    ['FEFE', 'empty'],
    [good.slice(0, -2), 'truncated'],
    [`${good.slice(0, -4)}0016`, 'bad-checksum'],
    [`${good}00`, 'trailing-bytes'],
  ]
  const input = [good, ...cases.map(([hex]) => hex), good].join('\r\n')
  const said = await wattkeep(['frame', '-', '--json'], { input })
  const lines = jsonLines(said)
  t.equal(said.status, 2)
  t.equal(lines.length, cases.length + 2)
  for (const [index, [hex, code]] of cases.entries()) {
    t.match(lines[index + 1], { ok: false, error: { code, at: /^(byte|character) \d+$/, message: /./ } }, hex)
  }
  t.match(await wattkeep(['frame', 'zz']), { status: 2, out: /^bad frame: not-hex at character 0: / })
  t.match(await wattkeep(['frame', '-'], { input: good }), { status: 0, out: /0\.26 kWh/ }, 'a last line without its end')
  t.match(await wattkeep(['frame', '-'], { input: '' }), { status: 0, out: '' })
})

await t.test('bytes may stand apart, as words or with marks between them', async (t) => {
  const pairs = good.match(/../g) ?? []
  const said = 'dlt645-2007 reply 000000000161 91 DI 00010000: 0.26 kWh\n'
  t.match(await wattkeep(['frame', ...pairs]), { status: 0, out: said })
  t.match(await wattkeep(['frame', pairs.join(':').toLowerCase()]), { status: 0, out: said })
  const input = [pairs.join('-'), `0x${good}`, pairs.map((pair) => `0x${pair}`).join(' ')].join('\n')
  t.match(await wattkeep(['frame', '-'], { input }), { status: 0, out: said.repeat(3) })
  t.match(await wattkeep(['frame', '', '--json']), { status: 2, out: /"code":"empty","at":"character 0"/ })
  t.match(await wattkeep(['frame', '68;61']), { status: 2, out: /^bad frame: not-hex at character 2: .*";"/ })
  t.match(await wattkeep(['frame', '--help']), { status: 0, out: /blank lines\s+left out/ })
})

await t.test('a refusal of a meter is a good frame with the names of its bits', async (t) => {
  const said = await wattkeep(['frame', refusal, '--json'])
  t.equal(said.status, 0)
  t.match(jsonLines(said), [{ ok: true, control: 'D1', error: { code: 'refused', bits: ['no-such-data'] }, values: [] }])
})

await t.test('a protocol that is not built in is told', async (t) => {
  const said = await wattkeep(['frame', good, '--protocol', 'morse', '--json'])
  t.equal(said.status, 2)
  t.match(jsonLines(said), [{ ok: false, error: { code: 'unknown-protocol', at: '--protocol' } }])
  t.match(await wattkeep(['frame', '-', '--protocol', 'morse']), {
    status: 2,
    out: '',
    err: /--protocol: expected one of dlt645/,
  })
  t.equal((await wattkeep(['frame', good, '--protocol', 'dlt645-2007'])).status, 0)
  t.equal((await wattkeep(['frame'])).status, 2)
  t.equal((await wattkeep(['frames'])).status, 2)
})
