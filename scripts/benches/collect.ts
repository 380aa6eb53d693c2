/** How near collection comes to each medium's own bound, and what values cost processor and memory: in virtual time. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { collectMedia } from './collect-works.js'
import { Figures, type Figure } from './figures.js'

const usage = `usage: scripts/bench collect [--values N] [--only TEXT] [--json]

The whole daemon with real drivers, protocols and database over simulated far ends, in virtual time, a process for each medium: daily
freezes and 15-minute curves of DL/T 645 blocks and DL/T 698.45 lists and records, and load records after a stop. A round lasts from
when its work is due until its last value is there. The bound is what the medium itself needs for the fewest exchanges that carry the
same values: bytes at its speed, the meters' delay, quiet, hops, as scripts/benches/collect-bound.ts counts them. Processor time
is told apart: runtime (collection, runner, driver, and virtual time itself), store, and far end.

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
  figures.note('actual / bound: 1 is a wire that is never waited for in vain; the aim for modules and modems is this bench’s own')
  for (const { name, works } of collectMedia) {
    if (works.some((work) => `${name}: ${work.name}`.includes(values.only))) await measure(figures, name)
  }
}

async function measure(figures: Figures, medium: string): Promise<void> {
  const program = fileURLToPath(new URL('./collect-medium.js', import.meta.url))
  const args = [program, '--medium', medium, '--values', values.values, '--only', values.only]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for await (const line of createInterface({ input: child.stdout })) {
    const { case: name, figure, value, unit, aim } = JSON.parse(line) as Figure
    figures.add(name, figure, value, unit, aim)
  }
  const code = await ended
  if (code !== 0) throw new Error(`the process of ${medium} ended with ${code}`)
}
