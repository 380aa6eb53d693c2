import t from 'tap'
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Figure } from '../../scripts/benches/figures.js'

t.setTimeout(300_000)
const program = fileURLToPath(new URL('../../scripts/benches/collect.js', import.meta.url))

await t.test('a line of JSON for each figure; what is measured in virtual time is the same on every machine', async (t) => {
  const args = [program, '--json', '--values', '100', '--only', '15-minute curve, 698']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const figures = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Figure)
  for (const figure of figures) {
    t.strictSame(Object.keys(figure), ['bench', 'case', 'figure', 'value', 'unit', 'aim'])
    t.equal(figure.bench, 'collect')
    t.ok(Number.isFinite(figure.value), `${figure.case}: ${figure.figure}`)
  }
  const ratios = figures.filter(({ figure }) => figure === 'actual / bound')
  t.equal(ratios.length, 6, 'every medium')
  for (const { case: name, value } of ratios) t.ok(value > 0.8 && value < 1.1, `${name}: ${value}`)
  t.equal(figures.filter(({ figure }) => figure === 'values that did not come').length, 0)
  for (const unit of ['1/s', 's', 'MiB', 'B']) t.ok(figures.filter((figure) => figure.unit === unit).length >= 6, unit)
})
