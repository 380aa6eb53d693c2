import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { itemId, linkId, type InputError } from '../../../src/model/index.js'
import { applyParameterSet, loadSettings, problemLines } from '../../../src/settings/index.js'
import { siteFields, siteSchema } from '../../../src/settings/site-schema.js'
import { projectRoot } from '../../helpers/root.js'
import { settingsChecks as fullChecks, siteChecks } from '../../../src/registry.js'
import { settingsChecks } from '../../helpers/settings-checks.js'

const config = join(projectRoot(), 'config')

/** A copy of the example site; `change` may spoil its files. */
function site(
  folder: string,
  change: (file: (name: string, edit: (text: string) => string) => void) => void = () => undefined,
): string {
  cpSync(config, folder, { recursive: true })
  change((name, edit) => {
    const path = join(folder, name)
    const before = readFileSync(path, 'utf8')
    const after = edit(before)
    if (after === before) throw new Error(`the edit of ${name} changes nothing`)
    writeFileSync(path, after)
  })
  return folder
}

function problemsOf(folder: string): readonly InputError[] {
  const result = loadSettings(join(folder, 'example/wattkeep.yaml'), settingsChecks)
  return result.ok ? [] : result.error
}

/** Problems with the folder taken out of their places. */
function linesOf(folder: string): string[] {
  return problemLines(problemsOf(folder)).map((line) => line.replaceAll(`${folder}/`, ''))
}

await t.test('the example site is whole', async (t) => {
  const folder = site(t.testdir())
  const result = loadSettings(join(folder, 'example/wattkeep.yaml'), settingsChecks)
  t.same(result.ok ? [] : result.error, [])
  if (!result.ok) return
  const settings = result.value
  t.equal(settings.parameters.meters.length, 9)
  t.match(settings.parameters.meters[0], {
    id: 'SUPPLY',
    address: '000000000100',
    role: 'area-supply',
    ct: 120,
    pt: 1,
    phase: 'ABC',
  })
  t.match(settings.links, [
    { id: 'bus1', driver: 'rs485', quietGapMs: 20, firstByteMs: 550 },
    { id: 'bus2', url: 'tcp://192.168.1.20:4001?baud=9600' },
  ])
  t.equal(settings.masters[0]?.tls?.ca, join(folder, 'example/tls/ca.pem'), 'paths are relative to the main file')
  t.match(settings.parameters.keys, [{ id: 'hq-2026', role: 'master' }])
  t.same(settings.parameters.rules.blocked.night, { fromMinute: 1200, toMinute: 480 })
  t.equal(settings.parameters.utcOffsetMinutes, 480)
  t.same(settings.parameters.tariffs[1]?.prices, [860_000n, 710_000n, 538_300n, 308_300n])
  t.equal(new Date(settings.parameters.tariffs[0]?.effectiveFrom ?? 0).toISOString(), '2025-12-31T16:00:00.000Z')
  t.equal(settings.parameters.profiles[0]?.items.size, 9)
  t.equal(settings.files.length, 6)
})

await t.test('the commented main file names every key, each at its default', async (t) => {
  const written = loadSettings(join(config, 'wattkeep.yaml'), settingsChecks)
  t.same(written.ok ? [] : written.error, [])
  const text = readFileSync(join(config, 'wattkeep.yaml'), 'utf8')
  for (const key of Object.keys(siteFields)) t.match(text, new RegExp(`^${key}:`, 'm'))
  const bare = siteSchema.parse({ concentrator: 'DCU-0001', utcOffset: '+08:00', links: [] })
  if (!written.ok) return
  t.same(written.value.database, bare.database)
  t.same(written.value.parameters.rules, bare.rules)
  t.same(written.value.parameters.retention, bare.retention)
  t.same(written.value.console, bare.console)
  t.equal(written.value.watchdog.stallMs, bare.watchdog.stallSeconds * 1000)
  t.same(written.value.clock, bare.clock)
  t.same(written.value.log, bare.log)
  t.same(written.value.collection, bare.collection)
})

await t.test('what is said of collection, key customers, delays and months is read', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('example/wattkeep.yaml', (text) =>
      text.concat(
        "clock: { broadcastAt: '02:40' }\n",
        'collection: { backfillPercent: 25, vanishedAfterHours: 24, discovery: { everyHours: null } }\n',
      ),
    )
    file('example/archive.yaml', (text) => text.replace('id: M-0001\n', 'id: M-0001\n    key: true\n'))
    file('tasks.yaml', (text) =>
      text.replace('kind: daily-freeze\n', 'kind: daily-freeze\n    startDelaySeconds: 0\n    spreadSeconds: 30\n'),
    )
    file('profiles/dlt645-2007-single-phase.yaml', (text) =>
      text.replace(
        "  clock:\n    register: '0400010C'",
        `  clock:
    register: '0400010C'
    block: { register: '0400FF0C', from: 0, count: 1 }
    dailyRecord: { register: '05060001', from: 1, count: 2, depthDays: 9 }
    monthlyFreeze: { value: '00010001', time: '05060001', depthMonths: 3 }`,
      ),
    )
  })
  const result = loadSettings(join(folder, 'example/wattkeep.yaml'), settingsChecks)
  t.same(result.ok ? [] : problemLines(result.error), [])
  if (!result.ok) return
  const { clock, collection, parameters } = result.value
  t.equal(clock.broadcastAt, 160)
  t.same(collection, {
    backfillShare: 0.25,
    refusedRetryMs: 30 * 86_400_000,
    vanishedAfterMs: 86_400_000,
    discovery: { everyMs: null, share: 0.01 },
  })
  t.same(
    parameters.meters.filter(({ isKey }) => isKey).map(({ id }) => id),
    ['M-0001'],
  )
  t.match(
    parameters.tasks.find(({ id }) => id === 'daily-freeze'),
    { startDelayMs: undefined, spreadMs: 30_000 },
  )
  t.match(
    parameters.tasks.find(({ id }) => id === 'monthly-freeze'),
    { kind: 'monthly-freeze', startDelayMs: 6 * 3_600_000 },
  )
  t.match(
    parameters.tasks.find(({ id }) => id === 'curve-key'),
    { meters: { key: true }, liveWindowMs: 60_000 },
  )
  t.match(parameters.profiles[0]?.items.get(itemId('clock')), {
    block: { register: '0400FF0C', from: 0, count: 1 },
    dailyRecord: { register: '05060001', from: 1, count: 2, depthDays: 9 },
    monthlyFreeze: { value: '00010001', time: '05060001', depthMonths: 3 },
  })
})

await t.test('each register of a profile is checked where it stands', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('example/wattkeep.yaml', (text) => text.concat("clock: { broadcastAt: '03:05' }\n"))
    file('profiles/dlt645-2007-single-phase.yaml', (text) =>
      text.replace(
        "  clock:\n    register: '0400010C'",
        `  clock:
    register: bad-1
    block: { register: bad-2, from: 0, count: 1 }
    dailyFreeze: { value: bad-3, time: bad-4, depthDays: 9 }
    dailyRecord: { register: bad-5, from: 1, count: 2, depthDays: 9 }
    monthlyFreeze: { value: bad-6, day: bad-7, depthMonths: 3 }
    loadRecord: { register: bad-8, from: 1, count: 2, depthDays: 9 }`,
      ),
    )
  })
  const lines = linesOf(folder).join('\n')
  for (const path of [
    ...['register', 'block.register', 'dailyFreeze.value', 'dailyFreeze.time', 'dailyRecord.register'],
    ...['monthlyFreeze.value', 'monthlyFreeze.day', 'loadRecord.register'],
  ])
    t.match(lines, new RegExp(`items\\.clock\\.${path.replace('.', '\\.')} `), path)
  t.match(lines, /clock\.broadcastAt expected a time from ten minutes past/)
})

await t.test('the mixed example speaks every protocol, one of them made of a register map', async (t) => {
  const result = loadSettings(join(config, 'example-mixed/wattkeep.yaml'), fullChecks)
  t.same(result.ok ? [] : problemLines(result.error), [])
  if (!result.ok) return
  const { parameters, protocols } = result.value
  t.strictSame([...protocols.keys()], ['modbus-rtu:three-phase-supply-meter'])
  t.strictSame(
    new Set(parameters.meters.map((meter) => meter.protocol)),
    new Set(['modbus-rtu:three-phase-supply-meter', 'dlt698-45', 'dlt645-2007', 'dlt645-1997']),
  )
  const body = {
    meters: [
      { id: 'X', address: '247', protocol: 'modbus-rtu:three-phase-supply-meter', link: 'bus3', profile: 'modbus-supply-meter' },
    ],
  }
  const context = { parameters: { ...parameters, tasks: [] }, links: [linkId('bus3')], checks: siteChecks(result.value) }
  t.ok(applyParameterSet('archive', body, context).ok, 'an order may add such a device')
  t.match(applyParameterSet('archive', body, { ...context, checks: fullChecks }), { ok: false }, 'not where the map is unknown')
})

await t.test('profiles beside the default ones are right', async (t) => {
  for (const name of ['dlt698-45-single-phase', 'dlt698-45-three-phase', 'dlt645-1997', 'modbus-supply-meter']) {
    const folder = site(t.testdir(), (file) =>
      file('wattkeep.yaml', (text) =>
        text
          .replace(
            '  - profiles/dlt645-2007-three-phase.yaml',
            `  - profiles/dlt645-2007-three-phase.yaml\n  - profiles/${name}.yaml`,
          )
          .replace('modbusMaps: []', 'modbusMaps: [modbus/three-phase-supply-meter.yaml]'),
      ),
    )
    const result = loadSettings(join(folder, 'wattkeep.yaml'), fullChecks)
    t.same(result.ok ? [] : problemLines(result.error), [], name)
  }
})

await t.test('what is wrong with a register map is told with file, line and key, and nothing else because of it', async (t) => {
  const spoilt = (from: string, to: string, more = ''): readonly string[] => {
    const folder = site(t.testdir(), (file) => {
      file('modbus/three-phase-supply-meter.yaml', (text) => text.replace(from, to))
      if (more !== '') file('example-mixed/wattkeep.yaml', (text) => text.replace('modbusMaps: [', `modbusMaps: [${more}, `))
    })
    const result = loadSettings(join(folder, 'example-mixed/wattkeep.yaml'), fullChecks)
    return problemLines(result.ok ? [] : result.error).map((line) => line.replaceAll(`${folder}/`, ''))
  }
  const map = 'modbus/three-phase-supply-meter\\.yaml'
  t.match(spoilt('type: u32', 'type: u31'), [new RegExp(`^${map}:16:registers\\[0\\]\\.type expected one of u16`)])
  t.match(spoilt('gapMax: 2', 'gapMax: 2\nspeed: 3'), [new RegExp(`^${map}:9:speed is not known here`)])
  t.match(
    spoilt('name: three-phase-supply-meter', 'name: Three Phase').at(0),
    new RegExp(`^${map}:6:name expected small letters`),
  )
  t.match(spoilt('gapMax: 2', 'gapMax: 1', '../modbus/three-phase-supply-meter.yaml'), [
    new RegExp(`^${map}:6:name modbus-rtu:three-phase-supply-meter stands already at ${map}:6:name$`),
  ])
  t.match(spoilt('code: power-factor', 'code: cos-phi'), [
    /^profiles\/modbus-supply-meter\.yaml:\d+:items\.power-factor\.register expected a code of the map/,
  ])
  t.match(spoilt('gapMax: 2', 'gapMax: 1', 'nowhere.yaml'), [/nowhere\.yaml cannot be read/])
})

await t.test('clocks of meters are set without an order only where the settings say so', async (t) => {
  const load = (line: string) => {
    const folder = site(t.testdir(), (file) => file('example/wattkeep.yaml', (text) => `${text}${line}\n`))
    return loadSettings(join(folder, 'example/wattkeep.yaml'), settingsChecks)
  }
  t.match(load(''), { ok: true, value: { clock: { setMeterClocks: false } } }, 'off by default')
  t.match(load('clock: { setMeterClocks: true }'), {
    ok: true,
    value: { clock: { setMeterClocks: true, assumeSynchronised: false } },
  })
  const refused = load('clock: { setMeterClocks: sometimes }')
  t.match(refused.ok ? [] : problemLines(refused.error), [/clock\.setMeterClocks.*true or false/])
})

await t.test('all problems come at once, each with file, line, key and what was expected', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('example/wattkeep.yaml', (text) =>
      text
        .replace("utcOffset: '+08:00'", 'utcOffset: 8')
        .replace('  - id: bus2\n', '  - id: bus2\n    quietGap: 20\n')
        .replace('baud=2400', 'baud=24')
        .replace('mqtts://backup', 'mqtt://backup'),
    )
    file('example/archive.yaml', (text) =>
      text
        .replace("address: '000000000001'", 'address: 000000000001')
        .replace(/link: bus1(?=[^]{0,80}phase: B\n    box: box-2\n$)/, 'link: bus9')
        .replace('phase: C', 'phase: X'),
    )
    file('tasks.yaml', (text) => text.replace('*/15 * * * *', '*/15 * * *').replace('reactive-power', 'reactive'))
    file('tariffs.yaml', (text) => text.replace("'0.5383'", '0.5383').replace('rate: 4', 'rate: 5'))
    file('profiles/dlt645-2007-single-phase.yaml', (text) => text.replace("register: '0001FF00'", "register: '0001FFXX'"))
  })
  const lines = linesOf(folder)
  const expected = [
    /^example\/wattkeep\.yaml:4:utcOffset expected an offset from UTC in quotes such as "\+08:00", got 8$/,
    /^example\/wattkeep\.yaml:\d+:links\[1\]\.quietGap is not known here; known are id, driver, url, quietGapMs/,
    /^example\/wattkeep\.yaml:\d+:links\[0\]\.url baud: expected a whole number from 50/,
    /^example\/wattkeep\.yaml:\d+:masters\[0\]\.brokers\[1\] expected mqtts:\/\/ where tls is given, got "mqtt:\/\/backup/,
    /^example\/archive\.yaml:12:meters\[1\]\.address expected an address in quotes, such as "000000000001", got 1$/,
    /^example\/archive\.yaml:\d+:meters\[3\]\.phase expected one of A, B, C, ABC, got "X"$/,
    /^example\/archive\.yaml:\d+:meters\[8\]\.link there is no link bus9; known: bus1, bus2$/,
    /^tasks\.yaml:\d+:tasks\[1\]\.cron .*five or six fields/,
    /^tasks\.yaml:\d+:tasks\[2\]\.items\[1\] item reactive stands in no profile$/,
    /^tariffs\.yaml:\d+:tariffs\[0\]\.prices\[0\] expected a price of a kWh as decimal text in quotes.*got 0\.5383$/,
    /^tariffs\.yaml:\d+:tariffs\[1\]\.seasons\[0\] uses rate 5, but there are only 4 prices/,
    /^profiles\/dlt645-2007-single-phase\.yaml:\d+:items\.energy\.register /,
  ]
  for (const pattern of expected) t.match(lines.join('\n'), new RegExp(pattern, 'm'))
})

await t.test('a bad field of the main file hides nothing of the other files', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('example/wattkeep.yaml', (text) => `${text}console: { mode: "0666" }\nsurprise: 1\n`)
    file('example/archive.yaml', (text) => text.replace('profile: dlt645-2007-three-phase', 'profile: nowhere'))
  })
  t.match(linesOf(folder).sort(), [
    /^example\/archive\.yaml:\d+:meters\[0\]\.profile there is no profile nowhere; known: /,
    /^example\/wattkeep\.yaml:\d+:console\.mode expected a mode that leaves others out/,
    /^example\/wattkeep\.yaml:\d+:surprise is not known here/,
  ])
})

await t.test('what stands twice is told with both places', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('example/archive.yaml', (text) => text.replace('M-0002', 'M-0001').replace("'000000000004'", "'000000000003'"))
    file('example/wattkeep.yaml', (text) => text.replace('id: bus2', 'id: bus1'))
    file('tasks.yaml', (text) => text.replace('id: status', 'id: curve-15'))
  })
  const lines = linesOf(folder)
  t.match(lines.join('\n'), /meters\[2\] meter M-0001 stands already at .*archive\.yaml:\d+:meters\[1\]$/m)
  t.match(lines.join('\n'), /meters\[4\] address 000000000003 on bus1 stands already/m)
  t.match(lines.join('\n'), /links\[1\] link bus1 stands already/m)
  t.match(lines.join('\n'), /tasks\[3\] task curve-15 stands already/m)
})

await t.test('broken YAML, missing files and wrong kinds of documents are told', async (t) => {
  const folder = site(t.testdir(), (file) => {
    file('tasks.yaml', (text) => `${text}  - id: [\n`)
    file('tariffs.yaml', () => '- 1\n')
    file('example/wattkeep.yaml', (text) => text.replace('archive.yaml]', 'archive.yaml, gone.yaml]'))
    file('profiles/dlt645-2007-three-phase.yaml', (text) => `${text}\nrelay: true\n`)
  })
  const lines = linesOf(folder)
  t.match(lines.join('\n'), /^tasks\.yaml:\d+ is no valid YAML/m)
  t.match(lines.join('\n'), /^tariffs\.yaml:1:\(top\) expected a mapping with tariffs/m)
  t.match(lines.join('\n'), /^example\/gone\.yaml cannot be read: ENOENT/m)
  t.match(lines.join('\n'), /^profiles\/dlt645-2007-three-phase\.yaml:\d+ is no valid YAML: Map keys must be unique/m)
  t.match(problemLines(problemsOf(join(folder, 'nowhere'))), [/cannot be read: ENOENT/])
})

/** What the site says when one file is edited. */
function told(folder: string, name: string, from: string | RegExp, to: string): string {
  return linesOf(site(folder, (file) => file(name, (text) => text.replace(from, to)))).join('\n')
}

await t.test('rules between the values of a tariff are kept', async (t) => {
  const cases: [string, string, RegExp][] = [
    ["at: '08:00'", "at: '00:00'", /expected switches in rising order, the first at "00:00"/],
    ["from: '11-01'", "from: '04-01'", /expected seasons in the order of their first days/],
    ["from: '11-01'", "from: '02-30'", /expected a day that exists/],
    ['holidays: []', 'holidays: [2026-02-29]', /expected a date that exists/],
    ["'0.7100'", "'0.71000001'", /at most 6 decimals/],
    ['effectiveFrom: 2026-01-01', 'effectiveFrom: soon', /a local date or time/],
    ['    taxPercent', '    steps: { period: month }\n    taxPercent', /step prices are not supported yet/],
    ['    taxPercent', "    minimumMonthlyCharge: '1'\n    taxPercent", /a minimum charge is not supported yet/],
    [
      'tariffs:\n',
      "tariffs:\n  - { tariff: residential, version: 2, effectiveFrom: 2025-12-01, prices: ['1'], seasons: [{ from: '01-01', workday: [{ at: '00:00', rate: 1 }] }] }\n",
      /tariffs\[0\]\.effectiveFrom expected a later instant/,
    ],
  ]
  for (const [from, to, expected] of cases) t.match(told(t.testdir(), 'tariffs.yaml', from, to), expected)
})

await t.test('rules between the values of tasks and profiles are kept', async (t) => {
  const status = 'kind: status'
  const tasks: [string, string, RegExp][] = [
    ['*/15 * * * *', '* * * * * *', /fires more often than every 2 seconds/],
    ['17 3 * * *', '17 3 31 2 *', /no such day ever comes/],
    [status, `${status}\n    liveWindowMinutes: 60`, /closesAfterMinutes expected at least liveWindowMinutes/],
    [status, `${status}\n    meters: { ids: [M-0001, M-0777] }`, /meters\.ids\[1\] meter M-0777 stands in no archive/],
    [status, `${status}\n    meters: some`, /expected `all`, `key`, `roles: \[customer, …\]`/],
  ]
  for (const [from, to, expected] of tasks) t.match(told(t.testdir(), 'tasks.yaml', from, to), expected)
  const profiles: [string, string, RegExp][] = [
    ['billingItem: energy', 'billingItem: money', /there is no item money; known: energy/],
    ['protocol: dlt645-2007', 'protocol: dlt698', /there is no protocol dlt698; known: dlt645-2007/],
  ]
  const profile = 'profiles/dlt645-2007-single-phase.yaml'
  for (const [from, to, expected] of profiles) t.match(told(t.testdir(), profile, from, to), expected)
})

await t.test('rules between the values of the main file are kept', async (t) => {
  const cases: [string | RegExp, string, RegExp][] = [
    ['driver: rs485', 'driver: plc', /there is no driver plc; known: rs485/],
    ['driver: rs485', 'driver: rs485\n    options: { turbo: true }', /rs485 knows no options/],
    ['    tls: {', '    # tls: {', /needs a tls section with the ca of the broker/],
    ['concentrator: DCU-0001', 'concentrator: DCU/1', /an id that can stand in a topic/],
    [/concentrator: DCU-0001/, '', /concentrator is missing: expected an id/],
    ['    tls: { ca: tls/ca.pem, cert: tls/dcu.pem', '    tls: { ca: tls/ca.pem', /expected cert and key together/],
  ]
  for (const [from, to, expected] of cases) t.match(told(t.testdir(), 'example/wattkeep.yaml', from, to), expected)
})

await t.test('all that is wrong with a link is told, each with its line', async (t) => {
  const bad = 'url: "serial:ttyS1?baud=abc&parity=x"'
  const lines = linesOf(site(t.testdir(), (file) => file('example/wattkeep.yaml', (text) => text.replace(/url: .*/, bad))))
  const places = lines.map((line) => /wattkeep\.yaml:\d+:links\[0\]\.url (\w+): expected/.exec(line)?.[1])
  t.strictSame(places, ['path', 'baud', 'parity'])
})

await t.test('limits: too many problems are counted, too large a file is refused', async (t) => {
  const meters = Array.from({ length: 300 }, (_, index) => `  - { id: "M${index}", phase: X }`).join('\n')
  const folder = site(t.testdir(), (file) => file('example/archive.yaml', () => `meters:\n${meters}\n`))
  const lines = linesOf(folder)
  t.equal(lines.length, 201)
  t.match(lines.at(-1), /further problems are not listed/)
  const large = site(t.testdir(), (file) => file('tasks.yaml', (text) => text + `# ${'x'.repeat(79)}\n`.repeat(110_000)))
  t.match(linesOf(large), [/^tasks\.yaml has \d+ bytes; expected at most/])
})
