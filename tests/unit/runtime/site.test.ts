import t from 'tap'
import { join } from 'node:path'
import { epochMs, type SiteParameters } from '../../../src/model/index.js'
import { checkSet, siteInForce } from '../../../src/runtime/site.js'
import { loadSettings } from '../../../src/settings/index.js'
import { projectRoot } from '../../helpers/root.js'
import { settingsChecks } from '../../helpers/settings-checks.js'

const loaded = loadSettings(join(projectRoot(), 'config/example/wattkeep.yaml'), settingsChecks)
if (!loaded.ok) throw new Error('the example site does not load')
const { parameters, links } = loaded.value
const context = { links: links.map((link) => link.id), checks: settingsChecks }
const now = epochMs(Date.UTC(2026, 5, 1))
const season = { from: '01-01', workday: [{ at: '00:00', rate: 1 }] }
const version = (changes: object) => ({
  tariff: 'residential',
  version: 1,
  effectiveFrom: '2026-01-01',
  prices: ['0.5383'],
  seasons: [season],
  ...changes,
})
const judge = (tariffs: readonly object[]) => checkSet({ name: 'tariffs', body: { tariffs } }, { ...context, parameters }, now)

await t.test('a stored set lies over the settings; one that no longer fits is set aside with its reason', async (t) => {
  const [first] = parameters.meters
  const meters = [
    {
      id: 'NEW-1',
      address: '000000000777',
      protocol: 'dlt645-2007',
      link: first?.link ?? '',
      profile: first?.profile ?? '',
      box: 'B1',
    },
  ]
  const tasks = [{ id: 'late', kind: 'curve', cron: '*/15 * * * *', items: ['energy'], meters: { ids: ['NEW-1'] } }]
  const sets = [
    { name: 'tasks' as const, version: 1, body: { tasks } },
    { name: 'archive' as const, version: 1, body: { meters } },
    { name: 'rules' as const, version: 1, body: { nothing: true } },
  ]
  const site: { parameters: SiteParameters; refused: readonly { set: { name: string } }[] } = siteInForce(
    parameters,
    sets,
    context,
  )
  t.equal(site.parameters.meters[0]?.id, 'NEW-1', 'an archive that tasks before it lean on')
  t.equal(site.parameters.tasks[0]?.id, 'late')
  t.same(
    site.refused.map(({ set }) => set.name),
    ['rules'],
  )
})

await t.test('tariffs that have begun to apply may neither change nor vanish', async (t) => {
  const kept = parameters.tariffs.filter((tariff) => tariff.tariff !== 'residential')
  t.ok(kept.length > 0, 'the example has further tariffs')
  t.match(judge([version({})]), { ok: false }, 'the others vanish')
  t.match(judge([version({ prices: ['9.9999'] })]), { ok: false }, 'a price changes under its version')
})

await t.test('what no settlement can price is refused where it comes in', async (t) => {
  t.match(judge([version({ seasons: [{ from: '01-01', workday: [{ at: '00:00', rate: 2 }] }] })]), { ok: false })
})
