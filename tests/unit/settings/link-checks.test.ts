import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { settingsChecks } from '../../../src/registry.js'
import { loadSettings, problemLines } from '../../../src/settings/index.js'
import { projectRoot } from '../../helpers/root.js'

interface Site {
  readonly links: readonly string[]
  /** Address, protocol and link of each meter. */
  readonly meters: readonly (readonly [string, string, string])[]
  readonly maps?: readonly string[]
}

const profileOf = (protocol: string): string =>
  protocol.startsWith('modbus') ? 'modbus-supply-meter' : protocol === 'dlt645-1997' ? protocol : `${protocol}-single-phase`

/** Loads a site of these links and meters, with the media and protocols of this build. */
function load(t: Test, { links, meters, maps = [] }: Site) {
  const folder = t.testdir()
  mkdirSync(join(folder, 'site'))
  cpSync(join(projectRoot(), 'config'), join(folder, 'config'), { recursive: true })
  const profiles = [...new Set(meters.map(([, protocol]) => profileOf(protocol)))]
  const main = [
    'concentrator: DCU-1',
    "utcOffset: '+08:00'",
    'archive: [archive.yaml]',
    `profiles: [${profiles.map((name) => `../config/profiles/${name}.yaml`).join(', ')}]`,
    `modbusMaps: [${maps.map((name) => `../config/modbus/${name}.yaml`).join(', ')}]`,
    'links:',
    ...links.map((link) => `  - ${link}`),
  ]
  const rows = meters.map(
    ([address, protocol, link], index) =>
      `  - { id: M${index + 1}, address: '${address}', protocol: ${protocol}, link: ${link}, profile: ${profileOf(protocol)} }`,
  )
  writeFileSync(join(folder, 'site/wattkeep.yaml'), `${main.join('\n')}\n`)
  writeFileSync(join(folder, 'site/archive.yaml'), `${['meters:', ...rows].join('\n')}\n`)
  return loadSettings(join(folder, 'site/wattkeep.yaml'), settingsChecks)
}

const told = (t: Test, site: Site): readonly string[] => {
  const settings = load(t, site)
  return settings.ok ? [] : problemLines(settings.error).map((line) => line.replace(/^\S*\/(\w+\.yaml:)/, '$1'))
}

const bus = '{ id: bus1, driver: rs485, url: "tcp://127.0.0.1:4001" }'
const carrier = '{ id: plc1, driver: plc, url: "tcp://127.0.0.1:4002", options: { mainNode: "000000000007" } }'

await t.test('an address is a meter’s however it is written', async (t) => {
  const settings = load(t, {
    links: [bus],
    meters: [
      ['2', 'dlt645-2007', 'bus1'],
      ['000000000003', 'dlt698-45', 'bus1'],
    ],
  })
  t.match(settings, { ok: true, value: { parameters: { meters: [{ address: '000000000002' }, { address: '000000000003' }] } } })
  const pairs = [
    ['2', 'dlt645-2007', '02', 'dlt645-2007'],
    ['000000000002', 'dlt645-2007', '2', 'dlt698-45'],
    ['2', 'dlt645-1997', '0002', 'dlt645-2007'],
  ] as const
  for (const [address, protocol, again, other] of pairs) {
    const lines = told(t, {
      links: [bus],
      meters: [
        [address, protocol, 'bus1'],
        [again, other, 'bus1'],
      ],
    })
    t.match(lines, [/^archive\.yaml:3:meters\[1\] address 000000000002 on bus1 stands already at .*archive\.yaml:2:meters\[0\]/])
  }
  const maps = ['three-phase-supply-meter']
  const modbus = 'modbus-rtu:three-phase-supply-meter'
  t.equal(
    told(t, {
      links: [bus],
      maps,
      meters: [
        ['1', modbus, 'bus1'],
        ['001', modbus, 'bus1'],
      ],
    }).length,
    1,
  )
  t.same(
    told(t, {
      links: [bus],
      maps,
      meters: [
        ['1', modbus, 'bus1'],
        ['1', 'dlt645-2007', 'bus1'],
      ],
    }),
    [],
  )
})

await t.test('our own address in a network is no meter’s, and modules carry no Modbus', async (t) => {
  t.match(told(t, { links: [carrier], meters: [['7', 'dlt645-2007', 'plc1']] }), [
    /^wattkeep\.yaml:\d+:links\[0\]\.options\.mainNode 000000000007 is the address of meter M1/,
  ])
  const elsewhere = {
    links: [bus, carrier],
    meters: [
      ['7', 'dlt645-2007', 'bus1'],
      ['8', 'dlt698-45', 'plc1'],
    ],
  } as const
  t.same(told(t, elsewhere), [])
  const maps = ['three-phase-supply-meter']
  t.match(told(t, { links: [carrier], maps, meters: [['1', 'modbus-rtu:three-phase-supply-meter', 'plc1']] }), [
    /^archive\.yaml:2:meters\[0\]\.protocol plc carries no modbus-rtu:three-phase-supply-meter/,
  ])
})

await t.test('a wrong option stands at the option, a wrong address at the address', async (t) => {
  const links = [
    '{ id: plc1, driver: plc, url: "tcp://127.0.0.1", options: { reading: sideways, windo: 3 } }',
    '{ id: air1, driver: radio-modem, url: "tcp://127.0.0.1:4003", options: { channel: 99 } }',
  ]
  const lines = told(t, { links, meters: [['1', 'dlt645-2007', 'plc1']] })
  t.equal(lines.length, 4)
  for (const place of ['links[0].url', 'links[0].options.reading', 'links[0].options.windo', 'links[1].options.channel'])
    t.ok(
      lines.some((line) => line.includes(`:${place} `)),
      `${place} in ${lines.join('\n')}`,
    )
})
