import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { connectConsole } from '../../src/console/client.js'
import { sendOrder, type Sending } from '../../src/console/commands/order.js'
import { createKey, publicKeyOf, readKey } from '../../src/control/key-file.js'
import { keyId } from '../../src/model/index.js'
import { systemTimers } from '../../src/runtime/system-clock.js'
import { AreaProcess } from './area-process.js'
import { wattkeep, type CommandOptions, type Said } from './command-line.js'
import { DaemonProcess } from './daemon-process.js'
import { quickTasks, writeSite } from './e2e-site.js'

/** Where nobody listens: the master of this site is out of reach, as it is in the field for months. */
const nobody = 'mqtt://127.0.0.1:1'

/** A real daemon over a simulated area, and a technician with a laptop. */
export class ConsoleSite {
  readonly folder: string
  readonly socket: string
  /** The master's own key, which the site's file names; without a PIN. */
  readonly masterKey: string
  /** All that any command ever said. */
  readonly said: string[] = []
  readonly config: string
  readonly area: AreaProcess
  #daemon: DaemonProcess

  private constructor(area: AreaProcess, folder: string) {
    this.area = area
    this.folder = folder
    this.socket = join(folder, 'console.sock')
    this.masterKey = join(folder, 'master.pem')
    const { privatePem, publicKey } = keyOf(null)
    writeFileSync(this.masterKey, privatePem, { mode: 0o600 })
    const id = keyId('hq-1')
    const { privateKey } = unlocked(privatePem)
    this.config = writeSite({
      folder,
      area,
      brokers: [nobody],
      keys: [{ id, key: privateKey, registered: { id, role: 'master', publicKey } }],
      tasks: quickTasks(2),
    })
    this.#daemon = new DaemonProcess(this.config)
  }

  static async start(t: Test): Promise<ConsoleSite> {
    const folder = mkdtempSync(join(tmpdir(), 'wattkeep-technician-'))
    const area = await AreaProcess.start({ folder, buses: 1, meters: 4, seed: 11, baud: 9600, terminals: false })
    const site = new ConsoleSite(area, folder)
    t.teardown(async () => {
      await site.daemon.kill()
      await area.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    await site.daemon.ready()
    return site
  }

  get daemon(): DaemonProcess {
    return this.#daemon
  }

  /** Runs a command against this site's daemon. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<Said> {
    const said = await wattkeep(args, { ...options, env: { WATTKEEP_SOCKET: this.socket, HOME: this.folder, ...options.env } })
    this.said.push(said.out, said.err)
    return said
  }

  /** What a command answers with `--json`. */
  async json(args: readonly string[], options: CommandOptions = {}): Promise<unknown> {
    const { out } = await this.run([...args, '--json'], options)
    return JSON.parse(out) as unknown
  }

  /** Hands in an order with the master's key on the console's path; kinds that the command does not offer as well. */
  async masterOrder(body: Readonly<Record<string, unknown>>): Promise<Sending> {
    const client = await connectConsole(this.socket, systemTimers)
    if (!client.ok) throw new Error(client.error.message)
    try {
      const key = unlocked(readFileSync(this.masterKey, 'utf8'))
      const sending = await sendOrder(client.value, () => ({ ok: true, value: body }), { key, validMs: 600_000 })
      if (!sending.ok) throw new Error(`${sending.error.at}: ${sending.error.message}`)
      return sending.value
    } finally {
      client.value.close()
    }
  }
}

export function keyOf(pin: string | null): { readonly privatePem: string; readonly publicKey: string } {
  const key = createKey(pin)
  if (!key.ok) throw new Error(key.error.message)
  return key.value
}

export function unlocked(privatePem: string) {
  const read = readKey(privatePem, null)
  if (!read.ok) throw new Error(read.error.message)
  return { privateKey: read.value, publicKey: publicKeyOf(read.value) }
}
