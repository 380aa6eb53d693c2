import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { accountId, meterId, micro, type OrderBody } from '../../src/model/index.js'
import { accounts } from '../../scripts/master-station/report.js'
import { DaemonProcess } from '../helpers/daemon-process.js'
import { quickTasks, siteConcentrator } from '../helpers/e2e-site.js'
import { FieldWorld } from '../helpers/field-world.js'
import { readHeld } from '../helpers/storm-checks.js'
import { scratch } from '../helpers/uplink-bench.js'

/** Within this a daemon is ready, whatever it found; a limit against hanging, several times what it takes. */
const readyMsMax = 30_000

const account = accountId('a1')
const yuan = (value: number) => micro(BigInt(value) * 1_000_000n)
const limits = {
  alarm1: yuan(6),
  alarm2: yuan(3),
  overdraft: yuan(0),
  closePermitted: yuan(1),
  hoarding: yuan(0),
  largestCredit: yuan(0),
}
const openAccount: OrderBody = {
  ...{ kind: 'open-account', account, meter: meterId('m1-001'), unit: 'money', tariff: 'dear', limits, opening: yuan(500) },
}
const pay = (purchase: number): OrderBody => ({
  ...{ kind: 'credit', account, amount: yuan(100), purchase, idempotencyKey: `pay/${purchase}` },
})

t.setTimeout(300_000)

await t.test('wrong settings stop the start with status 2, and all that is wrong is told at once', async (t) => {
  const folder = scratch(t)
  const path = join(folder, 'wattkeep.yaml')
  writeFileSync(
    path,
    `concentrator: DCU/1
utcOffset: eight
archive: [archive.yaml]
tasks: [nowhere.yaml]
links:
  - { id: bus1, driver: rs485, url: "serial:" }
  - { id: bus2, driver: pigeons, url: "tcp://127.0.0.1:1" }
masters: [{ id: hq, keys: [], brokers: ["http://x"] }]
colour: blue
`,
  )
  writeFileSync(join(folder, 'archive.yaml'), "meters: [{ id: m1, address: '1', protocol: smoke, link: bus9, profile: none }]\n")
  const daemon = new DaemonProcess(path)
  t.match(await daemon.ended, { code: 2 })
  const said = daemon.said.trim().split('\n')
  for (const at of ['concentrator', 'utcOffset', 'nowhere.yaml', 'links', 'pigeons', 'masters', 'colour', 'archive.yaml']) {
    t.ok(
      said.some((line) => line.includes(at)),
      at,
    )
  }
  t.ok(said.length >= 8, `${said.length} problems: ${daemon.said}`)
  t.strictSame(daemon.lines, [], 'nothing was begun')
  t.notOk(existsSync(join(folder, 'wattkeep.db')))
  t.match(await new DaemonProcess(null).ended, { code: 2 }, 'no settings at all')
})

/** What a power cut, a full disk or a bad flash page leaves of a database that was in use. */
const damages: Readonly<Record<string, (folder: string) => void>> = {
  'nothing is wrong': () => undefined,
  'an empty database': (folder) => truncateSync(join(folder, 'wattkeep.db'), 0),
  'half a database': (folder) => cut(join(folder, 'wattkeep.db'), 0.5),
  'half a log': (folder) => cut(join(folder, 'wattkeep.db-wal'), 0.5),
  'an empty log': (folder) => truncateSync(join(folder, 'wattkeep.db-wal'), 0),
  'an index of nothing': (folder) => writeFileSync(join(folder, 'wattkeep.db-shm'), Buffer.alloc(32_768, 0x5a)),
  'a flipped page in the middle': (folder) => flip(join(folder, 'wattkeep.db'), 0.4),
  'a flipped page in the log': (folder) => flip(join(folder, 'wattkeep.db-wal'), 0.3),
  'no database at all': (folder) => rmSync(join(folder, 'wattkeep.db')),
}

await t.test(
  'lessons 6, 23: whatever is left of the files, the daemon starts and believes no money it cannot prove',
  async (t) => {
    const world = new FieldWorld({ buses: 1, meters: 3, seed: 8, baud: 9600, terminals: false, tasks: quickTasks(2) })
    t.teardown(() => world.close())
    await world.open()
    world.startDaemon()
    await world.ready()
    t.match(await world.order(openAccount), { stage: 'done' })
    // Readings wait for company; what is paid takes them along.
    for (let purchase = 1; world.marks().curve < 6; purchase++) t.match(await world.order(pay(purchase)), { stage: 'done' })
    await world.killDaemon()
    t.ok(existsSync(join(world.folder, 'console.sock')), 'the socket of a killed process stays as well')
    const kept = mkdtempSync(join(tmpdir(), 'wattkeep-kept-'))
    t.teardown(() => rmSync(kept, { recursive: true, force: true }))
    copyFiles(world.folder, kept)
    const [copy] = accounts(world.station.archive)
    for (const [name, damage] of Object.entries(damages)) {
      copyFiles(kept, world.folder)
      damage(world.folder)
      await judge(t, world, name)
    }
    t.match(accounts(world.station.archive), [{ ...copy, chain: 'ok' }], 'the master’s copy stands as it was')
    t.strictSame(world.station.archive.all("SELECT * FROM alarm WHERE code IN ('ledger-differs', 'poison')"), [])
  },
)

/** A start on damaged files: ready, at work, and with money only as far as it can be proven. */
async function judge(t: Test, world: FieldWorld, name: string): Promise<void> {
  const { archive } = world.station
  const epochBefore = archive.epochOf(siteConcentrator)
  const daemon = world.startDaemon()
  const line = await Promise.race([daemon.ready(), late(readyMsMax)])
  t.ok(line, `${name}: ready`)
  const read = { kind: 'read-now', meter: meterId('m1-001'), registers: ['0001FF00'] } as const
  t.match(await world.order(read), { stage: 'done' }, `${name}: it reads meters and speaks with its master`)
  t.match(await daemon.stop(), { code: 0 }, `${name}: a clean stop`)
  t.strictSame(daemon.errors, [], `${name}: no complaint`)
  const held = await readHeld(world.copyDatabase(), world.config, [account])
  const own = (held.ledgers.get(account) ?? []).map(({ hash }) => hash)
  const theirs = archive.all<{ hash: string }>('SELECT hash FROM entry ORDER BY number').map(({ hash }) => hash)
  t.strictSame(own, theirs.slice(0, own.length), `${name}: what it has is the beginning of what the master has`)
  if (name === 'nothing is wrong' || name === 'an index of nothing') t.equal(own.length, theirs.length, `${name}: all of it`)
  const isShort = own.length < theirs.length
  if (isShort) t.not(archive.epochOf(siteConcentrator), epochBefore, `${name}: numbers begin anew`)
  if (isShort && own.length > 0) t.notOk(held.moneySafe, `${name}: no account is believed before the master agrees`)
  t.comment(
    `${name}: ${own.length} of ${theirs.length} entries, money safe at start ${String(line?.['moneySafe'])}, then ${held.moneySafe}`,
  )
}

/** The database and what belongs to it, in place of what is there. */
function copyFiles(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(to)) if (name.startsWith('wattkeep.db')) rmSync(join(to, name))
  for (const name of readdirSync(from)) if (name.startsWith('wattkeep.db')) copyFileSync(join(from, name), join(to, name))
}

function cut(path: string, share: number): void {
  truncateSync(path, Math.floor(readFileSync(path).length * share))
}

/** A page full of something else. */
function flip(path: string, at: number): void {
  const bytes = readFileSync(path)
  const start = Math.floor((bytes.length * at) / 4096) * 4096
  writeFileSync(path, bytes.fill(0xa5, start, start + 4096))
}

function late(ms: number): Promise<null> {
  return new Promise((resolve) => setTimeout(() => resolve(null), ms).unref())
}
