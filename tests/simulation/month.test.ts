import t from 'tap'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { MonthFigures } from '../helpers/simulated-month.js'

/** A limit against hanging; a month of four runs takes many minutes. */
t.setTimeout(14_400_000)
const days = process.env['WATTKEEP_FULL'] === '1' ? 30 : 2
const seeds = [11, 12, 13] as const
const program = fileURLToPath(new URL('../helpers/simulated-month-process.js', import.meta.url))

/** In processes of their own: they share nothing, and nothing watches their promises. */
async function run(seed: number): Promise<MonthFigures> {
  const { stdout } = await promisify(execFile)(process.execPath, [program, String(seed), String(days)], { maxBuffer: 1_000_000 })
  return JSON.parse(stdout) as MonthFigures
}

const [first, second] = await Promise.all([run(seeds[0]), run(seeds[1])])
const [third, again] = await Promise.all([run(seeds[2]), run(seeds[0])])

for (const [seed, figures] of [
  [seeds[0], first],
  [seeds[1], second],
  [seeds[2], third],
] as const) {
  await t.test(`${days} days, 200 meters, 5 % of exchanges lost, 1 % dead meters, seed ${seed}`, async (t) => {
    t.comment(JSON.stringify(figures))
    t.ok(figures.slots > 0, 'slots fell due')
    t.equal(figures.unexplained, 0, 'every slot ends as a value or a typed absence')
    t.equal(figures.late, 0, 'every value readable from answering meters is there by 06:00')
    t.ok(figures.trips > 0, 'some customers ran out of credit and were cut')
    t.equal(figures.wrongful, 0, 'no wrongful cut')
    t.equal(figures.doubleTrips, 0, 'no relay order acted twice')
  })
}

await t.test('two runs with one seed are identical', async (t) => {
  t.same(again, first)
})
