import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  controlLine,
  DeviceServer,
  linkKinds,
  moduleVendors,
  noFaults,
  languageOf,
  SimulatedArea,
  SimulatedServer,
  siteFiles,
  startControlServer,
  type AreaBus,
  type AreaServer,
  type ControlledArea,
  type LinkPlan,
  type ModulePlan,
} from '../drivers/simulated/index.js'
import { wordsToCommand } from '../drivers/simulated/control-words.js'
import { createSystemClock, systemTimers } from '../src/runtime/system-clock.js'
import { dayMs } from '../src/model/index.js'
import { startWires, type WireProcess } from './wire-process.js'

const usage = `usage: scripts/simulate [options]

Simulates a transformer area: meters on half-duplex buses, behind carrier and radio modules (Q/GDW 1376.2) and behind radio
modems, each link behind a TCP port of 127.0.0.1 or, with --pty, a terminal with the pace of a real wire. Runs until Ctrl-C.
Reads commands from its standard input: help.

  --buses N              RS-485 buses of DL/T 645-2007 meters (default 2)
  --meters N             meters on each (default 20)
  --link KIND:N[:P=S…]   instead of --buses, once for each link: rs485, plc-hplc, plc-narrow, wireless or radio-modem with N meters;
                         P=S gives S percent of them another protocol: plc-hplc:100:dlt698-45=30:dlt645-1997=5
  --vendor NAME          what the modules are like: plain, terse, odd or old (default plain)
  --hop-loss PERCENT     of each hop of a network that gets lost (default 0)
  --new-modules          modules know no meters yet, and their networks have to be built (default: they stand)
  --seed N               the same seed gives the same area (default 1)
  --baud N               pace of the wires; 0: none (default 2400)
  --tcp-base-port N      link 1 listens here, link 2 one higher …; 0: any free ports (default 7001)
  --pty DIR              terminals DIR/bus1, DIR/bus2 … as well, paced by scripts/wire.py
  --reply-delay-ms N     on terminals: from the request's end to the reply (default 20)
  --control PATH         takes command lines (JSON) on this Unix socket
  --write-config DIR     writes a site that matches: wattkeep.yaml, archive.yaml, secrets.yaml
  --history-days N       meters have run for so long (default 3)
  --lost PERCENT         exchanges that get lost, half of them on the way there (default 0)
  --dead PERCENT         meters that never answer (default 0)
  --supply-meter         a meter for the whole area, on link 1
  --json                 prints one line of JSON when ready, instead of text
`

/** Of modules (Q/GDW 1376.2: 9600 8E1); a modem is given the same here. */
const deviceBaud = 9600
const projectRoot = findRoot(dirname(fileURLToPath(import.meta.url)))

await main().catch((error: unknown) => {
  process.stderr.write(`simulate: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 2
})

async function main(): Promise<void> {
  const options = readOptions()
  if (options === null) return
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const area = makeArea(options, { clock, timers: systemTimers })
  const servers = await startServers(area, options)
  const terminals = options.pty === null ? [] : await startTerminals(area, servers, options)
  const urls = new Map(area.buses.map((bus) => [bus.link, urlOf(bus, servers.get(bus.link)?.port ?? 0, options)]))
  if (options.writeConfig !== null) writeSite(area, urls, options.writeConfig)

  let stopped = (): void => undefined
  const untilStopped = new Promise<void>((done) => (stopped = done))
  const world: ControlledArea = { area, servers, stop: () => stopped() }
  const closeControl = options.control === null ? null : await startControlServer(world, options.control)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped())
  announce(area, urls, options)
  const input = createInterface({ input: process.stdin })
  input.on('line', (line) => takeLine(world, line))

  await untilStopped
  input.close()
  process.stdin.destroy()
  await closeControl?.()
  for (const terminal of terminals) await terminal.stop()
  for (const server of servers.values()) await server.close()
  // Timers of replies, heartbeats and plans still wait; nothing of theirs matters any more.
  process.exit(0)
}

interface Options {
  readonly buses: number
  readonly meters: number
  /** Null: buses and meters as numbers say. */
  readonly links: readonly LinkPlan[] | null
  readonly seed: number
  readonly baud: number
  readonly basePort: number
  readonly pty: string | null
  readonly replyDelayMs: number
  readonly control: string | null
  readonly writeConfig: string | null
  readonly historyDays: number
  readonly lostPercent: number
  readonly deadPercent: number
  readonly supplyMeter: boolean
  readonly json: boolean
}

/** @returns null when only help was wanted. @throws Error that says which option is wrong */
function readOptions(): Options | null {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({
    options: {
      buses: text,
      meters: text,
      link: { ...text, multiple: true },
      vendor: text,
      'hop-loss': text,
      'new-modules': flag,
      seed: text,
      baud: text,
      'tcp-base-port': text,
      pty: text,
      'reply-delay-ms': text,
      control: text,
      'write-config': text,
      'history-days': text,
      lost: text,
      dead: text,
      'supply-meter': flag,
      json: flag,
      help: { ...flag, short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return null
  }
  return {
    buses: whole('buses', values.buses, 2, 1, 99),
    meters: whole('meters', values.meters, 20, 1, 9999),
    links: values.link?.map((link) => parseLink(link, modulePlan(values))) ?? null,
    seed: whole('seed', values.seed, 1, 0, 0xffffffff),
    baud: whole('baud', values.baud, 2400, 0, 1_000_000),
    basePort: whole('tcp-base-port', values['tcp-base-port'], 7001, 0, 65_000),
    pty: values.pty ?? null,
    replyDelayMs: whole('reply-delay-ms', values['reply-delay-ms'], 20, 0, 10_000),
    control: values.control ?? null,
    writeConfig: values['write-config'] ?? null,
    historyDays: whole('history-days', values['history-days'], 3, 0, 400),
    lostPercent: whole('lost', values.lost, 0, 0, 100),
    deadPercent: whole('dead', values.dead, 0, 0, 100),
    supplyMeter: values['supply-meter'],
    json: values.json,
  }
}

function whole(name: string, text: string | undefined, fallback: number, min: number, max: number): number {
  const value = text === undefined ? fallback : Number(text)
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`--${name} takes a whole number from ${min} to ${max}, not ${text}`)
  }
  return value
}

interface ModuleValues {
  readonly vendor?: string | undefined
  readonly 'hop-loss'?: string | undefined
  readonly 'new-modules': boolean
}

function modulePlan(values: ModuleValues): ModulePlan {
  const { vendor = 'plain' } = values
  const found = Object.entries(moduleVendors).find(([name]) => name === vendor)
  if (found === undefined) throw new Error(`--vendor takes ${Object.keys(moduleVendors).join(', ')}, not ${vendor}`)
  const hopLossPpm = whole('hop-loss', values['hop-loss'], 0, 0, 100) * 10_000
  return { quirks: found[1], faults: { hopLossPpm }, stands: !values['new-modules'] }
}

/** `plc-hplc:100:dlt698-45=30`. @throws Error that says what was expected */
function parseLink(text: string, module: ModulePlan): LinkPlan {
  const [kindText = '', metersText, ...shares] = text.split(':')
  const kind = linkKinds.find((name) => name === kindText)
  if (kind === undefined) throw new Error(`--link begins with ${linkKinds.join(', ')}, not ${JSON.stringify(kindText)}`)
  const protocols = shares.map((share) => {
    const [protocol = '', percent] = share.split('=')
    // Refuses a protocol that is not simulated.
    languageOf(protocol)
    return [protocol, whole('link', percent, 0, 0, 100) * 10_000] as const
  })
  return { kind, meters: whole('link', metersText, 20, 1, 9999), protocols: Object.fromEntries(protocols), module }
}

function makeArea(options: Options, time: ConstructorParameters<typeof SimulatedArea>[1]): SimulatedArea {
  const half = options.lostPercent * 5_000
  return new SimulatedArea(
    {
      seed: options.seed,
      ...(options.links === null ? { buses: options.buses, metersPerBus: options.meters } : { links: options.links }),
      startsAt: Date.now(),
      utcOffsetMinutes: 480,
      baud: options.baud,
      historyMs: options.historyDays * dayMs,
      shares: { dead: options.deadPercent * 10_000, commercial: 100_000 },
      faults: { ...noFaults, lostRequestsPpm: half, lostRepliesPpm: half },
      supplyMeter: options.supplyMeter,
    },
    time,
  )
}

async function startServers(area: SimulatedArea, options: Options): Promise<Map<string, AreaServer>> {
  const servers = new Map<string, AreaServer>()
  for (const [index, bus] of area.buses.entries()) {
    const server = makeServer(area, bus, options)
    await server.listen(options.basePort === 0 ? 0 : options.basePort + index)
    servers.set(bus.link, server)
  }
  return servers
}

/** Behind a terminal, the wire keeps both pace and delay; the server answers at once. */
function makeServer(area: SimulatedArea, { link, wire, device, byteMs }: AreaBus, options: Options): AreaServer {
  const isBehindTerminal = options.pty !== null
  const common = {
    now: () => area.now(),
    timers: systemTimers,
    byteMs: isBehindTerminal ? 0 : byteMs,
    seed: hashOf(options.seed, link),
  }
  if (device === null) return new SimulatedServer({ wire, keepsDelays: !isBehindTerminal, ...common })
  return new DeviceServer({ device, faults: () => wire.faults, ...common })
}

function hashOf(seed: number, link: string): number {
  return [...link].reduce((sum, letter) => sum + letter.charCodeAt(0), seed)
}

/** Modules and modems have a speed of their own, so there is a process for each speed. */
async function startTerminals(
  area: SimulatedArea,
  servers: ReadonlyMap<string, AreaServer>,
  options: Options,
): Promise<readonly WireProcess[]> {
  if (options.baud === 0) throw new Error('terminals need a pace: give --baud')
  const folder = resolve(options.pty ?? '.')
  mkdirSync(folder, { recursive: true })
  const started: WireProcess[] = []
  for (const far of ['meters', 'module', 'modem'] as const) {
    const buses = area.buses.filter((bus) => farOf(bus) === far)
    const wires = buses.map(({ link }) => ({ link: join(folder, link), connect: `127.0.0.1:${servers.get(link)?.port}` }))
    if (wires.length === 0) continue
    const isMeters = far === 'meters'
    const baud = isMeters ? options.baud : deviceBaud
    started.push(await startWires({ wires, baud, parity: parityOf(far), replyDelayMs: isMeters ? options.replyDelayMs : 0 }))
  }
  return started
}

type FarEnd = 'meters' | 'module' | 'modem'

function farOf({ kind, device }: AreaBus): FarEnd {
  if (device === null) return 'meters'
  return kind === 'radio-modem' ? 'modem' : 'module'
}

/** Meters and modules speak 8E1, radio modems of this kind 8N1. */
function parityOf(far: FarEnd): 'even' | 'none' {
  return far === 'modem' ? 'none' : 'even'
}

function urlOf(bus: AreaBus, port: number, options: Options): string {
  const baud = bus.device === null ? options.baud : deviceBaud
  if (options.pty !== null) return `serial:${join(resolve(options.pty), bus.link)}?baud=${baud}&parity=${parityOf(farOf(bus))}`
  return `tcp://127.0.0.1:${port}${baud > 0 ? `?baud=${baud}` : ''}`
}

function writeSite(area: SimulatedArea, urls: ReadonlyMap<string, string>, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const files = siteFiles(area, { concentrator: 'DCU-SIM', urls, configFolder: join(projectRoot, 'config') })
  for (const { name, text, mode } of files) writeFileSync(join(folder, name), text, { mode })
}

function announce(area: SimulatedArea, urls: ReadonlyMap<string, string>, options: Options): void {
  const links = area.buses.map(({ link, kind, wire }) => ({ link, kind, url: urls.get(link) ?? '', meters: wire.meters.size }))
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ready: true, links, control: options.control })}\n`)
    return
  }
  for (const { link, kind, url, meters } of links) process.stdout.write(`${link}  ${kind}  ${url}  ${meters} meters\n`)
  const [first] = area.archive
  process.stdout.write(`seed ${options.seed}; the first meter is ${first?.id} (${first?.address}). Commands: help\nready\n`)
}

function takeLine(world: ControlledArea, line: string): void {
  const words = line.trim()
  if (words === '') return
  if (words.startsWith('{')) return void process.stdout.write(`${controlLine(world, words)}\n`)
  const command = wordsToCommand(words)
  process.stdout.write(command.kind === 'help' ? command.text : `${controlLine(world, JSON.stringify(command.command))}\n`)
}

function findRoot(start: string): string {
  let folder = start
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
}
