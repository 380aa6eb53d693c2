import { spawn, type ChildProcess } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { RelayAction } from '../../drivers/simulated/index.js'

const program = fileURLToPath(new URL('../../scripts/simulate.js', import.meta.url))

export interface AreaProcessOptions {
  /** Terminals, control socket and the area's own site files go here. */
  readonly folder: string
  readonly buses: number
  readonly meters: number
  readonly seed: number
  readonly baud: number
  /** Terminals with the pace of a wire; otherwise TCP ports. */
  readonly terminals: boolean
  /** Exchanges that get lost, in percent. */
  readonly lostPercent?: number
}

export interface AreaLink {
  readonly link: string
  readonly url: string
  readonly meters: number
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** A simulated area as a process of its own (`scripts/simulate`), with a hand in it through its control socket. */
export class AreaProcess {
  readonly links: readonly AreaLink[]
  /** Where it wrote `archive.yaml` and `secrets.yaml`. */
  readonly siteFolder: string
  readonly #child: ChildProcess
  readonly #control: Socket
  readonly #waiting: Waiting[] = []

  private constructor(child: ChildProcess, control: Socket, ready: { links: readonly AreaLink[]; siteFolder: string }) {
    this.#child = child
    this.#control = control
    this.links = ready.links
    this.siteFolder = ready.siteFolder
    createInterface({ input: control }).on('line', (line) => this.#answered(line))
    control.on('close', () => this.#failAll(new Error('the simulation closed its control socket')))
    control.on('error', (error) => this.#failAll(error))
  }

  static async start(options: AreaProcessOptions): Promise<AreaProcess> {
    const { folder, buses, meters, seed, baud, terminals, lostPercent = 0 } = options
    const siteFolder = join(folder, 'area')
    const control = join(folder, 'control.sock')
    const child = spawn(
      process.execPath,
      [
        program,
        ...['--buses', `${buses}`, '--meters', `${meters}`, '--seed', `${seed}`, '--baud', `${baud}`, '--lost', `${lostPercent}`],
        ...['--tcp-base-port', '0', '--history-days', '1', '--control', control, '--write-config', siteFolder, '--json'],
        ...(terminals ? ['--pty', join(folder, 'tty')] : []),
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    )
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    const first = await lines.next()
    if (first.done === true) throw new Error('the simulation did not start')
    const { links } = JSON.parse(first.value) as { readonly links: readonly AreaLink[] }
    return new AreaProcess(child, await connected(control), { links, siteFolder })
  }

  /** Process ids: the simulation's own. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Carries a control line out. @throws what it answers when it refuses */
  ask(command: { readonly do: string; readonly [field: string]: unknown }): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#control.write(`${JSON.stringify(command)}\n`)
    })
  }

  /** The customer presses the meter's button. @returns whether supply came back */
  async press(meter: string): Promise<boolean> {
    return (await this.ask({ do: 'press', meter })) === true
  }

  async contactOf(meter: string): Promise<'closed' | 'open'> {
    const truth = (await this.ask({ do: 'truth', meter })) as { readonly contact: 'closed' | 'open' }
    return truth.contact
  }

  /** Everything that happened to one relay, oldest first. */
  async relayActions(meter: string): Promise<readonly RelayAction[]> {
    return (await this.ask({ do: 'relay', meter })) as readonly RelayAction[]
  }

  /** Requests that arrived at a bus so far, also those that the meters then did not hear. */
  async requests(link: string): Promise<number> {
    const statistics = (await this.ask({ do: 'statistics' })) as Readonly<Record<string, { readonly requests: number }>>
    return statistics[link]?.requests ?? 0
  }

  /** What goes wrong on one wire from now on, in millionths. */
  async setFaults(link: string, faults: { readonly lostRequestsPpm?: number; readonly lostRepliesPpm?: number }): Promise<void> {
    await this.ask({ do: 'faults', link, ...faults })
  }

  async stop(): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('close', () => resolve()))
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    await ended
  }

  #answered(line: string): void {
    const waiting = this.#waiting.shift()
    const reply = JSON.parse(line) as { readonly ok: boolean; readonly value?: unknown; readonly error?: string }
    if (reply.ok) waiting?.resolve(reply.value)
    else waiting?.reject(new Error(reply.error))
  }

  #failAll(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket))
    socket.once('error', reject)
  })
}
