import t from 'tap'
import { checkName, checkSource } from '../../scripts/tidy/rules.js'
import { readSource } from '../../scripts/tidy/source-file.js'
import { exceptions, fileLinesMax, functionLinesMax } from '../../scripts/tidy/table.js'
import { checkTree } from '../../scripts/tidy/tree.js'
import { projectRoot } from '../helpers/root.js'

/** Lower it when an exception goes; it never rises. */
const exceptionsMax = 0

/** Breaches of a file with this text, as `rule: message`. */
function breachesOf(file: string, text: string): string[] {
  return checkSource(file, readSource(file, text)).map(({ rule, line, message }) => `${rule}:${line}: ${message}`)
}

await t.test('the whole tree is tidy', async (t) => {
  const breaches = checkTree(projectRoot())
  t.same(
    breaches.map(({ file, line, message }) => `${file}:${line} ${message}`),
    [],
  )
  t.ok(exceptions.length <= exceptionsMax)
})

await t.test('the import table is kept', async (t) => {
  const refused: [string, string, RegExp][] = [
    ['src/model/x.ts', "import type { Clock } from '../ports/index.js'", /src\/model may not import src\/ports\/index\.ts/],
    ['src/ports/x.ts', "import { ok } from '../model/index.js'", /src\/ports may import only types of src\/model\/index\.ts/],
    ['src/ports/x.ts', "import { type A, b } from '../model/index.js'", /may import only types/],
    [
      'src/protocols/dlt645/x.ts',
      "import { a } from '../at/codec.js'",
      /src\/protocols\/dlt645 may not import src\/protocols\/at/,
    ],
    ['src/protocols/dlt645/x.ts', "import { a } from '../../ports/index.js'", /only types of src\/ports/],
    ['src/protocols/dlt645/x.ts', "import { a } from '../dlt645-1997/codec.js'", /may not import src\/protocols\/dlt645-1997/],
    ['src/protocols/dlt645-1997/x.ts', "import { a } from '../modbus/codec.js'", /may not import src\/protocols\/modbus/],
    ['src/prepaid/x.ts', "import { readFileSync } from 'node:fs'", /src\/prepaid may not use node:fs/],
    ['src/outbox/x.ts', "import { createHash } from 'node:crypto'", /src\/outbox may not use node:crypto/],
    ['src/prepaid/x.ts', "export { a } from '../store/index.js'", /src\/prepaid may not import src\/store/],
    ['src/scheduling/x.ts', "import { a } from '../collection/index.js'", /src\/scheduling may not import src\/collection/],
    ['src/store/x.ts', "import { a } from '../uplink/index.js'", /src\/store may not import src\/uplink/],
    ['src/store/x.ts', "const a = await import('../../drivers/link/index.js')", /src\/store may not import drivers\/link/],
    ['src/runtime/x.ts', "import { createStore } from '../store/index.js'", /only types of src\/store/],
    ['src/runtime/x.ts', "type A = import('../../drivers/rs485/index.js').A", /src\/runtime may not import drivers\/rs485/],
    ['src/uplink/x.ts', "import { a } from '../main.js'", /nobody imports src\/main\.ts/],
    ['tests/e2e/x.test.ts', "import { a } from '../../src/cli.js'", /nobody imports src\/cli\.ts/],
    [
      'drivers/rs485/x.ts',
      "import { a } from '../../src/protocols/dlt645/index.js'",
      /drivers\/rs485 may not import src\/protocols\/dlt645/,
    ],
    ['drivers/rs485/x.ts', "import { a } from '../plc/index.js'", /drivers\/rs485 may not import drivers\/plc/],
    ['drivers/link/x.ts', "import { a } from '../rs485/index.js'", /drivers\/link may not import drivers\/rs485/],
    ['src/settings/x.ts', "import { a } from '../../tests/helpers/root.js'", /src\/settings may not import tests/],
    ['lib/x.ts', '', /stands in no folder of the map/],
  ]
  for (const [file, text, expected] of refused) t.match(breachesOf(file, text), [expected], `${file}: ${text}`)
})

await t.test('what the table allows is allowed', async (t) => {
  const allowed: [string, string][] = [
    ['src/protocols/dlt645-1997/x.ts', "import { a } from '../dlt645/codec.js'"],
    ['src/model/x.ts', "import { ok } from './outcome.js'"],
    ['src/ports/x.ts', "import type { A } from '../model/index.js'"],
    ['src/ports/x.ts', "export type * from '../model/index.js'"],
    ['src/protocols/dlt645/x.ts', "import { ok } from '../../model/index.js'\nimport { type A } from '../../ports/index.js'"],
    ['src/prepaid/x.ts', "import { createHash } from 'node:crypto'"],
    ['src/store/x.ts', "import Database from 'better-sqlite3'\nimport { settle } from '../prepaid/index.js'"],
    ['src/calendar.ts', "import { scheduleJob } from 'node-schedule'\nimport { ok } from './model/index.js'"],
    ['src/runtime/x.ts', "import type { Store } from '../store/index.js'"],
    ['src/main.ts', "import { a } from './store/index.js'\nimport { b } from '../drivers/link/index.js'"],
    ['drivers/plc/x.ts', "import { a } from '../link/index.js'\nimport { b } from '../../src/protocols/gdw1376/index.js'"],
    ['drivers/simulated/x.ts', "import { a } from '../../src/protocols/dlt645/index.js'"],
    ['scripts/master-station/x.ts', "import mqtt from 'mqtt'\nimport { a } from '../../src/control/envelope.js'"],
    ['tests/unit/x.test.ts', "import t from 'tap'\nimport fc from 'fast-check'\nimport Database from 'better-sqlite3'"],
  ]
  for (const [file, text] of allowed) t.same(breachesOf(file, text), [], `${file}: ${text}`)
})

await t.test('each library has its one importer, and a new one is refused', async (t) => {
  const refused: [string, string][] = [
    ['src/uplink/x.ts', 'better-sqlite3'],
    ['src/store/x.ts', 'mqtt'],
    ['src/runtime/x.ts', 'node-schedule'],
    ['src/console/x.ts', 'yaml'],
    ['drivers/rs485/x.ts', 'serialport'],
    ['drivers/rs485/x.ts', '@serialport/parser-byte-length/dist/index.js'],
    ['src/outbox/x.ts', 'zod'],
    ['src/store/x.ts', 'pino'],
    ['src/runtime/x.ts', 'tap'],
    ['src/store/x.ts', 'left-pad'],
  ]
  for (const [file, name] of refused) t.match(breachesOf(file, `import x from '${name}'`), [/^package:1: /], `${file}: ${name}`)
})

await t.test('pure folders know no clock, chance or process', async (t) => {
  const impure = [
    'Date.now()',
    'new Date()',
    'Math.random()',
    'performance.now()',
    'setTimeout(f, 1)',
    'process.pid',
    'globalThis',
  ]
  for (const text of impure) t.match(breachesOf('src/prepaid/x.ts', `const a = ${text}`), [/^pure:1: /], text)
  const harmless =
    'const a = { process: 1 }\nconst b = a.process\nconst c = new Date(0)\nconst d = Math.floor(Date.UTC(2026, 0))\n'
  t.same(breachesOf('src/prepaid/x.ts', harmless), [])
  t.same(breachesOf('src/runtime/x.ts', 'const a = Date.now()'), [])
  t.match(breachesOf('drivers/rs485/x.ts', 'setTimeout(f, 1)'), [/^time:1: /], 'adapters are handed time and chance as well')
  t.match(breachesOf('src/store/x.ts', 'const a = Math.random()'), [/^time:1: /])
  t.same(breachesOf('src/store/x.ts', 'const a = process.pid'), [])
})

await t.test('types are asserted at borders only, and nothing is hidden', async (t) => {
  t.match(breachesOf('src/prepaid/x.ts', 'const a = b as Order'), [/^assertion:1: `as Order`/])
  t.same(breachesOf('src/prepaid/x.ts', "const a = ['x'] as const\nconst b = a satisfies readonly string[]"), [])
  t.same(breachesOf('src/store/x.ts', 'const a = b as Row'), [])
  t.match(breachesOf('src/prepaid/x.ts', '/* c8 ignore next */\nconst a = 1'), [/^ignore-mark:1: /])
  t.match(breachesOf('src/prepaid/x.ts', 'const a = 1\n// @ts-ignore\nconst b = a'), [/^ignore-mark:2: /])
  t.match(breachesOf('src/prepaid/x.ts', 'const a = 1 // eslint-disable-line\n'), [/^ignore-mark:1: /])
  t.same(breachesOf('src/prepaid/x.ts', "const a = 'eslint-disable'"), [])
})

await t.test('files and functions have their limits, tables of data have none', async (t) => {
  const long = 'const a = 1\n'.repeat(fileLinesMax)
  t.same(breachesOf('src/prepaid/x.ts', long), [])
  t.match(breachesOf('src/prepaid/x.ts', `${long}const b = 1\n`), [
    `file-lines:1: has ${fileLinesMax + 1} lines; at most ${fileLinesMax}`,
  ])
  t.same(breachesOf('src/protocols/dlt645/registers-energy.ts', `${long}const b = 1\n`), [])
  const body = '  g()\n'.repeat(functionLinesMax - 2)
  t.same(breachesOf('src/prepaid/x.ts', `function f() {\n${body}}\n`), [])
  const message = `f has ${functionLinesMax + 1} lines; at most ${functionLinesMax}`
  t.match(breachesOf('src/prepaid/x.ts', `\nfunction f() {\n${body}  g()\n}\n`), [`function-lines:2: ${message}`])
  t.match(breachesOf('src/prepaid/x.ts', `const f = () => {\n${body}  g()\n}\n`), [`function-lines:1: ${message}`])
  const suite = `function suite(t) {\n  t.test(() => {\n${body}  })\n  t.test(() => {\n${body}  })\n}\n`
  t.same(breachesOf('tests/helpers/x-contract.ts', suite), [], 'a suite of tests is measured test by test')
  t.match(breachesOf('src/prepaid/x.ts', suite), [/^function-lines:1: suite has/])
  t.match(breachesOf('src/prepaid/x.ts', `class A {\n  f() {\n${body}  g()\n}\n}`), [`function-lines:2: ${message}`])
})

await t.test('what is exported says what it gives', async (t) => {
  t.match(breachesOf('src/settings/x.ts', 'export function f() {}\nexport class A {}'), [
    /^doc:1: f is exported/,
    /^doc:2: A is exported/,
  ])
  t.same(breachesOf('src/settings/x.ts', '/** Gives nothing. */\nexport function f() {}\nfunction g() {}'), [])
})

await t.test('names say what is inside', async (t) => {
  const rules = (file: string) => checkName(file).map(({ rule }) => rule)
  for (const file of ['src/store/utils.ts', 'src/common/x.ts', 'src/link-manager.ts', 'src/helpers/x.ts'])
    t.same(rules(file), ['name'], file)
  for (const file of ['src/store/pageCache.ts', 'src/Store.ts', 'tests/unit/a_b.test.ts']) t.same(rules(file), ['name'], file)
  for (const file of ['src/store/page-cache.ts', 'tests/helpers/root.ts', 'README.md', '.ci/run']) t.same(rules(file), [], file)
})

await t.test('the root, links and the lock file are looked at', async (t) => {
  const root = t.testdir({
    'package.json': '{}',
    'package-lock.json': '{\n  "resolved": "https://registry.example/x.tgz"\n}\n',
    'notes.txt': '',
    '.editorconfig': '',
    'README.md': '[a](docs/a.md) [b](docs/b.md#x) [c](https://x.example) [d](#here)\n',
    docs: { 'a.md': '[back](../README.md)\n\n[gone](gone.md)\n' },
    scripts: { long: '#!/bin/sh\n'.repeat(fileLinesMax + 1) },
    node_modules: { x: { 'y.ts': "import z from 'z'" } },
  })
  const lines = checkTree(root).map(({ file, line, rule }) => `${file}:${line} ${rule}`)
  t.same(lines.sort(), [
    'README.md:1 link',
    'docs/a.md:3 link',
    'notes.txt:1 root',
    'package-lock.json:2 lock',
    'scripts/long:1 file-lines',
  ])
})
