import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SimulatedArea, SimulatedServer, siteFiles } from '../../drivers/simulated/index.js'
import { createKey, readKey } from '../../src/control/key-file.js'
import { accountId, dayMs, epochMs, type LedgerEntry, type StreamExtent } from '../../src/model/index.js'
import { daemonCommand } from '../../src/runtime/daemon-command.js'
import { createSystemClock, systemRandom, systemTimers } from '../../src/runtime/system-clock.js'
import { openInProcessStore } from '../../src/store/index.js'
import { startEmbeddedBroker, type EmbeddedBroker } from '../embedded-broker.js'
import { Station } from '../master-station/station.js'

export const concentrator = 'DEMO-1'
const baud = 9600
const utcOffsetMinutes = 480
const keyName = 'demo-master'
/** Longest start of the daemon; a small machine that compiles beside it is slow. */
const startMsMax = 20_000

/** Everything the demonstration needs, on loopback and in one temporary folder. */
export interface Stage {
  readonly folder: string
  readonly area: SimulatedArea
  readonly station: Station
  /** The daemon's own process; starts it and settles once it is ready. */
  startDaemon(): Promise<void>
  stopDaemon(): Promise<void>
  /** The mobile network goes: the broker is gone for everybody. */
  takeNetwork(): Promise<void>
  returnNetwork(): Promise<void>
  /** What the daemon's database holds, read after it has stopped. */
  readDatabase(): Promise<{ readonly extents: readonly StreamExtent[]; readonly entries: readonly LedgerEntry[] }>
  close(): Promise<void>
}

/** Short tasks, one dear tariff, nobody protected by a calendar: what takes a day in the field takes seconds here. */
const tasksText = `tasks:
  - { id: curve, kind: curve, cron: '*/3 * * * * *', items: [energy], backfillDays: 0, liveWindowMinutes: 1, closesAfterMinutes: 1 }
  - { id: status, kind: status, cron: '1/4 * * * * *', items: [status], liveWindowMinutes: 1, closesAfterMinutes: 1 }
`
const tariffText = `tariffs:
  - tariff: demo
    version: 1
    effectiveFrom: 2020-01-01
    prices: ['8.0000']
    seasons: [{ from: '01-01', workday: [{ at: '00:00', rate: 1 }] }]
`

export async function setStage(): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-demo-'))
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const startsAt = clock.wall().at
  const area = new SimulatedArea(
    { seed: 7, buses: 2, metersPerBus: 20, startsAt, utcOffsetMinutes, baud, historyMs: dayMs },
    { clock, timers: systemTimers },
  )
  const servers = await startServers(area)
  let broker: EmbeddedBroker | null = await startEmbeddedBroker()
  const { port, url } = broker
  const signing = newKey()
  writeSite(folder, area, servers, { url, publicKey: signing.publicKey })
  const station = new Station({
    path: join(folder, 'master.db'),
    master: 'demo',
    broker: { url, version: 4, clientId: 'demo-master', username: null, password: null, tls: null },
    signing: { id: keyName, key: signing.privateKey },
    ackMs: 200,
    backOff: { firstMs: 300, maxMs: 1000 },
  })
  station.start()
  let daemon: ChildProcess | null = null
  return {
    folder,
    area,
    station,
    startDaemon: async () => {
      daemon = await startDaemon(folder)
    },
    stopDaemon: async () => {
      if (daemon !== null) await ended(daemon, 'SIGTERM')
      daemon = null
    },
    takeNetwork: async () => {
      await broker?.close()
      broker = null
    },
    returnNetwork: async () => {
      broker = await startEmbeddedBroker(port)
    },
    readDatabase: () => readDatabase(folder),
    close: async () => {
      if (daemon !== null) await ended(daemon, 'SIGKILL')
      await station.close()
      await broker?.close()
      await Promise.all([...servers.values()].map((server) => server.close()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function startServers(area: SimulatedArea): Promise<ReadonlyMap<string, SimulatedServer>> {
  const servers = new Map<string, SimulatedServer>()
  for (const [index, { link, wire, byteMs }] of area.buses.entries()) {
    const server = new SimulatedServer({
      wire,
      now: () => area.now(),
      timers: systemTimers,
      byteMs,
      keepsDelays: true,
      seed: index,
    })
    await server.listen(0)
    servers.set(link, server)
  }
  return servers
}

function newKey() {
  const made = createKey(null)
  if (!made.ok) throw new Error(made.error.message)
  const read = readKey(made.value.privatePem, null)
  if (!read.ok) throw new Error(read.error.message)
  return { publicKey: made.value.publicKey, privateKey: read.value }
}

function writeSite(
  folder: string,
  area: SimulatedArea,
  servers: ReadonlyMap<string, SimulatedServer>,
  master: { readonly url: string; readonly publicKey: string },
): void {
  const urls = new Map([...servers].map(([link, { port }]) => [link, `tcp://127.0.0.1:${port}?baud=${baud}`]))
  const files = siteFiles(area, {
    concentrator,
    urls,
    configFolder: configFolder(dirname(fileURLToPath(import.meta.url))),
    tasks: join(folder, 'tasks.yaml'),
    tariffs: join(folder, 'tariffs.yaml'),
    extra: [
      'masters:',
      `  - { id: demo, keys: [{ id: ${keyName}, publicKey: ${master.publicKey} }], brokers: ["${master.url}"], reconnectSeconds: { first: 1, max: 2 } }`,
      'rules: { blocked: { night: null, weekdays: [], dates: [] } }',
      'log: { level: info }',
    ],
  })
  for (const { name, text, mode } of files) writeFileSync(join(folder, name), text, { mode })
  writeFileSync(join(folder, 'tasks.yaml'), tasksText)
  writeFileSync(join(folder, 'tariffs.yaml'), tariffText)
}

/** The project's own profiles, upwards of the compiled script. */
function configFolder(from: string): string {
  const folder = join(from, 'config')
  return existsSync(join(folder, 'profiles')) ? folder : configFolder(dirname(from))
}

/** Starts the compiled daemon with its log in the folder; what it says last stands in the error when it does not get ready. */
async function startDaemon(folder: string): Promise<ChildProcess> {
  const logPath = join(folder, 'daemon.log')
  const log = openSync(logPath, 'a')
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url))
  const { flags, env } = daemonCommand
  const daemon = spawn(process.execPath, [...flags, main, '--config', join(folder, 'wattkeep.yaml')], {
    stdio: ['ignore', log, log],
    env: { ...process.env, ...env },
  })
  const before = readFileSync(logPath, 'utf8').length
  for (let waited = 0; waited < startMsMax; waited += 50) {
    if (readFileSync(logPath, 'utf8').slice(before).includes('"event":"ready"')) return daemon
    if (daemon.exitCode !== null) break
    await pause(50)
  }
  daemon.kill('SIGKILL')
  throw new Error(
    `the daemon did not get ready; its last words:\n${readFileSync(logPath, 'utf8').split('\n').slice(-6).join('\n')}`,
  )
}

function ended(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', () => resolve())
    child.kill(signal)
  })
}

async function readDatabase(folder: string) {
  const options = { path: join(folder, 'wattkeep.db'), now: epochMs(Date.now()), random: systemRandom }
  const store = openInProcessStore(options, systemTimers)
  try {
    const { extents } = await store.run('extents', {})
    const { entries } = await store.run('entries', { account: accountId('A-1'), first: 1, count: 10_000 })
    return { extents, entries }
  } finally {
    await store.close()
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
