import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { DeviceServer, SimulatedArea, type LinkPlan } from '../../drivers/simulated/index.js'
import { linkId } from '../../src/model/index.js'
import { encodeDown, type DownUnit } from '../../src/protocols/gdw1376/index.js'
import { createSystemClock, systemTimers } from '../../src/runtime/system-clock.js'
import { jsonLines, wattkeep } from '../helpers/command-line.js'

t.setTimeout(240_000)

const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })

async function bench(t: Test, plan: LinkPlan) {
  const area = new SimulatedArea(
    { seed: 3, links: [plan], startsAt: Date.now(), utcOffsetMinutes: 480, baud: 9600 },
    { clock, timers: systemTimers },
  )
  const name = linkId('bus1')
  const { device, wire, byteMs } = area.bus(name)
  if (device === null) throw new Error('no device')
  const server = new DeviceServer({
    ...{ device, byteMs, seed: 1, timers: systemTimers },
    faults: () => wire.faults,
    now: () => area.now(),
  })
  const port = await server.listen(0)
  t.teardown(() => server.close())
  const [meter] = area.archive
  if (meter === undefined) throw new Error('an empty area')
  return { area, port, url: `tcp://127.0.0.1:${port}`, module: area.module(name), meter }
}

async function probed(url: string, args: readonly string[]) {
  const said = await wattkeep(['probe', '--link', url, ...args, '--json'])
  return { status: said.status, report: jsonLines(said)[0] }
}

/** What somebody else tells the module, whose answer nobody waits for. */
async function tell(port: number, unit: DownUnit): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.write(encodeDown(unit, { mode: 3, sequence: 200 }))
  await new Promise<void>((resolve) => socket.once('data', () => resolve()))
  socket.destroy()
}

await t.test('a module tells what it is, in its own units', async (t) => {
  const { url, module, meter } = await bench(t, { kind: 'plc-hplc', meters: 3, module: { stands: true } })
  const asked = ['03F1', '03F4', '03F7', '03f10', '03F11', '10F1', '10F2', '10F4', '03F8']
  const { status, report } = await probed(url, ['--protocol', 'gdw1376-2', '--find', '--read', ...asked])
  t.equal(status, 0, 'a refusal is an answer')
  const text = (name: string, value: unknown, unit: string | null = null) => ({ name, value, unit })
  t.match(report, {
    ok: true,
    address: module.mainNode,
    reads: [
      {
        register: '03F1',
        values: [text('vendor', 'SM'), text('chip', 'W1'), text('versionDate', /^20\d\d-\d\d-\d\d$/), text('version', '0101')],
        error: null,
      },
      { register: '03F4', values: [text('mainNode', module.mainNode)], error: null },
      { register: '03F7', values: [text('timeoutS', /^\d+$/, 's')], error: null },
      { register: '03F10', values: [text('commMode', '2'), text('ownRouting', /^(true|false)$/)], error: null },
      { register: '03F11', values: [text('ofAfn', '3'), text('fns[0]', '1')], error: null },
      { register: '10F1', values: [text('nodeCount', '3'), text('maxNodes', /^\d+$/)], error: null },
      { register: '10F2', values: [text('total', '3'), text('nodes[0].address', meter.address)], error: null },
      { register: '10F4', values: [text('learningDone', /./), text('working', 'false')], error: null },
      {
        register: '03F8',
        values: [],
        error: { code: 'refused', bits: ['no-such-function'], message: 'the module refused: no-such-function (00F2, code 4)' },
      },
    ],
  })
  const said = await wattkeep(['probe', '--link', url, '--protocol', 'gdw1376-2', '--read', '10F1', '03F1'])
  t.match(said, { status: 0, out: /^module\n10F1 {2}nodeCount 3, maxNodes \d+\n03F1 {2}vendor SM, chip W1, / })
  const heard = Object.keys(module.counts).filter((name) => name.startsWith('heard '))
  t.match(heard.sort().at(0), /^heard main-node$/)
  t.strictSame(
    heard.filter((name) => /set|add|delete|reset|routing|confirm/.test(name)),
    [],
    'nothing is changed',
  )
})

for (const [kind, address] of [
  ['plc-narrow', 'narrowband'],
  ['wireless', 'radio'],
] as const) {
  await t.test(`the mode of a ${address} module is found out`, async (t) => {
    const { url, module } = await bench(t, { kind, meters: 2, module: { stands: true, quirks: { reportsStart: false } } })
    const { status, report } = await probed(url, ['--protocol', 'gdw1376-2', '--read', '03F4'])
    t.equal(status, 0)
    t.match(report, { ok: true, address: null, reads: [{ values: [{ name: 'mainNode', value: module.mainNode, unit: null }] }] })
  })
}

for (const { kind, via } of [
  { kind: 'plc-hplc', via: 'plc' },
  { kind: 'plc-narrow', via: 'plc' },
  { kind: 'wireless', via: 'wireless' },
] as const) {
  await t.test(`a meter behind a module of the kind ${kind}`, async (t) => {
    const plan = { kind, meters: 2, module: { stands: true } } as const
    const { url, module, meter } = await bench(t, { ...plan, protocols: { 'dlt698-45': 0 } })
    const through = ['--via', via, '--protocol', 'dlt645-2007']
    const { status, report } = await probed(url, [...through, '--address', meter.address, '--read', '00010000', '0E0E0E0E'])
    t.equal(status, 0)
    t.match(report, {
      ok: true,
      address: meter.address,
      reads: [
        { register: '00010000', values: [{ value: /^\d+\.\d\d$/, unit: 'kWh' }], error: null },
        { register: '0E0E0E0E', values: [], error: { code: 'refused', bits: ['no-such-data'] } },
      ],
    })
    t.match(await probed(url, [...through, '--address', '000000999999', '--read', '00010000', '02010100']), {
      status: 1,
      report: {
        ok: false,
        reads: [{ error: { code: 'meter-not-in-archive', bits: ['meter-not-in-archive'], message: /00F2, code 7/ } }, {}],
      },
    })
    t.equal(module.archiveSize, 2)
  })
}

await t.test('meters of objects travel as their module wants them', async (t) => {
  for (const kind of ['plc-hplc', 'plc-narrow'] as const) {
    const plan = { kind, meters: 1, protocols: { 'dlt698-45': 1_000_000 } } as const
    const { url, meter } = await bench(t, { ...plan, module: { stands: true, quirks: { refuses698: kind === 'plc-narrow' } } })
    t.equal(meter.protocol, 'dlt698-45')
    const args = ['--via', 'plc', '--protocol', 'dlt698-45', '--address', meter.address, '--read', '00100200']
    t.match(await probed(url, args), { status: 0, report: { ok: true, reads: [{ error: null, values: [{ unit: 'kWh' }] }] } })
  }
})

await t.test('a meter that is silent, and a module that reads by itself', async (t) => {
  const { area, url, meter, port } = await bench(t, {
    ...{ kind: 'plc-hplc', meters: 2 },
    module: { stands: true, figures: { giveUpMs: 500 }, faults: { liveUnitsPpm: 1_000_000 } },
  })
  area.meter(meter.address).setDead(true)
  const args = ['--via', 'plc', '--protocol', 'dlt645-2007', '--address', meter.address, '--read', '00010000']
  t.match(await probed(url, args), {
    status: 1,
    report: { ok: false, reads: [{ error: { code: 'no-reply', message: 'the module found the meter silent' } }] },
  })
  await tell(port, { name: 'restart-routing' })
  const said = await wattkeep(['probe', '--link', url, ...args])
  t.match(said, { status: 1, out: /module-leads: the module reads by itself .* wattkeep read/s })
  t.match(
    await probed(url, ['--protocol', 'gdw1376-2', '--read', '10F4']),
    {
      report: { reads: [{ values: [{}, { name: 'working', value: 'true' }] }] },
    },
    'and goes on',
  )
})

await t.test('nobody at the link', async (t) => {
  const server = createServer((socket) => void socket.on('error', () => undefined).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const url = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
  const own = ['--protocol', 'gdw1376-2', '--wait', '100', '--repeats', '0']
  const silent = { code: 'no-reply', message: 'the module did not answer' }
  const notAsked = { register: '03F4', error: { code: 'no-reply', message: /^not asked/ } }
  t.match(await probed(url, [...own, '--read', '03F1', '03F4']), {
    status: 1,
    report: { ok: false, reads: [{ error: silent }, notAsked] },
  })
  t.match(await probed(url, [...own, '--find']), {
    status: 1,
    report: { ok: false, address: null, reads: [], error: { code: 'no-reply', at: 'find' } },
  })
  const via = ['--via', 'wireless', '--protocol', 'dlt645-2007', '--address', '000000000001', '--read', '00010000']
  t.match(await probed(url, via), {
    status: 1,
    report: { ok: false, reads: [{ error: { code: 'no-reply', message: 'the module does not answer' } }] },
  })
})

await t.test('what would change a module, or makes no sense, is refused before anything is sent', async (t) => {
  const module = ['--protocol', 'gdw1376-2']
  const meter = ['--protocol', 'dlt645-2007', '--via', 'plc']
  const read = ['--read', '00010000']
  const cases: readonly (readonly [readonly string[], object])[] = [
    ...['01F1', '02F1', '04F1', '05F1', '11F1', '12F2', '13F1', '14F1', '15F1', 'F1F1', '00F1', '06F1'].map(
      (register) => [[...module, '--read', register], { code: 'not-read-only', at: '--read' }] as const,
    ),
    [[...module, '--read', '10F3'], { code: 'needs-argument' }],
    [[...module, '--read', '03F99'], { code: 'unknown-register', message: /03F1, / }],
    [[...module, '--read', 'version'], { code: 'bad-register' }],
    [module, { code: 'nothing-to-read', at: '--read' }],
    [[...module, '--find', '--address', '1'], { code: 'needless-address', at: '--address' }],
    [[...module, '--find', '--via', 'plc'], { code: 'needless-via', at: '--via' }],
    [[...module, '--find', '--wait', '10001'], { code: 'bad-number', at: '--wait' }],
    [[...meter, '--find'], { code: 'no-find', at: '--find' }],
    [[...meter, '--address', '1', ...read, '--wait', '200000'], { code: 'bad-number', at: '--wait' }],
    [['--protocol', 'dlt645-2007', '--via', 'pigeon', '--address', '1', ...read], { code: 'unknown-module', at: '--via' }],
    [
      ['--protocol', 'modbus-rtu:three-phase-supply-meter', '--via', 'plc', '--address', '1', '--read', 'energy'],
      { code: 'not-carried', at: '--protocol' },
    ],
  ]
  for (const [args, error] of cases) {
    t.match(await probed('tcp://127.0.0.1:1', args), { status: 2, report: { ok: false, error } }, args.join(' '))
  }
})
