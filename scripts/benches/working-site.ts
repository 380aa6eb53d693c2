import { generateKeyPairSync } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync, openSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { publicKeyOf } from '../../src/control/key-file.js'
import { daemonCommand } from '../../src/runtime/daemon-command.js'

export interface WorkingSiteOptions {
  readonly buses: number
  /** On each bus. */
  readonly meters: number
  readonly baud: number
}

/** A whole site at work: meters, broker, master and daemon, each a process of its own. */
export interface WorkingSite {
  /** The daemon's. */
  readonly pid: number
  readonly folder: string
  statistics(): Promise<{ readonly exchanges: number }>
  /** Ends every process and removes the folder. */
  stop(): Promise<void>
}

const startMsMax = 60_000
/** Denser than any site asks for, so that the daemon works hard. */
const tasks = `tasks:
  - { id: daily-freeze, kind: daily-freeze, cron: '0 0 * * *', items: [energy, energy-reverse] }
  - { id: curve-1, kind: curve, cron: '* * * * *', items: [energy, power, voltage, current], backfillDays: 0, liveWindowMinutes: 1, closesAfterMinutes: 30 }
  - { id: instantaneous, kind: instantaneous, cron: '*/5 * * * *', items: [power-factor, reactive-power] }
  - { id: status, kind: status, cron: '*/5 * * * *', items: [status] }
  - { id: clock, kind: clock, cron: '17 3 * * *', items: [clock] }
`

const programOf = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

export async function startWorkingSite(options: WorkingSiteOptions): Promise<WorkingSite> {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-working-'))
  const children: ChildProcess[] = []
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await ended(child)
    rmSync(folder, { recursive: true })
  }
  const start = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess => {
    const log = openSync(join(folder, `${children.length}.log`), 'a')
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', log], env: { ...process.env, ...env } })
    children.push(child)
    return child
  }
  try {
    const area = start(process.execPath, areaArgs(options, folder))
    const lines = createInterface({ input: area.stdout ?? process.stdin })
    await nextLine(lines)
    const port = await freePort()
    writeFileSync(
      join(folder, 'mosquitto.conf'),
      `persistence false\nallow_anonymous true\nuser root\nlistener ${port} 127.0.0.1\n`,
    )
    start(mosquitto(), ['-c', join(folder, 'mosquitto.conf')]).stdout?.resume()
    await listens(port)
    const broker = `mqtt://127.0.0.1:${port}`
    const station = programOf('scripts/master-station/main.js')
    const master = ['run', '--db', join(folder, 'master.db'), '--broker', broker, '--master', 'hq', '--json']
    start(process.execPath, [station, ...master]).stdout?.resume()
    const config = writeSite(folder, broker)
    const daemon = start(
      process.execPath,
      [...daemonCommand.flags, programOf('src/main.js'), '--config', config],
      daemonCommand.env,
    )
    await saying(daemon, 'ready')
    const statistics = async (): Promise<{ exchanges: number }> => {
      const answer = nextLine(lines)
      area.stdin?.write('{"do":"statistics"}\n')
      return { exchanges: exchangesIn(JSON.parse(await answer)) }
    }
    return { pid: daemon.pid ?? 0, folder, statistics, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function areaArgs({ buses, meters, baud }: WorkingSiteOptions, folder: string): readonly string[] {
  const size = ['--buses', `${buses}`, '--meters', `${meters}`, '--baud', `${baud}`]
  return [programOf('scripts/simulate.js'), ...size, '--tcp-base-port', '0', '--write-config', folder, '--json']
}

/** The simulation's own site, with denser tasks and a master. @returns the path of the main file */
function writeSite(folder: string, broker: string): string {
  const path = join(folder, 'wattkeep.yaml')
  writeFileSync(join(folder, 'tasks.yaml'), tasks)
  const text = readFileSync(path, 'utf8').replace(/^tasks: .*$/m, 'tasks: [tasks.yaml]')
  const publicKey = publicKeyOf(generateKeyPairSync('ed25519').privateKey)
  const master = `{ id: hq, keys: [{ id: k1, publicKey: ${publicKey} }], brokers: ["${broker}"] }`
  writeFileSync(path, `${text}masters:\n  - ${master}\nlog: { level: info }\n`)
  return path
}

/** Requests that reached the simulated meters' wires. */
function exchangesIn(answer: unknown): number {
  const { value } = answer as { readonly value: Readonly<Record<string, unknown>> | readonly unknown[] }
  let sum = 0
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const [name, inner] of Object.entries(node)) {
      if (name === 'replies' && typeof inner === 'number') sum += inner
      else walk(inner)
    }
  }
  walk(value)
  return sum
}

function mosquitto(): string {
  const path = process.env['MOSQUITTO'] ?? '/usr/sbin/mosquitto'
  if (!existsSync(path)) throw new Error(`no Mosquitto at ${path}`)
  return path
}

function saying(child: ChildProcess, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the daemon did not say ${event}`)), startMsMax)
    const input = child.stdout ?? process.stdin
    createInterface({ input }).on('line', (line) => {
      if (!line.includes(`"event":"${event}"`)) return
      clearTimeout(late)
      resolve()
    })
    child.once('exit', (code) => reject(new Error(`the daemon ended with ${code}`)))
  })
}

function nextLine(lines: Interface): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('the simulation says nothing')), startMsMax)
    lines.once('line', (line) => {
      clearTimeout(late)
      resolve(line)
    })
  })
}

async function listens(port: number): Promise<void> {
  for (const until = Date.now() + startMsMax; Date.now() < until; await pause(50)) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isUp) return
  }
  throw new Error(`nothing listens on ${port}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise<void>((resolve) => server.close(() => resolve()))
  return port
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const over = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  await over
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)))
