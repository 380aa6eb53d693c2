import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { createLink, parseLinkUrl } from '../../drivers/link/index.js'
import { noFaults, SimulatedArea, SimulatedServer, type BusFaults } from '../../drivers/simulated/index.js'
import { startWires } from '../../scripts/wire-process.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { jsonLines, wattkeep, type CommandOptions, type Said } from '../helpers/command-line.js'
import { silentLog } from '../helpers/uplink-bench.js'

t.setTimeout(180_000)

/** Told when a silent port has heard a request. */
let isHeard = (): void => undefined
const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })

interface Bench {
  readonly address: string
  readonly port: number
  readonly url: string
}

async function bench(t: Test, options: { readonly faults?: Partial<BusFaults>; readonly meters?: number } = {}): Promise<Bench> {
  const { faults = {}, meters = 1 } = options
  const area = new SimulatedArea(
    {
      ...{ seed: 3, buses: 1, metersPerBus: meters, startsAt: Date.now(), utcOffsetMinutes: 480, baud: 0 },
      faults: { ...noFaults, ...faults },
    },
    { clock, timers: systemTimers },
  )
  const [bus] = area.buses
  const [meter] = area.archive
  if (bus === undefined || meter === undefined) throw new Error('an empty area')
  const server = new SimulatedServer({
    ...{ wire: bus.wire, now: () => area.now(), timers: systemTimers, byteMs: 0, keepsDelays: true, seed: 1 },
    // Pieces of two transmissions would mix, and faults send two at a time.
    ...(options.faults === undefined ? { chunkBytesMax: 5 } : {}),
  })
  const port = await server.listen(0)
  t.teardown(() => server.close())
  return { address: meter.address, port, url: `tcp://127.0.0.1:${port}` }
}

const probe = (url: string, args: readonly string[], options?: CommandOptions): Promise<Said> =>
  wattkeep(['probe', '--link', url, '--protocol', 'dlt645-2007', ...args], options)

/** What it prints with `--json`: one object. */
async function probed(
  url: string,
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly report: unknown }> {
  const said = await probe(url, [...args, '--json'])
  const [report, ...more] = jsonLines(said)
  if (more.length > 0) throw new Error(`more than one line: ${said.out}`)
  return { status: said.status, report }
}

const energyAndVoltage = ['--read', '0001FF00', '02010100']

await t.test('reads registers of a meter by its address', async (t) => {
  const { url, address } = await bench(t, { meters: 3 })
  const { status, report } = await probed(url, ['--address', address, ...energyAndVoltage, '04000503'])
  t.equal(status, 0)
  const energy = { value: /^\d+\.\d\d$/, unit: 'kWh' }
  t.match(report, {
    ok: true,
    address,
    reads: [
      { register: '0001FF00', values: [energy, energy, energy, energy, energy], error: null },
      { register: '02010100', values: [{ value: /^\d+\.\d$/, unit: 'V' }], error: null },
      { register: '04000503', values: [{ value: /^[0-9A-F]{4}$/, unit: null }], error: null },
    ],
  })
  const text = await probe(url, ['--address', address, '--read', '02010100'])
  t.match(text, { status: 0, err: '' })
  t.match(text.out, new RegExp(`^meter ${address}\n02010100 {2}\\d+\\.\\d V\n$`))
  const word = await probe(url, ['--address', address, '--read', '04000503'])
  t.match(word.out, /\n04000503 {2}[0-9A-F]{4} \([a-z0-9 -]+\)\n$/, 'with the names of its bits')
  t.notMatch(JSON.stringify(report), /bits/, 'which data do not have')
})

await t.test('finds the single meter', async (t) => {
  const { url, address } = await bench(t)
  t.match(await probed(url, ['--find']), { status: 0, report: { ok: true, address, reads: [] } })
  t.match(await probed(url, ['--find', ...energyAndVoltage]), { status: 0, report: { ok: true, address, reads: [{}, {}] } })
})

for (const [what, faults] of [
  ['an echo of each request', { echo: true }],
  ['noise in front of every reply', { noisePpm: 1_000_000 }],
  ['every reply twice', { duplicatedPpm: 1_000_000 }],
  ['an echo, noise and late replies', { echo: true, noisePpm: 500_000, delayedPpm: 1_000_000, delayMsMax: 400 }],
] as const) {
  await t.test(`reads through ${what}`, async (t) => {
    const { url, address } = await bench(t, { faults })
    const { status, report } = await probed(url, ['--find', ...energyAndVoltage, '--repeats', '5'])
    t.equal(status, 0)
    t.match(report, { ok: true, address, reads: [{ error: null }, { error: null, values: [{ unit: 'V' }] }] })
  })
}

await t.test('a slow meter is heard when one waits for it', async (t) => {
  const { url, address } = await bench(t, { faults: { delayedPpm: 1_000_000, delayMsMax: 1500 } })
  const args = ['--address', address, '--read', '02010100', '--repeats', '0']
  t.match(await probed(url, [...args, '--wait', '2500']), { status: 0, report: { ok: true } })
})

await t.test('a refusal is an answer; silence and garbage are none', async (t) => {
  const { url, address } = await bench(t)
  const refused = await probed(url, ['--address', address, '--read', '0E0E0E0E'])
  t.match(refused, {
    status: 0,
    report: { ok: true, reads: [{ values: [], error: { code: 'refused', bits: ['no-such-data'] } }] },
  })
  const quick = ['--wait', '50', '--repeats', '1']
  const silent = await probed(url, ['--address', '000000000999', '--read', '02010100', ...quick])
  t.match(silent, {
    status: 1,
    report: { ok: false, reads: [{ register: '02010100', values: [], error: { code: 'no-reply' } }] },
  })
  const cut = await bench(t, { faults: { flippedPpm: 1_000_000 } })
  const garbled = await probed(cut.url, ['--address', cut.address, '--read', '02010100', '--repeats', '0'])
  t.match(garbled, { status: 1, report: { ok: false, reads: [{ error: { code: 'garbled' } }] } })
  t.match(await probed(url.replace(/\d+$/, String(await silentPort(t))), ['--find', ...quick]), {
    status: 1,
    report: { ok: false, address: null, reads: [], error: { code: 'no-reply' } },
  })
})

await t.test('a link that does not open says why, at once', async (t) => {
  const closed = await probed(`tcp://127.0.0.1:${await freePort()}`, ['--find'])
  t.match(closed, {
    status: 1,
    report: { ok: false, reads: [], error: { code: 'connection-refused', at: 'link', message: /ECONNREFUSED/ } },
  })
  t.match(await probe('serial:/dev/none-of-this-name', ['--find']), {
    status: 1,
    out: /^failed: no-device: the link does not open/,
  })
})

await t.test('a connection that is lost on the way is told', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => void server.close())
  const { port } = server.address() as AddressInfo
  const args = ['--address', '000000000161', '--read', '02010100', '--repeats', '0']
  t.match(await probed(`tcp://127.0.0.1:${port}`, args), {
    status: 1,
    report: { ok: false, reads: [{ error: { code: 'bus-down' } }] },
  })
})

await t.test('Ctrl-C ends it while nobody answers', async (t) => {
  const heard = new Promise<void>((resolve) => (isHeard = resolve))
  const port = await silentPort(t)
  const said = await probe(`tcp://127.0.0.1:${port}`, ['--find', '--wait', '10000'], {
    onStart: ({ kill }) => void heard.then(() => kill('SIGINT')),
  })
  t.match(said, { status: 130, out: '', err: '' })
})

await t.test('a wrong command line is status 2, as JSON where that is asked for', async (t) => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--address', '161x', '--read', '02010100'], '--address'],
    [['--address', '000000000161', '--read', 'volts'], '--read'],
    [['--address', '000000000161'], '--read'],
    [['--find', '--address', '000000000161'], '--address'],
    [[], '--address'],
    [['--find', '--repeats', '99'], '--repeats'],
    [['--find', '--wait', '5'], '--wait'],
  ]
  for (const [args, at] of cases) {
    t.match(await probed('tcp://127.0.0.1:1', args), { status: 2, report: { ok: false, error: { at } } }, args.join(' '))
  }
  t.match(await probed('carrier:pigeon', ['--find']), { status: 2, report: { error: { at: /^--link/ } } })
  const link = 'serial:/dev/ttyS1?baud=abc&parity=x'
  t.match(await probed(link, ['--address', '161x', '--wait', '5']), {
    status: 2,
    report: {
      error: { code: 'link-option', at: '--link baud' },
      problems: [{ at: '--link baud' }, { at: '--link parity' }, { at: '--address' }, { at: '--read' }, { at: '--wait' }],
    },
  })
  t.match(await probe(link, ['--find']), {
    status: 2,
    out: '',
    err: /^wattkeep: --link baud: expected a whole number .*\nwattkeep: --link parity: expected none, even or odd, got "x"\n$/,
  })
  t.match(await wattkeep(['probe', '--link', 'tcp://h:1', '--protocol', 'morse', '--find']), {
    status: 2,
    err: /expected one of dlt645-2007/,
  })
  t.match(await wattkeep(['probe', '--find']), { status: 2, err: /--link/ })
})

await t.test('reads over a terminal at the pace of a wire; a port in use is told', async (t) => {
  const { port, address } = await bench(t)
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-probe-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const link = join(folder, 'tty')
  const wires = await startWires({
    wires: [{ link, connect: `127.0.0.1:${port}` }],
    ...{ baud: 2400, parity: 'even', replyDelayMs: 20, echo: true },
  })
  t.teardown(() => wires.stop())
  const url = `serial:${link}?baud=2400&parity=even`
  t.match(await probed(url, ['--find', ...energyAndVoltage]), {
    status: 0,
    report: { ok: true, address, reads: [{ error: null }, { values: [{ unit: 'V' }] }] },
  })
  const spec = parseLinkUrl(url)
  if (!spec.ok) throw new Error(spec.error.map(({ message }) => message).join('; '))
  const held = createLink(spec.value, { clock, timers: systemTimers, random: systemRandom, log: silentLog })
  const isOpen = new Promise<void>((resolve) => held.onState((open) => (open ? resolve() : undefined)))
  held.start()
  await isOpen
  t.match(await probe(url, ['--find']), { status: 1, out: /^failed: locked: .* wattkeep read/ })
  await held.close()
  t.match(await probed(url, ['--address', address, '--read', '02010100']), { status: 0 })
})

/** A port on which requests are taken and nothing is said. */
async function silentPort(t: Test): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => isHeard())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
