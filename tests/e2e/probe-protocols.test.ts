import { once } from 'node:events'
import { join } from 'node:path'
import modbusSerial from 'modbus-serial'
import t from 'tap'
import { startWires } from '../../scripts/wire-process.js'
import * as edition1997 from '../../src/protocols/dlt645-1997/index.js'
import { anyFrameScanner } from '../../src/protocols/dlt645/index.js'
import * as objects from '../../src/protocols/dlt698/index.js'
import { serveFrame, requestScanner } from '../../src/protocols/modbus/index.js'
import { jsonLines, wattkeep, type Said } from '../helpers/command-line.js'
import { startJoint } from '../helpers/joint.js'
import { startLine, type LineMeter } from '../helpers/line-meter.js'
import { projectRoot } from '../helpers/root.js'

t.setTimeout(180_000)

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'))

interface Probed {
  readonly status: number | null
  readonly report: unknown
}

const probe = (protocol: string, url: string, args: readonly string[]): Promise<Said> =>
  wattkeep(['probe', '--link', url, '--protocol', protocol, ...args])

async function probed(protocol: string, url: string, args: readonly string[]): Promise<Probed> {
  const said = await probe(protocol, url, [...args, '--json'])
  return { status: said.status, report: jsonLines(said)[0] }
}

const noise = bytesOf('00FF68A55A')
const address = '000000000321'
const quick = ['--wait', '100', '--repeats', '0']

/** An old meter with a total and three voltages; what it has not is refused. */
const oldMeter = (wildcard: edition1997.WildcardAnswer): LineMeter => ({
  scanner: anyFrameScanner,
  answer: (bytes) => {
    const frame = edition1997.decodeFrame(bytes)
    const request = frame.ok ? edition1997.parseRequest(frame.value) : frame
    if (!frame.ok || !request.ok || request.value.fn !== 'read') return null
    const { di } = request.value
    const known: Readonly<Record<string, string>> = { '9010': '56341200', B61F: '200222022102AA', C032: '210300000000' }
    const data = known[di]
    const [reply] =
      data === undefined ? [{ kind: 'refusal', fn: 'read', errors: 2 } as const] : edition1997.answersFor(di, bytesOf(data))
    const asked = { address: frame.value.address, request: request.value }
    return reply === undefined ? null : edition1997.answerFrame(address, asked, reply, wildcard)
  },
})

/** A meter of objects: energy with two rates, a day freeze of one row, the address. */
const meterOfObjects = (own: string): LineMeter => ({
  scanner: objects.anyFrameScanner,
  answer: (bytes) => {
    const frame = objects.decodeFrame(bytes)
    const request = frame.ok ? objects.parseApdu(frame.value.body) : frame
    if (!frame.ok || !request.ok || objects.addressed(own, frame.value.server) !== 'answer') return null
    const answer = objects.answerRequest(request.value, objectsOf)
    return answer === null ? null : (objects.answerFrames(own, frame.value, answer)[0] ?? null)
  },
})
const objectMeter = meterOfObjects(address)

const number = (value: number): objects.Data => ({ type: 'uint32', value })
const objectsOf: objects.MeterObjects = {
  get: (oad) => {
    if (oad === '00100200') return { kind: 'data', data: { type: 'array', items: [number(12_345), number(12_000), number(345)] } }
    if (oad === '40010200') return { kind: 'data', data: { type: 'octet-string', hex: address } }
    return { kind: 'dar', dar: 6 }
  },
  record: (_oad, _selector, columns) => {
    const row = columns.map((_, index): objects.Data =>
      index === 0 ? { type: 'date_time_s', hex: '07EA0301000000' } : number(777),
    )
    return { kind: 'rows', rows: [row] }
  },
  set: () => 3,
  act: () => ({ dar: 3, data: null }),
}

const faultsOf = { echo: true, noise, chunkBytes: 3 }

await t.test('a meter of the 1997 edition', async (t) => {
  const url = await startLine(t, [oldMeter('own-address')])
  const read = await probed('dlt645-1997', url, ['--address', address, '--read', '9010', 'B61F', '9020'])
  t.strictSame(read, {
    status: 0,
    report: {
      ok: true,
      address,
      reads: [
        { register: '9010', values: [{ value: '1234.56', unit: 'kWh' }], error: null },
        { register: 'B61F', values: ['220', '222', '221'].map((value) => ({ value, unit: 'V' })), error: null },
        {
          ...{ register: '9020', values: [] },
          error: { code: 'refused', message: 'the meter refused: no-such-data', bits: ['no-such-data'] },
        },
      ],
    },
  })
  t.match(await probed('dlt645-1997', url, ['--find']), { status: 0, report: { ok: true, address, reads: [] } })
  const echoing = await startLine(t, [oldMeter('echo')], faultsOf)
  const found = await probed('dlt645-1997', echoing, ['--find', '--read', '9010'])
  t.match(found, { status: 0, report: { ok: true, address, reads: [{ values: [{ value: '1234.56' }] }] } }, 'by its number')
})

await t.test('a meter of objects', async (t) => {
  const url = await startLine(t, [objectMeter])
  const registers = ['00100200', '50040200:00100201#01', '20000200']
  const read = await probed('dlt698-45', url, ['--address', address, '--read', ...registers])
  t.match(read, {
    status: 0,
    report: {
      ok: true,
      address,
      reads: [
        { register: '00100200', values: ['123.45', '120.00', '3.45'].map((value) => ({ value, unit: 'kWh' })), error: null },
        { register: '50040200:00100201#01', values: [{ value: '7.77', unit: 'kWh' }], error: null },
        { register: '20000200', values: [], error: { code: 'refused', bits: ['object-does-not-exist'] } },
      ],
    },
  })
  const text = await probe('dlt698-45', url, ['--find', '--read', '00100200'])
  t.match(text, { status: 0, out: new RegExp(`^meter ${address}\n00100200 {2}123\\.45 kWh, 120\\.00 kWh, 3\\.45 kWh\n$`) })
})

/** Words 0 and 1: energy; three voltages from 32 on. */
const words: ReadonlyMap<number, number> = new Map([
  [0, 0x30],
  [1, 0x39],
  [32, 2301],
  [33, 0xffff],
  [34, 2299],
])
const device: LineMeter = {
  scanner: requestScanner,
  answer: (bytes) => {
    const holding = (at: number) => words.get(at) ?? null
    return serveFrame(1, bytes, { holding, coil: () => null, input: () => null, inputRegister: () => null }).reply
  },
}
const supply = 'modbus-rtu:three-phase-supply-meter'
const supplyReads = [
  { register: 'energy', values: [{ value: '31457.85', unit: 'kWh' }], error: null },
  { register: 'voltage', values: ['230.1', null, '229.9'].map((value) => ({ value, unit: 'V' })), error: null },
  { register: 'frequency', values: [], error: { code: 'refused', bits: ['illegal-data-address'] } },
]
const supplyArgs = ['--address', '1', '--read', 'energy', 'voltage', 'frequency']

await t.test('a Modbus device, by a map that comes with the program or by a file', async (t) => {
  const url = await startLine(t, [device])
  const report = { ok: true, address: '1', reads: supplyReads }
  t.match(await probed(supply, url, supplyArgs), { status: 0, report })
  const file = join(projectRoot(), 'config/modbus/three-phase-supply-meter.yaml')
  t.match(await probed(supply, url, ['--map', file, ...supplyArgs]), { status: 0, report })
  t.match(await probed('modbus-rtu', url, ['--map', 'three-phase-supply-meter', ...supplyArgs]), { status: 0, report })
})

await t.test('an independent Modbus device, RTU over TCP', async (t) => {
  const joint = await startJoint()
  const path = join(t.testdir({}), 'device')
  const wires = await startWires({ wires: [{ link: path, connect: `127.0.0.1:${joint.port}` }], baud: 115_200, replyDelayMs: 1 })
  const missing = Object.assign(new Error('there is nothing'), { modbusErrorCode: 2 })
  const getHoldingRegister = (at: number, _unit: number, answer: (error: Error | null, value: number) => void) => {
    const word = words.get(at)
    answer(word === undefined ? missing : null, word ?? 0)
  }
  const independent = new modbusSerial.ServerSerial({ getHoldingRegister }, { path, baudRate: 115_200, unitID: 1 })
  await once(independent, 'initialized')
  t.teardown(async () => {
    await new Promise<void>((resolve) => independent.close(() => resolve()))
    await wires.stop()
    await joint.close()
  })
  const url = `tcp://127.0.0.1:${joint.port}`
  t.match(await probed(supply, url, supplyArgs), { status: 0, report: { ok: true, address: '1', reads: supplyReads } })
})

const benches = [
  { protocol: 'dlt645-1997', meter: oldMeter('own-address'), own: address, other: '000000000999', register: '9010' },
  { protocol: 'dlt698-45', meter: objectMeter, own: address, other: '000000000999', register: '00100200' },
  { protocol: supply, meter: device, own: '1', other: '2', register: 'energy' },
] as const

for (const { protocol, meter, own, other, register } of benches) {
  await t.test(`${protocol}: echo, noise, pieces, silence`, async (t) => {
    const args = ['--address', own, '--read', register]
    const good = { status: 0, report: { ok: true, address: own, reads: [{ register, values: [{ unit: 'kWh' }], error: null }] } }
    const noisy = await startLine(t, [meter], faultsOf)
    t.match(await probed(protocol, noisy, [...args, '--repeats', '3']), good, 'through an echo, noise and in pieces')
    t.match(await probed(protocol, await startLine(t, [meter], { deafFor: 1 }), [...args, '--wait', '200']), good, 'asked again')
    const silent = { status: 1, report: { ok: false, reads: [{ register, values: [], error: { code: 'no-reply' } }] } }
    t.match(await probed(protocol, noisy, ['--address', other, '--read', register, ...quick]), silent, 'another meter’s address')
    const garbling: LineMeter = { ...meter, answer: (request) => meter.answer(request)?.with(-3, 0x11) ?? null }
    t.match(await probed(protocol, await startLine(t, [garbling]), [...args, ...quick]), {
      status: 1,
      report: { ok: false, reads: [{ values: [], error: { code: /^(garbled|no-reply)$/ } }] },
    })
  })
}

await t.test('two meters that answer a search are not taken for one', async (t) => {
  const two = meterOfObjects('000000000777')
  t.match(await probed('dlt698-45', await startLine(t, [two]), ['--find', ...quick]), {
    status: 1,
    report: { ok: false, address: null, reads: [], error: { code: 'invalid', at: 'find' } },
  })
})

await t.test('what a protocol has not, or a map is not, is told before anything is done', async (t) => {
  const cases: readonly (readonly [string, readonly string[], object])[] = [
    [supply, ['--find'], { code: 'no-find', at: '--find' }],
    [supply, ['--address', '0', '--read', 'energy'], { at: '--address' }],
    [supply, ['--address', '1', '--read', 'volts'], { at: '--read', message: /a code of the map/ }],
    ['modbus-rtu', ['--address', '1', '--read', 'energy'], { code: 'no-map', at: '--map' }],
    ['modbus-rtu:nowhere', ['--address', '1', '--read', 'energy'], { code: 'no-map', at: '--map' }],
    [
      'modbus-rtu:other',
      ['--map', 'transformer-sensor', '--address', '1', '--read', 'alarms'],
      { code: 'mismatch', at: '--map' },
    ],
    [
      'modbus-rtu',
      ['--map', 'nowhere.yaml', '--address', '1', '--read', 'alarms'],
      { code: 'unreadable', at: /^--map .*nowhere\.yaml/ },
    ],
    ['dlt645-1997', ['--map', 'transformer-sensor', '--find'], { code: 'needless-map', at: '--map' }],
    ['dlt645-1997', ['--address', address, '--read', '00010000'], { at: '--read' }],
    ['dlt698-45', ['--address', address, '--read', '9010'], { at: '--read', message: /eight hexadecimal digits/ }],
    ['gdw1376-1', ['--find'], { code: 'unknown-protocol', at: '--protocol', message: /gdw1376-2, modbus-rtu:NAME/ }],
  ]
  for (const [protocol, args, error] of cases) {
    t.match(
      await probed(protocol, 'tcp://127.0.0.1:1', args),
      { status: 2, report: { ok: false, error } },
      `${protocol} ${args.join(' ')}`,
    )
  }
})
