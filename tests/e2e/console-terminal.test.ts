import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { readKey } from '../../src/control/key-file.js'
import { projectRoot } from '../helpers/root.js'

const program = fileURLToPath(new URL('../../src/cli.js', import.meta.url))
const terminal = join(projectRoot(), 'tests/helpers/terminal.py')
const pin = '5-crocus-snow'

/** Runs the command on a terminal; each answer is typed at its question. */
function onTerminal(answers: readonly string[], args: readonly string[]) {
  const env = { ...process.env, WATTKEEP_PIN: '' }
  const all = [terminal, ...answers, '--', process.execPath, program, ...args]
  const { stdout, status } = spawnSync('python3', all, { encoding: 'utf8', env })
  return { shown: stdout, status }
}

await t.test('a PIN typed at a terminal is not shown there', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wattkeep-terminal-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'key.pem')
  const made = onTerminal(['PIN of the new key', `${pin}\\r`, 'again: ', `${pin}\\r`], ['key', 'new', '--out', file])
  t.equal(made.status, 0)
  t.match(made.shown, /publicKey: /)
  t.notMatch(made.shown, pin)
  t.match(readKey(readFileSync(file, 'utf8'), pin), { ok: true })

  const order = ['order', 'disconnect', 'm1', '--key', file, '--socket', join(folder, 'none.sock')]
  const unlocked = onTerminal([`PIN of ${file}`, `${pin}\\r`], order)
  t.match(unlocked, { status: 3, shown: /there is no such socket/ }, 'the key opened; only the daemon is missing')
  t.notMatch(unlocked.shown, pin)
  t.match(onTerminal([`PIN of ${file}`, 'nonsense\\r'], order), { status: 2, shown: /the PIN does not open the key/ })
  t.match(onTerminal([`PIN of ${file}`, '\\x03'], order), { status: 2, shown: /no PIN was typed/ })
  const differing = onTerminal(
    ['PIN of the new key', `${pin}\\r`, 'again: ', 'something-else\\r'],
    ['key', 'new', '--out', `${file}.2`],
  )
  t.match(differing, { status: 2, shown: /the two differ/ })
  t.notOk(existsSync(`${file}.2`))
})
