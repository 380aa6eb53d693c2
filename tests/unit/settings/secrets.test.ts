import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { inspect } from 'node:util'
import pino from 'pino'
import t from 'tap'
import { masterId, meterId, type Meter } from '../../../src/model/index.js'
import { Secret, loadSettings, noSecrets, problemLines } from '../../../src/settings/index.js'
import { Problems } from '../../../src/settings/problems.js'
import { readSecrets } from '../../../src/settings/secrets.js'
import { projectRoot } from '../../helpers/root.js'
import { settingsChecks } from '../../helpers/settings-checks.js'

const password = '02987123'
const operator = '00C0FFEE'
const good = `
meters:
  M-0001: { password: '${password}', operator: '${operator}' }
profiles:
  dlt645-2007-single-phase: { password: '03111222', operator: '00000001' }
masters:
  hq: { username: dcu, password: hunter22 }
`

function secretsFile(folder: string, text: string, mode = 0o600): string {
  const path = join(folder, 'secrets.yaml')
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

function meter(id: string, profile: string): Meter {
  const fields = {
    id: meterId(id),
    profile,
    address: '',
    protocol: '',
    link: '',
    ct: 1,
    pt: 1,
    role: 'customer',
    phase: 'A',
    box: '',
  }
  return fields as unknown as Meter
}

await t.test('a meter has its own credentials, else those of its profile, else none', async (t) => {
  const problems = new Problems()
  const secrets = readSecrets(secretsFile(t.testdir(), good), problems)
  t.same(problems.list, [])
  t.same(secrets?.credentialsFor(meter('M-0001', 'x'))?.reveal(), { password, operator })
  t.same(secrets?.credentialsFor(meter('M-0002', 'dlt645-2007-single-phase'))?.reveal(), {
    password: '03111222',
    operator: '00000001',
  })
  t.equal(secrets?.credentialsFor(meter('M-0002', 'x')), null)
  t.same(secrets?.loginFor(masterId('hq'))?.reveal(), { username: 'dcu', password: 'hunter22' })
  t.equal(secrets?.loginFor(masterId('other')), null)
  t.equal(noSecrets.credentialsFor(meter('M-0001', 'x')), null)
})

await t.test('a secret shows itself to nobody who does not ask for it', async (t) => {
  const problems = new Problems()
  const secrets = readSecrets(secretsFile(t.testdir(), good), problems)
  const secret = secrets?.credentialsFor(meter('M-0001', 'x'))
  const logged: string[] = []
  const stream = new Writable({ write: (chunk, _, done) => done(void logged.push(String(chunk))) })
  pino(stream).info({ secret, secrets, error: new Error('with a cause', { cause: secret }) }, `order with ${String(secret)}`)
  const shown = [
    String(secret),
    `${String(secret)}`,
    JSON.stringify({ secret, secrets }),
    inspect(secret, { showHidden: true, depth: null }),
    inspect({ secrets }, { showHidden: true, depth: null }),
    inspect(new Secret(password)),
    ...logged,
  ].join('\n')
  t.match(shown, /\[redacted\]/)
  for (const text of [password, password.slice(2), operator, 'hunter22', '03111222']) t.notMatch(shown, text)
})

await t.test('a file that others may read is refused, with what to do', async (t) => {
  for (const mode of [0o644, 0o640, 0o604, 0o660]) {
    const problems = new Problems()
    const path = secretsFile(t.testdir(), good, mode)
    t.equal(readSecrets(path, problems), null)
    t.match(problems.list, [{ code: 'secrets-open', at: path, message: /has mode 0\d\d\d; expected 0600: run chmod 600 / }])
  }
})

await t.test('errors in a file of secrets never repeat its text', async (t) => {
  const spoiled = [
    good.replace(`password: '${password}'`, `password: '${password}9'`),
    good.replace(operator, `${operator}ZZ`),
    good.replace('masters:', 'masters:\n  - hunter22\n  x: ['),
    good.replace("operator: '00000001'", `operator: '00000001', pin: '${password}'`),
    good.replace(`'${password}'`, password),
    `${password}: 1`,
    `"${password}`,
  ]
  for (const text of spoiled) {
    const problems = new Problems()
    t.equal(readSecrets(secretsFile(t.testdir(), text), problems), null)
    t.not(problems.list.length, 0)
    const lines = problemLines(problems.list).join('\n')
    for (const secret of [password.slice(2), operator, 'hunter22', '03111222']) {
      // A key of the file is a name, not a secret; it may be repeated.
      if (!text.startsWith(password)) t.notMatch(lines, secret)
    }
  }
})

await t.test('names that nobody bears are found; the published example is right', async (t) => {
  const folder = t.testdir()
  const secrets = secretsFile(folder, good.replace('M-0001', 'M-0009').replace('hq:', 'headquarters:'))
  const site = join(folder, 'site.yaml')
  const profiles = join(projectRoot(), 'config/profiles/dlt645-2007-single-phase.yaml')
  writeFileSync(site, `concentrator: D\nutcOffset: "+08:00"\nlinks: []\nsecrets: ${secrets}\nprofiles: [${profiles}]\n`)
  const result = loadSettings(site, settingsChecks)
  t.match(result.ok ? [] : problemLines(result.error), [
    /meters\.M-0009 there is no meter M-0009$/,
    /there is no master headquarters$/,
  ])
  secretsFile(folder, "profiles:\n  dlt645-2007-single-phase: { password: '02123456', operator: '00000001' }\n")
  t.ok(loadSettings(site, settingsChecks).ok)
})
