import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkPlcOptions, createPlcBus } from '../../drivers/plc/index.js'
import { createRs485Bus } from '../../drivers/rs485/index.js'
import { SimulatedArea, VirtualTime, seededRandom, siteFiles, type AreaOptions } from '../../drivers/simulated/index.js'
import {
  checkRadioModem,
  checkRadioModuleOptions,
  createRadioModemBus,
  createRadioModuleBus,
} from '../../drivers/wireless/index.js'
import { calendarOn } from '../../src/calendar.js'
import { epochMs, type InputError, type Point, type Result } from '../../src/model/index.js'
import type { Bus, Link, Log, Store, Timers } from '../../src/ports/index.js'
import { settingsChecks, siteChecks, siteProtocols } from '../../src/registry.js'
import { Daemon } from '../../src/runtime/daemon.js'
import { createSupervisor } from '../../src/runtime/supervisor.js'
import { loadSettings, problemLines, type LinkSettings } from '../../src/settings/index.js'
import { openInProcessStore } from '../../src/store/index.js'
import { CpuAccounts } from './cpu-accounts.js'

export interface VirtualSiteOptions {
  readonly area: AreaOptions
  /** The tasks file's text. */
  readonly tasks: string
  /** Told of each point on its way to the store. */
  readonly onPoint: (point: Point) => void
}

const configFolder = join(rootAbove(dirname(fileURLToPath(import.meta.url))), 'config')
/** Received bytes come in pieces of so many, as a port's buffer gives them. */
const chunkBytes = 16

/** The whole daemon with its real drivers and its real database over a simulated area, in virtual time; only broker and console are left out. */
export class VirtualSite {
  readonly time: VirtualTime
  readonly area: SimulatedArea
  readonly cpu = new CpuAccounts()
  /** Bytes on the ports, both ways. */
  readonly wire = { out: 0, in: 0 }
  readonly #options: VirtualSiteOptions
  /** In memory where the machine offers it: virtual time waits for no disk. */
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wattkeep-bench-'))
  readonly #farTimers: Timers
  #starts = 0
  #daemon: Daemon | null = null
  #buses: readonly Bus[] = []

  constructor(options: VirtualSiteOptions) {
    this.#options = options
    const time = new VirtualTime({ wallStart: epochMs(options.area.startsAt) })
    this.time = time
    this.#farTimers = { after: (delayMs, fire) => time.after(delayMs, () => this.cpu.run('far end', fire)) }
    this.area = new SimulatedArea(options.area, { clock: time, timers: this.#farTimers })
    this.#writeFiles()
  }

  /** Starts the process, also anew over what it left. */
  async start(): Promise<void> {
    const { time } = this
    const settings = loadSettings(join(this.#folder, 'wattkeep.yaml'), settingsChecks)
    if (!settings.ok) throw new Error(problemLines(settings.error).join('\n'))
    const random = seededRandom(this.#options.area.seed + this.#starts)
    this.#starts += 1
    time.boot = `boot-${this.#starts}`
    const onFatal = (error: Error): never => {
      throw error
    }
    const supervisor = createSupervisor({
      timers: time,
      log: quiet,
      onHeld: (_, error) => onFatal(error),
      onFault: (_, error) => onFatal(error),
    })
    const buses: Bus[] = []
    const store = openInProcessStore({ path: settings.value.database.path, now: time.wall().at, random }, time)
    this.#daemon = new Daemon({
      ...{ clock: time, timers: time, random, log: quiet, supervisor, onFatal, createUplink: null },
      settings: settings.value,
      checks: siteChecks(settings.value),
      protocols: siteProtocols(settings.value),
      store: this.#charged(store),
      calendar: calendarOn({ clock: time, timers: time, onSkipped: () => {} }),
      openBus: (link) => {
        const bus = this.#openBus(link)
        buses.push(bus)
        return bus
      },
    })
    await this.#daemon.start()
    this.#buses = buses
  }

  async stop(): Promise<void> {
    const stopped = this.#daemon?.stop()
    await this.time.runFor(5_000)
    await stopped
    this.#daemon = null
  }

  get isUp(): boolean {
    return this.#buses.every((bus) => bus.isUp())
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #charged(store: Store): Store {
    return {
      run: (command, input) => {
        if ('points' in input) for (const point of input.points) this.#options.onPoint(point)
        return this.cpu.run('store', () => store.run(command, input))
      },
      onAppended: (handler) => store.onAppended(handler),
      onFault: (handler) => store.onFault(handler),
      close: () => store.close(),
    }
  }

  #openBus({ id, options, url }: LinkSettings): Bus {
    const { time, area } = this
    const { kind } = area.bus(id)
    const { utcOffsetMinutes } = area.options
    const common = { link: this.#charge(area.openLink(id, chunkBytes)), clock: time, timers: time }
    switch (kind) {
      case 'rs485':
        return createRs485Bus(common)
      case 'radio-modem':
        return createRadioModemBus({ ...common, settings: sound(checkRadioModem(url, options)).settings })
      case 'wireless':
        return createRadioModuleBus({ ...common, utcOffsetMinutes, choice: sound(checkRadioModuleOptions(options)) })
      case 'plc-hplc':
      case 'plc-narrow':
        return createPlcBus({ ...common, utcOffsetMinutes, choice: sound(checkPlcOptions(options)) })
    }
  }

  /** The far end's link, as the driver sees it: what the far end does is charged to it, what follows from its bytes is not. */
  #charge(link: Link): Link {
    const { cpu, wire } = this
    const { setLines } = link
    return {
      byteMs: link.byteMs,
      start: () => link.start(),
      close: () => link.close(),
      isOpen: () => link.isOpen(),
      write: (bytes) => {
        wire.out += bytes.length
        return cpu.run('far end', () => link.write(bytes))
      },
      onBytes: (handler) =>
        link.onBytes((bytes) => {
          wire.in += bytes.length
          cpu.run('runtime', () => handler(bytes))
        }),
      onState: (handler) => link.onState((open, code) => cpu.run('runtime', () => handler(open, code))),
      ...(setLines && { setLines: (lines) => cpu.run('far end', () => setLines.call(link, lines)) }),
    }
  }

  #writeFiles(): void {
    const urls = new Map(this.area.buses.map(({ link }, index) => [link as string, `tcp://127.0.0.1:${index + 1}`]))
    const tasks = join(this.#folder, 'tasks.yaml')
    writeFileSync(tasks, this.#options.tasks)
    for (const { name, text, mode } of siteFiles(this.area, { concentrator: 'BENCH-1', urls, configFolder, tasks }))
      writeFileSync(join(this.#folder, name), text, { mode })
  }
}

const quiet: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function sound<T>(judged: Result<T, readonly InputError[]>): T {
  if (judged.ok) return judged.value
  throw new Error(judged.error.map(({ at, message }) => `${at}: ${message}`).join('; '))
}

function rootAbove(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : rootAbove(dirname(folder))
}
