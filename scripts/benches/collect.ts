/** How near collection comes to each medium's own bound, and what values cost processor and memory: in virtual time. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { daemonCommand } from '../../src/runtime/daemon-command.js'
import { collectMedia } from './collect-works.js'
import { Figures, type Figure } from './figures.js'

const usage = `usage: scripts/bench collect [--values N] [--only TEXT] [--json]

The whole daemon with real drivers, protocols and database over simulated far ends, in virtual time, a process with the daemon's own
options of Node for each medium: daily freezes and 15-minute curves of DL/T 645 blocks and of DL/T 698.45 lists and records, and load
records after a stop. A round lasts from when its work is due until its last value is there. The bound is what the medium itself needs
for the fewest exchanges that carry the same values, as scripts/benches/collect-bound.ts counts them:
  RS-485            bytes at the wire's speed, the meter's delay (40 ms in the mean) and 20 ms of quiet
  HPLC              the scarcest of port out, port in (9600 baud), and network: hops and delays, five reads at a
                    time, all frames for one meter in one read
  narrow-band PLC   one read at a time: port, hops, delay, the module's own pauses; the quicker of 13F1 and 14F1
  wireless          one read at a time: port, hops, delay
  radio modem       packets of 58 bytes through the air, wires at both ends, the meter's delay
Processor time is told apart: far end, store, and all else, which is collection, runner, driver and virtual time itself. The aim for it is that
of all readings (1 s for 10,000); the aim of 0.9 for what is no wire is this bench's own.

  --values N    curve values of each medium, default 1000000
  --only TEXT   only cases whose name contains TEXT
  --json        one line of JSON for each figure`

const { values } = parseArgs({
  options: {
    values: { type: 'string', default: '1000000' },
    only: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

if (values.help) console.log(usage)
else await main(new Figures('collect', values.json))

async function main(figures: Figures): Promise<void> {
  figures.note('actual / bound of 1: nothing was waited for but the medium; --help says how the bounds are counted')
  for (const { name, works } of collectMedia) {
    if (works.some((work) => `${name}: ${work.name}`.includes(values.only))) await measure(figures, name)
  }
}

async function measure(figures: Figures, medium: string): Promise<void> {
  const program = fileURLToPath(new URL('./collect-medium.js', import.meta.url))
  const args = [...daemonCommand.flags, program, '--medium', medium, '--values', values.values, '--only', values.only]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...daemonCommand.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // Node says there that it switches WebAssembly off.
  const said: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => said.push(text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  for await (const line of createInterface({ input: child.stdout })) {
    const { case: name, figure, value, unit, aim } = JSON.parse(line) as Figure
    figures.add(name, figure, value, unit, aim)
  }
  const code = await ended
  if (code !== 0) throw new Error(`the process of ${medium} ended with ${code}: ${said.join('')}`)
}
