/** What the daemon keeps in memory while it reads 400 meters on 20 buses, delivers to a master and is left alone. */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Figures } from './figures.js'
import { pause, startWorkingSite } from './working-site.js'

const usage = `usage: scripts/bench memory [--minutes N] [--json]

The daemon with 20 buses of 20 meters over TCP at the pace of 9600 baud, curves of every minute, a broker and a master that
acknowledges, each in processes of their own. Looks at the daemon every 10 s and prints its resident memory at the end; Ctrl-C is an
early end.

  --minutes N   measured time, default 60
  --json        one line of JSON for each figure; the samples go to standard error`

const sampleMs = 10_000
const settledMs = 300_000

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else await main(new Figures('memory', values.json), Number(values.minutes) * 60_000)

interface Sample {
  readonly atMs: number
  readonly rssMib: number
  readonly privateDirtyMib: number
  /** Since the daemon's start. */
  readonly cpuMs: number
}

async function main(figures: Figures, durationMs: number): Promise<void> {
  const site = await startWorkingSite({ buses: 20, meters: 20, baud: 9600 })
  const samples: Sample[] = []
  const startedAt = performance.now()
  let endsAt = startedAt + durationMs
  process.once('SIGINT', () => (endsAt = 0))
  try {
    while (performance.now() < endsAt) {
      await pause(Math.min(sampleMs, endsAt - performance.now()))
      const sample = { atMs: performance.now() - startedAt, ...lookAt(site.pid) }
      samples.push(sample)
      if (values.json) console.error(JSON.stringify(sample))
    }
    tell(figures, samples, await site.statistics())
  } finally {
    await site.stop()
  }
}

function tell(figures: Figures, samples: readonly Sample[], { exchanges }: { readonly exchanges: number }): void {
  const last = samples.at(-1)
  if (last === undefined) return
  const name = `20 buses × 20 meters, ${Number((last.atMs / 60_000).toFixed(1))} minutes`
  const settled = samples.find(({ atMs }) => atMs >= settledMs)
  if (settled !== undefined) figures.add(name, 'resident after 5 minutes', settled.rssMib, 'MiB')
  figures.add(name, 'resident at the end', last.rssMib, 'MiB', '<= 90')
  figures.add(name, 'resident at most', Math.max(...samples.map(({ rssMib }) => rssMib)), 'MiB', '<= 90')
  const late = samples.filter(({ atMs }) => atMs >= last.atMs / 4)
  figures.add(name, 'slope over the last three quarters', slopePerHour(late), 'MiB/h', 'flat')
  figures.add(name, 'private and dirty at the end', last.privateDirtyMib, 'MiB')
  figures.add(name, 'exchanges', exchanges, '')
  if (exchanges > 0) figures.add(name, 'CPU for each exchange, start included', (last.cpuMs * 1000) / exchanges, 'us')
}

/** Least squares over the samples' resident memory. */
function slopePerHour(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number): number => samples.reduce((sum, s) => sum + of(s), 0) / samples.length
  const at = mean(({ atMs }) => atMs)
  const rss = mean(({ rssMib }) => rssMib)
  const above = mean(({ atMs, rssMib }) => (atMs - at) * (rssMib - rss))
  const below = mean(({ atMs }) => (atMs - at) ** 2)
  return below === 0 ? 0 : (above / below) * 3_600_000
}

function lookAt(pid: number): Omit<Sample, 'atMs'> {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) / 1024
  return { rssMib: mib('Rss'), privateDirtyMib: mib('Private_Dirty'), cpuMs: cpuMsOf(pid) }
}

/** User and system time of all threads; Linux counts in hundredths of a second. */
function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}
