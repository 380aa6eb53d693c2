/** What the host adds to a wire, what silent meters cost, and what commits cost: over terminals at a true wire's pace. */
import { parseArgs } from 'node:util'
import { Figures } from './figures.js'
import { measure } from './live-share.js'
import { metersPerBus, pause, startPacedBuses, type PacedOptions } from './paced-buses.js'
import { measureWithSlowDisk } from './slow-disk.js'

const usage = `usage: scripts/bench bus [--seconds N] [--only TEXT] [--json]

Real serial ports on terminals at the pace of a wire (8E1), meters that begin to answer after 20 ms, each in processes of their
own. Prints ideal / actual time of an exchange (the quiet gap counts as ideal), the host's share of it, CPU for each exchange,
and what is left for the live meters when others are silent.

  --seconds N   measured time of each case, default 15; cases with silent meters or commits take twice that
  --only TEXT   only the cases whose name contains TEXT
  --json        one line of JSON for each figure`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else await main(new Figures('bus', values.json), Number(values.seconds) * 1000, values.only)

async function main(figures: Figures, durationMs: number, only: string): Promise<void> {
  const isAsked = (name: string): boolean => name.includes(only)
  for (const baud of [2400, 9600])
    for (const buses of [1, 4])
      for (const quietMs of [0, 20]) {
        const name = `${baud} 8E1, ${buses} ${buses === 1 ? 'bus' : 'buses'}, quiet gap ${quietMs} ms`
        if (isAsked(name)) await pace(figures, name, { baud, buses, quietMs, silent: 0 }, durationMs)
      }
  for (const baud of [2400, 9600])
    for (const percent of [20, 10]) {
      const name = `${baud} 8E1, 4 buses, ${percent} % silent meters`
      if (isAsked(name)) await silentMeters(figures, name, { baud, percent, durationMs: 2 * durationMs })
    }
  const name = '9600 8E1, 4 buses, commits without pause, fsync + 30 ms'
  if (isAsked(name)) await slowDisk(figures, name, 2 * durationMs)
}

async function pace(figures: Figures, name: string, options: PacedOptions, durationMs: number): Promise<void> {
  const buses = await startPacedBuses(options)
  buses.poll()
  // The compiler warms up, and every meter's reply time is known.
  await pause(2_000)
  await buses.takeStats()
  const measured = await measure(buses, durationMs)
  const stats = await buses.takeStats()
  await buses.close()
  const mean = (of: (wire: (typeof stats)[number]) => number): number =>
    stats.reduce((sum, wire) => sum + of(wire), 0) / stats.length
  figures.add(name, 'ideal / actual time', measured.ratio, '', '>= 0.985')
  figures.add(name, 'CPU for each exchange', measured.cpuUsPerExchange, 'us')
  figures.add(name, 'gap between reply and request, median', mean(({ gapP50Ms }) => gapP50Ms ?? 0) - options.quietMs, 'ms')
  figures.add(name, 'gap between reply and request, mean', mean(({ gapMeanMs }) => gapMeanMs ?? 0) - options.quietMs, 'ms')
  figures.add(
    name,
    'lateness of the simulated wire, mean',
    mean(({ lateSumMs, replies }) => lateSumMs / Math.max(1, replies)),
    'ms',
  )
  figures.add(
    name,
    'overlapping frames',
    stats.reduce((sum, { overlaps }) => sum + overlaps, 0),
    '',
  )
  figures.add(name, 'exchanges', measured.exchanges, '')
}

interface SilentCase {
  readonly baud: number
  readonly percent: number
  readonly durationMs: number
}

async function silentMeters(figures: Figures, name: string, { baud, percent, durationMs }: SilentCase): Promise<void> {
  const silent = Math.round((metersPerBus * percent) / 100)
  const buses = await startPacedBuses({ baud, buses: 4, quietMs: 0, silent })
  buses.poll()
  await buses.allSilentKnown()
  await pause(1_000)
  const measured = await measure(buses, durationMs)
  await buses.close()
  if (percent === 20) figures.add(name, 'live meters’ share of their nominal rate', measured.ratio, '', '>= 0.95')
  else figures.add(name, 'useful share of bus time', measured.ratio, '', '>= 0.90')
  figures.add(name, 'probes’ share of bus time (2 % in the long run)', measured.probeShare, '')
  figures.add(name, 'exchanges', measured.exchanges, '')
}

async function slowDisk(figures: Figures, name: string, durationMs: number): Promise<void> {
  const measured = await measureWithSlowDisk(durationMs)
  if (measured === null) return figures.note(`left out: ${name}: the slowed fsync needs gcc`)
  figures.add(name, 'bus time that commits cost', 1 - measured.committing / measured.idle, '', '<= 0.01')
  figures.add(name, 'ideal / actual time without commits', measured.idle, '')
  figures.add(name, 'ideal / actual time with commits', measured.committing, '')
  figures.add(name, 'one commit, mean', measured.commitMs, 'ms')
  figures.add(name, 'commits', measured.commits, '')
}
