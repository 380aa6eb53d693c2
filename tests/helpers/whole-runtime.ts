import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KeyObject } from 'node:crypto'
import { SimulatedArea, VirtualTime, seededRandom, siteFiles, type AreaOptions } from '../../drivers/simulated/index.js'
import { calendarOn } from '../../src/calendar.js'
import { signEnvelope } from '../../src/control/envelope.js'
import { createKey, readKey } from '../../src/control/key-file.js'
import { epochMs, keyId, type EpochMs, type OrderBody } from '../../src/model/index.js'
import type { Log, OrderIntake, Store } from '../../src/ports/index.js'
import { settingsChecks, siteChecks, siteProtocols } from '../../src/registry.js'
import { Daemon } from '../../src/runtime/daemon.js'
import { createSupervisor } from '../../src/runtime/supervisor.js'
import { loadSettings, problemLines } from '../../src/settings/index.js'
import { openInProcessStore } from '../../src/store/index.js'
import { openAreaBus } from './area-buses.js'
import { projectRoot } from './root.js'

export interface WholeRuntimeOptions {
  readonly area: AreaOptions
  /** Further lines of the site's main file: rules, masters. */
  readonly extra?: readonly string[]
  /** The tasks file's text; default: the project's own. */
  readonly tasks?: string
  /** The same, made of the area. */
  readonly tasksOf?: (area: SimulatedArea) => string
  readonly tariffs?: string
  readonly seed: number
}

export const concentrator = 'DCU-1'
const masterKey = keyId('hq-1')

/**
 * The whole runtime over a simulated area in virtual time: real settings files, real database file, real protocol and
 * scheduler. What is left out is the broker: orders are handed to the intake as the uplink would hand them on.
 */
export class WholeRuntime {
  /** In memory where the machine offers it: virtual time waits for no disk. */
  readonly folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wattkeep-whole-'))
  readonly time: VirtualTime
  readonly area: SimulatedArea
  readonly warnings: { readonly event: string; readonly fields: unknown }[] = []
  readonly #options: WholeRuntimeOptions
  readonly #privateKey: KeyObject
  readonly #log: Log
  #number = 0
  #boots = 0
  #store: Store | null = null
  #daemon: Daemon | null = null

  constructor(options: WholeRuntimeOptions) {
    this.#options = options
    this.time = new VirtualTime({ wallStart: epochMs(options.area.startsAt) })
    this.area = new SimulatedArea(options.area, { clock: this.time, timers: this.time })
    const key = createKey(null)
    if (!key.ok) throw new Error(key.error.message)
    const privateKey = readKey(key.value.privatePem, null)
    if (!privateKey.ok) throw new Error(privateKey.error.message)
    this.#privateKey = privateKey.value
    this.#log = {
      debug: () => {},
      info: () => {},
      warn: (event, fields) => void this.warnings.push({ event, fields }),
      error: (event, fields) => void this.warnings.push({ event, fields }),
    }
    this.#writeSite(key.value.publicKey)
  }

  get daemon(): Daemon {
    if (this.#daemon === null) throw new Error('not started')
    return this.#daemon
  }

  get store(): Store {
    if (this.#store === null) throw new Error('not started')
    return this.#store
  }

  /** Starts the process as it is after power returns: nothing is left in memory. */
  async start(): Promise<void> {
    const settings = loadSettings(join(this.folder, 'wattkeep.yaml'), settingsChecks)
    if (!settings.ok) throw new Error(problemLines(settings.error).join('\n'))
    const random = seededRandom(this.#options.seed + this.#boots)
    this.#boots += 1
    this.time.boot = `boot-${this.#boots}`
    const store = openInProcessStore({ path: settings.value.database.path, now: this.time.wall().at, random }, this.time)
    const onFatal = (error: Error): never => {
      throw error
    }
    const supervisor = createSupervisor({
      timers: this.time,
      log: this.#log,
      onHeld: (_, error) => onFatal(error),
      onFault: (_, error) => onFatal(error),
    })
    this.#store = store
    this.#daemon = new Daemon({
      settings: settings.value,
      checks: siteChecks(settings.value),
      store,
      clock: this.time,
      timers: this.time,
      random,
      calendar: calendarOn({ clock: this.time, timers: this.time, onSkipped: () => {} }),
      log: this.#log,
      supervisor,
      protocols: siteProtocols(settings.value),
      openBus: (link) => openAreaBus(link.id, { area: this.area, time: this.time, setsNodes: false }),
      createUplink: null,
      onFatal,
    })
    await this.#daemon.start()
  }

  async stop(): Promise<void> {
    const stopped = this.daemon.stop()
    await this.time.runFor(5_000)
    await stopped
    this.#daemon = null
  }

  /** Signs an order as the master does and hands it in. */
  order(body: OrderBody, window: { readonly from?: EpochMs; readonly forMs?: number } = {}): ReturnType<OrderIntake> {
    this.#number += 1
    const notBefore = window.from ?? epochMs(this.time.wall().at - 60_000)
    const expiry = epochMs(this.time.wall().at + (window.forMs ?? 3_600_000))
    const payload = { concentrator, number: this.#number, notBefore, expiry, body }
    return this.daemon.intake(signEnvelope(masterKey, this.#privateKey, payload), 'uplink')
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }

  #writeSite(publicKey: string): void {
    const { tariffs, extra = [], tasksOf } = this.#options
    const tasks = tasksOf === undefined ? this.#options.tasks : tasksOf(this.area)
    const urls = new Map(this.area.buses.map(({ link }, index) => [link as string, `tcp://127.0.0.1:${index + 1}`]))
    const own = (name: string, text: string | undefined) =>
      text === undefined ? {} : { [name]: join(this.folder, `${name}.yaml`) }
    const masters = `masters: [{ id: hq, keys: [{ id: ${masterKey}, publicKey: ${publicKey} }], brokers: ["mqtt://127.0.0.1:1"] }]`
    const files = siteFiles(this.area, {
      concentrator,
      urls,
      configFolder: join(projectRoot(), 'config'),
      ...own('tasks', tasks),
      ...own('tariffs', tariffs),
      extra: [masters, ...extra],
    })
    for (const { name, text, mode } of files) writeFileSync(join(this.folder, name), text, { mode })
    if (tasks !== undefined) writeFileSync(join(this.folder, 'tasks.yaml'), tasks)
    if (tariffs !== undefined) writeFileSync(join(this.folder, 'tariffs.yaml'), tariffs)
  }
}
