import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { daemonCommand } from '../../src/runtime/daemon-command.js'
import { loadSettings } from '../../src/settings/index.js'
import { projectRoot } from '../helpers/root.js'
import { settingsChecks } from '../helpers/settings-checks.js'

const root = projectRoot()
const analyze = spawnSync('systemd-analyze', ['--version']).error === undefined
const needsAnalyze = { skip: !analyze && 'systemd-analyze is not installed' }

function install(...options: string[]): string {
  return execFileSync(join(root, 'scripts/install'), options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
}

function verify(unit: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' })
  return { status, text: stdout + stderr }
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

await t.test('the unit is one that systemd understands', needsAnalyze, async (t) => {
  t.same(verify(join(root, 'systemd/wattkeep.service')), { status: 0, text: '' })
  const unit = readFileSync(join(root, 'systemd/wattkeep.service'), 'utf8')
  t.match(unit, /^Type=notify$/m)
  t.match(unit, /^NotifyAccess=all$/m)
  t.match(unit, /^WatchdogSec=\d+$/m)
})

await t.test('the unit starts the daemon as everything else does', async (t) => {
  const unit = readFileSync(join(root, 'systemd/wattkeep.service'), 'utf8')
  const flags = /^ExecStart=\/usr\/bin\/env node (.*) \/opt\/wattkeep\/dist\/src\/main\.js --config \S+$/m.exec(unit)?.[1]
  t.same(flags?.split(' '), daemonCommand.flags)
  const environment = /^Environment=(.*)$/m.exec(unit)?.[1]
  t.same(
    environment?.split(' '),
    Object.entries(daemonCommand.env).map(([name, value]) => `${name}=${value}`),
  )
  const known = spawnSync(process.execPath, [...daemonCommand.flags, '-e', ''], { encoding: 'utf8' })
  t.match(known, { status: 0, stdout: '' }, 'this Node knows every option')
})

// What MemoryDenyWriteExecute asks of the kernel (PR_SET_MDWE, Linux 6.3), then the command.
const withoutWritableCode = `
import ctypes, os, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0: sys.exit(77)
os.execvp(sys.argv[1], sys.argv[1:])`

await t.test('where memory that is written and run is forbidden, the daemon’s code and native modules load', async (t) => {
  const load = `
    new (require('better-sqlite3'))(':memory:').prepare('SELECT 1').get()
    require('@serialport/bindings-cpp')
    import('${new URL('../../src/runtime/daemon.js', import.meta.url).href}').then(() => console.log('loaded'))`
  const run = (flags: readonly string[]) =>
    spawnSync('python3', ['-c', withoutWritableCode, process.execPath, ...flags, '-e', load], { encoding: 'utf8', cwd: root })
  const denied = run([])
  if (denied.status === 77) {
    t.pass('MemoryDenyWriteExecute', { skip: 'this kernel cannot forbid it to a single process' })
    return
  }
  t.not(denied.status, 0, 'with a compiler it fails: the ban is in force')
  t.match(run(daemonCommand.flags), { status: 0, stdout: 'loaded\n' })
})

await t.test('a dry run changes nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-install-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  t.match(install('--dry-run', '--destdir', folder), /would run: install -D -m 0600 config\/secrets\.example\.yaml/)
  t.same(readdirSync(folder), [])
})

await t.test('what is installed is whole, runs by itself, and a second run keeps the site', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-install-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const etc = join(folder, 'etc/wattkeep')
  install('--destdir', folder)
  const program = join(folder, 'opt/wattkeep')
  t.equal(modeOf(join(etc, 'secrets.yaml')), '600')
  t.equal(modeOf(join(etc, 'wattkeep.yaml')), '640')
  t.equal(readlinkSync(join(folder, 'usr/local/bin/wattkeep')), '/opt/wattkeep/dist/src/cli.js')
  for (const name of ['typescript', 'tap', 'aedes', 'better-sqlite3/deps'])
    t.notOk(existsSync(join(program, 'node_modules', name)), name)
  t.notOk(existsSync(join(program, 'dist/tests')))

  const settings = loadSettings(join(etc, 'wattkeep.yaml'), settingsChecks)
  t.same(settings.ok ? [] : settings.error, [], 'the installed settings are right as they are')
  const frame = ['frame', '--json', '68AAAAAAAAAAAA681300DF16']
  const shown = execFileSync(process.execPath, [join(program, 'dist/src/cli.js'), ...frame], { encoding: 'utf8', cwd: folder })
  t.match(JSON.parse(shown), { ok: true, protocol: 'dlt645-2007', control: '13' })
  const unit = readFileSync(join(folder, 'etc/systemd/system/wattkeep.service'), 'utf8')
  const command = [process.execPath, ...daemonCommand.flags, '/opt/wattkeep/dist/src/main.js'].join(' ')
  t.match(unit, `\nExecStart=${command} --config /etc/wattkeep/wattkeep.yaml\n`)
  if (analyze) t.same(verify(join(folder, 'etc/systemd/system/wattkeep.service')), { status: 0, text: '' })

  appendFileSync(join(etc, 'wattkeep.yaml'), '# our own words\n')
  const second = install('--destdir', folder)
  t.match(second, /keeps \/etc\/wattkeep\/wattkeep\.yaml/)
  t.match(readFileSync(join(etc, 'wattkeep.yaml'), 'utf8'), /our own words/)
  t.same(readdirSync(join(folder, 'opt')), ['wattkeep'], 'nothing of the exchange is left')
})

await t.test('another place for the program stands in the unit and the command', async (t) => {
  const shown = install('--dry-run', '--destdir', '/nowhere', '--prefix', '/usr/lib/wattkeep')
  t.match(shown, /ln -sfn \/usr\/lib\/wattkeep\/dist\/src\/cli\.js/)
  t.match(shown, /ExecStart=\S+\/node\\ /)
  t.match(shown, /\/opt\/wattkeep\/\\\|\\ \/usr\/lib\/wattkeep\//)
  t.equal(spawnSync(join(root, 'scripts/install'), ['--prefix', 'relative'], { encoding: 'utf8' }).status, 1)
  t.equal(spawnSync(join(root, 'scripts/install'), ['--surprise'], { encoding: 'utf8' }).status, 2)
})
