import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { seededRandom, type SeededRandom } from '../../drivers/simulated/index.js'
import { Station } from '../../scripts/master-station/station.js'
import { masterId, streams, type Stream } from '../../src/model/index.js'
import { AreaProcess, type AreaProcessOptions } from './area-process.js'
import { DaemonProcess, type LogLine } from './daemon-process.js'
import { siteConcentrator, siteMaster, writeSite } from './e2e-site.js'
import { Mosquitto } from './mosquitto.js'
import { brokerAt, newMasterKey, until, type MasterKey } from './uplink-bench.js'

export interface StormOptions extends Omit<AreaProcessOptions, 'folder'> {
  readonly tasks: string
}

/** Lines of the master's log that are kept. */
const notesMax = 100

/** A site as it stands in the field: area, broker, daemon in processes of their own, the master station in this one. */
export class StormWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'wattkeep-storm-'))
  readonly random: SeededRandom
  readonly key: MasterKey = newMasterKey('hq-1')
  readonly counts = { starts: 0, readyAgain: 0, daemonKills: 0, killsBeforeReady: 0, brokerKills: 0 }
  /** From a daemon's start to its readiness. */
  readonly readyMs: number[] = []
  /** Of all daemons so far. */
  readonly errors: LogLine[] = []
  readonly unsafe: LogLine[] = []
  readonly #options: StormOptions
  readonly #notes: string[] = []
  #config = ''
  #isClosed = false
  #area: AreaProcess | null = null
  #broker: Mosquitto | null = null
  #station: Station | null = null
  #daemon: DaemonProcess | null = null

  constructor(options: StormOptions) {
    this.#options = options
    this.random = seededRandom(options.seed)
  }

  get area(): AreaProcess {
    return existing(this.#area)
  }
  get broker(): Mosquitto {
    return existing(this.#broker)
  }
  get station(): Station {
    return existing(this.#station)
  }
  get daemon(): DaemonProcess {
    return existing(this.#daemon)
  }
  get config(): string {
    return this.#config
  }

  /** Meters of all buses, by their ids in the archive. */
  get meters(): readonly string[] {
    return this.area.links.flatMap(({ meters }, bus) =>
      Array.from({ length: meters }, (_, index) => `m${bus + 1}-${String(index + 1).padStart(3, '0')}`),
    )
  }

  /** Starts everything but the daemon. */
  async open(): Promise<void> {
    this.#broker = await Mosquitto.start()
    this.#area = await AreaProcess.start({ ...this.#options, folder: this.folder })
    this.writeSite(this.#options.tasks)
    this.#station = new Station({
      path: join(this.folder, 'station.db'),
      master: masterId(siteMaster),
      broker: brokerAt(this.broker.url),
      signing: { id: this.key.id, key: this.key.key },
      ackMs: 100,
      lookMs: 100,
      resendMs: 3_000,
      backOff: { firstMs: 100, maxMs: 500 },
      log: (event, fields) => this.#note(`master ${event} ${JSON.stringify(fields)}`),
    })
    this.station.start()
  }

  writeSite(tasks: string): void {
    const { folder, area, key } = this
    this.#config = writeSite({ folder, area, brokers: [this.broker.url], keys: [key], tasks })
  }

  /** Starts the daemon; it may not be ready yet. @throws when the test is over */
  startDaemon(): DaemonProcess {
    if (this.#isClosed) throw new Error('the test is over')
    const daemon = new DaemonProcess(this.#config)
    this.#daemon = daemon
    this.counts.starts += 1
    return daemon
  }

  /** Waits until the daemon is ready, and notes what it says of its money. */
  async ready(): Promise<void> {
    const { daemon } = this
    const line = await daemon.ready()
    this.counts.readyAgain += 1
    this.readyMs.push(performance.now() - daemon.spawnedAt)
    if (line['moneySafe'] !== true) this.unsafe.push(line)
  }

  async killDaemon(): Promise<void> {
    const { daemon } = this
    const end = await daemon.kill()
    if (end.signal !== 'SIGKILL') throw new Error(`the daemon had ended by itself: ${JSON.stringify(end)} ${daemon.said}`)
    this.noteErrors()
  }

  /** Keeps what the present daemon complained of. */
  noteErrors(): void {
    this.errors.push(...this.daemon.errors.splice(0))
  }

  /** The present state of all parts, for whoever has to find out why something did not come. */
  state(): string {
    const { archive } = this.station
    const rows = archive.all('SELECT id, epoch, online, state, hello FROM concentrator')
    const daemon = this.daemon.lines.slice(-20).map((line) => `daemon ${JSON.stringify(line)}`)
    return [`master ${JSON.stringify(rows)} ${JSON.stringify(this.marks())}`, ...this.#notes.slice(-20), ...daemon].join('\n')
  }

  #note(line: string): void {
    this.#notes.push(`${Date.now()} ${line}`)
    if (this.#notes.length > notesMax) this.#notes.shift()
  }

  /** What the master has of each stream without a hole. */
  marks(): Readonly<Record<Stream, number>> {
    const { archive } = this.station
    return archive.marksOf(siteConcentrator, archive.epochOf(siteConcentrator) ?? 0)
  }

  /** Waits until nothing more arrives at the master. */
  async quiet(forMs: number): Promise<void> {
    let last = ''
    let since = performance.now()
    await until('the streams come to rest', () => {
      const now = streams.map((stream) => this.marks()[stream]).join()
      if (now !== last) since = performance.now()
      last = now
      return performance.now() - since >= forMs
    })
  }

  /** A copy of the database of a daemon that has ended. */
  copyDatabase(): string {
    const to = join(this.folder, 'copy')
    rmSync(to, { recursive: true, force: true })
    mkdirSync(to)
    for (const name of ['wattkeep.db', 'wattkeep.db-wal', 'wattkeep.db-shm']) {
      if (existsSync(join(this.folder, name))) cpSync(join(this.folder, name), join(to, name))
    }
    return join(to, 'wattkeep.db')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#daemon?.isRunning === true) await this.#daemon.kill()
    await this.#station?.close()
    await this.#area?.stop()
    await this.#broker?.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Kills the daemon again and again: mostly while it works, now and then while it starts. Ends with a daemon that is ready. */
export async function killDaemons(world: StormWorld, kills: number): Promise<void> {
  const random = world.random.fork('daemon kills')
  for (let kill = 0; kill < kills; kill++) {
    const isEarly = random.chance(150_000)
    if (isEarly) {
      const atMs = 50 + random.below(1_200)
      await pause(Math.max(0, atMs - (performance.now() - world.daemon.spawnedAt)))
      if (!world.daemon.lines.some(({ event }) => event === 'ready')) world.counts.killsBeforeReady += 1
    } else {
      await world.ready()
      await pause(100 + random.below(2_000))
    }
    await world.killDaemon()
    world.counts.daemonKills += 1
    world.startDaemon()
  }
  await world.ready()
}

/** Kills the broker again and again; what it held is gone. Ends with a broker that listens. */
export async function killBrokers(world: StormWorld, kills: number): Promise<void> {
  const random = world.random.fork('broker kills')
  for (let kill = 0; kill < kills; kill++) {
    await pause(500 + random.below(5_500))
    await world.broker.kill()
    world.counts.brokerKills += 1
    await pause(random.below(2_000))
    await world.broker.up()
  }
}

/** Customers: switch loads on and off, and press the button of their meter in the hope that it closes. */
export async function liveOn(world: StormWorld, signal: AbortSignal): Promise<number> {
  const random = world.random.fork('customers')
  const { meters, area } = world
  let closed = 0
  while (!signal.aborted) {
    await pause(100 + random.below(500))
    const meter = meters[random.below(meters.length)] ?? ''
    if (random.chance(250_000)) await area.ask({ do: 'load', meter, watts: 5_000 + random.below(45_000) })
    else if (await area.press(meter)) closed += 1
  }
  return closed
}

function existing<T>(part: T | null): T {
  if (part === null) throw new Error('not started')
  return part
}
