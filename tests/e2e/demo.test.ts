import t from 'tap'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** A limit against hanging: the story takes about a minute, longer on a machine with other work. */
t.setTimeout(240_000)

const program = fileURLToPath(new URL('../../scripts/demo-story/main.js', import.meta.url))

async function run(
  words: readonly string[],
): Promise<{ readonly status: number | null; readonly out: string; readonly err: string }> {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (bytes: Buffer) => (out += bytes.toString()))
  child.stderr.on('data', (bytes: Buffer) => (err += bytes.toString()))
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, out, err }
}

await t.test('the demonstration tells the whole story and proves it', async (t) => {
  const { status, out, err } = await run(['--for', '1'])
  t.equal(status, 0, err)
  const chapters = [
    '40 of 40 meters are read',
    'warned (alarm 1)',
    'warned again (alarm 2)',
    'cut, and read back as open',
    'pays 2.00 yuan',
  ]
  for (const chapter of [...chapters, 'presses the button', 'network is taken away', 'backlog has arrived']) t.match(out, chapter)
  t.equal(out.split('\n').filter((line) => line.includes('  yes  ')).length, 3, 'delivery, ledger and relay are proved')
  t.notMatch(out, '  NO   ')
})

await t.test('a wrong command line is told', async (t) => {
  const { status, err } = await run(['--for', 'ever'])
  t.equal(status, 2)
  t.match(err, '--for: expected 0 to 86400 seconds')
})
