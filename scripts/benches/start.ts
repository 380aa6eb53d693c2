/** How long the daemon takes from its start to money-safe and to the first exchange on a wire. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { SimulatedArea, noFaults, siteFiles } from '../../drivers/simulated/index.js'
import { dayMs } from '../../src/model/index.js'
import { daemonCommand } from '../../src/runtime/daemon-command.js'
import { createSystemClock, systemTimers } from '../../src/runtime/system-clock.js'
import { Figures } from './figures.js'
import { fillDatabase } from './lived-database.js'
import { SilentWires } from './silent-wires.js'

const usage = `usage: scripts/bench start [--runs N] [--json]

Starts the daemon for a site of 400 meters on 20 buses, whose ends are TCP ports of the bench: on no database, and on one with an
account on every meter, opened just before. A task is due every other second. Prints medians, also as multiples of what
\`node -e 0\` takes.

  --runs N   starts of each case, default 7
  --json     one line of JSON for each figure`

const buses = 20
const metersPerBus = 20
const nodeRuns = 15
const patienceMs = 60_000
/** Due every other second: how soon the daemon asks depends on it and not on the hour; a second of waiting on average is in the figure. */
const tasks = `tasks:
  - { id: curve-15, kind: curve, cron: '*/2 * * * * *', items: [energy], backfillDays: 0, liveWindowMinutes: 1, closesAfterMinutes: 1 }
`
const program = fileURLToPath(new URL('../../src/main.js', import.meta.url))

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '7' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else await main(new Figures('start', values.json), Number(values.runs))

async function main(figures: Figures, runs: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-start-'))
  const wires = await SilentWires.open(buses)
  try {
    const nodeMs = median(Array.from({ length: nodeRuns }, nodeStartMs))
    figures.add('node -e 0', 'start to end', nodeMs, 'ms')
    const fresh = join(folder, 'fresh')
    writeSite(fresh, wires.ports)
    await tell(figures, 'no database yet', { runs, nodeMs, wires, site: fresh })
    const lived = join(folder, 'lived')
    writeSite(lived, wires.ports)
    await fillDatabase(join(lived, 'wattkeep.yaml'))
    await tell(figures, `${buses * metersPerBus} accounts`, { runs, nodeMs, wires, site: lived })
  } finally {
    wires.close()
    rmSync(folder, { recursive: true })
  }
}

interface Case {
  readonly runs: number
  readonly nodeMs: number
  readonly wires: SilentWires
  readonly site: string
}

async function tell(figures: Figures, name: string, { runs, nodeMs, wires, site }: Case): Promise<void> {
  const starts: Start[] = []
  for (let run = 0; run < runs; run += 1) {
    // Every start finds the same files.
    const copy = `${site}-run`
    cpSync(site, copy, { recursive: true })
    starts.push(await startOnce(copy, wires))
    rmSync(copy, { recursive: true })
  }
  for (const [figure, ms] of [
    ['start to money-safe', median(starts.map(({ moneySafeMs }) => moneySafeMs))],
    ['start to the first byte of an exchange', median(starts.map(({ firstByteMs }) => firstByteMs))],
  ] as const) {
    figures.add(name, figure, ms, 'ms')
    figures.add(name, `${figure}, by node -e 0`, ms / nodeMs, '')
  }
}

interface Start {
  readonly moneySafeMs: number
  readonly firstByteMs: number
}

async function startOnce(site: string, wires: SilentWires): Promise<Start> {
  const startedAt = performance.now()
  const firstByte = wires.firstByte(patienceMs)
  const daemon = spawn(process.execPath, [...daemonCommand.flags, program, '--config', join(site, 'wattkeep.yaml')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...daemonCommand.env },
  })
  const ended = new Promise<void>((resolve) => daemon.once('close', () => resolve()))
  try {
    const [moneySafeAt, firstByteAt] = await Promise.all([saidAt(daemon, 'money-safe'), firstByte])
    return { moneySafeMs: moneySafeAt - startedAt, firstByteMs: firstByteAt - startedAt }
  } finally {
    daemon.kill('SIGKILL')
    await ended
  }
}

function saidAt(daemon: ChildProcess, event: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the daemon did not say ${event}`)), patienceMs)
    daemon.once('exit', (code) => reject(new Error(`the daemon ended with ${code}`)))
    if (daemon.stdout === null) return
    createInterface({ input: daemon.stdout }).on('line', (line) => {
      if (!line.includes(`"event":"${event}"`)) return
      clearTimeout(late)
      resolve(performance.now())
    })
  })
}

function writeSite(folder: string, ports: readonly number[]): void {
  const clock = createSystemClock({ lastPersisted: null, assumeSynchronised: true })
  const area = new SimulatedArea(
    {
      ...{ seed: 1, buses, metersPerBus, startsAt: Date.now(), utcOffsetMinutes: 480, baud: 9600, historyMs: dayMs },
      ...{ shares: { dead: 0, commercial: 100_000 }, faults: noFaults, supplyMeter: false },
    },
    { clock, timers: systemTimers },
  )
  const urls = new Map(area.buses.map(({ link }, index) => [link, `tcp://127.0.0.1:${ports[index] ?? 0}?baud=9600`]))
  const tasksPath = join(folder, 'tasks.yaml')
  const files = siteFiles(area, {
    concentrator: 'DCU-START',
    urls,
    configFolder: configFolder(dirname(program)),
    tasks: tasksPath,
  })
  mkdirSync(folder)
  writeFileSync(tasksPath, tasks)
  for (const { name, text, mode } of files) writeFileSync(join(folder, name), text, { mode })
}

/** The project's own profiles, tasks and tariffs, upwards of the compiled program. */
function configFolder(from: string): string {
  const folder = join(from, 'config')
  return existsSync(join(folder, 'profiles')) ? folder : configFolder(dirname(from))
}

function nodeStartMs(): number {
  const startedAt = performance.now()
  spawnSync(process.execPath, ['-e', '0'])
  return performance.now() - startedAt
}

function median(all: readonly number[]): number {
  const sorted = all.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}
