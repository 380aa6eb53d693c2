import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { projectRoot } from '../helpers/root.js'

const setup = join(projectRoot(), 'scripts/setup')

/** Runs the set-up on a machine that has nothing but a shell and these programs; texts are scripts. */
function onMachineWith(folder: string, programs: Readonly<Record<string, string>>, ...options: string[]) {
  const bin = join(folder, 'bin')
  mkdirSync(bin, { recursive: true })
  for (const name of ['bash', 'dirname', 'cat', 'env']) symlinkSync(programPath(name), join(bin, name))
  for (const [name, text] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/usr/bin/env bash\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const { status, stderr } = spawnSync('bash', [setup, ...options], { encoding: 'utf8', env: { PATH: bin } })
  return { status, sentence: stderr.trim() }
}

function programPath(name: string): string {
  return spawnSync('bash', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim()
}

await t.test('what a machine lacks is told in one sentence', async (t) => {
  t.match(onMachineWith(t.testdir(), {}), {
    status: 1,
    sentence: /^set-up failed: node is missing\. Install Node\.js 20\.19 or later/,
  })
  const old = { node: 'if [ "$1" = --version ]; then echo v18.20.0; else exit 1; fi' }
  t.match(onMachineWith(t.testdir(), old), {
    status: 1,
    sentence: 'set-up failed: Node.js 20.19 or later is needed, this is v18.20.0.',
  })
  t.match(onMachineWith(t.testdir(), { node: 'exit 0' }), { status: 1, sentence: /^set-up failed: npm is missing/ })
  const withNpm = { node: 'exit 0', npm: 'exit 0', mosquitto: 'exit 0' }
  t.match(onMachineWith(t.testdir(), withNpm, '--tests'), {
    status: 1,
    sentence: /^set-up failed: running the tests needs (mosquitto )?socat python3, and this machine has no apt-get\./,
  })
  const notRoot = { ...withNpm, 'apt-get': 'exit 1', id: 'echo 1000' }
  t.match(onMachineWith(t.testdir(), notRoot, '--tests'), {
    status: 1,
    sentence: /Run this once as root, or: sudo apt-get install --no-install-recommends .*socat python3$/,
  })
  t.match(onMachineWith(t.testdir(), {}, '--surprise'), { status: 2, sentence: /^usage: / })
})
