import { join } from 'node:path'
import t from 'tap'
import { settingsChecks } from '../../../src/registry.js'
import { loadSettings, problemLines } from '../../../src/settings/index.js'
import { projectRoot } from '../../helpers/root.js'

await t.test('the mesh example has a link of every medium without wires, and its drivers take the options', async (t) => {
  const result = loadSettings(join(projectRoot(), 'config/example-mesh/wattkeep.yaml'), settingsChecks)
  t.same(result.ok ? [] : problemLines(result.error), [])
  if (!result.ok) return
  const { links, parameters } = result.value
  t.strictSame(
    links.map(({ id, driver }) => `${id} ${driver}`),
    ['hplc plc', 'narrow plc', 'mesh wireless', 'radio radio-modem'],
  )
  const used = new Set(parameters.meters.map(({ link, protocol }) => `${link} ${protocol}`))
  for (const { id, driver } of links) {
    t.ok(used.has(`${id} dlt645-2007`), id)
    if (driver !== 'radio-modem') t.ok(used.has(`${id} dlt698-45`), id)
  }
})
