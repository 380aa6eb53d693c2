import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { daemonCommand } from '../../src/runtime/daemon-command.js'

const program = fileURLToPath(new URL('../../src/main.js', import.meta.url))
/** How long a start or an end may take on a busy machine before the test fails; a limit against hanging. */
const patienceMs = 60_000
/** Lines kept of one process, for whoever has to find out what went wrong. */
const linesMax = 400
const errorLevel = 50

/** A line of the daemon's log. */
export interface LogLine {
  readonly level: number
  readonly time: number
  readonly event: string
  readonly [field: string]: unknown
}

export interface DaemonEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** The daemon as systemd starts it: a process of its own with `--config`, its log on standard output. */
export class DaemonProcess {
  readonly spawnedAt = performance.now()
  readonly lines: LogLine[] = []
  /** Lines that say that something of ours failed. */
  readonly errors: LogLine[] = []
  /** What stood on standard error. */
  said = ''
  readonly ended: Promise<DaemonEnd>
  readonly #child: ChildProcess
  readonly #waiting: { readonly event: string; readonly done: (line: LogLine) => void }[] = []
  #end: DaemonEnd | null = null

  constructor(config: string | null, env: NodeJS.ProcessEnv = process.env) {
    const args = config === null ? [] : ['--config', config]
    const child = spawn(process.execPath, ['--enable-source-maps', ...daemonCommand.flags, program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, ...daemonCommand.env },
    })
    this.#child = child
    createInterface({ input: child.stdout }).on('line', (line) => this.#hear(line))
    child.stderr.on('data', (bytes: Buffer) => (this.said += bytes.toString()))
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        this.#end = { code, signal }
        resolve(this.#end)
      })
    })
    this.ended.catch(() => undefined)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get isRunning(): boolean {
    return this.#end === null
  }

  /** Waits for a line of the log; one that was written already counts. @throws when the process ends first */
  async saying(event: string): Promise<LogLine> {
    const known = this.lines.find((line) => line.event === event)
    if (known !== undefined) return known
    const heard = new Promise<LogLine>((done) => this.#waiting.push({ event, done }))
    const over = this.ended.then(({ code, signal }) => {
      throw new Error(`the daemon ended (${code ?? signal}) before it said ${event}: ${this.#lastWords()}`)
    })
    over.catch(() => undefined)
    const late = pause(patienceMs, null, { ref: false }).then(() => {
      throw new Error(`the daemon did not say ${event} in ${patienceMs} ms: ${this.#lastWords()}`)
    })
    late.catch(() => undefined)
    return await Promise.race([heard, over, late])
  }

  /** Money is safe and the buses run. */
  async ready(): Promise<LogLine> {
    return await this.saying('ready')
  }

  /** SIGKILL, at whatever it was doing. */
  async kill(): Promise<DaemonEnd> {
    this.#child.kill('SIGKILL')
    return await this.ended
  }

  /** SIGTERM, and how long it took to end. */
  async stop(): Promise<DaemonEnd & { readonly tookMs: number }> {
    const askedAt = performance.now()
    this.#child.kill('SIGTERM')
    const end = await this.ended
    return { ...end, tookMs: performance.now() - askedAt }
  }

  #hear(text: string): void {
    const line = JSON.parse(text) as LogLine
    this.lines.push(line)
    if (this.lines.length > linesMax) this.lines.splice(1, 1)
    if (line.level >= errorLevel) this.errors.push(line)
    for (const [index, { event, done }] of [...this.#waiting.entries()].reverse()) {
      if (event !== line.event) continue
      this.#waiting.splice(index, 1)
      done(line)
    }
  }

  #lastWords(): string {
    return [this.said.trim(), ...this.lines.slice(-5).map((line) => JSON.stringify(line))].join('\n')
  }
}
