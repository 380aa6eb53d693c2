import t from 'tap'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LargeAreaFigures, LinkFigures, ProcessFigures } from '../helpers/large-area-run.js'

/** A limit against hanging; a week of 2,000 meters takes many minutes. */
t.setTimeout(14_400_000)
const isWhole = process.env['WATTKEEP_FULL'] === '1'
const program = fileURLToPath(new URL('../helpers/large-area-process.js', import.meta.url))

/** Where the medium cannot bring all by 00:30, the worst night takes no longer than its own bound by this factor: repeats end in pauses. */
const slowFactor = 2

interface Run {
  readonly figures: LargeAreaFigures
  readonly process: ProcessFigures
}

/** In processes of their own: their memory is their own, and two run at a time. */
async function run(seed: number): Promise<Run> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(seed), isWhole ? 'whole' : 'tenth'], {
    maxBuffer: 1_000_000,
  })
  return JSON.parse(stdout) as Run
}

const runs: (readonly [number, Run])[] = []
if (isWhole) {
  const [first, second] = await Promise.all([run(21), run(22)])
  runs.push([21, first], [22, second], [23, await run(23)])
} else {
  const [first, again] = await Promise.all([run(21), run(21)])
  runs.push([21, first])
  await t.test('two runs with one seed are identical', async (t) => {
    t.same(again.figures, first.figures)
  })
}

const size = isWhole ? '2,000 meters on mixed links, 7 days' : 'a tenth of 2,000 meters on mixed links, 2 days'
for (const [seed, { figures, process: own }] of runs) {
  await t.test(`${size}, 5 % loss, 1 % dead meters, seed ${seed}`, async (t) => {
    for (const line of table(figures.links)) t.comment(line)
    t.comment(JSON.stringify({ ...figures, links: undefined, ...own }))
    t.ok(figures.slots > 0, 'slots fell due')
    t.equal(figures.unexplained, 0, 'every slot ends as a value or a typed absence')
    t.equal(figures.events['meter-clock.over-limit'], undefined, 'no clock is taken for wrong: all are within seconds')
    for (const link of figures.links) {
      const { bound, boundMinute, answering, due, byHalfPast, bySix, lastMinute, deadPpm, probesPpm } = link
      t.comment(JSON.stringify(link))
      const name = `${link.link} (${link.kind})`
      const half = `${name}: ${byHalfPast} of ${due} freezes of answering meters by 00:30; it could bring ${bound} of ${answering} a night`
      if (bound >= answering) t.ok(byHalfPast / due >= 0.999, half)
      else t.comment(half)
      const last = `${name}: the last came ${lastMinute} minutes after midnight; without any waste it could have after ${boundMinute}`
      if (bound < answering) t.ok(lastMinute <= slowFactor * boundMinute, last)
      else t.comment(last)
      t.equal(bySix, due, `${name}: all freezes of answering meters by 06:00`)
      t.ok(deadPpm <= 20_000 && probesPpm <= 20_000, `${name}: ${deadPpm / 10_000} % of its time for silent meters`)
    }
  })
}

function table(links: readonly LinkFigures[]): readonly string[] {
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
  const rows = links.map((link) => [
    ...[link.link, link.kind, String(link.answering), String(link.dead), String(link.bound), String(link.boundMinute)],
    ...[percent(link.byHalfPast / link.due), percent(link.bySix / link.due), String(link.lastMinute)],
    ...[percent(link.busyPpm / 1e6), percent(link.deadPpm / 1e6)],
  ])
  const head = ['link', 'kind', 'answer', 'dead', 'bound', 'bound min', 'by 00:30', 'by 06:00', 'last min', 'busy', 'silent']
  return [head, ...rows].map((row) => row.map((cell) => cell.padStart(12)).join(' '))
}
