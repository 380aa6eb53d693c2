import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a broker may take to listen, or to end, before the test fails. */
const patienceMs = 10_000

/** A real Mosquitto on the loopback interface, with a configuration of its own; ended by its process id. */
export class Mosquitto {
  readonly port: number
  readonly url: string
  readonly #folder: string
  #child: ChildProcess | null = null

  private constructor(port: number, folder: string) {
    this.port = port
    this.url = `mqtt://127.0.0.1:${port}`
    this.#folder = folder
  }

  /** @param lines more lines of its configuration, e.g. `max_packet_size 2048` */
  static async start(lines: readonly string[] = []): Promise<Mosquitto> {
    const broker = new Mosquitto(await freePort(), mkdtempSync(join(tmpdir(), 'wattkeep-mosquitto-')))
    const config = ['persistence false', 'allow_anonymous true', 'log_dest none', 'user root']
    writeFileSync(
      join(broker.#folder, 'mosquitto.conf'),
      [...config, `listener ${broker.port} 127.0.0.1`, ...lines, ''].join('\n'),
    )
    await broker.up()
    return broker
  }

  /** Starts the process (again) on the same port and waits until it listens. */
  async up(): Promise<void> {
    const child = spawn(binary(), ['-c', join(this.#folder, 'mosquitto.conf')], { stdio: 'ignore' })
    this.#child = child
    const failed = new Promise<never>((_, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`mosquitto ended at once with ${code}`)))
    })
    failed.catch(() => undefined)
    const until = Date.now() + patienceMs
    while (!(await Promise.race([answers(this.port), failed]))) {
      if (Date.now() > until) throw new Error(`mosquitto does not listen on ${this.port}`)
      await pause(20)
    }
  }

  /** SIGKILL: whatever it held is gone. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    child.kill(signal)
    await ended
  }
}

/** Below the ports the kernel gives to whoever connects: a broker that is down finds its port free again. */
const ports = { first: 20_000, count: 12_000 }
const triesMax = 100

/** A port nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < triesMax; tries++) {
    const port = ports.first + Math.floor(Math.random() * ports.count)
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${ports.first} on is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function binary(): string {
  return process.env['MOSQUITTO'] ?? '/usr/sbin/mosquitto'
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
