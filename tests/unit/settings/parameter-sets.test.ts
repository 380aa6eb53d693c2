import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { linkId, type ParameterName } from '../../../src/model/index.js'
import {
  applyParameterSet,
  canonicalJson,
  loadSettings,
  parametersHash,
  parseParameterSet,
  settingsJsonSchema,
  type ParameterContext,
} from '../../../src/settings/index.js'
import { projectRoot } from '../../helpers/root.js'
import { settingsChecks } from '../../helpers/settings-checks.js'

const config = join(projectRoot(), 'config')
const loaded = loadSettings(join(config, 'example/wattkeep.yaml'), settingsChecks)
if (!loaded.ok) throw new Error('the example site does not load')
const { parameters } = loaded.value
const context: ParameterContext = { parameters, links: [linkId('bus1'), linkId('bus2')], checks: settingsChecks }
const file = (name: string): unknown => parse(readFileSync(join(config, name), 'utf8'))
const key = { id: 'tech-1', role: 'technician', publicKey: 'A'.repeat(43) }

function refusal(name: ParameterName, body: unknown): string {
  const result = applyParameterSet(name, body, context)
  return result.ok ? 'accepted' : `${result.error.at} ${result.error.message}`
}

await t.test('the body of an order has the shape of the file of that name', async (t) => {
  t.same(parseParameterSet('archive', file('example/archive.yaml'), 480), {
    ok: true,
    value: { name: 'archive', meters: parameters.meters },
  })
  t.same(parseParameterSet('tasks', file('tasks.yaml'), 480), { ok: true, value: { name: 'tasks', tasks: parameters.tasks } })
  t.same(parseParameterSet('tariffs', file('tariffs.yaml'), 480), {
    ok: true,
    value: { name: 'tariffs', tariffs: parameters.tariffs },
  })
  t.match(parseParameterSet('rules', { blocked: { night: null } }, 480), {
    ok: true,
    value: { name: 'rules', rules: { blocked: { night: null } } },
  })
  t.match(parseParameterSet('keys', { keys: [key] }, 480), { ok: true, value: { name: 'keys', keys: [key] } })
})

await t.test('what is in force already changes nothing when it is set again', async (t) => {
  for (const [name, body] of [
    ['archive', file('example/archive.yaml')],
    ['tasks', file('tasks.yaml')],
    ['tariffs', file('tariffs.yaml')],
    ['rules', { blocked: { dates: ['2026-02-16', '2026-02-17', '2026-02-18'] } }],
    ['keys', { keys: [] }],
  ] as const) {
    const result = applyParameterSet(name, body, context)
    t.equal(result.ok && parametersHash(result.value), parametersHash(parameters), name)
  }
})

await t.test('a set replaces its own part; the keys of masters stay', async (t) => {
  const keys = applyParameterSet('keys', { keys: [key] }, context)
  t.same(keys.ok && keys.value.keys.map(({ id }) => id), ['hq-2026', 'tech-1'])
  const rules = applyParameterSet('rules', { readingStaleAfterMinutes: 5 }, context)
  t.equal(rules.ok && rules.value.rules.readingStaleAfterMs, 300_000)
  t.not(rules.ok && parametersHash(rules.value), parametersHash(parameters))
})

await t.test('lesson 3: a bad set is refused whole, with the first problem and the number of others', async (t) => {
  t.match(
    refusal('archive', { meters: [{ id: 'M' }] }),
    /^meters\[0\]\.address is missing: expected an address .* \(and 3 more\)$/,
  )
  t.match(refusal('archive', []), /^\(top\) expected a mapping with meters$/)
  t.match(refusal('archive', { meters: [], extra: 1 }), /^extra is not known here; known are meters$/)
  t.match(
    refusal('archive', { meters: [{ ...meterBody(), link: 'bus7' }] }),
    /^meters\[0\]\.link there is no link bus7; known: bus1, bus2$/,
  )
  t.match(refusal('archive', { meters: [{ ...meterBody(), profile: 'p' }] }), /^meters\[0\]\.profile there is no profile p/)
  t.match(
    refusal('tasks', { tasks: [{ id: 'x', kind: 'curve', cron: '* * * * *', items: ['nothing'] }] }),
    /items\[0\] item nothing stands in no profile/,
  )
  t.match(refusal('tariffs', { tariffs: [{}] }), /^tariffs\[0\]\.tariff is missing/)
  t.match(
    refusal('rules', { blocked: { night: { from: '08:00', to: '08:00' } } }),
    /^blocked\.night expected two different times$/,
  )
  t.match(refusal('rules', 7), /^\(top\) expected a mapping with blocked/)
  t.match(
    refusal('keys', { keys: [{ ...key, role: 'master' }] }),
    /^keys\[0\]\.role expected one of viewer, technician, administrator, got "master"$/,
  )
  t.match(
    refusal('keys', { keys: [{ ...key, id: 'hq-2026' }] }),
    /^keys\[0\] key hq-2026 stands already at in force: masters\[0\]$/,
  )
  t.match(parseParameterSet('keys', { keys: [{ ...key, publicKey: 'short' }] }, 480), {
    ok: false,
    error: { at: 'keys[0].publicKey' },
  })
  t.match(parseParameterSet('rules', null, 480), { ok: false })
})

await t.test('a set that takes a name from under another one is refused', async (t) => {
  const only = { id: 'once', kind: 'curve', cron: '0 * * * *', items: ['energy'], meters: { ids: ['M-0008'] } }
  const tasks = applyParameterSet('tasks', { tasks: [only] }, context)
  t.ok(tasks.ok)
  if (!tasks.ok) return
  const result = applyParameterSet('archive', { meters: [meterBody()] }, { ...context, parameters: tasks.value })
  t.match(result, { ok: false, error: { at: 'in force: tasks[0].meters.ids[0]', message: 'meter M-0008 stands in no archive' } })
})

await t.test('the hash does not depend on the order of keys, only on what is said', async (t) => {
  t.equal(
    canonicalJson({
      b: 1n,
      a: new Map<string, unknown>([
        ['y', 1],
        ['x', [{ d: 1, c: null }]],
      ]),
    }),
    '{"a":{"x":[{"c":null,"d":1}],"y":1},"b":"1"}',
  )
  t.match(parametersHash(parameters), /^[0-9a-f]{64}$/)
  t.not(parametersHash({ ...parameters, utcOffsetMinutes: 479 }), parametersHash(parameters))
})

await t.test('the published JSON schema is the one of this version (node dist/scripts/schema.js writes it anew)', async (t) => {
  t.same(JSON.parse(readFileSync(join(config, 'schema.json'), 'utf8')), settingsJsonSchema())
})

function meterBody() {
  return { id: 'M-1', address: '000000000001', protocol: 'dlt645-2007', link: 'bus1', profile: 'dlt645-2007-single-phase' }
}
