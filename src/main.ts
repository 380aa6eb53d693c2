import { parseArgs } from 'node:util'
import { createCalendar } from './calendar.js'
import { addressOf } from './console/decoders.js'
import { startConsoleServer } from './console/server.js'
import { masterId, type FaultError } from './model/index.js'
import type { Log, Store, Uplink } from './ports/index.js'
import { openBus } from './media.js'
import { settingsChecks, siteChecks, siteProtocols } from './registry.js'
import { createConsoleBackend } from './runtime/console-backend.js'
import { startConsole } from './runtime/console-service.js'
import { Daemon } from './runtime/daemon.js'
import type { UplinkParts } from './runtime/daemon-options.js'
import { createNotifier } from './runtime/notify.js'
import { createPinoLog } from './runtime/pino-log.js'
import { skippedFirings } from './runtime/skipped-firings.js'
import { createStamps } from './runtime/stamps.js'
import { createSupervisor } from './runtime/supervisor.js'
import { createSystemClock, systemRandom, systemTimers } from './runtime/system-clock.js'
import { softwareVersion } from './runtime/version.js'
import { createWatchdog } from './runtime/watchdog.js'
import { loadSettings, problemLines, type MasterSettings, type Settings } from './settings/index.js'
import { openWorkerStore } from './store/index.js'
import { createUplink, defaultUplinkPace, type MasterSettings as UplinkMaster } from './uplink/index.js'

const usage =
  'usage: wattkeepd --config FILE\n\nRuns the concentrator. Settings that do not hold stop the start: every problem is told, exit status 2.\n'
/** A stop that takes longer is ended by force; systemd would do it soon after. */
const stopMsMax = 5_000
/** Exit statuses: 1 a fault (systemd starts us anew), 2 settings that a person has to mend. */
const faultStatus = 1
const settingsStatus = 2

await main()

async function main(): Promise<void> {
  const settings = readSettings()
  if (settings === null) return
  const { utcOffsetMinutes } = settings.parameters
  const log = createPinoLog(settings.log.level)
  const die = (error: Error): void => {
    log.error('fault', { code: (error as Partial<FaultError>).code ?? error.name, message: error.message, stack: error.stack })
    process.exit(faultStatus)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', (cause) => die(cause instanceof Error ? cause : new Error(String(cause))))
  const notifier = createNotifier(process.env, log, process.pid)
  const { path, bytesMax, reserveBytes } = settings.database
  const clockBefore = createSystemClock({ lastPersisted: null, assumeSynchronised: settings.clock.assumeSynchronised })
  const options = { path, budgetBytes: bytesMax, reserveBytes, now: clockBefore.wall().at, random: systemRandom }
  const store = await openWorkerStore(options, systemTimers)
  const { at } = await store.run('last-instant', {})
  const clock = createSystemClock({ lastPersisted: at, assumeSynchronised: settings.clock.assumeSynchronised })
  const supervisor = createSupervisor({
    timers: systemTimers,
    log,
    onHeld: (_name, error) => die(error),
    onFault: (_name, error) => die(error),
  })
  const stamps = createStamps(clock)
  const onSkipped = skippedFirings({
    ...{ clock, log, utcOffsetMinutes },
    record: (event) => supervisor.spawn('skipped firing', store.run('record-event', { event, stamp: stamps.now() })),
  })
  const daemon = new Daemon({
    settings,
    checks: siteChecks(settings),
    store,
    clock,
    timers: systemTimers,
    random: systemRandom,
    calendar: createCalendar({ clock, timers: systemTimers, onSkipped }),
    log,
    supervisor,
    protocols: siteProtocols(settings),
    openBus: (link) => openBus(link, { clock, timers: systemTimers, random: systemRandom, log, utcOffsetMinutes }),
    createUplink: (parts) => uplinkOf(settings, store, clock, log, parts),
    onFatal: die,
  })
  stopOnSignals(daemon, notifier, log)
  await daemon.start()
  const watchdog = createWatchdog({
    clock,
    timers: systemTimers,
    loops: daemon.loops,
    everyMs: (notifier.watchdogMs ?? settings.watchdog.stallMs) / 3,
    stallMs: settings.watchdog.stallMs,
    feed: () => notifier.feedWatchdog(),
    onStall: (loop, sinceMs) => log.error('loop-stalled', { loop, sinceMs: Math.round(sinceMs) }),
  })
  daemon.onStop(() => watchdog.stop())
  const localConsole = await openConsole(daemon, { settings, store, clock, log })
  daemon.onStop(() => void localConsole.close())
  log.info('ready', { concentrator: settings.concentrator, moneySafe: daemon.moneySafe, version: softwareVersion })
  notifier.ready(`${settings.links.length} links, ${daemon.parameters.meters.length} meters`)
}

function readSettings(): Settings | null {
  let config: string | undefined
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean' } } })
    if (values.help === true) {
      process.stdout.write(usage)
      return null
    }
    config = values.config
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  }
  if (config === undefined) {
    process.stderr.write(usage)
    process.exitCode = settingsStatus
    return null
  }
  const loaded = loadSettings(config, settingsChecks)
  if (loaded.ok) return loaded.value
  process.stderr.write(`${problemLines(loaded.error).join('\n')}\n`)
  process.exitCode = settingsStatus
  return null
}

function stopOnSignals(daemon: Daemon, notifier: ReturnType<typeof createNotifier>, log: Log): void {
  let isStopping = false
  const stop = (signal: string): void => {
    if (isStopping) return
    isStopping = true
    log.info('stopping', { signal })
    notifier.stopping()
    const force = setTimeout(() => {
      log.error('stop-forced', { afterMs: stopMsMax })
      process.exit(faultStatus)
    }, stopMsMax)
    daemon.stop().then(
      () => {
        clearTimeout(force)
        log.info('stopped')
        process.exit(0)
      },
      (error: unknown) => {
        log.error('stop-failed', { message: error instanceof Error ? error.message : String(error) })
        process.exit(faultStatus)
      },
    )
  }
  process.on('SIGTERM', () => stop('SIGTERM'))
  process.on('SIGINT', () => stop('SIGINT'))
}

interface ConsoleWorld {
  readonly settings: Settings
  readonly store: Store
  readonly clock: ReturnType<typeof createSystemClock>
  readonly log: Log
}

function openConsole(daemon: Daemon, { settings, store, clock, log }: ConsoleWorld) {
  const backend = createConsoleBackend({ daemon, settings, store, clock, timers: systemTimers })
  const { socket: path, group, mode } = settings.console
  const open = () => startConsoleServer({ backend, addressOf, file: { path, group, mode }, timers: systemTimers, log })
  return startConsole({ open, store, clock, timers: systemTimers, log })
}

function uplinkOf(
  settings: Settings,
  store: Store,
  clock: ReturnType<typeof createSystemClock>,
  log: Log,
  parts: UplinkParts,
): Uplink {
  return createUplink({
    settings: {
      concentrator: settings.concentrator,
      software: softwareVersion,
      keepAliveS: 240,
      masters: settings.masters.map((master) => masterOf(master, settings)),
      pace: defaultUplinkPace,
    },
    store,
    clock,
    timers: systemTimers,
    random: systemRandom,
    log,
    ...parts,
  })
}

function masterOf(master: MasterSettings, settings: Settings): UplinkMaster {
  const login = settings.secrets.loginFor(master.id)
  const { window } = defaultUplinkPace
  const maxBytes = master.windowBytesMax
  return {
    master: masterId(master.id),
    keepAliveS: master.keepAliveS,
    pace: {
      backOff: master.reconnect,
      batchBytesMax: master.batchBytesMax,
      window: { ...window, maxBytes, startBytes: Math.min(window.startBytes, maxBytes) },
    },
    brokers: master.brokers.map((url) => ({
      url,
      version: 'auto',
      clientId: null,
      username: login?.reveal().username ?? null,
      password: login === null ? null : () => login.reveal().password,
      tls:
        master.tls === null
          ? null
          : { caPath: master.tls.ca, certPath: master.tls.cert, keyPath: master.tls.key, servername: null },
    })),
  }
}
