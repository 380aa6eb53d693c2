import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededRandom, type SeededRandom } from '../../drivers/simulated/index.js'
import { Station } from '../../scripts/master-station/station.js'
import type { OrderRow } from '../../scripts/master-station/orders.js'
import { masterId, streams, type EventRecord, type OrderBody, type Stream } from '../../src/model/index.js'
import { AreaProcess, type AreaProcessOptions } from './area-process.js'
import { DaemonProcess, type LogLine } from './daemon-process.js'
import { siteConcentrator, siteMaster, writeSite, type SiteOptions } from './e2e-site.js'
import { Mosquitto } from './mosquitto.js'
import { brokerAt, newMasterKey, until, type MasterKey } from './uplink-bench.js'

export interface FieldOptions extends Omit<AreaProcessOptions, 'folder'> {
  readonly tasks: string
}

/** Lines of the master's log that are kept. */
const notesMax = 100

/** A site as it stands in the field: area, broker, daemon in processes of their own, the master station in this one. */
export class FieldWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'wattkeep-field-'))
  readonly random: SeededRandom
  readonly key: MasterKey = newMasterKey('hq-1')
  readonly counts = { starts: 0, readyAgain: 0, daemonKills: 0, killsBeforeReady: 0, brokerKills: 0 }
  /** From a daemon's start to its readiness. */
  readonly readyMs: number[] = []
  /** Of all daemons so far. */
  readonly errors: LogLine[] = []
  readonly unsafe: LogLine[] = []
  readonly #options: FieldOptions
  readonly #notes: string[] = []
  #config = ''
  #isClosed = false
  #area: AreaProcess | null = null
  #broker: Mosquitto | null = null
  #station: Station | null = null
  #daemon: DaemonProcess | null = null

  constructor(options: FieldOptions) {
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

  /** Writes the site's files anew. @param changes what is other than usual: links, brokers, further lines */
  writeSite(tasks: string, changes: Partial<SiteOptions> = {}): void {
    const { folder, area, key } = this
    this.#config = writeSite({ folder, area, brokers: [this.broker.url], keys: [key], tasks, ...changes })
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

  /** Gives an order as the master does and waits for its end. */
  async order(body: OrderBody, limitMs = 30_000): Promise<OrderRow> {
    const { id } = this.station.order(siteConcentrator, body)
    return await this.ended(id, limitMs)
  }

  /** Waits until an order has come to its end. @throws with the state of all parts when it never does */
  async ended(id: number, limitMs = 30_000): Promise<OrderRow> {
    const row = () => this.station.orderState(id)
    const isEnded = () => {
      const present = row()
      return present !== null && isOver(present)
    }
    await until(`the end of order ${id}`, isEnded, limitMs).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${JSON.stringify(row())}\n${this.state()}`)
    })
    return existing(row())
  }

  /** Events of one kind that the master has, oldest first. */
  events(code: string): readonly EventRecord[] {
    return this.records('event')
      .map((body) => body as unknown as EventRecord)
      .filter((event) => event.code === code)
  }

  /** Everything the master has of one stream, in order. */
  records(stream: Stream): readonly Readonly<Record<string, unknown>>[] {
    const { archive } = this.station
    return archive
      .all<{ body: string }>('SELECT body FROM record WHERE concentrator = ? AND stream = ? ORDER BY seq', [
        siteConcentrator,
        stream,
      ])
      .map(({ body }) => JSON.parse(body) as Readonly<Record<string, unknown>>)
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

/** Nothing more will be heard of an order. */
export function isOver({ state, stage }: OrderRow): boolean {
  if (state === 'refused' || state === 'expired') return true
  return state === 'journalled' && (stage === 'done' || stage === 'refused' || stage === 'expired' || stage === 'failed')
}

function existing<T>(part: T | null): T {
  if (part === null) throw new Error('not started')
  return part
}
