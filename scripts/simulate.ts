import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  byteMsOf,
  controlLine,
  noFaults,
  SimulatedArea,
  SimulatedServer,
  siteFiles,
  startControlServer,
  type ControlledArea,
} from '../drivers/simulated/index.js'
import { wordsToCommand } from '../drivers/simulated/control-words.js'
import { createSystemClock, systemTimers } from '../src/runtime/system-clock.js'
import { dayMs } from '../src/model/index.js'
import { startWires, type WireProcess } from './wire-process.js'

const usage = `usage: scripts/simulate [options]

Simulates a transformer area: DL/T 645-2007 meters on half-duplex buses, each behind a TCP port of 127.0.0.1 or, with
--pty, a terminal with the pace of a real wire. Runs until Ctrl-C. Reads commands from its standard input: help.

  --buses N              buses (default 2)
  --meters N             meters on each (default 20)
  --seed N               the same seed gives the same area (default 1)
  --baud N               pace of the wires; 0: none (default 2400)
  --tcp-base-port N      bus 1 listens here, bus 2 one higher …; 0: any free ports (default 7001)
  --pty DIR              terminals DIR/bus1, DIR/bus2 … as well, paced by scripts/wire.py
  --reply-delay-ms N     on terminals: from the request's end to the reply (default 20)
  --control PATH         takes command lines (JSON) on this Unix socket
  --write-config DIR     writes a site that matches: wattkeep.yaml, archive.yaml, secrets.yaml
  --history-days N       meters have run for so long (default 3)
  --lost PERCENT         exchanges that get lost, half of them on the way there (default 0)
  --dead PERCENT         meters that never answer (default 0)
  --supply-meter         a meter for the whole area, on bus 1
  --json                 prints one line of JSON when ready, instead of text
`

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
  const terminals = options.pty === null ? null : await startTerminals(servers, options)
  const urls = new Map([...servers].map(([link, server]) => [link, urlOf(link, server, options)]))
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
  await terminals?.stop()
  for (const server of servers.values()) await server.close()
  // Timers of replies, heartbeats and plans still wait; nothing of theirs matters any more.
  process.exit(0)
}

interface Options {
  readonly buses: number
  readonly meters: number
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

function makeArea(options: Options, time: ConstructorParameters<typeof SimulatedArea>[1]): SimulatedArea {
  const half = options.lostPercent * 5_000
  return new SimulatedArea(
    {
      seed: options.seed,
      buses: options.buses,
      metersPerBus: options.meters,
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

async function startServers(area: SimulatedArea, options: Options): Promise<Map<string, SimulatedServer>> {
  const servers = new Map<string, SimulatedServer>()
  // Behind a terminal, the wire keeps both pace and delay; the server answers at once.
  const isBehindTerminal = options.pty !== null
  for (const [index, { link, wire }] of area.buses.entries()) {
    const server = new SimulatedServer({
      wire,
      now: () => area.now(),
      timers: systemTimers,
      byteMs: isBehindTerminal ? 0 : byteMsOf(options.baud),
      keepsDelays: !isBehindTerminal,
      seed: options.seed + index,
    })
    await server.listen(options.basePort === 0 ? 0 : options.basePort + index)
    servers.set(link, server)
  }
  return servers
}

async function startTerminals(servers: ReadonlyMap<string, SimulatedServer>, options: Options): Promise<WireProcess> {
  if (options.baud === 0) throw new Error('terminals need a pace: give --baud')
  const folder = resolve(options.pty ?? '.')
  mkdirSync(folder, { recursive: true })
  return await startWires({
    wires: [...servers].map(([link, server]) => ({ link: join(folder, link), connect: `127.0.0.1:${server.port}` })),
    baud: options.baud,
    parity: 'even',
    replyDelayMs: options.replyDelayMs,
  })
}

function urlOf(link: string, server: SimulatedServer, options: Options): string {
  if (options.pty !== null) return `serial:${join(resolve(options.pty), link)}?baud=${options.baud}&parity=even`
  return `tcp://127.0.0.1:${server.port}${options.baud > 0 ? `?baud=${options.baud}` : ''}`
}

function writeSite(area: SimulatedArea, urls: ReadonlyMap<string, string>, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const files = siteFiles(area, { concentrator: 'DCU-SIM', urls, configFolder: join(projectRoot, 'config') })
  for (const { name, text, mode } of files) writeFileSync(join(folder, name), text, { mode })
}

function announce(area: SimulatedArea, urls: ReadonlyMap<string, string>, options: Options): void {
  const links = area.buses.map(({ link, wire }) => ({ link, url: urls.get(link) ?? '', meters: wire.meters.size }))
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ready: true, links, control: options.control })}\n`)
    return
  }
  for (const { link, url, meters } of links) process.stdout.write(`${link}  ${url}  ${meters} meters\n`)
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
